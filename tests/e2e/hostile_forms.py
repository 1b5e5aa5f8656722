"""Every form of every page, filled in with hostile strings and sent, as a browser without script would, and as no browser would."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

from flask.testing import FlaskClient
from werkzeug.routing import Map
from werkzeug.test import TestResponse

TEXTS = ("text", "search", "url", "password", "number", "date", "datetime-local", "color", "email", "textarea", "file")
ORIGIN = {"Sec-Fetch-Site": "same-origin"}
Pair = tuple[str, str]


@dataclass
class Form:
    """Where a form goes, its fields with what they hold, which take text, what else it sends by name, and its buttons."""

    action: str
    method: str
    id: str = ""
    fields: list[Pair] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    picks: list[str] = field(default_factory=list)
    buttons: list[Pair] = field(default_factory=list)
    choices: dict[str, list[str]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Every name that it can send."""
        return list(dict.fromkeys([*self.texts, *self.picks, *(name for name, _ in self.buttons)]))


class _Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.page, self.forms, self.open = page, list[Form](), False
        self.elsewhere: list[tuple[str, str, dict[str, str]]] = []
        self.select: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        at = {name: value or "" for name, value in attrs}
        if tag == "form" and at.get("method") != "dialog":
            action = urljoin(self.page, at.get("action", "") or self.page).partition("#")[0]
            self.forms.append(Form(action, at.get("method", "get").lower(), at.get("id", "")))
            self.open = True
        elif tag == "option":
            self._option(at)
        elif at.get("name") and at.get("form"):
            self.elsewhere.append((at["form"], tag, at))
        elif self.open and at.get("name"):
            self._field(self.forms[-1], tag, at)

    def _field(self, form: Form, tag: str, at: dict[str, str]) -> None:
        name = at["name"]
        kind = at.get("type", "text").lower() if tag == "input" else tag
        if kind == "button":
            form.buttons.append((name, at.get("value", "")))
        elif kind in TEXTS:
            form.fields.append((name, at.get("value", "")))
            form.texts.append(name)
        elif kind in ("hidden", "checkbox", "radio", "select"):
            form.picks.append(name)
            if kind == "hidden" or "checked" in at or kind == "select":
                form.fields.append((name, at.get("value", "on" if kind == "checkbox" else "")))
            self.select = form if kind == "select" else self.select

    def _option(self, at: dict[str, str]) -> None:
        """The first choice of a select stands, or the one that is chosen."""
        if self.select is not None:
            name, was = self.select.fields[-1]
            self.select.choices.setdefault(name, []).append(at.get("value", ""))
            if "selected" in at or not was:
                self.select.fields[-1] = (name, at.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        self.open = self.open and tag != "form"
        self.select = None if tag == "select" else self.select

    def close(self) -> None:
        """Fields that name their form, which may stand anywhere."""
        super().close()
        for wanted, tag, at in self.elsewhere:
            for form in self.forms:
                if form.id == wanted:
                    self._field(form, tag, at)


def forms_of(page: str, html: str) -> list[Form]:
    """The forms of a page that lead to this Glance."""
    reader = _Reader(page)
    reader.feed(html)
    reader.close()
    return [form for form in reader.forms if not urlsplit(form.action).netloc]


def unfolded(client: FlaskClient, form: Form) -> Iterator[Form]:
    """The form, and as it is with a row more in each list, each secret entered anew, and each kind of source chosen."""
    yield form
    for name, value in form.buttons:
        if value.startswith(("add:", "replace:")):
            yield from _pressed(client, form, {}, (name, value))
    for name, choices in form.choices.items():
        if name.endswith(".kind"):
            for choice in choices:
                yield from _pressed(client, form, {name: choice}, ("do", "kind"))


def _pressed(client: FlaskClient, form: Form, words: dict[str, str], button: Pair) -> Iterator[Form]:
    sent = [(name, words.get(name, value)) for name, value in form.fields]
    page = page_in(send(client, form, [*sent, button])) or ""
    yield from (one for one in forms_of(form.action, page) if one.action == form.action and one.names)


def rule_of(urls: Map, form: Form) -> str:
    """Where a form goes, as a row of the table names it: "POST /d/<slug>"."""
    method = form.method.upper()
    rule, _ = urls.bind("localhost").match(urlsplit(form.action).path, method, return_rule=True)
    return f"{method} {rule.rule}"


def place_of(name: str) -> str:
    """A field's name as a row of the table has it: numbers are #, what is named after a widget is *."""
    return re.sub(r"^([wh])\..+", r"\1.*", re.sub(r"\.\d+(?=\.|$)", ".#", name))


def filled(form: Form, words: dict[str, str], turn: int) -> list[Pair]:
    """What is sent: the words in the place of what the fields hold; the buttons take turns."""
    sent = [(name, words.get(name, value)) for name, value in form.fields]
    if form.buttons:
        name, value = form.buttons[turn % len(form.buttons)]
        sent.append((name, words.get(name, value)))
    there = {name for name, _ in sent}
    return sent + [(name, text) for name, text in words.items() if name not in there]


def send(client: FlaskClient, form: Form, sent: list[Pair]) -> TestResponse:
    """Send it as a page of ours would."""
    body = urlencode([(name, value.encode("utf-8", "surrogatepass")) for name, value in sent])
    if form.method != "post":
        return client.get(f"{form.action.partition('?')[0]}?{body}")
    return client.post(form.action, data=body, content_type="application/x-www-form-urlencoded", headers=ORIGIN)


def faults_of(answer: TestResponse) -> Iterator[str]:
    """What no answer may be: a failure, a way out, or without the policy."""
    if answer.status_code >= 500 and answer.status_code not in (502, 504):
        yield f"{answer.status_code} {answer.get_data(as_text=True)[:300]}"
    try:
        leads = urlsplit(answer.headers.get("Location", ""))
    except ValueError:
        yield f"leads to {answer.headers['Location']}"
        return
    if (
        leads.netloc not in ("", "localhost")
        or leads.path.startswith(("//", "/\\"))
        or leads.scheme not in ("", "http")
    ):
        yield f"leads to {answer.headers['Location']}"
    policy = answer.headers.get("Content-Security-Policy", "")
    if (
        not policy.startswith(("default-src 'self'", "default-src 'none'"))
        or "unsafe" in policy
        or answer.headers.get("X-Content-Type-Options") != "nosniff"
    ):
        yield f"has the policy {policy}, or may be taken for another type"
    if re.search(r"[\r\n]", " ".join(f"{name}{value}" for name, value in answer.headers)) or "x" in cookies_of(answer):
        yield "was given a head of somebody else's"


def cookies_of(answer: TestResponse) -> list[str]:
    """The names of the cookies that an answer sets."""
    return [line.partition("=")[0] for line in answer.headers.getlist("Set-Cookie")]


def page_in(answer: TestResponse) -> str | None:
    """The HTML of an answer that is a page, or a part of one."""
    if answer.mimetype != "text/html" or answer.status_code in (302, 303):
        return None
    return answer.get_data(as_text=True)


def each_alone(form: Form, name: str, texts: list[str]) -> Iterator[list[Pair]]:
    """The form with one field hostile and all others as they are, once for each text."""
    for turn, text in enumerate(texts):
        yield filled(form, {name: text}, turn)


def all_at_once(form: Form, names: list[str], texts: list[str], at: int) -> tuple[dict[str, str], list[Pair]]:
    """The form with a hostile string in every one of these fields, another one in each, beginning with number `at`."""
    words = {name: texts[(at + n) % len(texts)] for n, name in enumerate(dict.fromkeys(names))}
    return words, filled(form, words, at)
