"""The listening socket: bound early, so that a taken port is said before anything else is touched."""

from __future__ import annotations

import errno
import logging
import resource
import socket
from dataclasses import dataclass

from glance.config import Settings
from glance.errors import SettingError

log = logging.getLogger(__name__)

BACKLOG = 4096
# How long the kernel keeps a connection to itself until its first byte comes: silent ones never reach this process.
DEFER_ACCEPT_S = 5
WANTED_FILES = 16384
WILDCARDS = ("0.0.0.0", "::", "")


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound, listening, non-blocking socket and the host it was asked for."""

    sock: socket.socket
    host: str

    @property
    def port(self) -> int:
        """The real port, also where 0 (any free one) was asked for."""
        return int(self.sock.getsockname()[1])

    @property
    def address(self) -> str:
        """An address to open on this computer."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{self.port}"

    @property
    def is_everywhere(self) -> bool:
        """True where every address of this computer is listened on."""
        return self.host in WILDCARDS

    def close(self) -> None:
        """Stop listening; idempotent."""
        self.sock.close()


def listen(settings: Settings) -> Listener:
    """Bind GLANCE_HOST and GLANCE_PORT; SettingError says which of the two is wrong and why."""
    family, address = _resolve(settings)
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and settings.host == "::":
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        # accepted sockets inherit it: an answer of two packets must not wait for an acknowledgement
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_DEFER_ACCEPT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, DEFER_ACCEPT_S)
        sock.bind(address)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise SettingError(_why(settings, error)) from error
    return Listener(sock, settings.host)


def _resolve(settings: Settings) -> tuple[int, tuple[str, int]]:
    """The family and address to bind; IPv4 first where a name has both."""
    try:
        found = socket.getaddrinfo(
            settings.host or None,
            settings.port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV,
        )
    except (OSError, UnicodeError) as error:
        raise SettingError(
            f"GLANCE_HOST is {settings.host}, which is not a name or address of this computer."
        ) from error
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    family, _, _, _, address = found[0]
    return family, (str(address[0]), int(address[1]))


def _why(settings: Settings, error: OSError) -> str:
    """The sentence for a failed bind."""
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {settings.port} is in use on {settings.host}: stop what uses it, or set GLANCE_PORT to another port."
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"GLANCE_PORT is {settings.port}, which this user may not open: choose a port from 1024 up."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"GLANCE_HOST is {settings.host}, which is not an address of this computer."
    return f"GLANCE_HOST {settings.host} and GLANCE_PORT {settings.port} cannot be listened on: {error.strerror}."


def raise_file_limit() -> int:
    """Raise the number of files this process may open as far as it may; returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, WANTED_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return wanted
        except (OSError, ValueError) as error:
            log.warning("the limit of open files stays at %s: %s", soft, error)
    return WANTED_FILES if soft == resource.RLIM_INFINITY else soft
