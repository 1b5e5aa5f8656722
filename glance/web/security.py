"""Settings, Security: the password, who is signed in, tokens for programs, and which dashboards are public."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, make_response, redirect, request, url_for

from glance import passwords
from glance.errors import Conflict, FieldError, Invalid, NotFound
from glance.store.owner import KEEP_S
from glance.store.tokens import PLAIN_SCOPES, Token
from glance.web import runtime
from glance.web.door import pages
from glance.web.door.guard import the_door
from glance.web.public import address_of
from glance.web.settings import page
from glance.web.speech import sentence_of
from glance.web.user_agents import device

blueprint = Blueprint("security", __name__)

DAY_S = 86_400
LASTS = (("", "Never"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year"))
WORDS = {
    "read": "See dashboards, data and devices",
    "refresh": "Fetch anew: all that a button needs",
    "write": "Change dashboards and widgets",
    "admin": "Tokens, credentials, settings and code",
}


@blueprint.get("/settings/security")
def security() -> str:
    """Password, sessions, tokens and public dashboards."""
    return _page()


@blueprint.post("/settings/security/password")
def change_password() -> Response:
    """Set the password (again); ends every session and opens a new one for this browser."""
    door = the_door()
    if door.settings.auth != "password" or door.owner.given_by_environment:
        raise NotFound("The password of this Glance does not come from the browser, so it cannot be changed here.")
    errors = pages.new_password_errors()
    before: str | None = ""
    if door.owner.has_password():
        wait_s = door.wait_s()
        if wait_s:
            raise pages.too_many(wait_s)
        before = door.owner.proven(request.form.get("current", ""))
        if before is None:
            errors.insert(0, FieldError("current", "That is not the current password."))
        else:
            door.was_right()
    if errors:
        return make_response(_page(errors), 422)
    proof = door.owner.set_password(request.form["password"], instead_of=before)
    if proof is None:
        raise Conflict("Another password was set in the meantime, so nothing was changed here. Sign in with that one.")
    runtime().hub.stir()
    session = g.passed.session if g.passed is not None else None
    return pages.enter(
        door, url_for("security.security", done="password"), keep=session is None or session.keep, proof=proof
    )


@blueprint.post("/settings/security/sessions/end")
def end_sessions() -> Response:
    """Sign out one browser (`session` is its id) or, with `others`, every one but this."""
    owner = the_door().owner
    here = g.passed.session if g.passed is not None else None
    wanted = request.form.get("session", "")
    if wanted == "others" and here is not None:
        owner.end_other_sessions(here.id)
    elif not wanted.isascii() or not wanted.isdigit() or not owner.end_session(int(wanted[:18])):
        raise NotFound("This session has ended already.")
    runtime().hub.stir()
    return _back()


@blueprint.post("/settings/security/tokens")
def make_token() -> Response:
    """Make a token and show its value, this once."""
    rt = runtime()
    lasts = request.form.get("days", "")
    days = int(lasts) if lasts in [value for value, _ in LASTS] and lasts else None
    scopes = [scope for scope in PLAIN_SCOPES if scope in request.form.getlist("scope")]
    scopes += [f"push:{name}" for name in request.form.getlist("push") if name]
    scopes += [f"ingest:{name.strip()}" for name in request.form.get("ingest", "").split(",") if name.strip()]
    try:
        token, value = rt.tokens.make(
            request.form.get("name", ""), scopes, None if days is None else rt.tokens.now() + days * DAY_S
        )
    except Invalid as error:
        errors = [FieldError(fault.field.partition(".")[0], sentence_of(fault.message)) for fault in error.errors]
        return make_response(_page(errors), 422)
    return make_response(_page(made=(token, value)))


@blueprint.post("/settings/security/tokens/revoke")
def revoke_token() -> Response:
    """Revoke a token (`token` is its id); its open sockets close."""
    rt = runtime()
    wanted = request.form.get("token", "")
    if not wanted.isascii() or not wanted.isdigit():
        raise NotFound("There is no such token; it may have been revoked already.")
    rt.tokens.revoke(int(wanted[:18]))
    rt.hub.stir()
    return _back()


@blueprint.post("/settings/security/public")
def share() -> Response:
    """Make a dashboard (`dashboard` is its slug) public or take it back, by `public` = 1 or 0."""
    rt = runtime()
    changes: dict[str, Any] = {"is_public": request.form.get("public") == "1"}
    try:
        saved = rt.dashboards.update(request.form.get("dashboard", ""), changes)
    except Conflict as error:
        return make_response(_page([FieldError("public", error.sentence)]), 422)
    rt.hub.mark_page(saved.slug)
    return _back()


def _back() -> Response:
    return make_response(redirect(url_for("security.security"), 303))


def _page(errors: list[FieldError] | None = None, made: tuple[Token, str] | None = None) -> str:
    rt, door = runtime(), the_door()
    passed = g.passed
    here = passed.session if passed is not None else None
    sessions = door.owner.sessions() if door.owner.has_password() else []
    return page(
        "security",
        errors={error.field: error.message for error in errors or []},
        auth=door.settings.auth,
        proxy_header=door.settings.proxy_header,
        way=passed.way if passed is not None else "",
        user=passed.user if passed is not None else "",
        from_environment=door.owner.given_by_environment,
        has_password=door.owner.has_password(),
        changed_at=door.owner.password_changed_at(),
        sessions=[
            (session, device(session.user_agent), here is not None and session.id == here.id) for session in sessions
        ],
        keep_days=round(KEEP_S / DAY_S),
        token_set=bool(door.settings.api_token),
        least=passwords.LEAST_CHARACTERS,
        done=request.args.get("done", ""),
        now=door.owner.now(),
        **_tokens(made),
        shared=[(one, address_of(one)) for one in rt.dashboards.all() if not one.is_template],
    )


def _tokens(made: tuple[Token, str] | None) -> dict[str, Any]:
    """What the panel of tokens shows; `made` is the one just made, with its value."""
    rt = runtime()
    pushed = []
    for widget in rt.widgets.all():
        definition = rt.definitions.find(widget.custom_widget)
        source = widget.params.get("data_source") or {}
        if definition is not None and "push" in (definition.kind, source.get("kind")):
            pushed.append((widget.id, widget.title or definition.name))
    return {
        "tokens": [(token, sorted(token.scopes), rt.tokens.is_expired(token)) for token in rt.tokens.all()],
        "made": made,
        "scopes": [(scope, WORDS[scope]) for scope in PLAIN_SCOPES],
        "pushed": pushed,
        "devices": sorted(found.id for found in rt.devices.all()),
        "lasts": LASTS,
        "form": request.form if made is None and request.method == "POST" else {},
    }
