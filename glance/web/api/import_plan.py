"""What an import would do: every part of the document checked, nothing changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from glance import guard
from glance import params as widget_params
from glance.definition import Definition, cron_fault
from glance.errors import FieldError, GlanceError, Invalid
from glance.registry import manifest_of
from glance.store.dashboards import slug_of
from glance.web import runtime
from glance.web.api import schemas

# Kinds of sources that ask no host, and whose cards show no pictures.
ASK_NOBODY = ("series", "system")


@dataclass(slots=True)
class Plan:
    """What an import would do; `faults` empty = it can be done.

    `hosts` are those that each new custom widget names, `widget_hosts` those in the params of the widgets.
    """

    slug: str
    wanted_slug: str
    title: str
    create: dict[str, dict[str, Any]] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    secrets: list[dict[str, Any]] = field(default_factory=list)
    widgets: list[dict[str, Any]] = field(default_factory=list)
    hosts: dict[str, list[str]] = field(default_factory=dict)
    widget_hosts: list[str] = field(default_factory=list)
    faults: list[FieldError] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        """The plan as `?preview=1` answers it."""
        renamed = self.wanted_slug if self.wanted_slug != self.slug else None
        return {
            "can_import": not self.faults,
            "dashboard": {"slug": self.slug, "title": self.title, "renamed_from": renamed},
            "widgets": [{"title": item["title"], "custom_widget": item["custom_widget"]} for item in self.widgets],
            "custom_widgets": {
                "created": list(self.create),
                "renamed": [{"from": old, "to": new} for old, new in self.renamed.items()],
                "used": self.used,
                "missing": self.missing,
            },
            "secrets": self.secrets,
            "hosts": {"custom_widgets": self.hosts, "widgets": self.widget_hosts},
            "faults": [{"field": fault.field, "message": fault.message} for fault in self.faults],
        }


def plan_import(document: dict[str, Any]) -> Plan:
    """Check everything; nothing is changed."""
    rt = runtime()
    dashboard = document["dashboard"]
    wanted = dashboard.get("slug") or slug_of(dashboard["title"])
    taken = {item.slug for item in rt.dashboards.all()}
    plan = Plan(slug=free(wanted, taken), wanted_slug=wanted, title=dashboard["title"])
    arriving = _plan_definitions(plan, document.get("custom_widgets", []))
    for number, item in enumerate(document["widgets"]):
        _plan_widget(plan, number, item, arriving)
    _refuse_overlap(plan, document["widgets"])
    return plan


def free(wanted: str, taken: Iterable[str]) -> str:
    """The slug itself, or the first with a number behind it that nothing has."""
    known = set(taken)
    number, slug = 2, wanted
    while slug in known:
        slug = f"{wanted[:55]}-{number}"
        number += 1
    return slug


def _plan_definitions(plan: Plan, manifests: list[dict[str, Any]]) -> dict[str, Definition]:
    """Decide for each definition in the document: made, used as it is, or made under another slug."""
    registry = runtime().definitions
    taken = {item.slug for item in registry.all()} | {item.slug for item in registry.broken()}
    arriving: dict[str, Definition] = {}
    for number, whole in enumerate(manifests):
        manifest = {key: value for key, value in whole.items() if key != "slug"}
        old, there = whole["slug"], registry.find(whole["slug"])
        if old in arriving:
            plan.faults.append(FieldError(f"custom_widgets.{number}.slug", "is named twice"))
            continue
        if there is not None and manifest_of(there) == manifest:
            plan.used.append(old)
            arriving[old] = there
            continue
        slug = free(old, taken)
        try:
            arriving[old] = registry.check(slug, manifest)
        except Invalid as error:
            plan.faults += _under(f"custom_widgets.{number}", error)
            continue
        plan.create[slug] = manifest
        plan.hosts[slug] = guard.named(manifest)
        taken.add(slug)
        if slug != old:
            plan.renamed[old] = slug
    return arriving


def _plan_widget(plan: Plan, number: int, item: dict[str, Any], arriving: dict[str, Definition]) -> None:
    slug = item["custom_widget"]
    definition = arriving.get(slug) or runtime().definitions.find(slug)
    if definition is None:
        if slug not in plan.missing:
            plan.missing.append(slug)
        message = "names a custom widget that is not here; install its folder first"
        plan.faults.append(FieldError(f"widgets.{number}.custom_widget", message))
        return
    if slug not in arriving and slug not in plan.used:
        plan.used.append(slug)
    try:
        params, needed = _checked_params(definition, item.get("params", {}))
    except Invalid as error:
        plan.faults += _under(f"widgets.{number}", error)
        return
    schedule = item.get("schedule")
    fault = cron_fault(schedule) if schedule is not None else None
    if fault:
        plan.faults.append(FieldError(f"widgets.{number}.schedule", fault))
    for host in sorted(guard.to_agree(_asking(definition, params))):
        if host not in plan.widget_hosts:
            plan.widget_hosts.append(host)
    for path in needed:
        plan.secrets.append({"widget": number, "title": item["title"], "param": path})
    plan.widgets.append({**item, "custom_widget": definition.slug, "params": params})


def _asking(definition: Definition, params: dict[str, Any]) -> dict[str, Any]:
    """The params that may say whom a widget asks: not the names of sensors, nor how an answer is read."""
    kind, part = definition.kind, params
    if kind == "any":
        source = params.get("data_source")
        part = {key: value for key, value in source.items() if key != "pick"} if isinstance(source, dict) else {}
        kind = str(part.get("kind"))
    return {} if kind in ASK_NOBODY else part


def _checked_params(definition: Definition, given: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The params without secrets, and the paths of the secrets that were set where the document comes from."""
    schema = widget_params.resolved(definition.params, given, runtime().placing.forms)
    secret_paths = set(widget_params.secret_paths(schema))
    needed = [path for path in sorted(secret_paths) if _is_mark(_at(given, path))]
    plain, _ = widget_params.take_secrets(schema, given)
    try:
        widget_params.parse(definition.params, plain, forms=runtime().placing.forms)
    except Invalid as error:
        other = [fault for fault in error.errors if fault.field.removeprefix("params.") not in secret_paths]
        if other:
            raise Invalid(error.sentence, other) from error
    return plain, needed


def _refuse_overlap(plan: Plan, items: list[dict[str, Any]]) -> None:
    cells: set[tuple[int, int]] = set()
    for number, item in enumerate(items):
        at = item["position"]
        if at["x"] + at["w"] - 1 > schemas.GRID_COLUMNS:
            message = f"must keep the widget within {schemas.GRID_COLUMNS} columns"
            plan.faults.append(FieldError(f"widgets.{number}.position", message))
            continue
        own = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        if own & cells:
            plan.faults.append(FieldError(f"widgets.{number}.position", "lies over another widget"))
        cells |= own


def _under(place: str, error: GlanceError) -> list[FieldError]:
    """The faults of an inner check, at their place in the document."""
    inner = error.errors if isinstance(error, Invalid) and error.errors else [FieldError("", error.sentence)]
    return [FieldError(f"{place}.{fault.field}".rstrip("."), fault.message) for fault in inner]


def _at(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _is_mark(value: Any) -> bool:
    return bool(value == {"set": True})
