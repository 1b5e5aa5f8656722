"""Settings, Credentials: shared secrets, the secrets of single widgets, and the hosts that custom widgets made here may ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from glance.credentials import Credential, checked_hosts, users
from glance.definition import Definition
from glance.errors import Conflict, FieldError, Invalid, NotFound
from glance.model import View, Widget
from glance.registry import waiting
from glance.web import runtime
from glance.web.retrying import try_again

blueprint = Blueprint("credentials", __name__)


@dataclass(frozen=True, slots=True)
class Line:
    """One credential as the page lists it: who uses it, and how that goes as (word, status, icon)."""

    credential: Credential
    users: str
    is_used: bool
    state: tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class OwnSecret:
    """A secret param of one widget."""

    widget: Widget
    path: str
    set_at: float
    is_lost: bool


@dataclass(frozen=True, slots=True)
class Asking:
    """A custom widget made here: the hosts it may ask, and those it names that nobody has agreed to."""

    definition: Definition
    agreed: str
    waiting: list[str]
    fault: str = ""


@blueprint.get("/settings/credentials")
def credentials() -> str:
    """The lists and the form."""
    return _page()


@blueprint.post("/settings/credentials")
def store() -> Response:
    """Add a credential, or replace the value, the hosts or both of the one that `replace` names."""
    form, name = request.form, request.form.get("replace", "")
    store_in = runtime().credentials
    try:
        if name:
            store_in.change(name, form.get("value") or None, form.get("hosts", ""))
        else:
            name = store_in.create(form.get("name"), form.get("value"), form.get("hosts", "")).name
    except (Conflict, Invalid) as error:
        faults = (
            error.errors if isinstance(error, Invalid) else [FieldError("name", "is taken already; replace that one")]
        )
        return make_response(_page(faults), 422)
    try_again(users(runtime().definitions.all()).get(name, []))
    return _back()


@blueprint.post("/settings/credentials/remove")
def remove() -> Response:
    """Remove a credential; what asks for it says so from then on."""
    runtime().credentials.delete(request.form.get("name", ""))
    return _back()


@blueprint.post("/settings/credentials/hosts")
def agree() -> Response:
    """Let a custom widget made here ask the hosts in `hosts`, those in `also`, and no others."""
    slug, errors = request.form.get("slug", ""), list[FieldError]()
    wanted = f"{request.form.get('hosts', '')}, {request.form.get('also', '')}"
    hosts = checked_hosts(wanted, errors, any_host=True, needed=False)
    if errors:
        return make_response(_page(fault_of=(slug, errors[0].message)), 422)
    try_again([runtime().definitions.agree(slug, hosts)])
    return _back()


def _page(errors: list[FieldError] | None = None, fault_of: tuple[str, str] = ("", "")) -> str:
    rt = runtime()
    found = rt.credentials.all()
    name = request.form.get("replace") or request.args.get("replace", "")
    replaced = next((one for one in found if one.name == name), None)
    if name and replaced is None:
        raise NotFound("There is no credential with this name.")
    definitions = rt.definitions.all()
    by_name = users(definitions)
    return render_template(
        "credentials.html",
        section="credentials",
        lines=[_line(one, by_name.get(one.name, [])) for one in found],
        replaced=replaced,
        own=_own_secrets(),
        asking=[
            _asking(one, fault_of) for one in definitions if not one.trusted and one.kind not in ("static", "push")
        ],
        form=request.form,
        errors={error.field: error.message for error in errors or []},
        from_environment=bool(rt.settings.secret_key),
    )


def _line(one: Credential, used_by: list[Definition]) -> Line:
    names = ", ".join(sorted(definition.name for definition in used_by)) or "No widget"
    return Line(one, names, bool(used_by), _state(one, used_by))


def _state(one: Credential, used_by: list[Definition]) -> tuple[str, str, str]:
    """How it goes with a credential, as its widgets show."""
    if one.is_lost:
        return "Enter again", "bad", "bad"
    if not used_by:
        return "Unused", "off", "off"
    views = _views(used_by)
    if any(view.failure is not None for view in views):
        return "Fails", "warn", "warn"
    return ("Works", "ok", "ok") if any(view.has_data for view in views) else ("Stored", "off", "ok")


def _views(definitions: list[Definition]) -> list[View]:
    rt = runtime()
    return list(rt.refresher.peek([widget for one in definitions for widget in rt.widgets.using(one.slug)]).values())


def _own_secrets() -> list[OwnSecret]:
    rt = runtime()
    found = rt.credentials.widget_secrets()
    widgets = rt.widgets.many([secret.widget_id for secret, _ in found])
    return [
        OwnSecret(widgets[secret.widget_id], secret.path, secret.set_at, not readable)
        for secret, readable in found
        if secret.widget_id in widgets
    ]


def _asking(definition: Definition, fault_of: tuple[str, str]) -> Asking:
    slug, fault = fault_of
    mine = slug == definition.slug
    agreed = request.form.get("hosts", "") if mine else ", ".join(definition.agreed)
    return Asking(definition, agreed, waiting(definition), fault if mine else "")


def _back() -> Response:
    return make_response(redirect(url_for("credentials.credentials"), 303))


def _shown_path(path: str) -> str:
    """The end of a path within the params, as a word."""
    return path.rpartition(".")[2].replace("_", " ")


@blueprint.app_template_filter("secret_name")
def _secret_name(secret: Any) -> str:
    """What a secret of one widget is called: the widget, then its param."""
    return f"{secret.widget.title or secret.widget.custom_widget} / {_shown_path(secret.path)}"
