"""Hostile strings in every place of every recorded message, and in what comes over a socket."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from urllib.parse import quote

import pytest
from simple_websocket import ConnectionClosed

from tests.e2e.hostile_fields import ROUND, Tried, some
from tests.e2e.hostile_mqtt import places, recorded
from tests.e2e.hostile_sent import whole
from tests.e2e.hostile_shown import Shown
from tests.e2e.hostile_small import TOKEN, Small
from tests.socket_client import PATIENCE_S, Client

pytestmark = pytest.mark.timeout(3600 * 4 if ROUND else 240)
# So many turns of the strings one Glance hears before it knows too many devices.
AT_A_TIME = 4
# A socket takes no more in one message.
LONGEST = 1000


def test_every_place_of_every_recorded_message_is_shown_as_text(
    tmp_path: Path, shown: Shown, texts: list[str], tried: Tried, caplog: pytest.LogCaptureFixture
) -> None:
    found = places()
    assert len(found) > 2000
    for first in range(0, len(texts) if ROUND else 1, AT_A_TIME):
        site = Small(tmp_path / str(first))
        for line in recorded():
            site.hear(line["topic"], line["payload"].encode())
        for turn in range(first, first + (AT_A_TIME if ROUND else 1)):
            for number, place in enumerate(found):
                text = texts[(number + turn) % len(texts)]
                site.hear(*place.message(text))
                tried.at(f"mqtt {place.name}", text)
        site.things()
        _show_devices(site, shown)
        site.runtime.stop()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert shown.all_faults() == []


def _show_devices(site: Small, shown: Shown) -> None:
    """The lists, and the pages of some of what was said last."""
    owner, devices = site.owner(), site.runtime.devices
    for page in ("/devices?all", "/messages", "/messages?show=unclear", "/d/empty"):
        shown.take(owner.get(page), page)
    said = sorted(devices.all(with_ignored=True), key=lambda one: devices.last_seen(one.id) or 0.0)
    for device in said[-400::40]:
        path = f"/devices/{quote(device.id, safe='')}"
        shown.take(owner.get(path), path)
        for sensor in devices.sensors(device.id)[:1]:
            shown.take(owner.get(f"{path}?sensor={quote(sensor.sensor, safe='')}"), path)


def test_what_comes_over_a_socket_ends_none(
    small: Small, texts: list[str], tried: Tried, caplog: pytest.LogCaptureFixture
) -> None:
    small.things()
    short = [text for text in texts if len(text) <= LONGEST]
    base = small.address.replace("http", "ws")
    auth = {"Authorization": f"Bearer {TOKEN}"}
    ends = ("/ws/dashboards/home", "/ws/public/guests")
    for path in ends:
        for text in some(short, len(path), 8):
            said = {"page": text, "have": {text: text}, "says_shown": text, "takes_changes": text, text: text}
            for hello in (whole(text), json.dumps(said), json.dumps([text]), json.dumps({"have": text})):
                client = Client(f"{base}{path}", headers=auth)
                client.send(hello)
                tried.at(f"WS {path.partition('/ws/')[2].partition('/')[0]}", text)
                client.close()
    client = Client(f"{base}/ws/ingest", headers=auth)
    for text in short:
        body = {
            "device_id": "known",
            "sensor_type": "said",
            "value": text,
            "unit": text[:20],
            "name": text[:80],
            "room": text[:60],
        }
        for name in body:
            tried.at(f"WS ingest {name}", text)
        for message in (
            whole(text),
            json.dumps(body),
            json.dumps({**body, "device_id": text}),
            json.dumps({**body, "sensor_type": text}),
        ):
            client.send(message)
            answer = json.loads(client.receive(timeout=PATIENCE_S))
            assert answer.keys() & {"stored", "status"}, (message, answer)
    client.close()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_socket_is_not_ended_by_what_is_nested_too_deeply(small: Small, caplog: pytest.LogCaptureFixture) -> None:
    small.things()
    client = Client(
        f"{small.address.replace('http', 'ws')}/ws/dashboards/home", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    client.send("[" * 50_000)
    assert client.receive(timeout=PATIENCE_S)
    client.send('{"shown":' * 20)
    small.push(small.runtime.widgets.get(small.ids["tally"]), "after all")
    try:
        while "after all" not in (client.receive(timeout=PATIENCE_S) or ""):
            pass
    except ConnectionClosed as ended:
        raise AssertionError(f"the socket was ended: {ended}") from ended
    client.close()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
