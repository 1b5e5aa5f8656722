"""The filter for seccomp, run step by step as the kernel would, for both processors."""

from __future__ import annotations

import struct

import pytest

from glance.sandbox import rules
from glance.sandbox.machine import AARCH64, MACHINES, X86_64, Machine, Unsupported, machine_of
from tests.kernel_calls import REFUSED

PROCESSORS = [X86_64, AARCH64]
I386 = 0x40000003
ARM = 0x40000028


def verdict(machine: Machine, number: int, *arguments: int, arch: int | None = None) -> int:
    """What the filter says to a call: struct seccomp_data {nr, arch, instruction pointer, args[6]} through the program."""
    given = [argument & 0xFFFFFFFFFFFFFFFF for argument in (*arguments, *[0] * (6 - len(arguments)))]
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, machine.audit_arch if arch is None else arch, 0, *given)
    steps = [struct.unpack("=HBBI", one) for one in _chunks(rules.packed(rules.program(machine)))]
    accumulator = at = 0
    for _ in range(1000):
        code, if_true, if_false, constant = steps[at]
        at += 1
        if code == 0x20:
            accumulator = struct.unpack_from("<I", data, constant)[0]
        elif code == 0x54:
            accumulator &= constant
        elif code == 0x15:
            at += if_true if accumulator == constant else if_false
        elif code == 0x45:
            at += if_true if accumulator & constant else if_false
        elif code == 0x06:
            return int(constant)
    raise AssertionError("the program does not end")


def _chunks(raw: bytes) -> list[bytes]:
    return [raw[start : start + 8] for start in range(0, len(raw), 8)]


@pytest.fixture(params=PROCESSORS, ids=lambda machine: machine.name)
def machine(request: pytest.FixtureRequest) -> Machine:
    return request.param  # type: ignore[no-any-return]


def test_only_the_calls_of_the_list_pass_whatever_their_arguments_are(machine: Machine) -> None:
    ways = [(0,) * 6, (1,) * 6, (0, 0, 3, 0x22, 0xFFFFFFFFFFFFFFFF, 0), (1, 0, 4, 1, 0, 0)]
    passing = {number for number in range(1200) for way in ways if verdict(machine, number, *way) == rules.ALLOW}
    assert passing == set(machine.calls.values())


def test_every_dangerous_call_is_refused(machine: Machine) -> None:
    column = 1 if machine is X86_64 else 2
    numbers = [row[column] for row in REFUSED if row[column] is not None]
    assert len(numbers) > 150
    assert {verdict(machine, number) for number in numbers} == {rules.EPERM}


def test_a_call_in_the_way_of_another_processor_ends_the_process(machine: Machine) -> None:
    for arch in (I386, ARM, 0, *(other.audit_arch for other in PROCESSORS if other is not machine)):
        assert verdict(machine, machine.calls["read"], arch=arch) == rules.KILL_PROCESS


def test_the_x32_numbers_of_x86_are_refused() -> None:
    for number in range(600):
        assert verdict(X86_64, 0x40000000 | number) == rules.EPERM


def test_reading_is_for_one_pipe_and_writing_for_the_other(machine: Machine) -> None:
    for fd in (0, 1, 2, 3, 7, -1, 1 << 32, (1 << 32) | 1):
        assert (verdict(machine, machine.calls["read"], fd) == rules.ALLOW) == (fd == 0)
        assert (verdict(machine, machine.calls["write"], fd) == rules.ALLOW) == (fd == 1)


def test_memory_is_private_and_never_executable(machine: Machine) -> None:
    mmap, mprotect = machine.calls["mmap"], machine.calls["mprotect"]
    for protection in range(16):
        allowed = protection in (0, 1, 2, 3)
        assert (verdict(machine, mmap, 0, 4096, protection, 0x22, -1, 0) == rules.ALLOW) == allowed
        assert (verdict(machine, mprotect, 0, 4096, protection) == rules.ALLOW) == allowed
    assert verdict(machine, mmap, 0, 4096, 1 << 32, 0x22) == rules.EPERM
    assert verdict(machine, mmap, 0, 4096, 0x01000000, 0x22) == rules.EPERM
    for flags in (0, 0x01, 0x02, 0x12, 0x20, 0x21, 0x32, 0x40022, 0x100022, 0x2022, 0x8022, 0x22 | 1 << 32):
        assert verdict(machine, mmap, 0, 4096, 3, flags) == rules.EPERM
    for flags in rules.PRIVATE_MAPPINGS:
        assert verdict(machine, mmap, 0, 4096, 3, flags) == rules.ALLOW


def test_memory_can_be_moved_but_not_to_a_chosen_place(machine: Machine) -> None:
    allowed = [flags for flags in range(8) if verdict(machine, machine.calls["mremap"], 0, 0, 0, flags) == rules.ALLOW]
    assert allowed == [0, 1]


def test_advice_about_memory_is_only_to_give_it_back(machine: Machine) -> None:
    allowed = [
        advice for advice in range(120) if verdict(machine, machine.calls["madvise"], 0, 0, advice) == rules.ALLOW
    ]
    assert allowed == [rules.MADV_DONTNEED]


def test_futex_has_what_a_lock_needs_and_no_more(machine: Machine) -> None:
    futex = machine.calls["futex"]
    allowed = [operation for operation in range(64) if verdict(machine, futex, 0, operation) == rules.ALLOW]
    assert allowed == [0, 1, 9, 10]
    assert verdict(machine, futex, 0, 128 | 256 | 9) == rules.ALLOW
    for requeue in (3, 4, 11, 12, 128 | 11):
        assert verdict(machine, futex, 0, requeue) == rules.EPERM


def test_the_program_fits_the_kernel() -> None:
    for machine in PROCESSORS:
        steps = rules.program(machine)
        assert len(steps) < 4096
        assert all(0 <= step.if_true < 256 and 0 <= step.if_false < 256 for step in steps)


def test_processors_are_recognised_by_what_they_say_of_themselves() -> None:
    assert machine_of("linux", "x86_64", 64, "little") is X86_64
    assert machine_of("linux", "AMD64", 64, "little") is X86_64
    assert machine_of("linux", "aarch64", 64, "little") is AARCH64
    assert machine_of("linux", "arm64", 64, "little") is AARCH64
    assert set(MACHINES) == {"x86_64", "aarch64"}


@pytest.mark.parametrize(
    ("system", "processor", "bits", "byteorder", "reason"),
    [
        ("linux", "riscv64", 64, "little", "riscv64"),
        ("linux", "armv7l", 32, "little", "armv7l"),
        ("linux", "armv6l", 32, "little", "armv6l"),
        ("linux", "i686", 32, "little", "i686"),
        ("linux", "ppc64le", 64, "little", "ppc64le"),
        ("linux", "s390x", 64, "big", "s390x"),
        ("linux", "", 64, "little", "unknown"),
        ("linux", "aarch64", 32, "little", "64-bit system"),  # 32-bit Raspberry Pi OS on its 64-bit kernel
        ("linux", "x86_64", 32, "little", "64-bit system"),
        ("linux", "aarch64", 64, "big", "64-bit system"),
        ("darwin", "arm64", 64, "little", "needs Linux"),
        ("freebsd14", "amd64", 64, "little", "needs Linux"),
    ],
)
def test_other_computers_are_refused_with_the_reason(
    system: str, processor: str, bits: int, byteorder: str, reason: str
) -> None:
    with pytest.raises(Unsupported, match=reason):
        machine_of(system, processor, bits, byteorder)
