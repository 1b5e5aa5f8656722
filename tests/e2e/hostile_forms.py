"""Every form of every page, filled in with hostile strings and sent, as a browser without script would."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

from flask.testing import FlaskClient

# Forms that would end the test, or take minutes because passwords are hashed.
LEFT_OUT = (
    "/logout",
    "/settings/security/password",
    "/delete",
    "/remove",
    "/settings/security/sessions/end",
    "/found",
    "/demo",
)
TEXTS = ("text", "search", "url", "password", "number", "date", "datetime-local", "color", "hidden", "email")


@dataclass
class Form:
    """Where a form goes, its fields with what they hold, which of them take text, and its buttons."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.page, self.forms, self.open = page, list[Form](), False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        at = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = urljoin(self.page, at.get("action", "") or self.page).partition("#")[0]
            self.forms.append(Form(action, at.get("method", "get").lower()))
            self.open = True
        elif self.open and at.get("name"):
            self._field(tag, at)

    def _field(self, tag: str, at: dict[str, str]) -> None:
        form, name = self.forms[-1], at["name"]
        kind = at.get("type", "text").lower() if tag == "input" else tag
        if kind == "button":
            form.buttons.append((name, at.get("value", "")))
        elif kind in ("checkbox", "radio"):
            if "checked" in at:
                form.fields.append((name, at.get("value", "on")))
        elif kind in (*TEXTS, "textarea", "select"):
            form.fields.append((name, at.get("value", "")))
            if name not in ("csrf_token", "version") and kind != "select":
                form.texts.append(name)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.open = False


def forms_of(page: str, html: str) -> list[Form]:
    """The forms of a page that may be sent."""
    reader = _Reader(page)
    reader.feed(html)
    return [form for form in reader.forms if not form.action.endswith(LEFT_OUT) and not urlsplit(form.action).netloc]


def filled(form: Form, texts: list[str]) -> Iterator[list[tuple[str, str]]]:
    """The form again and again until each string stood in it, every text field another one each time; the buttons take turns."""
    step = max(1, len(form.texts))
    for turn, at in enumerate(range(0, len(texts) if form.texts else 1, step)):
        words = {name: texts[(at + n) % len(texts)] for n, name in enumerate(form.texts)}
        sent = [(name, words.get(name, value)) for name, value in form.fields]
        if form.buttons:
            sent.append(form.buttons[turn % len(form.buttons)])
        yield sent


def send(client: FlaskClient, form: Form, texts: list[str]) -> Iterator[tuple[str, str]]:
    """(name, HTML) of each answer that is a page; what fails or leads elsewhere raises."""
    for sent in filled(form, texts):
        body = urlencode([(name, value.encode("utf-8", "surrogatepass")) for name, value in sent])
        if form.method == "post":
            answer = client.post(
                form.action,
                data=body,
                content_type="application/x-www-form-urlencoded",
                headers={"Sec-Fetch-Site": "same-origin"},
            )
        else:
            answer = client.get(f"{form.action.partition('?')[0]}?{body}")
        assert answer.status_code < 500, (form, sent, answer.text)
        leads = urlsplit(answer.headers.get("Location", ""))
        assert leads.netloc in ("", "localhost"), (form, sent, answer.headers["Location"])
        assert not leads.path.startswith("//"), answer.headers["Location"]
        assert "Content-Security-Policy" in answer.headers
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        if answer.mimetype == "text/html" and answer.status_code != 303:
            yield f"{form.method} {form.action} {sent}"[:300], answer.get_data(as_text=True)
