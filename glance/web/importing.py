"""Importing a dashboard in the browser: a file is shown first, then added beside what is there."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from glance import schemas
from glance.errors import GlanceError
from glance.web.api import body
from glance.web.api.import_plan import Plan, plan_import
from glance.web.api.importing import DOCUMENT, carry_out
from glance.web.speech import counted

Answer = str | Response | tuple[str, int]


def import_form() -> Answer:
    """The form; `do=preview` says what the file would do, `do=import` does it."""
    if request.method == "GET":
        return _show("", None, [])
    text = _text()
    document, faults = _read(text)
    if faults:
        return _show(text, None, faults), 422
    plan = plan_import(document)
    if plan.faults:
        return _show(text, plan, [f"{fault.field} {fault.message}." for fault in plan.faults]), 422
    if request.form.get("do") != "import":
        return _show(text, plan, [])
    hosts = _hosts(plan)
    if hosts and request.form.get("agree") != " ".join(hosts):
        return _show(text, plan, [], unagreed=True), 422
    made, _ = carry_out(plan, document["dashboard"], hosts)
    return redirect(url_for("pages.dashboard", slug=made.slug), 303)


def _text() -> str:
    """The chosen file, else what stands in the text field."""
    file = request.files.get("file")
    if file is not None and file.filename:
        return file.stream.read(body.MAX_BYTES + 1).decode("utf-8", "replace")
    return request.form.get("document", "")


def _read(text: str) -> tuple[dict[str, Any], list[str]]:
    """The document, or sentences why it is none."""
    if not text.strip():
        return {}, ["Choose a file that Glance exported, or paste its text."]
    if len(text.encode("utf-8", "replace")) > body.MAX_BYTES:
        return {}, ["The file is larger than 5 MB; an export of Glance never is."]
    try:
        document = body.parse(text.encode("utf-8", "surrogatepass"))
    except GlanceError as error:
        return {}, [error.sentence.replace("The body", "The file")]
    faults = [f"{path or 'The file'} {sentence}." for path, sentence in schemas.faults(DOCUMENT, document)]
    return (document, []) if not faults else ({}, faults)


def _hosts(plan: Plan) -> list[str]:
    """Every host that what is imported names: its new custom widgets in their sources, its widgets in their params."""
    return list(dict.fromkeys([*(host for some in plan.hosts.values() for host in some), *plan.widget_hosts]))


def _show(text: str, plan: Plan | None, faults: list[str], unagreed: bool = False) -> str:
    return render_template(
        "import.html",
        current=None,
        document=text,
        plan=plan,
        faults=faults,
        lines=_lines(plan) if plan is not None and not faults else [],
        hosts=_hosts(plan) if plan is not None and not faults else [],
        unagreed=unagreed,
    )


def _lines(plan: Plan) -> list[str]:
    """What the import would do, one sentence each."""
    lines = [f"A dashboard “{plan.title}” at /d/{plan.slug}, with {counted(len(plan.widgets), 'widget')}."]
    if plan.slug != plan.wanted_slug:
        lines.append(f"Its address becomes /d/{plan.slug}, because /d/{plan.wanted_slug} is taken.")
    if plan.create:
        lines.append(f"New custom widgets: {', '.join(plan.create)}.")
    coded = [slug for slug, manifest in plan.create.items() if "server_code" in manifest]
    if coded:
        lines.append(f"Brings code, which runs caged, and only while widget code is turned on: {', '.join(coded)}.")
    lines += [
        f"The custom widget {old} becomes {new}, because another one has that name."
        for old, new in plan.renamed.items()
    ]
    if plan.missing:
        lines.append(f"Not there, so their widgets stay empty: {', '.join(plan.missing)}.")
    if plan.secrets:
        lines.append(
            f"{counted(len(plan.secrets), 'secret').capitalize()} must be entered again; an export never holds them."
        )
    return lines
