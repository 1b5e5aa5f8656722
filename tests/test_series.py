"""Widgets on stored series: newest values, charts that grow by their newest point, liveness, and which link is missing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from glance.config import Settings
from glance.mqtt.readings import Liveness, Outcome, SensorInfo
from glance.runtime import Runtime
from glance.series import charts
from glance.series.charts import LATE_S
from glance.sources import kinds
from glance.web import notes
from glance.web.application import create_app
from tests.ingest_parts import reading
from tests.parts import Clock
from tests.waiting import until


class Home:
    """A whole Glance without a broker; readings come in as by HTTP."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.runtime = Runtime(Settings(data=folder, auth="none", mqtt_url="off"), self.clock)
        self.runtime.ingest.start()
        self.runtime.dashboards.create("Home", slug="home")

    def send(self, value: float | bool | str, sensor: str = "temperature", **more: Any) -> None:
        self.runtime.ingest.submit([reading("greenhouse", sensor, value, **more)])

    def add(self, slug: str, *sensors: str, device: str = "greenhouse", **source: Any) -> Any:
        series = [{"device": device, "sensor": sensor} for sensor in sensors or ("temperature",)]
        params = {"data_source": {"kind": "series", "series": series, **source}}
        return self.runtime.placing.add("home", slug, slug, params)

    def view(self, widget: Any) -> Any:
        return self.runtime.refresher.peek([widget])[widget.id]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    made.runtime.stop()


def test_series_is_a_kind_of_source_that_general_widgets_offer() -> None:
    assert kinds()["series"].PICKABLE
    assert not kinds()["series"].FETCHES


def test_a_stat_shows_the_newest_value_with_unit_time_and_trend(home: Home) -> None:
    widget = home.add("stat")
    home.send(20.0, unit="°C")
    home.clock.forward(60)
    home.send(21.5, unit="°C")
    found = home.view(widget)
    assert (found.state, found.at) == ("live", home.clock())
    assert (found.data["value"], found.data["unit"]) == (21.5, "°C")
    assert found.data["trend"][-1] == [home.clock(), 21.5]


def test_a_small_line_begins_with_its_sensor_and_knows_the_lowest_and_highest_single_value(home: Home) -> None:
    widget, chart = home.add("stat", range="30d"), home.add("line-chart", range="30d")
    home.clock.forward(1234)
    began = home.clock()
    for value in range(1, 61):
        home.send(value)
        home.clock.forward(1)
    found = home.view(widget).data
    assert found["trend"][0][0] == began
    assert (found["low"], found["high"]) == (1, 60)
    line = home.view(chart).data["series"][0]
    assert (line["points"][0][0], line["low"], line["high"]) == (began, 1, 60)


def test_lines_of_the_same_name_are_told_apart_by_their_devices(home: Home) -> None:
    for device in ("attic", "cellar"):
        home.runtime.ingest.submit([reading(device, "temperature", 20.0), reading(device, "humidity", 50.0)])
    asked = [("attic", "temperature"), ("cellar", "temperature"), ("cellar", "humidity")]
    series = [{"device": device, "sensor": sensor} for device, sensor in asked]
    widget = home.runtime.placing.add(
        "home", "line-chart", "Rooms", {"data_source": {"kind": "series", "series": series}}
    )
    assert [line["label"] for line in home.view(widget).data["series"]] == ["attic", "cellar", "Humidity"]


def test_a_line_whose_device_is_away_says_so_beside_live_ones(home: Home) -> None:
    for device in ("attic", "cellar"):
        home.runtime.ingest.submit([reading(device, "temperature", 20.0)])
    series = [{"device": device, "sensor": "temperature"} for device in ("attic", "cellar")]
    widget = home.runtime.placing.add(
        "home", "line-chart", "Rooms", {"data_source": {"kind": "series", "series": series}}
    )
    assert "away" not in home.view(widget).data["series"][0]
    home.runtime.ingest.take(Outcome(liveness=(Liveness("cellar", "offline", bridge=False, retained=False),)))
    found = home.view(widget)
    assert found.state == "live"
    assert [line.get("away") for line in found.data["series"]] == [None, "offline"]


def test_the_newest_sample_is_one_point_of_its_line(home: Home) -> None:
    widget = home.add("stat")
    home.clock.forward(0.1234567)
    for value in (1.0, 2.0):
        home.send(value)
        home.clock.forward(10.1)
    assert [value for _, value in home.view(widget).data["trend"]] == [1.0, 2.0]


def test_a_sensor_that_never_had_a_value_is_not_said_to_have_a_kept_one(home: Home) -> None:
    home.send(1.0)
    described = SensorInfo("greenhouse", "humidity", "number")
    home.runtime.ingest.take(Outcome(sensors=(described,)))
    client = create_app(home.runtime).test_client()
    rows = client.get("/api/devices/greenhouse/sensors").json
    assert [row["reason"] for row in rows if row["sensor"] == "humidity"] == ["No value has come yet."]


def test_history_from_before_the_widget_existed_is_shown(home: Home) -> None:
    for value in (1.0, 2.0, 3.0):
        home.send(value)
        home.clock.forward(60)
    found = home.view(home.add("line-chart", range="1h"))
    assert [point[1] for point in found.data["series"][0]["points"]] == [1.0, 2.0, 3.0]


def test_a_new_sample_marks_the_widgets_that_show_it_and_no_others(home: Home) -> None:
    shown, other = home.add("stat"), home.add("stat", "humidity")
    home.send(1.0)
    home.send(1.0, "humidity")
    home.runtime.series.tick(home.clock())
    mailbox = home.runtime.hub.subscribe()
    mailbox.watch([shown.id, other.id])
    home.send(2.0)
    assert mailbox.take(2.0) == {shown.id}


def test_a_sensor_that_appears_later_is_followed(home: Home) -> None:
    widget = home.add("stat")
    home.runtime.series.tick(home.clock())
    mailbox = home.runtime.hub.subscribe()
    mailbox.watch([widget.id])
    home.send(1.0)
    home.runtime.series.tick(home.clock())
    home.send(2.0)
    assert until(lambda: mailbox.take(1.0)) == {widget.id}


def test_a_chart_is_not_read_anew_for_each_sample_its_newest_point_is_a_tail(home: Home) -> None:
    widget = home.add("line-chart")
    home.send(1.0)
    home.clock.forward(5)
    first = home.view(widget)
    home.send(2.0)
    second = home.view(widget)
    assert second.version == first.version
    assert second.tail is not None
    assert second.tail.points == ((home.clock(), 2.0),)
    home.clock.forward(120)
    third = home.view(widget)
    assert third.version != first.version
    assert third.data["series"][0]["points"][-1][1] == 2.0


def of_page(client: FlaskClient, address: str) -> list[list[Any]]:
    """The points of the only chart of a page, as its first HTML has them."""
    page = client.get(address).get_data(as_text=True)
    (text,) = re.findall(r"data-plot.*?<script[^>]*>(.*?)</script>", page, re.DOTALL)
    points: list[list[Any]] = json.loads(text)["series"][0]["points"]
    return points


@pytest.mark.parametrize("way", ["page", "public page", "poll", "range"])
def test_a_page_begins_with_all_that_is_stored_of_a_young_sensor(home: Home, way: str) -> None:
    widget, client = home.add("line-chart"), create_app(home.runtime).test_client()
    home.runtime.dashboards.update("home", {"is_public": True, "public_address": "guests"})
    sent = []
    for value in range(60):
        if value in (30, 55):
            # somebody looks: the line is read, and then kept
            home.runtime.series.tick(home.clock())
            of_page(client, "/d/home")
        home.send(float(value))
        sent.append([home.clock(), float(value)])
        home.clock.forward(3)
    assert len(home.view(widget).data["series"][0]["points"]) < 60, "an open page has had the rest as it came"
    if way == "range":
        assert client.get(f"/widgets/{widget.id}/points?range=24h").json["series"][0]["points"] == sent
    elif way == "poll":
        assert str(sent[-2][1]) in client.get(f"/d/home/fragments?since={widget.id}:old").get_data(as_text=True)
    else:
        assert of_page(client, "/p/guests" if way == "public page" else "/d/home") == sent


def test_a_page_reads_a_line_of_old_sensors_only_where_it_would_show(home: Home) -> None:
    widget = home.add("line-chart")
    for value in range(10):
        home.send(float(value))
        home.clock.forward(3600)
    home.runtime.series.tick(home.clock())
    first = home.view(widget).version
    home.clock.forward(45)
    home.send(99.0)
    home.runtime.series.freshen([widget], home.clock())
    assert home.view(widget).version == first, "less than half a point of five minutes has gone by"
    home.clock.forward(20)
    home.runtime.series.freshen([widget], home.clock())
    assert home.view(widget).version != first


@pytest.mark.parametrize("slug", ["line-chart", "stat"])
def test_what_a_device_had_buffered_joins_an_open_chart_by_itself(
    home: Home, slug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # on a busy machine charts would take turns in being read
    monkeypatch.setattr(charts, "SHORT_READ_S", 600.0)
    widget = home.add(slug)
    for value in (1.0, 2.0):
        home.send(value)
        home.clock.forward(60)

    def points() -> Any:
        data = home.view(widget).data
        return [value for _, value in (data["trend"] if slug == "stat" else data["series"][0]["points"]) if value]

    home.runtime.series.tick(home.clock())
    mailbox = home.runtime.hub.subscribe()
    mailbox.watch([widget.id])
    home.clock.forward(60)
    assert points() == [1.0, 2.0]
    home.clock.forward(1)
    home.send(9.0, at=home.clock() - 150)
    assert mailbox.take(2.0) == {widget.id}
    assert points() == [1.0, 2.0]
    home.clock.forward(LATE_S)
    home.runtime.series.tick(home.clock())
    assert mailbox.take(2.0) == {widget.id}
    assert sorted(points()) == [1.0, 2.0, 9.0]
    home.clock.forward(LATE_S)
    home.runtime.series.tick(home.clock())
    assert mailbox.take(0) == set(), "what is read anew is read once"


def test_a_chart_that_ends_with_the_newest_value_still_has_it_as_its_tail(home: Home) -> None:
    # a page may hold the chart as it was before, and has to show the value all the same
    widget = home.add("line-chart")
    home.send(1.0)
    home.clock.forward(120)
    home.send(2.0)
    newest = (home.clock(), 2.0)
    home.clock.forward(1)
    view = home.view(widget)
    assert view.data["series"][0]["points"][-1] == list(newest)
    assert view.tail is not None
    assert (view.tail.at, view.tail.points) == (newest[0], (newest,))
    assert home.runtime.series.points(widget, "1h", home.clock())["series"][0]["points"].count(list(newest)) == 1


def test_a_value_that_stopped_coming_turns_stale_by_itself(home: Home) -> None:
    widget = home.add("stat")
    home.send(1.0)
    home.runtime.series.tick(home.clock())
    mailbox = home.runtime.hub.subscribe()
    mailbox.watch([widget.id])
    live = home.view(widget)
    assert live.state == "live"
    home.clock.forward(live.expires_at - home.clock() + 1)
    home.runtime.series.tick(home.clock())
    assert mailbox.take(1.0) == {widget.id}
    stale = home.view(widget)
    assert (stale.state, stale.data["value"], stale.stale) == ("stale", 1.0, True)
    assert "Nothing came for" in stale.sentence


def test_a_device_whose_last_will_was_heard_is_offline_and_says_so(home: Home) -> None:
    widget = home.add("stat")
    home.send(1.0)
    with home.runtime.ingest.catalog.lock:
        home.runtime.ingest.learning.learn_liveness(Liveness("greenhouse", "offline", False, False), home.clock())
    found = home.view(widget)
    assert (found.state, found.data["value"]) == ("offline", 1.0)
    assert "last will" in found.sentence


def test_words_and_switches_are_shown_as_words(home: Home) -> None:
    home.send(True, "door")
    home.send("heat", "mode")
    assert home.view(home.add("stat", "door")).data["value"] == "On"
    assert home.view(home.add("stat", "mode")).data["value"] == "heat"


def test_a_table_has_a_row_for_each_sensor_with_its_state(home: Home) -> None:
    home.send(20.0)
    found = home.view(home.add("table", "temperature", "humidity"))
    assert [(row["sensor"], row["value"], row["state"]) for row in found.data["rows"]] == [
        ("Temperature", 20.0, "live"),
        ("humidity", None, "unknown"),
    ]


@pytest.mark.parametrize(
    ("device", "sensor", "says"),
    [
        ("nobody", "x", "Nothing was ever heard of the device nobody"),
        ("greenhouse", "x", "has never sent a sensor named x"),
    ],
)
def test_a_widget_without_data_says_which_link_is_missing(home: Home, device: str, sensor: str, says: str) -> None:
    home.send(1.0)
    found = home.view(home.add("stat", sensor, device=device))
    assert (found.state, found.has_data) == ("empty", False)
    assert says in found.sentence


def said(home: Home, widget: Any) -> str:
    """What an empty card says."""
    found = home.view(widget)
    assert (found.state, found.has_data) == ("empty", False)
    return str(found.sentence)


def test_what_is_hidden_ignored_or_forgotten_is_named_as_the_missing_link(home: Home) -> None:
    devices, catalog, learning = home.runtime.devices, home.runtime.ingest.catalog, home.runtime.ingest.learning
    home.send(1.0)
    chosen = {"kind": "series", "select": {"unit": "°C", "device": "greenhouse"}}
    home.send(2.0, unit="°C")
    widget = home.runtime.placing.add("home", "table", "Warmth", {"data_source": chosen})
    assert home.view(widget).has_data
    devices.change_sensor("greenhouse", "temperature", {"own_hidden": True})
    assert said(home, widget) == (
        "One sensor that fits device greenhouse and unit °C is hidden. Show it on the devices page."
    )
    with catalog.lock:
        learning.learn_sensor(SensorInfo("greenhouse", "lid", name="Lid"), False, home.clock())
    lid = home.add("stat", "lid")
    assert "was announced, but it has not sent a value yet" in said(home, lid)
    devices.change_sensor("greenhouse", "lid", {"own_hidden": True})
    assert "It is hidden, too." in said(home, lid)
    devices.change("greenhouse", {"ignored": True})
    assert "greenhouse is ignored" in said(home, lid)
    devices.change("greenhouse", {"ignored": False})
    devices.forget_sensor("greenhouse", "lid")
    assert "The sensor lid of greenhouse was forgotten. Bring it back" in said(home, lid)
    devices.forget("greenhouse")
    assert "greenhouse was forgotten. Bring it back" in said(home, lid)


def test_a_broker_that_is_away_is_the_first_missing_link_but_not_of_what_speaks_by_http(home: Home) -> None:
    series = home.runtime.series
    away = "The broker at mqtt.lan:1883 refuses the connection."
    series._broker_fault = lambda device: None if device == "greenhouse" else away
    home.send(1.0)
    assert said(home, home.add("stat", "x", device="nobody")) == (
        f"There is no connection to the broker. {away} Nothing was ever heard of the device nobody."
    )
    assert "has never sent a sensor named x" in said(home, home.add("stat", "x"))
    assert away not in said(home, home.add("stat", "y"))
    chosen = {"kind": "series", "select": {"room": "Attic"}}
    attic = home.runtime.placing.add("home", "table", "Attic", {"data_source": chosen})
    assert said(home, attic).startswith(f"There is no connection to the broker. {away} No sensor fits room Attic")


def test_a_sleeping_device_is_shown_as_asleep_and_not_as_offline(home: Home) -> None:
    widget = home.add("stat")
    home.send(1.0)
    catalog, learning = home.runtime.ingest.catalog, home.runtime.ingest.learning
    with catalog.lock:
        learning.learn_liveness(Liveness("greenhouse", "asleep", False, False), home.clock())
    asleep = home.view(widget)
    assert (asleep.state, asleep.away) == ("offline", "asleep")
    badge, below = notes.tag(asleep), notes.note(asleep, True)
    assert badge is not None
    assert below is not None
    assert (badge.text, badge.icon, badge.status) == ("Asleep", "moon", "off")
    assert (below.status, below.icon, below.since) == ("off", "moon", asleep.at)
    with catalog.lock:
        learning.learn_liveness(Liveness("greenhouse", "offline", False, False), home.clock())
    offline = home.view(widget)
    assert (offline.state, offline.away) == ("offline", "offline")
    assert offline.version != asleep.version


def test_the_values_are_there_at_once_after_a_restart(home: Home, tmp_path: Path) -> None:
    widget = home.add("stat")
    home.send(7.0)
    home.runtime.stop()
    again = Runtime(Settings(data=tmp_path, auth="none", mqtt_url="off"), home.clock)
    found = again.refresher.peek([again.widgets.get(widget.id)])[widget.id]
    again.stop()
    assert (found.data["value"], found.state) == (7.0, "live")


def test_another_range_is_answered_as_points_with_the_newest_one(home: Home) -> None:
    widget = home.add("line-chart")
    home.send(1.0)
    home.clock.forward(5)
    home.view(widget)
    home.send(2.0)
    client = create_app(home.runtime).test_client()
    answer = client.get(f"/widgets/{widget.id}/points?range=7d")
    assert answer.json["series"][0]["points"][-1] == [home.clock(), 2.0]
    assert client.get(f"/widgets/{widget.id}/points?range=9y").status_code == 422
    other = home.runtime.placing.add("home", "notes", "Notes", {})
    assert client.get(f"/widgets/{other.id}/points").status_code == 404


def test_a_forced_refresh_of_a_series_widget_gives_what_is_there(home: Home) -> None:
    widget = home.add("stat")
    home.send(3.0)
    assert home.runtime.refresher.get(widget, force=True).data["value"] == 3.0


def test_more_bars_than_the_chosen_range_has_are_said_to_be_more(home: Home) -> None:
    about = SensorInfo("greenhouse", "energy", unit="kWh", state_class="total_increasing")
    home.runtime.ingest.take(Outcome(sensors=(about,), verdict="declaration"))
    for value in (10.0, 11.0):
        home.send(value, "energy")
        home.clock.forward(600)
    for span, ending in (("1h", ", last 7 hours"), ("24h", "")):
        (line,) = home.view(home.add("line-chart", "energy", use="hour", range=span)).data["series"]
        assert line["label"] == f"Energy{ending}"


def test_before_its_first_sample_nothing_is_known_of_a_switch(home: Home) -> None:
    began = home.clock()
    home.send("heat", "mode")
    home.clock.forward(60)
    home.send(True, "door")
    home.clock.forward(60)
    door, mode = home.view(home.add("timeline", "door", "mode", range="1h")).data["series"]
    assert [value for _, value in door["points"]] == [None, 1.0, 1.0]
    assert door["points"][0][0] == began
    assert [value for _, value in mode["points"]] == ["heat", "heat"]
