"""Folders of custom widgets that are wrong in unusual ways: each is listed with its reason, and none stops the start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from referencing.exceptions import Unresolvable

from glance import schemas
from tests.parts import PROBE, Core, write_widget
from tests.waiting import until

GOOD = "name: Good\nsource: {kind: static}\n"
LAUGHS = 'a: &a ["x", "x", "x", "x", "x", "x", "x", "x"]\n' + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 8)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ("name: 2024-13-45\nsource: {kind: static}\n", "date or number that cannot be read"),
        (f"name: X\nrefresh_interval: {'9' * 5000}\nsource: {{kind: static}}\n", "date or number that cannot be read"),
        ("name: !!python/name:os.system x\nsource: {kind: static}\n", "must be plain text"),
        ("name: X\nsource: {kind: static, data: {v: .nan}}\n", "Line 2: source.data.v must be plain text, a number"),
        (f"name: X\nexample_params: {'{a: ' * 3000}1{'}' * 3000}\nsource: {{kind: static}}\n", "nested too deeply"),
        (f"name: X\nexample_params: {'{a: ' * 90}1{'}' * 90}\nsource: {{kind: static}}\n", "nested too deeply"),
        (LAUGHS + GOOD, "nested too deeply, or holds too much"),
        ("name: X\nsource: {kind: static}\nframes: ['{{ params.']\n", "Line 3: frames.0"),
        (
            "name: X\nsource: {kind: static}\nparams:\n  type: object\n  properties:\n    a: {type: integer, default: many}\n",
            "Line 6: params.properties.a.default must be a whole number",
        ),
        ('name: "half \\uD83D"\nsource: {kind: static}\n', "Line 1: name holds half of a character"),
        ('name: X\nsource: {kind: static}\ndescription: "\\uDE00"\n', "Line 3: description holds half of a character"),
        ('name: X\nsource:\n  kind: static\n  data: {"\\uD83D": 1}\n', "source.data holds half of a character"),
    ],
    ids=[
        "date",
        "number",
        "tag",
        "nan",
        "very deep",
        "deep",
        "aliases",
        "frames",
        "default",
        "half",
        "half later",
        "half key",
    ],
)
def test_a_manifest_that_no_reader_survives_is_listed_as_broken(tmp_path: Path, manifest: str, reason: str) -> None:
    write_widget(tmp_path / "widgets", "strange", manifest)
    core = Core(tmp_path)
    found = core.definitions.broken()
    core.close()
    assert [(broken.slug, broken.status) for broken in found] == [("strange", "broken")]
    assert reason in found[0].reason


@pytest.mark.parametrize("text", ["[" * 100_000, '{"value": NaN}', '{"value": "\\ud83d"}'], ids=["deep", "nan", "half"])
def test_an_example_that_is_no_json_is_named(tmp_path: Path, text: str) -> None:
    write_widget(tmp_path / "widgets", "strange", GOOD, example__json=text)
    core = Core(tmp_path)
    found = core.definitions.broken()
    core.close()
    assert [broken.slug for broken in found] == ["strange"]
    assert found[0].reason.startswith(("example.json is", "example.json holds half of a character"))


def test_a_folder_whose_name_is_no_text_is_left_out_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_widget(tmp_path / "widgets", "good", GOOD, card__html="<p>x</p>")
    (tmp_path / "widgets" / os.fsdecode(b"bad-\xff")).mkdir()
    (tmp_path / "widgets" / os.fsdecode(b"bad-\xff") / "widget.yaml").write_text(GOOD, encoding="utf-8")
    core = Core(tmp_path)
    found = [one.slug for one in (*core.definitions.all(), *core.definitions.broken())]
    core.close()
    assert found == ["good", "probe"]
    assert "bad-\\udcff" in caplog.text


def test_a_card_whose_manifest_is_missing_is_listed(tmp_path: Path) -> None:
    (write_widget(tmp_path / "widgets", "half", GOOD) / "widget.yaml").unlink()
    core = Core(tmp_path)
    found = core.definitions.broken()
    core.close()
    assert [(broken.slug, broken.reason) for broken in found] == [
        ("half", "widget.yaml cannot be read: No such file or directory.")
    ]


def test_an_unforeseen_failure_breaks_one_folder_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(folder: Path) -> object:
        raise ZeroDivisionError(folder.name)

    monkeypatch.setattr("glance.manifest_file.read", read)
    core = Core(tmp_path)
    found = core.definitions.broken()
    core.close()
    assert [(broken.slug, "ZeroDivisionError" in broken.reason) for broken in found] == [("probe", True)]


def test_a_folder_of_widgets_that_goes_away_marks_its_widgets_missing(tmp_path: Path) -> None:
    core = Core(tmp_path)
    os.rename(core.widget_folder, tmp_path / "elsewhere")
    core.definitions.rescan()
    gone = core.definitions.broken()
    os.rename(tmp_path / "elsewhere", core.widget_folder)
    core.definitions.rescan()
    back = core.definitions.find("probe")
    core.close()
    assert [(broken.slug, broken.status) for broken in gone] == [("probe", "missing")]
    assert back is not None


def test_a_change_that_cannot_be_noted_serves_all_the_same_and_is_noted_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = Core(tmp_path)
    core.db._writer.execute("PRAGMA query_only = ON")
    write_widget(core.widget_folder, "second", PROBE)
    assert core.definitions.rescan() == {"second"}
    assert core.definitions.find("second") is not None
    core.db._writer.execute("PRAGMA query_only = OFF")
    monkeypatch.setattr("glance.registry.WATCH_EVERY_S", 0.02)
    core.definitions.start()
    until(lambda: any(row.slug == "second" for row in core.rows.all()))
    core.definitions.stop()
    core.close()


def test_a_folder_that_goes_while_nothing_can_be_written_is_missing_too(tmp_path: Path) -> None:
    core = Core(tmp_path)
    core.db._writer.execute("PRAGMA query_only = ON")
    os.rename(core.widget_folder / "probe", tmp_path / "elsewhere")
    core.definitions.rescan()
    found = [(broken.slug, broken.status) for broken in core.definitions.broken()]
    core.db._writer.execute("PRAGMA query_only = OFF")
    core.close()
    assert found == [("probe", "missing")]


@pytest.mark.parametrize(
    ("part", "place"),
    [
        ("data_schema: {$ref: 'http://127.0.0.1:1/schema'}", "data_schema.$ref"),
        ("data_schema: {$ref: 'file:///etc/passwd'}", "data_schema.$ref"),
        ("data_schema: {$ref: '#'}", "data_schema.$ref"),
        ("data_schema: {properties: {a: {items: {$ref: '#/x'}}}}", "data_schema.properties.a.items.$ref"),
        ("data_schema: {anyOf: [{$dynamicRef: '#x'}]}", "data_schema.anyOf.0.$dynamicRef"),
        ("params: {type: object, properties: {a: {type: object, $ref: '#'}}}", "params.properties.a.$ref"),
    ],
)
def test_a_schema_may_not_point_elsewhere(tmp_path: Path, part: str, place: str) -> None:
    write_widget(tmp_path / "widgets", "strange", f"{GOOD}{part}\n")
    core = Core(tmp_path)
    found = core.definitions.broken()
    core.close()
    assert [broken.slug for broken in found] == ["strange"]
    assert f"{place} is not offered" in found[0].reason


def test_a_field_may_be_called_like_a_reference(tmp_path: Path) -> None:
    schema = "data_schema: {properties: {$ref: {type: string}}, required: [$ref], default: {$ref: x}}"
    write_widget(tmp_path / "widgets", "fine", f"{GOOD}{schema}\n")
    core = Core(tmp_path)
    found = core.definitions.find("fine")
    core.close()
    assert found is not None


def test_nothing_is_fetched_for_a_schema_that_was_stored_before_references_were_refused() -> None:
    with pytest.raises(Unresolvable):
        schemas.faults({"$ref": "http://127.0.0.1:1/schema"}, {})
