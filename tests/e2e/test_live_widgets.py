"""Widgets on devices in a real browser, over a real Mosquitto: live, offline when the broker dies, whole again after a restart."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Look
from tests.e2e.test_devices_pages import violations
from tests.mosquitto import Mosquitto, Publisher
from tests.page_site import Site
from tests.waiting import at_most, until

TEMPERATURE = {"device": "greenhouse", "sensor": "temperature", "label": "Greenhouse"}


class Home:
    """A Glance on a broker of its own, and a device that publishes there."""

    def __init__(self, folder: Path) -> None:
        self.mosquitto = Mosquitto(folder / "broker").start()
        self.site = Site(folder, mqtt_url=self.mosquitto.url).start()
        until(self.connected)

    def connected(self) -> bool:
        assert self.site.runtime.mqtt is not None
        return self.site.runtime.mqtt.state.connected

    def send(self, device: str = "greenhouse", **values: Any) -> None:
        rows = [{"sensor_type": name, "value": value, "unit": UNITS.get(name)} for name, value in values.items()]
        with Publisher(self.mosquitto.port) as publisher:
            publisher.send(f"glance/{device}", json.dumps({"device_id": device, "readings": rows}))
            publisher.wait()

    def add(self, slug: str, title: str, **params: Any) -> str:
        return str(self.site.add(slug, title, **params).id)

    def follow(self, slug: str, title: str, *series: dict[str, str], **source: Any) -> str:
        return self.add(slug, title, data_source={"kind": "series", "series": list(series), "range": "1h", **source})

    def stop(self) -> None:
        self.site.stop()
        self.mosquitto.stop()


UNITS = {"temperature": "°C", "battery": "%", "humidity": "%", "energy": "kWh"}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    made.stop()


def shows(page: Look, widget: str, text: str, timeout_s: float = 5.0) -> None:
    """Wait until the card shows a text."""
    page.until(
        "([id, text]) => document.getElementById('w-' + id)?.querySelector('.w-body')?.textContent.includes(text)",
        [widget, text],
        timeout_s,
    )


def stands(page: Look, widget: str, state: str, timeout_s: float) -> None:
    """Wait until the card is in a state."""
    page.until(
        "([id, state]) => document.getElementById('w-' + id)?.dataset.state === state", [widget, state], timeout_s
    )


def test_what_a_device_publishes_is_seen_in_every_kind_of_card(home: Home, look: Callable[..., Look]) -> None:
    stat = home.follow("stat", "Now", TEMPERATURE)
    gauge = home.follow("gauge", "Dial", TEMPERATURE)
    chart = home.follow("line-chart", "Course", TEMPERATURE)
    table = home.follow("table", "Table", TEMPERATURE)
    rows = home.follow("list", "List", TEMPERATURE)
    window = home.follow("timeline", "Window", {"device": "greenhouse", "sensor": "mode", "label": "Mode"})
    everything = (stat, gauge, chart, table, rows, window)
    page = look().open(f"{home.site.address}/d/home").connected()
    shows(page, stat, "Nothing was ever heard of the device greenhouse")
    home.send(temperature=21.4, mode="heat")
    for widget in everything[:5]:
        shows(page, widget, "21.4")
    shows(page, window, "heat")
    home.send(temperature=23.9, mode="eco")
    for widget in everything[:5]:
        shows(page, widget, "23.9")
    shows(page, window, "eco")
    for widget in everything:
        stands(page, widget, "live", 10)
    assert page.run("document.querySelectorAll('.plot canvas').length") == 1


# Whether something in the drawing of a chart has a colour, which grey lines do not.
COLOURED = """id => {
  const canvas = document.querySelector(`#w-${id} canvas`);
  const dots = canvas?.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data ?? [];
  for (let i = 0; i < dots.length; i += 4) {
    const [red, green, blue, cover] = dots.slice(i, i + 4);
    if (cover > 200 && Math.max(red, green, blue) - Math.min(red, green, blue) > 60) return true;
  }
  return false;
}"""


def test_a_dead_broker_is_shown_within_two_seconds_and_so_is_its_return(home: Home, look: Callable[..., Look]) -> None:
    stat = home.follow("stat", "Now", TEMPERATURE)
    chart = home.follow("line-chart", "Course", TEMPERATURE)
    batteries = home.add("batteries", "Batteries")
    home.send(temperature=20.4)
    home.send(temperature=21.4, battery=9)
    page = look().open(f"{home.site.address}/d/home").connected()
    stands(page, stat, "live", 10)
    page.until(COLOURED, chart)
    began = time.monotonic()
    home.mosquitto.stop(kill=True)
    stands(page, stat, "offline", 10)
    stands(page, batteries, "offline", 10)
    assert time.monotonic() - began < at_most(25)
    shows(page, stat, "21.4")
    page.until(
        "id => document.getElementById('w-' + id).querySelector('.w-note')?.textContent === 'Broker away.'", stat
    )
    page.until(f"id => !({COLOURED})(id)", chart)
    page.until("document.querySelector('[data-conn-text]').textContent === 'Broker away'")
    home.mosquitto.start()
    until(home.connected)
    page.until("document.querySelector('[data-conn-text]').textContent === 'Live'")
    home.send(temperature=22.5, battery=8)
    shows(page, stat, "22.5")
    stands(page, stat, "live", 10)


def test_after_a_restart_the_history_is_there_and_live_again(home: Home, look: Callable[..., Look]) -> None:
    chart = home.follow("line-chart", "Course", TEMPERATURE)
    for value in (20.1, 21.2, 22.3):
        home.send(temperature=value)
    page = look()
    page.forgive = ["WebSocket", "htmx:ws:error", "ERR_CONNECTION", "Failed to load"]
    page.open(f"{home.site.address}/d/home").connected()
    shows(page, chart, "22.3")
    until(lambda: home.site.runtime.ingest.health().stored >= 3)
    home.site.restart()
    until(home.connected)
    page.until("document.documentElement.dataset.conn === 'live'")
    again = look().open(f"{home.site.address}/d/home").connected()
    points = (
        "id => JSON.parse(document.querySelector('#w-' + id + ' script').textContent).series[0].points.map(p => p[1])"
    )
    assert again.run(points, chart) == [20.1, 21.2, 22.3]
    home.send(temperature=24.5)
    shows(page, chart, "24.5")
    shows(again, chart, "24.5")


def test_the_chart_of_a_forgotten_sensor_goes_and_returns_with_it(home: Home, look: Callable[..., Look]) -> None:
    chart = home.follow("line-chart", "Course", TEMPERATURE)
    home.send(temperature=21.4)
    home.send(temperature=23.9, humidity=50)
    page = look().open(f"{home.site.address}/d/home").connected()
    page.until("document.querySelectorAll('.plot canvas').length === 1")
    runtime = home.site.runtime
    runtime.devices.forget_sensor("greenhouse", "temperature")
    runtime.series.changed()
    shows(page, chart, "was forgotten")
    assert page.run("document.querySelectorAll('canvas, [data-plot]').length") == 0
    page.until("id => document.querySelector(`#w-${id} .acts a`) !== null", chart)
    runtime.devices.restore_sensor("greenhouse", "temperature")
    runtime.series.changed()
    page.until("document.querySelectorAll('.plot canvas').length === 1")
    home.send(temperature=24.5)
    shows(page, chart, "24.5")


TIP = "id => document.querySelector('#w-' + id + ' .tip').innerText.replaceAll('\\n', ' ')"


def test_a_chart_reads_every_line_under_the_pointer_also_where_series_take_turns(
    home: Home, look: Callable[..., Look]
) -> None:
    chart = home.follow(
        "line-chart", "Course", TEMPERATURE, {"device": "cellar", "sensor": "temperature", "label": "Cellar"}
    )
    for value in (20.1, 20.2, 20.3):
        home.send(temperature=value)
        home.send("cellar", temperature=value - 8)
    until(lambda: home.site.runtime.ingest.health().stored == 6, 20)
    page = look().open(f"{home.site.address}/d/home").connected()
    page.until("id => document.querySelector(`#w-${id} canvas`) !== null", chart)
    page.run("id => document.querySelector(`#w-${id} [data-plot]`).focus()", chart)
    page.page.keyboard.press("ArrowLeft")
    page.until(f"id => ({TIP})(id).includes('Greenhouse')", chart)
    assert "no data" not in page.run(TIP, chart)


def test_a_burst_over_several_lines_leaves_the_newest_point_of_each(home: Home, look: Callable[..., Look]) -> None:
    chart = home.follow(
        "line-chart", "Course", TEMPERATURE, {"device": "cellar", "sensor": "temperature", "label": "Cellar"}
    )
    for value in (20.1, 20.2):
        home.send(temperature=value)
        home.send("cellar", temperature=value - 8)
    page = look().open(f"{home.site.address}/d/home").connected()
    page.until("id => document.querySelector(`#w-${id} canvas`) !== null", chart)
    page.run(
        """id => {
          const host = document.querySelector(`#w-${id} [data-plot]`), now = Date.now() / 1000;
          const points = [[now + 20, 31], [now + 10, 7]];
          host.dispatchEvent(new CustomEvent('glance:tail', { bubbles: true, detail: { at: now + 20, points } }));
        }""",
        chart,
    )
    # the last time of the chart and the one before it, once it is drawn anew
    page.until(
        f"""id => {{
          const host = document.querySelector(`#w-${{id}} [data-plot]`);
          for (const key of ['ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowLeft'])
            host.dispatchEvent(new KeyboardEvent('keydown', {{ key, bubbles: true }}));
          return ({TIP})(id).includes('Cellar 7');
        }}""",
        chart,
    )
    assert page.run("id => document.querySelector(`#w-${id} .legend`).innerText", chart).count(" – ") == 2


def test_a_new_device_joins_a_selection_by_itself(home: Home, look: Callable[..., Look]) -> None:
    batteries = home.add("batteries", "Batteries")
    devices = home.add("devices", "Devices")
    humid = home.add("table", "Humidity", data_source={"kind": "series", "select": {"class": "humidity"}})
    page = look().open(f"{home.site.address}/d/home").connected()
    shows(page, batteries, "No sensor fits class battery")
    home.send("cellar", battery=64, humidity=51)
    for widget in (batteries, devices, humid):
        shows(page, widget, "cellar")
    home.send("attic", battery=7, humidity=40)
    shows(page, batteries, "attic")
    shows(page, humid, "attic")
    order = "id => [...document.querySelectorAll('#w-' + id + ' td.name')].map(cell => cell.textContent)"
    page.until(f'id => JSON.stringify(({order})(id)) === \'["attic","cellar"]\'', batteries)


def test_a_room_shows_its_sensors_and_follows_a_change_of_room(home: Home, look: Callable[..., Look]) -> None:
    room = home.add("room", "Kitchen", room="Kitchen")
    home.send("fridge", temperature=5.5, humidity=40, door=False)
    page = look().open(f"{home.site.address}/d/home").connected()
    shows(page, room, "No sensor fits room Kitchen")
    until(lambda: [device.id for device in home.site.runtime.devices.all()] == ["fridge"])
    home.site.runtime.devices.change("fridge", {"own_room": "Kitchen"})
    home.site.runtime.series.changed()
    shows(page, room, "5.5")
    shows(page, room, "Off")
    home.send("fridge", door=True)
    shows(page, room, "On")


def test_what_a_counter_used_is_drawn_as_bars(home: Home, look: Callable[..., Look]) -> None:
    meter = {"device": "meter", "sensor": "energy", "label": "House"}
    chart = home.follow("line-chart", "Use", meter, use="hour")
    today = home.follow("stat", "Today", meter, use="day")
    for value in (100.0, 101.5):
        home.send("meter", energy=value)
    page = look().open(f"{home.site.address}/d/home").connected()
    shows(page, today, "1.5")
    shows(page, today, "Today")
    shows(page, chart, "1.5")
    bars = "id => JSON.parse(document.querySelector('#w-' + id + ' script').textContent).series[0].bars"
    assert page.run(bars, chart) == 3600


def test_a_derived_value_is_made_with_the_form_and_shown_live(home: Home, look: Callable[..., Look]) -> None:
    home.send(temperature=20, humidity=50)
    until(lambda: home.site.runtime.devices.find("greenhouse", "humidity"))
    page = look().open(f"{home.site.address}/devices/derived/new")
    page.page.fill("[name='p.title']", "Dew point")
    page.page.select_option("[name='p.inputs.0.sensor']", label="greenhouse / Temperature (°C)")
    page.page.select_option("[name='p.inputs.1.sensor']", label="greenhouse / Humidity (%)")
    page.page.fill("[name='p.expression']", "dew_point(a, b)")
    page.page.fill("[name='p.unit']", "°C")
    page.page.click("button:has-text('Try it')")
    page.page.wait_for_selector("text=9.26")
    page.page.click("button.btn-main")
    page.page.wait_for_url("**/devices/derived#d-dew-point")
    stat = home.follow("stat", "Dew point", {"device": "derived", "sensor": "dew-point"})
    page.open(f"{home.site.address}/d/home").connected()
    shows(page, stat, "9.26")
    home.send(humidity=80)
    shows(page, stat, "16.4")


def test_the_pages_and_cards_are_free_of_barriers(home: Home, look: Callable[..., Look]) -> None:
    home.add("room", "Kitchen", room="Kitchen")
    home.add("batteries", "Batteries")
    home.add("devices", "Devices")
    home.follow("timeline", "States", {"device": "fridge", "sensor": "mode"}, {"device": "fridge", "sensor": "door"})
    home.follow("gauge", "Mode", {"device": "fridge", "sensor": "mode"})
    home.send("fridge", temperature=5.5, humidity=40, battery=9, door=True, mode="cooling")
    home.send("cellar", temperature=12.5, battery=25)
    until(lambda: home.site.runtime.devices.find("fridge", "mode"))
    home.site.runtime.devices.change("fridge", {"own_room": "Kitchen"})
    inputs = [{"name": "t", "device": "fridge", "sensor": "temperature"}]
    home.site.runtime.derived.create({"title": "Fahrenheit", "expression": "c_to_f(t)", "inputs": inputs, "unit": "°F"})
    page = look()
    for path in ("/d/home", "/devices/derived", "/devices/derived/new", "/devices/derived/fahrenheit/edit"):
        page.open(f"{home.site.address}{path}")
        page.until("document.readyState === 'complete'")
        if path == "/d/home":
            page.connected()
            page.until("document.querySelectorAll('.w[data-state=live]').length === 5")
        assert violations(page) == [], path
    small = look(viewport={"width": 390, "height": 800}).open(f"{home.site.address}/d/home").connected()
    assert small.run("document.documentElement.scrollWidth") <= 390
