"""Glance: settings, runtime, application, server."""

import gc
import sys


def main() -> int:
    """Serve until stopped; exit code 0, 2 for a wrong setting, 1 for anything else that prevents the start."""
    # Nothing that a start makes is garbage, and looking for it takes a sixth of the start; `start` turns it on again.
    gc.disable()
    try:
        from glance.start import start  # late: Ctrl-C ends it quietly also while the modules load

        return start()
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
