"""Is a host there: how long a TCP connection or a ping to it takes, in milliseconds."""

from __future__ import annotations

import errno
import itertools
import os
import re
import secrets
import shutil
import socket
import struct
import subprocess
import time

from glance.errors import FetchError
from glance.guard import Guard, check

PAYLOAD_BYTES = 16

_numbers = itertools.count(1)
_ROUND_TRIP = re.compile(r"(?:time|rtt)[=<]\s*([\d.]+)\s*ms")


class CannotPing(FetchError):
    """This computer may not ping at all; the host may be fine."""


def tcp_ms(host: str, port: int, timeout_s: float, see: Guard = check) -> float:
    """Connect and close; FetchError where nobody listens or nobody answers, or where `see` refuses the address."""
    end = time.monotonic() + timeout_s
    last: OSError | None = None
    for family, kind, protocol, _, address in _resolve(host, port):
        see(host, str(address[0]))
        began = time.perf_counter()
        try:
            with socket.socket(family, kind, protocol) as probe:
                probe.settimeout(max(0.05, end - time.monotonic()))
                probe.connect(address)
                return (time.perf_counter() - began) * 1000
        except OSError as error:
            last = error
        if time.monotonic() >= end:
            break
    raise _unreachable(f"{host} port {port}", last, timeout_s)


def ping_ms(host: str, timeout_s: float, see: Guard = check) -> float:
    """One ICMP echo, by a socket that needs no rights where the system allows it, else by the `ping` command.

    FetchError where there is no reply or `see` refuses the address, CannotPing where this computer has no way to ask.
    """
    family, _, _, _, address = _resolve(host, None)[0]
    see(host, str(address[0]))
    try:
        probe = socket.socket(family, socket.SOCK_DGRAM, _protocol(family))
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT):
            raise _unreachable(host, error, timeout_s) from error
        return _ping_command(host, str(address[0]), timeout_s)
    with probe:
        return echo_ms(probe, host, address, timeout_s)


def echo_ms(probe: socket.socket, host: str, address: tuple[str | int, ...], timeout_s: float) -> float:
    """Send an echo request (RFC 792, RFC 4443) through `probe` and wait for its reply.

    The system fills in identifier and checksum; the reply is known by sequence number and a random payload.
    """
    six = probe.family == socket.AF_INET6
    number = next(_numbers) & 0xFFFF
    payload = secrets.token_bytes(PAYLOAD_BYTES)
    request = struct.pack("!BBHHH", 128 if six else 8, 0, 0, 0, number) + payload
    began = time.perf_counter()
    try:
        probe.sendto(request, address)
        while True:
            left = timeout_s - (time.perf_counter() - began)
            if left <= 0:
                raise TimeoutError
            probe.settimeout(left)
            reply = probe.recv(1024)
            if (
                len(reply) >= 8
                and reply[0] == (129 if six else 0)
                and reply[6:8] == request[6:8]
                and reply[8:] == payload
            ):
                return (time.perf_counter() - began) * 1000
    except OSError as error:
        raise _unreachable(host, error, timeout_s) from error


def _protocol(family: int) -> int:
    """ICMP for IPv4 or IPv6."""
    return socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP


def _ping_command(host: str, address: str, timeout_s: float) -> float:
    """Ask the system's `ping` command, which may do what an unprivileged process may not."""
    command = shutil.which("ping")
    if command is None:
        raise CannotPing(
            "This computer does not let Glance ping: install the ping command (iputils-ping), or allow pings with "
            "sysctl net.ipv4.ping_group_range='0 2147483647'.",
            kind="source",
        )
    wait = str(max(1, round(timeout_s)))
    try:
        done = subprocess.run(
            [command, "-n", "-c", "1", "-W", wait, "--", address],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s + 1,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _unreachable(host, TimeoutError(), timeout_s) from error
    except OSError as error:
        raise CannotPing(
            f"The ping command of this computer cannot be started: {error.strerror}.", kind="source"
        ) from error
    found = _ROUND_TRIP.search(done.stdout)
    if done.returncode == 0 and found:
        return float(found.group(1))
    if "permitted" in done.stderr or "permission" in done.stderr.lower():
        raise CannotPing("The ping command of this computer is not allowed to send pings.", kind="source")
    raise _unreachable(host, TimeoutError(), timeout_s)


def _resolve(host: str, port: int | None) -> list[tuple[int, int, int, str, tuple[str | int, ...]]]:
    """The addresses of a name; FetchError where it has none."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)  # type: ignore[return-value]
    except (OSError, UnicodeError) as error:
        raise FetchError(f"The name {host} cannot be found.", kind="dns") from error


def _unreachable(what: str, error: OSError | None, timeout_s: float) -> FetchError:
    """Why nobody was reached, as a sentence."""
    if isinstance(error, ConnectionRefusedError):
        return FetchError(f"{what} refused the connection.", kind="refused")
    if error is None or isinstance(error, TimeoutError):
        return FetchError(f"{what} did not answer within {timeout_s:g} s.", kind="timeout")
    if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN, errno.EHOSTDOWN):
        return FetchError(f"{what} cannot be reached from this computer.", kind="refused")
    return FetchError(f"{what} cannot be reached: {error.strerror or error}.", kind="refused")
