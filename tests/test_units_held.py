"""Which series holds what a device sends after its sensor was shown in another unit, merged, parted, forgotten or brought back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ingest_parts import Site, reading


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as found:
        yield found


def send(site: Site, value: float, told: str | None = None, device: str = "d") -> None:
    site.clock.forward(60)
    site.put(reading(device, "s", value, unit=told))


def values(site: Site, device: str = "d") -> list[float | None]:
    return [sample.value for sample in site.samples.recent(site.series(device), 100)]


def show_in_new_unit(site: Site) -> None:
    send(site, 68.0, "°F")
    send(site, 21.0, "°C")
    site.devices.change_sensor("d", "s", {"own_unit": "°C"})


@pytest.mark.parametrize("restart", [False, True])
def test_a_sensor_shown_in_its_new_unit_that_was_forgotten_returns_by_itself(site: Site, restart: bool) -> None:
    def perhaps_restart() -> None:
        if restart:
            site.reopen()

    show_in_new_unit(site)
    site.devices.forget_sensor("d", "s")
    perhaps_restart()
    send(site, 22.0, "°C")
    perhaps_restart()
    assert values(site) == [22.0], "it goes on in a series of its own, not in the one that was forgotten"
    send(site, 23.0)
    site.devices.restore_sensor("d", "s")
    send(site, 24.0)
    perhaps_restart()
    assert values(site) == [20.0, 21.0, 22.0, 23.0, 24.0]
    send(site, 77.0, "°F")
    perhaps_restart()
    send(site, 78.8)
    assert values(site)[-2:] == [25.0, 26.0]


@pytest.mark.parametrize("restart", [False, True])
def test_what_a_merged_device_sends_after_its_line_was_forgotten_is_not_lost(site: Site, restart: bool) -> None:
    for value, device in ((20.0, "old"), (21.0, "new")):
        send(site, value, device=device)
    site.devices.merge("new", "old")
    site.devices.forget("old")
    if restart:
        site.reopen()
    send(site, 22.0, device="new")
    assert values(site, "old") == [22.0]
    site.devices.restore("old")
    if restart:
        site.reopen()
    send(site, 23.0, device="new")
    assert values(site, "old") == [20.0, 21.0, 22.0, 23.0]
    site.devices.separate("new")
    send(site, 24.0, device="new")
    assert values(site, "new")[-1] == 24.0


def test_a_number_without_a_unit_is_in_the_one_told_last_also_after_merging_and_parting(site: Site) -> None:
    show_in_new_unit(site)
    send(site, 295.15, "K")
    send(site, 20.0, "°C", device="other")
    site.devices.merge("d", "other")
    for device in ("other", "d"):
        send(site, 296.15)
        site.reopen()
        send(site, 297.15)
        assert values(site, device)[-2:] == [23.0, 24.0]
        if device == "other":
            site.devices.separate("d")


def test_parting_a_device_of_a_forgotten_line_does_not_bring_the_forgotten_one_back(site: Site) -> None:
    for value, device in ((1.0, "a"), (2.0, "b"), (3.0, "c")):
        send(site, value, device=device)
    site.devices.merge("a", "c")
    site.devices.merge("c", "b")
    site.devices.forget_sensor("b", "s")
    for value, device in ((4.0, "b"), (5.0, "a"), (6.0, "c")):
        send(site, value, device=device)
    site.devices.separate("c")
    send(site, 7.0, device="a")
    found = site.devices.find("a", "s")
    assert found is not None
    assert found.forgotten_at is None
    assert site.samples.recent(found.id, 1)[0].value == 7.0
