"""How dashboards, widgets and definitions look as JSON."""

from __future__ import annotations

import copy
from typing import Any

from glance.model import Dashboard, Widget
from glance.web.api.times import iso


def dashboard(item: Dashboard) -> dict[str, Any]:
    """A dashboard."""
    return {
        "slug": item.slug,
        "title": item.title,
        "icon": item.icon,
        "position": item.position,
        "is_default": item.is_default,
        "is_template": item.is_template,
        "is_public": item.is_public,
        "public_address": item.public_address if item.is_public else None,
        "settings": dict(item.settings),
        "created_at": iso(item.created_at),
        "updated_at": iso(item.updated_at),
    }


def widget(item: Widget) -> dict[str, Any]:
    """A widget; a stored secret shows as {"set": true} at its place in the params."""
    return {
        "id": item.id,
        "dashboard": item.dashboard,
        "custom_widget": item.custom_widget,
        "title": item.title,
        "params": params_with_secrets_marked(item),
        "position": {"x": item.place.x, "y": item.place.y, "w": item.place.w, "h": item.place.h},
        "refresh_interval": item.refresh_interval,
        "schedule": item.schedule,
        "settings": dict(item.settings),
        "agreed_hosts": None if item.agreed is None else list(item.agreed),
        "created_at": iso(item.created_at),
        "updated_at": iso(item.updated_at),
    }


def params_with_secrets_marked(item: Widget) -> dict[str, Any]:
    """The params with {"set": true} wherever a secret is stored (its path has dots between names and list indices)."""
    params: dict[str, Any] = copy.deepcopy(dict(item.params))
    for path in item.secrets_set:
        _mark(params, path.split("."))
    return params


def _mark(target: Any, names: list[str]) -> None:
    """Set the mark at the end of a path, making the objects on the way; a list must hold the index already."""
    *way, last = names
    for name in way:
        if isinstance(target, list):
            if not name.isdecimal() or int(name) >= len(target):
                return
            target = target[int(name)]
        else:
            target = target.setdefault(name, {})
        if not isinstance(target, (dict, list)):
            return
    if isinstance(target, dict):
        target[last] = {"set": True}
