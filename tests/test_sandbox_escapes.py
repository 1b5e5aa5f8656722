"""Ways out of the sandbox. Each is tried twice: in the whole cage, and with seccomp alone, as on a Raspberry Pi without landlock."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from glance.sandbox import inside, selftest
from glance.sandbox.conversation import Ended
from glance.sandbox.host import CodeFailure, Sandbox
from glance.sandbox.machine import this_machine
from tests.kernel_calls import REFUSED
from tests.sandbox_parts import NATIVE, children, ended, run
from tests.waiting import until

COLUMN = 1 if platform.machine() == "x86_64" else 2
NUMBER = {row[0]: row[COLUMN] for row in REFUSED if row[COLUMN] is not None}
EPERM = 1
# uretprobe and uprobe: since Linux 6.13 seccomp passes them by on x86-64, whatever the filter says. Outside the trampoline that
# the kernel itself maps for a probe they fail or end the process.
PAST_EVERY_FILTER = (335, 336) if COLUMN == 1 else ()


@pytest.fixture(scope="module", params=[True, False], ids=["both layers", "seccomp alone"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    made = Sandbox(wall_s=2.0, with_landlock=request.param)
    yield made
    made.close()


@pytest.fixture(scope="module")
def answers(sandbox: Sandbox) -> dict[str, list[int]]:
    """What the kernel said to each call, made with harmless arguments: [result, errno]."""
    code = NATIVE + "return {name: call(number, 0, 0, 0, 0, 0, 0) for name, number in params['numbers'].items()}"
    data = run(sandbox, code, {"numbers": NUMBER}).data
    assert isinstance(data, dict)
    return data


@pytest.mark.parametrize("name", sorted(NUMBER))
def test_a_call_that_is_not_on_the_list_is_not_permitted(answers: dict[str, list[int]], name: str) -> None:
    assert answers[name] == [-1, EPERM]


def test_no_number_at_all_gets_through_beside_those_of_the_list(sandbox: Sandbox) -> None:
    code = NATIVE + (
        "return [number for start in (0, 0x40000000) for number in range(start, start + 1024)"
        " if number not in params['allowed'] and call(number, 0, 0, 0, 0, 0, 0) != (-1, 1)]"
    )
    allowed = [*_machine_calls().values(), *PAST_EVERY_FILTER]
    assert run(sandbox, code, {"allowed": allowed}).data == []


def test_what_the_kernel_lets_past_every_filter_does_nothing(sandbox: Sandbox) -> None:
    for number in PAST_EVERY_FILTER:
        code = f"{NATIVE}return call({number}, 0, 0, 0, 0, 0, 0)[0] >= 0"
        outcome = None
        with suppress(CodeFailure):  # the kernel ends a process that calls it by itself
            outcome = run(sandbox, code)
        assert outcome is None or outcome.data is False


# Attempts that mean it: real arguments. Each ends with a value that is true if it got out.
VICTIM = "victim = params['victim']\n"
NATIVE_ATTEMPTS = {
    "open a file": "return call(n['openat'], -100, b'/etc/passwd', 0)[0] >= 0",
    "open a file by openat2": "return call(n['openat2'], -100, b'/etc/passwd', ctypes.create_string_buffer(24), 24)[0] >= 0",
    "make a file": "return call(n['openat'], -100, params['folder'].encode() + b'/x', 0o101, 0o600)[0] >= 0",
    "open its own memory": "return call(n['openat'], -100, b'/proc/self/mem', 2)[0] >= 0",
    "read the environment of its parent": "return call(n['openat'], -100, b'/proc/%d/environ' % victim, 0)[0] >= 0",
    "read the memory map of its parent": "return call(n['openat'], -100, b'/proc/%d/maps' % victim, 0)[0] >= 0",
    "leave its folder": "return call(n['chdir'], b'/tmp')[0] >= 0",
    "delete a file": "return call(n['unlinkat'], -100, params['folder'].encode() + b'/kept', 0)[0] >= 0",
    "link a file": "return call(n['symlinkat'], b'/etc/passwd', -100, params['folder'].encode() + b'/link')[0] >= 0",
    "open a socket to the network": "return call(n['socket'], 2, 1, 0)[0] >= 0",
    "open a unix socket": "return call(n['socket'], 1, 1, 0)[0] >= 0",
    "open a netlink socket": "return call(n['socket'], 16, 3, 0)[0] >= 0",
    "open a raw socket": "return call(n['socket'], 2, 3, 255)[0] >= 0",
    "make a pair of sockets": "return call(n['socketpair'], 1, 1, 0, ctypes.create_string_buffer(8))[0] >= 0",
    "fork": "got = call(n['clone'], 17, 0, 0, 0, 0)[0]\nif got == 0: os._exit(0)\nreturn got > 0",
    "fork by clone3": "b = ctypes.create_string_buffer(88)\ngot = call(n['clone3'], b, 88)[0]\nif got == 0: os._exit(0)\nreturn got > 0",
    "start a thread by clone": "return call(n['clone'], 0x50f00, 0, 0, 0, 0)[0] > 0",
    "run a program": "call(n['execve'], b'/bin/true', 0, 0)\nreturn False",
    "run a program by execveat": "call(n['execveat'], -100, b'/bin/true', 0, 0, 0)\nreturn False",
    "trace its parent": "return call(n['ptrace'], 16, victim, 0, 0)[0] >= 0",
    "seize its parent": "return call(n['ptrace'], 0x4206, victim, 0, 0)[0] >= 0",
    "ask to be traced": "return call(n['ptrace'], 0, 0, 0, 0)[0] >= 0",
    "read the memory of its parent": "b = ctypes.create_string_buffer(32)\nreturn call(n['process_vm_readv'], victim, b, 1, b, 1, 0)[1] != 1",
    "write the memory of its parent": "b = ctypes.create_string_buffer(32)\nreturn call(n['process_vm_writev'], victim, b, 1, b, 1, 0)[1] != 1",
    "take a handle of its parent": "return call(n['pidfd_open'], victim, 0)[0] >= 0",
    "kill its parent": "return call(n['kill'], victim, 9)[0] >= 0",
    "kill everything": "return call(n['kill'], -1, 9)[0] >= 0",
    "kill a thread of its parent": "return call(n['tgkill'], victim, victim, 9)[0] >= 0",
    "queue a signal": "return call(n['rt_sigqueueinfo'], victim, 9, ctypes.create_string_buffer(128))[0] >= 0",
    "catch the alarm": "return call(n['rt_sigaction'], 14, ctypes.create_string_buffer(64), 0, 8)[0] >= 0",
    "block all signals": "return call(n['rt_sigprocmask'], 0, ctypes.create_string_buffer(b'\\xff' * 8), 0, 8)[0] >= 0",
    "switch off the alarm": "return call(n['setitimer'], 0, ctypes.create_string_buffer(32), 0)[0] >= 0",
    "raise its limits": "return call(n['prlimit64'], 0, 9, ctypes.create_string_buffer(b'\\xff' * 16), 0)[0] >= 0",
    "raise the limits of its parent": "return call(n['prlimit64'], victim, 7, ctypes.create_string_buffer(16), 0)[0] >= 0",
    "take a further filter": "return call(n['seccomp'], 1, 0, 0)[1] != 1",
    "change how it is seen": "return call(n['prctl'], 4, 1, 0, 0, 0)[0] >= 0",
    "outlive its parent": "return call(n['prctl'], 1, 0, 0, 0, 0)[0] >= 0",
    "become root": "return call(n['setresuid'], 0, 0, 0)[0] >= 0",
    "take capabilities": "return call(n['capset'], ctypes.create_string_buffer(8), ctypes.create_string_buffer(24))[0] >= 0",
    "make a namespace": "return call(n['unshare'], 0x10000000)[0] >= 0",
    "enter a namespace": "return call(n['setns'], 1, 0)[0] >= 0",
    "mount": "return call(n['mount'], b'none', b'/tmp', b'tmpfs', 0, 0)[0] >= 0",
    "open a tree of files": "return call(n['open_tree'], -100, b'/', 1)[0] >= 0",
    "change its root": "return call(n['chroot'], b'/tmp')[0] >= 0",
    "load a program into the kernel": "return call(n['bpf'], 0, ctypes.create_string_buffer(128), 128)[1] != 1",
    "handle page faults": "return call(n['userfaultfd'], 1)[0] >= 0",
    "make a ring of kernel calls": "return call(n['io_uring_setup'], 1, ctypes.create_string_buffer(256))[0] >= 0",
    "measure other processes": "return call(n['perf_event_open'], ctypes.create_string_buffer(128), 0, -1, -1, 0)[1] != 1",
    "add a key": "return call(n['add_key'], b'user', b'x', b'y', 1, -3)[0] >= 0",
    "read its keys": "return call(n['keyctl'], 0, -3, 0)[0] >= 0",
    "load a module": "return call(n['finit_module'], 0, b'', 0)[1] != 1",
    "read the kernel's log": "return call(n['syslog'], 3, ctypes.create_string_buffer(64), 64)[0] >= 0",
    "share memory": "return call(n['shmget'], 0, 4096, 0o1600)[0] >= 0",
    "send messages to other processes": "return call(n['msgget'], 0, 0o1600)[0] >= 0",
    "make a memory file": "return call(n['memfd_create'], b'x', 0)[0] >= 0",
    "make a secret memory file": "return call(n['memfd_secret'], 0)[1] != 1",
    "map memory to be executed": "return call(params['mmap'], 0, 4096, 7, 0x22, -1, 0)[0] != -1",
    "map memory to be shared": "return call(params['mmap'], 0, 4096, 3, 0x21, -1, 0)[0] != -1",
    "map a pipe": "return call(params['mmap'], 0, 4096, 1, 2, 0, 0)[0] != -1",
    "map over its own code": "return call(params['mmap'], 0x400000, 4096, 3, 0x32, -1, 0)[0] != -1",
    "make memory executable": "a = call(params['mmap'], 0, 4096, 3, 0x22, -1, 0)[0]\nreturn call(params['mprotect'], a, 4096, 5)[0] == 0",
    "make memory executable with a key": "return call(n['pkey_mprotect'], 0, 4096, 5, -1)[0] == 0",
    "hold on to memory": "return call(n['mlockall'], 3)[0] >= 0",
    "read another file descriptor": "return any(call(params['read'], fd, ctypes.create_string_buffer(8), 8)[0] >= 0 for fd in range(1, 1100))",
    "write another file descriptor": "return any(call(params['write'], fd, b'x', 1)[0] >= 0 for fd in (0, *range(2, 1100)))",
    "copy its pipes": "return call(n['dup'], 1)[0] >= 0 or call(n['fcntl'], 1, 0, 5)[0] >= 0",
    "type into a terminal": "return call(n['ioctl'], 0, 0x5412, b'x')[0] >= 0",
    "read a file through a pipe": "return call(n['splice'], 0, 0, 1, 0, 10, 0)[1] != 1",
    "wait for its parent's children": "return call(n['waitid'], 0, 0, 0, 4, 0)[1] != 1",
    "watch files": "return call(n['inotify_init1'], 0)[0] >= 0",
    "open a file by its handle": "return call(n['open_by_handle_at'], -100, ctypes.create_string_buffer(64), 0)[1] != 1",
    "set the clock": "return call(n['clock_settime'], 0, ctypes.create_string_buffer(16))[1] != 1",
    "name the computer anew": "return call(n['sethostname'], b'x', 1)[0] >= 0",
    "restart the computer": "return call(n['reboot'], 0xfee1dead, 672274793, 0, 0)[1] != 1",
    "slow others down": "return call(n['sched_setscheduler'], victim, 1, ctypes.create_string_buffer(b'\\x01\\0\\0\\0'))[0] >= 0",
    "requeue waiting threads": "return call(params['futex'], 0, 12, 0, 0, 0, 0)[1] != 1",
}  # fmt: skip


@pytest.mark.parametrize("attempt", NATIVE_ATTEMPTS)
def test_machine_calls_do_not_get_out(sandbox: Sandbox, tmp_path: Path, attempt: str) -> None:
    (tmp_path / "kept").write_text("here")
    tmp_path.chmod(0o777)
    params: dict[str, Any] = {"numbers": NUMBER, "victim": sandbox.pid or os.getppid(), "folder": str(tmp_path)}
    outcome = run(
        sandbox, f"{NATIVE}n = params['numbers']\n{VICTIM}{NATIVE_ATTEMPTS[attempt]}", {**params, **_machine_calls()}
    )
    assert outcome.data is False, outcome
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert sandbox.pid == params["victim"] or sandbox.pid is not None


# In Python, as most would try it. Each returns something that is not None only if it got out.
PYTHON_ATTEMPTS = {
    "open": "return open('/etc/passwd').read()",
    "io.open_code": "import io\nreturn io.open_code('/etc/passwd').read().decode()",
    "pathlib by import": "import pathlib\nreturn str(list(pathlib.Path('/').iterdir()))",
    "list a folder": "import os\nreturn os.listdir('/')",
    "list its own files": "import os\nreturn os.listdir('/proc/self/fd')",
    "the environment of the parent": "import os\nreturn open(f'/proc/{os.getppid()}/environ').read()",
    "its own environment": "import os\nreturn {k: v for k, v in os.environ.items() if k != 'LC_CTYPE'} or None",
    "a program by os.system": "import os\nreturn None if os.system('true') else 'ran'",
    "a program by os.exec": "import os\nos.execv('/bin/true', ['true'])\nreturn 'ran'",
    "a program by posix_spawn": "import os\nreturn os.posix_spawn('/bin/true', ['true'], {})",
    "a program by subprocess": "import subprocess\nreturn subprocess.check_output(['id']).decode()",
    "a fork": "import os\npid = os.fork()\nif pid == 0: os._exit(0)\nreturn pid",
    "a thread": "import _thread\nreturn _thread.start_new_thread(print, ())",
    "a socket": "import socket\nreturn str(socket.create_connection(('127.0.0.1', params['port']), 1))",
    "a bare socket": "import _socket\nreturn str(_socket.socket())",
    "a name lookup": "import _socket\nreturn str(_socket.getaddrinfo('localhost', 80))",
    "a signal to the parent": "import os\nos.kill(os.getppid(), 9)\nreturn 'sent'",
    "a signal to all": "import os\nos.kill(-1, 9)\nreturn 'sent'",
    "a handler for the alarm": "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nreturn 'ignored'",
    "a longer alarm": "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0)\nreturn None if True else 1",
    "more memory": "import resource\nresource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))\nreturn 'raised'",
    "ctypes and a library": "import ctypes\nreturn str(ctypes.CDLL('libsqlite3.so.0'))",
    "a library by full name": "import ctypes\nreturn str(ctypes.CDLL(params['library']))",
    "a walk from an object to Popen": (
        "for one in ().__class__.__mro__[-1].__subclasses__():\n"
        "    if one.__name__ == 'Popen':\n        return str(one(['id']))\nreturn None"
    ),
    "a walk to os through a class": (
        "for one in ().__class__.__base__.__subclasses__():\n"
        "    try:\n        space = one.__init__.__globals__\n    except AttributeError:\n        continue\n"
        "    if 'sys' in space and 'os' in space['sys'].modules:\n"
        "        return space['sys'].modules['os'].popen('id').read()\nreturn None"
    ),
    "a loader that is gone": "import importlib.util\nreturn str(importlib.util.find_spec('sqlite3'))",
    "a loader made anew": (
        "import sys\nimport _frozen_importlib_external as f\nsys.meta_path[:] = [f.PathFinder]\n"
        "sys.path[:] = ['/usr/lib/python3', '/tmp', *params['path']]\nimport sqlite3\nreturn sqlite3.__file__"
    ),
    "a built-in module loaded directly": "import _imp, sys\nreturn None if 'posix' in sys.modules else 'odd'",
    "frames of the caller": (
        "import sys\nframe = sys._getframe()\nseen = []\n"
        "while frame:\n    seen += [k for k, v in frame.f_locals.items() if isinstance(v, str) and 'SECRET' in v]\n"
        "    frame = frame.f_back\nreturn seen or None"
    ),
    "what the zygote left in memory": (
        "import sys\nreturn [name for name, module in sys.modules.items()"
        " if name.startswith(('glance.web', 'glance.store', 'glance.runtime', 'flask'))] or None"
    ),
    "the control socket": (
        "import sys\ncontrol = None\nframe = sys._getframe()\n"
        "while frame:\n    control = frame.f_locals.get('control', control)\n    frame = frame.f_back\n"
        "control.send(b'r')\nreturn 'sent'"
    ),
    "a fork through the zygote's own function": (
        "import sys\nz = sys.modules['glance.sandbox.zygote']\nframe = sys._getframe()\nready = None\n"
        "while frame:\n    ready = frame.f_locals.get('ready', ready)\n    frame = frame.f_back\n"
        "return str(z._fork(None, (0, 1), ready, 5, 5))"
    ),
    "a lock with a softer filter": (
        "import sys\nc = sys.modules['glance.sandbox.cage']\nm = sys.modules['glance.sandbox.machine']\n"
        "c.lock(c.prepare(m.X86_64), 0, 1000, 1000)\nreturn 'locked anew'"
    ),
    "a temporary file": "import os\nreturn os.open('/tmp', os.O_TMPFILE | os.O_RDWR)",
    "a pipe": "import os\nreturn os.pipe()",
    "a device": "return open('/dev/mem', 'rb').read(1).hex()",
    "a core dump": "import os\nos.abort()",
    "a crash": "import ctypes\nctypes.string_at(0)",
    "mmap": "import mmap\nreturn str(mmap.mmap(-1, 4096))",
}  # fmt: skip


@pytest.mark.parametrize("attempt", PYTHON_ATTEMPTS)
def test_python_does_not_get_out(sandbox: Sandbox, attempt: str, listener: socket.socket) -> None:
    os.environ["A_SECRET_OF_GLANCE"] = "SECRET"
    try:
        library = f"/lib/{platform.machine()}-linux-gnu/libssl.so.3"
        params = {"port": listener.getsockname()[1], "path": sys.path, "library": library}
        code = PYTHON_ATTEMPTS[attempt]
        if attempt in ("a core dump", "a crash"):
            assert "ended without an answer" in ended(sandbox, code, params)
        else:
            outcome = run(sandbox, code, params)
            assert outcome.data is None, outcome
    finally:
        del os.environ["A_SECRET_OF_GLANCE"]
    with pytest.raises(BlockingIOError):
        listener.accept()
    assert run(sandbox, "return 'alive'").data == "alive"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen()
        made.setblocking(False)
        yield made


def test_every_child_is_gone_after_its_run(sandbox: Sandbox) -> None:
    run(sandbox, "return 1")
    assert until(lambda: children(sandbox.pid) == [])


def test_a_process_that_never_speaks_is_ended_by_the_kernel_too() -> None:
    """Nobody stops it here, and it gets no task: the alarm ends the process by itself, two seconds after its limit."""
    sandbox = Sandbox(wall_s=0.2)
    run(sandbox, "return 1")
    with closing(sandbox), sandbox._child() as pipes:
        until(lambda: children(sandbox.pid) != [])
        until(lambda: children(sandbox.pid) == [])
        pipes.deadline = time.monotonic() + 1.0
        with pytest.raises(Ended):
            pipes.receive()


def test_the_attempts_of_the_self_test_are_sound_outside_the_cage() -> None:
    """A test that cannot fail proves nothing: uncaged, every attempt works (as far as this user may at all)."""
    program = (
        "import json, sys, ctypes; sys.path.insert(0, sys.argv[1]); from glance.sandbox import inside, selftest\n"
        "import subprocess; victim = subprocess.Popen(['sleep', '30'], stdout=subprocess.DEVNULL)\n"
        "space = {'params': selftest.params_for(victim.pid, loose=True)}\n"
        "exec(inside.compiled(selftest.ATTEMPTS)[0], space)\n"
        "print(json.dumps(space['_body']()))\n"
        "import os; os.kill(victim.pid, 9)  # Popen.kill would take the stop by the tracing for its end\n"
    )
    root = str(Path(inside.__file__).parents[2])
    found = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, root], capture_output=True, text=True, timeout=20, check=True
    )
    worked = found.stdout
    assert worked.count("true") >= len(selftest.NAMES) - 3, worked  # some kernels refuse rings or tracing to everybody


def test_the_self_test_passes_here_and_fails_where_something_works(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert selftest.fault(sandbox) is None
    monkeypatch.setattr(selftest, "ATTEMPTS", "return [False] * 10 + [True]")
    assert selftest.fault(sandbox) == (
        "On this computer code can break out of its cage: it could map memory that can be executed."
    )
    monkeypatch.setattr(selftest, "ATTEMPTS", "return [0] * 11")
    assert "could open a file" in str(selftest.fault(sandbox))
    monkeypatch.setattr(selftest, "ATTEMPTS", "return []")
    assert "no usable answer" in str(selftest.fault(sandbox))
    monkeypatch.setattr(selftest, "ATTEMPTS", "import os\nos.abort()")
    assert "did not come to its end" in str(selftest.fault(sandbox))


def _machine_calls() -> dict[str, int]:
    return dict(this_machine().calls)
