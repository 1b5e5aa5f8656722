"""The pages of devices: the list, one device, messages, Visualize; as HTML, and as the parts that change."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from glance.ingest import Delivery
from glance.mqtt.readings import Outcome, Reading
from tests.ingest_parts import reading
from tests.page_site import Site

CLIMATE = {
    "device_id": "house/climate",
    "readings": [
        {"sensor_type": "temperature", "value": 21.42, "unit": "°C"},
        {"sensor_type": "humidity", "value": 47, "unit": "%"},
        {"sensor_type": "battery", "value": 12, "unit": "%"},
    ],
}


class Pages:
    """A Glance whose messages are handed over as the broker's thread would."""

    def __init__(self, folder: Path) -> None:
        self.site = Site(folder, mqtt_url="off")
        self.runtime = self.site.runtime
        self.runtime.start()
        self.client: FlaskClient = self.site.app.test_client()

    def hear(self, topic: str, payload: Any, retained: bool = False) -> None:
        """A message came."""
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.runtime.ingest.deliver(Delivery(topic, raw, retained))
        self.runtime.ingest.settle()

    def get(self, path: str, **headers: str) -> TestResponse:
        """A page."""
        return self.client.get(path, headers={"Accept": "text/html", **headers})

    def post(self, path: str, **form: str) -> TestResponse:
        """A posted form."""
        return self.client.post(path, data=form, headers={"Accept": "text/html", "Origin": "http://localhost"})


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    made = Pages(tmp_path)
    yield made
    made.runtime.stop()


def versions(page: str) -> str:
    """What a browser would say it has."""
    return ",".join(f"{name}:{value}" for name, value in re.findall(r'id="([\w-]+)"[^>]* data-v="(\w+)"', page))


def test_an_empty_list_says_how_devices_come(pages: Pages) -> None:
    page = pages.get("/devices")
    assert page.status_code == 200
    assert "No device yet" in page.text
    assert "GLANCE_MQTT_URL is off" in page.text
    assert "sent to /api/readings" in page.text
    assert "Every device that speaks to the broker" not in page.text


def test_a_device_shows_its_sensors_values_battery_and_state(pages: Pages) -> None:
    pages.hear("glance/house/climate", CLIMATE)
    page = pages.get("/devices").text
    for text in ("climate", "Temperature", ">21.4</b><span>°C</span>", ">47</b><span>%</span>", "12 %", "Online"):
        assert text in page, text
    assert "/visualize?device=" in page


def test_names_from_topics_are_text_and_nothing_else(pages: Pages) -> None:
    pages.hear("shed/<script>alert(1)</script>", {"temp<b>": 3})
    for path in ("/devices", "/devices/shed/<script>alert(1)</script>", "/messages"):
        page = pages.get(path)
        assert page.status_code == 200, path
        assert "<script>alert" not in page.text
        assert "temp<b>" not in page.text


def test_a_search_finds_names_sensors_and_units(pages: Pages) -> None:
    pages.hear("glance/house/climate", CLIMATE)
    pages.hear("garden/bed", {"moisture": 31})
    for words, shown, hidden in (
        ("moisture", "garden/bed", "house/climate"),
        ("CLIM temp", "house/climate", "garden/bed"),
        ("°c", "house/climate", "garden/bed"),
    ):
        page = pages.get(f"/devices?q={words}").text
        assert shown in page, words
        assert hidden not in page, words
    assert "Nothing matches" in pages.get("/devices?q=nonsense").text


def test_chips_filter_by_state_and_groups_by_room(pages: Pages) -> None:
    pages.hear("tele/plug/LWT", b"Offline", retained=True)
    pages.hear("tele/plug/SENSOR", {"ENERGY": {"Power": 4}})
    pages.hear("glance/house/climate", CLIMATE)
    assert "Offline 1" in pages.get("/devices").text
    offline = pages.get("/devices?show=offline").text
    assert "ENERGY" in offline
    assert "house/climate" not in offline
    assert "house/climate" in pages.get("/devices?was=offline&show=").text, "a chip goes before what was shown"
    device = next(one for one in pages.runtime.devices.all() if "climate" in one.id)
    pages.runtime.devices.change(device.id, {"own_room": "Living room"})
    grouped = pages.get("/devices?group=room").text
    assert grouped.index("Living room") < grouped.index("No room")
    assert "Tasmota" in pages.get("/devices?group=ecosystem").text


def test_devices_on_no_dashboard_are_counted(pages: Pages) -> None:
    pages.hear("glance/house/climate", CLIMATE)
    assert "Not on a dashboard 1" in pages.get("/devices").text
    device = pages.runtime.devices.all()[0]
    pages.post("/visualize", device=device.id, sensor="temperature", widget_type="stat", dashboard="+", title="Inside")
    assert "Not on a dashboard" not in pages.get("/devices").text


def test_only_what_changed_is_sent_and_nothing_where_nothing_did(pages: Pages) -> None:
    pages.hear("glance/house/climate", CLIMATE)
    pages.hear("garden/bed", {"moisture": 31})
    have = versions(pages.get("/devices").text)
    same = pages.get("/devices?part=rows", **{"Glance-Have": have})
    assert (same.status_code, same.text) == (204, "")
    pages.hear("garden/bed", {"moisture": 32})
    changed = pages.get("/devices?part=rows", **{"Glance-Have": have})
    assert changed.status_code == 200
    assert ">32</b>" in changed.text
    assert changed.text.count("hx-swap-oob") == 1
    assert "climate" not in changed.text
    assert "data-keep" in changed.text
    assert "data-keep" not in pages.get("/devices?part=rows", **{"Glance-Lines": "1"}).text


def test_a_new_device_brings_the_whole_list(pages: Pages) -> None:
    pages.hear("glance/house/climate", CLIMATE)
    have = versions(pages.get("/devices").text)
    pages.hear("garden/bed", {"moisture": 31})
    pages.runtime.ingest.flush()
    changed = pages.get("/devices?part=rows", **{"Glance-Have": have}).text
    assert 'id="devs" hx-swap-oob' in changed
    assert "garden/bed" in changed


def test_of_hundreds_of_devices_a_browser_can_say_in_one_header_what_it_has(pages: Pages) -> None:
    pages.runtime.ingest.take(Outcome(readings=tuple(reading(f"d{number}", "s", 1.0) for number in range(320))))
    page = pages.get("/devices?all=1").text
    assert "20 more devices below" in page
    have = versions(page)
    # nginx and this server take 8 kB
    assert 300 * 20 < len(have) < 7000
    assert pages.get("/devices?part=rows&all=1", **{"Glance-Have": have}).status_code == 204


def test_a_flood_is_said_on_the_page(pages: Pages) -> None:
    for turn in range(700):
        pages.hear(f"flood-{turn}/level", b"1")
    page = pages.get("/devices").text
    assert "were left out" in page
    assert "more devices below" in page


def test_the_page_of_a_device_shows_four_links_and_why_a_message_was_understood(pages: Pages) -> None:
    pages.hear("glance/house/climate", CLIMATE)
    device = pages.runtime.devices.all()[0]
    page = pages.get(f"/devices/{device.id}")
    assert page.status_code == 200
    for text in (
        "Broker",
        "Bridge",
        "Device",
        "Sensor",
        "Understood as <b>temperature 21.4\u00a0°C</b>, humidity 47\u00a0%",
    ):
        assert text in page.text, text
    assert "Glance runs without one" in page.text


def test_a_broken_message_is_listed_with_the_reason(pages: Pages) -> None:
    pages.hear("house/broken", b'{"temperature": ')
    pages.hear("house/climate", {"temperature": 3, "password": "secret-word"})
    unclear = pages.get("/messages?show=unclear").text
    assert "house/broken" in unclear
    assert "house/climate" not in unclear
    everything = pages.get("/messages").text
    assert "house/climate" in everything
    assert "secret-word" not in everything
    assert "house/broken" in pages.get("/messages?topic=house/broken").text
    assert "No message" in pages.get("/messages?q=nothing").text


def test_a_sensor_is_renamed_hidden_and_corrected_by_its_form(pages: Pages) -> None:
    pages.hear("glance/house/climate", CLIMATE)
    path = f"/devices/{pages.runtime.devices.all()[0].id}"
    form = {"do": "sensor", "sensor": "temperature", "label": "Air", "unit": "K", "decimals": "2", "correction": "-0,5"}
    saved = pages.post(path, **form, expires_min="90", hidden="on")
    assert saved.status_code == 303
    sensor = pages.runtime.devices.sensor(path.removeprefix("/devices/"), "temperature")
    assert (sensor.title, sensor.shown_unit, sensor.own_decimals, sensor.correction) == ("Air", "K", 2, -0.5)
    assert (sensor.expires_s, sensor.hidden) == (5400, True)
    assert "Unhide" in pages.get(path).text
    pages.post(path, do="sensor-unhide:temperature")
    assert not pages.runtime.devices.sensor(path.removeprefix("/devices/"), "temperature").hidden


def test_a_sensor_is_called_a_counter_by_its_form(pages: Pages) -> None:
    pages.hear("glance/meter", {"device_id": "meter", "sensor_type": "pulses", "value": 10})
    pages.hear("glance/meter", {"device_id": "meter", "sensor_type": "pulses", "value": 14})
    assert "As it declares: a measurement" in pages.get("/devices/meter").text
    assert "Use per hour" not in pages.get("/devices/meter").text
    assert pages.post("/devices/meter", do="sensor", sensor="pulses", state_class="total_increasing").status_code == 303
    page = pages.get("/devices/meter").text
    assert "Use per hour" in page
    assert '<option value="total_increasing" selected>' in page
    refused = pages.post("/devices/meter", do="sensor", sensor="pulses", state_class="now and then")
    assert refused.status_code == 422
    assert "Choose one of the list." in refused.text


def test_a_sensor_that_is_new_has_a_line_of_the_minutes_that_are_known(pages: Pages) -> None:
    now = pages.runtime.clock()
    values = [Reading("d", "s", 20.0 + turn, "number", "°C", now - 300 + turn * 5, False) for turn in range(60)]
    pages.runtime.ingest.take(Outcome(readings=tuple(values)))
    page = pages.get("/devices").text
    assert 'aria-label="Last 24 h, 2' in page
    assert page.split('aria-label="Last 24 h, 2')[1].split("</svg>")[0].count("L") > 8


def test_what_does_not_fit_comes_back_with_what_was_typed(pages: Pages) -> None:
    pages.hear("glance/house/climate", CLIMATE)
    path = f"/devices/{pages.runtime.devices.all()[0].id}"
    refused = pages.post(path, do="sensor", sensor="temperature", label="Air", decimals="many", correction="x")
    assert refused.status_code == 422
    assert 'value="many"' in refused.text
    assert "A whole number from 0 to 8, or empty." in refused.text
    assert pages.runtime.devices.sensor(path.removeprefix("/devices/"), "temperature").label is None


def test_a_device_is_forgotten_and_brought_back(pages: Pages) -> None:
    pages.hear("glance/house/climate", CLIMATE)
    device = pages.runtime.devices.all()[0].id
    gone = pages.post(f"/devices/{device}", do="forget")
    assert gone.status_code == 303
    page = pages.get(gone.headers["Location"]).text
    assert "was forgotten" in page
    assert "Undo" in page
    pages.hear("glance/house/climate", CLIMATE, retained=True)
    assert pages.runtime.devices.all() == [], "a retained message does not bring it back"
    assert pages.post(f"/devices/{device}", do="restore").status_code == 303
    assert [one.id for one in pages.runtime.devices.all()] == [device]


def test_a_sensor_is_forgotten_and_brought_back(pages: Pages) -> None:
    pages.hear("glance/house/climate", CLIMATE)
    path = f"/devices/{pages.runtime.devices.all()[0].id}"
    assert 'value="sensor-forget:temperature"' in pages.get(f"{path}?sensor=temperature").text
    gone = pages.post(path, do="sensor-forget:temperature")
    assert gone.status_code == 303
    page = pages.get(gone.headers["Location"]).text
    assert "was forgotten, with its history" in page
    assert 'value="sensor-restore:temperature"' in page
    pages.hear("glance/house/climate", CLIMATE, retained=True)
    names = [sensor.sensor for sensor in pages.runtime.devices.sensors(path.removeprefix("/devices/"))]
    assert "temperature" not in names, "a retained message does not bring it back"
    assert "Bring back" in pages.get(f"{path}?edit=device").text
    back = pages.post(path, do="sensor-restore:temperature")
    assert "sensor=temperature" in back.headers["Location"]
    assert pages.runtime.devices.find(path.removeprefix("/devices/"), "temperature") is not None


def test_a_device_is_ignored_hidden_and_heeded_again(pages: Pages) -> None:
    pages.hear("glance/house/climate", CLIMATE)
    device = pages.runtime.devices.all()[0].id
    pages.post(f"/devices/{device}", do="save", label="Climate", room="Hall", ignored="on")
    assert "This device is ignored" in pages.get(f"/devices/{device}").text
    listed = pages.get("/devices").text
    assert "Ignored: nothing it sends is read" in listed
    assert pages.post(f"/devices/{device}", do="heed", back="list").headers["Location"] == "/devices"
    assert not pages.runtime.devices.get(device).ignored
    assert pages.post(f"/devices/{device}", do="nonsense").status_code == 404


def test_two_devices_are_merged_and_separated(pages: Pages) -> None:
    pages.hear("old/probe", {"temperature": 1})
    pages.hear("new/probe", {"temperature": 2})
    old, new = (
        next(one.id for one in pages.runtime.devices.all() if one.id.startswith(word)) for word in ("old", "new")
    )
    merged = pages.post(f"/devices/{new}", do="merge", into=old)
    assert merged.headers["Location"].startswith(f"/devices/{old}")
    assert f"separate:{new}" in pages.get(f"/devices/{old}?edit=device").text
    pages.post(f"/devices/{old}", do=f"separate:{new}")
    assert len(pages.runtime.devices.all()) == 2
    assert pages.post(f"/devices/{new}", do="merge", into="").status_code == 422


def test_two_sensors_are_joined_and_separated(pages: Pages) -> None:
    pages.hear("old/probe", {"temperature": 1})
    pages.hear("new/probe", {"temp_inside": 2})
    new = next(one.id for one in pages.runtime.devices.all() if one.id.startswith("new"))
    old = next(one.id for one in pages.runtime.devices.all() if one.id.startswith("old"))
    into, part = pages.runtime.devices.sensor(old, "temperature"), pages.runtime.devices.sensor(new, "temp_inside")
    joined = pages.post(f"/devices/{new}", do="sensor", sensor="temp_inside", join=str(into.id))
    assert joined.status_code == 303
    samples = [sample.value for sample in pages.runtime.samples.recent(into.id)]
    assert samples == [1, 2]
    assert f"sensor-separate:{part.id}" in pages.get(f"/devices/{old}?sensor=temperature").text
    pages.post(f"/devices/{old}", do=f"sensor-separate:{part.id}")
    assert [sample.value for sample in pages.runtime.samples.recent(into.id)] == [1]


def test_visualize_places_a_widget_and_opens_the_dashboard(pages: Pages) -> None:
    pages.runtime.dashboards.create("Home", slug="home")
    pages.hear("glance/house/climate", CLIMATE)
    device = pages.runtime.devices.all()[0].id
    page = pages.get(f"/visualize?device={device}&sensor=temperature")
    assert "Line chart" in page.text
    assert 'value="Climate temperature"' in page.text
    dialog = pages.get(f"/visualize?device={device}&sensor=temperature&part=dialog").text
    assert "<html" not in dialog
    form = {"device": device, "sensor": "temperature", "widget_type": "line-chart", "dashboard": "home", "title": "Air"}
    opened = pages.post("/visualize", **form, open="1")
    (widget,) = pages.runtime.widgets.on_dashboard("home")
    assert opened.headers["Location"] == f"/d/home#w-{widget.id}"
    assert widget.title == "Air"
    assert widget.params["data_source"]["series"][0]["sensor"] == "temperature"
    refused = pages.post("/visualize", **{**form, "widget_type": "pie"})
    assert refused.status_code == 422
    assert "Line-chart" in refused.text or "line-chart" in refused.text


def test_words_are_offered_a_timeline(pages: Pages) -> None:
    pages.hear("house/boiler", {"mode": "heating"})
    device = pages.runtime.devices.all()[0].id
    page = pages.get(f"/visualize?device={device}&sensor=mode").text
    assert 'value="timeline" checked' in page
    assert 'value="line-chart"' not in page
    assert "heating" in pages.get(f"/devices/{device}").text


def test_what_is_not_there_is_said(pages: Pages) -> None:
    for path in ("/devices/nobody", "/visualize?device=nobody&sensor=x", "/visualize"):
        assert pages.get(path).status_code == 404, path


def test_the_broker_is_named_in_the_popover(pages: Pages) -> None:
    assert "Not used" in pages.get("/broker").text
    assert 'href="/devices" aria-label="Devices"' in pages.get("/settings/look").text


def test_the_chosen_sensor_leads_to_its_form_from_above_the_list(pages: Pages) -> None:
    for name in ("humidity", "temperature"):
        pages.hear("shed/climate", {"device_id": "shed", "sensor_type": name, "value": 20.0})
    text = pages.get("/devices/shed?sensor=temperature").text
    head = text.split('id="ss-h"')[1].split("<table")[0]
    assert 'href="#edit"' in head
    assert "Change Temperature" in head
    assert 'id="edit"' in text


def test_a_counter_shows_its_use_and_a_switch_its_stretches(pages: Pages) -> None:
    pages.hear("tele/plug/SENSOR", {"ENERGY": {"Total": 10.0}})
    pages.hear("tele/plug/SENSOR", {"ENERGY": {"Total": 12.5}})
    pages.hear("stat/plug/POWER", b"ON")
    device = pages.runtime.devices.all()[0].id
    assert "2.5\u00a0kWh together" in pages.get(f"/devices/{device}?sensor=ENERGY.Total").text
    switch = pages.get(f"/devices/{device}?sensor=POWER&range=1h").text
    assert "state-band" in switch
    assert ">On</b>" in switch


def test_a_device_page_says_why_a_declared_template_was_not_followed(pages: Pages) -> None:
    config = {"state_topic": "shed/t", "name": "T", "unique_id": "t", "value_template": "{{ states('sensor.x') }}"}
    pages.hear("homeassistant/sensor/shed/t/config", config)
    pages.hear("shed/t", 21.5)
    device = pages.runtime.devices.all()[0].id
    assert "because the declared template asks for other entities" in pages.get(f"/devices/{device}").text


def test_a_sensor_whose_device_changed_the_unit_offers_the_new_one(pages: Pages) -> None:
    for value, unit in ((68, "°F"), (21, "°C")):
        row = {"device_id": "house", "sensor_type": "temperature", "value": value, "unit": unit}
        pages.hear("glance/house", row)
        offered = "It sends °C now, which is converted. Enter °C" in pages.get("/devices/house?sensor=temperature").text
        assert offered == (unit == "°C")
    page = pages.get("/devices/house?sensor=temperature").text
    assert ">69.8</b><span>°F</span>" in page
    pages.post("/devices/house", do="sensor", sensor="temperature", unit="°C")
    page = pages.get("/devices/house?sensor=temperature").text
    assert ">21</b><span>°C</span>" in page
    assert "which is converted" not in page
    assert 'id="s-unit" name="unit" type="text" value=""' in page
