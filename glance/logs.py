"""Logging: one line per event on standard error, as text or as JSON."""

from __future__ import annotations

import json
import logging
import sys
import threading
from datetime import UTC, datetime

# Chatty below what an owner wants to know; their warnings still come through.
QUIET = ("urllib3", "paho", "asyncio", "icalendar", "gunicorn")


class TextLines(logging.Formatter):
    """`2026-02-03T12:00:00.123Z INFO  glance.refresh: sentence [thread]`, a traceback below it."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{_moment(record)} {record.levelname:<7} {record.name}: {record.getMessage()} [{record.threadName}]"
        trouble = _trouble(self, record)
        return f"{line}\n{trouble}" if trouble else line


class JsonLines(logging.Formatter):
    """One JSON object a line: at, level, logger, thread, message, and error with the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "at": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "thread": record.threadName,
            "message": record.getMessage(),
        }
        trouble = _trouble(self, record)
        if trouble:
            entry["error"] = trouble
        return json.dumps(entry, ensure_ascii=False)


def configure(level: str, form: str) -> None:
    """Send every record from `level` (debug info warning) on to standard error, in the `form` text or json; may be repeated."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.raiseExceptions = False
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    threading.excepthook = _log_thread_failure


def _log_thread_failure(args: threading.ExceptHookArgs) -> None:
    """A thread that ends by an exception says so in the log, in the log's form."""
    if args.exc_value is None or args.exc_type is SystemExit:
        return
    name = args.thread.name if args.thread else "?"
    trouble = (args.exc_type, args.exc_value, args.exc_traceback)
    logging.getLogger("glance").error("the thread %s ended by an error", name, exc_info=trouble)


def _moment(record: logging.LogRecord) -> str:
    """The record's time, UTC with milliseconds."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _trouble(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info else ""
