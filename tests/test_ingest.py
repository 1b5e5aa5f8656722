"""From a message to memory and disk: acknowledgements, repeats, devices that come, change and go, and a full disk."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from glance.errors import Conflict, Invalid, NotFound, Unavailable
from glance.ingest import Delivery, Ingest
from glance.ingest.counters import growth
from glance.ingest.deliveries import Receipt
from glance.ingest.flood import Limits
from glance.ingest.latecomers import MOST_SENSORS, Latecomers
from glance.ingest.liveness import standing
from glance.ingest.pending import IDLE_S, Pending
from glance.ingest.receiving import LEARNED_EVERY_S
from glance.mqtt.client.state import BrokerState
from glance.mqtt.readings import Bridged, DeviceInfo, Liveness, Outcome, Removed, Renamed, SensorInfo
from glance.standings import Standings
from tests.ingest_parts import Site, reading
from tests.waiting import until


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as found:
        yield found


def body(value: float, sensor: str = "s", device: str = "d", **more: Any) -> dict[str, Any]:
    return {"device_id": device, "sensor_type": sensor, "value": value, **more}


def values(site: Site, device: str = "d", sensor: str = "s", limit: int = 50) -> list[float | None]:
    return [sample.value for sample in site.samples.recent(site.series(device, sensor), limit)]


# Memory first


def test_a_reading_is_in_memory_at_once_and_on_disk_after_the_commit(site: Site) -> None:
    site.put(reading("d", "s", 21.5, unit="°C"))
    latest = site.samples.latest(site.series())
    assert latest is not None
    assert (latest.value, latest.at, latest.retained) == (21.5, site.clock(), False)
    assert values(site) == [21.5]
    assert site.count("inbox") == 0
    assert site.ingest.flush()
    assert site.count("inbox") == 1
    assert site.devices.sensor("d", "s").unit == "°C"


def test_open_pages_hear_of_a_burst_once(site: Site) -> None:
    site.put(reading("d", "s", 1.0))
    box = site.hub.subscribe()
    box.listen([site.series()])
    site.hub.follow("widget-1", [site.series()])
    box.watch(["widget-1"])
    for number in range(20):
        site.put(reading("d", "s", float(number)))
    site.ingest.settle()
    assert box.take(1) == {f"series:{site.series()}", "widget-1"}
    assert box.take(0.01) == set()
    site.hub.follow("widget-1", [])
    box.listen([])
    site.put(reading("d", "s", 3.0))
    site.ingest.settle()
    assert box.take(0.01) == set()


def test_a_boolean_is_a_number_with_its_word_and_a_text_is_a_word(site: Site) -> None:
    site.put(reading("d", "relay", True, label="ON"), reading("d", "mode", "heat", kind="enum"))
    relay, mode = (site.samples.recent(site.series("d", name))[0] for name in ("relay", "mode"))
    assert (relay.value, relay.text) == (1.0, "ON")
    assert (mode.value, mode.text) == (None, "heat")
    site.fold()
    assert site.samples.recent(site.series("d", "relay")) == [relay]
    assert site.samples.recent(site.series("d", "mode")) == [mode]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400])
def test_numbers_that_are_none_are_left_out(site: Site, value: float) -> None:
    site.put(reading("d", "s", value))
    assert values(site) == []


def test_a_lone_surrogate_does_not_stop_the_writer(site: Site) -> None:
    site.put(reading("d\ud800", "s\ud800", "x\ud800"))
    assert site.ingest.flush()
    assert [device.id for device in site.devices.all()] == ["d?"]


def test_a_sensor_that_changes_its_type_keeps_its_history(site: Site) -> None:
    site.put(reading("d", "s", 1.0))
    site.put(reading("d", "s", "off", kind="enum"))
    site.put(reading("d", "s", 2.0))
    site.fold()
    assert [(each.value, each.text) for each in site.samples.recent(site.series())] == [
        (1, None),
        (None, "off"),
        (2, None),
    ]
    assert site.devices.sensor("d", "s").kind == "number"
    assert site.samples.history(site.series(), site.clock() - 60, site.clock() + 60).points[-1].avg == 2.0


def test_payload_times_are_kept_and_equal_times_are_both_kept(site: Site) -> None:
    at = site.clock() - 50
    site.put(reading("d", "s", 1.0, at=at), reading("d", "s", 2.0, at=at), reading("d", "s", 3.0, at=at - 5))
    site.fold()
    assert [(each.at, each.value) for each in site.samples.recent(site.series())] == [(at - 5, 3), (at, 1), (at, 2)]
    latest = site.samples.latest(site.series())
    assert latest is not None
    assert latest.value == 2.0, "the newest by time, not by arrival"


def test_a_correction_is_added_to_each_new_number(site: Site) -> None:
    site.put(reading("d", "s", 20.0))
    site.devices.change_sensor("d", "s", {"correction": -0.5})
    site.put(reading("d", "s", 20.0))
    assert values(site) == [20.0, 19.5]


def test_what_has_no_time_of_its_own_is_newest_also_after_a_clock_that_is_ahead(site: Site) -> None:
    site.put(reading("d", "s", 1.0, at=site.clock() + 60))
    site.put(reading("d", "s", 2.0))
    latest = site.samples.latest(site.series())
    assert latest is not None
    assert latest.value == 2.0


def test_a_repeat_on_another_topic_keeps_a_sensor_alive_and_is_no_sample(site: Site) -> None:
    site.put(reading("d", "s", 1.0))
    site.clock.forward(1)
    site.put(replace(reading("d", "s", 1.0), repeat=True))
    latest = site.samples.latest(site.series())
    assert latest is not None
    assert (values(site), latest.heard_at) == ([1.0], site.clock())


# Retained


def test_a_retained_value_fills_the_tile_and_is_no_sample(site: Site) -> None:
    site.put(reading("d", "s", 7.0, retained=True))
    latest = site.samples.latest(site.series())
    assert latest is not None
    assert (latest.value, latest.at, latest.retained) == (7.0, None, True)
    assert values(site) == []
    site.reopen()
    latest = site.samples.latest(site.series())
    assert latest is not None
    assert latest.value == 7.0, "after a restart without a broker too"


def test_the_same_retained_value_again_does_not_age_what_is_known(site: Site) -> None:
    site.put(reading("d", "s", 7.0))
    known = site.samples.latest(site.series())
    site.put(reading("d", "s", 7.0, retained=True))
    assert site.samples.latest(site.series()) == known
    site.put(reading("d", "s", 8.0, retained=True, at=site.clock() - 1000))
    assert site.samples.latest(site.series()) == known, "older than what is known"
    site.put(reading("d", "s", 9.0, retained=True))
    latest = site.samples.latest(site.series())
    assert latest is not None
    assert (latest.value, latest.at) == (9.0, None), "it changed while Glance was away"
    site.put(reading("d", "s", 10.0))
    latest = site.samples.latest(site.series())
    assert latest is not None
    assert latest.value == 10.0
    assert site.devices.sensor("d", "s").kept_value is None


# Acknowledgements


def test_a_delivery_is_acknowledged_only_after_its_commit(site: Site) -> None:
    site.deliver(body(1), 5)
    assert site.acknowledged == []
    site.ingest.flush()
    assert site.acknowledged == [(1, 5)]


def test_what_has_no_effect_is_acknowledged_at_once(site: Site) -> None:
    site.deliver(Outcome(verdict="command", sentence="A command."), 9)
    assert site.acknowledged == [(1, 9)]
    assert site.count("seen") == 0


def test_a_delivery_that_comes_again_after_a_crash_is_not_stored_again(site: Site) -> None:
    site.ingest.connected(1, False, False)
    site.deliver(body(1), 5)
    site.deliver(body(2), 6)
    site.ingest.flush()
    site.deliver(body(3), 7)
    site.reopen(crash=True)
    site.ingest.connected(1, True, False)
    for mid in (5, 6, 7):
        site.deliver(body(mid - 4), mid, again=True)
    assert site.acknowledged == [(1, 5), (1, 6)], "stored ones at once"
    site.ingest.flush()
    assert site.acknowledged == [(1, 5), (1, 6), (1, 7)]
    assert values(site) == [1, 2, 3]
    assert site.ingest.health().repeated == 2


def test_a_delivery_that_waits_for_its_commit_and_comes_again_is_stored_once(site: Site) -> None:
    site.ingest.connected(1, False, False)
    site.deliver(body(1), 5)
    site.ingest.connected(2, True, False)
    site.deliver(body(1), 5, again=True, connection=2)
    site.ingest.flush()
    assert site.acknowledged == [(2, 5)], "on the connection it came by last"
    assert values(site) == [1]


def test_a_reused_message_id_with_other_content_is_a_new_message(site: Site) -> None:
    site.ingest.connected(1, False, False)
    site.deliver(body(1), 5)
    site.ingest.flush()
    site.deliver(body(2), 5, again=True)
    site.deliver(body(1), 5)
    site.ingest.flush()
    assert values(site) == [1, 2, 1]


def test_a_new_session_forgets_what_was_seen(site: Site) -> None:
    site.ingest.connected(1, False, False)
    site.deliver(body(1), 5)
    site.ingest.flush()
    site.reopen(crash=True)
    site.ingest.connected(1, False, False)
    site.deliver(body(1), 5, again=True)
    site.ingest.flush()
    assert values(site) == [1, 1], "another session's message 5"
    assert site.count("seen") == 1


def test_what_the_broker_has_let_go_is_no_longer_seen(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.ingest.connected(1, False, False)
    site.deliver(body(1), 5)
    site.ingest.flush()
    site.fold()
    assert site.count("seen") == 1
    monkeypatch.setattr("glance.ingest.deliveries.CONFIRMED_S", -1.0)
    for mid in (6, 7, 8):
        site.deliver(body(mid), mid)
        site.ingest.flush()
    assert site.count("seen") == 4
    site.fold()
    assert site.count("seen") == 2, "of this and the last window of time"


# When to commit


class Ticks:
    """Monotonic seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def pending() -> tuple[Pending, Ticks]:
    ticks = Ticks()
    return Pending(threading.RLock(), monotonic=ticks), ticks


def receipt(mid: int = 1) -> Any:
    return Receipt(mid, 0, 1)


def add(waiting: Pending, mid: int) -> None:
    waiting.add_row((mid, 1, mid, 1.0, None))
    waiting.add_receipt(receipt(mid))


def test_without_acknowledgements_a_commit_waits_ten_seconds() -> None:
    waiting, ticks = pending()
    with waiting._condition:
        waiting.add_row((1, 1, 1, 1.0, None))
    assert waiting._due_at(ticks.now) == ticks.now + IDLE_S


def commit(waiting: Pending, ticks: Ticks) -> int:
    """Let time pass until the commit is due, and acknowledge; returns how many waited."""
    due = waiting._due_at(ticks.now)
    assert due is not None
    ticks.now = max(ticks.now, due)
    count = len(waiting.take_now().receipts)
    waiting.acknowledged(count)
    return count


@pytest.mark.parametrize("rate", [1, 10, 30, 45, 60])
def test_a_slow_stream_does_not_cost_a_commit_for_each_message(rate: int) -> None:
    """Where the broker does not wait for us commits are soon seconds apart."""
    waiting, ticks = pending()
    commits: list[int] = []
    for mid in range(rate * 120):
        after = ticks.now + 1 / rate
        with waiting._condition:
            add(waiting, mid)
            due = waiting._due_at(ticks.now)
            if due is not None and due < after:
                commits.append(commit(waiting, ticks))
        ticks.now = after
    assert len(commits) < 60
    assert commits[-1] >= min(200, rate * 5 - 1)


@pytest.mark.parametrize("window", [1, 3, 32])
def test_a_broker_that_holds_back_is_found_out_and_gets_its_acknowledgements_at_once(window: int) -> None:
    """EMQX sends 32 unacknowledged messages, whatever the client allows; a broker may be set to send a single one."""
    waiting, ticks = pending()
    sent, began = 0, ticks.now
    for _ in range(200):
        with waiting._condition:
            for _ in range(window):
                add(waiting, sent)
                sent += 1
                ticks.now += 0.0005
            assert commit(waiting, ticks) == window
        ticks.now += 0.001
    assert waiting.pace.proven == window
    assert sent / (ticks.now - began) > 30 * window, "messages a second"


def test_with_few_in_flight_ten_waiting_acknowledgements_are_enough() -> None:
    waiting, ticks = pending()
    waiting.pace.few = True
    with waiting._condition:
        for mid in range(10):
            add(waiting, mid)
        assert waiting._due_at(ticks.now) == ticks.now


def test_many_rows_are_committed_within_a_quarter_of_a_second() -> None:
    waiting, ticks = pending()
    with waiting._condition:
        for mid in range(600):
            waiting.add_row((mid, 1, mid, 1.0, None))
        assert waiting._due_at(ticks.now) == ticks.now + 0.25


def test_the_writing_thread_commits_by_itself(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        site.ingest.start()
        site.deliver(body(1), 5)
        assert until(lambda: site.acknowledged == [(1, 5)])
        assert site.count("inbox") == 1


def test_submit_returns_once_its_readings_are_committed(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        site.ingest.start()
        assert site.ingest.submit([reading("d", "s", 1.0), reading("d", "t", 2.0)]) == 2
        assert site.count("inbox") == 2


def test_stop_commits_what_is_pending(site: Site) -> None:
    site.deliver(body(1), 5)
    site.ingest.stop()
    assert site.acknowledged == [(1, 5)]
    site.ingest.stop()
    site.open()
    assert values(site) == [1]


# A disk that is full


def fill_disk(site: Site, full: bool) -> None:
    """Make SQLite refuse every further page, as a full disk does."""
    with site.db.write() as con:
        pages = con.execute("PRAGMA page_count").fetchone()[0]
        con.execute(f"PRAGMA max_page_count = {pages if full else 1_000_000}")


def much(site: Site, begin: int, count: int) -> None:
    for number in range(begin, begin + count):
        site.put(reading("d", "s", float(number)))


def test_a_full_disk_loses_nothing_while_memory_lasts(site: Site) -> None:
    site.put(reading("d", "s", -1.0))
    site.ingest.flush()
    fill_disk(site, True)
    much(site, 0, 5000)
    site.deliver(body(5000), 9)
    assert not site.ingest.flush()
    health = site.ingest.health()
    assert health.sentence is not None
    assert health.sentence.startswith("Readings cannot be stored: The disk is full")
    assert (health.held, health.lost) == (5001, 0)
    assert site.acknowledged == [], "the broker keeps what is not stored"
    assert values(site)[-1] == 5000, "pages stay live"
    fill_disk(site, False)
    assert site.ingest.flush()
    assert site.ingest.health().sentence is None
    assert site.acknowledged == [(1, 9)]
    assert site.count("inbox") == 5002


def test_what_memory_cannot_hold_is_counted_and_said(tmp_path: Path) -> None:
    with Site(tmp_path, max_held=1000) as site:
        asked: list[bool] = []
        site.ingest.redeliver = lambda: asked.append(True)
        site.put(reading("d", "s", -1.0))
        site.ingest.flush()
        fill_disk(site, True)
        much(site, 0, 1300)
        assert not site.ingest.flush()
        site.deliver(body(7), 9)
        health = site.ingest.health()
        assert (health.held, health.lost, health.refused) == (1000, 300, 1)
        assert "300 more could not be held and are lost" in str(health.sentence)
        with pytest.raises(Unavailable):
            site.ingest.submit([reading("d", "s", 1.0)])
        fill_disk(site, False)
        assert site.ingest.flush()
        assert asked == [True], "what was left to the broker is asked for again"
        assert site.acknowledged == []
        assert site.ingest.health().sentence == "300 readings were lost because they could not be stored in time."
        assert site.count("inbox") == 1001


def test_submit_says_why_it_could_not_store(site: Site) -> None:
    site.put(reading("d", "s", 1.0))
    site.ingest.flush()
    fill_disk(site, True)
    much(site, 0, 5000)
    site.ingest.flush()
    with pytest.raises(Unavailable, match="The disk is full"):
        site.ingest.submit([reading("d", "s", 1.0)], wait_s=0.01)
    fill_disk(site, False)


# Devices come, change and go


def test_a_device_is_described_and_the_owner_has_the_last_word(site: Site) -> None:
    site.put(
        reading("d", "s", 1.0),
        devices=(DeviceInfo("d", name="Plug", maker="Acme", room="Kitchen"),),
        sensors=(SensorInfo("d", "s", name="Power", unit="W", device_class="power", decimals=1),),
    )
    site.put(reading("d", "s", 1.0), devices=(DeviceInfo("d", model="P1"),))
    site.devices.change("d", {"label": "Kettle", "own_room": " Attic "})
    site.devices.change_sensor("d", "s", {"label": "Draw", "own_unit": "kW", "own_hidden": True})
    site.put(devices=(DeviceInfo("d", name="Plug 2"),))
    site.reopen()
    device, sensor = site.devices.get("d"), site.devices.sensor("d", "s")
    assert (device.title, device.place, device.name, device.maker, device.model) == (
        "Kettle",
        "Attic",
        "Plug 2",
        "Acme",
        "P1",
    )
    assert (sensor.title, sensor.shown_unit, sensor.hidden, sensor.device_class) == ("Draw", "kW", True, "power")
    site.devices.change("d", {"label": "  "})
    assert site.devices.get("d").title == "Plug 2"


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"label": 5}, "label"), ({"name": "x"}, "name"), ({"hidden": "yes"}, "hidden"), ({"label": "x" * 121}, "label")],
)
def test_changes_of_a_device_that_do_not_fit_name_the_field(site: Site, changes: dict[str, Any], field: str) -> None:
    site.put(reading("d", "s", 1.0))
    with pytest.raises(Invalid) as caught:
        site.devices.change("d", changes)
    assert [error.field for error in caught.value.errors] == [field]


@pytest.mark.parametrize(
    "changes", [{"raw_days": 0}, {"own_decimals": 9}, {"correction": True}, {"own_expire_after_s": -1}]
)
def test_changes_of_a_sensor_that_do_not_fit_are_refused(site: Site, changes: dict[str, Any]) -> None:
    site.put(reading("d", "s", 1.0))
    with pytest.raises(Invalid):
        site.devices.change_sensor("d", "s", changes)


def test_a_sensor_that_is_only_declared_exists_without_a_value(site: Site) -> None:
    site.put(sensors=(SensorInfo("d", "s", name="Rain", unit="mm"),))
    assert site.devices.sensor("d", "s").title == "Rain"
    assert site.samples.latest(site.series()) is None
    site.put(reading("d", "s", 1.0))
    assert site.devices.sensor("d", "s").unit == "mm"


def test_liveness_of_a_bridge_reaches_the_devices_behind_it(site: Site) -> None:
    site.put(reading("lamp", "s", 1.0), bridged=(Bridged("lamp", "z2m"),))
    box = site.hub.subscribe()
    box.listen([site.series("lamp")])
    site.put(liveness=(Liveness("z2m", "offline", True, False),))
    site.ingest.settle()
    assert box.take(1) == {f"series:{site.series('lamp')}"}
    assert site.ingest.catalog.bridges["z2m"][0] == "offline"
    site.put(liveness=(Liveness("lamp", "asleep", False, False),))
    assert site.devices.get("lamp").state == "asleep"


def test_the_worst_link_decides_whether_a_value_is_live() -> None:
    good: dict[str, Any] = {
        "broker": None, "bridge": "online", "device": "online", "removed": False, "heard_at": 1000.0,
        "expires_s": None, "usual_gap_s": 60.0, "now": 1100.0,
    }  # fmt: skip
    assert standing(**good).state == "live"
    assert standing(**good).stale_at == 1600.0, "at least ten minutes"
    assert standing(**{**good, "now": 1601.0}).state == "stale"
    assert standing(**{**good, "usual_gap_s": 3600.0, "now": 9000.0}).state == "live", "three usual gaps"
    assert standing(**{**good, "expires_s": 50.0}).state == "stale", "what was declared wins"
    assert standing(**{**good, "device": "offline"}).state == "offline"
    assert standing(**{**good, "device": "asleep", "now": 99999.0}).state == "asleep"
    assert standing(**{**good, "bridge": "offline", "device": "asleep"}).state == "offline"
    assert standing(**{**good, "broker": "No broker."}).sentence == "No broker."
    assert standing(**{**good, "removed": True}).state == "removed"
    assert standing(**{**good, "heard_at": None}).state == "unknown"


def test_what_came_by_http_stays_live_while_the_broker_is_away_however_often_it_is_tried(site: Site) -> None:
    away = BrokerState("waiting", False, "127.0.0.1:1883", 0.0, None, 0, "Nothing listens.", None, 0, 0, True)
    standings = Standings(site.ingest, lambda: replace(away, since=site.clock()))

    def states() -> list[str]:
        return [standings.of_sensor(site.devices.sensor(name, "s"), site.clock()).state for name in ("http", "mqtt")]

    site.ingest.start()
    site.put(reading("mqtt", "s", 1.0), reading("http", "s", 1.0))
    assert states() == ["offline", "offline"]
    site.ingest.submit([reading("http", "s", 1.0)])
    site.clock.forward(5)
    assert states() == ["live", "offline"]
    site.put(reading("http", "s", 2.0))
    assert states() == ["offline", "offline"]


def test_the_usual_gap_is_measured_and_found_again_after_a_restart(site: Site) -> None:
    for _ in range(6):
        site.put(reading("d", "s", 1.0))
        site.clock.forward(30)
    assert site.samples.usual_gap_s(site.series()) == 30
    site.reopen()
    assert site.samples.usual_gap_s(site.series()) == 30


def test_last_seen_survives_a_restart(site: Site) -> None:
    site.put(reading("d", "s", 1.0))
    at = site.clock()
    site.fold()
    site.clock.forward(5000)
    site.reopen()
    assert site.devices.last_seen("d") == at


def test_a_withdrawn_declaration_keeps_the_history_until_the_device_speaks_again(site: Site) -> None:
    site.put(reading("d", "s", 1.0))
    site.put(removed=(Removed("d", "s"), Removed("d", None)))
    assert site.devices.sensor("d", "s").removed_at == site.clock()
    assert site.devices.get("d").removed_at == site.clock()
    assert values(site) == [1.0]
    site.put(reading("d", "s", 2.0), devices=(DeviceInfo("d", name="x"),))
    assert site.devices.sensor("d", "s").removed_at is None
    assert site.devices.get("d").removed_at is None


def test_a_rename_takes_the_history_along_and_the_old_name_still_finds_it(site: Site) -> None:
    site.put(reading("topic", "s", 1.0))
    site.put(reading("0x1", "s", 2.0), renamed=(Renamed("topic", "0x1"),))
    for _ in range(2):
        assert values(site, "0x1") == [1.0, 2.0]
        assert site.devices.find("topic", "s") == site.devices.sensor("0x1", "s")
        assert [device.id for device in site.devices.all()] == ["0x1"]
        site.fold()
        site.reopen()


def test_a_renamed_sensor_goes_on_under_its_new_name(site: Site) -> None:
    site.put(reading("d", "POWER", True))
    site.put(reading("d", "relay", False), renamed=(Renamed("d", "d", "POWER", "relay"),))
    site.reopen()
    assert values(site, "d", "relay") == [1.0, 0.0]
    assert [sensor.sensor for sensor in site.devices.sensors("d")] == ["relay"]
    assert site.devices.sensor("d", "POWER").sensor == "relay"


def test_a_rename_onto_a_series_that_exists_reads_both_together(site: Site) -> None:
    site.put(reading("a", "s", 1.0))
    site.put(reading("b", "s", 2.0))
    site.put(renamed=(Renamed("a", "b", "s", "s"),))
    site.put(reading("a", "s", 3.0))
    site.fold()
    assert values(site, "b") == [1.0, 2.0, 3.0]


def test_merging_devices_reads_their_sensors_together_and_can_be_undone(site: Site) -> None:
    site.put(reading("old", "s", 1.0), reading("old", "only old", 5.0))
    site.clock.forward(10)
    site.put(reading("new", "s", 2.0), reading("new", "only new", 6.0))
    site.devices.change("old", {"label": "Cellar"})
    site.devices.merge("new", "old")
    site.clock.forward(10)
    site.put(reading("new", "s", 3.0), reading("new", "later", 7.0))
    for _ in range(2):
        assert values(site, "old") == [1.0, 2.0, 3.0]
        assert site.devices.get("new").title == "Cellar"
        assert [sensor.sensor for sensor in site.devices.sensors("old")] == ["later", "only new", "only old", "s"]
        assert site.devices.find("new", "s") == site.devices.sensor("old", "s")
        chart = site.samples.history(site.series("old"), site.clock() - 60, site.clock() + 1)
        assert [point.avg for point in chart.points] == [1.0, 2.0, 3.0]
        site.fold()
        site.reopen()
    site.devices.separate("new")
    for _ in range(2):
        assert values(site, "new") == [2.0, 3.0], "what it sent while they were one is its own too"
        assert values(site, "old") == [1.0]
        assert [sensor.sensor for sensor in site.devices.sensors("new")] == ["later", "only new", "s"]
        assert [sensor.sensor for sensor in site.devices.sensors("old")] == ["only old", "s"]
        newest = [site.samples.latest(site.series(each)) for each in ("old", "new")]
        assert [each.value for each in newest if each] == [1.0, 3.0], "neither shows the value of the other"
        site.reopen()
    with pytest.raises(NotFound):
        site.devices.separate("new")
    with pytest.raises(Conflict):
        site.devices.merge("old", "old")


def test_merging_two_sensors(site: Site) -> None:
    site.put(reading("a", "temp", 1.0), reading("b", "temperature", 2.0))
    site.devices.merge_sensors("a", "temp", "b", "temperature")
    site.put(reading("a", "temp", 3.0))
    site.reopen()
    assert values(site, "b", "temperature") == [1.0, 2.0, 3.0]
    assert site.devices.sensors("a") == []
    part = site.ingest.catalog.tracks_of("b")[0].parts[0]
    assert site.devices.separate_sensor(part.sensor.id).sensor == "temp"
    site.put(reading("a", "temp", 4.0))
    assert values(site, "a", "temp") == [1.0, 3.0, 4.0]
    assert values(site, "b", "temperature") == [2.0]
    with pytest.raises(NotFound):
        site.devices.separate_sensor(part.sensor.id)


def test_an_ignored_device_is_neither_stored_nor_shown(site: Site) -> None:
    site.put(reading("d", "s", 1.0))
    site.devices.change("d", {"ignored": True})
    site.deliver(body(2), 3)
    assert site.acknowledged == [(1, 3)]
    assert values(site) == [1.0]
    assert site.devices.all() == []
    assert [device.id for device in site.devices.all(with_ignored=True)] == ["d"]
    site.devices.change("d", {"ignored": False})
    site.put(reading("d", "s", 3.0))
    assert values(site) == [1.0, 3.0]


def test_a_retained_message_does_not_bring_a_forgotten_device_back_and_a_live_one_does(site: Site) -> None:
    site.put(reading("d", "s", 1.0), devices=(DeviceInfo("d", name="Plug"),))
    site.fold()
    site.devices.forget("d")
    site.put(
        reading("d", "s", 1.0, retained=True), devices=(DeviceInfo("d", name="Plug"),), sensors=(SensorInfo("d", "s"),)
    )
    site.reopen()
    site.put(reading("d", "s", 1.0, retained=True))
    assert site.devices.all() == []
    assert [device.id for device in site.devices.forgotten()] == ["d"]
    with pytest.raises(NotFound):
        site.devices.sensor("d", "s")
    site.put(reading("d", "s", 2.0))
    assert [device.id for device in site.devices.all()] == ["d"]
    assert values(site) == [2.0], "without its old history"


@pytest.mark.parametrize("came_back", [False, True])
def test_a_forgotten_device_can_be_brought_back_with_its_history(site: Site, came_back: bool) -> None:
    site.put(reading("d", "s", 1.0))
    site.devices.change_sensor("d", "s", {"label": "Mine"})
    site.devices.forget("d")
    if came_back:
        site.clock.forward(5)
        site.put(reading("d", "s", 2.0))
    site.devices.restore("d")
    site.put(reading("d", "s", 3.0))
    site.fold()
    site.reopen()
    assert values(site) == ([1.0, 2.0, 3.0] if came_back else [1.0, 3.0])
    assert site.devices.sensor("d", "s").title == "Mine"


def test_nothing_to_bring_back_is_said(site: Site) -> None:
    site.put(reading("d", "s", 1.0))
    with pytest.raises(NotFound, match="nothing to bring back"):
        site.devices.restore("d")
    with pytest.raises(NotFound):
        site.devices.forget("other")


# A flood


def test_ten_thousand_topics_in_a_minute_are_bounded_and_said(site: Site) -> None:
    for number in range(10_000):
        site.ingest.deliver(
            Delivery(f"flood/{number}", f'{{"device_id":"f{number}","sensor_type":"s","value":1}}'.encode(), False)
        )
    site.ingest.flush()
    assert site.count("devices") == site.count("series") == 600
    assert site.count("inbox") == 600
    assert len(site.ingest.messages._topics) == 2000
    sentence = site.devices.flood
    assert sentence is not None
    assert "More than 600 new devices appeared within a minute; 9400 readings" in sentence
    site.clock.forward(3700)
    assert site.devices.flood is None
    site.put(reading("later", "s", 1.0))
    assert site.devices.find("later", "s")


def kept(site: Site, devices: int) -> None:
    """What a broker keeps of so many devices, each with a word about itself the first time."""
    first = not site.devices.all()
    for number in range(devices):
        about = (DeviceInfo(f"k{number}", name=f"Kept {number}"),) if first else ()
        sensor = (SensorInfo(f"k{number}", "s", unit="V", name="Voltage"),) if first else ()
        site.put(reading(f"k{number}", "s", float(number), retained=True), devices=about, sensors=sensor)


def test_a_thousand_devices_that_the_broker_keeps_are_all_there_within_a_minute(site: Site) -> None:
    asked: list[float] = []
    site.ingest.ask_retained = lambda: asked.append(site.clock())
    site.ingest.connected(1, False, False)
    kept(site, 1000)
    assert len(site.devices.all()) == 600
    assert "are asked for again as soon as there is room" in str(site.devices.flood)
    for _ in range(60):
        site.clock.forward(1)
        before = len(asked)
        site.ingest.settle()
        if len(asked) > before:
            kept(site, 1000)
    assert len(site.devices.all()) == 1000
    assert len(asked) <= 3
    # one that came later is described like the first ones, though that was said only once
    assert site.devices.get("k999").title == "Kept 999"
    assert site.devices.sensor("k999", "s").unit == "V"
    site.clock.forward(20)
    site.ingest.settle()
    assert site.devices.flood is None


@pytest.mark.parametrize("how", ["ignored", "forgotten"])
def test_what_was_said_of_a_device_is_given_up_with_it(site: Site, how: str) -> None:
    site.ingest.set_limits(Limits(per_device=1))
    for device in ("d", "other"):
        site.put(reading(device, "s", 1.0))
        site.put(sensors=(SensorInfo(device, "more", unit="V"),))
    late = site.ingest.learning._late
    if how == "ignored":
        site.devices.change("d", {"ignored": True})
        # what is known of it already needs no noting
        site.put(sensors=(SensorInfo("d", "s", unit="V"),))
    else:
        site.devices.forget("d")
    assert late.of_sensor(("d", "more")) == late.of_sensor(("d", "s")) == ()
    assert [info.unit for info in late.of_sensor(("other", "more"))] == ["V"]


def test_only_so_much_is_noted_of_what_there_is_no_room_for() -> None:
    late = Latecomers()
    for number in range(MOST_SENSORS + 100):
        late.note_sensor(("d", f"s{number}"), SensorInfo("d", f"s{number}"))
    assert late.of_sensor(("d", "s99")) == ()
    assert late.of_sensor(("d", "s100")) != ()


def test_what_the_broker_keeps_is_not_asked_for_while_devices_keep_coming(site: Site) -> None:
    asked: list[float] = []
    site.ingest.ask_retained = lambda: asked.append(site.clock())
    for second in range(120):
        for number in range(100):
            site.put(reading(f"r{second}-{number}", "s", 1.0))
        site.ingest.settle()
        site.clock.forward(1)
    # 600 at once and ten a second from then on, whatever comes
    assert len(site.devices.all()) <= 600 + 120 * 10
    assert asked == []
    assert "More than 600 new devices" in str(site.devices.flood)


def test_a_new_device_does_not_wait_out_the_minute_after_many(site: Site) -> None:
    kept(site, 700)
    site.clock.forward(1)
    site.put(reading("live", "s", 1.0))
    assert site.devices.find("live", "s") is not None


def test_what_the_decoder_leaves_out_of_a_full_device_is_said_too(site: Site) -> None:
    site.put(reading("flood", "x1", 1.0), left_out=1)
    site.put(left_out=2)
    assert "A device has too many sensors; 3 readings of further ones were left out" in str(site.devices.flood)


def test_what_is_declared_is_a_home_and_no_flood(site: Site) -> None:
    site.ingest.set_limits(Limits(devices=900))
    for number in range(1000):
        said = DeviceInfo(f"d{number}", name="D"), SensorInfo(f"d{number}", "s", unit="V")
        outcome = Outcome(devices=said[:1], sensors=said[1:], verdict="declaration")
        site.decoder.outcomes["bridge"] = outcome
        site.ingest.deliver(Delivery("bridge", b"", True))
    assert len(site.devices.all()) == 900
    assert "There are 900 devices already" in str(site.devices.flood)


def test_what_the_broker_sends_once_more_is_no_newer_than_what_came_meanwhile(site: Site) -> None:
    site.ingest.connected(1, False, False)
    site.put(reading("d", "s", 1.0, retained=True))
    site.clock.forward(20)
    site.put(reading("d", "s", 2.0))
    site.ingest.set_limits(Limits(new_devices=1))
    for name in ("x", "y"):
        site.put(reading(name, "s", 1.0, retained=True))
    site.clock.forward(60)
    site.ingest.settle()
    site.put(reading("d", "s", 1.0, retained=True))
    latest = site.samples.latest(site.series())
    assert latest is not None
    assert latest.value == 2.0


def test_a_flood_of_devices_that_describe_themselves_counts_each_reading_once(site: Site) -> None:
    site.ingest.set_limits(Limits(devices=1))
    for number in range(3):
        said = DeviceInfo(f"d{number}", name="D"), SensorInfo(f"d{number}", "s", unit="V")
        site.put(reading(f"d{number}", "s", 1.0), devices=said[:1], sensors=said[1:])
    assert "; 2 readings of further ones" in str(site.devices.flood)


@pytest.mark.parametrize("restarted", [False, True])
def test_forgetting_devices_makes_room_for_others(site: Site, restarted: bool) -> None:
    site.ingest.set_limits(Limits(devices=2))
    site.put(reading("a", "s", 1.0), reading("b", "s", 1.0), reading("c", "s", 1.0))
    assert site.devices.find("c", "s") is None
    site.devices.forget("a")
    if restarted:
        site.reopen()
        site.ingest.set_limits(Limits(devices=2))
    site.put(reading("c", "s", 1.0), reading("d", "s", 1.0))
    assert site.devices.find("c", "s") is not None
    assert site.devices.find("d", "s") is None


def test_a_last_will_after_a_restart_does_not_hide_who_made_a_device(site: Site) -> None:
    site.put(reading("d", "s", 1.0), devices=(DeviceInfo("d", ecosystem="plain"),))
    site.put(reading("d", "s", 1.0), devices=(DeviceInfo("d", ecosystem="shelly-gen2"),))
    site.put(reading("d", "s", 1.0), devices=(DeviceInfo("d", ecosystem="plain"),))
    assert site.devices.get("d").ecosystem == "shelly-gen2"


def test_a_device_with_too_many_sensors_and_too_many_series_are_bounded(site: Site) -> None:
    site.ingest.set_limits(Limits(devices=10, series=70, per_device=60, new_devices=10, new_series=1000))
    for number in range(100):
        site.put(reading("d", f"s{number}", 1.0))
    assert len(site.devices.sensors("d")) == 60
    assert "d has more than 60 sensors" in str(site.devices.flood)
    for number in range(20):
        site.put(reading("e", f"s{number}", 1.0))
    assert len(site.devices.sensors("e")) == 10


def test_a_device_that_is_described_may_have_hundreds_of_sensors(site: Site) -> None:
    for device, ecosystem in (("pump", "ems-esp"), ("vague", "json")):
        readings = [reading(device, f"s{number}", 1.0) for number in range(200)]
        site.put(*readings, devices=(DeviceInfo(device, ecosystem=ecosystem),))
    site.ingest.take(Outcome(readings=tuple(reading("web", f"s{number}", 1.0) for number in range(200))))
    assert [len(site.devices.sensors(name)) for name in ("pump", "vague", "web")] == [200, 60, 200]


# Messages


def test_the_last_messages_are_kept_with_why_they_were_understood(site: Site) -> None:
    site.deliver(body(1), 1)
    site.ingest.deliver(Delivery("glance/bad", b'{"x": 1, "password": "hunter2"}', False))
    site.ingest.deliver(Delivery("glance/bad", b"\xff\xfe" + b"x" * 5000, True))
    messages = site.ingest.messages
    newest = messages.latest()[0]
    assert (newest.topic, newest.verdict, newest.size_bytes, newest.retained) == (
        "glance/bad",
        "unreadable",
        5002,
        True,
    )
    assert newest.text.endswith(" …")
    assert [message.sentence for message in messages.of_device({"d"})] == ["One reading."]
    assert [message.text for message in messages.of_topic("glance/bad")][1] == '{"x": 1, "password": …}'
    assert len(messages.unclear()) == 2


# Counters


def test_a_counter_grows_by_differences_and_starts_anew_after_a_reset() -> None:
    assert growth([10.0, 12.0, 1.0, 2.0], 9.0) == [1.0, 2.0, 1.0, 1.0]
    assert growth([10.0, 12.0]) == [None, 2.0]


def test_a_single_wrong_zero_is_no_reset() -> None:
    assert growth([1000.0, 0.0, 1001.0], 999.0) == [1.0, None, 1.0]


def test_a_small_dip_is_noise_and_totals_may_go_down() -> None:
    assert growth([99.9, 101.0], 100.0) == pytest.approx([-0.1, 1.1])
    assert growth([50.0, 70.0], 100.0, both_ways=True) == [-50.0, 20.0]
    assert growth([-101.0, -100.0], -103.0) == [2.0, 1.0]


def test_the_decoder_is_handed_what_it_learned_before(site: Site) -> None:
    site.decoder.learned, site.decoder.changes = "{}", 1
    site.reopen()
    assert site.decoder.learned == "{}"
    assert isinstance(site.ingest, Ingest)


def test_forgetting_a_device_forgets_those_merged_into_it_and_brings_them_back_together(site: Site) -> None:
    site.put(reading("old", "s", 1.0), reading("new", "s", 2.0))
    site.devices.merge("new", "old")
    site.devices.forget("old")
    site.reopen()
    assert site.devices.find("new", "s") is None
    site.devices.restore("old")
    site.reopen()
    assert values(site, "old") == [1.0, 2.0]
    assert site.devices.find("new", "s") == site.devices.sensor("old", "s")


def test_a_delivery_of_a_lost_session_is_stored_and_not_taken_for_one_of_the_new(site: Site) -> None:
    site.ingest.connected(1, False, False)
    site.deliver(body(1), 5)
    site.ingest.connected(2, False, False)
    site.ingest.flush()
    assert values(site) == [1]
    assert site.count("seen") == 0
    site.deliver(body(1), 5, again=True, connection=2)
    site.ingest.flush()
    assert values(site) == [1, 1]


def test_what_is_due_is_committed_between_the_steps_of_a_long_upkeep(site: Site) -> None:
    for number in range(5):
        site.put(reading("d", f"s{number}", 1.0))
    site.fold()
    site.clock.forward(30 * 86400)
    site.deliver(body(1), 5)
    with site.ingest.catalog.lock:
        waiter = site.ingest._pending.add_waiter()
    site.ingest._writer._keep_up()
    assert waiter.is_set()
    assert site.acknowledged == [(1, 5)]


def test_a_crowd_of_threads_submits_and_reads_without_losing_anything(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        site.ingest.start()
        site.put(reading("d", "s", -1.0))
        series, faults = site.series(), []

        def submit(turn: int) -> None:
            try:
                for number in range(40):
                    site.ingest.submit([reading("d", "s", float(turn * 40 + number))])
                    if number % 10 == 0:
                        assert site.ingest.flush()
            except Exception as error:
                faults.append(error)

        def look() -> None:
            try:
                for _ in range(60):
                    ids = [sample.id for sample in site.samples.since(series, 0)]
                    assert ids == sorted(set(ids))
                    assert len(ids) >= 1
            except Exception as error:
                faults.append(error)

        threads = [threading.Thread(target=submit, args=(turn,)) for turn in range(5)]
        threads += [threading.Thread(target=look) for _ in range(3)]
        for thread in threads:
            thread.start()
        for turn in range(5):
            with site.ingest._writer._one_at_a_time:
                site.ingest._upkeep.fold()
            assert turn < 5
        for thread in threads:
            thread.join(20)
        assert not faults
        found = [sample.value for sample in site.samples.since(series, 0)]
        assert sorted(value for value in found if value is not None) == [-1.0, *map(float, range(200))]


def test_what_the_decoder_learned_survives_a_crash_soon_after(site: Site) -> None:
    # the broker may have been away too, and have forgotten its retained messages
    site.decoder.learned, site.decoder.changes = "declared", 1
    site.clock.forward(LEARNED_EVERY_S)
    site.put(reading("d", "s", 1.0))
    site.ingest.settle()
    site.ingest._upkeep.run()
    site.reopen(crash=True)
    assert site.decoder.learned == "declared"


def test_what_is_learned_in_a_large_home_is_not_written_each_time(site: Site) -> None:
    written = []
    put_state = site.ingest._upkeep._inbox.put_state
    site.ingest._upkeep._inbox.put_state = lambda state: (written.append(state), put_state(state))  # type: ignore[method-assign, assignment]
    for change in range(1, 40):
        site.decoder.learned, site.decoder.changes = "x" * 100_000 + str(change), change
        site.clock.forward(LEARNED_EVERY_S)
        site.put(reading("d", "s", float(change)))
        site.ingest.settle()
        site.ingest._upkeep.run()
    assert len([state for state in written if "decoder" in state]) == 1
