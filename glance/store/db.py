"""The database: pooled readers, one locked writer, migrations by user_version."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from glance.errors import DataError, SettingError, Unavailable
from glance.store import migrations

log = logging.getLogger(__name__)

BUSY_TIMEOUT_MS = 5000
MAX_IDLE_READERS = 8
# How long the log may get before it is written into the file: twice the usual, as pages that change often, such as those of samples,
# are written to the file less often then. Where the database may be but small its log is small too, at most a twentieth of it.
LOG_PAGES, LEAST_LOG_PAGES, LOG_SHARE = 2000, 250, 0.05
PAGE_BYTES = 4096
# Reading a whole file of 2 GB takes a minute from an SD card.
CHECK_WHOLE_BYTES = 32 * 1024 * 1024
GROWING = frozenset({"inbox", "samples", "texts", "rollups_5m", "rollups_1h", "seen"})


class Database:
    """One SQLite file in WAL mode; safe for any number of threads.

    `read()` lends a connection; `write()` is one transaction on the single writer, joined by an inner `write()` of the same
    thread. Both turn SQLite's failures into Unavailable with a sentence. `max_bytes` is how big it is meant to become.
    """

    def __init__(self, folder: Path, max_bytes: int | None = None) -> None:
        self.folder = folder
        self.path = folder / "glance.db"
        share = LOG_PAGES if max_bytes is None else int(LOG_SHARE * max_bytes / PAGE_BYTES)
        self._log_pages = max(LEAST_LOG_PAGES, min(LOG_PAGES, share))
        self._readers: list[sqlite3.Connection] = []
        self._readers_lock = threading.Lock()
        self._write_lock = threading.RLock()
        self._depth = 0
        self._restructures = False
        self._refused = False
        self.structure = 0
        self._closed = False
        _make_folder(folder)
        try:
            _keep_to_owner(self.path)
            self._writer = self._connect()
            self._prepare()
        except sqlite3.Error as error:
            raise DataError(f"{self.path} cannot be used: {_sentence(error)}") from error
        except OSError as error:
            raise DataError(f"{self.path} cannot be used: {error.strerror}; check who owns the data folder.") from error

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Lend a reading connection."""
        con = self._lend()
        try:
            yield con
        except sqlite3.Error as error:
            con.close()
            raise _unavailable(error) from error
        except BaseException:
            self._give_back(con)
            raise
        else:
            self._give_back(con)

    @contextmanager
    def write(self, *, structure: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction on the writer: committed at the end, rolled back on any exception.

        `structure` says that dashboards, widgets or definitions change: `self.structure` grows, and what was made from them
        (lists of widgets, whole pages) is made anew.
        """
        with self._sole_writer():
            self._restructures |= structure
            if self._depth:
                yield self._writer
                return
            if self._closed:
                raise Unavailable("Glance is stopping.")
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                self._depth = 1
                yield self._writer
                self._writer.execute("COMMIT")
                self._refused = False
            except BaseException as error:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                if isinstance(error, sqlite3.IntegrityError):
                    raise
                if isinstance(error, sqlite3.Error):
                    self._refused = True
                    raise _unavailable(error) from error
                raise
            finally:
                self._depth = 0
                if self._restructures:
                    self._restructures = False
                    self.structure += 1

    @contextmanager
    def _sole_writer(self) -> Iterator[None]:
        """Hold the writer; whoever waits as long as for a locked file gives up too, so that the waits do not add up."""
        if not self._write_lock.acquire(timeout=BUSY_TIMEOUT_MS / 1000):
            raise Unavailable("The database is busy with other writes; nothing was changed. Try again.")
        try:
            yield
        finally:
            self._write_lock.release()

    def close(self) -> None:
        """Close every connection; idempotent."""
        with self._write_lock, self._readers_lock:
            self._closed = True
            for con in (*self._readers, self._writer):
                con.close()
            self._readers.clear()

    def size_bytes(self) -> int:
        """Bytes of the file and its log."""
        return sum(p.stat().st_size for p in (self.path, self.path.with_name("glance.db-wal")) if p.exists())

    def check_writable(self) -> None:
        """Raise Unavailable where nothing can be written now.

        It is asked every few seconds, so it writes something only after a write was refused, to see whether that is over:
        a full disk shows at the commit.
        """
        with self._sole_writer():
            if self._depth or self._closed:
                raise Unavailable("Glance is stopping.")
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                if self._refused:
                    version = int(self._writer.execute("PRAGMA user_version").fetchone()[0])
                    self._writer.execute(f"PRAGMA user_version = {version:d}")
                    self._writer.execute("COMMIT")
                    self._refused = False
                else:
                    self._writer.execute("UPDATE preferences SET value = value WHERE name = ''")
            except sqlite3.Error as error:
                raise _unavailable(error) from error
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    def _connect(self) -> sqlite3.Connection:
        con = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_MS / 1000)
        con.row_factory = sqlite3.Row
        con.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        con.execute("PRAGMA foreign_keys = ON")
        con.execute("PRAGMA synchronous = NORMAL")
        return con

    def _lend(self) -> sqlite3.Connection:
        with self._readers_lock:
            if self._readers:
                return self._readers.pop()
            if self._closed:
                raise Unavailable("Glance is stopping.")
        try:
            con = self._connect()
            con.execute("PRAGMA query_only = ON")
        except sqlite3.Error as error:
            raise _unavailable(error) from error
        return con

    def _give_back(self, con: sqlite3.Connection) -> None:
        with self._readers_lock:
            if not self._closed and len(self._readers) < MAX_IDLE_READERS:
                self._readers.append(con)
                return
        con.close()

    def _prepare(self) -> None:
        known = migrations.steps()[-1][0]
        found = int(self._writer.execute("PRAGMA user_version").fetchone()[0])
        if found > known:
            raise DataError(
                f"{self.path} was written by a newer Glance (its version is {found}, this Glance knows {known}): "
                "start the newer Glance, or put back a copy from the backups folder."
            )
        if found and self._is_damaged():
            raise sqlite3.DatabaseError("database disk image is malformed")
        self._writer.execute("PRAGMA journal_mode = WAL")
        self._writer.execute(f"PRAGMA wal_autocheckpoint = {self._log_pages:d}")
        # a big transaction makes it longer; it does not stay so
        self._writer.execute(f"PRAGMA journal_size_limit = {self._log_pages * PAGE_BYTES:d}")
        if 0 < found < known:
            self._copy(found)
        for version, sql in migrations.steps():
            if version > found:
                self._step(version, sql)

    def _is_damaged(self) -> bool:
        """Whether SQLite finds something wrong; of a big file only the tables that do not grow are looked at, to start soon."""
        checks = ["quick_check(1)"]
        if self.path.stat().st_size > CHECK_WHOLE_BYTES:
            rows = self._writer.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            checks = [f"quick_check('{row['name']}')" for row in rows if row["name"] not in GROWING]
        return any(self._writer.execute(f"PRAGMA {check}").fetchone()[0] != "ok" for check in checks)

    def _copy(self, version: int) -> None:
        """Keep a copy of the old file before it is upgraded."""
        backups = self.folder / "backups"
        backups.mkdir(mode=0o700, exist_ok=True)
        target = backups / f"glance-v{version}-{time.strftime('%Y%m%d-%H%M%S')}.db"
        # A copy that was cut short, by a full disk or the power, must not look like a whole one.
        part = target.with_suffix(".part")
        part.unlink(missing_ok=True)
        _keep_to_owner(part)
        self._writer.execute("VACUUM INTO ?", (str(part),))
        part.replace(target)
        log.info("Kept a copy of the database as %s before upgrading it.", target.name)

    def _step(self, version: int, sql: str) -> None:
        """Run one migration in one transaction (executescript would commit by itself)."""
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            for statement in _statements(sql):
                self._writer.execute(statement)
            self._writer.execute(f"PRAGMA user_version = {version:d}")
            self._writer.execute("COMMIT")
        except BaseException:
            self._writer.execute("ROLLBACK")
            raise


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(f"GLANCE_DATA names {folder}, which cannot be made: {error.strerror}.") from error


def _keep_to_owner(path: Path) -> None:
    """Make an empty file that only its owner can read, which SQLite fills, its log being made alike; take from others what is there.

    A file that is there is not opened: closing it would end SQLite's locks of it in this process.
    """
    # SQLite follows a link, also one to a file that is yet to be, and keeps its log beside that.
    path = path.resolve()
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        for file in (path, *(path.with_name(f"{path.name}-{part}") for part in ("wal", "shm", "journal"))):
            with suppress(FileNotFoundError):
                if file.is_file() and file.stat().st_mode & 0o077:
                    file.chmod(0o600)


def _statements(sql: str) -> Iterator[str]:
    """Split a script at the ends of statements, as SQLite itself sees them."""
    buffer = ""
    for line in sql.splitlines(keepends=True):
        buffer += line
        if sqlite3.complete_statement(buffer):
            yield buffer
            buffer = ""
    if buffer.strip():
        yield buffer


def _sentence(error: sqlite3.Error) -> str:
    text = str(error).lower()
    if "locked" in text or "busy" in text:
        return "The database is locked by another program; nothing was changed. Close it and try again."
    if "readonly" in text or "read-only" in text:
        return "The database is read-only; nothing was changed. Check who owns the data folder."
    if "full" in text:
        return "The disk is full; nothing was changed. Free some space and try again."
    if "disk i/o" in text:
        return "The disk refused to be read or written (it may be full or broken); nothing was changed."
    if "malformed" in text or "not a database" in text or "corrupt" in text:
        return "The database file is damaged; nothing was changed. Put back a copy from the backups folder."
    if "unable to open" in text:
        return "The database file cannot be opened; check who owns the data folder."
    return f"The database refused: {text}."


def _unavailable(error: sqlite3.Error) -> Unavailable:
    log.warning("Database: %s", error)
    return Unavailable(_sentence(error))
