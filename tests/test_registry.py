"""Definitions from folders and from the API: found, watched, broken, missing, never lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from glance.errors import Conflict, Invalid, NotFound
from tests.parts import PROBE, Core, write_widget
from tests.waiting import until

MANIFEST = {"name": "Mine", "source": {"kind": "push"}, "template": "<p>{{ data }}</p>"}


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    made = Core(tmp_path)
    yield made
    made.close()


def test_a_changed_file_is_picked_up_without_a_restart(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glance.registry.WATCH_EVERY_S", 0.02)
    core.definitions.start()
    write_widget(core.widget_folder, "probe", PROBE.replace("name: Probe", "name: Sonde"))
    until(lambda: core.definitions.get("probe").name == "Sonde")
    write_widget(core.widget_folder, "second", PROBE)
    until(lambda: core.definitions.find("second"))
    core.definitions.stop()
    assert not core.definitions.is_alive()


def test_a_broken_folder_is_listed_with_its_line_and_stops_nothing_else(core: Core) -> None:
    write_widget(core.widget_folder, "printer", "name: Printer\nsource: {kind: push}\nrefresh_intervall: 60\n")
    core.definitions.rescan()
    broken = core.definitions.broken()[0]
    assert (broken.slug, broken.name, broken.line, broken.status) == ("printer", "Printer", 3, "broken")
    assert (3, "refresh_intervall: 60", True) in broken.excerpt
    with pytest.raises(Invalid, match="did you mean refresh_interval"):
        core.definitions.get("printer")
    assert core.definitions.find("probe")


def test_a_folder_that_disappears_is_missing_and_its_widgets_stay(core: Core) -> None:
    widget = core.add()
    shutil.move(core.widget_folder / "probe", core.folder / "away")
    core.definitions.rescan()
    assert [(b.slug, b.status) for b in core.definitions.broken()] == [("probe", "missing")]
    assert core.widgets.get(widget.id).custom_widget == "probe"
    shutil.move(core.folder / "away", core.widget_folder / "probe")
    core.definitions.rescan()
    assert core.definitions.get("probe").name == "Probe"
    assert core.definitions.broken() == []


def test_a_definition_of_the_api_wins_over_a_folder_and_the_folder_shows_as_broken(core: Core) -> None:
    core.definitions.save(MANIFEST, "mine")
    write_widget(core.widget_folder, "mine", PROBE)
    core.definitions.rescan()
    assert core.definitions.get("mine").origin == "api"
    assert [(b.slug, b.status) for b in core.definitions.broken()] == [("mine", "broken")]


def test_deleting_a_definition_of_the_api_gives_its_widgets_to_the_folder_of_the_same_slug(core: Core) -> None:
    core.definitions.save(MANIFEST, "mine")
    widget = core.add(custom_widget="mine")
    write_widget(core.widget_folder, "mine", PROBE)
    core.definitions.rescan()
    core.definitions.delete("mine")
    assert (core.definitions.get("mine").origin, core.definitions.get("mine").kind) == ("folder", "probe")
    assert core.widgets.get(widget.id).custom_widget == "mine"
    assert core.definitions.broken() == []


def test_definitions_of_the_api_survive_a_restart(core: Core) -> None:
    core.definitions.save(MANIFEST)
    core.close()
    core.open()
    assert core.definitions.get("mine").name == "Mine"


def test_a_manifest_that_does_not_fit_is_refused_with_each_fault(core: Core) -> None:
    with pytest.raises(Invalid) as caught:
        core.definitions.save({**MANIFEST, "size": {"default": {"w": 99, "h": 4}}, "nmae": "x"}, "mine")
    assert {error.field for error in caught.value.errors} == {"size.default.w", "nmae"}


def test_python_sources_are_only_for_folders(core: Core) -> None:
    with pytest.raises(Invalid):
        core.definitions.save({**MANIFEST, "source": {"kind": "python"}}, "mine")


def test_a_definition_in_use_is_not_deleted_without_its_widgets(core: Core) -> None:
    core.definitions.save(MANIFEST, "mine")
    widget = core.add(custom_widget="mine")
    with pytest.raises(Conflict, match=widget.id):
        core.definitions.delete("mine")
    core.definitions.delete("mine", with_widgets=True)
    with pytest.raises(NotFound):
        core.widgets.get(widget.id)


def test_a_folder_definition_cannot_be_deleted_or_replaced_here(core: Core) -> None:
    with pytest.raises(Conflict):
        core.definitions.delete("probe")
    with pytest.raises(Conflict):
        core.definitions.save(MANIFEST, "probe", replace_it=True)


@pytest.mark.parametrize(
    ("pattern", "fits"), [("^(a+)+$", False), ("(x|(ab*)*)", False), ("^[^/]+/[^/]+$", True), ("^(ab){1,3}$", True)]
)
def test_a_pattern_that_could_take_for_ever_is_refused_from_the_api(core: Core, pattern: str, fits: bool) -> None:
    manifest = {**MANIFEST, "params": {"type": "object", "properties": {"a": {"type": "string", "pattern": pattern}}}}
    if fits:
        assert core.definitions.check("mine", manifest).slug == "mine"
    else:
        with pytest.raises(Invalid) as caught:
            core.definitions.check("mine", manifest)
        assert caught.value.errors[0].field == "params.properties.a.pattern"
