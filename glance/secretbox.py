"""Encrypts credentials at rest (Fernet: AES-128-CBC with HMAC-SHA-256) under a key from GLANCE_SECRET_KEY or a file."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Any

from glance.errors import GlanceError, SettingError

KEY_FILE = "secret.key"


class SecretLost(GlanceError):
    """A stored secret cannot be read with the present key."""

    status = 409
    title = "A secret must be entered again"


class SecretBox:
    """Encrypts and decrypts texts; the key file is made with mode 0600 at the first need of one."""

    def __init__(self, folder: Path, key: str = "") -> None:
        self._folder = folder
        self._given = key
        self._material: bytes | None = None
        self._fernet: Any = None

    def encrypt(self, text: str) -> bytes:
        """The text as ciphertext."""
        return bytes(self._box().encrypt(text.encode("utf-8", "surrogatepass")))

    def decrypt(self, ciphertext: bytes) -> str:
        """The text again; SecretLost where the key is another one."""
        from cryptography.fernet import InvalidToken  # late: only where there are secrets

        try:
            return str(self._box().decrypt(ciphertext).decode("utf-8", "surrogatepass"))
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

            self._fernet = Fernet(base64.urlsafe_b64encode(self._key(b"credentials")))
        return self._fernet

    def _key(self, purpose: bytes) -> bytes:
        if self._material is None:
            self._material = self._given.encode() if self._given else self._from_file()
        return hashlib.blake2b(purpose, key=hashlib.sha256(self._material).digest(), digest_size=32).digest()

    def _from_file(self) -> bytes:
        path = self._folder / KEY_FILE
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            material = path.read_bytes().strip()
            if len(material) < 32:
                raise SettingError(
                    f"{path} is damaged: put its copy back, or move it away and enter every secret again."
                ) from None
            return material
        with os.fdopen(handle, "wb") as file:
            material = secrets.token_hex(32).encode()
            file.write(material)
        return material
