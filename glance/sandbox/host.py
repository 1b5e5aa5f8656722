"""The sandbox as the rest of Glance uses it: `Sandbox.run(code, params, calls)`.

Nothing runs until the first run; then one small process (the zygote) is started and kept, which makes a caged process per run.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from glance.errors import FetchError
from glance.sandbox.conversation import Calls, Conversation, Ended, Late, Outcome, Pipes, Unlocked
from glance.sandbox.frames import Forged
from glance.sandbox.machine import Unsupported, this_machine

log = logging.getLogger(__name__)

WALL_S = 5.0
SIDE_BY_SIDE = 4
START_S = 10.0
WORTH_TELLING_S = 0.05
_ROOT = Path(__file__).resolve().parent.parent.parent
_COMMAND = (
    "import sys; sys.path.append(sys.argv[1]); from glance.sandbox.zygote import main;"
    " given = sys.argv[2:]; sys.argv[:] = [''];"
    " main(int(given[0]), int(given[1]), int(given[2]), given[3] == 'landlock')"
)


class CodeFailure(FetchError):
    """A run that brought no answer; `outcome` has the fault with its line, and the log."""

    def __init__(self, sentence: str, outcome: Outcome, kind: str = "source") -> None:
        super().__init__(sentence, kind=kind)
        self.outcome = outcome


class Sandbox:
    """Runs code in caged processes; safe for any thread. `layers` says what the cage is made of, once it was started."""

    def __init__(self, wall_s: float = WALL_S, with_landlock: bool = True) -> None:
        self.wall_s = wall_s
        self.layers: tuple[str, ...] = ()
        self._with_landlock = with_landlock
        self._slots = threading.BoundedSemaphore(SIDE_BY_SIDE)
        self._lock = threading.Lock()
        self._zygote: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The zygote's process, None while there is none."""
        return self._zygote.pid if self._zygote is not None else None

    def run(
        self,
        code: str,
        params: Mapping[str, Any],
        calls: Calls,
        *,
        limit_s: float | None = None,
        only_check: bool = False,
    ) -> Outcome:
        """Run code once. A fault of the code is in the outcome; CodeFailure where its process had to be ended.

        Unsupported where this computer cannot cage it.
        """
        began = time.monotonic()
        until = began + (self.wall_s + START_S if limit_s is None else limit_s)
        task = {"code": code, "params": dict(params), "only_check": only_check}
        with self._slot(until) as waited_s, self._child() as pipes:
            # Starting the zygote, once, is not the code's time.
            let_in = time.monotonic()
            pipes.deadline = min(let_in + self.wall_s, until)
            conversation = Conversation(pipes, calls)
            try:
                return conversation.hold(task)
            except (Late, Ended, Forged, Unlocked) as error:
                had_s = max(0.0, pipes.deadline - let_in)
                if isinstance(error, Late) and had_s < self.wall_s:
                    raise _cut_short(waited_s, had_s, conversation.outcome) from None
                raise _failure(error, conversation.outcome, self.wall_s) from None
            finally:
                conversation.outcome.took_s = time.monotonic() - began

    def stop(self) -> None:
        """End the zygote, and with it every run; the next run starts a new one."""
        with self._lock:
            self._end()

    def close(self) -> None:
        """End it and start no more; idempotent."""
        self._closed = True
        self.stop()

    @contextmanager
    def _slot(self, deadline: float) -> Iterator[float]:
        """One of the few places for code that runs at the same time; gives how long (s) others kept it waiting, 0 where none did."""
        waited_s = 0.0
        if not self._slots.acquire(blocking=False):
            began = time.monotonic()
            if not self._slots.acquire(timeout=max(0.0, deadline - began)):
                sentence = "Other widget code takes all the time there is; try again later."
                raise CodeFailure(sentence, Outcome(), "timeout")
            waited_s = time.monotonic() - began
        try:
            yield waited_s
        finally:
            self._slots.release()

    @contextmanager
    def _child(self) -> Iterator[Pipes]:
        """A caged process that waits for its task; it is dead when the block is left."""
        task_read, task_write = os.pipe2(os.O_CLOEXEC)
        answer_read, answer_write = os.pipe2(os.O_CLOEXEC)
        pidfd = None
        try:
            try:
                pidfd = self._ask_for_child(task_read, answer_write)
            finally:
                os.close(task_read)
                os.close(answer_write)
            yield Pipes(answer_read, task_write)
        finally:
            if pidfd is not None:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                os.close(pidfd)
            os.close(answer_read)
            os.close(task_write)

    def _ask_for_child(self, read_fd: int, write_fd: int) -> int:
        """The pidfd of a new child that holds these ends; a zygote that is gone is replaced, once."""
        with self._lock:
            for attempt in (1, 2):
                control = self._control or self._begin()
                try:
                    socket.send_fds(control, [b"r"], [read_fd, write_fd])
                    message, fds, _, _ = socket.recv_fds(control, 200, 1)
                except OSError as error:
                    message, fds = b"", []
                    log.debug("The zygote does not answer: %s", error)
                if message == b"yes" and len(fds) == 1:
                    return fds[0]
                self._end()
                if message or attempt == 2:
                    break
                log.warning("The process that runs widget code was gone; it is started again.")
        reason = message.decode(errors="replace").removeprefix("no ") or "it ended"
        raise CodeFailure(f"No process for the code could be made: {reason}.", Outcome())

    def _begin(self) -> socket.socket:
        """Start the zygote and wait until it is warm."""
        if self._closed:
            raise CodeFailure("Glance is stopping.", Outcome())
        this_machine()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(START_S)
        wall_s = str(int(self.wall_s) + 2)
        arguments = [str(_ROOT), str(theirs.fileno()), str(int(self.wall_s) + 1), wall_s]
        with theirs:
            self._zygote = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _COMMAND, *arguments, "landlock" if self._with_landlock else "-"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._control = ours
        try:
            message = ours.recv(400).decode(errors="replace")
        except OSError:
            message = "no it does not start"
        if not message.startswith("yes"):
            self._end()
            raise Unsupported(message.removeprefix("no ") or "The process for widget code does not start.")
        self.layers = ("seccomp", *message.split()[1:])
        return ours

    def _end(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._zygote is not None:
            try:
                self._zygote.wait(timeout=1.0)
            except subprocess.TimeoutExpired:
                self._zygote.kill()
                self._zygote.wait(timeout=1.0)
            self._zygote = None


def _cut_short(waited_s: float, had_s: float, outcome: Outcome) -> CodeFailure:
    """The failure of code that was not given its whole time: others kept it waiting, or its fetch had no more left."""
    sentence = (
        f"The code waited {waited_s:.1f} s for other widget code, did not end in the {had_s:.1f} s that were left, "
        "and was stopped; try again later."
        if waited_s >= WORTH_TELLING_S
        else f"The code did not end in the {had_s:.1f} s that its fetch had left, and was stopped."
    )
    return CodeFailure(sentence, outcome, "timeout")


def _failure(error: Exception, outcome: Outcome, wall_s: float) -> CodeFailure:
    """Why a process had to be ended, as a sentence."""
    if isinstance(error, Late):
        return CodeFailure(f"The code ran longer than {wall_s:g} s and was stopped.", outcome, "timeout")
    if isinstance(error, Unlocked):
        return CodeFailure(f"The code was not run: its process could not be locked. {error}", outcome)
    if isinstance(error, Forged):
        return CodeFailure("The code was stopped: it broke the rules of its pipe to Glance.", outcome)
    return CodeFailure(
        "The code's process ended without an answer: it crashed, or used more than its memory or processor time.",
        outcome,
    )
