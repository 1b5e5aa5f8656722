"""`make hostile`: the whole round, every hostile string through every field, in a real Chromium. Says what was tried and what was found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

# A few cannot be sent everywhere: a socket takes 64 KB, and half characters do not come over every connection.
MOST_OF_ALL = 0.95
TESTS = ("forms", "messages", "requests", "ways", "strings")


def main() -> int:
    """Run the tests with all strings instead of some, and count."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        files = [f"tests/e2e/test_hostile_{name}.py" for name in TESTS]
        ran = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-n",
                "2",
                "--dist",
                "loadfile",
                "--durations=0",
                "--durations-min=30",
                *files,
                *sys.argv[1:],
            ],
            env={**os.environ, "GLANCE_HOSTILE_ROUND": folder},
        )
        pairs = {
            (path.stem, *pair)
            for path in Path(folder).glob("*.json")
            for pair in json.loads(path.read_text(encoding="utf-8"))
        }
    minutes = (time.monotonic() - began) / 60
    strings = {number for _, _, number in pairs}
    places = Counter((name, place) for name, place, _ in pairs)
    whole = sum(count >= MOST_OF_ALL * len(strings) for count in places.values())
    print(
        f"{len(strings)} strings, {len(places)} places ({whole} of them with all that can be sent there), {len(pairs)} pairs in {minutes:.0f} minutes."
    )
    for (name, place), count in sorted(places.items()):
        if count < MOST_OF_ALL * len(strings):
            print(f"only {count}: {name} {place}")
    if not pairs:
        print("Nothing was counted: the tests did not run.")
    return ran.returncode or int(not pairs)


if __name__ == "__main__":
    sys.exit(main())
