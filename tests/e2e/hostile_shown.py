"""What came back: every answer is looked at for failures, and every page for what it would run."""

from __future__ import annotations

import random

from werkzeug.test import TestResponse

from tests.e2e.hostile import Watched
from tests.e2e.hostile_fields import ROUND
from tests.e2e.hostile_forms import faults_of, page_in

BATCH = 400
# Of so many pages one is opened with scripts and all (a quarter of a second each).
OPENED = 200 if ROUND else 400


class Shown:
    """Pages on their way to the browser; what is wrong with them or with another answer is kept in `faults`."""

    def __init__(self, seen: Watched) -> None:
        self.seen = seen
        self.faults: list[str] = []
        self.count = 0
        self._pages: list[tuple[str, str, str]] = []
        self._turn = random.Random(7)

    def take(self, answer: TestResponse, about: object) -> None:
        """Look at an answer now, and at its page soon."""
        name = f"{about}"[:300]
        self.faults += [f"{name}: {fault}" for fault in faults_of(answer)]
        page = page_in(answer)
        if page:
            self.count += 1
            self._pages.append((name, page, answer.headers["Content-Security-Policy"]))
        if len(self._pages) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Let the browser see what waits: read all of it, run some of it without a guard, open some of it."""
        answers, self._pages = self._pages, []
        pages = [(name, page) for name, page, _ in answers]
        self.seen.parse(pages)
        self.seen.run(pages[:: 3 if ROUND else 12])
        self.seen.open_answers(self._turn.sample(answers, -(-len(answers) // OPENED)))

    def all_faults(self) -> list[str]:
        """Everything that was wrong, of the first hundred things."""
        self.flush()
        return (self.faults + self.seen.faults)[:100]
