"""Errors as answers: problem+json for programs, pages for people, notes for htmx; never a trace, never a secret."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, abort, g
from flask.testing import FlaskClient
from werkzeug.exceptions import Forbidden, RequestEntityTooLarge, TooManyRequests, Unauthorized

from glance.errors import Conflict, FetchError, FieldError, Invalid, PreconditionFailed, Unavailable, Unreadable
from glance.errors import NotFound as NotThere
from glance.icons import Icons
from glance.web import assets, problems

SECRET = "hunter2-in-a-variable"


def boom() -> None:
    password = SECRET
    raise RuntimeError(f"secret detail {password}")


RAISED: dict[str, Callable[[], Any]] = {
    "not-there": lambda: _throw(NotThere("There is no widget with that id.")),
    "invalid": lambda: _throw(
        Invalid(
            "Two fields do not fit.",
            [FieldError("params.url", "This is not an address."), FieldError("title", "Say something.")],
        )
    ),
    "unreadable": lambda: _throw(Unreadable("The body is not JSON.")),
    "conflict": lambda: _throw(Conflict("It is in use.")),
    "stale": lambda: _throw(PreconditionFailed("Somebody changed it.", {"title": "Now"})),
    "busy": lambda: _throw(Unavailable("The database is locked by another program.")),
    "upstream": lambda: _throw(FetchError("The source answered 500.", kind="status")),
    "slow": lambda: _throw(FetchError("The source did not answer within 8 s.", kind="timeout")),
    "limited": lambda: _throw(FetchError("The source asks for a pause.", kind="status", retry_after_s=40)),
    "boom": boom,
    "abort": lambda: abort(404),
    "forbidden": lambda: _throw(Forbidden("This needs the scope write.")),
    "large": lambda: _throw(RequestEntityTooLarge()),
    "many": lambda: _throw(TooManyRequests("Too many.", retry_after=7)),
    "many-more": lambda: _throw(TooManyRequests("Too many.")),
    "who": lambda: _throw(Unauthorized("Sign in.")),
}


def _throw(error: Exception) -> None:
    raise error


@pytest.fixture
def client() -> FlaskClient:
    app = Flask("glance.web", template_folder=str(assets.FOLDER.parent / "templates"), static_folder=None)
    assets.install(app, Icons())
    problems.init_app(app, None)  # type: ignore[arg-type]

    def view(name: str) -> Any:
        g.passed = object()
        return RAISED[name]()

    app.add_url_rule("/api/<name>", "api.view", view)
    app.add_url_rule("/page/<name>", "page.view", view, methods=["GET", "POST"])
    return app.test_client()


@pytest.mark.parametrize(
    ("name", "status", "detail"),
    [
        ("not-there", 404, "There is no widget with that id."),
        ("invalid", 422, "Two fields do not fit."),
        ("unreadable", 400, "The body is not JSON."),
        ("conflict", 409, "It is in use."),
        ("stale", 412, "Somebody changed it."),
        ("busy", 503, "The database is locked by another program."),
        ("upstream", 502, "The source answered 500."),
        ("slow", 504, "The source did not answer within 8 s."),
        ("abort", 404, "There is nothing at this address."),
        ("forbidden", 403, "This needs the scope write."),
        ("large", 413, "The body is larger than Glance takes (5 MB)."),
        ("many", 429, "Too many."),
        ("who", 401, "Sign in."),
        ("boom", 500, problems.UNEXPECTED),
    ],
)
def test_under_api_every_error_is_a_problem_with_its_sentence(
    client: FlaskClient, name: str, status: int, detail: str
) -> None:
    answer = client.get(f"/api/{name}")
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert answer.json is not None
    assert answer.json["status"] == status
    assert answer.json["detail"] == detail
    assert answer.json["type"] == "about:blank"
    assert answer.json["title"]


def test_a_problem_names_each_field(client: FlaskClient) -> None:
    answer = client.get("/api/invalid").json
    assert answer is not None
    assert answer["errors"] == [
        {"field": "params.url", "message": "This is not an address."},
        {"field": "title", "message": "Say something."},
    ]


def test_a_stale_change_carries_what_is_there_now(client: FlaskClient) -> None:
    answer = client.get("/api/stale").json
    assert answer is not None
    assert answer["current"] == {"title": "Now"}


@pytest.mark.parametrize(("name", "wait"), [("busy", "5"), ("limited", "40"), ("many", "7"), ("many-more", "60")])
def test_what_may_be_tried_again_says_when(client: FlaskClient, name: str, wait: str) -> None:
    assert client.get(f"/api/{name}").headers["Retry-After"] == wait
    assert client.get(f"/page/{name}").headers["Retry-After"] == wait


def test_a_wrong_method_names_the_right_ones(client: FlaskClient) -> None:
    answer = client.delete("/api/boom")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_an_unexpected_error_is_logged_once_and_shown_to_nobody(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answers = [
            client.get("/api/boom"),
            client.get("/page/boom"),
            client.get("/page/boom", headers={"HX-Request": "true"}),
        ]
    for answer in answers:
        assert answer.status_code == 500
        assert "Traceback" not in answer.text
        assert "RuntimeError" not in answer.text
        assert SECRET not in answer.text
        assert "the log of the server says what" in answer.text
    assert len(caplog.records) == 3
    assert "RuntimeError" in (caplog.records[0].exc_text or caplog.text)


@pytest.mark.parametrize(
    ("name", "status", "headline"),
    [
        ("not-there", 404, "There is nothing at this address"),
        ("forbidden", 403, "This is not allowed"),
        ("busy", 503, "Glance cannot do this right now"),
        ("boom", 500, "Something went wrong"),
        ("invalid", 422, "That did not work"),
    ],
)
def test_people_get_a_page_that_says_what_happened(client: FlaskClient, name: str, status: int, headline: str) -> None:
    answer = client.get(f"/page/{name}")
    assert answer.status_code == status
    assert answer.mimetype == "text/html"
    assert f"<h1>{headline}</h1>" in answer.text
    assert 'class="eye"' in answer.text
    assert "style=" not in answer.text
    assert 'href="/"' in answer.text


def test_an_address_that_does_not_exist_is_a_page_and_under_api_a_problem(client: FlaskClient) -> None:
    assert "There is nothing at this address" in client.get("/nothing").text
    assert client.get("/api").content_type == "application/problem+json"


def test_a_program_is_known_by_what_it_accepts(client: FlaskClient) -> None:
    for accept in ("application/json", "application/problem+json", "application/json, */*"):
        assert client.get("/page/boom", headers={"Accept": accept}).content_type == "application/problem+json"
    browser = "text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8"
    assert client.get("/page/boom", headers={"Accept": browser}).mimetype == "text/html"


def test_htmx_gets_a_note_instead_of_a_page(client: FlaskClient) -> None:
    answer = client.post("/page/invalid", headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert answer.text.startswith('<div class="note is-bad" role="alert">')
    assert "This is not an address." in answer.text
    assert "<html" not in answer.text


def test_a_sentence_from_outside_is_text_not_markup(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = "<script>alert(1)</script>"
    monkeypatch.setitem(RAISED, "hostile", lambda: _throw(NotThere(hostile)))
    assert hostile not in client.get("/page/hostile").text
    assert hostile not in client.get("/page/hostile", headers={"HX-Request": "true"}).text
    problem = client.get("/api/hostile").json
    assert problem is not None
    assert problem["detail"] == hostile


def test_half_a_character_in_a_sentence_breaks_no_answer(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RAISED, "half", lambda: _throw(NotThere("a \ud800 b")))
    assert client.get("/api/half").status_code == 404
    assert client.get("/page/half").status_code == 404


def test_where_even_the_page_fails_a_sentence_remains(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problems, "_look", lambda status: (_ for _ in ()).throw(KeyError("look")))
    answer = client.get("/page/not-there")
    assert answer.status_code == 404
    assert "There is no widget with that id." in answer.text
