"""Settings from the environment, read once at the start."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from glance.errors import SettingError
from glance.hostnames import as_sent, authority, bare_name

# An origin as frame-ancestors takes it, also with * for the first part of the name or for the port; nothing that ends a directive.
_ANCESTOR = re.compile(r"https?://(?:(?:\*\.)?[a-z0-9.-]+|\[[0-9a-f:]+\])(?::(?:\d{1,5}|\*))?", re.ASCII)
# What a path can hold that reads the same in a request, a cookie and a link.
_PLAIN_PATH = re.compile(r"[\w.~+@/-]*", re.ASCII)
_HEADER_NAME = re.compile(r"[a-z0-9-]+", re.ASCII | re.IGNORECASE)

ROOT = Path(__file__).resolve().parent.parent
BUILT_IN_WIDGETS = ROOT / "widgets"


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, checked. Names are those of the environment without GLANCE_; see docs/settings.md."""

    host: str = "127.0.0.1"
    port: int = 8080
    data: Path = Path("data")
    widgets: tuple[Path, ...] = ()
    mqtt_url: str = ""
    mqtt_topics: tuple[str, ...] = ("#",)
    mqtt_decimal_comma: bool = False
    password: str = ""
    api_token: str = ""
    auth: str = "password"
    auth_none_ok: bool = False
    proxy_header: str = "Remote-User"
    trusted_proxies: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    public_url: str = ""
    frame_ancestors: tuple[str, ...] = ()
    secret_key: str = ""
    raw_days: int = 7
    rollup_days: int = 400
    max_mb: int = 2000
    log_level: str = "info"
    log_format: str = "text"

    @property
    def widget_folders(self) -> tuple[Path, ...]:
        """The built-in folder of definitions, then the owner's."""
        return (BUILT_IN_WIDGETS, *self.widgets)

    @property
    def is_loopback(self) -> bool:
        """True where only this computer can connect."""
        return is_loopback_host(self.host)


def is_loopback_host(host: str) -> bool:
    """True for localhost and loopback addresses."""
    return host == "localhost" or (_is_ip(host) and ip_address(host).is_loopback)


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read GLANCE_* (or GLANCE_*_FILE); SettingError names the one that is wrong."""
    env = _Env(os.environ if environ is None else environ)
    settings = Settings(
        host=env.text("HOST", "127.0.0.1"),
        port=env.whole("PORT", 8080, 0, 65535),
        data=Path(env.text("DATA", "data")).expanduser(),
        widgets=tuple(Path(part).expanduser() for part in env.text("WIDGETS", "").split(":") if part),
        mqtt_url=env.text("MQTT_URL", ""),
        mqtt_topics=tuple(part.strip() for part in env.text("MQTT_TOPICS", "#").split(",") if part.strip()),
        mqtt_decimal_comma=env.switch("MQTT_DECIMAL_COMMA"),
        password=env.text("PASSWORD", ""),
        api_token=env.text("API_TOKEN", ""),
        auth=env.choice("AUTH", "password", ("password", "proxy", "none")),
        auth_none_ok=env.switch("AUTH_NONE_OK"),
        proxy_header=env.header("PROXY_HEADER", "Remote-User"),
        trusted_proxies=env.networks("TRUSTED_PROXIES"),
        allowed_hosts=env.hosts("ALLOWED_HOSTS"),
        public_url=env.url("PUBLIC_URL"),
        frame_ancestors=env.ancestors("FRAME_ANCESTORS"),
        secret_key=env.text("SECRET_KEY", ""),
        raw_days=env.whole("RAW_DAYS", 7, 1, 36500),
        rollup_days=env.whole("ROLLUP_DAYS", 400, 1, 36500),
        max_mb=env.whole("MAX_MB", 2000, 10, 10_000_000),
        log_level=env.choice("LOG_LEVEL", "info", ("debug", "info", "warning")),
        log_format=env.choice("LOG_FORMAT", "text", ("text", "json")),
    )
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    """Refuse combinations that would be unsafe."""
    if settings.auth == "none" and not settings.is_loopback and not settings.auth_none_ok:
        raise SettingError(
            "GLANCE_AUTH=none is only for loopback addresses; set GLANCE_HOST=127.0.0.1, or GLANCE_AUTH_NONE_OK=1 if you mean it."
        )
    if settings.auth == "proxy" and not settings.trusted_proxies:
        raise SettingError("GLANCE_AUTH=proxy needs GLANCE_TRUSTED_PROXIES, the addresses whose user name is believed.")
    for folder in settings.widgets:
        if not folder.is_dir():
            raise SettingError(f"GLANCE_WIDGETS names {folder}, which is not a folder.")


class _Env:
    """GLANCE_* by short name, each also from the file that GLANCE_*_FILE names."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str, default: str) -> str:
        key = f"GLANCE_{name}"
        file = self._environ.get(f"{key}_FILE")
        if file:
            try:
                text = Path(file).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingError(f"{key}_FILE names a file that cannot be read: {error}.") from error
            if not text:
                # A secret that was not filled in must not start a Glance without one.
                raise SettingError(
                    f"{key}_FILE names {file}, which is empty; put the value into it, or remove {key}_FILE."
                )
            return text
        return self._environ.get(key, "").strip() or default

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        raw = self.text(name, str(default))
        if not raw.isascii() or not raw.isdigit() or not low <= int(raw) <= high:
            raise SettingError(f"GLANCE_{name} must be a whole number from {low} to {high}.")
        return int(raw)

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        raw = self.text(name, default).lower()
        if raw not in allowed:
            raise SettingError(f"GLANCE_{name} must be one of: {', '.join(allowed)}.")
        return raw

    def switch(self, name: str) -> bool:
        raw = self.text(name, "0").lower()
        if raw not in ("0", "1", "true", "false", "yes", "no"):
            raise SettingError(f"GLANCE_{name} must be 1 or 0.")
        return raw in ("1", "true", "yes")

    def items(self, name: str) -> tuple[str, ...]:
        return tuple(part.strip().lower() for part in self.text(name, "").split(",") if part.strip())

    def networks(self, name: str) -> tuple[str, ...]:
        found = self.items(name)
        for item in found:
            try:
                ip_network(item, strict=False)
            except ValueError:
                raise SettingError(
                    f"GLANCE_{name} must be a comma-separated list of addresses or networks such as 172.18.0.0/16."
                ) from None
        return found

    def ancestors(self, name: str) -> tuple[str, ...]:
        """Origins that may show Glance in a frame; `none` stands alone."""
        found = self.items(name)
        if not all(item in ("self", "none") or _ANCESTOR.fullmatch(item) for item in found) or (
            "none" in found and len(found) > 1
        ):
            raise SettingError(
                f"GLANCE_{name} must be none, or a comma-separated list of self and origins such as https://home.example.org:8123."
            )
        return found

    def url(self, name: str) -> str:
        raw = self.text(name, "").rstrip("/")
        found = _public_address(raw) if raw else ""
        if found is None:
            raise SettingError(
                f"GLANCE_{name} must be an address such as https://glance.example.org, or https://example.org/glance with a path "
                "of plain letters and digits."
            )
        return found

    def hosts(self, name: str) -> tuple[str, ...]:
        """Names as browsers send them, each with or without a port; `*.` in front stands for every name below, `*` for all."""
        found = tuple(as_sent(item) for item in self.items(name))
        for item in found:
            below = item.removeprefix("*.")
            if item == "*" or _is_ip(item) or (bare_name(below) and (below == item or ":" not in below)):
                continue
            raise SettingError(f"GLANCE_{name} names {item}, which is no name of a host: {_instead(item)}.")
        return found

    def header(self, name: str, default: str) -> str:
        """The name of a header, _ taken as -: servers drop one that is sent with _, because it could be taken for the other."""
        raw = self.text(name, default)
        found = raw.replace("_", "-")
        if not _HEADER_NAME.fullmatch(found):
            raise SettingError(f"GLANCE_{name} is {raw}, which no request can carry: write a name such as {default}.")
        return found


def _instead(item: str) -> str:
    """What to write for an entry that names no host."""
    if re.search(r"[\s;]", item):
        return "put commas between the names"
    if re.fullmatch(r"[0-9a-f:.]+/\d+", item):
        return "leave it out, as Glance is found by any address without being told"
    if item.startswith(".") and bare_name(item[1:]):
        return f"write *{item}"
    host = re.split(r"[/?#]", item.rpartition("://")[2], maxsplit=1)[0]
    name = bare_name(host.removeprefix("*."))
    if name is None:
        return "write a name such as dash.example.org, or *.example.org for every name below it"
    return f"write {'*.' if host.startswith('*.') else ''}{name}"


def _public_address(text: str) -> str | None:
    """http:// or https:// with a host as browsers send it, and no more behind it than a port and a plain path; None for others."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:  # a port or an IPv6 address that is none
        return None
    name = bare_name(as_sent(parts.netloc))
    leads_on = _PLAIN_PATH.fullmatch(parts.path) and not {".", ".."} & set(parts.path.split("/"))
    if parts.scheme not in ("http", "https") or not name or port == 0 or not leads_on or parts.query or parts.fragment:
        return None
    host = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{authority(parts.scheme, host if port is None else f'{host}:{port}')}{parts.path}"


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
