"""Locks the process it is called in, for good: limits, another user, landlock, seccomp.

After `lock` nothing can be opened, connected, started or signalled from this process, by whatever code runs in it. Each layer
is made sure of; where one that must hold cannot be installed, CageError says so and nothing may be run.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from contextlib import suppress
from dataclasses import dataclass

from glance.sandbox import rules
from glance.sandbox.machine import Machine

MEMORY_BYTES = 192 * 1024 * 1024
NOBODY = 65534

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
_SECCOMP_MODE_FILTER = 2
# The same numbers on every processor (asm-generic/unistd.h).
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446
_LANDLOCK_ASK_VERSION = 1
# What each version of landlock can forbid: files, network, scopes (linux/landlock.h); asked for all of it, and no exceptions.
_LANDLOCK_FILES = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}


class CageError(Exception):
    """The process cannot be locked; the text says which layer failed."""


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))


class _Ruleset(ctypes.Structure):
    """struct landlock_ruleset_attr; older kernels take its beginning."""

    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


@dataclass(frozen=True, slots=True)
class Cage:
    """What can be prepared before the fork: the filter in memory, and the landlock ruleset (-1 = the kernel has none)."""

    libc: ctypes.CDLL
    steps: ctypes.Array[ctypes.c_char]
    length: int
    ruleset_fd: int


def prepare(machine: Machine, with_landlock: bool = True) -> Cage:
    """Build the filter once."""
    libc = ctypes.CDLL(None, use_errno=True)
    steps = rules.packed(rules.program(machine))
    ruleset_fd = _ruleset(libc) if with_landlock else -1
    return Cage(libc, ctypes.create_string_buffer(steps, len(steps)), len(steps) // 8, ruleset_fd)


def lock(cage: Cage, parent: int, cpu_s: int, wall_s: int) -> None:
    """Lock this process. Its pipes must be IN_FD and OUT_FD and nothing else may be open but the ruleset.

    `parent` is the process that must be alive; `cpu_s` and `wall_s` are when the kernel itself ends the process.
    """
    _become_nobody()
    libc = cage.libc
    _must(libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "the link to its parent")
    if os.getppid() != parent:
        raise CageError("Glance ended meanwhile.")
    _must(libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0), "its memory's protection")
    # No handler can be set and no signal be blocked later, so the alarm ends the process whatever it does.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    signal.alarm(wall_s)
    _must(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    if cage.ruleset_fd >= 0:
        _must(libc.syscall(_LANDLOCK_RESTRICT_SELF, cage.ruleset_fd, 0), "landlock")
        os.close(cage.ruleset_fd)
    _limit(cpu_s)
    program = _Program(cage.length, ctypes.addressof(cage.steps))
    _must(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0), "seccomp")
    _try_the_door()


def _limit(cpu_s: int) -> None:
    for what, limit in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 2),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_SIGPENDING, 0),
        (resource.RLIMIT_AS, MEMORY_BYTES),
    ):
        resource.setrlimit(what, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))


def _become_nobody() -> None:
    """Where Glance runs as root, its code's process does not: one layer more, which a root without rights cannot add."""
    if os.geteuid() == 0:
        with suppress(PermissionError):
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)


def _ruleset(libc: ctypes.CDLL) -> int:
    """A landlock ruleset that forbids all it can; -1 where the kernel has no landlock or it is switched off."""
    version = libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_ASK_VERSION)
    if version < 1:
        return -1
    wanted = _Ruleset(
        files=(1 << _LANDLOCK_FILES.get(version, 16)) - 1,
        network=0b11 if version >= 4 else 0,
        scopes=0b11 if version >= 6 else 0,
    )
    size = 8 if version < 4 else 16 if version < 6 else 24
    fd = libc.syscall(_LANDLOCK_CREATE_RULESET, ctypes.byref(wanted), ctypes.c_size_t(size), 0)
    return int(fd)


def _must(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise CageError(f"The kernel refuses {what} ({os.strerror(number)}).")


def _try_the_door() -> None:
    """Make sure of it: the filter says EPERM, where a missing filter would open, and a limit would say EMFILE."""
    try:
        os.open("/", os.O_RDONLY)
    except PermissionError as error:
        if error.errno == 1:
            return
    except OSError:
        raise CageError("The filter is installed and does not work.") from None
    raise CageError("The filter is installed and does not work.")
