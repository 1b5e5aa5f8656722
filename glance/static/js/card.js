// What a card's head offers: refresh at once, the menu, the explanation, removing; and forms inside cards.
const home = document.documentElement.dataset.root ?? '';
const menu = document.getElementById('w-menu');
let menuFor = null;

const cookie = name => document.cookie.split('; ').find(part => part.startsWith(name + '='))?.slice(name.length + 1) ?? '';
const cardOf = element => element.closest('.w');
const idOf = card => card.id.slice(2);

document.addEventListener('htmx:config:request', event => {
  const { request } = event.detail.ctx;
  if (request.method !== 'GET') request.headers['X-CSRF-Token'] = cookie('glance_csrf');
});

// The arrow turns at once; the answer, or the failure of the request itself, puts the true state back.
document.addEventListener('htmx:before:request', event => {
  const button = event.target.closest?.('[data-refresh]'), card = button && cardOf(button);
  if (!card || card.dataset.state === 'refreshing') return;
  card.dataset.was = card.dataset.state;
  if (card.dataset.state !== 'loading') card.dataset.state = 'refreshing';
  card.setAttribute('aria-busy', 'true');
});
function settle(event) {
  const card = event.target.closest?.('.w');
  if (!card?.dataset.was) return;
  if (card.dataset.state === 'refreshing') { card.dataset.state = card.dataset.was; card.removeAttribute('aria-busy'); }
  delete card.dataset.was;
}
document.addEventListener('htmx:error', settle);
document.addEventListener('htmx:response:error', settle);
document.addEventListener('htmx:finally:request', event => setTimeout(settle, 50, event));

function place(pop, anchor) {
  const from = anchor.getBoundingClientRect(), size = pop.getBoundingClientRect();
  pop.style.left = Math.max(8, Math.min(innerWidth - size.width - 8, from.right - size.width)) + 'px';
  pop.style.top = (from.bottom + 6 + size.height > innerHeight ? Math.max(8, from.top - size.height - 6) : from.bottom + 6) + 'px';
}

// What cannot be taken back is asked once more, by the item itself.
function asked(item, word) {
  item.dataset.asked = word;
  item.lastElementChild.textContent = word;
}

function openMenu(link) {
  menuFor = link;
  asked(menu.querySelector('[data-sure]'), 'Remove');
  const card = cardOf(link);
  menu.querySelector('[data-do="settings"]').href = link.href;
  menu.querySelector('[data-do="refresh"]').hidden = !card.querySelector('[data-refresh]');
  menu.showPopover();
  place(menu, link);
  menu.querySelector('.item:not([hidden])').focus();
}

document.addEventListener('click', event => {
  const link = event.target.closest('[data-menu]');
  if (link && menu) {
    event.preventDefault();
    if (menu.matches(':popover-open') && menuFor === link) menu.hidePopover(); else openMenu(link);
    return;
  }
  const closing = event.target.closest('dialog [data-close]');
  if (closing) { event.preventDefault(); closing.closest('dialog').close(); }
});
document.addEventListener('keydown', event => {
  const item = event.target.closest?.('.pop .item'), step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.key === ' ' && event.target.matches?.('[data-menu]')) { event.preventDefault(); event.target.click(); }
  if (!item || !step) return;
  event.preventDefault();
  const items = [...item.closest('.pop').querySelectorAll('.item:not([hidden])')];
  items[(items.indexOf(item) + step + items.length) % items.length].focus();
});

const acts = {
  refresh: card => card.querySelector('[data-refresh]')?.click(),
  async explain(card) {
    await htmx.ajax('GET', `${home}/widgets/${idOf(card)}/explain?part=dialog`, { target: '#dlg-explain', swap: 'outerHTML', source: '#dlg-explain' });
    document.getElementById('dlg-explain')?.showModal();
  },
  async remove(card) {
    const answer = await fetch(`${home}/widgets/${idOf(card)}/remove`, { method: 'POST', headers: { 'X-CSRF-Token': cookie('glance_csrf') } });
    if (answer.ok) document.dispatchEvent(new Event('glance:page')); else say('The widget could not be removed.');
  },
};
menu?.addEventListener('click', event => {
  const item = event.target.closest('[data-do]');
  if (!item) return;
  if (item.dataset.sure && item.dataset.asked !== item.dataset.sure) { asked(item, item.dataset.sure); return; }
  menu.hidePopover();
  menuFor?.focus();
  acts[item.dataset.do]?.(cardOf(menuFor));
});
document.getElementById('conn-pop')?.addEventListener('toggle', event => {
  if (event.newState === 'open') place(event.target, document.querySelector('.conn'));
});

// A form inside a card saves without leaving the page; without script it posts and comes back.
document.addEventListener('submit', event => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== 'post' || !form.closest('.w-body') || form.target) return;
  if (!new URL(form.action).pathname.startsWith(home + '/widgets/') || form.hasAttribute('hx-post')) return;
  event.preventDefault();
  const by = event.submitter, before = new Map([...form.elements].filter(field => 'defaultValue' in field).map(field => [field, field.value]));
  const values = by?.name ? { [by.name]: by.value } : {};
  htmx.ajax('POST', by?.getAttribute('formaction') ?? form.action, { source: form, swap: 'none', values }).then(() => {
    // What was sent is the server's now; what was typed since stays.
    for (const [field, value] of before) if (field.value === value && field.type !== 'hidden') field.value = field.defaultValue;
  });
});

// Whatever the server refused is said once, in its own words, and nothing on the page is replaced by it.
let toastTimer = 0;
function say(text) {
  const toast = document.querySelector('[data-toast]');
  if (!toast) return;
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { toast.hidden = true; }, 8000);
}
document.addEventListener('htmx:response:error', event => {
  const { ctx } = event.detail;
  if (!document.getElementById('live') || ctx.response.status === 401) return;
  ctx.swap = 'none';
  const page = new DOMParser().parseFromString(ctx.text, 'text/html');
  say([page.querySelector('h1'), page.querySelector('main p')].map(e => e?.textContent.trim()).filter(Boolean).join(': ') || 'That did not work.');
  ctx.text = '';
});

// A search field with bangs: "!w heron" goes where data-bangs says, the rest to the form's own address.
document.addEventListener('submit', event => {
  const form = event.target.closest('[data-bangs]');
  const field = form?.querySelector('input[type="search"], input[type="text"], input:not([type])');
  const bang = field?.value.match(/(?:^|\s)!(\S+)/);
  if (!bang) return;
  let bangs;
  try { bangs = JSON.parse(form.dataset.bangs); } catch { return; }
  const address = bangs[bang[1].toLowerCase()];
  if (!address || !/^https?:\/\//.test(address)) return;
  event.preventDefault();
  const query = encodeURIComponent(field.value.replace(bang[0], ' ').trim());
  const target = address.includes('%s') ? address.replace('%s', query) : address + query;
  if (form.target === '_blank') open(target, '_blank', 'noopener'); else location.assign(target);
});
