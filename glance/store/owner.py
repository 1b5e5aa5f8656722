"""The owner of this Glance: the password, the choice to do without one, and who is signed in."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from sqlite3 import Row

from glance import passwords
from glance.errors import Conflict, Unavailable
from glance.store.db import Database

KEEP_S = 90 * 86400.0
UNKEPT_S = 86400.0
TOUCH_EVERY_S = 300.0
REREAD_S = 30.0
# One row for all sessions, so it may be asked often: so soon a password that another process set ends what was opened before.
REREAD_PASSWORD_S = 1.0
MOST_SESSIONS = 200
TOKEN_CHARACTERS = 43


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that is signed in. Times are Unix seconds; `keep` False ends it after a day without use instead of 90."""

    id: int
    created_at: float
    last_used_at: float
    keep: bool
    user_agent: str
    address: str

    @property
    def ends_at(self) -> float:
        """When it ends unless it is used again."""
        return self.last_used_at + (KEEP_S if self.keep else UNKEPT_S)


@dataclass(frozen=True, slots=True)
class _State:
    """The row of the owner."""

    password_hash: str | None
    password_changed_at: float | None
    local_only: bool


class Owner:
    """Password and sessions; safe for any number of threads.

    `password` is GLANCE_PASSWORD and wins over a stored one. Sessions are kept in memory for REREAD_S, so that a page costs no
    query, but never longer than the password that they were opened with; one that another process sets (on the command line)
    holds within REREAD_PASSWORD_S, and at once for signing in.
    """

    def __init__(self, db: Database, clock: Callable[[], float] = time.time, password: str = "") -> None:
        self._db = db
        self._clock = clock
        self._given = password
        self._lock = threading.Lock()
        # Grows with every change: what was read before one is not kept in memory after it.
        self._generation = 0
        self._state: tuple[float, _State] | None = None
        self._sessions: dict[bytes, tuple[float, Session]] = {}

    def now(self) -> float:
        """The time by which sessions end (Unix seconds)."""
        return self._clock()

    # The password

    @property
    def given_by_environment(self) -> bool:
        """True where GLANCE_PASSWORD decides."""
        return bool(self._given)

    def has_password(self) -> bool:
        """True once a password exists, from the environment or the browser."""
        return bool(self._given) or self._read_state().password_hash is not None

    def password_changed_at(self) -> float | None:
        """When the stored password was set (Unix seconds)."""
        return self._read_state().password_changed_at

    def local_only(self) -> bool:
        """True where the owner chose to do without a password: only local requests are served."""
        return not self.has_password() and self._read_state().local_only

    def password_is(self, candidate: str) -> bool:
        """Check a password; takes the same time right or wrong."""
        return self.proven(candidate) is not None

    def proven(self, candidate: str) -> str | None:
        """What a right password was found right by, for `open_session` and `set_password`; None where it is wrong.

        Checking takes a while: what is done with it counts only if it is still what decides when it is done.
        """
        if self._given:
            return self._given if passwords.same_text(candidate, self._given) else None
        stored = self._read_state(within_s=0).password_hash
        return stored if stored is not None and passwords.matches(candidate, stored) else None

    def set_password(self, password: str, first: bool = False, instead_of: str | None = None) -> str | None:
        """Store a new password and end every session; returns what it is proven by, or None where nothing was changed.

        With `first` it is set only where nothing was chosen yet, with `instead_of` only in the place of what was proven by that
        ('' = in the place of none).
        """
        hashed = passwords.hash_password(password)
        with self._db.write() as con:
            row = con.execute("SELECT password_hash, local_only FROM owner WHERE id = 1").fetchone()
            before = row["password_hash"] or ""
            if (first and (before or row["local_only"])) or instead_of not in (None, before):
                return None
            con.execute(
                "UPDATE owner SET password_hash = ?, password_changed_at = ?, local_only = 0 WHERE id = 1",
                (hashed, self._clock()),
            )
            con.execute("DELETE FROM sessions")
        self._forget_memory()
        return hashed

    def choose_local_only(self) -> bool:
        """Do without a password; False where one exists."""
        with self._db.write() as con:
            changed = con.execute("UPDATE owner SET local_only = 1 WHERE id = 1 AND password_hash IS NULL").rowcount
        self._forget_memory()
        return changed == 1

    # Sessions

    def open_session(self, user_agent: str, address: str, keep: bool = True, proof: str | None = None) -> str:
        """Sign a browser in and return its token (256 random bits), which is stored only as a hash.

        `proof` is what the password was proven by; Conflict where another one was set since.
        """
        token = secrets.token_urlsafe(32)
        now = self._clock()
        with self._db.write() as con:
            stored = con.execute("SELECT password_hash FROM owner WHERE id = 1").fetchone()["password_hash"]
            secret = self._given or stored or ""
            if proof not in (None, secret):
                raise Conflict("The password was changed a moment ago. Sign in with the new one.")
            con.execute(
                "DELETE FROM sessions WHERE last_used_at + CASE keep WHEN 1 THEN ? ELSE ? END < ?",
                (KEEP_S, UNKEPT_S, now),
            )
            con.execute(
                "DELETE FROM sessions WHERE id NOT IN (SELECT id FROM sessions ORDER BY last_used_at DESC LIMIT ?)",
                (MOST_SESSIONS - 1,),
            )
            con.execute(
                "INSERT INTO sessions (token_hash, password_tag, created_at, last_used_at, keep, user_agent, address)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (_hash(token), _tag(token, secret), now, now, int(keep), user_agent[:300], address[:64]),
            )
        return token

    def session(self, token: str) -> Session | None:
        """The session of a token, or None where it is unknown, ended or opened with a former password."""
        if len(token) != TOKEN_CHARACTERS or not token.isascii():
            return None
        key = _hash(token)
        now = self._clock()
        # first, as another password ends what is in memory
        self._read_state()
        with self._lock:
            known = self._sessions.get(key)
        if known is not None and 0 <= now - known[0] < REREAD_S:
            found: Session | None = known[1]
        else:
            found = self._load(key, token)
        return found if found is not None and found.ends_at > now else None

    def touch(self, token: str, session: Session, address: str) -> bool:
        """Note that a session is in use, at most every five minutes; True where it was noted now.

        A database that cannot be written keeps nobody out: the note is then left for the next time.
        """
        now = self._clock()
        if now - session.last_used_at < TOUCH_EVERY_S:
            return False
        key = _hash(token)
        with self._lock:
            if key in self._sessions:
                self._sessions[key] = (now, replace(session, last_used_at=now, address=address[:64]))
        try:
            with self._db.write() as con:
                con.execute(
                    "UPDATE sessions SET last_used_at = ?, address = ? WHERE id = ?", (now, address[:64], session.id)
                )
        except Unavailable:
            return False
        return True

    def sessions(self) -> list[Session]:
        """Every live session, the last used first."""
        now = self._clock()
        with self._db.read() as con:
            rows = con.execute(
                "SELECT id, created_at, last_used_at, keep, user_agent, address FROM sessions ORDER BY last_used_at DESC"
            ).fetchall()
        return [found for found in map(_session, rows) if found.ends_at > now]

    def end_session(self, session_id: int) -> bool:
        """Sign one browser out at once; False where it was not signed in."""
        with self._db.write() as con:
            ended = con.execute("DELETE FROM sessions WHERE id = ?", (session_id,)).rowcount
        self._forget_memory()
        return ended == 1

    def end_other_sessions(self, session_id: int) -> int:
        """Sign every other browser out; returns how many."""
        with self._db.write() as con:
            ended = con.execute("DELETE FROM sessions WHERE id <> ?", (session_id,)).rowcount
        self._forget_memory()
        return ended

    def _load(self, key: bytes, token: str) -> Session | None:
        generation = self._generation
        with self._db.read() as con:
            row = con.execute(
                "SELECT id, created_at, last_used_at, keep, user_agent, address, password_tag FROM sessions WHERE token_hash = ?",
                (key,),
            ).fetchone()
        secret = self._given or self._read_state().password_hash or ""
        right = row is not None and hmac.compare_digest(row["password_tag"], _tag(token, secret))
        with self._lock:
            if not right:
                self._sessions.pop(key, None)
                return None
            found = _session(row)
            if generation == self._generation:
                if len(self._sessions) > MOST_SESSIONS:
                    self._sessions.clear()
                self._sessions[key] = (self._clock(), found)
        return found

    def _forget_memory(self) -> None:
        with self._lock:
            self._generation += 1
            self._sessions.clear()
            self._state = None

    def _read_state(self, within_s: float = REREAD_PASSWORD_S) -> _State:
        now = self._clock()
        known = self._state
        if known is not None and 0 <= now - known[0] < within_s:
            return known[1]
        generation = self._generation
        with self._db.read() as con:
            row = con.execute(
                "SELECT password_hash, password_changed_at, local_only FROM owner WHERE id = 1"
            ).fetchone()
        state = _State(row["password_hash"], row["password_changed_at"], bool(row["local_only"]))
        with self._lock:
            if generation == self._generation:
                if self._state is not None and self._state[1] != state:
                    self._generation += 1
                    self._sessions.clear()
                self._state = (now, state)
        return state


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("ascii")).digest()


def _tag(token: str, secret: str) -> bytes:
    """Ties a session to what its password was proven by: changing it, here or by the environment, ends what was opened before.

    The key is the token, which is not stored: the tag tells nothing about the password.
    """
    return hmac.digest(token.encode("ascii"), b"password:" + secret.encode("utf-8", "surrogatepass"), "sha256")


def _session(row: Row) -> Session:
    return Session(
        row["id"], row["created_at"], row["last_used_at"], bool(row["keep"]), row["user_agent"], row["address"]
    )
