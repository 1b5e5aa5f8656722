"""The demo: its devices speak as real ones do, and the whole of it starts, fills itself and ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from glance.config import ROOT, Settings
from glance.demo import boards, sensors
from glance.demo.devices import all_devices, plug_messages
from glance.demo.fleet import PLACES, Fleet
from glance.mqtt.decode import Decoder
from glance.runtime import Runtime
from tests.waiting import PATIENCE_S, at_most, until

NOW = 1_795_207_620.0
ECOSYSTEMS = {
    "zigbee2mqtt", "tasmota", "shelly-gen1", "shelly-gen2", "home-assistant", "rtl_433", "glance", "openmqttgateway", "homie",
    "opendtu", "valetudo", "frigate",
}  # fmt: skip


def test_every_message_of_the_devices_is_understood() -> None:
    decoder = Decoder()
    found: set[str | None] = set()
    for step in range(3):
        for device in all_devices():
            for message in device.says(NOW + 5 * step, 5 * step) if step else device.hello():
                payload = message.payload.encode()
                outcome = decoder.message(message.topic, payload, retained=message.retain, arrived_at=NOW + 5 * step)
                assert outcome.verdict not in ("invalid", "unreadable", "ignored"), (message.topic, outcome.sentence)
                assert not step or outcome.readings or outcome.liveness, message.topic
                found.add(outcome.ecosystem)
    assert found >= ECOSYSTEMS


def test_values_move_and_meters_only_grow() -> None:
    (washer,) = [device for device in all_devices() if device.name == "Washing machine"]
    bodies = [json.loads(next(iter(washer.says(NOW + 60 * turn, 60 * turn))).payload) for turn in range(10)]
    assert len({body["power"] for body in bodies}) > 5
    assert [body["energy"] for body in bodies] == sorted(body["energy"] for body in bodies)
    assert len(plug_messages("pump", NOW, 230.0, 1.5)) == 2


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Runtime]:
    runtime = Runtime(Settings(data=tmp_path / "data", auth="none", mqtt_url="embedded"))
    boards.fill(runtime, "http://127.0.0.1:9", "http://127.0.0.1:9")
    assert runtime.broker is not None
    fleet = Fleet(runtime.broker.url, runtime.devices)
    runtime.start()
    fleet.start()
    yield runtime
    fleet.stop()
    runtime.stop()


def test_within_seconds_every_sensor_of_the_dashboard_has_a_value(running: Runtime) -> None:
    live = [
        widget
        for slug in ("home", "sensors")
        for widget in running.widgets.on_dashboard(slug)
        if running.series.source_of(widget) is not None
    ]
    assert len(live) >= 18

    def empty() -> list[str]:
        views = running.refresher.peek(live)
        missing = [widget.title for widget in live if not views[widget.id].has_data]
        named = [item for widget in live for item in running.series.items(widget)]
        return missing + [item.sensor for item in named if running.devices.find(item.device, item.sensor) is None]

    until(lambda: not empty(), 20)
    assert {device.place for device in running.devices.all()} >= {room for _, room in PLACES.values()}
    assert running.devices.get("fridge").title == "Fridge"
    now = running.clock()
    freezer = running.devices.sensor("freezer_01", "temperature")
    assert running.standings.of_sensor(freezer, now).state == "live"
    assert running.standings.of_sensor(freezer, now + 60).state == "stale"
    dew = running.derived.latest("dew-point")
    assert dew is not None
    assert dew.value is not None
    assert 5 < dew.value < 16
    assert running.derived.trouble("all-plugs") is None
    assert len(running.devices.all()) >= 22


def test_one_device_is_asleep_and_one_loses_its_power(running: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glance.demo.fleet.PUMP_LOSES_POWER_S", 2.0)

    def state(device: str) -> str:
        found = [one for one in running.devices.all() if one.id == device]
        return running.standings.of_device(found[0], running.clock())[0].state if found else ""

    until(lambda: state("mailbox") == "asleep", 15)
    until(lambda: state("garden_pump") == "offline", 15)
    assert state("fridge") == "live"


def test_the_dashboard_fits_the_grid_and_names_only_known_definitions(running: Runtime) -> None:
    for slug in ("home", "sensors", "homelab"):
        for widget in running.widgets.on_dashboard(slug):
            assert widget.place.x + widget.place.w <= 13
            assert running.definitions.find(widget.custom_widget) is not None
    assert len(sensors.board()) == len(running.widgets.on_dashboard("sensors"))


def test_it_starts_shows_live_values_and_ends_with_ctrl_c_within_three_seconds() -> None:
    environment = {**os.environ, "GLANCE_PORT": "0", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "glance.demo"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        address = _address(process)

        def live() -> Any:
            with urllib.request.urlopen(f"{address}/d/sensors", timeout=PATIENCE_S) as answer:
                return answer.read().decode().count('data-state="live"') >= 10

        until(live, 2 * PATIENCE_S, 0.3)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=2 * PATIENCE_S)
        assert time.monotonic() - began < at_most(6)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
    finally:
        process.kill()
        process.wait()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        found = re.search(r"http://[\d.]+:\d+", line)
        if found:
            return found.group()
    raise AssertionError("the demo printed no address")
