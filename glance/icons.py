"""Draws icons by name from the one sprite file; the web says under which address that file is served."""

from __future__ import annotations

import re

from markupsafe import Markup

from glance.config import ROOT

SPRITE = ROOT / "glance" / "static" / "icons.svg"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


class Icons:
    """`address` is set once by the web, before the first page is made."""

    def __init__(self) -> None:
        self.address = "/static/icons.svg"
        self.names = frozenset(re.findall(r'<symbol id="([\w-]+)"', SPRITE.read_text(encoding="utf-8")))

    def draw(self, name: str, cls: str = "i") -> Markup:
        """The icon as markup; one that is not drawn shows as a file."""
        safe = name if name in self.names and _NAME.fullmatch(name) else "file"
        return Markup('<svg class="{}" aria-hidden="true"><use href="{}#{}"/></svg>').format(cls, self.address, safe)

    def has(self, name: str) -> bool:
        """Whether there is an icon of this name."""
        return name in self.names
