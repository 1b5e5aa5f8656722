"""The pages of the door: first run, sign in, sign out."""

from __future__ import annotations

import math

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import Forbidden, TooManyRequests

from glance import passwords
from glance.errors import Conflict, FieldError
from glance.web.door import access, cookies, csrf, guard
from glance.web.door.guard import Door, the_door

blueprint = Blueprint("door", __name__)


@blueprint.get("/login")
def login() -> Response:
    """The login page; whoever has a pass already goes on."""
    door = the_door()
    elsewhere = _nothing_to_sign_in_to(door)
    return elsewhere or _login_page()


@blueprint.post("/login")
def sign_in() -> Response:
    """Check the password and open a session with a new token."""
    door = the_door()
    elsewhere = _nothing_to_sign_in_to(door)
    if elsewhere is not None:
        return elsewhere
    # read first: a body that breaks off is no try
    given = request.form.get("password", "")
    wait_s = door.wait_s()
    if wait_s:
        return _login_page(_pause_sentence(wait_s), 429, wait_s)
    proof = door.owner.proven(given)
    if proof is None:
        left = door.tries_left()
        tries = "No try" if left == 0 else "1 try" if left == 1 else f"{left} tries"
        return _login_page(f"That password did not match. {tries} left before a 5 minute pause.", 401)
    door.was_right()
    try:
        return enter(door, guard.safe_next(request.form.get("next", "")), _wants_to_stay(), proof)
    except Conflict as error:
        return _login_page(error.sentence, 401)


@blueprint.get("/setup")
def setup() -> Response:
    """The first-run page: choose a password, or (on this computer) to do without."""
    return _no_setup_any_more(the_door()) or _setup_page()


@blueprint.post("/setup")
def set_up() -> Response:
    """Set the first password, or choose to do without; from elsewhere only with the setup code."""
    door = the_door()
    elsewhere = _no_setup_any_more(door)
    if elsewhere is not None:
        return elsewhere
    if not (csrf.proven_by_token(request) or csrf.proven_by_browser(door.hosts, request)):
        raise Forbidden("This form is out of date, so nothing was changed. Load the page again.")
    if request.form.get("do") == "local":
        return _do_without(door)
    errors = new_password_errors()
    if not access.is_local(request):
        wait_s = door.wait_s()
        if wait_s:
            return _setup_page([FieldError("code", _pause_sentence(wait_s))], 429, wait_s)
        if not door.code_is(request.form.get("code", "")):
            errors.append(
                FieldError(
                    "code", "That is not the setup code. It stands in the log, and is a new one after each start."
                )
            )
        else:
            door.was_right()
    if errors:
        return _setup_page(errors, 422)
    proof = door.owner.set_password(request.form["password"], first=True)
    if proof is None:
        raise Forbidden(
            "Glance was set up in the meantime, in another window or by somebody else. Load the page again."
        )
    return enter(door, guard.safe_next(request.form.get("next", "")), keep=True, proof=proof)


@blueprint.post("/logout")
def logout() -> Response:
    """End this session."""
    passed = g.passed
    if passed is not None and passed.session is not None:
        the_door().owner.end_session(passed.session.id)
        the_door().stir()
    response = make_response(redirect(url_for("door.login"), 303))
    cookies.take_session(response)
    return response


def enter(door: Door, target: str, keep: bool, proof: str) -> Response:
    """Open a session for this browser, with a token of its own (never the cookie it came with), and go on.

    `proof` is what the password was proven by; Conflict where another one was set since.
    """
    token = door.owner.open_session(request.headers.get("User-Agent", ""), request.remote_addr or "", keep, proof)
    response = make_response(redirect(target, 303))
    cookies.give_session(response, token, keep)
    return response


def new_password_errors() -> list[FieldError]:
    """What is wrong with the fields `password` and `repeat`."""
    password = request.form.get("password", "")
    weakness = passwords.weakness(password)
    if weakness:
        return [FieldError("password", weakness)]
    if request.form.get("repeat", "") != password:
        return [FieldError("repeat", "The two are not the same.")]
    return []


def _do_without(door: Door) -> Response:
    if not access.is_local(request):
        raise Forbidden(
            "Only the computer that Glance runs on, by the name localhost, can choose to do without a password."
        )
    door.owner.choose_local_only()
    return make_response(redirect(request.script_root + "/", 303))


def _nothing_to_sign_in_to(door: Door) -> Response | None:
    """Where the login page has no purpose: on, to the first run, or the reason why not."""
    if g.refusal is not None:
        raise g.refusal
    if g.passed is not None:
        return make_response(redirect(guard.safe_next(request.values.get("next", "")), 303))
    if door.access.first_run():
        return make_response(redirect(url_for("door.setup", next=request.values.get("next") or None), 303))
    return None


def _no_setup_any_more(door: Door) -> Response | None:
    if g.refusal is not None:
        raise g.refusal
    if door.access.first_run():
        return None
    target = request.script_root + "/" if g.passed is not None else url_for("door.login")
    return make_response(redirect(target, 303))


def _login_page(sentence: str = "", status: int = 200, wait_s: float = 0.0) -> Response:
    page = render_template(
        "login.html",
        sentence=sentence,
        from_environment=the_door().owner.given_by_environment,
        next=request.values.get("next", ""),
        host=_host(),
    )
    return _answer(page, status, wait_s)


def _setup_page(errors: list[FieldError] | None = None, status: int = 200, wait_s: float = 0.0) -> Response:
    page = render_template(
        "setup.html",
        errors={error.field: error.message for error in errors or []},
        local=access.is_local(request),
        next=request.values.get("next", ""),
        host=_host(),
        least=passwords.LEAST_CHARACTERS,
    )
    return _answer(page, status, wait_s)


def _answer(page: str, status: int, wait_s: float) -> Response:
    response = make_response(page, status)
    if wait_s:
        response.headers["Retry-After"] = str(math.ceil(wait_s))
    return response


def _wants_to_stay() -> bool:
    """The box on the form, which sends a hidden 0 where it is left empty; a program that sends neither stays."""
    return request.form.getlist("keep")[-1:] != ["0"]


def _pause_sentence(wait_s: float) -> str:
    minutes = math.ceil(wait_s / 60)
    sentence = f"Too many tries. The next one is possible in {minutes} minute{'s' if minutes > 1 else ''}."
    if "X-Forwarded-For" in request.headers and not request.environ.get("glance.trusted", False):
        peer = request.environ.get("glance.peer") or "this address"
        sentence += f" Everybody who comes through the proxy at {peer} counts as one, because GLANCE_TRUSTED_PROXIES does not name it."
    return sentence


def too_many(wait_s: float) -> TooManyRequests:
    """The same pause as an error, for other pages that ask for the password."""
    return TooManyRequests(_pause_sentence(wait_s), retry_after=math.ceil(wait_s))


def _host() -> str:
    return request.host.rpartition(":")[0] if ":" in request.host and not request.host.endswith("]") else request.host
