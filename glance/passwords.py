"""The owner's password: hashed with scrypt, compared in constant time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
import unicodedata

SCRYPT_N = 2**14
SCRYPT_R = 8
SCRYPT_P = 5
KEY_BYTES = 32
LEAST_CHARACTERS = 10
MOST_CHARACTERS = 1000

# Each run needs 16 MB and a fraction of a second of a core: two at a time leave a small computer able to serve pages.
_at_once = threading.BoundedSemaphore(2)


def hash_password(password: str) -> str:
    """Hash with a fresh salt: `scrypt$N$r$p$salt$key`, salt and key in base64 (RFC 7914 names the parameters)."""
    salt = secrets.token_bytes(16)
    key = _derive(password, salt, SCRYPT_N, SCRYPT_R, SCRYPT_P)
    return "$".join(("scrypt", str(SCRYPT_N), str(SCRYPT_R), str(SCRYPT_P), _text(salt), _text(key)))


def matches(password: str, stored: str) -> bool:
    """True where `password` is the one that was hashed; False for any other, and for a stored text that is damaged."""
    try:
        scheme, n, r, p, salt, key = stored.split("$")
        expected = base64.b64decode(key, validate=True)
        given = _derive(password, base64.b64decode(salt, validate=True), int(n), int(r), int(p))
    except (ValueError, binascii.Error):
        return False
    return scheme == "scrypt" and hmac.compare_digest(given, expected)


def same_text(given: str, expected: str) -> bool:
    """Compare two secrets in a time that tells neither their length nor where they differ."""
    return hmac.compare_digest(
        hashlib.sha256(_bytes(given)).digest(),
        hashlib.sha256(_bytes(expected)).digest(),
    )


def weakness(password: str) -> str | None:
    """Why this password is not accepted, as a sentence; None where it is."""
    if len(password) < LEAST_CHARACTERS:
        return f"Use at least {LEAST_CHARACTERS} characters; a few words work well."
    if len(password) > MOST_CHARACTERS:
        return f"Use at most {MOST_CHARACTERS} characters."
    if len(set(password)) < 4:
        return "Use more than a few different characters."
    return None


def _derive(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    with _at_once:
        return hashlib.scrypt(
            _bytes(password[: MOST_CHARACTERS + 1]),
            salt=salt,
            n=n,
            r=r,
            p=p,
            maxmem=128 * n * r * 2,
            dklen=KEY_BYTES,
        )


def _bytes(text: str) -> bytes:
    # Keyboards differ in how they compose an accented letter: NFC makes them one.
    return unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
