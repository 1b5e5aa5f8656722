"""Derived series: formulas, when they are worked out, what they do without a value, and how they are made."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from glance import formulas
from glance.errors import Invalid
from glance.formulas import NoValue
from glance.live import Mailbox
from glance.mqtt.readings import Liveness, Outcome
from tests.api_site import NUMBER, Site, fields
from tests.ingest_parts import reading
from tests.page_site import Site as Pages
from tests.waiting import until

CLIMATE = [
    {"name": "t", "device": "garden", "sensor": "temperature"},
    {"name": "rh", "device": "garden", "sensor": "humidity"},
]


def calculated(text: str, past: formulas.Past = lambda name, minutes: [], **inputs: float) -> float:
    return formulas.parse(text).value(inputs, past)


@pytest.mark.parametrize(
    ("text", "inputs", "value"),
    [
        ("a + b * 2", {"a": 1, "b": 3}, 7),
        ("-(a - 1) / 4", {"a": 3}, -0.5),
        ("7 // 2 + 7 % 2", {}, 4),
        ("2 ** 10", {}, 1024),
        ("sum(a, b, 3)", {"a": 1, "b": 2}, 6),
        ("avg(a, b)", {"a": 20, "b": 22}, 21),
        ("max(min(a, 5), 2)", {"a": 9}, 5),
        ("round(a, 1)", {"a": 21.456}, 21.5),
        ("abs(a)", {"a": -3}, 3),
        ("sqrt(a) + log(exp(1)) + log10(100)", {"a": 16}, 7),
        ("floor(a) + ceil(a)", {"a": 1.5}, 3),
        ("c_to_f(a)", {"a": 100}, 212),
        ("f_to_c(a)", {"a": 32}, 0),
        ("1 if a > 20 and b else 0", {"a": 21, "b": 1}, 1),
        ("10 < a <= 20", {"a": 20}, True),
        ("not a", {"a": 0}, True),
        ("a or b", {"a": 0, "b": 0}, False),
    ],
)
def test_a_formula_gives_its_value(text: str, inputs: dict[str, float], value: float) -> None:
    assert calculated(text, **inputs) == pytest.approx(value)


def test_the_dew_point_agrees_with_published_tables() -> None:
    # German weather service: 20 °C and 50 % -> 9.3 °C, 25 °C and 60 % -> 16.7 °C, 0 °C and 80 % -> -3.0 °C
    for celsius, humidity, point in ((20, 50, 9.3), (25, 60, 16.7), (0, 80, -3.0)):
        assert calculated("dew_point(t, rh)", t=celsius, rh=humidity) == pytest.approx(point, abs=0.1)
    assert calculated("absolute_humidity(t, rh)", t=20, rh=50) == pytest.approx(8.6, abs=0.1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a +",
        "a b",
        "'text'",
        "a.b",
        "a[0]",
        "[a]",
        "lambda: 1",
        "__import__('os')",
        "open(a)",
        "min()",
        "dew_point(a)",
        "min(*a)",
        "round(a, ndigits=1)",
        "average(a + 1, 5)",
        "average(a, b)",
        "average(a, 0)",
        "(a := 1)",
        "a if b",
        "1j",
        "1e400",
        "f'{a}'",
        "a @ b",
        "a << 40",
        "+".join(["a"] * 300),
        "(" * 90 + "a" + ")" * 90 + "+1" * 60,
        "-" * 200 + "a",
        "a" * 600,
        "\x00",
    ],
)
def test_what_is_no_formula_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        formulas.parse(text)
    assert refused.value.sentence.endswith(".")


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        ("a / b", {"a": 1, "b": 0}),
        ("sqrt(a)", {"a": -1}),
        ("a ** 0.5", {"a": -8}),
        ("log(a)", {"a": 0}),
        ("a ** 99", {"a": 9}),
        ("exp(a)", {"a": 1e6}),
        ("a * a", {"a": 1e300}),
        ("(a ** 0.5) > 1", {"a": -8}),
        ("a + b", {"a": 1}),
        ("dew_point(a, 0)", {"a": 1}),
        ("average(a, 5)", {"a": 1}),
    ],
)
def test_where_there_is_no_value_it_says_so(text: str, inputs: dict[str, float]) -> None:
    with pytest.raises(NoValue):
        calculated(text, **inputs)


def test_the_past_is_weighed_by_how_many_values_there_were() -> None:
    def past(name: str, minutes: float) -> list[tuple[float, float, float, int]]:
        assert (name, minutes) == ("a", 15)
        return [(10.0, 5.0, 12.0, 3), (20.0, 18.0, 30.0, 1)]

    assert calculated("average(a, 15)", past, a=0) == 12.5
    assert calculated("lowest(a, 15)", past, a=0) == 5
    assert calculated("highest(a, 15)", past, a=0) == 30
    assert calculated("change(a, 15)", past, a=0) == 10


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    made.add_folder("stat", NUMBER)
    with made:
        yield made


def send(site: Site, device: str = "garden", **values: Any) -> None:
    rows = [{"sensor_type": name, "value": value} for name, value in values.items()]
    assert site.post("/api/readings", {"device_id": device, "readings": rows}).status_code == 200


def make(site: Site, expression: str, inputs: list[dict[str, str]] | None = None, **more: Any) -> Any:
    body = {"title": "Dew point", "expression": expression, "inputs": inputs or CLIMATE, **more}
    return site.post("/api/derived", body)


def value(site: Site, slug: str = "dew-point") -> Any:
    return site.get(f"/api/derived/{slug}").json["value"]


def test_a_derived_series_is_worked_out_at_once_and_with_every_change(site: Site) -> None:
    send(site, temperature=20, humidity=50)
    made = make(site, "dew_point(t, rh)", unit="°C", decimals=1)
    assert (made.status_code, made.json["device"], made.json["sensor"]) == (201, "derived", "dew-point")
    until(lambda: value(site) == pytest.approx(9.26, abs=0.05))
    site.clock.now += 60
    send(site, humidity=60)
    until(lambda: value(site) == pytest.approx(12.0, abs=0.05))
    (sensor,) = site.get("/api/devices/derived/sensors").json
    assert (sensor["name"], sensor["unit"], sensor["state"]) == ("Dew point", "°C", "live")
    history = site.get("/api/devices/derived/sensors/dew-point/history").json
    assert len(history["points"]) == 2
    assert history["unit"] == "°C"


def test_a_missing_input_gives_no_value_and_the_reason(site: Site) -> None:
    assert make(site, "dew_point(t, rh)").status_code == 201
    until(lambda: site.get("/api/derived/dew-point").json["error"])
    assert "garden / temperature" in site.get("/api/derived/dew-point").json["error"]
    send(site, temperature=20)
    until(lambda: "rh" in (site.get("/api/derived/dew-point").json["error"] or ""))
    assert value(site) is None
    send(site, humidity=50)
    until(lambda: value(site) is not None)
    assert site.get("/api/derived/dew-point").json["error"] is None


ZERO = "No value now: division by zero."


def sensor_of(site: Site, slug: str) -> Any:
    listed = site.get("/api/devices/derived/sensors").json
    return next(one for one in listed if one["sensor"] == slug)


def card_of(site: Site, slug: str) -> str:
    """A widget on a derived series; its id."""
    source = {"kind": "series", "series": [{"device": "derived", "sensor": slug}]}
    return site.widget("number", params={"data_source": source})


def told_of(site: Site, widget_id: str) -> Mailbox:
    """A page that shows this widget, and has been told of everything so far."""
    site.runtime.series.tick(site.clock.now)
    box = site.runtime.hub.subscribe()
    box.watch([widget_id])
    return box


def ratio(site: Site) -> None:
    send(site, temperature=20, humidity=50)
    make(site, "t / rh", slug="ratio")
    until(lambda: value(site, "ratio") == 0.4)


def break_ratio(site: Site, **values: Any) -> None:
    site.clock.now += 10
    send(site, **(values or {"humidity": 0}))
    until(lambda: site.get("/api/derived/ratio").json["error"])


def test_a_division_by_zero_keeps_the_last_value_which_is_stale_until_the_next(site: Site) -> None:
    ratio(site)
    shown = card_of(site, "ratio")
    assert sensor_of(site, "ratio")["state"] == "live"
    break_ratio(site)
    assert site.get("/api/derived/ratio").json["error"] == "Division by zero."
    sensor = sensor_of(site, "ratio")
    assert (sensor["value"], sensor["state"], sensor["reason"]) == (0.4, "stale", ZERO)
    answer = site.get(f"/api/widgets/{shown}/data").json
    assert (answer["data"]["value"], answer["stale"], answer["error"]["message"]) == (0.4, True, ZERO)
    (view,) = site.runtime.refresher.peek([site.runtime.widgets.get(shown)]).values()
    assert (view.state, view.sentence, view.failed_at) == ("stale", ZERO, site.clock.now)
    site.clock.now += 10
    send(site, humidity=40)
    until(lambda: sensor_of(site, "ratio")["state"] == "live")
    assert value(site, "ratio") == 0.5
    answer = site.get(f"/api/widgets/{shown}/data").json
    assert (answer["stale"], answer["error"]) == (False, None)


def test_a_page_is_told_when_a_formula_fails_and_when_its_reason_is_another(site: Site) -> None:
    ratio(site)
    shown = card_of(site, "ratio")
    box = told_of(site, shown)
    versions = []
    for step in ({"humidity": 0}, {"humidity": "dry"}):
        break_ratio(site, **step)
        assert box.take(15.0) == {shown}
        until(lambda: "word" in site.get("/api/derived/ratio").json["error"] or not versions)
        (view,) = site.runtime.refresher.peek([site.runtime.widgets.get(shown)]).values()
        versions.append((view.version, view.sentence))
    assert len(set(versions)) == 2
    assert versions[1][1] == "No value now: rh (garden / humidity) is a word now, not a number."


def test_what_is_made_of_a_failing_one_is_stale_too_and_its_pages_are_told(site: Site) -> None:
    ratio(site)
    make(site, "x + 1", [{"name": "x", "device": "derived", "sensor": "ratio"}], slug="above")
    until(lambda: value(site, "above") == 1.4)
    shown = card_of(site, "above")
    box = told_of(site, shown)
    break_ratio(site)
    assert box.take(15.0) == {shown}
    sensor = sensor_of(site, "above")
    assert (sensor["value"], sensor["state"], sensor["reason"]) == (1.4, "stale", f"Dew point: {ZERO}")
    site.clock.now += 10
    send(site, humidity=20)
    until(lambda: value(site, "above") == 2)
    until(lambda: sensor_of(site, "above")["state"] == "live")


class Told:
    """Counts how often pages are told of troubles, beside the samples that came."""

    def __init__(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times = 0
        tell = site.runtime.hub.mark_series

        def counted(series: Iterable[int], *, widgets: bool = True, listeners: bool = True) -> None:
            found = list(series)
            self.times += bool(found) and not listeners
            tell(found, widgets=widgets, listeners=listeners)

        monkeypatch.setattr(site.runtime.hub, "mark_series", counted)


def test_a_formula_that_goes_on_failing_is_told_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ratio(site)
    make(site, "t + 0", slug="copy")
    until(lambda: value(site, "copy") == 20)
    told = Told(site, monkeypatch)
    break_ratio(site)
    for warmer in (21, 22, 23):
        site.clock.now += 1
        send(site, temperature=warmer)
        until(lambda warm=warmer: value(site, "copy") == warm)
    until(lambda: told.times)
    assert told.times == 1
    assert sensor_of(site, "ratio")["state"] == "stale"


def test_a_formula_that_fails_and_works_in_turn_is_told_at_most_once_each_time_it_is_worked_out(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ratio(site)
    told, rounds = Told(site, monkeypatch), []
    work_out = site.runtime.derived._work.work_out

    def counted(slugs: Iterable[str]) -> None:
        rounds.append(1)
        work_out(slugs)

    monkeypatch.setattr(site.runtime.derived._work, "work_out", counted)
    for turn in range(200):
        site.clock.now += 0.01
        site.runtime.ingest.take(Outcome(readings=(reading("garden", "humidity", float(turn % 2)),)))
    site.clock.now += 1
    send(site, temperature=7, humidity=1)
    until(lambda: value(site, "ratio") == 7)
    until(lambda: sensor_of(site, "ratio")["state"] == "live")
    assert told.times <= len(rounds) < 200


def test_a_trouble_is_known_again_from_the_first_moment_after_a_restart(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        ratio(site)
        break_ratio(site)
    with Site(tmp_path) as again:
        again.clock.now += 20
        sensor = sensor_of(again, "ratio")
        assert (sensor["value"], sensor["state"], sensor["reason"]) == (0.4, "stale", ZERO)
        send(again, humidity=40)
        until(lambda: sensor_of(again, "ratio")["state"] == "live")
        assert value(again, "ratio") == 0.5


def test_one_that_never_had_a_value_says_why_on_its_card(site: Site) -> None:
    make(site, "dew_point(t, rh)")
    until(lambda: site.get("/api/derived/dew-point").json["error"])
    sentence = "No value now: t: nothing was heard of garden / temperature, or it was forgotten."
    (view,) = site.runtime.refresher.peek([site.runtime.widgets.get(card_of(site, "dew-point"))]).values()
    assert (view.state, view.sentence) == ("empty", sentence)
    sensor = sensor_of(site, "dew-point")
    assert (sensor["state"], sensor["reason"]) == ("unknown", sentence)


def test_what_glance_itself_could_not_do_is_no_value_that_is_live(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ratio(site)

    def fault(*_: object) -> float:
        raise RuntimeError("a fault of the program")

    monkeypatch.setattr(site.runtime.derived._work, "value", fault)
    break_ratio(site, humidity=40)
    sensor = sensor_of(site, "ratio")
    assert (sensor["value"], sensor["state"]) == (0.4, "stale")
    assert "its log says more" in sensor["reason"]


def test_a_derived_series_can_be_made_of_another_but_never_of_itself(site: Site) -> None:
    send(site, temperature=20, humidity=50)
    make(site, "t + 1", slug="one")
    up = [{"name": "x", "device": "derived", "sensor": "one"}]
    assert make(site, "x * 2", up, slug="two").status_code == 201
    until(lambda: value(site, "two") == 42)
    site.clock.now += 10
    send(site, temperature=30)
    until(lambda: value(site, "two") == 62)
    back = [{"name": "x", "device": "derived", "sensor": "two"}]
    refused = site.patch("/api/derived/one", {"expression": "x", "inputs": back})
    assert (refused.status_code, fields(refused)) == (422, {"inputs"})
    assert make(site, "x", [{"name": "x", "device": "derived", "sensor": "me"}], slug="me").status_code == 422
    assert site.delete("/api/derived/one").status_code == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"expression": "t +"}, "expression"),
        ({"expression": "t + unknown"}, "expression"),
        ({"expression": "system(t)"}, "expression"),
        ({"inputs": []}, "inputs"),
        (
            {"inputs": [{"name": "sum", "device": "garden", "sensor": "temperature"}], "expression": "1"},
            "inputs.0.name",
        ),
        ({"inputs": [CLIMATE[0], CLIMATE[0]], "expression": "t"}, "inputs.1.name"),
        ({"title": "  "}, "title"),
        ({"decimals": 99}, "decimals"),
        ({"slug": "Not A Slug"}, "slug"),
        ({"more": 1}, "more"),
    ],
)
def test_what_does_not_fit_is_named_by_its_field(site: Site, body: dict[str, Any], field: str) -> None:
    answer = site.post("/api/derived", {"title": "A", "expression": "t", "inputs": CLIMATE, **body})
    assert answer.status_code == 422
    assert field in fields(answer)
    assert site.get("/api/derived").json["items"] == []


def test_it_can_be_changed_listed_and_deleted_and_its_history_stays(site: Site) -> None:
    send(site, temperature=20, humidity=50)
    made = make(site, "t", unit="°C")
    until(lambda: value(site) == 20)
    assert [one["slug"] for one in site.get("/api/derived").json["items"]] == ["dew-point"]
    tag = site.get("/api/derived/dew-point").headers["ETag"]
    assert tag == made.headers["ETag"]
    site.clock.now += 5
    changed = site.patch("/api/derived/dew-point", {"expression": "t * 2", "unit": None}, headers={"If-Match": tag})
    assert (changed.status_code, changed.json["unit"]) == (200, None)
    until(lambda: value(site) == 40)
    stale = site.patch("/api/derived/dew-point", {"title": "X"}, headers={"If-Match": tag})
    assert (stale.status_code, stale.json["current"]["expression"]) == (412, "t * 2")
    assert make(site, "t", slug="dew-point").status_code == 422
    assert site.delete("/api/derived/dew-point").status_code == 204
    assert site.get("/api/derived/dew-point").status_code == 404
    (sensor,) = site.get("/api/devices/derived/sensors").json
    assert (sensor["hidden"], sensor["state"]) == (True, "removed")
    assert len(site.get("/api/devices/derived/sensors/dew-point/history").json["points"]) == 2


def test_it_is_no_more_alive_than_what_it_is_made_of(site: Site) -> None:
    send(site, temperature=20, humidity=50)
    make(site, "t + rh", slug="both")
    until(lambda: value(site, "both") == 70)
    gone = Liveness("garden", "offline", bridge=False, retained=False)
    site.runtime.ingest.take(Outcome(liveness=(gone,), verdict="liveness"))
    (sensor,) = site.get("/api/devices/derived/sensors").json
    assert sensor["state"] == "offline"
    assert "Temperature" in sensor["reason"] or "Humidity" in sensor["reason"]


def test_what_is_made_of_a_forgotten_sensor_is_not_live_until_that_is_back(site: Site) -> None:
    send(site, temperature=20, humidity=50)
    make(site, "t + rh", slug="both")
    until(lambda: value(site, "both") == 70)
    assert site.delete("/api/devices/garden/sensors/humidity").status_code == 204
    (sensor,) = site.get("/api/devices/derived/sensors").json
    assert (sensor["value"], sensor["state"]) == (70, "stale")
    assert "not there any more" in sensor["reason"] or "garden / humidity" in sensor["reason"]
    until(lambda: "garden / humidity" in (site.get("/api/derived/both").json["error"] or ""))
    assert "garden / humidity" in sensor_of(site, "both")["reason"]
    site.post("/api/devices/garden/sensors/humidity/restore")
    until(lambda: site.get("/api/derived/both").json["error"] is None)
    assert site.get("/api/devices/derived/sensors").json[0]["state"] == "live"


def test_a_widget_shows_it_like_any_other_sensor(site: Site) -> None:
    send(site, temperature=20, humidity=50)
    make(site, "t", slug="copy")
    until(lambda: value(site, "copy") == 20)
    site.post("/api/dashboards", {"title": "Home"})
    body = {"sensor_variable": "copy", "widget_type": "stat", "dashboard": "home"}
    made = site.post("/api/devices/derived/create-widget", body)
    assert made.status_code == 201
    assert site.get(f"/api/widgets/{made.json['id']}/data").json["data"]["value"] == 20


def test_after_its_device_was_forgotten_it_comes_back_with_name_and_unit(site: Site) -> None:
    send(site, temperature=20, humidity=50)
    make(site, "t", unit="°C")
    until(lambda: value(site) == 20)
    assert site.delete("/api/devices/derived").status_code == 204
    site.clock.now += 5
    send(site, temperature=21)
    until(lambda: value(site) == 21)
    (sensor,) = site.get("/api/devices/derived/sensors").json
    assert (sensor["name"], sensor["unit"]) == ("Dew point", "°C")


def test_a_moving_average_takes_the_stored_past(site: Site) -> None:
    for turn in range(6):
        site.clock.now += 60
        send(site, temperature=10 * turn)
    make(site, "average(t, 3)", CLIMATE[:1], slug="smooth")
    until(lambda: value(site, "smooth") is not None)
    assert value(site, "smooth") == pytest.approx(35, abs=5.1)
    assert math.isfinite(value(site, "smooth"))


def test_after_a_restart_nothing_is_stored_twice(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        send(site, temperature=20, humidity=50)
        make(site, "t", slug="copy")
        until(lambda: value(site, "copy") == 20)
    with Site(tmp_path) as again:
        until(lambda: value(again, "copy") == 20)
        again.clock.now += 30
        send(again, temperature=25)
        until(lambda: value(again, "copy") == 25)
        sensor = again.runtime.derived.sensor("copy")
        assert sensor is not None
        assert [sample.value for sample in again.runtime.samples.recent(sensor.id)] == [20, 25]


def _shown_as_old(pages: Pages, client: FlaskClient) -> None:
    """What every page says while the formula fails; parts of open pages come anew."""
    here = {"base_url": "http://localhost"}
    sentence = "No value now: a dew point needs a humidity above 0 %."
    one, every = "/devices/derived?sensor=dew-point", "/devices"
    before = [set(re.findall(r'data-v="(\w+)"', client.get(address, **here).text)) for address in (one, every)]
    assert sentence not in client.get(one, **here).text
    pages.runtime.ingest.submit([reading("garden", "humidity", 0.0, unit="%")])
    until(lambda: pages.runtime.derived.trouble("dew-point"))
    for address, versions in zip((one, every), before, strict=True):
        text = client.get(address, **here).text
        assert f'title="{sentence}"' in text
        assert set(re.findall(r'data-v="(\w+)"', text)) - versions
    chart = re.search(r'id="dv-chart"[^>]*data-state="(\w+)"', client.get(one, **here).text)
    assert chart is not None
    assert chart[1] == "stale"
    assert "A dew point needs a humidity above 0 %." in client.get("/devices/derived", **here).text
    assert "It has no value now." in _tried(pages, client)
    pages.runtime.ingest.submit([reading("garden", "humidity", 50.0, unit="%")])
    until(lambda: pages.runtime.derived.trouble("dew-point") is None)
    assert sentence not in client.get(one, **here).text


def _tried(pages: Pages, client: FlaskClient) -> str:
    """The answer to *Try it* on the form of the dew point."""
    here = {"base_url": "http://localhost"}
    token = client.get("/devices/derived/new", **here).text.split('name="csrf_token" value="')[1].split('"')[0]
    t, rh = (str(pages.runtime.devices.find("garden", name).id) for name in ("temperature", "humidity"))
    typed = {
        "csrf_token": token, "p.title": "Dew point", "p.expression": "dew_point(t, rh)", "p.inputs.0.name": "t",
        "p.inputs.0.sensor": t, "p.inputs.1.name": "rh", "p.inputs.1.sensor": rh, "do": "try",
    }  # fmt: skip
    headers = {"Origin": "http://localhost"}
    return client.post("/devices/derived/dew-point/edit", data=typed, headers=headers, **here).text


def test_the_pages_list_make_change_and_delete_without_script(tmp_path: Path) -> None:
    pages = Pages(tmp_path)
    pages.runtime.ingest.start()
    try:
        _through_the_pages(pages)
    finally:
        pages.runtime.stop()


def _through_the_pages(pages: Pages) -> None:
    client, rt = pages.app.test_client(), pages.runtime
    rt.ingest.submit([reading("garden", "temperature", 20.0, unit="°C"), reading("garden", "humidity", 50.0, unit="%")])
    rt.derived.start()
    here = {"base_url": "http://localhost"}
    assert "No derived value yet" in client.get("/devices/derived", **here).text
    form = client.get("/devices/derived/new", **here).text
    token = form.split('name="csrf_token" value="')[1].split('"')[0]
    t, rh = (str(rt.devices.find("garden", name).id) for name in ("temperature", "humidity"))
    typed = {
        "csrf_token": token, "p.title": "Dew point", "p.expression": "dew_point(t, rh)", "p.unit": "°C", "p.inputs.0.name": "t",
        "p.inputs.0.sensor": t, "p.inputs.1.name": "rh", "p.inputs.1.sensor": rh,
    }  # fmt: skip
    headers = {"Origin": "http://localhost"}
    tried = client.post("/devices/derived/new", data={**typed, "do": "try"}, headers=headers, **here)
    assert "9.26" in tried.text
    more = client.post("/devices/derived/new", data={**typed, "do": "add:inputs"}, headers=headers, **here)
    assert "p.inputs.2.name" in more.text
    wrong = client.post(
        "/devices/derived/new", data={**typed, "p.expression": "x +", "do": "save"}, headers=headers, **here
    )
    assert wrong.status_code == 422
    assert "This is not a formula" in wrong.text
    saved = client.post("/devices/derived/new", data={**typed, "do": "save"}, headers=headers, **here)
    assert (saved.status_code, saved.location) == (303, "/devices/derived#d-dew-point")
    until(lambda: rt.derived.latest("dew-point"))
    assert "9.26" in client.get("/devices/derived", **here).text
    assert "Dew point" in client.get("/devices/derived?sensor=dew-point", **here).text
    _shown_as_old(pages, client)
    edit = client.get("/devices/derived/dew-point/edit", **here).text
    assert "dew_point(t, rh)" in edit
    changed = {**typed, "p.expression": "t", "do": "save"}
    assert client.post("/devices/derived/dew-point/edit", data=changed, headers=headers, **here).status_code == 303
    assert rt.derived.get("dew-point").expression == "t"
    gone = client.post("/devices/derived/dew-point/delete", data={"csrf_token": token}, headers=headers, **here)
    assert gone.status_code == 303
    assert rt.derived.all() == []
