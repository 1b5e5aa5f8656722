"""What one drawing of a card may use up, and which pictures it may show. The counting itself is in glance.bounded.budget."""

from __future__ import annotations

from collections.abc import Callable

from glance.bounded import budget as bounded

LIMITS = bounded.Limits("The card")
MAX_WORK, MAX_TEXT, MAX_MADE_BYTES = LIMITS.work, LIMITS.text, LIMITS.made_bytes
# Of the thread's own time: what came through the API or an import, and what lies in a folder and is trusted.
MAX_CPU_S = 1.0
MAX_TRUSTED_CPU_S = 4.0

# Whether a card may show the picture at an address.
MayShow = Callable[[str], bool]


class Budget(bounded.Budget):
    """The budget of a card; `may_show` says which pictures it may show, None = all."""

    __slots__ = ("may_show",)

    def __init__(self, cpu_s: float = MAX_CPU_S, may_show: MayShow | None = None) -> None:
        super().__init__(cpu_s, LIMITS)
        self.may_show = may_show


def running() -> Budget:
    """The budget of the card that this thread draws; outside of one, a new one."""
    found = bounded.running()
    return found if isinstance(found, Budget) else Budget()
