"""Widgets put one after the other onto the twelve columns, as a person orders them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

COLUMNS = 12


@dataclass(frozen=True, slots=True)
class Box:
    """A widget's id with its place: 1-based column and row, width and height in cells."""

    id: str
    x: int
    y: int
    w: int
    h: int

    def as_entry(self) -> dict[str, str | int]:
        """One entry of a layout, as the store takes it."""
        return {"id": self.id, "x": self.x, "y": self.y, "w": self.w, "h": self.h}


def pack(sizes: Iterable[tuple[str, int, int]]) -> list[Box]:
    """Place (id, width, height) in reading order: each at the first free place after the one before it."""
    depths = [1] * COLUMNS
    last = (1, 0)
    boxes: list[Box] = []
    for widget_id, wide, high in sizes:
        width = max(1, min(wide, COLUMNS))
        y, x = _first_free(boxes, width, high, last, max(depths))
        boxes.append(Box(widget_id, x, y, width, high))
        for column in range(x - 1, x - 1 + width):
            depths[column] = max(depths[column], y + high)
        last = (y, x)
    return boxes


def make_room(boxes: list[Box], fixed_id: str) -> list[Box]:
    """Boxes with one that stays where it is: whatever it lies over slides down, and whatever that lies over, until none does."""
    fixed = next(box for box in boxes if box.id == fixed_id)
    placed = [fixed]
    for box in sorted((box for box in boxes if box.id != fixed_id), key=lambda box: (box.y, box.x)):
        y = box.y
        while hit := next((other for other in placed if _overlap(other, box.x, y, box.w, box.h)), None):
            y = hit.y + hit.h
        placed.append(replace(box, y=y))
    return placed


def _first_free(boxes: list[Box], w: int, h: int, after: tuple[int, int], below_all: int) -> tuple[int, int]:
    for y in range(after[0], below_all + 1):
        for x in range(1, COLUMNS - w + 2):
            if (y, x) > after and not any(_overlap(box, x, y, w, h) for box in boxes):
                return y, x
    return below_all, 1


def _overlap(box: Box, x: int, y: int, w: int, h: int) -> bool:
    return x < box.x + box.w and box.x < x + w and y < box.y + box.h and box.y < y + h


def picture(boxes: list[Box], moved: frozenset[str]) -> dict[str, object]:
    """The little map of a layout: rectangles in units of a 12-column drawing, 20 wide and 12 high a cell."""
    height = max((box.y + box.h - 1 for box in boxes), default=1)
    drawn = [
        {"x": 4 + 20 * (b.x - 1), "y": 4 + 12 * (b.y - 1), "w": 20 * b.w - 3, "h": 12 * b.h - 3, "moved": b.id in moved}
        for b in boxes
    ]
    return {"width": 245, "height": 12 * height + 5, "boxes": drawn}
