"""Manifests: one format, one check, every fault with its place, its line and a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from glance import manifest_file
from glance.definition import ManifestFault, build
from tests.parts import Probe, write_widget

KINDS: dict[str, Any] = {"http": Probe(), "push": Probe()}
GOOD: dict[str, Any] = {"name": "Thing", "source": {"kind": "http"}, "template": "<p>{{ data }}</p>"}


def faults(**changes: Any) -> dict[str, str]:
    with pytest.raises(ManifestFault) as caught:
        build("thing", {**GOOD, **changes}, KINDS)
    return {fault.place: fault.sentence for fault in caught.value.faults}


def of_folder(folder: Path, manifest: str, card: str = "<p></p>") -> ManifestFault:
    path = write_widget(folder, "thing", manifest, card)
    with pytest.raises(ManifestFault) as caught:
        file = manifest_file.read(path)
        build("thing", file.manifest, KINDS, lines=file.lines)
    return caught.value


def test_a_whole_manifest_becomes_a_definition() -> None:
    found = build("thing", {**GOOD, "size": {"default": {"w": 4, "h": 5}}, "refresh_interval": 60}, KINDS)
    assert (found.kind, found.size_default, found.size_min, found.refresh_interval) == ("http", (4, 5), (2, 2), 60)


def test_an_unknown_key_is_answered_with_the_one_that_was_meant() -> None:
    assert faults(refresh_intervall=60) == {"refresh_intervall": "is not known; did you mean refresh_interval?"}


def test_an_unknown_kind_is_named_with_those_there_are() -> None:
    assert "did you mean http" in faults(source={"kind": "htpp"})["source.kind"]


def test_a_general_widget_needs_one_of_the_shapes() -> None:
    assert faults(source={"kind": "any", "shape": "cube"}) == {"source.shape": "must be one of: value, points, rows"}


def test_a_template_error_is_shown_with_its_line() -> None:
    assert faults(template="<p>\n{% if %}\n</p>")["template"].startswith("line 2: ")


def test_a_wrong_schema_is_named() -> None:
    assert "params" in " ".join(faults(params={"type": "object", "properties": {"a": {"type": "strong"}}}))
    assert "data_schema" in " ".join(faults(data_schema={"type": 3}))


def test_a_wrong_schedule_is_named() -> None:
    assert faults(schedule="every day")["schedule"].startswith("is not a cron expression")


def test_required_params_must_exist() -> None:
    assert faults(params={"type": "object", "required": ["x"], "properties": {}}) == {
        "params.required": "names x, which is not a param"
    }


def test_faults_of_a_file_carry_their_line(tmp_path: Path) -> None:
    fault = of_folder(tmp_path, "name: Printer\ncategory: home\nsource: {kind: http}\nrefresh_intervall: 60\n")
    assert str(fault.faults[0]) == "Line 4: refresh_intervall is not known; did you mean refresh_interval?"


@pytest.mark.parametrize(
    ("text", "line"),
    [("name: [", 2), ("name: a\nname: b\n", 2), ("- a list\n", 1), ("", 1), ("name: 'x\n", 2), ("a: b: c\n", 1)],
)
def test_wrong_yaml_is_refused_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    found = of_folder(tmp_path, text).faults[0]
    assert found.sentence
    assert found.line is not None
    assert abs(found.line - line) <= 1


def test_a_folder_without_a_card_says_so(tmp_path: Path) -> None:
    path = write_widget(tmp_path, "thing", "name: Thing\nsource: {kind: http}\n")
    (path / "card.html").unlink()
    with pytest.raises(ManifestFault, match="card.html is missing"):
        manifest_file.read(path)


def test_a_manifest_that_is_not_utf8_says_so(tmp_path: Path) -> None:
    path = write_widget(tmp_path, "thing", "name: Thing\n")
    (path / "widget.yaml").write_bytes(b"name: \xff\xfe")
    with pytest.raises(ManifestFault, match="UTF-8"):
        manifest_file.read(path)


def test_the_version_changes_with_the_card_and_the_fetch_part_only_with_the_source() -> None:
    one = build("thing", GOOD, KINDS)
    other_card = build("thing", {**GOOD, "template": "<b></b>"}, KINDS)
    other_source = build("thing", {**GOOD, "source": {"kind": "http", "url": "x"}}, KINDS)
    assert one.version != other_card.version
    assert one.fetch_part == other_card.fetch_part
    assert one.fetch_part != other_source.fetch_part
