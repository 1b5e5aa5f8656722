"""Filling memory from the database at the start: devices, newest values, and the samples that are not folded yet."""

from __future__ import annotations

from glance.ingest.catalog import Catalog
from glance.ingest.tracks import Latest, Track, in_scale
from glance.store.devices import DeviceRows
from glance.store.inbox import Inbox
from glance.store.samples import Samples


def recall(catalog: Catalog, rows: DeviceRows, inbox: Inbox, samples: Samples) -> tuple[int, int]:
    """Returns the last id in the inbox (0 = it is empty) and how many samples lie there."""
    catalog.load(rows.devices(), rows.sensors())
    for sample in samples.last_each():
        track = catalog.tracks.get(sample.series)
        if track is not None:
            _newest(catalog, track, Latest(sample.id, sample.at, sample.at, sample.value, sample.text))
    last, unfolded = 0, inbox.load()
    for number, series, ts_ms, value, text in unfolded:
        track = catalog.tracks.get(series)
        if track is not None:
            track.tail.append(number, ts_ms, value, text)
            _newest(catalog, track, Latest(number, ts_ms / 1000, ts_ms / 1000, value, text))
        last = max(last, number)
    for track in catalog.tracks.values():
        if track.latest and track.latest.heard_at:
            for device in {track.sensor.device, catalog.home(track.sensor.device)}:
                catalog.heard_at[device] = max(track.latest.heard_at, catalog.heard_at.get(device, 0.0))
    return last, len(unfolded)


def _newest(catalog: Catalog, track: Track, latest: Latest) -> None:
    """Know this as the newest value of a series, and of the one it counts for."""
    root = catalog.root(track)
    if track.own is None or (track.own.at or 0.0) <= (latest.at or 0.0):
        track.own = latest
    for each in (track,) if root is track else (track, root):
        scale = each.scale_of(track)
        if scale is not None and (each.latest is None or (each.latest.at or 0.0) <= (latest.at or 0.0)):
            each.latest = in_scale(latest, scale)
