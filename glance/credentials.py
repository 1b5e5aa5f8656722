"""Credentials: named secrets that custom widgets share, each for its own hosts only, written and never read again."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from glance import expressions, guard
from glance.definition import Definition
from glance.errors import FetchError, FieldError, Invalid
from glance.outbound import Bound
from glance.plaintext import tidy
from glance.secretbox import SecretBox, SecretLost
from glance.store.credentials import CredentialRows, StoredCredential, WidgetSecret
from glance.store.db import Database

log = logging.getLogger(__name__)

MAX_NAME = 60
MAX_VALUE = 65_536
_NAME = re.compile(r"[^\x00-\x1f\x7f/\\\"'{}<>?#%\u2028\u2029]+")
# Line breaks and tabs belong to keys and certificates; the other control characters are a slip of the clipboard.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential as it may be shown: never its value. `is_lost`: the key changed, and it must be entered again."""

    name: str
    hosts: tuple[str, ...]
    set_at: float
    created_at: float
    is_lost: bool


class Credentials:
    """Stores credentials and hands them out to fetches; safe for any thread."""

    def __init__(self, db: Database, secretbox: SecretBox, clock: Callable[[], float] = time.time) -> None:
        self._rows = CredentialRows(db, clock)
        self._secretbox = secretbox
        self._nonce = secrets.token_bytes(32)

    def all(self) -> list[Credential]:
        """Every credential, by name."""
        return [self._shown(row) for row in self._rows.all()]

    def get(self, name: str) -> Credential:
        """The one with this name, or NotFound."""
        return self._shown(self._rows.get(name))

    def create(self, name: Any, value: Any, hosts: Any) -> Credential:
        """Store a new one; Invalid names each field that does not fit, Conflict a name that is taken."""
        errors: list[FieldError] = []
        named = checked_name(name, errors)
        text = checked_value(value, errors)
        to = checked_hosts(hosts, errors, any_host=False)
        _refuse(errors)
        return self._shown(self._rows.create(named, self._secretbox.encrypt(text), to))

    def change(self, name: str, value: Any = None, hosts: Any = None) -> Credential:
        """Replace the value, the hosts or both; what is None stays."""
        errors: list[FieldError] = []
        text = None if value is None else checked_value(value, errors)
        to = None if hosts is None else checked_hosts(hosts, errors, any_host=False)
        _refuse(errors)
        self._rows.get(name)
        ciphertext = None if text is None else self._secretbox.encrypt(text)
        return self._shown(self._rows.update(name, ciphertext, to))

    def delete(self, name: str) -> None:
        """Delete it; NotFound where there is none."""
        self._rows.delete(name)

    def hand_out(self, name: str) -> Bound:
        """What a fetch gets for a name: a mark, and apart from it the value; FetchError where it cannot be used.

        The mark is another one after a restart and for each new value.
        """
        row = self._rows.find(name)
        if row is None:
            raise FetchError(
                f"There is no credential named “{tidy(name[: 2 * MAX_NAME])[:MAX_NAME]}”: add it under Settings, Credentials.",
                kind="source",
            )
        try:
            value = self._secretbox.decrypt(row.ciphertext)
        except SecretLost as error:
            raise FetchError(
                f"The credential “{name}” cannot be read with the present key: "
                "enter it again under Settings, Credentials.",
                kind="source",
            ) from error
        told = hmac.new(self._nonce, name.encode() + b"\0" + row.ciphertext, hashlib.sha256).hexdigest()
        return Bound(f"glcred{told[:40]}x", name, value, row.hosts)

    def lost_widget_secrets(self) -> list[WidgetSecret]:
        """The secrets of single widgets that cannot be read with the present key."""
        return [one for one in self._rows.widget_secrets() if not self._secretbox.can_read(one.ciphertext)]

    def widget_secrets(self) -> list[tuple[WidgetSecret, bool]]:
        """The secrets of single widgets, each with whether it can be read."""
        return [(one, self._secretbox.can_read(one.ciphertext)) for one in self._rows.widget_secrets()]

    def report_lost(self) -> None:
        """Say in the log which secrets must be entered again; nothing where all can be read."""
        names = [f"the credential “{one.name}”" for one in self.all() if one.is_lost]
        names += [f"{one.path} of the widget {one.widget_id}" for one in self.lost_widget_secrets()]
        if names:
            log.warning(
                "%d secrets cannot be read with the present key and must be entered again: %s. Everything else is whole.",
                len(names),
                ", ".join(names[:20]) + (" and more" if len(names) > 20 else ""),
            )

    def _shown(self, row: StoredCredential) -> Credential:
        is_lost = not self._secretbox.can_read(row.ciphertext)
        return Credential(row.name, row.hosts, row.set_at, row.created_at, is_lost)


def users(definitions: Iterable[Definition]) -> Mapping[str, list[Definition]]:
    """The definitions that ask for each credential by name in their source."""
    found: dict[str, list[Definition]] = {}
    for definition in definitions:
        for name in expressions.credentials_in(definition.source):
            found.setdefault(name, []).append(definition)
    return found


def checked_name(name: Any, errors: list[FieldError]) -> str:
    """A name that can stand in a manifest and an address; what does not fit joins `errors`."""
    text = name.strip() if isinstance(name, str) else ""
    if not text:
        errors.append(FieldError("name", "must not be empty"))
    elif len(text) > MAX_NAME:
        errors.append(FieldError("name", f"must have at most {MAX_NAME} characters"))
    elif not _NAME.fullmatch(text) or text in (".", ".."):
        errors.append(FieldError("name", "must not hold line breaks, quotes, braces or any of / \\ < > ? # %"))
    return text


def checked_value(value: Any, errors: list[FieldError]) -> str:
    """A value without the line break that a paste leaves at its end; what does not fit joins `errors`."""
    text = value.strip("\r\n") if isinstance(value, str) else ""
    if not text:
        errors.append(FieldError("value", "must not be empty"))
    elif not text.strip():
        errors.append(FieldError("value", "holds nothing but blanks; copy it again"))
    elif len(text.encode("utf-8", "replace")) > MAX_VALUE:
        errors.append(FieldError("value", f"must have at most {MAX_VALUE // 1024} KB"))
    elif _CONTROL.search(text):
        errors.append(FieldError("value", "holds a control character that no secret has; copy it again"))
    return text


def checked_hosts(hosts: Any, errors: list[FieldError], *, any_host: bool, needed: bool = True) -> list[str]:
    """Hosts as they are stored, from a list or from a text with commas; what does not fit joins `errors`."""
    if isinstance(hosts, str):
        hosts = guard.hosts_of_text(hosts)
    if not isinstance(hosts, (list, tuple)) or not all(isinstance(host, str) for host in hosts):
        errors.append(FieldError("hosts", "must be a list of hosts"))
        return []
    found = list(dict.fromkeys(guard.written(host) for host in hosts if host.strip()))
    if not found and needed:
        errors.append(FieldError("hosts", "must name at least one host, such as api.example.org or nas.lan:8080"))
    if len(found) > guard.MAX_HOSTS:
        errors.append(FieldError("hosts", f"must be at most {guard.MAX_HOSTS}"))
    fault = next((fault for host in found if (fault := guard.host_fault(host, any_host=any_host))), None)
    if fault:
        errors.append(FieldError("hosts", fault))
    return found


def _refuse(errors: list[FieldError]) -> None:
    if errors:
        first = f"{errors[0].field} {errors[0].message}"
        raise Invalid(f"{first}." if len(errors) == 1 else f"{len(errors)} fields do not fit; {first}.", errors)
