"""Merging devices and sensors and taking it back: both have then what is theirs; what is forgotten and what stays."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from glance.errors import NotFound
from glance.mqtt.readings import DeviceInfo, SensorInfo
from tests.ingest_parts import DAY, Site, reading


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as found:
        yield found


def values(site: Site, device: str, sensor: str = "s") -> list[float | None]:
    return [sample.value for sample in site.samples.recent(site.series(device, sensor), 100)]


@pytest.mark.parametrize("restarts", list(itertools.product([False, True], repeat=3)))
def test_after_separating_both_devices_have_what_is_theirs(site: Site, restarts: tuple[bool, bool, bool]) -> None:
    def maybe(turn: int) -> None:
        if restarts[turn]:
            site.fold()
            site.reopen(crash=turn == 1)

    site.put(reading("a", "s", 1.0), reading("b", "s", 2.0), reading("a", "mode", "off", kind="enum"))
    site.devices.merge("a", "b")
    maybe(0)
    site.clock.forward(1)
    site.put(reading("a", "s", 3.0), reading("b", "s", 4.0), reading("a", "mode", "on", kind="enum"))
    site.put(reading("a", "new", 5.0), reading("b", "new", 6.0))
    site.clock.forward(1)
    site.put(reading("a", "new", 7.0))
    maybe(1)
    assert values(site, "b") == [1.0, 2.0, 3.0, 4.0]
    assert values(site, "b", "new") == [5.0, 6.0, 7.0]
    site.devices.separate("a")
    maybe(2)
    assert values(site, "a") == [1.0, 3.0]
    assert values(site, "b") == [2.0, 4.0]
    assert (values(site, "a", "new"), values(site, "b", "new")) == ([5.0, 7.0], [6.0])
    assert [sensor.sensor for sensor in site.devices.sensors("b")] == ["new", "s"]
    site.put(reading("a", "s", 8.0), reading("b", "s", 9.0))
    assert (values(site, "a"), values(site, "b")) == ([1.0, 3.0, 8.0], [2.0, 4.0, 9.0])
    newest = [site.samples.latest(site.series(each)) for each in "ab"]
    assert [each.value for each in newest if each] == [8.0, 9.0]


def test_separating_a_device_leaves_what_was_joined_before_as_it_was(site: Site) -> None:
    site.put(*(reading(device, sensor, 1.0) for device, sensor in ("as", "at", "bs", "cs")))
    site.devices.merge_sensors("a", "t", "a", "s")
    site.devices.merge("a", "b")
    site.devices.merge("b", "c")
    assert [device.id for device in site.devices.all()] == ["c"]
    assert {device.id for device in site.devices.merged("c")} == {"a", "b"}
    assert len(values(site, "c")) == 4
    for _ in range(2):
        site.reopen()
    site.devices.separate("b")
    assert (len(values(site, "c")), len(values(site, "b"))) == (1, 3)
    assert [device.id for device in site.devices.merged("b")] == ["a"]
    site.devices.separate("a")
    site.reopen()
    assert (len(values(site, "a")), len(values(site, "b"))) == (2, 1)
    assert [sensor.sensor for sensor in site.devices.sensors("a")] == ["s"]


def test_the_days_of_the_merged_sensor_hold_for_what_it_sends(site: Site) -> None:
    site.put(reading("a", "s", 1.0), reading("b", "s", 2.0))
    site.devices.change_sensor("b", "s", {"raw_days": 30})
    site.devices.merge("a", "b")
    for day in range(20):
        site.clock.forward(DAY)
        site.put(reading("a", "s", float(day)))
    for _ in range(15):
        site.roll()
    site.prune()
    assert len(values(site, "b")) == 22


def test_those_who_listen_hear_of_a_merged_sensor_under_its_new_name(site: Site) -> None:
    site.put(reading("a", "s", 1.0), reading("b", "s", 2.0))
    site.devices.merge("a", "b")
    box = site.hub.subscribe()
    box.listen({site.series("b")})
    site.ingest.be_eager(1)
    site.put(reading("a", "s", 3.0))
    site.ingest.flush()
    assert box.take(1.0) == {f"series:{site.series('b')}"}
    assert [sample.value for sample in site.samples.since(site.series("b"), 2)] == [3.0]
    box.close()


# What is forgotten, and what is not


@pytest.mark.parametrize("restart", [False, True])
def test_a_sensor_that_counts_for_another_device_outlives_its_own(site: Site, restart: bool) -> None:
    site.put(reading("a", "temp", 1.0), reading("a", "other", 1.0), reading("b", "temperature", 2.0))
    site.devices.merge_sensors("a", "temp", "b", "temperature")
    site.devices.forget("a")
    if restart:
        site.reopen()
    site.put(reading("a", "temp", 3.0))
    site.fold()
    site.clock.forward(9 * DAY)
    site.prune()
    site.reopen()
    assert 1.0 in values(site, "b", "temperature")
    assert [device.id for device in site.devices.all()] == ["b"]
    assert site.count("series") == 2, "the other sensor of the forgotten device is gone"
    part = next(track for track in site.ingest.catalog.tracks_of("b")[0].parts)
    assert site.devices.separate_sensor(part.sensor.id).device == "a"
    assert [device.id for device in site.devices.all()] == ["a", "b"], "it has a device again"


def test_forgetting_a_device_gives_back_what_another_had_lent_it(site: Site) -> None:
    site.put(reading("a", "temp", 1.0), reading("b", "temperature", 2.0))
    site.devices.merge_sensors("a", "temp", "b", "temperature")
    site.devices.forget("b")
    site.put(reading("a", "temp", 3.0))
    site.clock.forward(9 * DAY)
    site.prune()
    site.reopen()
    assert values(site, "a", "temp") == [1.0, 3.0]


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("came_back", [False, True])
def test_a_forgotten_sensor_can_be_brought_back_with_its_history(site: Site, restart: bool, came_back: bool) -> None:
    site.put(reading("d", "s", 1.0), reading("d", "t", 5.0))
    site.devices.change_sensor("d", "s", {"label": "Mine"})
    site.clock.forward(60)
    site.devices.forget_sensor("d", "s")
    assert [sensor.sensor for sensor in site.devices.sensors("d")] == ["t"]
    assert [sensor.title for sensor in site.devices.forgotten_sensors("d")] == ["Mine"]
    with pytest.raises(NotFound):
        site.devices.sensor("d", "s")
    if restart:
        site.reopen()
    site.put(reading("d", "s", 1.0, retained=True), sensors=(SensorInfo("d", "s", unit="°C"),))
    assert site.devices.find("d", "s") is None, "a retained message does not bring it back"
    if came_back:
        site.clock.forward(5)
        site.put(reading("d", "s", 2.0))
        assert values(site, "d") == [2.0], "without its old history"
    site.devices.restore_sensor("d", "s")
    if restart:
        site.reopen()
    site.put(reading("d", "s", 3.0))
    assert values(site, "d") == ([1.0, 2.0, 3.0] if came_back else [1.0, 3.0])
    assert site.devices.sensor("d", "s").title == "Mine"
    assert site.devices.forgotten_sensors("d") == []
    with pytest.raises(NotFound, match="nothing to bring back"):
        site.devices.restore_sensor("d", "s")


def test_a_forgotten_sensor_is_erased_after_a_week_and_still_not_brought_back_by_what_is_retained(site: Site) -> None:
    site.put(reading("d", "s", 1.0), reading("d", "t", 5.0))
    site.devices.forget_sensor("d", "s")
    site.clock.forward(8 * DAY)
    site.roll()
    site.prune()
    assert site.count("samples") == 1
    with pytest.raises(NotFound):
        site.devices.restore_sensor("d", "s")
    for _ in range(2):
        site.put(reading("d", "s", 1.0, retained=True))
        assert site.devices.find("d", "s") is None
        site.reopen()
    site.put(reading("d", "s", 2.0))
    assert values(site, "d") == [2.0]


def test_a_forgotten_sensor_stays_forgotten_when_its_device_is_forgotten_and_restored(site: Site) -> None:
    site.put(reading("d", "s", 1.0), reading("d", "t", 5.0))
    site.clock.forward(60)
    site.devices.forget_sensor("d", "s")
    site.clock.forward(60)
    site.devices.forget("d")
    site.reopen()
    site.devices.restore("d")
    assert [sensor.sensor for sensor in site.devices.sensors("d")] == ["t"]
    with pytest.raises(NotFound):
        site.devices.restore("d")
    site.devices.restore_sensor("d", "s")
    assert values(site, "d") == [1.0]


def test_a_device_that_came_back_by_itself_takes_retained_values_of_all_its_sensors(site: Site) -> None:
    site.put(reading("d", "s", 1.0), reading("d", "t", 5.0), devices=(DeviceInfo("d", name="Plug"),))
    site.clock.forward(60)
    site.devices.forget("d")
    site.clock.forward(60)
    site.put(reading("d", "s", 2.0))
    site.put(reading("d", "t", 6.0, retained=True))
    assert [sensor.sensor for sensor in site.devices.sensors("d")] == ["s", "t"]


def test_a_merged_sensor_is_forgotten_and_restored_whole(site: Site) -> None:
    site.put(reading("a", "s", 1.0), reading("b", "s", 2.0))
    site.devices.merge("a", "b")
    site.clock.forward(60)
    site.devices.forget_sensor("b", "s")
    site.reopen()
    site.put(reading("a", "s", 7.0, retained=True))
    assert site.devices.sensors("b") == []
    site.devices.restore_sensor("b", "s")
    assert values(site, "b") == [1.0, 2.0]
    site.devices.separate("a")
    assert (values(site, "a"), values(site, "b")) == ([1.0], [2.0])
