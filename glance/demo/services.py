"""The demo's upstreams: a small HTTP server on loopback whose figures move as a home's would."""

from __future__ import annotations

import json
import math
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

DAY_S = 86400
Answer = tuple[int, str, str]


def wave(at: float, low: float, high: float, peak_hour: float = 15.0, wobble: float = 0.04) -> float:
    """A value between low and high that follows the day (UTC) with a little unrest; the same at the same time."""
    share = 0.5 + 0.5 * math.cos((at % DAY_S / 3600 - peak_hour) / 24 * 2 * math.pi)
    unrest = math.sin(at / 97) + math.sin(at / 411 + 1) + math.sin(at / 1733 + 2)
    return low + (high - low) * min(1.0, max(0.0, share + wobble * unrest))


def trend(
    value: Callable[[float], float], at: float, span_s: int = DAY_S, points: int = 48, decimals: int = 0
) -> list[list[float]]:
    """The last `span_s` seconds of a value as [[t, v], …], the newest at `at`."""
    step = span_s / (points - 1)
    return [[round(at - span_s + step * n), round(value(at - span_s + step * n), decimals)] for n in range(points)]


def power_w(at: float) -> float:
    """What the house draws."""
    return wave(at, 180, 640, 19.5, 0.12)


def solar_w(at: float) -> float:
    """What the roof gives; nothing at night."""
    return max(0.0, wave(at, -2400, 2900, 12.5, 0.05))


def _climate(at: float) -> dict[str, Any]:
    rooms = {"living": (20.2, 21.8, 18.0), "rack": (26.4, 29.2, 16.0), "outdoor": (3.5, 10.5, 14.5)}
    found = {}
    for room, (low, high, hour) in rooms.items():
        degrees = partial(wave, low=low, high=high, peak_hour=hour, wobble=0.06)
        found[room] = {"celsius": round(degrees(at), 1), "history": trend(degrees, at, points=145, decimals=1)}
    return found


def _power(at: float) -> dict[str, Any]:
    return {
        "watt": round(power_w(at)),
        "trend": trend(power_w, at),
        "solar": {"watt": round(solar_w(at)), "trend": trend(solar_w, at)},
    }


def _speed(at: float) -> dict[str, Any]:
    return {
        "download_mbit": round(wave(at, 560, 710, 4)),
        "ping_ms": 9,
        "trend": trend(lambda t: wave(t, 560, 710, 4, 0.1), at),
    }


def _ups(at: float) -> dict[str, Any]:
    return {"load_percent": round(wave(at, 28, 52, 20)), "runtime_min": 41, "battery_percent": 100}


def _backups(at: float) -> list[dict[str, Any]]:
    night = at - at % DAY_S + 3 * 3600
    night = night if night <= at else night - DAY_S
    jobs = (
        ("nas to off-site", 720, 1.84e12, "done"),
        ("vm snapshots", -3600, 212e9, "done"),
        ("photos", 5400, 604e9, "running"),
        ("paperless", -5400, 18e9, "2 skipped"),
        ("postgres dump", -2700, 3.1e9, "done"),
        ("router config", -4 * DAY_S, None, "failed"),
    )
    return [
        {"job": job, "finished": night + offset, "size": size, "result": result} for job, offset, size, result in jobs
    ]


def _containers(at: float) -> list[dict[str, Any]]:
    rows = (
        ("immich-server", 4.1, 1.2e9, 12, "running"),
        ("jellyfin", 18.6, 864e6, 41, "running"),
        ("postgres-16", 1.3, 402e6, 41, "healthy"),
        ("mosquitto", 0.2, 11e6, 41, "healthy"),
        ("frigate", 31.0, 2.1e9, 3, "high cpu"),
        ("mealie", 0.0, None, 0, "restarting"),
    )
    return [
        {
            "name": name,
            "cpu": round(cpu * wave(at, 0.8, 1.2), 1),
            "memory": memory,
            "up_s": days * DAY_S,
            "state": state,
        }
        for name, cpu, memory, days, state in rows
    ]


def _chores(at: float) -> list[dict[str, Any]]:
    today = at - at % DAY_S
    return [
        {"title": "Bins to the street", "subtitle": "Recycling", "at": today + DAY_S + 7 * 3600, "status": "open"},
        {"title": "Swap UPS batteries", "subtitle": "Rack", "at": today + 3 * DAY_S, "status": "open"},
        {"title": "Renew the domain", "subtitle": "example.org", "at": today - DAY_S, "status": "overdue"},
        {"title": "Clean the air filter", "subtitle": "Attic", "at": today - 2 * DAY_S, "status": "done"},
    ]


def _forecast(at: float) -> dict[str, Any]:
    """The answer of Open-Meteo's /v1/forecast, in the fields that the weather widget asks for."""
    start = datetime.fromtimestamp(at, UTC).replace(minute=0, second=0, microsecond=0)
    midnight = start.replace(hour=0)
    hours = [midnight + timedelta(hours=n) for n in range(7 * 24)]
    days = [midnight + timedelta(days=n) for n in range(7)]
    codes = [61, 2, 0, 3, 80, 2, 0]
    stamp = "%Y-%m-%dT%H:%M"

    def celsius(when: datetime) -> float:
        return round(wave(when.timestamp(), 2.5, 9.5, 14.5, 0.1), 1)

    return {
        "utc_offset_seconds": 0,
        "timezone": "UTC",
        "current_units": {"temperature_2m": "°C", "wind_speed_10m": "km/h"},
        "current": {
            "time": start.strftime(stamp),
            "temperature_2m": celsius(start),
            "apparent_temperature": round(celsius(start) - 3, 1),
            "relative_humidity_2m": 88,
            "weather_code": codes[0],
            "wind_speed_10m": 21.4,
            "is_day": int(7 <= start.hour < 17),
        },
        "hourly": {
            "time": [when.strftime(stamp) for when in hours],
            "temperature_2m": [celsius(when) for when in hours],
            "precipitation_probability": [round(60 * (1 + math.sin(n / 5)) / 2) for n in range(len(hours))],
        },
        "daily": {
            "time": [when.strftime("%Y-%m-%d") for when in days],
            "weather_code": codes,
            "temperature_2m_max": [round(8 + 2 * math.sin(n), 1) for n in range(7)],
            "temperature_2m_min": [round(2 + 2 * math.sin(n + 1), 1) for n in range(7)],
            "precipitation_probability_max": [70, 10, 0, 20, 55, 5, 0],
        },
    }


def _feed(at: float) -> str:
    articles = (
        ("ZFS block cloning, two years on: what changed in practice", "Storage Notes", 42),
        ("Running a three-node cluster on 35 watts", "Low Watt Lab", 130),
        ("MQTT retained messages: the traps nobody lists", "Wire Protocol", 310),
        ("This week in self-hosted: 14 releases worth a look", "Self-Host Weekly", 480),
        ("Upgrade notes for single-box databases", "Small Databases", 1500),
        ("A quiet fan curve for the shelf", "Low Watt Lab", 2900),
    )
    items = "".join(
        f"<item><title>{escape(title)}</title><author>{escape(source)}</author><guid>{n}</guid>"
        f"<link>https://example.org/{n}</link><pubDate>{_rfc822(at - minutes * 60)}</pubDate></item>"
        for n, (title, source, minutes) in enumerate(articles)
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>Demo reader</title>{items}</channel></rss>'


def _rfc822(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")


def _calendar(at: float) -> str:
    today = datetime.fromtimestamp(at, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    weekly = today - timedelta(days=today.weekday() + 7)
    events = (
        (
            "bins",
            f"DTSTART:{(weekly + timedelta(days=4, hours=7)):%Y%m%dT%H%M%SZ}\nDURATION:PT30M\nRRULE:FREQ=WEEKLY",
            "Recycling pickup",
        ),
        (
            "space",
            f"DTSTART:{(weekly + timedelta(days=1, hours=19)):%Y%m%dT%H%M%SZ}\nDURATION:PT2H\nRRULE:FREQ=WEEKLY",
            "Makerspace open night",
        ),
        (
            "ups",
            f"DTSTART:{(today + timedelta(days=1, hours=10, minutes=30)):%Y%m%dT%H%M%SZ}\nDURATION:PT1H",
            "Swap UPS batteries",
        ),
        ("domain", f"DTSTART;VALUE=DATE:{(today + timedelta(days=4)):%Y%m%d}", "Domain renewal due"),
        (
            "isp",
            f"DTSTART:{(today + timedelta(days=7, hours=2)):%Y%m%dT%H%M%SZ}\nDURATION:PT2H",
            "ISP maintenance window",
        ),
    )
    stamp = f"DTSTAMP:{today:%Y%m%dT%H%M%SZ}"
    body = "\n".join(
        f"BEGIN:VEVENT\nUID:{uid}@demo\n{stamp}\n{when}\nSUMMARY:{title}\nEND:VEVENT" for uid, when, title in events
    )
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Glance//Demo//EN\n{body}\nEND:VCALENDAR\n"
    return text.replace("\n", "\r\n")


JSON: dict[str, Callable[[float], Any]] = {
    "/climate": _climate,
    "/power": _power,
    "/speed": _speed,
    "/ups": _ups,
    "/backups": _backups,
    "/containers": _containers,
    "/chores": _chores,
    "/v1/forecast": _forecast,
}


def answer(path: str, at: float, pause: threading.Event) -> Answer:
    """Status, content type and body for a path; /slow takes its time, /down and /broken fail."""
    if path in JSON:
        return 200, "application/json", json.dumps(JSON[path](at))
    if path == "/feed.xml":
        return 200, "application/rss+xml", _feed(at)
    if path == "/home.ics":
        return 200, "text/calendar", _calendar(at)
    if path == "/slow":
        pause.wait(0.8)
    if path == "/down":
        return 503, "text/plain", "The service is down."
    if path == "/broken":
        return 401, "text/plain", "The API key was rejected."
    return (200, "text/plain", "OK") if path.startswith(("/up", "/slow")) else (404, "text/plain", "Not here.")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A fetch that was broken off, as at the end of the demo, is no news; anything else is."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Services:
    """The server on a free loopback port, as a context manager."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        pause = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, kind, body = answer(urlsplit(self.path).path, clock(), pause)
                raw = body.encode()
                self.send_response(status)
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, format: str, *args: Any) -> None:
                """The demo's services are silent."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._pause = pause
        self._thread = threading.Thread(target=self._server.serve_forever, name="demo-services", daemon=True)

    @property
    def address(self) -> str:
        """Where it listens, without a final slash."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Services:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pause.set()
        self._server.shutdown()
        self._server.server_close()
