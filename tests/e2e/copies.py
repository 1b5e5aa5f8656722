"""The built-in cards with data that a test sends them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from glance import manifest_file

WIDGETS = Path(__file__).resolve().parents[2] / "widgets"
PREFIX = "shown-"


def pushed_copies(folder: Path) -> dict[str, dict[str, Any]]:
    """Every built-in definition again, the same in all but its source: its data are pushed."""
    copies: dict[str, dict[str, Any]] = {}
    for original in sorted(path.parent for path in WIDGETS.glob("*/widget.yaml")):
        manifest = dict(manifest_file.read(original).manifest)
        params = copy.deepcopy(manifest.get("params", {"type": "object", "properties": {}}))
        params.pop("required", None)
        params["properties"].pop("data_source", None)
        manifest |= {"source": {"kind": "push"}, "params": params, "look": manifest.get("look", original.name)}
        given = {name: value for name, value in manifest.get("example_params", {}).items() if name != "data_source"}
        copies[PREFIX + original.name] = {"example": manifest.pop("example"), "params": given, "size": manifest["size"]}
        target = folder / (PREFIX + original.name)
        target.mkdir()
        (target / "card.html").write_text(manifest.pop("template"), encoding="utf-8")
        (target / "style.css").write_text(manifest.pop("style", ""), encoding="utf-8")
        manifest.pop("example_params", None)
        manifest.pop("data_schema", None)
        (target / "widget.yaml").write_text(json.dumps(manifest), encoding="utf-8")
    return copies
