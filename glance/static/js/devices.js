// Keeps a page of devices up to date: asks every two seconds, while somebody looks, for the parts that changed. Search as one types; Visualize as a dialog.
const EVERY_MS = 2000, TYPING_MS = 200, LOST_AFTER = 3, LINES_EVERY_MS = 300000;
const main = document.querySelector('main[data-parts]'), asker = document.getElementById('asker');
const form = document.querySelector('[data-devices]'), banner = document.querySelector('[data-lost]');
let waiting = 0, running = false, again = false, failed = 0, lines = Date.now();

function address() {
  const url = new URL(main.dataset.parts, location.href);
  if (form) for (const [name, value] of new FormData(form)) url.searchParams.set(name, value);
  if (form && new URLSearchParams(location.search).has('all')) url.searchParams.set('all', '1');
  return url.pathname + url.search;
}

function ask() {
  clearTimeout(waiting);
  if (document.hidden) return;
  if (running) { again = true; return; }
  asker.dispatchEvent(new Event('glance:ask'));
  // On a slow computer a long page may not have come to life yet, and nothing was asked.
  waiting = setTimeout(() => { if (!running) ask(); }, EVERY_MS);
}

function next(delay_ms = EVERY_MS) {
  clearTimeout(waiting);
  waiting = setTimeout(ask, delay_ms);
}

// What the page has travels as a header: it would be long for an address.
document.addEventListener('htmx:config:request', event => {
  const { ctx } = event.detail;
  if (ctx.sourceElement !== asker) return;
  running = true;
  ctx.request.action = address();
  // The small lines change slowly: they come every few minutes, with everything else.
  if (Date.now() - lines > LINES_EVERY_MS) {
    lines = Date.now();
    ctx.request.headers['Glance-Lines'] = '1';
    return;
  }
  ctx.request.headers['Glance-Have'] = [...main.querySelectorAll('[data-v][id]')].map(part => `${part.id}:${part.dataset.v}`).join();
});
document.addEventListener('htmx:after:request', event => {
  const { ctx } = event.detail;
  if (ctx.sourceElement !== asker) return;
  if (ctx.response.status === 401 || ctx.response.status === 404) { location.reload(); return; }
  failed = ctx.response.status < 500 ? 0 : failed + 1;
});
document.addEventListener('htmx:error', event => { if (event.detail.ctx?.sourceElement === asker) failed += 1; });
document.addEventListener('htmx:finally:request', event => {
  if (event.detail.ctx?.sourceElement !== asker) return;
  running = false;
  banner.hidden = failed < LOST_AFTER;
  next(again ? 0 : undefined);
  again = false;
});
document.addEventListener('visibilitychange', () => { if (!document.hidden) ask(); });
// The search is kept in the address, so that a reload shows the same.
form?.addEventListener('input', () => {
  const query = new URLSearchParams(new FormData(form));
  history.replaceState(null, '', `${location.pathname}?${query}`);
  clearTimeout(waiting);
  waiting = setTimeout(ask, TYPING_MS);
});

document.addEventListener('click', async event => {
  const link = event.target.closest('a[data-viz]'), dialog = document.getElementById('dlg-viz');
  if (!link || !dialog || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  try {
    const answer = await fetch(link.href + '&part=dialog', { headers: { 'HX-Request': 'true' } });
    if (!answer.ok) throw new Error('no form');
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
    dialog.replaceChildren(...[...fresh.body.childNodes].map(node => document.adoptNode(node)));
    dialog.showModal();
    dialog.addEventListener('close', () => link.focus(), { once: true });
  } catch {
    location.assign(link.href);
  }
});

if (main && asker) next();
