// What a swap must not touch: an opened list, a chart that draws itself, the focus. And what it may show: a changed value.
const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
const PERSONS = new Set(['open']);

function changed(element, cls, attribute) {
  if (calm) return;
  requestAnimationFrame(() => {
    if (attribute) { element.removeAttribute(cls); void element.offsetWidth; element.setAttribute(cls, ''); return; }
    element.classList.remove(cls); void element.offsetWidth; element.classList.add(cls);
  });
}

// A chart draws itself: it is given its new points.
function replot(old, fresh) {
  const data = fresh.querySelector('script[type="application/json"]')?.textContent;
  const holder = old.querySelector('script[type="application/json"]');
  const label = fresh.getAttribute('aria-label');
  if (label !== null) old.setAttribute('aria-label', label);
  if (holder && data !== undefined && holder.textContent !== data) {
    holder.textContent = data;
    old.dispatchEvent(new CustomEvent('glance:data', { bubbles: true }));
  }
}

document.addEventListener('glance:replot', event => replot(event.target, event.detail));

htmx.registerExtension('keep', {
  htmx_before_morph_node(old, { newNode }) {
    // What an update leaves out to stay small: `data-keep` stands in its place.
    if (newNode.matches?.('[data-keep]')) return false;
    if (old.matches('[data-plot]')) {
      if (newNode.matches?.('[data-plot]')) { replot(old, newNode); return false; }
      // words take its place: what it drew must not stay below them
      old.dispatchEvent(new CustomEvent('glance:unplot', { bubbles: true }));
    }
    if (old.matches('[data-live]') && old.textContent !== newNode.textContent) changed(old, 'tick');
    if (old.matches('.w[data-state="live"]') && old.dataset.at !== newNode.dataset.at) {
      const mark = old.querySelector('.live-mark');
      if (mark) changed(mark, 'data-beat', true);
    }
    return true;
  },
  htmx_before_morph_attr(element, { attrName }) {
    // `open` of details and dialog belongs to the person once the page stands.
    if (attrName === 'aria-pressed' && element.matches('[data-range]')) return false;
    return !(PERSONS.has(attrName) && element.matches('details, dialog'));
  },
});

// The button that shows the age is another one than the badge of a stale card (so that nothing seems to move): the focus follows.
let focused = null;
document.addEventListener('focusin', event => {
  const button = event.target.closest('.w-age, .w-note button, .blank button');
  focused = button ? button.closest('.w')?.id : null;
});
document.addEventListener('htmx:after:swap', () => {
  if (focused && document.activeElement === document.body) document.getElementById(focused)?.querySelector('button.w-age')?.focus({ preventScroll: true });
});
