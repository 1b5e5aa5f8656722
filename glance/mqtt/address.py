"""GLANCE_MQTT_URL: where the broker is and how to get in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from glance.errors import SettingError

DEFAULT_HOST, PORT, TLS_PORT = "127.0.0.1", 1883, 8883
NAME = "GLANCE_MQTT_URL"
EXAMPLE = "an address such as mqtt://user:password@host:1883"


@dataclass(frozen=True, slots=True)
class Address:
    """A broker. `ca` is a file with the certificate to trust, `verify` False trusts any; `given` False = nobody set it."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None
    tls: bool = False
    ca: Path | None = None
    verify: bool = True
    given: bool = True

    @property
    def shown(self) -> str:
        """Host and port, without user and password."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse(url: str) -> Address:
    """Read `mqtt://user:password@host:1883` or `mqtts://…?ca=/file&verify=false`; SettingError names what is wrong."""
    if not url:
        return Address(DEFAULT_HOST, PORT, given=False)
    try:
        parts = urlsplit(url if "://" in url else f"mqtt://{url}")
    except ValueError:
        # a square bracket without its other half
        raise SettingError(f"{NAME} must be {EXAMPLE}; write [ and ] in a password as %5B and %5D.") from None
    if parts.scheme not in ("mqtt", "mqtts", "tcp", "ssl"):
        raise SettingError(f"{NAME} must begin with mqtt:// or mqtts://, or be off or embedded.")
    tls = parts.scheme in ("mqtts", "ssl")
    try:
        port = parts.port
    except ValueError:
        raise SettingError(f"{NAME} has a port that is no number from 1 to 65535.") from None
    if not parts.hostname or parts.path not in ("", "/"):
        raise SettingError(f"{NAME} must be {EXAMPLE}.")
    options = parse_qs(parts.query)
    ca = options.get("ca", [""])[-1]
    if ca and not Path(ca).is_file():
        raise SettingError(f"{NAME} names a certificate file with ca= that does not exist.")
    return Address(
        host=parts.hostname,
        port=port or (TLS_PORT if tls else PORT),
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        tls=tls,
        ca=Path(ca) if ca else None,
        verify=options.get("verify", ["true"])[-1].lower() not in ("0", "false", "no"),
    )
