"""Figures and the one table they end up in."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

RANK = ("misses", "must", "better", "–")


@dataclass(frozen=True)
class Figure:
    """One row: what was measured, run by run, and its limits. A smaller value is better unless `more`.

    Without `must` it is told for its own sake. `shown` is the measured value (default: the median of the runs).
    """

    name: str
    unit: str
    runs: Sequence[float]
    must: float | None = None
    better: float | None = None
    more: bool = False
    note: str = ""
    value: float | None = None
    part: str = field(default="", compare=False)

    @property
    def measured(self) -> float:
        """The figure itself."""
        return self.value if self.value is not None else statistics.median(self.runs)

    @property
    def verdict(self) -> str:
        """`better`, `must` (good enough) or `misses`; a dash where there is no limit."""
        if self.must is None:
            return "–"
        if self.better is not None and self._within(self.better):
            return "better"
        return "must" if self._within(self.must) else "misses"

    def _within(self, limit: float) -> bool:
        return self.measured >= limit if self.more else self.measured <= limit

    def as_json(self) -> dict[str, object]:
        """Everything, for the file beside the table."""
        return {
            "part": self.part,
            "name": self.name,
            "unit": self.unit,
            "measured": round(self.measured, 4),
            "runs": [round(run, 4) for run in self.runs][:1000],
            "must": self.must,
            "better": self.better,
            "verdict": self.verdict,
            "note": self.note,
        }


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 … 1) of them lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def number(value: float) -> str:
    """Three digits that matter."""
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.01 else f"{value:.1g}"


def table(figures: Sequence[Figure]) -> str:
    """The rows as text, with the notes below."""
    rows = [("figure", "measured", "spread", "must", "better", "verdict")]
    notes: list[str] = []
    for figure in figures:
        mark = ""
        if figure.note:
            if figure.note not in notes:
                notes.append(figure.note)
            mark = f" [{notes.index(figure.note) + 1}]"
        runs = figure.runs
        spread = f"{number(min(runs))} … {number(max(runs))}, n={len(runs)}" if len(runs) > 1 else ""
        rows.append(
            (
                figure.name + mark,
                f"{number(figure.measured)} {figure.unit}".strip(),
                spread,
                _limit(figure.must, figure.more),
                _limit(figure.better, figure.more),
                figure.verdict.upper() if figure.verdict == "misses" else figure.verdict,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([*lines, "", *(f"[{turn}] {note}" for turn, note in enumerate(notes, 1))])


def _limit(limit: float | None, more: bool) -> str:
    return "" if limit is None else f"{'≥' if more else '≤'} {limit:g}"
