"""Devices, sensors, samples and readings by the JSON API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api_site import NUMBER, Site, fields, problem

LINE = NUMBER.replace("name: Number", "name: Line chart").replace("shape: value", "shape: points")
GAUGE = f"{NUMBER}    min: {{type: number, default: 0}}\n    max: {{type: number, default: 100}}\n"
DAY_S = 86_400.0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    made.add_folder("line-chart", LINE)
    made.add_folder("stat", NUMBER)
    made.add_folder("gauge", GAUGE)
    with made:
        yield made


def send(site: Site, device: str, **values: Any) -> None:
    """Readings of one device, each sensor once."""
    rows = [{"sensor_type": name, "value": value} for name, value in values.items()]
    answer = site.post("/api/readings", {"device_id": device, "readings": rows})
    assert answer.status_code == 200, answer.text


def history(site: Site, device: str, sensor: str, *values: float, step_s: float = 60.0, unit: str = "°C") -> None:
    """Readings at equal steps, the last of them now."""
    now = site.clock()
    rows = [
        {"sensor_type": sensor, "value": value, "unit": unit, "timestamp": now - step_s * (len(values) - 1 - turn)}
        for turn, value in enumerate(values)
    ]
    assert site.post("/api/readings", {"device_id": device, "readings": rows}).json == {
        "stored": len(values),
        "ignored": 0,
    }


# Readings


def test_one_reading_makes_a_device_with_a_sensor(site: Site) -> None:
    body = {"device_id": "greenhouse", "sensor_type": "humidity", "value": 50.2, "unit": "%"}
    answer = site.post("/api/readings", body)
    assert (answer.status_code, answer.json) == (200, {"stored": 1, "ignored": 0})
    (device,) = site.get("/api/devices").json["items"]
    assert (device["id"], device["state"], device["sensors"]) == ("greenhouse", "online", 1)
    (sensor,) = site.get("/api/devices/greenhouse/sensors").json
    assert {name: sensor[name] for name in ("sensor", "unit", "kind", "value", "state", "hidden")} == {
        "sensor": "humidity",
        "unit": "%",
        "kind": "number",
        "value": 50.2,
        "state": "live",
        "hidden": False,
    }
    assert sensor["at"] == "2026-02-03T12:00:00.000Z"


def test_a_bulk_body_is_stored_whole_or_refused_with_every_fault(site: Site) -> None:
    rows = [
        {"sensor_type": "temperature", "value": 21.5},
        {"sensor_type": "temperature", "value": None},
        {"sensor_type": "", "value": 1},
    ]
    answer = site.post("/api/readings", {"device_id": "greenhouse", "readings": rows})
    assert fields(answer) == {"readings.1.value", "readings.2.sensor_type"}
    assert site.get("/api/devices").json["items"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"sensor_type": "humidity", "value": 1}, "device_id"),
        ({"device_id": "a/../b", "sensor_type": "humidity", "value": 1}, "device_id"),
        ({"device_id": "greenhouse", "sensor_type": "humidity"}, "value"),
        ({"device_id": "greenhouse", "value": 1}, "sensor_type"),
        ({"device_id": "greenhouse", "readings": {}}, "readings"),
        ({"device_id": "greenhouse", "sensor_type": "a", "value": 1, "timestamp": "soon"}, "timestamp"),
        ({"device_id": "greenhouse", "sensor_type": "a", "value": 1, "timestamp": "2020-01-01T00:00:00Z"}, "timestamp"),
    ],
)
def test_a_reading_that_does_not_fit_names_its_field(site: Site, body: dict[str, Any], field: str) -> None:
    assert fields(site.post("/api/readings", body)) == {field}


def test_a_body_that_is_no_json_is_unreadable(site: Site) -> None:
    problem(site.post("/api/readings", data=b'{"device_id": NaN}', content_type="application/json"), 400)
    problem(site.post("/api/readings", data=b"a=1", content_type="application/x-www-form-urlencoded"), 415)
    problem(site.post("/api/readings", {"device_id": "a", "sensor_type": "b", "value": 1}, token=None), 401)


def test_buffered_readings_keep_their_times_as_far_back_as_samples_are_kept(site: Site) -> None:
    old = site.clock() - 6.5 * DAY_S
    rows = [{"sensor_type": "rain", "value": 3.5, "timestamp": old}]
    assert site.post("/api/readings", {"device_id": "garden", "readings": rows}).status_code == 200
    points = site.get("/api/devices/garden/sensors/rain/history?from=-7d").json["points"]
    assert [(point["t"], point["avg"], point["n"]) for point in points] == [("2026-01-28T00:00:00.000Z", 3.5, 1)]


def test_readings_of_an_ignored_device_are_counted_as_ignored(site: Site) -> None:
    send(site, "noise", level=1)
    assert site.patch("/api/devices/noise", {"ignored": True}).json["ignored"] is True
    answer = site.post("/api/readings", {"device_id": "noise", "sensor_type": "level", "value": 2})
    assert answer.json == {"stored": 0, "ignored": 1}
    assert site.get("/api/devices/noise/sensors").json[0]["value"] == 1


# Devices


def test_a_device_whose_id_is_a_path_has_its_own_address(site: Site) -> None:
    send(site, "garden/shed", temperature=3)
    assert site.get("/api/devices/garden/shed").json["id"] == "garden/shed"
    assert site.get("/api/devices/garden%2Fshed/sensors").json[0]["value"] == 3
    assert site.get("/api/devices/garden/shed/sensors/temperature/history").json["points"][0]["avg"] == 3
    problem(site.get("/api/devices/garden"), 404)


def test_the_id_of_a_device_may_hold_what_stands_before_a_sensor_in_an_address(site: Site) -> None:
    send(site, "home/sensors/attic", temperature=3)
    path = "/api/devices/home/sensors/attic/sensors/temperature"
    assert site.get(f"{path}/history").json["points"][0]["avg"] == 3
    assert site.get(f"{path}/history.csv?raw=1").text.splitlines()[1].endswith(",3,")
    assert site.patch(path, {"name": "Warmth"}).json["name"] == "Warmth"
    send(site, "home", **{"attic/sensors/pressure": 1000})
    assert site.get("/api/devices/home/sensors/attic/sensors/pressure/history").json["points"][0]["avg"] == 1000
    assert site.get(f"{path}/history").json["points"][0]["avg"] == 3
    assert site.delete(path).status_code == 204
    problem(site.get(f"{path}/history"), 404)
    assert site.post(f"{path}/restore").json["value"] == 3


def test_a_device_is_renamed_and_gets_its_own_name_back(site: Site) -> None:
    send(site, "greenhouse", humidity=50)
    first = site.get("/api/devices/greenhouse")
    named = site.patch("/api/devices/greenhouse", {"name": "The glass house", "room": "Garden"})
    assert (named.json["name"], named.json["room"]) == ("The glass house", "Garden")
    assert named.headers["ETag"] != first.headers["ETag"]
    assert site.patch("/api/devices/greenhouse", {"name": None}).json["name"] == "greenhouse"


def test_a_stale_if_match_changes_nothing(site: Site) -> None:
    send(site, "greenhouse", humidity=50)
    tag = site.get("/api/devices/greenhouse").headers["ETag"]
    send(site, "greenhouse", humidity=51)
    assert site.get("/api/devices/greenhouse").headers["ETag"] == tag, "a reading is no change of the device"
    assert site.patch("/api/devices/greenhouse", {"name": "One"}, headers={"If-Match": tag}).status_code == 200
    refused = problem(site.patch("/api/devices/greenhouse", {"name": "Two"}, headers={"If-Match": tag}), 412)
    assert refused["current"]["name"] == "One"


def test_what_cannot_be_changed_of_a_device_is_named(site: Site) -> None:
    send(site, "greenhouse", humidity=50)
    assert fields(site.patch("/api/devices/greenhouse", {"state": "online"})) == {"state"}
    assert fields(site.patch("/api/devices/greenhouse", {"hidden": "yes"})) == {"hidden"}


def test_a_forgotten_device_is_gone_and_comes_back_with_its_history(site: Site) -> None:
    history(site, "greenhouse", "humidity", 50, 51, 52)
    assert site.delete("/api/devices/greenhouse").status_code == 204
    problem(site.get("/api/devices/greenhouse"), 404)
    assert site.get("/api/devices").json["items"] == []
    assert site.post("/api/devices/greenhouse/restore").json["id"] == "greenhouse"
    points = site.get("/api/devices/greenhouse/sensors/humidity/history").json["points"]
    assert [point["avg"] for point in points] == [50, 51, 52]


def test_a_forgotten_sensor_is_gone_and_comes_back_with_its_history(site: Site) -> None:
    history(site, "greenhouse", "humidity", 50, 51, 52)
    history(site, "greenhouse", "temperature", 20, 21)
    path = "/api/devices/greenhouse/sensors"
    assert site.delete(f"{path}/humidity").status_code == 204
    assert [sensor["sensor"] for sensor in site.get(path).json] == ["temperature"]
    assert site.get("/api/devices/greenhouse").json["forgotten_sensors"] == ["humidity"]
    problem(site.get(f"{path}/humidity/history"), 404)
    problem(site.delete(f"{path}/humidity"), 404)
    assert site.post(f"{path}/humidity/restore").json["sensor"] == "humidity"
    assert [point["avg"] for point in site.get(f"{path}/humidity/history").json["points"]] == [50, 51, 52]
    problem(site.post(f"{path}/humidity/restore"), 404)


def test_a_joined_sensor_is_separated_by_the_name_it_had(site: Site) -> None:
    history(site, "a", "temp", 1, 2)
    history(site, "b", "temperature", 3, 4)
    joined = site.post("/api/devices/a/sensors/temp/merge", {"device": "b", "sensor": "temperature"})
    assert joined.json["sensor"] == "temperature"
    assert site.get("/api/devices/a/sensors").json == []
    assert site.post("/api/devices/a/sensors/temp/separate").json["sensor"] == "temp"
    assert [sensor["value"] for sensor in site.get("/api/devices/a/sensors").json] == [2]
    problem(site.post("/api/devices/a/sensors/temp/separate"), 404)


def test_a_unit_in_a_file_is_no_formula(site: Site) -> None:
    history(site, "a", "temp", 1, unit="=1+1")
    lines = site.get("/api/devices/a/sensors/temp/history.csv?raw=1").text.splitlines()
    assert lines[1].endswith(",1,'=1+1")


def test_a_merged_device_counts_for_the_other_until_it_is_separated(site: Site) -> None:
    history(site, "old", "temperature", 20, 21)
    history(site, "new", "temperature", 22, step_s=1)
    assert site.post("/api/devices/new/merge", {"into": "old"}).json["merged"] == ["new"]
    assert [device["id"] for device in site.get("/api/devices").json["items"]] == ["old"]
    assert site.get("/api/devices/new").json["id"] == "old"
    points = site.get("/api/devices/old/sensors/temperature/history?raw=1").json["points"]
    assert [point["value"] for point in points] == [20, 21, 22]
    assert site.post("/api/devices/new/separate").json["id"] == "new"
    assert len(site.get("/api/devices").json["items"]) == 2
    assert fields(site.post("/api/devices/new/merge", {"into": "nobody"})) == {"into"}
    problem(site.post("/api/devices/new/merge", {"into": "new"}), 409)


def test_a_device_that_is_silent_for_long_is_stale_with_the_reason(site: Site) -> None:
    send(site, "greenhouse", humidity=50)
    site.clock.now += 3 * 3600
    device = site.get("/api/devices/greenhouse").json
    assert device["state"] == "stale"
    assert "Nothing came for 3 hours" in device["reason"]
    assert site.get("/api/devices/greenhouse/sensors").json[0]["state"] == "stale"


# Sensors and history


def test_a_sensor_is_named_hidden_and_given_a_unit(site: Site) -> None:
    send(site, "greenhouse", level=5)
    changed = site.patch("/api/devices/greenhouse/sensors/level", {"name": "Tank", "unit": "cm", "hidden": True}).json
    assert (changed["name"], changed["unit"], changed["hidden"]) == ("Tank", "cm", True)
    assert fields(site.patch("/api/devices/greenhouse/sensors/level", {"decimals": 99})) == {"decimals"}
    problem(site.patch("/api/devices/greenhouse/sensors/nothing", {"name": "x"}), 404)


def test_a_sensor_is_joined_with_another(site: Site) -> None:
    history(site, "a", "temp", 1, 2)
    history(site, "b", "temperature", 3)
    joined = site.post("/api/devices/a/sensors/temp/merge", {"device": "b", "sensor": "temperature"})
    assert joined.json["sensor"] == "temperature"
    points = site.get("/api/devices/b/sensors/temperature/history?raw=1").json["points"]
    assert [point["value"] for point in points] == [1, 2, 3]
    assert fields(site.post("/api/devices/a/sensors/temp/merge", {"device": "b", "sensor": "no"})) == {"sensor"}


def test_booleans_are_numbers_with_a_label_and_words_are_words(site: Site) -> None:
    send(site, "house", door=True, mode="heating")
    sensors = {sensor["sensor"]: sensor for sensor in site.get("/api/devices/house/sensors").json}
    assert (sensors["door"]["value"], sensors["door"]["label"], sensors["door"]["kind"]) == (1, "true", "boolean")
    assert sensors["mode"]["value"] == "heating"
    points = site.get("/api/devices/house/sensors/mode/history").json["points"]
    assert [point["value"] for point in points] == ["heating"]


def test_a_history_never_has_more_points_than_asked_for(site: Site) -> None:
    history(site, "house", "temperature", *(20 + turn % 7 for turn in range(500)), step_s=10)
    found = site.get("/api/devices/house/sensors/temperature/history?from=-2h&points=40").json
    assert found["unit"] == "°C"
    assert 2 <= len(found["points"]) <= 40
    assert min(point["min"] for point in found["points"] if point["n"]) == 20
    assert max(point["max"] for point in found["points"] if point["n"]) == 26
    assert sum(point["n"] for point in found["points"]) == 500


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=yesterday", "from"),
        ("from=-1h&to=-2h", "from"),
        ("points=0", "points"),
        ("to=1e99", "to"),
        ("from=٣", "from"),
    ],
)
def test_a_stretch_that_cannot_be_read_names_its_field(site: Site, query: str, field: str) -> None:
    send(site, "house", temperature=1)
    assert fields(site.get(f"/api/devices/house/sensors/temperature/history?{query}")) == {field}


def test_a_history_is_exported_as_a_file(site: Site) -> None:
    history(site, "house", "temperature", 20.5, 21)
    averages = site.get("/api/devices/house/sensors/temperature/history.csv")
    assert averages.mimetype == "text/csv"
    assert "attachment" in averages.headers["Content-Disposition"]
    assert averages.text.splitlines() == [
        "time,avg,min,max,n",
        "2026-02-03T11:59:00.000Z,20.5,20.5,20.5,1",
        "2026-02-03T12:00:00.000Z,21.0,21.0,21.0,1",
    ]
    single = site.get("/api/devices/house/sensors/temperature/history.csv?raw=1").text.splitlines()
    assert single == ["time,value,unit", "2026-02-03T11:59:00.000Z,20.5,°C", "2026-02-03T12:00:00.000Z,21,°C"]


def test_words_in_a_file_are_no_formulas(site: Site) -> None:
    send(site, "house", note="=HYPERLINK(1)")
    assert site.get("/api/devices/house/sensors/note/history.csv").text.splitlines()[1].endswith(",'=HYPERLINK(1),")


def test_a_counter_tells_its_use_per_hour(site: Site) -> None:
    for value in (10, 11, 13):
        site.post("/api/readings", {"device_id": "meter", "sensor_type": "energy", "value": value, "unit": "kWh"})
        site.clock.now += 600
    found = site.get("/api/devices/meter/sensors/energy/use?from=-1h&per=hour").json
    assert found["unit"] == "kWh"
    assert [use["value"] for use in found["use"]] == [None, pytest.approx(3)]
    assert fields(site.get("/api/devices/meter/sensors/energy/use?per=week")) == {"per"}


# Widgets and their samples


def track(site: Site, device: str, **body: Any) -> Any:
    """Ask for a widget of a device."""
    if not site.runtime.dashboards.all():
        site.dashboard()
    return site.post(f"/api/devices/{device}/create-widget", {"dashboard": "home", **body})


def test_a_widget_of_a_sensor_shows_history_from_before_it_existed(site: Site) -> None:
    history(site, "house", "temperature", *range(60))
    answer = track(site, "house", sensor_variable="temperature", widget_type="time_series")
    assert answer.status_code == 201, answer.text
    widget = answer.json
    assert widget["custom_widget"] == "line-chart"
    assert answer.headers["Location"] == f"/api/widgets/{widget['id']}"
    assert widget["params"]["data_source"]["series"][0]["device"] == "house"
    samples = site.get(f"/api/dashboards/home/widgets/{widget['id']}/samples").json
    assert [sample["value"] for sample in samples] == list(range(10, 60))
    assert samples[-1] == {
        "id": samples[-1]["id"],
        "timestamp": "2026-02-03T12:00:00.000Z",
        "value": 59,
        "unit": "°C",
    }
    assert [sample["id"] for sample in samples] == sorted(sample["id"] for sample in samples)


@pytest.mark.parametrize(
    ("values", "unit", "expected"),
    [
        ((3, 55), "%", (0, 100)),
        ((19, 23), "°C", (0, 40)),
        ((-14, 23), "°C", (-15, 40)),
        ((20, 1234), "W", (0, 1500)),
        ((-900, 2100), "W", (-1000, 2500)),
        ((228, 236), "V", (200, 260)),
        ((2.9, 3.1), "V", (0, 4)),
        ((0.02, 0.31), "A", (0, 0.4)),
        ((420, 650), "ppm", (400, 2000)),
    ],
)
def test_a_gauge_spans_what_its_sensor_can_be(
    site: Site, values: tuple[float, ...], unit: str, expected: tuple[float, float]
) -> None:
    history(site, "d", "reading", *values, unit=unit)
    widget = track(site, "d", sensor_variable="reading", widget_type="gauge").json
    assert (widget["params"]["min"], widget["params"]["max"]) == expected


def test_a_gauge_of_a_sensor_of_which_nothing_is_known_keeps_its_usual_span(site: Site) -> None:
    send(site, "d", reading=0)
    made = track(site, "d", sensor_variable="reading", widget_type="gauge")
    assert (made.json["params"]["min"], made.json["params"]["max"]) == (0, 100)
    assert "max" not in track(site, "d", sensor_variable="reading", widget_type="stat").json["params"]


def test_without_a_sensor_variable_nothing_is_made(site: Site) -> None:
    send(site, "house", temperature=1)
    assert fields(track(site, "house", widget_type="metric")) == {"sensor_variable"}
    refused = problem(track(site, "house", sensor_variable="humidity", widget_type="metric"), 422)
    assert refused["errors"] == [
        {"field": "sensor_variable", "message": "is no sensor of this device; it has: temperature"}
    ]
    assert site.get("/api/widgets").json["items"] == []


@pytest.mark.parametrize("alias", ["metric", "stat_card", "stat"])
def test_the_other_names_of_a_stat_card_are_understood(site: Site, alias: str) -> None:
    send(site, "house", temperature=1)
    made = track(site, "house", sensor_variable="temperature", widget_type=alias, title="Inside").json
    assert (made["custom_widget"], made["title"]) == ("stat", "Inside")


def test_a_wrong_widget_type_or_dashboard_is_named(site: Site) -> None:
    send(site, "house", temperature=1)
    wrong = track(site, "house", sensor_variable="temperature", widget_type="pie", dashboard="nowhere")
    assert fields(wrong) == {"widget_type", "dashboard"}
    assert fields(track(site, "house", sensor_variable="temperature", widget_type="note")) == {"widget_type"}
    problem(track(site, "nobody", sensor_variable="temperature", widget_type="stat"), 404)


def test_samples_of_several_series_name_theirs(site: Site) -> None:
    send(site, "house", temperature=1, door=False)
    series = [{"device": "house", "sensor": name} for name in ("temperature", "door", "missing")]
    site.dashboard()
    source = {"kind": "series", "series": series, "max_samples": 5}
    widget = site.widget("line-chart", dashboard="home", params={"data_source": source})
    samples = site.get(f"/api/dashboards/home/widgets/{widget}/samples").json
    assert {sample["series"] for sample in samples} == {"house/temperature", "house/door"}
    (door,) = [sample for sample in samples if sample["series"] == "house/door"]
    assert (door["value"], door["label"]) == (0, "false")


def test_at_most_max_samples_of_each_series_are_given_and_equal_times_are_both_kept(site: Site) -> None:
    send(site, "house", temperature=1)
    for value in range(8):
        send(site, "house", temperature=value)
    source = {"kind": "series", "series": [{"device": "house", "sensor": "temperature"}], "max_samples": 5}
    site.dashboard()
    widget = site.widget("line-chart", dashboard="home", params={"data_source": source})
    samples = site.get(f"/api/dashboards/home/widgets/{widget}/samples").json
    assert [sample["value"] for sample in samples] == [3, 4, 5, 6, 7]
    assert len({sample["timestamp"] for sample in samples}) == 1


def test_only_widgets_that_follow_sensors_have_samples(site: Site) -> None:
    site.dashboard()
    other = site.dashboard("Other")
    note = site.widget("note", dashboard="home")
    problem(site.get(f"/api/dashboards/home/widgets/{note}/samples"), 409)
    send(site, "house", temperature=1)
    made = track(site, "house", sensor_variable="temperature", widget_type="stat").json
    problem(site.get(f"/api/dashboards/{other}/widgets/{made['id']}/samples"), 404)
    problem(site.get("/api/dashboards/nowhere/widgets/x/samples"), 404)


def test_deleting_a_widget_ends_its_samples_but_not_the_history(site: Site) -> None:
    send(site, "house", temperature=1)
    made = track(site, "house", sensor_variable="temperature", widget_type="stat").json
    assert site.delete(f"/api/widgets/{made['id']}").status_code == 204
    problem(site.get(f"/api/dashboards/home/widgets/{made['id']}/samples"), 404)
    assert site.get("/api/devices/house/sensors/temperature/history").json["points"]


def test_a_sensor_is_said_to_be_a_counter_by_hand(site: Site) -> None:
    send(site, "meter", pulses=10)
    send(site, "meter", pulses=14)
    path = "/api/devices/meter/sensors/pulses"
    assert site.get("/api/devices/meter/sensors").json[0]["state_class"] is None
    assert site.patch(path, {"state_class": "total_increasing"}).json["state_class"] == "total_increasing"
    assert site.runtime.devices.sensor("meter", "pulses").is_counter
    assert site.patch(path, {"state_class": "measurement"}).json["state_class"] == "measurement"
    assert not site.runtime.devices.sensor("meter", "pulses").is_counter
    assert fields(site.patch(path, {"state_class": "often"})) == {"state_class"}
    assert site.patch(path, {"state_class": None}).json["state_class"] is None


def test_the_name_of_a_new_sensor_says_what_it_says_over_mqtt(site: Site) -> None:
    rows = [
        {"sensor_type": "energy", "value": 12.5, "unit": "kWh"},
        {"sensor_type": "contact", "value": True},
        {"sensor_type": "level", "value": 3},
    ]
    assert site.post("/api/readings", {"device_id": "hall", "readings": rows}).status_code == 200
    known = {one["sensor"]: one for one in site.get("/api/devices/hall/sensors").json}
    assert (known["energy"]["device_class"], known["energy"]["state_class"]) == ("energy", "total_increasing")
    assert (known["contact"]["device_class"], known["contact"]["label"]) == ("door", "closed")
    assert (known["level"]["device_class"], known["level"]["state_class"]) == (None, None)
    site.patch("/api/devices/hall/sensors/energy", {"state_class": "measurement"})
    assert site.post("/api/readings", {"device_id": "hall", **rows[0]}).status_code == 200
    assert site.get("/api/devices/hall/sensors").json[1]["state_class"] == "measurement"


def test_a_name_and_a_room_in_a_body_are_taken(site: Site) -> None:
    body = {"device_id": "gh-1", "name": "Greenhouse", "room": "Garden", "sensor_type": "humidity", "value": 50}
    assert site.post("/api/readings", body).json == {"stored": 1, "ignored": 0}
    device = site.get("/api/devices/gh-1").json
    assert (device["name"], device["own_name"], device["room"]) == ("Greenhouse", "Greenhouse", "Garden")
    # without them nothing is taken back, and what the owner said wins
    site.patch("/api/devices/gh-1", {"name": "Glass house"})
    site.post("/api/readings", {"device_id": "gh-1", "readings": [{"sensor_type": "humidity", "value": 51}]})
    device = site.get("/api/devices/gh-1").json
    assert (device["name"], device["own_name"], device["room"]) == ("Glass house", "Greenhouse", "Garden")


@pytest.mark.parametrize("wrong", [{"name": 5}, {"room": ["a"]}, {"name": "x" * 400}, {"name": "  "}])
def test_a_name_that_is_none_keeps_no_reading_out(site: Site, wrong: dict[str, Any]) -> None:
    body = {"device_id": "gh-1", "sensor_type": "humidity", "value": 50, **wrong}
    assert site.post("/api/readings", body).status_code == 200
    device = site.get("/api/devices/gh-1").json
    assert len(device["name"]) <= 128
    assert device["room"] is None


def test_neither_a_word_nor_a_unit_in_a_csv_is_a_formula(site: Site) -> None:
    rows = [{"sensor_type": "mode", "value": "=1+1"}, {"sensor_type": "sum", "value": 1, "unit": "@SUM(1)"}]
    assert site.post("/api/readings", {"device_id": "d", "readings": rows}).status_code == 200
    cells = {
        name: site.get(f"/api/devices/d/sensors/{name}/history.csv?raw=1").text.splitlines()[1].split(",")[1:]
        for name in ("mode", "sum")
    }
    assert cells["mode"][0] == "'=1+1"
    assert cells["sum"][1] == "'@SUM(1)"
