"""Widgets on a selection of sensors: which fit, how they stand, what an overview says, and what a counter used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from glance.errors import Invalid
from glance.ingest.tracks import Latest
from glance.mqtt.readings import DeviceInfo, Liveness, Outcome, SensorInfo
from glance.series.words import charge_of, class_of, quality_of
from glance.store.devices import Sensor
from glance.web.application import create_app
from tests.ingest_parts import reading
from tests.test_series import Home


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    made.runtime.stop()


def put(home: Home, device: str, room: str | None = None, **values: Any) -> None:
    """A device in a room sends values; a sensor's class is its name."""
    rt = home.runtime
    rt.ingest.take(Outcome(devices=(DeviceInfo(device, name=device.capitalize(), room=room),)))
    units = {"temperature": "°C", "humidity": "%", "battery": "%", "power": "W", "rssi": "dBm", "energy": "kWh"}
    rt.ingest.submit([reading(device, name, value, unit=units.get(name)) for name, value in values.items()])


def select(home: Home, slug: str = "table", **filters: Any) -> Any:
    return home.runtime.placing.add("home", slug, slug, {"data_source": {"kind": "series", "select": filters}})


def names(home: Home, widget: Any) -> list[str]:
    return [f"{item.device}/{item.sensor}" for item in home.runtime.series.items(widget)]


def test_a_selection_takes_every_sensor_that_fits_all_filters(home: Home) -> None:
    put(home, "fridge", "Kitchen", temperature=5.0, power=80.0)
    put(home, "window", "Kitchen", contact=False, battery=12.0)
    put(home, "lamp", "Study", power=8.0)
    for filters, wanted in (
        ({"room": "kitchen"}, ["fridge/power", "fridge/temperature", "window/battery", "window/contact"]),
        ({"class": "power"}, ["fridge/power", "lamp/power"]),
        ({"class": "power", "room": "Study"}, ["lamp/power"]),
        ({"class": "temperature, battery"}, ["fridge/temperature", "window/battery"]),
        ({"unit": "W"}, ["fridge/power", "lamp/power"]),
        ({"kind": "boolean"}, ["window/contact"]),
        ({"device": "Lamp"}, ["lamp/power"]),
        ({"name": "temp"}, ["fridge/temperature"]),
        ({"room": "Attic"}, []),
    ):
        assert names(home, select(home, **filters)) == wanted, filters


def test_what_the_owner_hid_is_left_out_and_diagnostics_only_where_no_class_is_asked_for(home: Home) -> None:
    put(home, "clock", "Hall", temperature=20.0, battery=55.0)
    rt = home.runtime
    rt.ingest.take(Outcome(sensors=(SensorInfo("clock", "battery", hidden=True),)))
    assert names(home, select(home, room="Hall")) == ["clock/temperature"]
    batteries = select(home, **{"class": "battery"})
    assert names(home, batteries) == ["clock/battery"]
    rt.devices.change_sensor("clock", "battery", {"own_hidden": True})
    assert names(home, batteries) == []
    rt.devices.change("clock", {"ignored": True})
    assert names(home, select(home, room="Hall")) == []


def test_a_sensor_that_appears_later_joins_and_marks_the_widget(home: Home) -> None:
    widget = select(home, **{"class": "humidity"})
    view = home.view(widget)
    assert (view.has_data, view.sentence) == (
        False,
        "No sensor fits class humidity yet. It joins by itself once one does.",
    )
    home.runtime.series.tick(home.clock())
    box = home.runtime.hub.subscribe()
    box.watch([widget.id])
    put(home, "bath", humidity=61.0)
    home.runtime.series.tick(home.clock())
    assert box.take(1.0) == {widget.id}
    assert home.view(widget).data["rows"][0]["value"] == 61
    put(home, "cellar", humidity=70.0)
    home.runtime.series.tick(home.clock())
    assert box.take(1.0) == {widget.id}
    assert [row["device"] for row in home.view(widget).data["rows"]] == ["Bath", "Cellar"]
    put(home, "bath", humidity=62.0)
    assert box.take(1.0) == {widget.id}


def test_a_source_without_sensors_and_without_selection_is_refused(home: Home) -> None:
    with pytest.raises(Invalid) as refused:
        home.runtime.placing.add("home", "table", "T", {"data_source": {"kind": "series"}})
    assert [(one.field, one.message) for one in refused.value.errors] == [
        ("params.data_source.series", "is missing; select would do too")
    ]
    with pytest.raises(Invalid):
        select(home, colour="blue")


def test_batteries_come_worst_first_with_those_out_of_reach_before_all(home: Home) -> None:
    put(home, "good", battery=90.0, rssi=-55.0)
    put(home, "weak", battery=60.0, rssi=-97.0)
    put(home, "low", battery=9.0)
    put(home, "gone", battery=80.0)
    home.runtime.ingest.take(Outcome(liveness=(Liveness("gone", "offline", bridge=False, retained=False),)))
    widget = home.runtime.placing.add("home", "batteries", "Batteries", {})
    data = home.view(widget).data
    assert [one["id"] for one in data["devices"]] == ["gone", "weak", "low", "good"]
    assert [one["charge_status"] for one in data["devices"]] == ["ok", "ok", "bad", "ok"]
    assert [one["poor"] for one in data["devices"]] == [False, True, False, False]
    assert data["counts"] == {"offline": 1, "live": 3}
    only = home.runtime.placing.add("home", "batteries", "Only", {"show": "batteries"})
    assert [one["id"] for one in home.view(only).data["devices"]] == ["gone", "low", "weak", "good"]


def test_an_overview_is_made_once_a_second_and_ends_on_the_newest(home: Home) -> None:
    put(home, "low", battery=9.0)
    widget = home.runtime.placing.add("home", "batteries", "Batteries", {})
    home.runtime.series.tick(home.clock())
    assert home.view(widget).data["devices"][0]["charge"] == 9
    put(home, "low", battery=8.0)
    assert home.view(widget).data["devices"][0]["charge"] == 9
    box = home.runtime.hub.subscribe()
    box.watch([widget.id])
    home.clock.forward(1.1)
    home.runtime.series.tick(home.clock())
    assert box.take(1.0) == {widget.id}
    assert home.view(widget).data["devices"][0]["charge"] == 8


def test_a_room_card_takes_its_room_from_the_params(home: Home) -> None:
    put(home, "fridge", "Kitchen", temperature=5.0)
    put(home, "lamp", "Study", power=8.0)
    room = home.runtime.placing.add("home", "room", "Kitchen", {"room": "Kitchen"})
    (device,) = home.view(room).data["devices"]
    assert (device["id"], device["href"]) == ("fridge", "/devices/fridge")
    (one,) = device["sensors"]
    assert (one["name"], one["text"], one["unit"], one["state"]) == ("Temperature", "5", "°C", "live")
    changed = home.runtime.placing.change(room.id, {"params": {"room": "Study"}})
    assert [one["id"] for one in home.view(changed).data["devices"]] == ["lamp"]
    assert home.view(changed).state == "live"


def test_the_devices_card_lists_devices_without_their_sensors_those_away_first(home: Home) -> None:
    put(home, "alpha", power=1.0)
    put(home, "beta", power=1.0)
    home.runtime.ingest.take(Outcome(liveness=(Liveness("beta", "offline", bridge=False, retained=False),)))
    widget = home.runtime.placing.add("home", "devices", "Devices", {})
    data = home.view(widget).data
    assert [(one["id"], one["word"], one["sensors"]) for one in data["devices"]] == [
        ("beta", "Offline", []),
        ("alpha", "Online", []),
    ]


def test_a_snapshot_tells_an_overview_of_devices_as_a_table(home: Home) -> None:
    put(home, "house", "Hall", temperature=21.5, battery=80.0)
    put(home, "shed | old", temperature=4.0)
    home.runtime.placing.add("home", "devices", "All", {})
    home.runtime.placing.add("home", "batteries", "Low", {})
    client = create_app(home.runtime).test_client()
    text = client.get("/api/snapshot?format=markdown&dashboard=home").text
    assert "2 devices: 2 online." in text
    assert "| House | Hall | Online | 2026-02-03 12:00:00 UTC |" in text
    assert "| Shed \\| old |  | Online |" in text
    assert "| House | Hall | Online | 2026-02-03 12:00:00 UTC | 80 % | Battery 80 % |" in text
    assert "{" not in text


def test_a_counter_is_shown_as_what_each_hour_used(home: Home) -> None:
    rt = home.runtime
    rt.ingest.take(Outcome(sensors=(SensorInfo("greenhouse", "energy", unit="kWh", state_class="total_increasing"),)))
    for value in (100.0, 100.4, 101.0, 0.5):
        home.send(value, "energy", unit="kWh")
        home.clock.forward(600)
    chart = home.add("line-chart", "energy", use="hour")
    (line,) = home.view(chart).data["series"]
    assert line["bars"] == 3600
    assert sum(value for _, value in line["points"] if value) == pytest.approx(1.5)
    today = home.view(home.add("stat", "energy", use="day")).data
    assert (today["label"], today["unit"]) == ("Today", "kWh")
    assert today["value"] == pytest.approx(1.5)
    plain = home.view(home.add("stat", "energy")).data
    assert plain["value"] == 0.5


def test_what_is_no_counter_is_not_shown_as_use(home: Home) -> None:
    home.send(20.0, unit="°C")
    (line,) = home.view(home.add("line-chart", use="hour")).data["series"]
    assert "bars" not in line


def test_words_and_switches_keep_their_words_in_charts(home: Home) -> None:
    home.send(True, "door", label="open")
    home.clock.forward(60)
    home.send(False, "door", label="closed")
    home.send("heat", "mode")
    door, mode = home.view(home.add("timeline", "door", "mode")).data["series"]
    assert (door["now"], door["steps"], mode["now"]) == ("closed", True, "heat")
    assert [value for _, value in door["points"]] == [1, 0, 0]
    assert [value for _, value in mode["points"]] == [None, "heat", "heat"]
    stat = home.view(home.add("stat", "door")).data
    assert (stat["value"], stat["since"]) == ("closed", home.clock())


def sensor(name: str, **more: Any) -> Sensor:
    return Sensor(id=1, device="d", sensor=name, kind=more.pop("kind", "number"), first_at=0.0, **more)


def latest(value: float | None) -> Latest:
    return Latest(1, 1.0, 1.0, value, None)


@pytest.mark.parametrize(
    ("one", "value", "charge"),
    [
        (sensor("battery", unit="%"), 42, 42),
        (sensor("battery", unit="mV"), 2965, None),
        (sensor("battery_ok"), 1, 100),
        (sensor("battery_ok"), 0, 5),
        (sensor("battery_low", kind="boolean"), 1, 5),
        (sensor("battery", kind="boolean", device_class="battery"), 0, 100),
        (sensor("battery", unit="%"), None, None),
    ],
)
def test_a_battery_has_a_charge_however_it_says_so(one: Sensor, value: float | None, charge: float | None) -> None:
    assert class_of(one) == "battery"
    assert charge_of(one, latest(value)) == charge


@pytest.mark.parametrize(
    ("one", "value", "quality"),
    [
        (sensor("rssi", unit="dBm"), -100, 0),
        (sensor("rssi", unit="dBm"), -75, 50),
        (sensor("Wifi.RSSI", unit="%"), 74, 74),
        (sensor("linkquality", unit="lqi"), 255, 100),
        (sensor("signal", device_class="signal_strength"), -50, 100),
    ],
)
def test_a_link_has_a_quality_in_percent(one: Sensor, value: float, quality: float) -> None:
    assert class_of(one) == "signal_strength"
    assert quality_of(one, latest(value)) == pytest.approx(quality)
