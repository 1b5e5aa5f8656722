// What the head of every page needs. The chosen one of a row that scrolls sideways is in sight.
function intoSight() {
  for (const chosen of document.querySelectorAll('.tabs [aria-current], .setnav [aria-current]')) {
    const row = chosen.parentElement, over = chosen.getBoundingClientRect().right - row.getBoundingClientRect().right;
    if (over > 0) row.scrollLeft += over + 24;
  }
}
// A script may run before the stylesheet is there.
if (document.readyState === 'complete') intoSight(); else addEventListener('load', intoSight, { once: true });

// The theme button: auto, light, dark. Kept in a cookie, so the server writes it into the page before the first paint.
const NEXT = { auto: 'light', light: 'dark', dark: 'auto' };
const SIGN = { auto: 'auto', light: 'sun', dark: 'moon' };
const root = document.documentElement;

function show(button, theme) {
  if (theme === 'auto') delete root.dataset.theme; else root.dataset.theme = theme;
  button.value = NEXT[theme];
  button.setAttribute('aria-label', 'Theme: ' + theme);
  const use = button.querySelector('use');
  use.setAttribute('href', use.getAttribute('href').replace(/#.*/, '#' + SIGN[theme]));
  document.querySelector('meta[name="color-scheme"]').content = theme === 'auto' ? 'dark light' : theme;
  document.dispatchEvent(new Event('glance:theme'));
}

document.addEventListener('click', event => {
  const button = event.target.closest('[data-theme-btn]');
  if (!button) return;
  event.preventDefault();
  const theme = button.value;
  const secure = location.protocol === 'https:' ? '; secure' : '';
  const home = root.dataset.root || '/';
  document.cookie = `glance_theme=${theme}; path=${home}; max-age=34560000; samesite=lax${secure}`;
  show(button, theme);
});
