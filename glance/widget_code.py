"""Whether widget code may run, and the sandbox that runs it: off until the owner turns it on and the cage has proven itself."""

from __future__ import annotations

import logging
import platform
import threading
from collections.abc import Mapping
from typing import Any

from glance import __version__
from glance.errors import Conflict, FetchError
from glance.sandbox import selftest
from glance.sandbox.conversation import Calls, Outcome
from glance.sandbox.host import CodeFailure, Sandbox
from glance.sandbox.machine import Unsupported, this_machine
from glance.store.preferences import Preferences

log = logging.getLogger(__name__)

ENABLED = "code_enabled"
# What the self-test was passed on; another kernel or Python has to pass it again before code runs there.
TESTED = "code_tested_on"
OFF = "Widget code is turned off: turn it on under Settings, Widget code."


class WidgetCode:
    """The switch and the sandbox of one Runtime; safe for any thread. While it is off there is no process."""

    def __init__(self, preferences: Preferences, sandbox: Sandbox | None = None) -> None:
        self.sandbox = sandbox or Sandbox()
        self._preferences = preferences
        self._lock = threading.Lock()
        self._enabled: bool | None = None
        self._proven = False

    @property
    def enabled(self) -> bool:
        """Whether the owner turned it on."""
        if self._enabled is None:
            self._enabled = self._preferences.get(ENABLED) is True
        return self._enabled

    def obstacle(self) -> str | None:
        """Why it can never be turned on on this computer, where that is known without trying."""
        try:
            this_machine()
        except Unsupported as error:
            return str(error)
        return None

    def turn_on(self) -> None:
        """Test the cage and remember that code may run; Conflict with the reason where it does not hold."""
        with self._lock:
            fault = selftest.fault(self.sandbox)
            if fault:
                self.sandbox.stop()
                raise Conflict(f"Widget code stays off. {fault}")
            self._preferences.set(TESTED, _here())
            self._preferences.set(ENABLED, True)
            self._enabled = self._proven = True
        log.info("Widget code was turned on; its cage is made of %s.", " and ".join(self.sandbox.layers))

    def turn_off(self) -> None:
        """End everything that runs, and remember it."""
        with self._lock:
            self._preferences.set(ENABLED, False)
            self._enabled = False
            self.sandbox.stop()
        log.info("Widget code was turned off.")

    def run(self, code: str, params: Mapping[str, Any], calls: Calls, *, limit_s: float | None = None) -> Outcome:
        """Run code once; FetchError where it is off or had to be stopped, a fault of the code is in the outcome."""
        self._prove()
        try:
            return self.sandbox.run(code, params, calls, limit_s=limit_s)
        except Unsupported as error:
            raise FetchError(str(error), kind="blocked") from error

    def fault_of(self, code: str) -> tuple[int | None, str] | None:
        """What keeps the code from being read, as line and text; None where nothing does, or while code is off."""
        if not self.enabled:
            return None
        try:
            self._prove()
            fault = self.sandbox.run(code, {}, selftest.NoCalls(), only_check=True).fault
        except (CodeFailure, Unsupported) as error:
            return None, str(error)
        except FetchError:
            return None
        return (fault.line, fault.text) if fault else None

    def close(self) -> None:
        """End the sandbox for good; idempotent."""
        self.sandbox.close()

    def _prove(self) -> None:
        """FetchError unless it is on and the cage was tested on this very kernel and Python."""
        if not self.enabled:
            raise FetchError(OFF, kind="blocked")
        if self._proven:
            return
        with self._lock:
            if self._preferences.get(TESTED) != _here():
                fault = selftest.fault(self.sandbox)
                if fault:
                    self.sandbox.stop()
                    raise FetchError(f"Widget code does not run since this computer changed. {fault}", kind="blocked")
                self._preferences.set(TESTED, _here())
            self._proven = True


def _here() -> str:
    """What the cage depends on: the kernel, the processor, Python and Glance."""
    return " ".join((platform.release(), platform.machine(), platform.python_version(), __version__))
