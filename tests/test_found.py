"""What the page of an empty dashboard has found by itself: the card of the devices in each of its states, and adding them."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from glance.mqtt.readings import SensorKind
from glance.store.devices import Sensor
from glance.web import found
from glance.web.devices import states
from tests.ingest_parts import reading
from tests.mosquitto import Mosquitto, Publisher
from tests.page_site import Site
from tests.waiting import until

CARD = "/dashboards/home/found/devices"
OURS = {"Origin": "http://localhost"}


class Empty:
    """A Glance with one empty dashboard, and a broker where its address is given."""

    def __init__(self, folder: Path, mqtt_url: str = "off") -> None:
        self.site = Site(folder / "site", mqtt_url=mqtt_url)
        self.runtime = self.site.runtime
        self.runtime.dashboards.create("Home", slug="home")
        self.runtime.start()

    def __enter__(self) -> Empty:
        return self

    def __exit__(self, *_: object) -> None:
        self.runtime.stop()

    def page(self) -> str:
        """The whole page."""
        answer = self.site.app.test_client().get("/d/home", headers={"Accept": "text/html"})
        assert answer.status_code == 200
        assert " style=" not in answer.text
        assert not re.search(r"\son[a-z]+=", answer.text)
        return answer.text

    def card(self) -> str:
        """The card of the devices as words, its tags left out; empty where there is none."""
        at = re.search(r'<article class="w k-devices".*?</article>', self.page(), re.DOTALL)
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", at[0])).split()) if at else ""

    def add(self, *series: int | str, status: int = 303, **headers: str) -> TestResponse:
        """Press Add."""
        answer = self.site.app.test_client().post(CARD, data={"series": list(series)}, headers={**OURS, **headers})
        assert answer.status_code == status, answer.text
        return answer

    def series(self, device: str, sensor: str) -> int:
        """The number of a sensor."""
        return self.runtime.devices.sensor(device, sensor).id

    def says(self, device: str, **values: float | bool | str) -> None:
        """A device sends readings by HTTP."""
        self.runtime.ingest.submit([reading(device, sensor, value) for sensor, value in values.items()])

    def connected(self) -> Empty:
        """Wait for the broker."""
        until(lambda: self.runtime.mqtt is not None and self.runtime.mqtt.state.connected)
        return self


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Empty]:
    with Empty(tmp_path) as made:
        yield made


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as made:
        yield made


def climate(turn: int = 0) -> str:
    """What the hall says."""
    values = (("temperature", 20.8 + turn, "°C"), ("humidity", 44.0, "%"), ("battery", 88.0, "%"))
    rows: list[dict[str, Any]] = [{"sensor_type": name, "value": value, "unit": unit} for name, value, unit in values]
    return json.dumps({"device_id": "hall/climate", "readings": rows})


def test_without_broker_and_devices_there_is_no_second_card(empty: Empty) -> None:
    page = empty.page()
    assert "This computer" in page
    assert "Nothing to set up. What you leave out is still recorded." in page
    assert "k-devices" not in page
    answer = empty.site.app.test_client().get(CARD)
    assert (answer.status_code, answer.text) == (204, "")


def test_a_broker_on_which_nothing_spoke_says_that_devices_come_by_themselves(
    tmp_path: Path, broker: Mosquitto
) -> None:
    with Empty(tmp_path, broker.url) as empty:
        card = empty.connected().card()
    assert card == f"Devices 127.0.0.1:{broker.port} Nothing has spoken yet Devices appear here by themselves."


def test_devices_on_the_broker_are_counted_and_the_last_heard_shown_with_value_line_and_button(
    tmp_path: Path, broker: Mosquitto
) -> None:
    with Empty(tmp_path, broker.url) as empty, Publisher(broker.port) as publisher:
        empty.connected()
        publisher.send("glance/hall", climate())
        publisher.send("glance/hall", climate(1))
        publisher.send("tele/washer/SENSOR", '{"ENERGY": {"Power": 184, "Voltage": 231}}')
        publisher.send("zigbee2mqtt/front", '{"contact": true, "linkquality": 90, "voltage": 3005}')
        publisher.wait()
        until(lambda: len(empty.runtime.devices.all()) == 3)
        until(lambda: "Add all three" in empty.card())
        card, page = empty.card(), empty.page()
    assert f"3 devices on the broker 127.0.0.1:{broker.port}" in card
    for words in (
        "hall/climate Temperature: 21.8 °C Add",
        "Power: 184 W Add washer",
        "front Contact: Closed Add front",
    ):
        assert words in card, words
    assert card.endswith("More appear by themselves as they speak. Add all three")
    assert re.search(r'<time datetime="[^"]+" data-ago>(now|\d+ s ago)</time><i class="live-mark">', page)
    assert 'aria-label="Climate temperature, last hour, 20.8 to 21.8\u00a0°C"' in page


def test_a_broker_that_is_not_there_says_what_is_wrong_and_how_to_name_it(tmp_path: Path, broker: Mosquitto) -> None:
    broker.stop()
    with Empty(tmp_path, broker.url) as empty:
        until(lambda: "No connection to the broker" in empty.card())
        card = empty.card()
    assert f"Nothing listens at 127.0.0.1:{broker.port}: check GLANCE_MQTT_URL" in card
    assert "GLANCE_MQTT_URL=mqtt://user:password@host:1883" in card
    assert "Add" not in card


def test_a_broker_that_went_away_leaves_the_last_values_and_says_why(tmp_path: Path, broker: Mosquitto) -> None:
    with Empty(tmp_path, broker.url) as empty, Publisher(broker.port) as publisher:
        empty.connected()
        publisher.send("glance/hall", climate())
        publisher.wait()
        until(lambda: "20.8 °C" in empty.card())
        broker.stop(kill=True)
        until(lambda: "These are the last values that were heard." in empty.card())
        card, page = empty.card(), empty.page()
    assert "1 device on the broker" in card
    assert "20.8 °C" in card
    assert f"at 127.0.0.1:{broker.port}" in card
    assert '<li class="met far">' in page
    assert "live-mark" not in page


def test_a_broker_that_refuses_to_tell_is_not_called_away(
    tmp_path: Path, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Empty(tmp_path, broker.url) as empty:
        client = empty.connected().runtime.mqtt
        assert client is not None
        # Mosquitto's own access list lets everybody subscribe, and then tells nothing
        refused = replace(client.state, sentence="The broker does not allow subscribing to #.")
        monkeypatch.setattr(states, "broker", lambda _runtime: refused)
        card = empty.card()
    assert "The broker lets nothing through The broker does not allow subscribing to #." in card
    assert "GLANCE_MQTT_URL=" not in card


def test_devices_that_speak_by_http_are_not_said_to_be_on_the_broker(empty: Empty) -> None:
    empty.says("web/one", temperature=20.5)
    assert "1 device by HTTP" in empty.card()
    assert "Add web/one" in empty.card()
    assert "on the broker" not in empty.card()
    assert "Add all" not in empty.card()
    empty.says("web/two", temperature=20.5)
    assert "2 devices by HTTP" in empty.card()
    assert "Add both" in empty.card()


def test_devices_of_both_roads_are_named_with_both(tmp_path: Path, broker: Mosquitto) -> None:
    with Empty(tmp_path, broker.url) as empty, Publisher(broker.port) as publisher:
        empty.connected().says("web/one", temperature=20.5)
        publisher.send("glance/hall", climate())
        publisher.wait()
        until(lambda: f"2 devices 127.0.0.1:{broker.port} and HTTP" in empty.card())


def test_a_broker_that_nobody_named_is_not_missed_where_devices_speak_by_http(tmp_path: Path) -> None:
    with Empty(tmp_path, "") as empty:
        empty.says("web/one", temperature=20.5)
        until(
            lambda: (
                empty.runtime.mqtt is not None
                and (empty.runtime.mqtt.state.sentence or empty.runtime.mqtt.ever_connected)
            )
        )
        card = empty.card()
    assert "1 device by HTTP" in card
    assert "GLANCE_MQTT_URL" not in card


def test_what_the_owner_hid_ignores_or_forgot_is_left_out(empty: Empty) -> None:
    for name in ("kept", "hidden", "ignored", "forgotten"):
        empty.says(name, temperature=20.5)
    empty.runtime.devices.change("hidden", {"hidden": True})
    empty.runtime.devices.change("ignored", {"ignored": True})
    empty.runtime.devices.forget("forgotten")
    card = empty.card()
    assert "1 device by HTTP" in card
    assert "Add kept" in card
    for name in ("hidden", "ignored", "forgotten"):
        assert name not in card


def test_where_everything_is_hidden_the_card_says_where_it_went(tmp_path: Path, broker: Mosquitto) -> None:
    with Empty(tmp_path, broker.url) as empty:
        empty.connected().says("hidden", temperature=20.5)
        empty.runtime.devices.change("hidden", {"hidden": True})
        card = empty.card()
    assert "Nothing else has spoken yet" in card
    assert "Devices page" in card


def test_a_hidden_sensor_is_not_what_a_device_shows(empty: Empty) -> None:
    empty.says("one", temperature=20.5, humidity=44)
    empty.runtime.devices.change_sensor("one", "temperature", {"own_hidden": True})
    assert "Humidity: 44" in empty.card()


def test_hostile_names_are_text_and_nothing_else(empty: Empty) -> None:
    name = "shed/\"'><script>alert(1)</script>\n{{ 7 * 7 }}"
    empty.says(name, **{"temp<b>": 3.5})
    empty.runtime.devices.change(name, {"label": "<img src=x onerror=alert(1)>"})
    page = empty.site.app.test_client().get("/d/home").text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "temp<b>" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    (series,) = re.findall(r'name="series" value="(\d+)"', page)
    empty.add(series)
    assert [one.params["data_source"]["series"][0]["device"] for one in empty.runtime.widgets.all()] == [name]


def test_a_thousand_devices_cost_no_more_than_the_last_few(empty: Empty, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = empty.runtime
    for turn in range(400):
        empty.says(f"many/{turn}", temperature=20.5)
    known = {one.id: one for one in runtime.devices.all()}
    many = [known[f"many/{turn % len(known)}"] for turn in range(1000)]
    asked: list[str] = []
    sensors = runtime.devices.sensors

    def counted(device_id: str, *, with_hidden: bool = True) -> list[Sensor]:
        asked.append(device_id)
        return sensors(device_id, with_hidden=with_hidden)

    monkeypatch.setattr(runtime.devices, "sensors", counted)
    monkeypatch.setattr(runtime.devices, "all", lambda **_: many)
    with empty.site.app.test_request_context():
        card = found.found_devices(runtime, runtime.clock())
    assert card is not None
    assert (card.count, len(card.met), len(asked)) == (1000, found.SHOWN, found.SHOWN)
    monkeypatch.setattr(runtime.samples, "latest", lambda _series: None)
    asked.clear()
    with empty.site.app.test_request_context():
        silent = found.found_devices(runtime, runtime.clock())
    assert silent is not None
    assert (silent.met, len(asked)) == ((), found.LOOKED_AT)
    assert "No value yet" in empty.card()


def sensor(name: str, kind: SensorKind = "number", unit: str | None = None, device_class: str | None = None) -> Sensor:
    """A sensor as a device declares it."""
    return Sensor(1, "d", name, kind, 0.0, unit=unit, device_class=device_class)


@pytest.mark.parametrize(
    ("sensors", "told"),
    [
        ([sensor("humidity", unit="%"), sensor("temperature", unit="°C")], "temperature"),
        ([sensor("ENERGY.Current", unit="A"), sensor("ENERGY.Power", unit="W"), sensor("POWER", "boolean")], "ENERGY.Power"),
        ([sensor("contact", "boolean", device_class="door"), sensor("chip", unit="°C", device_class="temperature")], "contact"),
        ([sensor("battery", unit="%"), sensor("rssi", unit="dBm"), sensor("colour", "text")], "colour"),
        ([sensor("errors"), sensor("mode", "enum"), sensor("lift", unit="mm")], "lift"),
        ([sensor("errors"), sensor("mode", "enum")], "mode"),
        ([sensor("battery", unit="%")], "battery"),
    ],
)  # fmt: skip
def test_the_most_telling_sensor_speaks_for_a_device(sensors: list[Sensor], told: str) -> None:
    chosen = found.telling(sensors)
    assert chosen is not None
    assert chosen.sensor == told
    assert found.telling(list(reversed(sensors))) == chosen


def test_a_device_is_added_as_visualize_suggests(empty: Empty) -> None:
    empty.says("hall", temperature=20.5)
    empty.says("door", contact=True)
    empty.says("lamp", mode="eco")
    for device, name in (("hall", "temperature"), ("door", "contact"), ("lamp", "mode")):
        location = empty.add(empty.series(device, name)).location
        assert location.startswith("/d/home#w-")
    placed = {one.title: one for one in empty.runtime.widgets.on_dashboard("home")}
    assert {title: one.custom_widget for title, one in placed.items()} == {
        "Hall temperature": "line-chart",
        "Door contact": "timeline",
        "Lamp mode": "timeline",
    }
    source = placed["Hall temperature"].params["data_source"]
    assert (source["kind"], source["series"][0]["device"]) == ("series", "hall")


def test_all_are_added_at_once_and_lie_beside_each_other(empty: Empty) -> None:
    for name in ("one", "two", "three"):
        empty.says(name, temperature=20.5)
    page = empty.page()
    everything = re.findall(r'<input type="hidden" name="series" value="(\d+)">', page)
    assert sorted(everything) == sorted(re.findall(r'<button[^>]* name="series" value="(\d+)">', page))
    empty.add(*everything)
    widgets = empty.runtime.widgets.on_dashboard("home")
    assert len(widgets) == 3
    places = {
        (x, y)
        for one in widgets
        for x in range(one.place.x, one.place.x + one.place.w)
        for y in range(one.place.y, one.place.y + one.place.h)
    }
    assert len(places) == sum(one.place.w * one.place.h for one in widgets)


def test_all_of_them_are_added_or_none(empty: Empty) -> None:
    empty.says("one", temperature=20.5)
    empty.says("gone", temperature=20.5)
    both = empty.series("one", "temperature"), empty.series("gone", "temperature")
    empty.runtime.devices.forget("gone")
    empty.add(*both, status=404)
    assert empty.runtime.widgets.all() == []


@pytest.mark.parametrize(
    ("series", "status"), [((), 422), (("x",), 404), (("99999",), 404), (("9" * 400,), 404), (("-1",), 404)]
)
def test_a_form_that_no_page_made_adds_nothing(empty: Empty, series: tuple[str, ...], status: int) -> None:
    empty.says("one", temperature=20.5)
    empty.add(*series, status=status)
    assert empty.runtime.widgets.all() == []


def test_another_site_cannot_add_anything(empty: Empty) -> None:
    empty.says("one", temperature=20.5)
    empty.add(empty.series("one", "temperature"), status=403, Origin="http://evil.example")
    assert empty.runtime.widgets.all() == []


def test_no_dashboard_no_card_and_nothing_added(empty: Empty) -> None:
    empty.says("one", temperature=20.5)
    client = empty.site.app.test_client()
    path = "/dashboards/none/found/devices"
    assert client.get(path).status_code == 404
    series = empty.series("one", "temperature")
    assert client.post(path, data={"series": series}, headers=OURS).status_code in (404, 422)
    assert empty.runtime.widgets.all() == []


def test_the_card_comes_anew_as_a_part_that_takes_its_own_place(empty: Empty) -> None:
    empty.says("one", temperature=20.5)
    answer = empty.site.app.test_client().get(CARD)
    assert answer.status_code == 200
    assert re.findall(r'id="([\w-]+)" hx-swap-oob', answer.text) == ["w-devices", "way-broker"]
    assert 'id="w-devices" hx-swap-oob="outerMorph"' in answer.text
    assert "Add" in answer.text
    assert "<html" not in answer.text
