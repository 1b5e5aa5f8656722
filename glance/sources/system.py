"""This computer: processor, memory, disks, temperatures, network and, if asked for, its busiest programs.

Answer: `{host, os, uptime_s, cpu, memory, disks, temperatures, temperature, network, history, processes?}`; bytes for
sizes, per cent from 0 to 100, °C. `cpu.percent` is the average over the last `cpu.over_s` seconds: since the last fetch,
or since the start of the computer on the first one. `rx_bps` and `tx_bps` are bits per second, null on the first fetch.
What a computer does not offer is null or an empty list. `history` holds the last 60 values as [[t, value]].
"""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from glance.fields import listed, whole
from glance.sources import SourceIO

KIND = "system"
FETCHES = True
PICKABLE = True

KEPT_VALUES = 60
MAX_PROCESSES = 20

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "mounts": {"type": ["array", "string", "null"]},
        "interfaces": {"type": ["array", "string", "null"]},
        "processes": {"type": ["boolean", "integer", "string", "null"]},
    },
}
FORM: dict[str, Any] = {"type": "object", "properties": {}}

_NO_DISK = frozenset(
    {"squashfs", "overlay", "tmpfs", "devtmpfs", "iso9660", "ramfs", "fuse.snapfuse", "nsfs", "autofs"}
)
_NO_MOUNT = ("/snap/", "/boot", "/var/lib/docker/", "/var/lib/containers/", "/run/", "/etc/", "/proc/", "/sys/")
_NO_INTERFACE = ("lo", "veth", "ifb", "dummy", "br-", "docker", "virbr", "cni", "flannel", "cali")
_CPU_CHIPS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu-thermal", "soc_thermal", "cpu", "acpitz")
_CPU_LABELS = ("package", "tctl", "tdie", "cpu")


def fetch(source: Mapping[str, Any], io: SourceIO) -> Any:
    """Read this computer's figures; rates are differences to what `io.state` remembers."""
    # a compiled library that only this kind needs
    import psutil

    now = io.now()
    former = io.state if io.state.get("boot") == round(psutil.boot_time(), -1) else {}
    cpu, cpu_memory = _cpu(psutil, former.get("cpu"), now)
    network, network_memory = _network(psutil, listed(source.get("interfaces")), former.get("network"), now)
    temperatures = _temperatures(psutil)
    answer: dict[str, Any] = {
        "host": socket.gethostname(),
        "os": _system_name(),
        "uptime_s": max(0, round(now - psutil.boot_time())),
        "cpu": cpu,
        "memory": _memory(psutil),
        "disks": _disks(psutil, [str(mount) for mount in listed(source.get("mounts"))]),
        "temperatures": [{"label": label, "celsius": celsius} for _, label, celsius in temperatures],
        "temperature": _cpu_temperature(temperatures),
        "network": network,
    }
    # kept over a restart of the computer: the curve goes on
    history = _history(io.state.get("history"), answer, now, first="cpu" not in former)
    state = {"boot": round(psutil.boot_time(), -1), "cpu": cpu_memory, "network": network_memory, "history": history}
    if _wants_processes(source.get("processes")):
        count = 5 if source["processes"] in (True, "true") else whole(source["processes"], 5, 1, MAX_PROCESSES)
        answer["processes"], state["processes"] = _processes(psutil, count, former.get("processes"), now)
    io.state.clear()
    io.state.update(state)
    answer["history"] = history
    return answer


def _system_name() -> str:
    """The name of the operating system as it calls itself."""
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME") or platform.system()
    except OSError:
        return f"{platform.system()} {platform.release()}".strip()


# ---- processor and memory


def _cpu(psutil: ModuleType, former: Any, now: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """The processor's figures, and what the next fetch compares with."""
    times = [_busy(core) for core in psutil.cpu_times(percpu=True)]
    before = former if isinstance(former, dict) and len(former.get("times", ())) == len(times) else None
    start = before["times"] if before else [[0.0, 0.0]] * len(times)
    cores = [_share(was, is_now) for was, is_now in zip(start, times, strict=True)]
    total = _share([sum(part) for part in zip(*start, strict=True)], [sum(part) for part in zip(*times, strict=True)])
    frequency = psutil.cpu_freq() if hasattr(psutil, "cpu_freq") else None
    figures = {
        "percent": total,
        "over_s": max(0, round(now - (before["at"] if before else psutil.boot_time()))),
        "cores": len(times),
        "per_core": cores,
        "load": [round(value, 2) for value in os.getloadavg()],
        "freq_mhz": round(frequency.current) if frequency and frequency.current else None,
    }
    return figures, {"at": now, "times": times}


def _busy(times: Any) -> list[float]:
    """[busy, total] seconds of a core; guest time is part of user time already."""
    idle = times.idle + getattr(times, "iowait", 0.0)
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return [round(total - idle, 2), round(total, 2)]


def _share(before: list[float], after: list[float]) -> float | None:
    """Per cent busy between two [busy, total]; None where no time has passed."""
    span = after[1] - before[1]
    return round(min(100.0, max(0.0, 100 * (after[0] - before[0]) / span)), 1) if span > 0 else None


def _memory(psutil: ModuleType) -> dict[str, Any]:
    """Memory in bytes; used is what programs cannot get, so caches do not count."""
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    used = memory.total - memory.available
    return {
        "total": memory.total,
        "used": used,
        "available": memory.available,
        "percent": round(100 * used / memory.total, 1) if memory.total else None,
        "swap": {"total": swap.total, "used": swap.used, "percent": round(swap.percent, 1)},
    }


# ---- disks


def _disks(psutil: ModuleType, mounts: list[str]) -> list[dict[str, Any]]:
    """The real file systems, each device once; or exactly the mounts asked for."""
    partitions = psutil.disk_partitions(all=False)
    if mounts:
        devices = {part.mountpoint: part.device for part in psutil.disk_partitions(all=True)}
        return [_disk(psutil, mount, devices.get(mount)) for mount in mounts]
    chosen: dict[str, str] = {}
    for part in sorted(partitions, key=lambda part: len(part.mountpoint)):
        unwanted = part.fstype in _NO_DISK or part.device.startswith("/dev/loop")
        if not unwanted and not f"{part.mountpoint}/".startswith(_NO_MOUNT) and os.path.isdir(part.mountpoint):
            chosen.setdefault(part.device, part.mountpoint)
    found = [_disk(psutil, mount, device) for device, mount in chosen.items()]
    shown = [disk for disk in found if disk["error"] is None and disk["total"]]
    # in a container the root is an overlay; it still says how full the disk below is
    return shown or [_disk(psutil, "/", None)]


def _disk(psutil: ModuleType, mount: str, device: str | None) -> dict[str, Any]:
    """One file system; `error` is a sentence where it cannot be read."""
    figures: dict[str, Any] = {
        "mount": mount,
        "device": device,
        "total": None,
        "used": None,
        "free": None,
        "percent": None,
    }
    try:
        usage = psutil.disk_usage(mount)
    except OSError as error:
        return {**figures, "error": f"{mount} cannot be read: {error.strerror or error}."}
    return {
        **figures,
        "total": usage.total,
        "used": usage.used,
        "free": usage.free,
        "percent": round(usage.percent, 1),
        "error": None,
    }


# ---- temperatures


def _temperatures(psutil: ModuleType) -> list[tuple[str, str, float]]:
    """(chip, label, °C) of every sensor that says something possible."""
    read = getattr(psutil, "sensors_temperatures", None)
    try:
        chips = read() if read else {}
    except (OSError, ValueError):
        # some boards list sensors that fail when read; the other figures are still right
        chips = {}
    found = []
    for chip, entries in chips.items():
        for number, entry in enumerate(entries, 1):
            label = entry.label or (chip if len(entries) == 1 else f"{chip} {number}")
            if entry.current is not None and -60 < entry.current < 150 and entry.current != 0:
                found.append((chip, str(label), round(float(entry.current), 1)))
    return found


def _cpu_temperature(found: list[tuple[str, str, float]]) -> float | None:
    """The processor's: its chip's whole-package sensor, else the warmest of that chip; None without such a chip."""
    for name in _CPU_CHIPS:
        own = [(label.lower(), celsius) for chip, label, celsius in found if chip.lower().startswith(name)]
        whole_chip = [celsius for label, celsius in own if label.startswith(_CPU_LABELS)]
        if own:
            return max(whole_chip or [celsius for _, celsius in own])
    return None


# ---- network


def _network(
    psutil: ModuleType, wanted: list[Any], former: Any, now: float
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The interfaces that carry something, and what the next fetch compares with."""
    counters = psutil.net_io_counters(pernic=True, nowrap=False)
    states, addresses = psutil.net_if_stats(), psutil.net_if_addrs()
    lines, memory = [], {}
    for name, counter in counters.items():
        up = bool(states[name].isup) if name in states else False
        if name not in wanted if wanted else name.startswith(_NO_INTERFACE) or (not up and not counter.bytes_recv):
            continue
        before = former.get(name) if isinstance(former, dict) else None
        memory[name] = [now, counter.bytes_recv, counter.bytes_sent]
        lines.append(
            {
                "name": name,
                "up": up,
                "rx_bps": _rate(before, memory[name], 1),
                "tx_bps": _rate(before, memory[name], 2),
                "rx_total": counter.bytes_recv,
                "tx_total": counter.bytes_sent,
                "addresses": _addresses(addresses.get(name, [])),
            }
        )
    return lines, memory


def _rate(before: Any, after: list[float], index: int) -> int | None:
    """Bits per second between two readings; None on the first one and where a counter began anew."""
    if not before or after[0] <= before[0] or after[index] < before[index]:
        return None
    return int(8 * (after[index] - before[index]) / (after[0] - before[0]))


def _addresses(entries: list[Any]) -> list[str]:
    """IPv4 and IPv6 addresses that others can use."""
    kept = [entry.address.partition("%")[0] for entry in entries if entry.family in (socket.AF_INET, socket.AF_INET6)]
    return [address for address in kept if not address.lower().startswith("fe80:")]


# ---- processes and history


def _wants_processes(value: Any) -> bool:
    """True for true and a number above 0, also as text."""
    return value not in (None, False, 0, "", "0", "false")


def _processes(psutil: ModuleType, count: int, former: Any, now: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """The busiest and the biggest programs; per cent of one core, as `top` counts it."""
    before = former if isinstance(former, dict) else {}
    found, memory = [], {}
    for process in psutil.process_iter(["pid", "name", "cpu_times", "create_time", "memory_info", "memory_percent"]):
        facts = process.info
        if not facts["cpu_times"] or not facts["memory_info"]:
            continue
        used_s = facts["cpu_times"].user + facts["cpu_times"].system
        began = facts["create_time"]
        key = f"{facts['pid']}:{began:.0f}"
        at, was_s = before.get(key) or (began, 0.0)
        memory[key] = [now, round(used_s, 2)]
        percent = 100 * (used_s - was_s) / (now - at) if now > at else 0.0
        found.append(
            {
                "pid": facts["pid"],
                "name": facts["name"] or "?",
                "cpu_percent": round(max(0.0, percent), 1),
                "memory": facts["memory_info"].rss,
                "memory_percent": round(facts["memory_percent"] or 0.0, 1),
            }
        )
    by_cpu = sorted(found, key=lambda one: (-one["cpu_percent"], -one["memory"]))[:count]
    return {"by_cpu": by_cpu, "by_memory": sorted(found, key=lambda one: -one["memory"])[:count]}, memory


def _history(former: Any, answer: Mapping[str, Any], now: float, first: bool) -> dict[str, list[list[float]]]:
    """The last values of processor, memory and temperature, oldest first; the average since the start is none of them."""
    values = {
        "cpu": None if first else answer["cpu"]["percent"],
        "memory": answer["memory"]["percent"],
        "temperature": answer["temperature"],
    }
    kept, at = former if isinstance(former, dict) else {}, round(now)
    history = {}
    for name, value in values.items():
        points = [point for point in kept.get(name) or [] if point[0] < at]
        history[name] = (points + ([[at, value]] if value is not None else []))[-KEPT_VALUES:]
    return history
