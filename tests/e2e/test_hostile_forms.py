"""Hostile strings through every field of every form, and a table that leaves no field out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest

from glance import passwords
from glance.definition import MANIFEST as MANIFEST_SCHEMA
from tests.e2e import hostile_fields as fields
from tests.e2e.hostile_fields import ROUND, Tried, some
from tests.e2e.hostile_forms import (
    ORIGIN,
    Form,
    all_at_once,
    each_alone,
    filled,
    forms_of,
    place_of,
    rule_of,
    send,
    unfolded,
)  # fmt: skip
from tests.e2e.hostile_shown import Shown
from tests.e2e.hostile_small import IMPORTED, Small

pytestmark = pytest.mark.timeout(3600 * 4 if ROUND else 240)
ELSEWHERE = {"REMOTE_ADDR": "192.168.1.9"}
# Whoever sends these is somebody else afterwards.
LEAVING = ("POST /logout", "POST /settings/security/sessions/end", "POST /settings/security/password")
# A form whose fields are all filled in at once takes each string in the round, every so many of them in the suite.
TOGETHER = 1 if ROUND else 69
# Where one of these is wrong, nothing else is looked at.
ALONE = ("do", "csrf_token")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    """One that nobody has set up yet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "SCRYPT_N", 2**4)
        made = Small(tmp_path_factory.mktemp("fresh"), with_password=False)
        yield made
        made.runtime.stop()


@pytest.fixture(scope="module")
def forms(small: Small) -> list[tuple[str, Form]]:
    """(page, form), each different form once."""
    found = {
        (rule_of(small.app.url_map, form), tuple(map(place_of, form.names))): (page, form)
        for page, form in drawn(small)
    }
    return list(found.values())


def drawn(small: Small) -> Iterator[tuple[str, Form]]:
    """(page, form) of every form on every page, each as it is unfolded, those behind a first step too."""
    owner, stranger = small.owner(), small.app.test_client()
    for page in small.pages():
        for form in forms_of(page, owner.get(page).get_data(as_text=True)):
            yield from ((page, one) for one in unfolded(owner, form))
    for form in forms_of("/login", stranger.get("/login").get_data(as_text=True)):
        yield "/login", form
    sent = {"do": "preview", "document": json.dumps(IMPORTED)}
    answer = owner.post("/dashboards/import", data=sent, headers=ORIGIN)
    yield from (("/dashboards/import", form) for form in forms_of("/dashboards/import", answer.get_data(as_text=True)))
    owner.post("/dashboards/empty/demo", headers=ORIGIN)
    edit = "/dashboards/empty/edit"
    yield from ((edit, form) for form in forms_of(edit, owner.get(edit).get_data(as_text=True)))
    small.things()


def of_setup(fresh: Small) -> Form:
    """The form of the first run, as it is from another computer."""
    page = fresh.app.test_client().get("/setup", environ_overrides=ELSEWHERE).get_data(as_text=True)
    return forms_of("/setup", page)[0]


def test_every_field_of_every_form_has_a_row(small: Small, fresh: Small, forms: list[tuple[str, Form]]) -> None:
    found: dict[str, set[str]] = {"POST /setup": set(of_setup(fresh).names)}
    for _, form in forms:
        found.setdefault(rule_of(small.app.url_map, form), set()).update(map(place_of, form.names))
    assert found == fields.table(fields.FORMS)
    posts = {f"POST {rule.rule}" for rule in small.app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    assert {post for post in posts if "/api" not in post} <= {*found, *fields.table(fields.BUTTONS)}


def test_everything_that_is_read_of_a_request_has_a_row() -> None:
    assert fields.asked_of_requests("args") == fields.words(fields.QUERY)
    assert fields.asked_of_requests("headers") == fields.words(fields.HEADERS)
    in_forms = {name for names in fields.table(fields.FORMS).values() for name in names}
    later = {name for names in fields.table(fields.LATER).values() for name in names}
    assert fields.asked_of_requests("form") - in_forms == later
    assert fields.asked_of_requests("files") <= in_forms
    assert fields.api_fields() == fields.table(fields.API)
    assert set(MANIFEST_SCHEMA["properties"]) == fields.words(fields.MANIFEST)


def test_every_field_of_every_form_gives_them_back_as_text(
    small: Small, shown: Shown, forms: list[tuple[str, Form]], texts: list[str], tried: Tried
) -> None:
    owner, stranger = small.owner(), small.app.test_client()
    alone, together = set[tuple[str, str]](), set[tuple[str, str]]()

    def ask(rule: str, page: str, form: Form, sent: list[tuple[str, str]], words: dict[str, str]) -> None:
        client = small.owner() if rule in LEAVING else stranger if page == "/login" else owner
        shown.take(send(client, form, sent), (rule, words))
        for name, text in words.items():
            tried.at(f"{rule} {place_of(name)}", text)
        small.things()

    for turn, (page, form) in enumerate(forms):
        rule = rule_of(small.app.url_map, form)
        for names in (form.texts, [name for name in form.picks if name not in ALONE] if ROUND else []):
            brings_more = not {(rule, place_of(name)) for name in names} <= alone
            for number in range(turn % TOGETHER, len(texts), TOGETHER) if names and (brings_more or not ROUND) else ():
                words, sent = all_at_once(form, names, texts, number)
                together |= {(rule, place_of(name)) for name in words}
                ask(rule, page, form, sent, words)
        for name in form.names:
            if (rule, place_of(name)) not in alone:
                alone.add((rule, place_of(name)))
                # In the round most have had each of them together with others, who may have been refused first.
                given = some(texts, len(alone), len(texts))[:: 8 if ROUND and (rule, place_of(name)) in together else 1]
                for text, sent in zip(given, each_alone(form, name, given), strict=True):
                    ask(rule, page, form, sent, {name: text})
                    if name not in ALONE:
                        shown.take(owner.get(page), (page, name, text))
        for name in fields.table(fields.LATER).get(rule, ()):
            if (rule, name) not in alone:
                alone.add((rule, name))
                for number, text in enumerate(some(texts, turn, 40)):
                    ask(rule, page, form, filled(form, {name: text}, number), {name: text})
    for page in small.pages():
        shown.take(owner.get(page), page)
    rows = fields.table(fields.FORMS)
    assert len(alone) == sum(map(len, rows.values())) - len(rows["POST /setup"]) + len(fields.table(fields.LATER))
    assert shown.all_faults() == []


def test_the_first_run_gives_them_back_as_text(fresh: Small, shown: Shown, texts: list[str], tried: Tried) -> None:
    form = of_setup(fresh)
    client = fresh.app.test_client()
    for number, name in enumerate(form.names):
        given = some(texts, number, 16)
        for text, sent in zip(given, each_alone(form, name, given), strict=True):
            body = urlencode([(key, value.encode("utf-8", "surrogatepass")) for key, value in sent])
            kind = "application/x-www-form-urlencoded"
            how = {"content_type": kind, "headers": ORIGIN, "environ_overrides": ELSEWHERE}
            shown.take(client.post("/setup", data=body, **how), ("/setup", name, text))
            address = "/setup?next=" + quote(text.encode("utf-8", "surrogatepass"))
            shown.take(client.get(address, environ_overrides=ELSEWHERE), address)
            tried.at(f"POST /setup {name}", text)
    assert not fresh.runtime.owner.has_password()
    assert shown.all_faults() == []
