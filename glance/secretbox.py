"""Encrypts credentials at rest (Fernet: AES-128-CBC with HMAC-SHA-256) under a key from GLANCE_SECRET_KEY or a file."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from glance.errors import GlanceError, SettingError

log = logging.getLogger(__name__)

KEY_FILE = "secret.key"
MAX_BYTES = 4096
MIN_OWN_BYTES = 32
# The first byte of a ciphertext that begins with the mark of its key; those of Fernet itself begin with a letter.
_MARKED = b"\x01"
_MARK_BYTES = 9
# What `_made` writes.
_WHOLE = re.compile(rb"[0-9a-f]{64}")


class SecretLost(GlanceError):
    """A stored secret cannot be read with the present key."""

    status = 409
    title = "A secret must be entered again"


class SecretBox:
    """Encrypts and decrypts texts; the key file is made with mode 0600 at the first need of one.

    `sealed` gives what is stored encrypted: a key file in another form than Glance's own is one only if it opens some of it, or if
    it is a text and there is nothing yet.
    """

    def __init__(self, folder: Path, key: str = "", sealed: Callable[[], Iterable[bytes]] = tuple) -> None:
        self._folder = folder
        self._given = key
        self._sealed = sealed
        self._lock = threading.Lock()
        self._material: bytes | None = None
        self._fernet: Any = None

    def encrypt(self, text: str) -> bytes:
        """The text as ciphertext, which says which key made it."""
        return self._mark() + bytes(self._box().encrypt(text.encode("utf-8", "surrogatepass")))

    def can_read(self, ciphertext: bytes) -> bool:
        """Whether the present key made it, told by its mark alone; True for the ciphertexts of old that have none."""
        return ciphertext[:1] != _MARKED or ciphertext.startswith(self._mark())

    def decrypt(self, ciphertext: bytes) -> str:
        """The text again; SecretLost where the key is another one."""
        from cryptography.fernet import InvalidToken  # late: only where there are secrets

        token = ciphertext[_MARK_BYTES:] if ciphertext[:1] == _MARKED else ciphertext
        try:
            return str(self._box().decrypt(token).decode("utf-8", "surrogatepass"))
        except InvalidToken as error:
            raise SecretLost(
                "A stored secret cannot be read: the key in GLANCE_SECRET_KEY or secret.key is not the one it was stored with. Enter it again."
            ) from error

    def digest(self, text: str) -> str:
        """A keyed hash of the text: tells whether two secrets are equal, and nothing else."""
        return hmac.new(self._key(b"digest"), text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def derive(self, purpose: str) -> bytes:
        """32 bytes for another purpose, such as signing addresses; the same after a restart."""
        return self._key(purpose.encode())

    def _box(self) -> Any:
        if self._fernet is None:
            from cryptography.fernet import Fernet  # late: 8 MB that only secrets need

            self._fernet = Fernet(_sealing(self._key(b"credentials")))
        return self._fernet

    def _mark(self) -> bytes:
        """The mark of the present key at the start of a ciphertext; it tells nothing about the key."""
        return _MARKED + self._key(b"mark")[: _MARK_BYTES - 1]

    def _key(self, purpose: bytes) -> bytes:
        with self._lock:
            if self._material is None:
                self._material = self._given.encode() if self._given else self._from_file()
        return _derived(self._material, purpose)

    def _is_own(self, material: bytes) -> bool:
        """Whether this is a key that the owner wrote: one that opens what is stored or, while nothing is, a text that is long enough."""
        stored = list(self._sealed())
        if not stored:
            return _is_text(material)
        return bool(material.strip(b"\0")) and any(_opens(material, one) for one in stored)

    def _from_file(self) -> bytes:
        path = self._folder / KEY_FILE
        material = _read(path)
        if material is None:
            return _made(path)
        if _WHOLE.fullmatch(material) or self._is_own(material):
            return material
        aside = path.with_name(f"{KEY_FILE}.damaged-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}")
        try:
            path.rename(aside)
        except OSError as error:
            raise SettingError(
                f"{path} is damaged and cannot be moved away ({error.strerror}): put its copy back, or delete it and "
                "enter every secret again."
            ) from error
        log.warning(
            "%s is damaged. It was moved to %s and a new key was made: secrets must be entered again, unless you put "
            "a copy of the old file back and restart. Nothing else is lost.",
            path,
            aside.name,
        )
        return _made(path)


def _is_text(material: bytes) -> bool:
    """Whether somebody may have written this as a key: enough of it, and all of it text."""
    try:
        text = material.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError:
        return False
    return len(material) >= MIN_OWN_BYTES and all(one.isprintable() or one in "\r\n\t" for one in text)


def _derived(material: bytes, purpose: bytes) -> bytes:
    """32 bytes for one purpose, from what a key file or GLANCE_SECRET_KEY holds."""
    return hashlib.blake2b(purpose, key=hashlib.sha256(material).digest(), digest_size=32).digest()


def _sealing(key: bytes) -> bytes:
    """A key as Fernet takes it."""
    return base64.urlsafe_b64encode(key)


def _opens(material: bytes, ciphertext: bytes) -> bool:
    """Whether this is the key that made the ciphertext."""
    if ciphertext[:1] == _MARKED:
        return ciphertext.startswith(_MARKED + _derived(material, b"mark")[: _MARK_BYTES - 1])
    from cryptography.fernet import Fernet, InvalidToken  # late: only where there are secrets

    try:
        Fernet(_sealing(_derived(material, b"credentials"))).decrypt(ciphertext)
    except InvalidToken:
        return False
    return True


def _read(path: Path) -> bytes | None:
    """What a key file holds, without white space around it; nothing where it cannot be read, None where there is none."""
    try:
        material = path.read_bytes()[:MAX_BYTES].strip()
    except FileNotFoundError:
        return b"" if path.is_symlink() else None  # a link that leads nowhere stands in the way of a new file
    except OSError as error:
        log.warning("%s cannot be read: %s", path, error.strerror)
        return b""
    _keep_to_owner(path)
    return material


def _keep_to_owner(path: Path) -> None:
    """Take from others what a copy or a backup gave them; a file that is linked to is kept by somebody else."""
    try:
        if path.is_symlink() or not path.stat().st_mode & 0o077:
            return
        path.chmod(0o600)
    except OSError as error:
        log.warning("%s can be read by others, which cannot be changed: %s", path, error.strerror)
        return
    log.warning(
        "%s could be read by others and is for its owner only now; if somebody has read it, enter the secrets "
        "anew where they come from.",
        path,
    )


def _made(path: Path) -> bytes:
    """A new key in its file, which only its owner may read."""
    material = secrets.token_hex(32).encode()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(material)
    except OSError as error:
        raise SettingError(f"{path} cannot be written: {error.strerror}; check who owns the data folder.") from error
    return material
