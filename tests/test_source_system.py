"""This computer's own figures, read for real; what this computer does not have comes from a stand-in for psutil's sensors."""

from __future__ import annotations

import json
import socket
from collections import namedtuple
from typing import Any

import psutil
import pytest

from glance.outbound import Outbound
from glance.sources import SourceIO, system
from tests.source_io import source_io

BOOT = psutil.boot_time()
Usage = namedtuple("Usage", "total used free percent")
Partition = namedtuple("Partition", "device mountpoint fstype opts")
Sensor = namedtuple("Sensor", "label current high critical")
Counter = namedtuple("Counter", "bytes_sent bytes_recv")
Times = namedtuple("Times", "user system idle iowait")


def make(outbound: Outbound, state: dict[str, Any] | None = None, after_s: float = 1000.0) -> SourceIO:
    return source_io(outbound, state=state, now=BOOT + after_s)


def test_the_figures_of_this_computer_are_plausible(outbound: Outbound) -> None:
    answer = system.fetch({"kind": "system"}, make(outbound))
    assert answer["host"] == socket.gethostname()
    assert answer["os"]
    assert answer["uptime_s"] == 1000
    cpu = answer["cpu"]
    assert 0 <= cpu["percent"] <= 100
    assert len(cpu["per_core"]) == cpu["cores"] == psutil.cpu_count()
    assert len(cpu["load"]) == 3
    memory = answer["memory"]
    assert 0 < memory["used"] < memory["total"]
    assert memory["used"] + memory["available"] == memory["total"]
    assert answer["disks"][0]["mount"] == "/"
    assert 0 < answer["disks"][0]["percent"] <= 100
    assert "processes" not in answer
    assert json.loads(json.dumps(answer)) == answer


def test_cpu_is_the_average_since_the_last_fetch(outbound: Outbound, monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, Any] = {}
    readings = iter([[Times(100, 0, 800, 100)] * 2, [Times(109, 1, 880, 110), Times(100, 0, 900, 100)]])
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: next(readings))
    first = system.fetch({}, make(outbound, state))
    assert (first["cpu"]["percent"], first["cpu"]["over_s"]) == (10.0, 1000)
    assert first["history"]["cpu"] == []
    second = system.fetch({}, make(outbound, json.loads(json.dumps(state)), 1100))
    assert second["cpu"]["per_core"] == [10.0, 0.0]
    assert (second["cpu"]["percent"], second["cpu"]["over_s"]) == (5.0, 100)
    assert second["history"]["cpu"] == [[BOOT + 1100, 5.0]]


def test_network_rates_are_bits_per_second_and_null_at_first(
    outbound: Outbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    state: dict[str, Any] = {}
    readings = iter([Counter(1000, 5000), Counter(2000, 9000), Counter(0, 0)])
    monkeypatch.setattr(psutil, "net_io_counters", lambda pernic, nowrap: {"lo": next(readings)})
    source = {"interfaces": ["lo"]}
    rates = []
    for after_s in (1000, 1010, 1020):
        line = system.fetch(source, make(outbound, state, after_s))["network"][0]
        rates.append((line["rx_bps"], line["tx_bps"]))
    assert rates == [(None, None), (3200, 800), (None, None)]
    assert line["name"] == "lo"
    assert "127.0.0.1" in line["addresses"]


def test_after_a_restart_of_the_computer_counting_begins_anew_and_the_curve_goes_on(
    outbound: Outbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    state: dict[str, Any] = {}
    for after_s in (1000, 1010):
        system.fetch({}, make(outbound, state, after_s))
    monkeypatch.setattr(psutil, "boot_time", lambda: BOOT + 5000)
    answer = system.fetch({}, make(outbound, state, 6000))
    assert answer["cpu"]["over_s"] == 1000
    assert all(line["rx_bps"] is None for line in answer["network"])
    assert [round(t - BOOT) for t, _ in answer["history"]["memory"]] == [1000, 1010, 6000]


def test_history_keeps_sixty_values(outbound: Outbound) -> None:
    state: dict[str, Any] = {}
    for number in range(65):
        answer = system.fetch({}, make(outbound, state, 1000 + number))
    assert len(answer["history"]["memory"]) == 60
    assert answer["history"]["memory"][-1][0] == BOOT + 1064


def test_only_real_disks_show_and_each_device_once(outbound: Outbound, monkeypatch: pytest.MonkeyPatch) -> None:
    partitions = [
        Partition("/dev/sda1", "/", "ext4", "rw"),
        Partition("/dev/sda1", "/var/lib/docker/x", "ext4", "rw"),
        Partition("/dev/sda2", "/boot/firmware", "vfat", "rw"),
        Partition("/dev/loop0", "/snap/core", "squashfs", "ro"),
        Partition("/dev/sdb1", "/tmp", "ext4", "rw"),
        Partition("overlay", "/usr", "overlay", "rw"),
    ]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: partitions)
    monkeypatch.setattr(psutil, "disk_usage", lambda mount: Usage(100, 40, 60, 40.0))
    disks = system.fetch({}, make(outbound))["disks"]
    assert [(disk["mount"], disk["device"]) for disk in disks] == [("/", "/dev/sda1"), ("/tmp", "/dev/sdb1")]


def test_in_a_container_the_root_stands_for_the_disk(outbound: Outbound, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: [Partition("/dev/sda1", "/etc/hosts", "ext4", "rw")])
    assert [disk["mount"] for disk in system.fetch({}, make(outbound))["disks"]] == ["/"]


def test_mounts_asked_for_are_shown_and_a_missing_one_says_so(outbound: Outbound) -> None:
    disks = system.fetch({"mounts": "/\n/no/such/mount"}, make(outbound))["disks"]
    assert [disk["mount"] for disk in disks] == ["/", "/no/such/mount"]
    assert disks[1]["error"] == "/no/such/mount cannot be read: No such file or directory."
    assert disks[1]["percent"] is None


@pytest.mark.parametrize(
    ("chips", "expected"),
    [
        ({}, None),
        ({"cpu_thermal": [Sensor("", 47.2, None, None)]}, 47.2),
        (
            {
                "nvme": [Sensor("Composite", 60.0, None, None)],
                "coretemp": [Sensor("Package id 0", 51.0, 80, 90), Sensor("Core 0", 55.0, 80, 90)],
            },
            51.0,
        ),
        ({"k10temp": [Sensor("Tctl", 62.5, None, None)], "acpitz": [Sensor("", 20.0, None, None)]}, 62.5),
        ({"nvme": [Sensor("Composite", 60.0, None, None)]}, None),
        ({"cpu_thermal": [Sensor("", -273.0, None, None)]}, None),
    ],
)
def test_the_processors_temperature_is_found(
    outbound: Outbound, monkeypatch: pytest.MonkeyPatch, chips: dict[str, Any], expected: float | None
) -> None:
    monkeypatch.setattr(psutil, "sensors_temperatures", lambda: chips, raising=False)
    assert system.fetch({}, make(outbound))["temperature"] == expected


def test_sensors_that_fail_do_not_hide_the_rest(outbound: Outbound, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing() -> Any:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(psutil, "sensors_temperatures", failing, raising=False)
    monkeypatch.setattr(psutil, "cpu_freq", lambda: None)
    answer = system.fetch({}, make(outbound))
    assert (answer["temperatures"], answer["temperature"], answer["cpu"]["freq_mhz"]) == ([], None, None)


def test_the_busiest_programs_come_when_asked_for(outbound: Outbound) -> None:
    state: dict[str, Any] = {}
    answer = system.fetch({"processes": 2}, make(outbound, state))
    assert len(answer["processes"]["by_memory"]) == 2
    first, second = answer["processes"]["by_memory"]
    assert first["memory"] >= second["memory"] > 0
    assert first["name"]
    assert len(system.fetch({"processes": "true"}, make(outbound, state, 1100))["processes"]["by_cpu"]) <= 5
    assert "processes" not in system.fetch({"processes": "false"}, make(outbound, state, 1200))
