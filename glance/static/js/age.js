// One timer for the whole page: ages, draining arcs, clocks. It also says (glance:tick) when a second has passed.
const page = document.querySelector('[data-now]');
// The server's clock decides how old a value is; a little difference is only the way here.
let skew_s = 0;
if (page) {
  const off_s = +page.dataset.now - Date.now() / 1000;
  if (Math.abs(off_s) > 2) skew_s = off_s;
}
const now_s = () => Date.now() / 1000 + skew_s;

function words(age_s) {
  const s = Math.max(0, Math.floor(age_s));
  if (s < 60) return s + ' s';
  if (s < 3600) return Math.floor(s / 60) + ' min';
  return s < 172800 ? Math.floor(s / 3600) + ' h' : Math.floor(s / 86400) + ' d';
}

const put = (element, text) => { if (element && element.textContent !== text) element.textContent = text; };

function age(card, now) {
  const button = card.querySelector('.w-age'), age_s = now - card.dataset.at, every_s = +card.dataset.every || 0;
  if (!button) return;
  put(button.querySelector('time'), words(age_s));
  const arc = button.querySelector('.arc');
  if (arc && every_s) {
    const left = Math.max(0, Math.min(100, Math.round(100 - 100 * age_s / every_s))) + ' 200';
    if (arc.getAttribute('stroke-dasharray') !== left) arc.setAttribute('stroke-dasharray', left);
  }
  // Without the server nothing can renew it: past its time a value is old, whatever the card said last.
  const lost = document.documentElement.dataset.conn === 'off' || document.documentElement.dataset.conn === 'wait';
  if (lost && every_s && age_s > every_s + 2 && /^(fresh|live|refreshing)$/.test(card.dataset.state)) old(card, button);
}

function old(card, button) {
  card.dataset.state = 'stale';
  card.dataset.v = 'aged';
  card.removeAttribute('aria-busy');
  button.classList.add('tagged', 'is-warn');
  button.querySelector('.live-mark')?.remove();
  put(button.querySelector('.ago'), ' old');
}

const two = n => String(n).padStart(2, '0');
const hour = date => two(date.getHours()) + ':' + two(date.getMinutes());
const formats = new Map();
function format(zone, options) {
  const key = zone + JSON.stringify(options);
  if (!formats.has(key)) {
    let made;
    try { made = new Intl.DateTimeFormat('en-GB', { ...options, timeZone: zone || undefined }); } catch { made = new Intl.DateTimeFormat('en-GB', options); }
    formats.set(key, made);
  }
  return formats.get(key);
}
const FACES = {
  '': { hour: '2-digit', minute: '2-digit' },
  seconds: { hour: '2-digit', minute: '2-digit', second: '2-digit' },
  date: { weekday: 'long', day: 'numeric', month: 'long' },
};

function clocks(now) {
  for (const clock of document.querySelectorAll('[data-clock]')) {
    const face = FACES[clock.dataset.clock] ?? FACES[''];
    put(clock, format(clock.dataset.zone ?? '', face).format(new Date(now * 1000)).replace(',', ''));
  }
}

function agos(now, within = document) {
  for (const time of within.querySelectorAll('time[data-ago]')) {
    const at = Date.parse(time.dateTime) / 1000;
    if (Number.isNaN(at)) continue;
    put(time, at > now ? (at - now < 60 ? 'now' : 'in ' + words(at - now)) : words(now - at) + ' ago');
  }
  for (const time of within.querySelectorAll('time[data-when]')) {
    const date = new Date(time.dateTime);
    if (!Number.isNaN(+date)) put(time, hour(date));
  }
}

let seconds = 0;
function tick() {
  const now = now_s();
  for (const card of document.querySelectorAll('.w[data-at]')) age(card, now);
  clocks(now);
  if (seconds++ % 10 === 0) agos(now);
  document.dispatchEvent(new Event('glance:tick'));
}
tick();
setInterval(tick, 1000);
document.addEventListener('htmx:after:swap', () => { agos(now_s()); clocks(now_s()); });
document.addEventListener('glance:patched', ({ target }) => {
  if (target.dataset.at) age(target, now_s());
  agos(now_s(), target);
});
document.addEventListener('visibilitychange', () => { if (!document.hidden) tick(); });
