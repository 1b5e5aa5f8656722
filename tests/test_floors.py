"""The floors of the house: a module imports only from lower floors, and some libraries have one home."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# From the ground up; the longest prefix decides. Modules of one package may import each other unless it is in APART.
STOREYS = (
    ("glance", "glance.errors", "glance.hostnames", "glance.patterns", "glance.styles", "glance.worktime"),
    ("glance.config", "glance.feed_limits", "glance.model", "glance.schema_work", "glance.sensor_words"),
    (
        "glance.addresses", "glance.allocator", "glance.bounded", "glance.conversions", "glance.environment", "glance.fields", "glance.formats", "glance.http_form", "glance.icons", "glance.limits",
        "glance.logs", "glance.mqtt", "glance.mqtt.readings", "glance.parallel", "glance.passwords", "glance.plaintext", "glance.schemas", "glance.sensor_names",
        "glance.uptime",
    ),
    ("glance.expressions", "glance.formulas", "glance.freshness", "glance.guard", "glance.params", "glance.shapes"),
    ("glance.definition", "glance.feeds", "glance.imported_hosts", "glance.moments", "glance.mqtt.decode", "glance.occurrences", "glance.outbound", "glance.sandbox"),
    (
        "glance.broker", "glance.cards", "glance.form", "glance.live", "glance.manifest_file", "glance.mqtt.client", "glance.pool", "glance.secretbox",
        "glance.sources", "glance.store.db", "glance.store.migrations", "glance.store.rows", "glance.view",
    ),
    ("glance.fetching", "glance.flight", "glance.images", "glance.store"),
    ("glance.credentials", "glance.folders", "glance.ingest", "glance.widget_code"),
    ("glance.derived", "glance.series", "glance.standings"),
    ("glance.registry",),
    ("glance.refresh",),
    ("glance.placing",),
    ("glance.runtime",),
    ("glance.web",),
    ("glance.serve",),
    ("glance.__main__", "glance.demo", "glance.start"),
    ("app",),
)  # fmt: skip
FLOORS = {name: floor for floor, names in enumerate(STOREYS) for name in names}
# Packages whose modules never import each other: they may only use what the package itself (__init__) offers.
APART = {"glance.sources"}
# library -> the modules (by prefix) that may import it
HOMES = {
    "flask": ("glance.web",),
    "flask_sock": ("glance.web",),
    "werkzeug": ("glance.web",),
    "sqlite3": ("glance.store",),
    "urllib3": ("glance.outbound",),
    "paho": ("glance.demo.fleet", "glance.mqtt.client"),
    "gunicorn": ("glance.serve",),
}
# Heavy and rarely used: these, and nothing else, may be imported inside a function.
LATE = {
    "cryptography", "defusedxml", "feedparser", "icalendar", "jmespath", "jsonschema", "mistune", "nh3", "paho", "psutil",
    "recurring_ical_events", "referencing", "zoneinfo",
}  # fmt: skip
# Where a part of the product itself is loaded late: what the first page does not need, so that it comes sooner.
LATE_PARTS = {
    ("app", "glance.start"),
    ("glance.mqtt.decode", "glance.mqtt.decode.decoder"),
    ("glance.outbound", "glance.outbound.clients"),
    ("glance.runtime", "glance.broker"),
}


def modules() -> dict[str, Path]:
    """Every module of the product by its dotted name."""
    found = {"app": ROOT / "app.py"} if (ROOT / "app.py").exists() else {}
    for path in sorted((ROOT / "glance").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def longest_prefix(name: str, table: dict[str, int]) -> str | None:
    """The longest key of `table` that is `name` or a package above it; the root package stands for itself only."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        prefix = ".".join(parts[:length])
        if prefix in table and (prefix != "glance" or name == "glance"):
            return prefix
    return None


def imports(path: Path) -> Iterator[tuple[str, int, bool]]:
    """(dotted module, line, inside a function) of every import; `from package import module` names the module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno, id(node) in inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively; write the whole name"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield (whole if whole in MODULES else str(node.module)), node.lineno, id(node) in inside


def package_of(name: str) -> str:
    """The part of the product a module belongs to: its first two names."""
    return ".".join(name.split(".")[:2])


def fault(name: str, target: str) -> str | None:
    """Why `name` must not import `target`, or None."""
    if target.split(".")[0] not in ("glance", "app"):
        homes = HOMES.get(target.split(".")[0])
        if homes and not any(name == home or name.startswith(f"{home}.") for home in homes):
            return f"only {', '.join(homes)} may import {target}"
        return None
    own, other = longest_prefix(name, FLOORS), longest_prefix(target, FLOORS)
    if own is None or other is None:
        return f"{name if own is None else target} has no floor"
    if package_of(name) == package_of(target) and ROOT.joinpath(*package_of(name).split(".")).is_dir():
        if package_of(name) in APART and package_of(name) not in (name, target):
            return f"the modules of {package_of(name)} never import each other"
        return None if FLOORS[other] <= FLOORS[own] else f"{target} is above {name}"
    return None if FLOORS[other] < FLOORS[own] else f"{target} is not below {name}"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_imports_only_from_lower_floors(name: str) -> None:
    assert longest_prefix(name, FLOORS), f"{name} has no floor: add it to FLOORS"
    faults = []
    for target, line, late in imports(MODULES[name]):
        why = fault(name, target)
        if why is None and late and target.split(".")[0] not in LATE and (name, target) not in LATE_PARTS:
            why = "an import inside a function hides a circle; only heavy libraries (LATE) and LATE_PARTS may be late"
        if why:
            faults.append(f"{MODULES[name].relative_to(ROOT)}:{line}: {why}")
    assert not faults, "\n".join(faults)


def test_no_two_modules_import_each_other_in_a_circle() -> None:
    graph = {name: {t for t, _, _ in imports(path) if t in MODULES and t != name} for name, path in MODULES.items()}
    done: set[str] = set()

    def walk(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail[trail.index(name) :], name))
        if name not in done:
            for target in sorted(graph[name]):
                walk(target, (*trail, name))
            done.add(name)

    for name in graph:
        walk(name, ())
    assert done == set(MODULES)
