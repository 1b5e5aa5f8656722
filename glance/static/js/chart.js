// Charts with uPlot: <div class="plot" data-plot><script type="application/json">{"series": [{"label", "unit", "points": [[t, v]], "bars" (seconds each), "steps", "words"}]}</script></div>.
const DASH = [null, [7, 4], [2, 4], [10, 3, 2, 3]], SWATCH = ['', '5 2.5', '2 2.5', '6 2 1 2'], SVG = 'http://www.w3.org/2000/svg';
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'], MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const RIGHT_PX = 10, RANGE_S = { '1h': 3600, '6h': 21600, '24h': 86400, '7d': 604800, '30d': 2592000 };
const charts = new Map();
const probe = document.createElement('i');
probe.hidden = true;
document.body.append(probe);
// Asking for a colour makes the browser compute styles: once per theme.
const inks = new Map();
function ink(name) {
  if (!inks.has(name)) { probe.style.color = `var(${name})`; inks.set(name, getComputedStyle(probe).color); }
  return inks.get(name);
}
function recolour() { inks.clear(); charts.forEach(repaint); }
// Bars keep the colour they were made with: they are made anew.
function repaint({ plot, series, zoomed }) { if (series.some(s => s.bars)) plot.setData(plot.data, !zoomed); else plot.redraw(false); }
const two = n => String(n).padStart(2, '0');
const hm = t => { const d = new Date(t * 1000); return two(d.getHours()) + ':' + two(d.getMinutes()); };
const seconds = t => ':' + two(new Date(t * 1000).getSeconds());
const when = t => { const d = new Date(t * 1000); return `${DAYS[d.getDay()]} ${d.getDate()} ${MONTHS[d.getMonth()]}, ${hm(t)}`; };
// Large numbers in groups of three and a true minus, as the server writes them.
const grouped = text => text.replace(/^-?\d{5,}/, whole => whole.replace(/\B(?=(\d{3})+$)/g, '\u202f')).replace('-', '\u2212');
const unitOf = unit => (unit ? (unit === '°' ? '°' : ' ' + unit) : '');
// How many digits stand behind the point.
function after(text) { return text.split('.')[1]?.length ?? 0; }
function digits(v) { const a = Math.abs(v); return a >= 100 ? v.toFixed(0) : a >= 10 ? v.toFixed(1) : String(+v.toFixed(2)); }

// How many a value may add to what the server wrote: one, or two below one.
function fine(v) { return Math.min(after(String(+digits(v))), Math.abs(v) >= 1 ? 1 : 2); }

function read(host) {
  try { return JSON.parse(host.querySelector('script[type="application/json"]').textContent); } catch { return { series: [] }; }
}

// All series on one axis of times; a time that one of them does not have is no gap in it (undefined), a null is.
function columns(series) {
  const times = [...new Set(series.flatMap(s => s.points.map(p => p[0])))].sort((a, b) => a - b);
  // uPlot gives a lone time an axis of its own making: it stands at the end of its last hour instead
  if (times.length === 1) times.unshift(times[0] - 3600);
  const at = new Map(times.map((t, i) => [t, i]));
  return [times, ...series.map(s => {
    const column = new Array(times.length);
    for (const [t, v] of s.points) column[at.get(t)] = v;
    return column;
  })];
}

// A line that never changed lies in the middle, as in the drawing that the page comes with; zero keeps its place at the bottom.
function spread(low, high) {
  const room = low === high ? Math.abs(low) / 10 : 0;
  return uPlot.rangeNum(low - room, room || low !== high ? high + room : high + 1, 0.1, true);
}

function swatch(index) {
  const svg = document.createElementNS(SVG, 'svg'), path = document.createElementNS(SVG, 'path');
  svg.setAttribute('class', 'swatch'); svg.setAttribute('viewBox', '0 0 14 6');
  path.setAttribute('d', 'M0 3h14'); path.setAttribute('stroke-dasharray', SWATCH[index % 4]);
  svg.append(path);
  return svg;
}

// What a series is at a time that only another one has (undefined): its nearest point, or the last one where it goes in steps. A gap
// (null) stays a gap, and what ended long ago has no value any more.
function valueAt(times, column, k, steps) {
  if (column[k] !== undefined) return column[k];
  let before = k, after = k;
  while (before >= 0 && column[before] === undefined) before--;
  while (after < times.length && column[after] === undefined) after++;
  const earlier = column[before], later = column[after], near = (times.at(-1) - times[0]) / 20;
  if (steps) return earlier;
  if (earlier == null || later == null) {
    const [value, other] = earlier == null ? [later, after] : [earlier, before];
    return value != null && Math.abs(times[other] - times[k]) <= near ? value : null;
  }
  return times[k] - times[before] <= times[after] - times[k] ? earlier : later;
}

function tipFor(host, chart) {
  const k = chart.plot.cursor.idx, tip = chart.tip;
  if (k == null || chart.plot.cursor.left < 0) { tip.hidden = true; return; }
  const time = document.createElement('time');
  time.textContent = when(chart.plot.data[0][k]) + (chart.span === 'seconds' ? seconds(chart.plot.data[0][k]) : '');
  const rows = chart.series.map((s, i) => {
    const row = document.createElement('div'), value = document.createElement('b'), v = valueAt(chart.plot.data[0], chart.plot.data[i + 1], k, s.steps);
    row.className = 'c' + (i % 4 + 1);
    value.textContent = v == null ? 'no data' : s.words?.[v] ?? grouped(digits(v)) + unitOf(s.unit);
    row.append(swatch(i), s.label ?? '', value);
    return row;
  });
  tip.replaceChildren(time, ...rows);
  tip.hidden = false;
  const x = chart.plot.cursor.left + 44, flip = x + tip.offsetWidth + 16 > host.clientWidth;
  tip.style.transform = `translate(${Math.max(0, flip ? x - tip.offsetWidth - 20 : x + 12)}px, 8px)`;
}

function paths(host, s, i) {
  if (s.bars) return { paths: uPlot.paths.bars({ size: [0.7, 48], align: 1 }), fill: () => shade(host, i), width: 0 };
  return s.steps ? { paths: uPlot.paths.stepped({ align: 1 }) } : {};
}

// A mark that would be cut off at the edge of the card, or run into the lowest mark of the other axis, is left out.
function fits(plot, t, text) {
  const at = plot.valToPos(t, 'x'), half = 3.4 * text.length;
  return at >= half - 6 && at + half <= plot.bbox.width / devicePixelRatio + RIGHT_PX;
}

// What is old is drawn in grey, as the rest of its card.
const OLD = new Set(['stale', 'offline']);
function shade(host, i) { return ink(OLD.has(host.closest('.w')?.dataset.state) ? '--ink-3' : '--s' + (i % 4 + 1)); }

function options(host, chart, span_s) {
  const font = '11px ' + getComputedStyle(document.body).fontFamily, unit = chart.series[0]?.unit, bars = Math.max(0, ...chart.series.map(s => s.bars || 0));
  const mark = t => span_s <= 600 ? hm(t) + seconds(t) : span_s <= 172800 ? hm(t) : span_s <= 864000 ? DAYS[new Date(t * 1000).getDay()] : `${new Date(t * 1000).getDate()} ${MONTHS[new Date(t * 1000).getMonth()]}`;
  const short = unit && /^[°%]/.test(unit) && chart.series.every(s => s.unit === unit) ? unit[0] : '';
  return {
    width: Math.max(10, host.clientWidth), height: Math.max(10, host.clientHeight), padding: [6, RIGHT_PX, 0, 0],
    cursor: { points: { size: 7, width: 2 }, drag: { x: true, y: false, dist: 6 } }, legend: { show: false },
    // a single point stands at the end of its last hour
    scales: { x: { range: (_, low, high) => (low == null ? [Date.now() / 1000 - 3600, Date.now() / 1000] : low === high && !bars ? [high - 3600, high] : [low, high + bars]) }, y: { range: (_, low, high) => (low == null ? [0, 1] : bars ? [Math.min(0, low), Math.max(high, 0) * 1.1 || 1] : spread(low, high)) } },
    axes: [
      { stroke: () => ink('--ink-3'), font, size: 22, gap: 4, grid: { show: false }, ticks: { show: false }, space: 70, values: (plot, ts) => ts.map(t => (fits(plot, t, mark(t)) ? mark(t) : '')) },
      { stroke: () => ink('--ink-3'), font, size: (_, marks) => Math.max(34, ...(marks ?? []).map(mark => 14 + 6.5 * mark.length)), gap: 6, space: 34, grid: { stroke: () => ink('--line'), width: 1 }, ticks: { show: false }, values: (_, vs) => vs.map(v => (v == null ? '' : grouped(String(+v.toFixed(6)))) + short) },
    ],
    series: [{}, ...chart.series.map((s, i) => ({ label: s.label, stroke: () => shade(host, i), width: 1.75, dash: s.bars ? null : DASH[i % 4], points: { show: (plot, k) => !s.bars && plot.data[k].filter(v => v != null).length === 1, size: 6 }, spanGaps: !!s.steps, ...paths(host, s, i) }))],
    hooks: { setCursor: [() => chart.plot && tipFor(host, chart)], setSelect: [plot => { if (plot.select.width > 0) chart.zoomed = true; }] },
  };
}

function draw(host, { series = [] } = read(host)) {
  const data = columns(series), known = charts.get(host);
  const shape = JSON.stringify(series.map(s => [s.label, s.unit, s.bars, s.steps]));
  const span_s = (data[0].at(-1) ?? 0) - (data[0][0] ?? 0);
  if (known && known.shape === shape && known.span === label(span_s)) { known.series = series; known.plot.setData(data, !known.zoomed); return; }
  known?.plot.destroy();
  const chart = known ?? { tip: document.createElement('div') };
  Object.assign(chart, { series, shape, span: label(span_s), plot: null, zoomed: false });
  chart.tip.className = 'tip';
  chart.tip.hidden = true;
  chart.plot = new uPlot(options(host, chart, span_s), data, host);
  host.append(chart.tip);
  if (!known) {
    charts.set(host, chart);
    new ResizeObserver(() => charts.get(host) === chart && host.clientWidth && chart.plot.setSize({ width: host.clientWidth, height: Math.max(10, host.clientHeight) })).observe(host);
    const card = host.closest('.w');
    if (card) new MutationObserver(() => charts.get(host) === chart && repaint(chart)).observe(card, { attributeFilter: ['data-state'] });
  }
}
function label(span_s) { return span_s <= 600 ? 'seconds' : span_s <= 172800 ? 'hours' : span_s <= 864000 ? 'days' : 'dates'; }

// A script may run before the stylesheet is there: colours and fonts are read only once it is.
const styled = () => getComputedStyle(document.documentElement).getPropertyValue('--ink') !== '';
function all() {
  if (!styled()) { addEventListener('load', all, { once: true }); return; }
  for (const [host, chart] of charts) if (!host.isConnected) { chart.plot.destroy(); charts.delete(host); }
  for (const host of document.querySelectorAll('[data-plot]')) if (!charts.has(host)) draw(host);
  // What a card that was sent anew brings along: its legend is as old as its drawing.
  for (const host of charts.keys()) {
    const card = host.closest('[data-tail]');
    if (card) { grow(host, JSON.parse(card.dataset.tail), true); delete card.dataset.tail; }
  }
}

// Live points: the numbers above at once, the lines at most five times a second, one after the other and in a fifth of the time.
const MOST = 4000, REDRAW_MS = 200, SHARE = 4;
const grown = new Set();
let drawing = false;
function redraw(host) {
  grown.add(host);
  if (!drawing) { drawing = true; setTimeout(redrawNext); }
}
function redrawNext() {
  const host = grown.values().next().value, chart = charts.get(host), began = performance.now();
  grown.delete(host);
  if (chart && host.isConnected && !document.hidden) chart.plot.setData(chart.plot.data, !chart.zoomed);
  // uPlot draws in a microtask of its own, before this one
  queueMicrotask(() => {
    drawing = grown.size > 0;
    if (drawing) setTimeout(redrawNext, SHARE * (performance.now() - began));
  });
}

function grow(host, points, drawn = false) {
  const chart = charts.get(host);
  if (!chart) return;
  if (!chart.values?.[0]?.isConnected) chart.values = host.parentElement.querySelectorAll('.legend .v');
  const values = chart.values, data = chart.plot.data;
  let wider = false;
  points.forEach((point, i) => {
    if (!point || !data[i + 1]) return;
    const [t, v] = point, places = values[i]?.dataset.places ?? Math.max(after(values[i]?.textContent ?? ''), fine(v));
    if (values[i]) values[i].textContent = grouped(v.toFixed(places));
    const line = chart.series[i];
    if (line?.low != null && (v < line.low || v > line.high)) {
      Object.assign(line, { low: Math.min(v, line.low), high: Math.max(v, line.high) });
      wider = true;
    }
    // series take turns: the newest point of one may be older than that of another
    let at = data[0].length;
    while (at > 0 && data[0][at - 1] >= t) at--;
    if (data[0][at] === t) { data[i + 1][at] = v; return; }
    if (at === 0 && data[0].length) return;
    data.forEach((column, k) => column.splice(at, 0, k === 0 ? t : k === i + 1 ? v : undefined));
  });
  if (wider || drawn) extremes(host.parentElement, chart.series);
  // what a card sends anew is of its range; a range of the page's own has to let go by itself
  const first = chart.own ? data[0].at(-1) - RANGE_S[chart.range] : -Infinity;
  while (data[0].length > MOST || data[0][0] < first) data.forEach(column => column.shift());
  chart.due ??= setTimeout(() => { chart.due = null; redraw(host); }, REDRAW_MS);
}

// Another range than the saved one is fetched once and then grows by live points; the card keeps sending the saved one.
async function choose(button) {
  const card = button.closest('.w'), host = card.querySelector('[data-plot]'), chart = charts.get(host);
  if (!chart) return;
  const before = card.querySelector('[data-range][aria-pressed="true"]');
  press(card, chart, button);
  if (!chart.own) { draw(host); extremes(card, chart.series); return; }
  const below = button.closest('[data-points]')?.dataset.points ?? document.documentElement.dataset.root;
  const answer = await fetch(`${below}/widgets/${card.id.slice(2)}/points?range=${button.dataset.range}`).catch(() => null);
  const lines = answer?.ok ? await answer.json() : null;
  if (button.getAttribute('aria-pressed') !== 'true') return;
  // without an answer the chart goes on showing what it shows, and says so
  if (!lines) { press(card, chart, before); return; }
  draw(host, lines);
  extremes(card, chart.series);
}
function press(card, chart, button) {
  card.querySelectorAll('[data-range]').forEach(other => other.setAttribute('aria-pressed', other === button));
  chart.range = button?.dataset.range;
  chart.own = button != null && button.dataset.saved === undefined;
}

// The lowest and highest beside each name are those of the range that is shown.
function extremes(card, series) {
  card.querySelectorAll('.legend > li').forEach((line, i) => {
    const place = line.querySelector('.mm'), { low, high } = series[i] ?? {};
    if (!place || low == null || high == null) return;
    const places = line.querySelector('.v').textContent.split('.')[1]?.length ?? 0;
    place.textContent = [low, high].map(v => grouped(v.toFixed(places))).join(' \u2013 ');
  });
}

document.addEventListener('click', event => { const button = event.target.closest('[data-range]'); if (button) choose(button); });
document.addEventListener('dblclick', event => { const chart = charts.get(event.target.closest('[data-plot]')); if (chart) chart.zoomed = false; });
document.addEventListener('glance:tail', event => grow(event.target, event.detail.points, event.detail.drawn));
document.addEventListener('glance:data', event => {
  const chart = charts.get(event.target);
  if (chart?.own) extremes(event.target.closest('.w'), chart.series);
  else draw(event.target);
});
document.addEventListener('glance:unplot', ({ target }) => { charts.get(target)?.plot.destroy(); charts.delete(target); });
document.addEventListener('glance:theme', recolour);
matchMedia('(prefers-color-scheme: light)').addEventListener('change', recolour);
document.addEventListener('htmx:after:swap', all);
document.addEventListener('keydown', event => {
  const chart = charts.get(event.target), step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!chart) return;
  if (event.key === 'Escape') chart.plot.setCursor({ left: -10, top: -10 });
  if (!step) return;
  event.preventDefault();
  const last = chart.plot.data[0].length - 1, jump = Math.max(1, Math.round(last / 72));
  const next = Math.max(0, Math.min(last, (chart.plot.cursor.idx ?? last) + step * jump));
  chart.plot.setCursor({ left: chart.plot.valToPos(chart.plot.data[0][next], 'x'), top: 40 });
});
document.addEventListener('focusout', event => charts.get(event.target)?.plot.setCursor({ left: -10, top: -10 }));
all();
