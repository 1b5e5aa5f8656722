"""Start the demo; Ctrl-C ends it and nothing of it stays."""

from __future__ import annotations

import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from glance import logs
from glance.config import Settings, read_settings
from glance.demo.boards import fill
from glance.demo.fleet import Fleet
from glance.demo.services import Services
from glance.errors import GlanceError, SettingError
from glance.runtime import Runtime
from glance.serve import listen, serve
from glance.web.application import create_app


def main() -> int:
    """Serve the demo until stopped; the exit codes are those of `python app.py`."""
    # while it still starts SIGTERM is like Ctrl-C, so that the folder goes; once it serves, the server has both
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        settings = read_settings()
        logs.configure("warning", settings.log_format)
        with tempfile.TemporaryDirectory(prefix="glance-demo-") as folder, Services() as services:
            return run(
                replace(settings, data=Path(folder), auth="none", host="127.0.0.1", password="", mqtt_url="embedded"),
                services,
            )
    except KeyboardInterrupt:
        return 0
    except GlanceError as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, SettingError) else 1


def run(settings: Settings, services: Services) -> int:
    """Fill a fresh Glance with the demo's dashboards, serve it, and let the devices publish."""
    listener = listen(settings)
    runtime = Runtime(settings)
    assert runtime.broker is not None
    fill(runtime, services.address, f"http://127.0.0.1:{listener.port}")
    fleet = Fleet(runtime.broker.url, runtime.devices)
    print(
        "This is the demo: services and devices are made up, this computer’s figures are real. Ctrl-C ends it and removes its data."
    )

    def start() -> None:
        runtime.start()
        fleet.start()

    def stop() -> None:
        fleet.stop()
        runtime.stop()

    return serve(create_app(runtime), settings, on_ready=start, on_stop=stop, listener=listener)


if __name__ == "__main__":
    sys.exit(main())
