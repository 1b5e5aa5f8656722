"""What sensors are called that nobody named: words people use, with the channel only where there are several."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest

from glance.ingest import Delivery, Ingest, Keeping
from glance.live import Hub
from glance.mqtt.decode import Decoder
from glance.sensor_names import names_of
from glance.store.db import Database
from tests.parts import Clock


@pytest.mark.parametrize(
    ("ecosystem", "sensor", "short", "long"),
    [
        ("shelly-gen2", "switch:1.apower", "Power", "Switch 2 power"),
        ("shelly-gen2", "switch:0.aenergy.total", "Energy", "Switch 1 energy"),
        ("shelly-gen2", "switch:0.output", "Switch", "Switch 1"),
        ("shelly-gen2", "em:0.b_act_power", "Power phase B", "Meter 1 power phase B"),
        ("shelly-gen2", "temperature:100.tC", "Temperature", "Temperature 100"),
        ("shelly-gen2", "wifi.rssi", "Wi-Fi signal", "Wi-Fi signal"),
        ("shelly-gen1", "relay/0/power", "Power", "Switch 1 power"),
        ("shelly-gen1", "sensor/temperature", "Temperature", "Temperature"),
        ("shelly-gen1", "emeter/1/total_returned", "Energy returned", "Meter 2 energy returned"),
        ("opendtu", "0/power", "Power", "AC power"),
        ("opendtu", "1/voltage", "Voltage", "String 1 voltage"),
        ("opendtu", "status/producing", "Producing", "Producing"),
        ("valetudo", "BatteryStateAttribute/level", "Battery", "Battery"),
        ("valetudo", "StatusStateAttribute/status", "Status", "Status"),
        ("valetudo", "ConsumableMonitoringCapability/main_brush", "Main brush left", "Main brush left"),
        ("tasmota", "ENERGY.Power", "Power", "Power"),
        ("tasmota", "POWER2", "Switch 2", "Switch 2"),
        ("tasmota", "DS18B20-1.Temperature", "Temperature", "DS18B20-1 temperature"),
        ("tasmota", "Button1.Action", "Button 1", "Button 1"),
        ("tasmota", "PMS5003.PM2.5", "PM2.5", "PMS5003 PM2.5"),
        ("zwave-js-ui", "128/0/level", "Battery", "Battery (class 128)"),
        ("victron", "battery/512/Soc", "Battery SoC", "Battery 512 SoC"),
        ("rtl_433", "wind_avg_m_s", "Wind speed", "Wind avg m s"),
        ("rtl_433", "temperature_F", "Temperature (°F)", "Temperature F"),
        ("openmqttgateway", "tempc3", "Temperature 3", "Tempc3"),
        ("ecowitt", "tf_ch2", "Probe temperature 2", "Tf ch2"),
        ("ems-esp", "hc1.seltemp", "Heating circuit 1 selected temperature", "Hc1 seltemp"),
        ("evcc", "chargePower", "Charge power", "Charge power"),
        ("json", "pressure_hPa", "Pressure", "Pressure hPa"),
        ("json", "batteryLevel", "Battery level", "Battery level"),
        ("plain", "co2", "CO₂", "CO₂"),
        # Somebody's own words keep their capitals.
        ("plain", "Küche Süd", "Küche Süd", "Küche Süd"),
        ("glance", "Außen_Temperatur", "Außen Temperatur", "Außen Temperatur"),
        (None, "/", "/", "/"),
    ],
)  # fmt: skip
def test_an_id_becomes_words(ecosystem: str | None, sensor: str, short: str, long: str) -> None:
    assert names_of(sensor, ecosystem) == (short, long)


@pytest.mark.parametrize(
    ("ecosystem", "sensor"),
    [("tasmota", "ENERGY.Power.²"), ("shelly-gen1", "relay/²/energy"), ("shelly-gen2", "switch:².apower")],
)
def test_a_digit_that_is_no_number_gets_a_name_as_well(ecosystem: str, sensor: str) -> None:
    assert all(names_of(sensor, ecosystem))


class House:
    """An ingest with a real database and decoder; `again` is a restart."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self._folder = folder
        self._open()

    def _open(self) -> None:
        self.database = Database(self._folder)
        self.ingest = Ingest(
            db=self.database, hub=Hub(), decoder=Decoder(UTC), keeping=Keeping(7, 400, 2_000_000_000), clock=self.clock
        )  # fmt: skip

    def hear(self, topic: str, payload: object) -> None:
        raw = payload if isinstance(payload, str) else json.dumps(payload)
        self.ingest.deliver(Delivery(topic, raw.encode(), False))

    def names(self, device: str) -> dict[str, str]:
        return {sensor.sensor: sensor.title for sensor in self.ingest.devices.sensors(device)}

    def again(self) -> None:
        self.close()
        self._open()

    def close(self) -> None:
        assert self.ingest.flush()
        self.ingest.stop()
        self.database.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


RELAY = "shellyplus2pm-a8032ab1"


def test_a_second_channel_gives_both_their_numbers_and_a_restart_keeps_them(house: House) -> None:
    house.hear(f"{RELAY}/status/switch:0", {"id": 0, "output": True, "apower": 12.0})
    assert house.names(RELAY) == {"switch:0.output": "Switch", "switch:0.apower": "Power"}
    house.hear(f"{RELAY}/status/switch:1", {"id": 1, "output": False, "apower": 0.0})
    named = {
        "switch:0.output": "Switch 1", "switch:0.apower": "Switch 1 power",
        "switch:1.output": "Switch 2", "switch:1.apower": "Switch 2 power",
    }  # fmt: skip
    assert house.names(RELAY) == named
    house.again()
    assert house.names(RELAY) == named
    house.hear(f"{RELAY}/status/switch:0", {"id": 0, "output": True, "apower": 13.0})
    assert house.names(RELAY) == named


def test_a_declared_name_and_the_owners_stay_as_they_are(house: House) -> None:
    config = {"state_topic": "shed/t", "name": "Warmth", "device": {"identifiers": ["shed"]}, "unique_id": "t"}
    house.hear("homeassistant/sensor/shed/t/config", config)
    house.hear("shed/t", "20")
    house.hear("shellies/shelly1-8caab5/relay/0", "on")
    house.ingest.devices.change_sensor("shelly1-8caab5", "relay/0", {"label": "Lamp"})
    house.hear("shellies/shelly1-8caab5/relay/1", "on")
    assert list(house.names("shed").values()) == ["Warmth"]
    assert house.names("shelly1-8caab5") == {"relay/0": "Lamp", "relay/1": "Switch 2"}


def test_sensors_that_were_stored_without_a_name_are_named_at_the_start(house: House) -> None:
    house.hear("valetudo/robby/BatteryStateAttribute/level", "80")
    catalog = house.ingest.catalog
    with catalog.lock:
        track = catalog.by_key[("robby", "BatteryStateAttribute/level")]
        catalog.put_sensor(track, dataclasses.replace(track.sensor, name=None))
    assert house.names("robby") == {"BatteryStateAttribute/level": "BatteryStateAttribute/level"}
    house.again()
    assert house.names("robby") == {"BatteryStateAttribute/level": "Battery"}


def test_names_follow_when_it_comes_to_be_known_who_publishes(house: House) -> None:
    house.hear("lab/plug", {"ENERGY": {"Power": 3}})
    assert house.names("lab/plug") == {"ENERGY.Power": "Energy Power"}
    catalog = house.ingest.catalog
    with catalog.lock:
        catalog.put_device(dataclasses.replace(catalog.devices["lab/plug"], ecosystem="tasmota"))
    house.hear("lab/plug", {"ENERGY": {"Power": 4}})
    assert house.names("lab/plug") == {"ENERGY.Power": "Power"}


def test_an_inverter_says_yes_or_no_and_its_gateway_has_a_name(house: House) -> None:
    house.hear("solar/116180402711/status/producing", "1")
    house.hear("solar/dtu/status", "online")
    sensor = house.ingest.devices.sensor("116180402711", "status/producing")
    assert (sensor.title, sensor.kind, dict(sensor.value_labels)) == ("Producing", "boolean", {"1": "yes", "0": "no"})
    assert house.ingest.devices.get("solar/dtu").title == "OpenDTU gateway"


PIR = {
    "state_topic": "hall/pir", "name": "Motion", "unique_id": "pir", "off_delay": 30,
    "device": {"identifiers": ["hall"]},
}  # fmt: skip


def seen(house: House) -> list[tuple[float | None, float]]:
    series = house.ingest.devices.sensors("hall")[0].id
    return sorted(((s.value, s.at) for s in house.ingest.samples.recent(series)), key=lambda pair: pair[1])


def test_a_sensor_goes_off_at_its_time_although_glance_was_restarted_meanwhile(house: House) -> None:
    house.hear("homeassistant/binary_sensor/hall/pir/config", PIR)
    house.hear("hall/pir", "ON")
    on_at = house.clock()
    house.again()
    house.clock.forward(10)
    house.ingest.settle()
    assert seen(house) == [(1.0, on_at)]
    house.clock.forward(25)
    house.ingest.settle()
    assert seen(house) == [(1.0, on_at), (0.0, on_at + 30)]


def test_what_the_broker_keeps_does_not_hold_such_a_sensor_on_after_a_restart(house: House) -> None:
    house.hear("homeassistant/binary_sensor/hall/pir/config", PIR)
    house.hear("hall/pir", "ON")
    on_at = house.clock()
    house.again()
    house.ingest.deliver(Delivery("hall/pir", b"ON", True))
    house.clock.forward(40)
    house.ingest.settle()
    assert seen(house)[-1] == (0.0, on_at + 30)


def test_a_sensor_that_went_off_by_word_is_left_alone_after_a_restart(house: House) -> None:
    house.hear("homeassistant/binary_sensor/hall/pir/config", PIR)
    house.hear("hall/pir", "ON")
    house.clock.forward(2)
    house.hear("hall/pir", "OFF")
    house.again()
    house.clock.forward(40)
    house.ingest.settle()
    assert [value for value, _ in seen(house)] == [1.0, 0.0]
