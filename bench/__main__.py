"""Measure and print one table: `python -m bench [--quick] [--only first,warm,…]`; exit code 1 where a figure misses its limit."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from bench import asking, door, live, live_sockets, loading, looks, mqtt_disk, mqtt_ingest, sandbox, serving, weight
from bench.child import ROOT
from bench.site import Site
from bench.table import Figure, table

OUT = ROOT / "bench" / "out"
Part = Callable[[Site], None]
# In this order: what needs a quiet, new process first; what leaves most behind last.
PARTS: dict[str, Part] = {
    "start": serving.start,
    "memory": weight.memory,
    "page": serving.page,
    "execute": asking.execute,
    "code": sandbox.code,
    "door": door.door,
    "silent": serving.silent,
    "bytes": weight.wire_bytes,
    "first": loading.first,
    "warm": loading.warm,
    "restart": loading.restart,
    "down": loading.down,
    "hang": loading.hang,
    "upstream": asking.upstream,
    "shift": looks.shift,
    "axe": looks.axe,
    "sustained": mqtt_ingest.sustained,
    "loss": mqtt_ingest.loss,
    "commit": mqtt_ingest.commit,
    "live": live.dom,
    "frames": live_sockets.frames,
    "crowd": live_sockets.crowd,
    "live_memory": live_sockets.memory,
    "live_hour": live_sockets.hour,
    "written": mqtt_disk.written,
    "charts": mqtt_disk.charts,
}
# These start what they need themselves.
ALONE = frozenset(
    {"sustained", "loss", "commit", "live", "frames", "crowd", "live_memory", "live_hour", "written", "charts"}
)
# Only where it is named: it takes as long as it says.
LONG = frozenset({"live_hour"})


def main(arguments: Sequence[str]) -> int:
    """Run the wanted parts; a part that fails is told and fails the run, the others still run."""
    wanted, quick = _wanted(arguments)
    # ended from outside like a Ctrl-C: the processes and folders of the run go with it
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    began, load_before = time.time(), os.getloadavg()[0]
    figures: list[Figure] = []
    failures: dict[str, str] = {}
    with Site(quick=quick) as site:
        if not ALONE.issuperset(wanted):
            site.build()
        for name in wanted:
            _run(site, name, failures)
        figures = site.figures
        where = _where(site, began, load_before)
    text = "\n".join([_head(where), "", table(figures), *(f"FAILED {part}: {why}" for part, why in failures.items())])
    print(text)
    _keep(where, figures, failures, text)
    return 1 if failures or any(figure.verdict == "misses" for figure in figures) else 0


def _wanted(arguments: Sequence[str]) -> tuple[list[str], bool]:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", default="", metavar="PART,…", help=f"of: {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="fewer runs; for looking, not for the record")
    given = parser.parse_args(arguments)
    names = [name for name in given.only.split(",") if name]
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]}; there are {', '.join(PARTS)}")
    return [name for name in PARTS if name in names or not (names or name in LONG)], given.quick


def _run(site: Site, name: str, failures: dict[str, str]) -> None:
    site.part = name
    site.say(f"{name}: {(PARTS[name].__doc__ or '').strip()}")
    began = time.monotonic()
    try:
        PARTS[name](site)
    except Exception as error:  # one part's failure must not cost the figures of the others
        failures[name] = f"{type(error).__name__}: {error}"
        site.say(f"  FAILED: {failures[name]}\n{site.glance.words()}")
        if name not in ALONE:
            site.mend()
    site.say(f"  ({time.monotonic() - began:.0f} s; load of the machine: {os.getloadavg()[0]:.1f})")


def _where(site: Site, began: float, load_before: float) -> dict[str, Any]:
    """What the figures depend on."""
    asked = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
        "took_s": round(time.time() - began),
        "commit": asked.stdout.strip() or None,
        "quick": site.quick,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "load_before": round(load_before, 2),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "chromium": site.browser.version if "browser" in site.__dict__ else None,
    }


def _head(where: dict[str, Any]) -> str:
    chromium = f", Chromium {where['chromium']}" if where["chromium"] else ""
    quick = ", quick" if where["quick"] else ""
    return (
        f"Glance {where['commit'] or '(no git)'} on {where['cores']} {where['machine']} cores, Python {where['python']}, "
        f"SQLite {where['sqlite']}{chromium}; {where['at']}, {where['took_s']} s{quick}; load before: {where['load_before']}"
    )


def _keep(where: dict[str, Any], figures: Sequence[Figure], failures: dict[str, str], text: str) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    data = {**where, "figures": [figure.as_json() for figure in figures], "failures": failures}
    name = where["at"].replace(":", "")
    (OUT / f"{name}.json").write_text(json.dumps(data, indent=1, ensure_ascii=False), encoding="utf-8")
    (OUT / f"{name}.txt").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
