"""What Glance asks of the C library's allocator, so that memory which was needed once does not stay taken. Only glibc is asked."""

from __future__ import annotations

from typing import Any

_library: Any = None
try:
    import ctypes

    _library = ctypes.CDLL(None)
except (ImportError, OSError):  # a Python that was built without libffi, or linked statically
    pass

# glibc gives threads arenas of their own, up to eight for each core, and every arena keeps the most it ever needed. Python's threads
# run one at a time and hardly ever meet in malloc, so one arena serves them all.
ARENAS = 1
# malloc.h of glibc
_M_ARENA_MAX = -8


def share_one_arena() -> bool:
    """Have all threads that begin from now on use one arena; False where the C library knows no such thing (musl)."""
    return _call("mallopt", _M_ARENA_MAX, ARENAS)


def give_back() -> bool:
    """Return free pages between the used ones to the system, in milliseconds; False where that cannot be done, or none is free."""
    return _call("malloc_trim", 0)


def _call(name: str, *numbers: int) -> bool:
    function = getattr(_library, name, None)
    # a long is as wide as malloc_trim's size_t, and mallopt takes its lower half
    return function is not None and bool(function(*map(ctypes.c_long, numbers)) == 1)
