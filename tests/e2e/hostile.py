"""Strings that would run, load or break something if a page took them for more than text, and a browser that notices if one does.

In tests/data/hostile_strings.json `%H` stands for the call `__h(n)`, `%A` for `window.__hit=n`, `%T` for the address of a trap,
`%O` for its host and port, `%N` for the string's number.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Error, Page, Request, Route

FILE = Path(__file__).resolve().parents[1] / "data" / "hostile_strings.json"
WATCH = """
window.seen = [];
document.addEventListener('securitypolicyviolation', e => seen.push(
  `${e.effectiveDirective} ${e.blockedURI} ${e.sourceFile ?? ''}:${e.lineNumber} ${e.sample} ${e.target?.outerHTML?.slice(0, 200) ?? ''}`));
"""
# What a document may not hold, whatever it was made of: a function of a document, live or only parsed, that gives a line for each fault.
# In a live one scripts of ours may have set styles; those in its markup would be violations of the policy.
SCAN = """
(doc, live) => {
  const faults = [], say = (what, el) => faults.push(`${what}: ${el.outerHTML.slice(0, 220)}`);
  const never = 'base, object, embed, frame, frameset, applet, portal, style, meta[http-equiv], svg script, svg animate, svg set, ' +
    'svg foreignObject, svg image, math, marquee, noembed, xmp, plaintext, isindex, keygen, template[shadowrootmode]';
  doc.querySelectorAll(never).forEach(el => say('never', el));
  const loading = ['src', 'srcset', 'action', 'formaction', 'poster', 'background', 'data', 'ping', 'longdesc', 'manifest', 'srcdoc'];
  const ours = value => { try { return new URL(value, location.href).origin === location.origin } catch { return false } };
  const engines = 'form[role=search][target], form[role=search][action^="https://"]';
  for (const el of doc.querySelectorAll('*')) {
    if (el.tagName === 'SCRIPT') {
      const src = el.getAttribute('src');
      if (src === null ? el.type !== 'application/json' : !/^\\/static\\//.test(src)) say('script', el);
    }
    if (el.tagName === 'LINK' && !ours(el.getAttribute('href'))) say('link', el);
    if (el.tagName === 'IFRAME' && !(el.closest('.k-iframe') && /^https?:/.test(el.src) && el.hasAttribute('sandbox'))) say('frame', el);
    for (const { name, value } of [...el.attributes]) {
      const low = name.toLowerCase();
      if (/^on/.test(low) || (low === 'style' && !live) || !/^[a-z][a-z0-9:-]*$/i.test(name)) say(`attribute ${name}`, el);
      if (/^(data-)?(hx|ws|sse)-(on|vals|headers)/.test(low) && /__h|__hit/.test(value)) say(`attribute ${name}`, el);
      if (/^(data-)?(hx-(get|post|put|patch|delete)|ws-connect|hx-ws:connect|sse-connect)$/.test(low) && !ours(value)) say(`asks ${name}`, el);
      if (loading.includes(low) && el.tagName !== 'IFRAME' && !value.startsWith('data:image/') && !ours(value) && !el.matches(engines)) say(`loads ${name}`, el);
      if (/(^|:)href$/.test(low) && !/^(https?:|mailto:|tel:)$/.test(new URL(value, 'http://x/').protocol)) say('leads', el);
      if (/(^|:)href$/.test(low) && el.namespaceURI.endsWith('svg') && el.tagName !== 'a' && !ours(value)) say('draws', el);
    }
  }
  const ids = [...doc.querySelectorAll('[id]')].map(el => el.id);
  ids.filter((id, n) => ids.indexOf(id) !== n).forEach(id => faults.push(`twice the id ${id}`));
  return faults;
}
"""
PARSED = f"""
(pages) => pages.flatMap(([name, html]) =>
  ({SCAN})(new DOMParser().parseFromString(html, 'text/html')).map(fault => `${{name}}: ${{fault}}`).slice(0, 5))
"""

# Pages written into frames that nothing guards: what their markup would run, runs, and says so.
RUN = """
async (pages) => {
  const hits = [];
  await Promise.all(pages.map(([name, html]) => new Promise(done => {
    const frame = document.createElement('iframe');
    document.body.append(frame);
    const end = () => {
      if (!frame.isConnected) return;
      try {
        if (frame.contentWindow.__hit !== undefined) hits.push(`${name}: something was set`);
      } catch { hits.push(`${name}: the page went elsewhere`) }
      frame.remove();
      done();
    };
    frame.addEventListener('load', () => setTimeout(end, 20));
    setTimeout(end, 30000);
    const doc = frame.contentDocument;
    doc.open(); doc.write(html); doc.close();
  })));
  return hits;
}
"""


def _long() -> list[str]:
    """Strings that are hostile by their length or by what no text holds."""
    return [
        "t%N " + "x" * 70_000 + "<script>%H</script>",
        "\0" * 50 + "<img src=x onerror=%H>",
        "\ud83d<img src=x onerror=%H>\ude00\ud83d",
        "\u202e" * 300 + "<svg onload=%H>" + "\u202c" * 300,
        "t%Na" + "\u0301" * 2000 + '"onfocus=%H autofocus x="',
        "&" * 5000 + "<p>" * 2000 + "<script>%H</script>",
    ]


def strings(origin: str) -> list[str]:
    """All of them, for a trap at `origin` (host:port)."""
    kept: list[str] = json.loads(FILE.read_text(encoding="utf-8")) + _long()
    return [
        text.replace("%H", f"__h({n})")
        .replace("%A", f"window.__hit={n}")
        .replace("%T", f"http://{origin}/t{n}")
        .replace("%O", origin)
        .replace("%N", str(n))
        for n, text in enumerate(kept)
    ]


class Watched:
    """A browser of its own that writes down what no text may bring about: calls, dialogs, windows, foreign requests, violations."""

    def __init__(self, browser: Browser, home: str) -> None:
        self.home = urlsplit(home).netloc
        self.context: BrowserContext = browser.new_context(viewport={"width": 1440, "height": 1000})
        self.faults: list[str] = []
        self.context.expose_function("__h", lambda n=None: self.faults.append(f"string {n} ran"))
        self.context.add_init_script(WATCH)
        self.context.route(lambda address: urlsplit(address).netloc != self.home, self._elsewhere)
        self.context.on("dialog", self._dialog)
        self.page = self._new_page()

    def _new_page(self) -> Page:
        page = self.context.new_page()
        page.on("popup", lambda opened: self.faults.append(f"a window was opened: {opened.url}"))
        return page

    def _dialog(self, dialog: Any) -> None:
        self.faults.append(f"a dialog was opened: {dialog.message}")
        dialog.dismiss()

    def _elsewhere(self, route: Route, request: Request) -> None:
        """Nothing leaves for other hosts; only the card that frames pages may try."""
        framed = request.is_navigation_request() and request.frame.parent_frame is not None
        if not framed or not self._may_frame(request):
            self.faults.append(f"{self.page.url} asked for {request.url}")
        route.fulfill(body="<p>elsewhere</p>", content_type="text/html")

    def _may_frame(self, request: Request) -> bool:
        try:
            return bool(request.frame.frame_element().evaluate("el => el.closest('.k-iframe') !== null"))
        except Error:  # it is gone by now; SCAN looks at every frame, too
            return True

    def open(self, address: str) -> None:
        """Go there and look at what came."""
        self.page.goto(address)
        self.look(address)

    def look(self, where: str, page: Page | None = None) -> None:
        """What the page as it is now holds that it should not, and what it was kept from doing."""
        page = page or self.page
        found = page.evaluate(f"({SCAN})(document, true)") + page.evaluate("window.seen.splice(0)")
        if page.evaluate("window.__hit ?? null") is not None:
            found.append("something was set")
        if page.evaluate("typeof document.title + document.title").startswith("stringhit"):
            found.append("the title was set")
        if urlsplit(page.url).netloc != self.home:
            found.append(f"the page went to {page.url}")
        self.faults += [f"{where}: {fault}" for fault in found]

    def parse(self, pages: list[tuple[str, str]]) -> None:
        """The same for pages that were fetched (name, HTML), without opening each."""
        self.page.goto(f"http://{self.home}/settings/about")
        for at in range(0, len(pages), 50):
            # The browser is handed text; half characters cannot come over a connection anyway.
            self.faults += self.page.evaluate(PARSED, pages[at : at + 50])

    def run(self, pages: list[tuple[str, str]]) -> None:
        """The same once more, as documents that no policy guards: the markup alone must do nothing."""
        page = self._new_page()
        page.route("**/static/**", lambda route: route.fulfill(body="", content_type="text/plain"))
        page.route(
            "**/unguarded",
            lambda route: route.fulfill(body="<!doctype html><title>x</title>", content_type="text/html"),
        )
        page.goto(f"http://{self.home}/unguarded")
        for at in range(0, len(pages), 25):
            some = pages[at : at + 25]
            before = len(self.faults)
            self.faults += page.evaluate(RUN, some)
            if len(self.faults) > before:
                self.faults.append(f"(among {[name for name, _ in some]})")
        page.close()

    def open_answers(self, answers: list[tuple[str, str, str]]) -> None:
        """Pages that were fetched (name, HTML, policy), each opened with our own scripts under its own policy."""
        shown = dict[str, tuple[str, str]]()

        def answer(route: Route, request: Request) -> None:
            html, policy = shown[request.url.rpartition("/")[2]]
            kind = "text/html; charset=utf-8"
            route.fulfill(body=html, content_type=kind, headers={"Content-Security-Policy": policy})

        page = self._new_page()
        page.route("**/answered/*", answer)
        # What they show may be gone by now, and a page that hears so leaves.
        page.route_web_socket("**", lambda _: None)
        for number, (name, html, policy) in enumerate(answers):
            shown[str(number)] = (html, policy)
            page.goto(f"http://{self.home}/answered/{number}")
            self.look(name, page)
        page.close()

    def close(self) -> None:
        """End it."""
        self.context.close()
