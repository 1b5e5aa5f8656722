"""Eleven ways out of the cage, tried by machine calls as a stranger would try them; code may be turned on only if none works.

The same text can be run outside the cage, which shows that the attempts themselves are sound.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glance.errors import FetchError
from glance.sandbox.host import CodeFailure, Sandbox
from glance.sandbox.machine import Unsupported, this_machine

# openat, socket, clone, execve, ptrace, kill, process_vm_readv, memfd_create, io_uring_setup, mmap
_NUMBERS = {
    "x86_64": (257, 41, 56, 59, 101, 62, 310, 319, 425, 9),
    "aarch64": (56, 198, 220, 221, 117, 129, 270, 279, 425, 222),
}
NAMES = (
    "open a file", "read another process's environment", "open a socket", "start a process", "run a program", "trace a process",
    "signal a process", "read another process's memory", "make a memory file", "make a ring of kernel calls",
    "map memory that can be executed",
)  # fmt: skip

ATTEMPTS = """
import ctypes, os
openat, socket, clone, execve, ptrace, kill, vm_read, memfd, uring, mmap = params["numbers"]
victim = params["victim"]
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
zero = ctypes.c_long(0)
room = ctypes.create_string_buffer(4096)

def call(number, *arguments):
    return libc.syscall(ctypes.c_long(number), *[
        ctypes.c_char_p(one) if isinstance(one, bytes) else ctypes.c_long(one) if isinstance(one, int) else one
        for one in arguments
    ])

def forked():
    child = call(clone, 17, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    return child

def executed():
    child = call(clone, 17, 0, 0, 0, 0)
    if child == 0:
        call(execve, b"/bin/true", zero, zero)
        os._exit(1)
    return -1 if child < 0 else child

def traced():
    got = call(ptrace, 16, victim, 0, 0)
    return got if got >= 0 else -1

def read_memory():
    class Vector(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
    own = Vector(ctypes.addressof(room), 8)
    far = Vector(ctypes.addressof(room), 8)
    got = call(vm_read, os.getpid() if params["loose"] else victim, ctypes.byref(own), 1, ctypes.byref(far), 1, 0)
    return got

attempts = [
    lambda: call(openat, -100, b"/etc/passwd", 0, 0),
    lambda: call(openat, -100, b"/proc/%d/environ" % victim, 0, 0),
    lambda: call(socket, 2, 1, 0),
    forked,
    executed,
    traced,
    lambda: call(kill, victim, 0),
    read_memory,
    lambda: call(memfd, b"x", 0),
    lambda: call(uring, 1, room),
    lambda: 0 if call(mmap, 0, 4096, 7, 0x22, -1, 0) not in (-1,) else -1,
]
return [attempt() >= 0 for attempt in attempts]
"""


class NoCalls:
    """The host does nothing for this run."""

    def fetch(self, wish: Mapping[str, Any], left_s: float) -> Mapping[str, Any]:
        """Nothing is sent."""
        raise FetchError("The self-test sends nothing.", kind="blocked")

    def credential(self, name: str) -> str:
        """There is none."""
        raise FetchError("The self-test gets no credentials.", kind="blocked")


def params_for(victim: int, loose: bool = False) -> dict[str, Any]:
    """What the attempts need: the numbers of the calls here, and a process to attack; `loose` where they run uncaged."""
    return {"numbers": list(_NUMBERS[this_machine().name]), "victim": victim, "loose": loose}


def fault(sandbox: Sandbox) -> str | None:
    """Why code must not be turned on here, as a sentence; None where every attempt failed."""
    try:
        sandbox.run("return 1", {}, NoCalls())
        outcome = sandbox.run(ATTEMPTS, params_for(sandbox.pid or 1), NoCalls())
    except Unsupported as error:
        return str(error)
    except CodeFailure as error:
        return f"The self-test of the cage did not come to its end: {error.sentence}"
    if outcome.fault is not None:
        return f"The self-test of the cage failed: {outcome.fault.text}"
    if not isinstance(outcome.data, list) or len(outcome.data) != len(NAMES):
        return "The self-test of the cage gave no usable answer."
    escaped = [name for name, worked in zip(NAMES, outcome.data, strict=True) if worked is not False]
    if escaped:
        return f"On this computer code can break out of its cage: it could {', '.join(escaped)}."
    return None
