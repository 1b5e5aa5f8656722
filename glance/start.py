"""One Glance from its settings to its end: what `python app.py` runs."""

from __future__ import annotations

import gc
import sys
import threading

from glance import allocator, logs
from glance.config import read_settings
from glance.errors import GlanceError, SettingError
from glance.runtime import Runtime
from glance.serve import listen, serve
from glance.web.application import create_app

# Long enough for a page that was waited for, and sooner than a browser can ask for what that page names.
WARM_AFTER_S = 0.2


def start() -> int:
    """Serve until stopped; the exit code. What prevents the start is said in one sentence on stderr."""
    allocator.share_one_arena()
    try:
        settings = read_settings()
        logs.configure(settings.log_level, settings.log_format)
        listener = listen(settings)
        runtime = Runtime(settings)

        def ready() -> None:
            runtime.start()
            # What is there now stays to the end: the collector need not look through it again and again.
            gc.freeze()
            gc.enable()
            _warm_up(runtime)

        return serve(create_app(runtime), settings, on_ready=ready, on_stop=runtime.stop, listener=listener)
    except GlanceError as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, SettingError) else 1


def _warm_up(runtime: Runtime) -> None:
    """Load what the first fetch needs a moment after the start, so that neither the first page nor that fetch waits for it."""
    timer = threading.Timer(WARM_AFTER_S, runtime.outbound.clients)
    timer.name, timer.daemon = "warm-up", True
    timer.start()
