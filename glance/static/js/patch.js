// A card that changed only in words and attributes is patched in place before htmx sees it: live values nearly always are, and a
// morph of the whole card costs ten times as much. Anything else (other elements, forms) is left to htmx.
const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
const LEFT_TO_HTMX = 'input, textarea, select, iframe, details, dialog';
const mold = document.createElement('template');

function pairs(old, fresh, found) {
  if (old.nodeType !== fresh.nodeType) return false;
  if (old.nodeType !== Node.ELEMENT_NODE) { if (old.data !== fresh.data) found.push([old, fresh]); return true; }
  if (old.tagName !== fresh.tagName || old.id !== fresh.id) return false;
  if (old.hasAttribute('data-plot')) { found.push([old, fresh]); return fresh.hasAttribute('data-plot'); }
  if (old.childNodes.length !== fresh.childNodes.length) return false;
  // The words of a time are the script's as long as the time is the same.
  if (old.tagName === 'TIME' && old.dateTime === fresh.dateTime) return true;
  found.push([old, fresh]);
  for (let a = old.firstChild, b = fresh.firstChild; a; a = a.nextSibling, b = b.nextSibling) if (!pairs(a, b, found)) return false;
  return true;
}

// What flashes or beats does so to its end before it may again; a page full of fast values beats here and there, not everywhere.
const BEAT_EVERY_MS = 3000, BEATS = 6;
const beaten = new WeakMap();
let second = 0, beats = 0;
function beat(card) {
  const mark = card.querySelector('.live-mark'), now = performance.now();
  if (still || !mark || now - (beaten.get(card) ?? -BEAT_EVERY_MS) < BEAT_EVERY_MS) return;
  if (now - second > 1000) { second = now; beats = 0; }
  if (beats++ >= BEATS) return;
  beaten.set(card, now);
  mark.setAttribute('data-beat', '');
}
function over({ animationName, target }) {
  if (animationName === 'beat') target.removeAttribute('data-beat');
  if (animationName === 'tick') target.classList.remove('tick');
}
document.addEventListener('animationend', over);
document.addEventListener('animationcancel', over);

function word(text, words) {
  text.data = words;
  if (!still && text.parentElement.hasAttribute('data-live')) text.parentElement.classList.add('tick');
}

function apply([old, fresh]) {
  if (old.nodeType !== Node.ELEMENT_NODE) { word(old, fresh.data); return; }
  if (old.hasAttribute('data-plot')) { old.dispatchEvent(new CustomEvent('glance:replot', { bubbles: true, detail: fresh })); return; }
  for (const { name, value } of fresh.attributes) {
    if (name === 'hx-swap-oob' || name === 'data-tail' || old.getAttribute(name) === value || (name === 'aria-pressed' && old.hasAttribute('data-range'))) continue;
    old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && name !== 'style' && name !== 'data-beat') old.removeAttribute(name);
}

function after(card, moved) {
  card.dispatchEvent(new Event('glance:patched', { bubbles: true }));
  if (moved) beat(card);
}

// A live card as changes of numbered places: `places` of them there must be, or the card is another one than the server thinks.
const drawn = new WeakMap();
function placesOf(card) {
  const known = drawn.get(card);
  if (known?.v === card.dataset.v) return known;
  const nodes = [], walker = document.createTreeWalker(card, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  do nodes.push(walker.currentNode); while (walker.nextNode());
  const made = { v: card.dataset.v, nodes };
  drawn.set(card, made);
  return made;
}

function change(card, [from, to, places, changes]) {
  if (card.dataset.v !== from) return false;
  const at = card.dataset.at;
  let { nodes } = placesOf(card);
  // a script has put other words or elements in their places since
  if (changes.some(([place]) => !nodes[place]?.isConnected)) { drawn.delete(card); ({ nodes } = placesOf(card)); }
  // These words are the script's own, made of the time beside them.
  const ours = text => text.parentNode?.closest('time')?.matches('[data-ago], [data-when], .w-age *');
  if (nodes.length !== places) return false;
  for (const [place, fresh] of changes) {
    const node = nodes[place];
    if (typeof fresh === 'string') { if (!ours(node)) word(node, fresh); continue; }
    for (const name in fresh) if (fresh[name] === null) node.removeAttribute(name); else node.setAttribute(name, fresh[name]);
  }
  drawn.set(card, { v: to, nodes });
  after(card, at !== card.dataset.at);
  return true;
}

document.addEventListener('glance:changes', ({ detail: { cards, whole } }) => {
  for (const [id, told] of Object.entries(cards)) {
    const card = document.getElementById('w-' + id);
    if (card && !change(card, told)) whole(id);
  }
});

function patch(fresh) {
  const old = document.getElementById(fresh.id), found = [];
  if (!old || fresh.querySelector(LEFT_TO_HTMX) || !pairs(old, fresh, found)) return false;
  const moved = fresh.dataset.state === 'live' && old.dataset.at !== fresh.dataset.at;
  found.forEach(apply);
  // Its legend and points are as old as the drawing: the newest ones come along, and no frame is painted in between.
  if (fresh.dataset.tail) old.querySelector('[data-plot]')?.dispatchEvent(new CustomEvent('glance:tail', { bubbles: true, detail: { points: JSON.parse(fresh.dataset.tail), drawn: true } }));
  after(old, moved);
  return true;
}

document.addEventListener('htmx:ws:before:message:incoming', event => {
  const message = event.detail.message;
  if (typeof message.data !== 'string' || message.data[0] !== '<') return;
  mold.innerHTML = message.data;
  const left = [...mold.content.children].filter(card => !(card.matches('article.w') && patch(card)));
  if (left.length < mold.content.childElementCount) {
    if (left.length) message.data = left.map(card => card.outerHTML).join('\n');
    else event.detail.cancelled = true;
  }
  mold.innerHTML = '';
});
