"""`python -m glance reset-password`: a new password from the machine itself, also while Glance runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from glance import passwords
from glance.__main__ import main
from glance.config import ROOT
from glance.store.db import Database
from glance.store.owner import REREAD_PASSWORD_S, Owner

OLD, NEW = "three-quiet-fans", "five-loud-lamps"


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Owner]:
    """The owner as a running Glance knows him, with the environment that points to its folder."""
    monkeypatch.setattr(passwords, "SCRYPT_N", 2**8)
    for name in [name for name in os.environ if name.startswith("GLANCE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GLANCE_DATA", str(tmp_path / "data"))
    db = Database(tmp_path / "data")
    owner = Owner(db, Clock())
    owner.set_password(OLD)
    yield owner
    db.close()


def answers(*lines: str) -> Callable[[str], str]:
    """Somebody who answers the questions one after the other."""
    left = iter(lines)
    return lambda _prompt: next(left)


def test_it_sets_the_password_and_ends_every_session(running: Owner, capsys: pytest.CaptureFixture[str]) -> None:
    cookie = running.open_session("a browser", "127.0.0.1")
    assert running.session(cookie) is not None
    assert main(["reset-password"], answers(NEW, NEW)) == 0
    said = capsys.readouterr().out
    assert "every session has ended" in said
    assert NEW not in said
    clock = running._clock
    assert isinstance(clock, Clock)
    assert not running.password_is(OLD)
    clock.now += REREAD_PASSWORD_S
    assert running.session(cookie) is None
    assert running.password_is(NEW)
    assert not running.password_is(OLD)


@pytest.mark.parametrize(
    ("lines", "says"),
    [(("short", "short"), "at least 10"), ((NEW, NEW + "x"), "not the same"), (("aaaaaaaaaaaa",) * 2, "different")],
)
def test_a_password_that_does_not_fit_changes_nothing(
    running: Owner, capsys: pytest.CaptureFixture[str], lines: tuple[str, ...], says: str
) -> None:
    assert main(["reset-password"], answers(*lines)) == 1
    said = capsys.readouterr().err
    assert says in said
    assert "Nothing was changed" in said
    assert running.password_is(OLD)


def test_a_password_of_the_environment_is_named_because_it_wins(
    running: Owner, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GLANCE_PASSWORD", "from-the-environment")
    assert main(["reset-password"], answers()) == 1
    said = capsys.readouterr().err
    assert "GLANCE_PASSWORD" in said
    assert "from-the-environment" not in said


def test_a_folder_without_a_glance_is_not_made(
    running: Owner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GLANCE_DATA", str(tmp_path / "elsewhere"))
    assert main(["reset-password"], answers()) == 1
    assert "GLANCE_DATA" in capsys.readouterr().err
    assert not (tmp_path / "elsewhere").exists()


def test_another_way_of_signing_in_is_mentioned(
    running: Owner, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GLANCE_AUTH", "none")
    assert main(["reset-password"], answers(NEW, NEW)) == 0
    assert "GLANCE_AUTH" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code"), [([], 2), (["reset"], 2), (["reset-password", "x"], 2), (["--help"], 0)]
)
def test_a_wrong_call_says_what_there_is(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int) -> None:
    assert main(arguments, answers()) == code
    said = capsys.readouterr()
    assert "reset-password" in said.out + said.err


def test_as_a_process_it_reads_a_pipe_and_shows_no_trace(running: Owner, tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "GLANCE_DATA": str(tmp_path / "data")}
    command = [sys.executable, "-m", "glance", "reset-password"]
    done = subprocess.run(
        command, cwd=ROOT, env=environ, input=f"{NEW}\n{NEW}\n", capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert Owner(running._db).password_is(NEW)
    cut = subprocess.run(
        command, cwd=ROOT, env=environ, input="", capture_output=True, text=True, timeout=60, check=False
    )
    assert cut.returncode == 1
    assert "Traceback" not in cut.stderr
