// A card that changed only in words and attributes is patched in place before htmx sees it: live values nearly always are, and a
// morph of the whole card costs ten times as much. Anything else (other elements, forms, charts) is left to htmx.
const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
const LEFT_TO_HTMX = 'input, textarea, select, iframe, details, dialog, [data-plot]';
const mold = document.createElement('template');

function pairs(old, fresh, found) {
  if (old.nodeType !== fresh.nodeType) return false;
  if (old.nodeType !== Node.ELEMENT_NODE) { if (old.data !== fresh.data) found.push([old, fresh]); return true; }
  if (old.tagName !== fresh.tagName || old.id !== fresh.id || old.childNodes.length !== fresh.childNodes.length) return false;
  // The words of a time are the script's as long as the time is the same.
  if (old.tagName === 'TIME' && old.dateTime === fresh.dateTime) return true;
  found.push([old, fresh]);
  for (let a = old.firstChild, b = fresh.firstChild; a; a = a.nextSibling, b = b.nextSibling) if (!pairs(a, b, found)) return false;
  return true;
}

function apply([old, fresh]) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.data = fresh.data;
    const value = old.parentElement;
    if (!still && value.hasAttribute('data-live')) { value.classList.remove('tick'); void value.offsetWidth; value.classList.add('tick'); }
    return;
  }
  for (const { name, value } of fresh.attributes) {
    if (name === 'hx-swap-oob' || old.getAttribute(name) === value || (name === 'aria-pressed' && old.hasAttribute('data-range'))) continue;
    old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && name !== 'style' && name !== 'data-beat') old.removeAttribute(name);
}

function patch(fresh) {
  const old = document.getElementById(fresh.id), found = [];
  if (!old || fresh.querySelector(LEFT_TO_HTMX) || !pairs(old, fresh, found)) return false;
  const beats = !still && fresh.dataset.state === 'live' && old.dataset.at !== fresh.dataset.at;
  found.forEach(apply);
  if (beats) {
    const mark = old.querySelector('.live-mark');
    if (mark) { mark.removeAttribute('data-beat'); requestAnimationFrame(() => mark.setAttribute('data-beat', '')); }
  }
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
