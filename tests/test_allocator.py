"""What the C library's allocator is asked for: one arena for all threads, and free memory given back."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from glance import allocator
from glance import start as starting
from tests.ingest_parts import Site, reading

IS_GLIBC = platform.libc_ver()[0] == "glibc"
# Eight threads that all hold memory of their own at the same time; how many heaps glibc then tells of.
ARENAS = """
import ctypes, os, sys, tempfile, threading
from glance import allocator
asked = allocator.share_one_arena()
together = threading.Barrier(8)
def work():
    held = [bytes(3000) for _ in range(200)]
    together.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc = ctypes.CDLL(None)
if asked:
    libc.fdopen.restype = ctypes.c_void_p
    with tempfile.TemporaryFile() as told:
        stream = ctypes.c_void_p(libc.fdopen(os.dup(told.fileno()), b"w"))
        libc.malloc_info(0, stream)
        libc.fclose(stream)
        told.seek(0)
        print(told.read().count(b"<heap nr="))
else:
    print(1)
"""
# 40 MB below one block that stays: the heap cannot shrink from its end.
HOLES = """
import os
from glance import allocator
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
blocks = [bytes(2000) for _ in range(20_000)]
last = bytes(2000)
full = resident()
del blocks
before = resident()
given = allocator.give_back()
print(int(given), full - before, before - resident())
"""


def run(script: str) -> list[int]:
    """The numbers a script of its own process printed."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return [int(word) for word in done.stdout.split()]


def test_threads_share_one_arena() -> None:
    assert run(ARENAS) == [1]


def test_memory_that_was_freed_below_what_stays_is_given_back() -> None:
    given, by_itself, by_asking = run(HOLES)
    assert bool(given) is IS_GLIBC
    assert by_itself + by_asking > 30_000_000


def test_another_c_library_is_asked_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator, "_library", object())
    assert not allocator.share_one_arena()
    assert not allocator.give_back()


def test_a_python_without_ctypes_runs_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator, "_library", None)
    assert not allocator.share_one_arena()
    assert not allocator.give_back()


def test_it_is_asked_for_before_anything_else_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(allocator, "share_one_arena", lambda: asked.append("share"))
    monkeypatch.setattr(starting, "Runtime", lambda settings: asked.append("runtime"))
    monkeypatch.setenv("GLANCE_PORT", "no number")
    assert starting.start() == 2
    assert asked == ["share"]
    assert "GLANCE_PORT" in capsys.readouterr().err


def test_what_folded_samples_took_is_given_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        site.put(reading("d", "s", 1.0))
        left: list[int] = []
        track = site.ingest.catalog.tracks[site.series()]
        monkeypatch.setattr(allocator, "give_back", lambda: left.append(len(track.tail)))
        site.fold()
    assert left == [0], "once, after the samples left memory"
