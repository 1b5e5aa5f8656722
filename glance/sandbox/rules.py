"""The allow-list of kernel calls, as a program for seccomp: everything that is not named here is refused.

The caged process may read from one pipe, write to another, get and give back private memory that can never be executed, look at
the clock, sleep, ask for random numbers and end. It cannot open, connect, start, signal, trace or share anything; as this
list holds for any machine code, it does not matter what a stranger's Python does inside.
Format: struct sock_filter and struct seccomp_data of linux/filter.h and linux/seccomp.h.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from glance.sandbox.machine import Machine

IN_FD, OUT_FD = 0, 1

_LOAD, _AND, _JEQ, _JSET, _RET = 0x20, 0x54, 0x15, 0x45, 0x06
KILL_PROCESS, ALLOW, EPERM = 0x80000000, 0x7FFF0000, 0x00050000 | 1
_NR, _ARCH, _ARGS = 0, 4, 16

PROT_READ_WRITE = 0x1 | 0x2
# MAP_PRIVATE | MAP_ANONYMOUS, also with MAP_NORESERVE or MAP_STACK: never a file, never shared, never at a fixed place.
PRIVATE_MAPPINGS = (0x22, 0x4022, 0x20022)
MREMAP_MAYMOVE = 1
MADV_DONTNEED = 4
FUTEX_CMD_MASK = 0x7F
# FUTEX_WAIT, FUTEX_WAKE, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET: what a lock needs; the rest had most of futex's faults.
FUTEX_LOCKS = (0, 1, 9, 10)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One step of the program: what, how many steps to skip if true or false, and its constant."""

    code: int
    if_true: int
    if_false: int
    constant: int


@dataclass(frozen=True, slots=True)
class Check:
    """A condition on one argument (0 to 5): the values it may have after `mask`, or the bits it must not have."""

    argument: int
    values: tuple[int, ...] = ()
    forbidden_bits: int = 0
    mask: int = 0xFFFFFFFF
    whole: bool = True


# These can do no harm whatever their arguments.
_PLAIN = (
    "brk", "munmap", "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "sched_yield",
    "restart_syscall", "getrandom", "exit", "exit_group",
)  # fmt: skip
# What is allowed, and under which conditions; a name that a processor does not have is left out there.
RULES: dict[str, tuple[Check, ...]] = {
    "read": (Check(0, (IN_FD,)),),
    "write": (Check(0, (OUT_FD,)),),
    "mmap": (Check(2, forbidden_bits=~PROT_READ_WRITE & 0xFFFFFFFF), Check(3, PRIVATE_MAPPINGS)),
    "mprotect": (Check(2, forbidden_bits=~PROT_READ_WRITE & 0xFFFFFFFF),),
    "mremap": (Check(3, (0, MREMAP_MAYMOVE)),),
    "madvise": (Check(2, (MADV_DONTNEED,), whole=False),),
    "futex": (Check(1, FUTEX_LOCKS, mask=FUTEX_CMD_MASK, whole=False),),
    **dict.fromkeys(_PLAIN, ()),
}


def program(machine: Machine) -> list[Instruction]:
    """The filter for a processor; a call made in the way of another processor ends the process."""
    steps = [
        Instruction(_LOAD, 0, 0, _ARCH),
        Instruction(_JEQ, 1, 0, machine.audit_arch),
        Instruction(_RET, 0, 0, KILL_PROCESS),
        Instruction(_LOAD, 0, 0, _NR),
    ]
    for name, checks in RULES.items():
        number = machine.calls.get(name)
        if number is not None:
            block = _block(checks)
            steps.append(Instruction(_JEQ, 0, len(block), number))
            steps += block
    return [*steps, Instruction(_RET, 0, 0, EPERM)]


def packed(steps: Iterable[Instruction]) -> bytes:
    """The program as the kernel reads it: an array of struct sock_filter."""
    return b"".join(struct.pack("=HBBI", one.code, one.if_true, one.if_false, one.constant) for one in steps)


def _block(checks: tuple[Check, ...]) -> list[Instruction]:
    """The steps for one call: its conditions, then allow, then refuse. Each condition that fails jumps to the refusal."""
    parts: list[Callable[[int], list[Instruction]]] = [part for check in checks for part in _conditions(check)]
    sizes = [len(part(0)) for part in parts]
    steps: list[Instruction] = []
    for number, part in enumerate(parts):
        steps += part(sum(sizes[number + 1 :]) + 1)
    return [*steps, Instruction(_RET, 0, 0, ALLOW), Instruction(_RET, 0, 0, EPERM)]


def _conditions(check: Check) -> list[Callable[[int], list[Instruction]]]:
    """A check as parts; each is called with how many steps after its own lie before the refusal."""
    low = _ARGS + 8 * check.argument

    def bits(to_refusal: int) -> list[Instruction]:
        return [Instruction(_LOAD, 0, 0, low), Instruction(_JSET, to_refusal, 0, check.forbidden_bits)]

    def values(to_refusal: int) -> list[Instruction]:
        steps = [Instruction(_LOAD, 0, 0, low)]
        if check.mask != 0xFFFFFFFF:
            steps.append(Instruction(_AND, 0, 0, check.mask))
        for left in range(len(check.values) - 1, 0, -1):
            steps.append(Instruction(_JEQ, left, 0, check.values[-1 - left]))
        return [*steps, Instruction(_JEQ, 0, to_refusal, check.values[-1])]

    def high(to_refusal: int) -> list[Instruction]:
        return [Instruction(_LOAD, 0, 0, low + 4), Instruction(_JEQ, 0, to_refusal, 0)]

    first = bits if check.forbidden_bits else values
    return [first, high] if check.whole else [first]
