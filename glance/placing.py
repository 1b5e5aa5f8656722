"""The one way to make or change a widget: params checked against the definition, secrets put away, a free place found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from glance.definition import MAX_REFRESH_S, Definition, cron_fault
from glance.errors import FieldError, Invalid
from glance.live import Hub
from glance.model import Dashboard, Place, Widget
from glance.params import parse, put_secrets, resolved, secret_paths, take_secrets
from glance.refresh import Refresher
from glance.registry import Registry
from glance.secretbox import SecretBox
from glance.store.dashboards import GRID_COLUMNS, Dashboards
from glance.store.db import Database
from glance.store.widgets import StoredSecret, Widgets

MAX_TITLE = 120
KNOWN_SETTINGS = ("keep_warm",)
STAND_IN = "x" * 16


class Placing:
    """Makes, changes and removes widgets, and tells the refresher and the open pages."""

    def __init__(
        self,
        *,
        db: Database,
        dashboards: Dashboards,
        widgets: Widgets,
        definitions: Registry,
        refresher: Refresher,
        secretbox: SecretBox,
        hub: Hub,
        kinds: Mapping[str, ModuleType],
    ) -> None:
        self._db = db
        self._dashboards = dashboards
        self._widgets = widgets
        self._definitions = definitions
        self._refresher = refresher
        self._secretbox = secretbox
        self._hub = hub
        self._forms = {name: kind.FORM for name, kind in kinds.items() if kind.PICKABLE}

    @property
    def forms(self) -> Mapping[str, Mapping[str, Any]]:
        """The settings forms of the source kinds that a general widget may choose, by kind."""
        return self._forms

    def add(
        self,
        dashboard: str,
        custom_widget: str,
        title: str | None,
        params: Mapping[str, Any],
        place: Place | None = None,
        refresh_interval: int | None = None,
        schedule: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Widget:
        """Check everything and store the widget; Invalid names each field. Without a place it takes the first free one."""
        definition = self._definitions.get(custom_widget)
        errors = _timing_errors(refresh_interval, schedule) + _settings_errors(settings)
        name = _title(title if title else definition.name, errors)
        plain, secrets = self._checked(definition, params, {}, errors)
        if place is not None:
            errors += _place_errors(place, definition)
        if errors:
            raise Invalid(_summary(errors), errors)
        stored = {path: self._stored(value) for path, value in secrets.items() if value is not None}
        with self._db.write():
            self._dashboards.get(dashboard)
            spot = place or self._free_place(dashboard, definition.size_default)
            if place is not None:
                self._refuse_taken(dashboard, place, None)
            widget = self._widgets.create(
                dashboard, custom_widget, name, plain, spot, refresh_interval, schedule, settings, stored
            )
        self._hub.mark_page(dashboard)
        self._refresher.widget_changed(widget)
        return widget

    def change(self, widget_id: str, changes: Mapping[str, Any], if_version: int | None = None) -> Widget:
        """Change title, params (whole; secrets left out are kept), place, refresh_interval, schedule, settings or dashboard."""
        before = self._widgets.get(widget_id)
        # A widget whose definition is broken or missing keeps its place in the owner's hands; only its params must wait.
        find = self._definitions.get if "params" in changes else self._definitions.find
        definition = find(before.custom_widget)
        errors = _timing_errors(changes.get("refresh_interval"), changes.get("schedule"))
        errors += _settings_errors(changes.get("settings"))
        values = {key: value for key, value in changes.items() if key != "params"}
        secrets: dict[str, str | None] = {}
        if "title" in changes:
            values["title"] = _title(changes["title"] or (definition.name if definition else before.title), errors)
        if definition is not None and "params" in changes:
            values["params"], secrets = self._checked(definition, changes["params"], before.secrets_set, errors)
        if "place" in changes:
            errors += _place_errors(changes["place"], definition)
        if errors:
            raise Invalid(_summary(errors), errors)
        stored = {path: self._stored(value) if value is not None else None for path, value in secrets.items()}
        with self._db.write():
            if "dashboard" in changes and changes["dashboard"] != before.dashboard and "place" not in changes:
                values["place"] = self._free_place(changes["dashboard"], (before.place.w, before.place.h))
            elif "place" in changes:
                self._refuse_taken(changes.get("dashboard", before.dashboard), changes["place"], widget_id)
            widget = self._widgets.update(widget_id, values, if_version, stored)
        for slug in (
            {before.dashboard, widget.dashboard}
            if widget.place != before.place or widget.dashboard != before.dashboard
            else ()
        ):
            self._hub.mark_page(slug)
        retimed = (widget.refresh_interval, widget.schedule) != (before.refresh_interval, before.schedule)
        self._refresher.widget_changed(widget, retimed=retimed)
        return widget

    def arrange(self, slug: str, layout: Sequence[Mapping[str, Any]], if_version: int | None = None) -> Dashboard:
        """Move widgets of a dashboard, all or nothing; entries are {id, x, y, w, h}. Invalid names each faulty entry."""
        widgets = self._widgets.many([entry["id"] for entry in layout])
        errors: list[FieldError] = []
        for number, entry in enumerate(layout):
            widget = widgets.get(entry["id"])
            definition = self._definitions.find(widget.custom_widget) if widget else None
            for side, least in zip("wh", definition.size_min if definition else (), strict=False):
                if entry[side] < least:
                    errors.append(FieldError(f"layout.{number}.{side}", f"must be at least {least}"))
        if errors:
            raise Invalid("The layout does not fit; nothing was moved.", errors)
        arranged = self._dashboards.set_layout(slug, layout, if_version)
        self._hub.mark_page(slug)
        return arranged

    def remove(self, widget_id: str, if_version: int | None = None) -> Widget:
        """Delete a widget with everything of its; returns what it was."""
        widget = self._widgets.delete(widget_id, if_version)
        self._refresher.widget_gone(widget_id)
        self._hub.mark_page(widget.dashboard)
        return widget

    def whole_params(self, definition: Definition, given: Any, widget: Widget | None = None) -> dict[str, Any]:
        """Checked params with defaults, and with the secrets that `given` leaves out taken from `widget`; for execute and tests."""
        errors: list[FieldError] = []
        kept = widget.secrets_set if widget else {}
        plain, secrets = self._checked(definition, given, kept, errors)
        if errors:
            raise Invalid(_summary(errors), errors)
        stored = self._widgets.secrets(widget.id) if widget else {}
        known = {path: self._secretbox.decrypt(value) for path, value in stored.items() if path not in secrets}
        return put_secrets(plain, {**known, **{path: value for path, value in secrets.items() if value is not None}})

    def shown_params(self, widget: Widget) -> dict[str, Any]:
        """The params as the API and the form show them: each secret that is set as {"set": true}."""
        return put_secrets(widget.params, {path: {"set": True} for path in widget.secrets_set})

    def _checked(
        self, definition: Definition, given: Any, kept: Mapping[str, float], errors: list[FieldError]
    ) -> tuple[dict[str, Any], dict[str, str | None]]:
        """Plain params and changed secrets; what does not fit joins `errors`. Kept secrets count as given."""
        if not isinstance(given, Mapping):
            errors.append(FieldError("params", "must be an object"))
            return {}, {}
        schema = resolved(definition.params, given, self._forms)
        plain, secrets = take_secrets(schema, given)
        stand_ins = {path: STAND_IN for path in secret_paths(schema) if path in kept and path not in secrets}
        whole = put_secrets(
            plain, {**stand_ins, **{path: value for path, value in secrets.items() if value is not None}}
        )
        try:
            filled = parse(definition.params, whole, forms=self._forms)
        except Invalid as invalid:
            errors += invalid.errors
            return {}, {}
        return take_secrets(schema, filled)[0], secrets

    def _stored(self, value: str) -> StoredSecret:
        return StoredSecret(self._secretbox.encrypt(value), self._secretbox.digest(value))

    def _free_place(self, dashboard: str, size: tuple[int, int]) -> Place:
        return first_free([widget.place for widget in self._widgets.on_dashboard(dashboard)], *size)

    def _refuse_taken(self, dashboard: str, place: Place, own_id: str | None) -> None:
        for widget in self._widgets.on_dashboard(dashboard):
            if widget.id != own_id and overlap(place, widget.place):
                raise Invalid("The widget does not fit there.", [FieldError("position", "lies over another widget")])


def overlap(a: Place, b: Place) -> bool:
    """Whether two places share a cell."""
    return a.x < b.x + b.w and b.x < a.x + a.w and a.y < b.y + b.h and b.y < a.y + a.h


def first_free(taken: Sequence[Place], w: int, h: int) -> Place:
    """The first free place for w × h cells, row by row from the top."""
    bottom = max((place.y + place.h for place in taken), default=1)
    for y in range(1, bottom + 1):
        for x in range(1, GRID_COLUMNS - w + 2):
            spot = Place(x, y, w, h)
            if not any(overlap(spot, place) for place in taken):
                return spot
    return Place(1, bottom, w, h)


def pack(sizes: Sequence[tuple[int, int]]) -> list[Place]:
    """Places for widgets of these sizes in this order, without gaps where possible."""
    taken: list[Place] = []
    for w, h in sizes:
        taken.append(first_free(taken, w, h))
    return taken


def _title(title: Any, errors: list[FieldError]) -> str:
    if not isinstance(title, str) or not title.strip():
        errors.append(FieldError("title", "must not be empty"))
    elif len(title) > MAX_TITLE:
        errors.append(FieldError("title", f"must have at most {MAX_TITLE} characters"))
    return str(title).strip()


def _timing_errors(refresh_interval: Any, schedule: Any) -> list[FieldError]:
    errors: list[FieldError] = []
    if refresh_interval is not None and (
        not isinstance(refresh_interval, int)
        or isinstance(refresh_interval, bool)
        or not 0 <= refresh_interval <= MAX_REFRESH_S
    ):
        errors.append(FieldError("refresh_interval", f"must be a whole number of seconds from 0 to {MAX_REFRESH_S}"))
    if schedule is not None:
        fault = cron_fault(schedule) if isinstance(schedule, str) else "must be text"
        errors += [FieldError("schedule", fault)] if fault else []
        if refresh_interval is not None:
            errors.append(FieldError("schedule", "cannot be used together with refresh_interval"))
    return errors


def _settings_errors(settings: Any) -> list[FieldError]:
    if settings is None:
        return []
    if not isinstance(settings, Mapping):
        return [FieldError("settings", "must be an object")]
    errors = [FieldError(f"settings.{name}", "is not known") for name in settings if name not in KNOWN_SETTINGS]
    if not isinstance(settings.get("keep_warm", False), bool):
        errors.append(FieldError("settings.keep_warm", "must be true or false"))
    return errors


def _place_errors(place: Place, definition: Definition | None) -> list[FieldError]:
    least_w, least_h = definition.size_min if definition else (1, 1)
    errors: list[FieldError] = []
    if place.x < 1 or place.x + place.w - 1 > GRID_COLUMNS:
        errors.append(FieldError("position.x", f"must keep the widget within {GRID_COLUMNS} columns"))
    if place.y < 1 or place.y > 10_000:
        errors.append(FieldError("position.y", "must be a row from 1 to 10000"))
    if place.w < least_w:
        errors.append(FieldError("position.w", f"must be at least {least_w}"))
    if place.h < least_h or place.h > 200:
        errors.append(FieldError("position.h", f"must be from {least_h} to 200"))
    return errors


def _summary(errors: Sequence[FieldError]) -> str:
    first = f"{errors[0].field} {errors[0].message}"
    return f"{first}." if len(errors) == 1 else f"{len(errors)} fields do not fit; the first: {first}."
