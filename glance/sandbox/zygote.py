"""The small process that makes a caged process for each run: it is started fresh, warmed up once, and forks.

Started by `host` as `python -I -S` with an empty environment and one socket. It runs nobody's code itself. Each message on the
socket brings the ends of two pipes; a child is forked that takes them, locks itself and runs the code that comes through them.
The answer is the child's pidfd, by which the host can end it without ever meeting another process. When the host is gone, so is
the zygote, and with it, by the kernel's hand, every child.
"""

from __future__ import annotations

import _socket
import fcntl
import gc
import os
import select
import signal
import struct
import sys
from contextlib import suppress
from typing import NoReturn

from glance.sandbox import cage, frames, inside, machine, rules

REQUEST = b"r"
REAP_EVERY_MS = 500
ABOVE_ALL = 64
_FD = struct.Struct("i")


def main(fd: int, cpu_s: int, wall_s: int, with_landlock: bool) -> None:
    """Serve until the socket closes; the first message back says that it is ready, or what is wrong."""
    control = _socket.socket(fileno=fd)
    try:
        ready = cage.prepare(machine.this_machine(), with_landlock)
    except (machine.Unsupported, OSError) as error:
        control.send(f"no {error}".encode())
        return
    inside.warm_up()
    sys.path.clear()
    os.chdir("/")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    gc.collect()
    with suppress(AttributeError):  # glibc has it
        ready.libc.malloc_trim(0)
    gc.freeze()
    control.send(b"yes landlock" if ready.ruleset_fd >= 0 else b"yes")
    serve(control, ready, cpu_s, wall_s)


def serve(control: _socket.socket, ready: cage.Cage, cpu_s: int, wall_s: int) -> None:
    """Fork a child per message; the dead are buried as they come up."""
    waiter = select.poll()
    waiter.register(control, select.POLLIN)
    children = 0
    while True:
        if not waiter.poll(REAP_EVERY_MS if children else None):
            children -= _bury()
            continue
        pipes = _request(control)
        if pipes is None:
            return
        children += _fork(control, pipes, ready, cpu_s, wall_s) - _bury()


def _request(control: _socket.socket) -> tuple[int, int] | None:
    """The two ends that came with a request; None where the host is gone."""
    message, extra, _, _ = control.recvmsg(16, _socket.CMSG_LEN(2 * _FD.size))
    if message != REQUEST or len(extra) != 1 or len(extra[0][2]) != 2 * _FD.size:
        return None
    return _FD.unpack_from(extra[0][2])[0], _FD.unpack_from(extra[0][2], _FD.size)[0]


def _fork(control: _socket.socket, pipes: tuple[int, int], ready: cage.Cage, cpu_s: int, wall_s: int) -> int:
    """Make one child and tell the host its pidfd; returns how many there are more."""
    own = os.getpid()
    try:
        child = os.fork()
    except OSError as error:
        control.send(f"no {error.strerror}".encode())
        return 0
    finally:
        if os.getpid() == own:
            for fd in pipes:
                os.close(fd)
    if child == 0:
        _run(pipes, ready, own, cpu_s, wall_s)
    # It cannot have been buried yet, so the number is still its own.
    pidfd = os.pidfd_open(child)
    control.sendmsg([b"yes"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, _FD.pack(pidfd))])
    os.close(pidfd)
    return 1


def _bury() -> int:
    """Collect ended children; returns how many."""
    count = 0
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            count += 1
    return count


def _run(pipes: tuple[int, int], ready: cage.Cage, parent: int, cpu_s: int, wall_s: int) -> NoReturn:
    """In the child: take the pipes, close everything else, lock, and run what comes. Never returns."""
    try:
        cage.lock(_only_pipes(pipes, ready), parent, cpu_s, wall_s)
        try:
            inside.work()
        finally:
            os._exit(0)
    except BaseException as error:  # whatever failed, this must neither run code nor go on as a second zygote
        with suppress(BaseException):
            frames.send(rules.OUT_FD, {"say": "unlocked", "text": str(error)})
    os._exit(3)


def _only_pipes(pipes: tuple[int, int], ready: cage.Cage) -> cage.Cage:
    """Move the two pipes to IN_FD and OUT_FD, the ruleset to the next number, and close all others."""
    wanted = pipes if ready.ruleset_fd < 0 else (*pipes, ready.ruleset_fd)
    # Everything that was opened so far has a low number.
    kept = [fcntl.fcntl(fd, fcntl.F_DUPFD, ABOVE_ALL) for fd in wanted]
    os.closerange(0, ABOVE_ALL)
    for number, fd in enumerate(kept):
        os.dup2(fd, number)
    os.closerange(len(kept), 4 * ABOVE_ALL)
    return cage.Cage(ready.libc, ready.steps, ready.length, 2 if len(kept) == 3 else -1)
