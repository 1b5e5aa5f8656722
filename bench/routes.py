"""Every GET route of the application, as JSON on stdout: `python -m bench.routes`."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from glance.config import Settings
from glance.runtime import Runtime
from glance.web.application import create_app


def main() -> None:
    """Build the application on an empty folder and read its table of routes."""
    with tempfile.TemporaryDirectory(prefix="glance-bench-") as folder:
        runtime = Runtime(Settings(data=Path(folder), password="not used here", mqtt_url="off"))
        try:
            app = create_app(runtime)
            rules = sorted(rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()))
            print(json.dumps(rules))
        finally:
            runtime.stop()


if __name__ == "__main__":
    main()
