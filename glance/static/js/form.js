// Saves round trips on the plain forms: the same buttons and fields work without it.
const DELAY_MS = 350;
let waiting = 0, running = null;

async function send(form, submitter, extra) {
  const body = new FormData(form, submitter);
  for (const [name, value] of Object.entries(extra ?? {})) body.set(name, value);
  running?.abort();
  running = new AbortController();
  const answer = await fetch(form.action, { method: 'POST', body: new URLSearchParams(body), signal: running.signal });
  if (answer.redirected) { location.assign(answer.url); return null; }
  const type = answer.headers.get('Content-Type') ?? '';
  if (!type.startsWith('text/html')) throw new Error('no page');
  return new DOMParser().parseFromString(await answer.text(), 'text/html');
}

// Where the reader is: the field with the focus, its cursor, and what is folded open.
function remember() {
  const on = document.activeElement;
  return {
    id: on?.id, name: on?.name, value: on?.tagName === 'BUTTON' ? on.value : null, start: on?.selectionStart, end: on?.selectionEnd,
    open: [...document.querySelectorAll('main details')].map(one => one.open),
  };
}

function restore(kept, page) {
  document.querySelectorAll('main details').forEach((one, i) => { if (kept.open[i]) one.open = true; });
  const first = document.querySelector('main [autofocus]') ?? document.querySelector('#summary') ?? document.querySelector('#stale');
  const same = (kept.id && document.getElementById(kept.id))
    || [...document.querySelectorAll('main [name]')].find(one => one.name === kept.name && (kept.value === null || one.value === kept.value));
  const target = first ?? same ?? (page ? document.querySelector('#side [role="status"]')?.closest('section') : null);
  if (!target) return;
  target.focus({ preventScroll: !first });
  if (!first && kept.start != null && target.setSelectionRange) try { target.setSelectionRange(kept.start, kept.end); } catch { /* not a text field */ }
}

async function work(form, submitter) {
  clearTimeout(waiting);
  form.setAttribute('aria-busy', 'true');
  try {
    const page = await send(form, submitter);
    if (!page) return;
    const fresh = page.querySelector('main');
    if (!fresh) throw new Error('no form');
    const kept = remember(), at = scrollY;
    document.querySelector('main').replaceWith(document.adoptNode(fresh));
    ready(document.querySelector('main'));
    scrollTo(0, at);
    restore(kept, true);
    document.dispatchEvent(new Event('htmx:after:swap'));
  } catch (error) {
    form.removeAttribute('aria-busy');
    if (error.name !== 'AbortError') form.requestSubmit(submitter);
  }
}

// The preview beside the form follows what is typed; nothing else of the page moves.
function preview(form) {
  clearTimeout(waiting);
  waiting = setTimeout(async () => {
    try {
      const page = await send(form, null, { do: 'preview' });
      for (const id of ['side', 'cron-h']) {
        const fresh = page?.getElementById(id), old = document.getElementById(id);
        if (fresh && old && fresh.outerHTML !== old.outerHTML && !old.contains(document.activeElement)) old.replaceWith(document.adoptNode(fresh));
      }
      document.dispatchEvent(new Event('htmx:after:swap'));
    } catch { /* the next key tries again */ }
  }, DELAY_MS);
}

function size(form) {
  const grid = form.querySelector('[data-mini]'), on = grid?.querySelector('.on');
  const w = Math.min(12, +form.elements.w?.value || 0), h = +form.elements.h?.value || 0;
  if (!on || w < 1 || h < 1) return;
  on.setAttribute('width', 14 * w - 2);
  on.setAttribute('height', 16 * Math.min(5, h) - 3);
  grid.setAttribute('aria-label', `${w} of 12 columns, ${h} rows`);
}

function ready(root) {
  for (const button of root.querySelectorAll('[data-after]')) button.hidden = true;
}

document.addEventListener('submit', event => {
  const form = event.target, by = event.submitter;
  if (!form.matches('[data-live-form]') || by?.name !== 'do' || by.value === 'save' || form.getAttribute('aria-busy')) return;
  event.preventDefault();
  work(form, by);
});
document.addEventListener('input', event => {
  const form = event.target.closest('[data-live-form]');
  if (!form) return;
  const radio = event.target.dataset.picks && document.getElementById(event.target.dataset.picks);
  if (radio) radio.checked = true;
  size(form);
  preview(form);
});
document.addEventListener('change', event => {
  const button = event.target.id && document.querySelector(`[data-after="${CSS.escape(event.target.id)}"]`);
  if (button) work(button.form, button);
});

// The gallery's search: hide what does not match; without script the form asks the server.
const search = document.querySelector('[data-filter] [name="q"]');
search?.addEventListener('input', () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const group of document.querySelectorAll('[data-group]')) {
    let here = 0;
    for (const tile of group.querySelectorAll('[data-find]')) {
      tile.hidden = !words.every(word => tile.dataset.find.includes(word));
      here += tile.hidden ? 0 : 1;
    }
    group.hidden = here === 0;
    group.querySelector('h2 span').textContent = here;
    shown += here;
  }
  document.querySelector('[data-none]').hidden = shown > 0;
});

ready(document);
document.querySelector('#summary, #stale')?.focus();
