"""Forward migrations: NNNN_name.sql takes the file from user_version NNNN-1 to NNNN, in one transaction. Append only."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def steps() -> list[tuple[int, str]]:
    """Every step as (version, SQL), in order."""
    return [(int(path.name[:4]), path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("[0-9]*.sql"))]
