"""The processors on which widget code can be caged: how the kernel numbers its calls there.

Numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h of Linux; AUDIT_ARCH_*:
include/uapi/linux/audit.h.
"""

from __future__ import annotations

import platform
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Machine:
    """One processor: its name, its mark in a seccomp filter, and the numbers of the calls that the filter lets through."""

    name: str
    audit_arch: int
    calls: Mapping[str, int]


X86_64 = Machine(
    "x86_64",
    0xC000003E,
    {
        "read": 0,
        "write": 1,
        "mmap": 9,
        "mprotect": 10,
        "munmap": 11,
        "brk": 12,
        "sched_yield": 24,
        "mremap": 25,
        "madvise": 28,
        "nanosleep": 35,
        "exit": 60,
        "gettimeofday": 96,
        "time": 201,
        "futex": 202,
        "restart_syscall": 219,
        "clock_gettime": 228,
        "clock_getres": 229,
        "clock_nanosleep": 230,
        "exit_group": 231,
        "getrandom": 318,
    },
)
AARCH64 = Machine(
    "aarch64",
    0xC00000B7,
    {
        "read": 63,
        "write": 64,
        "exit": 93,
        "exit_group": 94,
        "futex": 98,
        "nanosleep": 101,
        "clock_gettime": 113,
        "clock_getres": 114,
        "clock_nanosleep": 115,
        "sched_yield": 124,
        "restart_syscall": 128,
        "gettimeofday": 169,
        "brk": 214,
        "munmap": 215,
        "mremap": 216,
        "mmap": 222,
        "mprotect": 226,
        "madvise": 233,
        "getrandom": 278,
    },
)
MACHINES = {machine.name: machine for machine in (X86_64, AARCH64)}


class Unsupported(Exception):
    """Widget code cannot be caged on this computer; the text says why."""


def this_machine() -> Machine:
    """The processor this process runs on; Unsupported with the reason where widget code cannot be caged on it."""
    return machine_of(sys.platform, platform.machine(), struct.calcsize("P") * 8, sys.byteorder)


def machine_of(system: str, processor: str, bits: int, byteorder: str) -> Machine:
    """The Machine for what a computer says of itself; a 64-bit kernel may run 32-bit programs, whose calls differ."""
    if system != "linux":
        raise Unsupported("Widget code needs Linux: its cage is made of seccomp, which other systems do not have.")
    machine = MACHINES.get({"amd64": "x86_64", "arm64": "aarch64"}.get(processor.lower(), processor.lower()))
    if machine is None:
        raise Unsupported(
            f"Widget code can be caged on x86-64 and 64-bit ARM only; this computer's processor is {processor or 'unknown'}."
        )
    if bits != 64 or byteorder != "little":
        raise Unsupported(
            f"Widget code needs a 64-bit system; Python is a {bits}-bit program here. Install the 64-bit system image."
        )
    return machine
