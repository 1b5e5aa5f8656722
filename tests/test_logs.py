"""The log's two forms."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator

import pytest

from glance import logs


@pytest.fixture(autouse=True)
def former_logging() -> Iterator[None]:
    """Put logging back as it was."""
    root = logging.getLogger()
    handlers, level, hook, raising = root.handlers[:], root.level, threading.excepthook, logging.raiseExceptions
    levels = {name: logging.getLogger(name).level for name in logs.QUIET}
    yield
    root.handlers[:], threading.excepthook, logging.raiseExceptions = handlers, hook, raising
    root.setLevel(level)
    for name, former in levels.items():
        logging.getLogger(name).setLevel(former)


def test_text_is_one_line_with_time_level_logger_and_thread(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "text")
    logging.getLogger("glance.refresh").info("%s widgets are fresh", 3)
    line = capsys.readouterr().err
    assert line.endswith("Z INFO    glance.refresh: 3 widgets are fresh [MainThread]\n")
    assert line.count("\n") == 1


def test_json_is_one_object_a_line_also_with_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")
    try:
        raise ValueError("wrong")
    except ValueError:
        logging.getLogger("glance").exception("it failed\nbadly")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    entry = json.loads(lines[0])
    assert entry["level"] == "error"
    assert entry["message"] == "it failed\nbadly"
    assert entry["error"].endswith("ValueError: wrong")


def test_records_below_the_level_and_from_chatty_libraries_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("warning", "text")
    logging.getLogger("glance").info("small talk")
    logs.configure("debug", "text")
    logging.getLogger("urllib3.connectionpool").debug("small talk")
    assert capsys.readouterr().err == ""


def test_a_thread_that_fails_is_logged_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")

    def fail() -> None:
        raise ValueError("wrong")

    thread = threading.Thread(target=fail, name="pool-1")
    thread.start()
    thread.join()
    entry = json.loads(capsys.readouterr().err)
    assert entry["message"] == "the thread pool-1 ended by an error"
    assert "ValueError: wrong" in entry["error"]
