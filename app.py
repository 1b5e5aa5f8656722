"""Glance: settings, runtime, application, server."""

import sys

from glance import logs
from glance.config import read_settings
from glance.errors import GlanceError, SettingError
from glance.runtime import Runtime
from glance.serve import listen, serve
from glance.web.application import create_app


def main() -> int:
    """Serve until stopped; exit code 0, 2 for a wrong setting, 1 for anything else that prevents the start."""
    try:
        settings = read_settings()
        logs.configure(settings.log_level, settings.log_format)
        listener = listen(settings)
        runtime = Runtime(settings)
        return serve(create_app(runtime), settings, on_ready=runtime.start, on_stop=runtime.stop, listener=listener)
    except KeyboardInterrupt:
        return 0
    except GlanceError as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, SettingError) else 1


if __name__ == "__main__":
    sys.exit(main())
