// The page's one socket: what it has, what it hears, how it comes back; and what happens while there is none.
const bar = document.getElementById('live');
const PROBE_MS = 2500, LOST_AFTER_MS = 8000, SILENT_MS = 12000, CONNECT_MS = 2500, POLL_MS = 15000;

if (bar) {
  const main = document.getElementById('main');
  const conn = document.querySelector('.conn'), banner = document.querySelector('[data-banner]');
  let connection = null, state = 'none', said = '', heard = Date.now(), lostAt = 0, trying = null, tried = 0, polled = Date.now(), answered = 0, polling = false;

  const have = () => [...document.querySelectorAll('.grid > .w')].map(card => [card.id.slice(2), card.dataset.v]);
  const clock = ms => new Date(ms).toTimeString().slice(0, 5);

  function show(next, text) {
    const words = text ?? { live: conn.dataset.broker === 'away' ? 'Broker away' : 'Live', wait: 'Reconnecting', off: 'Offline' }[next];
    if (next === state && words === said) return;
    state = next;
    said = words;
    document.documentElement.dataset.conn = next;
    conn.dataset.conn = next;
    conn.querySelector('[data-conn-text]').textContent = words;
    const facts = document.querySelector('[data-conn-state]');
    if (facts) facts.textContent = next === 'off' ? 'Lost at ' + clock(lostAt) : words;
    if (next === 'off') banner.querySelector('[data-banner-text]').textContent = `Lost the server at ${clock(lostAt)}. Values shown are the last ones received.`;
    banner.hidden = next !== 'off';
  }

  function listening() {
    heard = Date.now();
    lostAt = answered = 0;
    show('live');
  }

  // Where polling works, a socket that does not is no loss.
  function lost() {
    if (Date.now() - answered < POLL_MS + 5000) return;
    lostAt ||= Date.now();
    if (state === 'live' || state === 'none') show('wait');
  }

  document.addEventListener('htmx:ws:before:connection', event => { connection = event.detail.connection; });
  document.addEventListener('htmx:ws:after:connection', event => {
    connection = event.detail.connection;
    // It is told anew where the broker is away.
    conn.dataset.broker = 'here';
    connection.socket.send(JSON.stringify({ page: main.dataset.page, have: Object.fromEntries(have()), says_shown: true, takes_changes: true }));
    heard = Date.now();
  });
  document.addEventListener('htmx:ws:close', event => {
    if (event.detail.code === 4403 || event.detail.code === 4404) { location.reload(); return; }
    // Every place is taken: ask seldom, and poll meanwhile.
    if (event.detail.code === 1013) { event.detail.connection.attempt = 8; event.detail.connection.config.reconnectMaxDelay = POLL_MS; }
    lost();
  });
  document.addEventListener('htmx:ws:before:message:incoming', event => {
    listening();
    const text = event.detail.message.data;
    shown(text);
    if (text[0] !== '{') return;
    event.detail.cancelled = true;
    const told = JSON.parse(text);
    if (told.broker) {
      conn.dataset.broker = told.broker;
      show('live');
    }
    if (told.page && told.page !== main.dataset.page) reloadGrid();
    if (told.cards) document.dispatchEvent(new CustomEvent('glance:changes', { detail: { cards: told.cards, whole: id => connection.socket.send('?' + id) } }));
    for (const [id, tail] of Object.entries(told.tails ?? {})) {
      const card = document.getElementById('w-' + id);
      if (!card) continue;
      card.dataset.at = tail.at;
      card.querySelector('[data-plot]')?.dispatchEvent(new CustomEvent('glance:tail', { bubbles: true, detail: tail }));
    }
  });

  // Says that a message was shown, once it is painted: the server has at most two under way, so a busy page gets fewer and newer ones.
  function shown(text) {
    if (text[0] !== '<' && !text.startsWith('{"tails"')) return;
    const socket = connection?.socket, say = () => { if (socket?.readyState === WebSocket.OPEN) socket.send('+'); };
    if (document.hidden) setTimeout(say); else requestAnimationFrame(() => setTimeout(say));
  }

  // A socket that has died without saying so is declared closed; hx-ws then opens a new one after its shortest pause.
  function again() {
    if (!connection?.socket) return;
    clearTimeout(connection.timer);
    connection.attempt = 0;
    connection.socket.dispatchEvent(new CloseEvent('close', { code: 1006 }));
  }

  async function poll() {
    if (polling) return;
    polling = true;
    polled = Date.now();
    try {
      const since = have().map(pair => pair.join(':')).join(',');
      const answer = await fetch(`${bar.dataset.fragments}?since=${encodeURIComponent(since)}`, { headers: { 'HX-Request': 'true' }, signal: AbortSignal.timeout(10000) });
      if (answer.status === 401 || answer.status === 404) { location.reload(); return; }
      if (!answer.ok) return;
      if (answer.status === 200) await htmx.swap({ sourceElement: bar, target: bar, swap: 'innerHTML swapEmpty:false', text: await answer.text() });
      lostAt = 0;
      answered = Date.now();
      if (connection?.socket?.readyState !== WebSocket.OPEN) { heard = answered; show('live', 'Every 15 s'); }
      if (answer.headers.get('Glance-Page') !== main.dataset.page) await reloadGrid();
    } catch {
      answered = 0;
      lost();
    } finally {
      polling = false;
    }
  }

  // Another layout: the new positions first, then the cards, each kept where it is the same.
  let reloading = false;
  async function reloadGrid() {
    if (reloading) return;
    reloading = true;
    try {
      const answer = await fetch(location.pathname + location.search, { headers: { Accept: 'text/html' } });
      const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const files = doc => [...doc.querySelectorAll('head script[src], head link[rel="stylesheet"]:not([data-layout])')].map(e => e.getAttribute('src') ?? e.getAttribute('href')).join();
      const link = fresh.querySelector('link[data-layout]'), former = document.querySelector('link[data-layout]');
      if (!link || !fresh.getElementById('grid') || files(fresh) !== files(document)) { location.reload(); return; }
      if (link.getAttribute('href') !== former.getAttribute('href')) {
        const next = document.createElement('link');
        next.rel = 'stylesheet';
        next.dataset.layout = '';
        next.href = link.getAttribute('href');
        await new Promise(done => { next.onload = next.onerror = done; former.after(next); });
        former.remove();
      }
      main.dataset.page = fresh.getElementById('main').dataset.page;
      await htmx.swap({ sourceElement: main, target: '#grid', swap: 'outerMorph', text: fresh.getElementById('grid').outerHTML });
      await htmx.swap({ sourceElement: main, target: '#tabs', swap: 'outerMorph', text: fresh.getElementById('tabs').outerHTML });
      document.title = fresh.title;
    } finally {
      reloading = false;
    }
  }
  document.addEventListener('glance:page', reloadGrid);

  function check() {
    const now = Date.now(), socket = connection?.socket, open = socket?.readyState === WebSocket.OPEN;
    if (open && now - heard > SILENT_MS) { lost(); again(); }
    // A host that answers nothing at all would keep one attempt hanging for minutes.
    if (socket !== trying) { trying = socket; tried = now; }
    if (socket?.readyState === WebSocket.CONNECTING && now - tried > CONNECT_MS) again();
    if (lostAt && now - lostAt > LOST_AFTER_MS && state === 'wait') show('off');
    if (!open && (now - polled > POLL_MS || (lostAt > polled && now - lostAt > PROBE_MS))) poll();
    const last = document.querySelector('[data-conn-heard]');
    if (last?.closest(':popover-open')) last.textContent = Math.round((now - heard) / 1000) + ' s ago';
  }
  document.addEventListener('glance:tick', check);

  function wake() {
    if (document.hidden) return;
    const silent = Date.now() - heard > 6500;
    if (silent || connection?.socket?.readyState !== WebSocket.OPEN) again();
  }
  document.addEventListener('visibilitychange', wake);
  addEventListener('online', wake);
  addEventListener('focus', wake);
  addEventListener('pageshow', event => { if (event.persisted) location.reload(); });
}
