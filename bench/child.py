"""Child processes of a run: each tells in its first line that it is ready, and is ended by its own id."""

from __future__ import annotations

import os
import re
import select
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_S = 60.0
STOP_S = 10.0


class Child:
    """A running program. `first_line` is what it printed when it was ready; `took_s` how long that took."""

    def __init__(self, command: list[str], env: dict[str, str] | None = None) -> None:
        self._words = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by stop()
        began = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            text=True,
        )
        try:
            self.first_line = self.read_line(START_S)
        except BaseException:
            self.stop()
            raise
        self.began, self.took_s = began, time.perf_counter() - began

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def read_line(self, timeout_s: float) -> str:
        """The next line of its output; RuntimeError with its last words where none comes."""
        out = self.process.stdout
        assert out is not None
        ready, _, _ = select.select([out], [], [], timeout_s)
        line = out.readline() if ready else ""
        if not line:
            raise RuntimeError(f"{self.process.args} printed nothing within {timeout_s:g} s:\n{self.words()}")
        return line.strip()

    def ask(self, line: str, timeout_s: float = START_S) -> str:
        """Send a line and wait for the next one of its output."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.read_line(timeout_s)

    def words(self) -> str:
        """What it wrote to stderr."""
        self._words.seek(0)
        return self._words.read()[-4000:]

    def stop(self, kill: bool = False) -> None:
        """End it, at once with `kill`; idempotent."""
        if self.process.poll() is None:
            self.process.kill() if kill else self.process.terminate()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self._words):
            if stream is not None:
                stream.close()


def cpu_s(pid: int) -> float:
    """The processor time that a process (all its threads) has used, in seconds; another load on the machine does not change it."""
    total_ns = 0
    for schedstat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            total_ns += int(schedstat.read_text().split()[0])
        except OSError:
            continue  # the thread ended
    return total_ns / 1e9


def pss_mb(pid: int) -> float:
    """The proportional set size of a process and its descendants in MB of 1024 KiB."""
    return sum(_pss_kib(each) for each in _tree(pid)) / 1024


def _pss_kib(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    found = re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0


def _tree(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(folder.name))
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found
