"""The sockets of devices: readings in, samples out, without gap or repeat."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from simple_websocket import Server

from glance.config import Settings
from glance.mqtt.readings import Reading
from glance.runtime import Runtime
from glance.serve import Gate, listen
from glance.web import following, ingest_socket, waking, widget_socket
from glance.web.api.samples import newest
from glance.web.application import create_app
from tests.serving import Client as RawClient
from tests.socket_client import Client, closed_with
from tests.waiting import HELD_S, PATIENCE_S, until

TOKEN = "a-token-for-tests-of-sockets"
AUTH = {"Authorization": f"Bearer {TOKEN}"}


class House:
    """A served Glance with one sensor and a widget that follows it."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data=folder, port=0, api_token=TOKEN, password="a password", mqtt_url="off")

    @contextmanager
    def served(self) -> Iterator[House]:
        """Serve it; again after the end it is a restart on the same data."""
        with ExitStack() as stack:
            listener = listen(self.settings)
            stack.callback(listener.close)
            self.runtime = Runtime(self.settings)
            stack.callback(self.runtime.stop)
            app = create_app(self.runtime)
            self.following = app.extensions["glance.following"]
            gate = Gate(app, listener)
            stack.callback(gate.stop, 1.0)
            self.port = listener.port
            self.runtime.start()
            gate.start()
            yield self
            gate.close_door(0.5)
            self.runtime.stop()

    def followers(self) -> int:
        """How many widget sockets are open."""
        return sum(len(group._followers) for group in self.following._groups.values())

    def send(self, *values: float, sensor: str = "temperature") -> None:
        """Store readings, one after the other."""
        self.runtime.ingest.submit([Reading("house", sensor, value, "number", "°C", None, False) for value in values])

    def widget(self, *sensors: str) -> str:
        """A widget that follows sensors of the house; its id."""
        if not self.runtime.dashboards.all():
            self.runtime.dashboards.create("Home", slug="home")
        series = [{"device": "house", "sensor": sensor} for sensor in sensors or ("temperature",)]
        made = self.runtime.placing.add(
            "home", "line-chart", "Inside", {"data_source": {"kind": "series", "series": series}}
        )
        return made.id

    def open(self, path: str, headers: dict[str, str] | None = None) -> Client:
        """A client of a socket."""
        return Client(f"ws://127.0.0.1:{self.port}{path}", headers=AUTH if headers is None else headers)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path / "data").served() as made:
        yield made


class Counting(list[str]):
    """A list that notes how long it is after each addition."""

    def __init__(self, lengths: list[int]) -> None:
        super().__init__()
        self._lengths = lengths

    def append(self, item: str) -> None:
        super().append(item)
        self._lengths.append(len(self))


def take(client: Client, count: int) -> list[dict[str, Any]]:
    """The next samples."""
    found = []
    for _ in range(count):
        text = client.receive(timeout=PATIENCE_S)
        assert text is not None, f"only {len(found)} of {count} came"
        found.append(json.loads(text))
    return found


# ws /ws/widgets/<id>


def test_each_sample_is_a_frame_in_the_shape_of_the_list(house: House) -> None:
    house.send(20)
    client = house.open(f"/ws/widgets/{house.widget()}")
    until(lambda: house.followers() == 1)
    house.send(21.5)
    (frame,) = take(client, 1)
    assert set(frame) == {"id", "timestamp", "value", "unit"}
    assert (frame["value"], frame["unit"]) == (21.5, "°C")
    client.close()
    until(lambda: house.followers() == 0)
    assert house.following._groups == {}


def test_since_replays_what_was_missed_and_goes_on_without_gap_or_repeat(house: House) -> None:
    widget = house.widget()
    house.send(*range(5))
    ids = [
        sample.id for sample in house.runtime.samples.recent(house.runtime.devices.sensor("house", "temperature").id)
    ]
    client = house.open(f"/ws/widgets/{widget}?since={ids[1]}")
    house.send(5, 6)
    assert [frame["value"] for frame in take(client, 5)] == [2, 3, 4, 5, 6]
    client.close()


def test_a_replay_is_cut_to_the_newest_thousand(house: House) -> None:
    widget = house.widget()
    house.send(*range(1200))
    client = house.open(f"/ws/widgets/{widget}?since=0")
    assert [frame["value"] for frame in take(client, 1000)] == list(range(200, 1200))
    house.send(-1)
    assert take(client, 1)[0]["value"] == -1
    client.close()


def test_the_gap_is_filled_after_a_restart(tmp_path: Path) -> None:
    house = House(tmp_path / "data")
    with house.served():
        widget = house.widget()
        client = house.open(f"/ws/widgets/{widget}?since=0")
        house.send(1, 2)
        last = take(client, 2)[-1]["id"]
        house.runtime.hub.close()
        assert closed_with(client) == 1012
        house.send(3)
    with house.served():
        house.send(4)
        client = house.open(f"/ws/widgets/{widget}?since={last}")
        frames = take(client, 2)
        assert [frame["value"] for frame in frames] == [3, 4]
        assert frames[0]["id"] > last
        client.close()


def test_an_id_that_was_never_given_does_not_keep_what_comes_from_its_reader(house: House) -> None:
    widget = house.widget()
    house.send(1)
    client = house.open(f"/ws/widgets/{widget}?since=900000000")
    until(lambda: house.followers() == 1)
    house.send(2)
    assert [frame["value"] for frame in take(client, 1)] == [2]
    client.close()


def test_a_sensor_that_now_counts_for_another_of_the_widget_comes_once(house: House) -> None:
    widget = house.widget("temperature", "warmth")
    house.send(1)
    house.send(2, sensor="warmth")
    house.runtime.devices.merge_sensors("house", "warmth", "house", "temperature")
    client = house.open(f"/ws/widgets/{widget}?since=0")
    house.send(3, sensor="warmth")
    house.send(4)
    assert [(frame["value"], frame["series"]) for frame in take(client, 4)] == [
        (value, "house/temperature") for value in (1, 2, 3, 4)
    ]
    client.close()
    look = house.runtime.series.look(house.runtime.widgets.get(widget), "points", house.runtime.clock())
    assert len(look.data["series"]) == 1


@pytest.mark.parametrize("names", [("temperature", "warmth"), ("warmth", "temperature")])
def test_a_merge_does_not_take_the_series_from_the_frames(house: House, names: tuple[str, str]) -> None:
    widget = house.widget(*names)
    client = house.open(f"/ws/widgets/{widget}?since=0")
    house.send(1)
    house.send(2, sensor="warmth")
    assert [frame["series"] for frame in take(client, 2)] == ["house/temperature", "house/warmth"]
    house.runtime.devices.merge_sensors("house", "warmth", "house", "temperature")
    house.send(3, sensor="warmth")
    house.send(4)
    frames = take(client, 2)
    assert [(frame["series"], frame["value"]) for frame in frames] == [
        ("house/temperature", 3),
        ("house/temperature", 4),
    ]
    client.close()
    listed = newest(house.runtime, house.runtime.widgets.get(widget))
    assert {each["series"] for each in listed} == {"house/temperature"}
    assert [each["value"] for each in listed] == [1, 2, 3, 4]
    # parted again, each has its own
    house.runtime.devices.separate_sensor(house.runtime.devices.merged_series("house", "warmth"))
    listed = newest(house.runtime, house.runtime.widgets.get(widget))
    assert {each["series"] for each in listed} == {"house/temperature", "house/warmth"}


def test_frames_of_merged_sensors_are_in_the_unit_they_say(house: House) -> None:
    widget = house.widget("temperature", "warmth")
    house.send(20)
    house.runtime.ingest.submit([Reading("house", "warmth", 68.0, "number", "°F", None, False)])
    house.runtime.devices.merge_sensors("house", "warmth", "house", "temperature")
    client = house.open(f"/ws/widgets/{widget}?since=0")
    house.runtime.ingest.submit([Reading("house", "warmth", 69.8, "number", "°F", None, False)])
    frames = take(client, 3)
    assert [(frame["value"], frame["unit"]) for frame in frames] == [(20, "°C"), (20, "°C"), (21, "°C")]
    client.close()


def test_several_series_come_in_the_order_of_storing_with_their_names(house: House) -> None:
    widget = house.widget("temperature", "humidity")
    client = house.open(f"/ws/widgets/{widget}?since=0")
    house.send(1)
    house.send(2, sensor="humidity")
    house.send(3)
    frames = take(client, 3)
    assert [(frame["series"], frame["value"]) for frame in frames] == [
        ("house/temperature", 1),
        ("house/humidity", 2),
        ("house/temperature", 3),
    ]
    client.close()


def test_a_sensor_that_was_never_seen_is_followed_once_it_speaks(house: House) -> None:
    client = house.open(f"/ws/widgets/{house.widget('pressure')}?since=0")
    until(lambda: house.followers() == 1)
    house.send(1008, sensor="pressure")
    assert take(client, 1)[0]["value"] == 1008
    client.close()


def test_a_sensor_that_joins_a_selection_is_followed_at_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "LOOK_S", 600.0)
    house.send(20)
    source = {"kind": "series", "select": {"unit": "°C"}}
    house.runtime.dashboards.create("Home", slug="home")
    widget = house.runtime.placing.add("home", "table", "Warmth", {"data_source": source})
    client = house.open(f"/ws/widgets/{widget.id}")
    until(lambda: house.followers() == 1)
    house.send(4, sensor="fridge")
    (frame,) = take(client, 1)
    assert (frame["value"], frame["series"]) == (4, "house/fridge")
    # the owner hides it: nothing more of it comes, and again once it is shown
    house.runtime.devices.change_sensor("house", "fridge", {"own_hidden": True})
    house.runtime.series.changed()
    house.send(5, sensor="fridge")
    house.send(21)
    assert take(client, 1)[0]["value"] == 21
    client.close()


def test_a_reader_that_does_not_read_holds_nobody_up(house: House) -> None:
    widget = house.widget()
    with RawClient(house.port) as deaf:
        deaf.open_websocket(f"/ws/widgets/{widget}", more=f"Authorization: Bearer {TOKEN}\r\n")
        client = house.open(f"/ws/widgets/{widget}?since=0")
        for turn in range(20):
            house.send(*range(turn * 500, turn * 500 + 500))
        assert [frame["value"] for frame in take(client, 10_000)] == list(range(10_000))
        client.close()


def test_what_a_follower_says_is_not_kept(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(widget_socket, "LOOK_S", 600.0)
    client = house.open(f"/ws/widgets/{house.widget()}")
    until(lambda: house.followers() == 1)
    ((follower,),) = [group._followers for group in house.following._groups.values()]
    heard: list[int] = []
    monkeypatch.setattr(follower._ws, "input_buffer", Counting(heard))
    for _ in range(100):
        client.send("x" * 1000)
    until(lambda: len(heard) == 100)
    assert max(heard) == 1
    client.close()


def test_the_socket_of_a_deleted_widget_ends(house: House) -> None:
    house.send(1)
    widget = house.widget()
    client = house.open(f"/ws/widgets/{widget}")
    until(lambda: house.followers() == 1)
    house.runtime.placing.remove(widget)
    house.send(2)
    assert closed_with(client) == 4404


@pytest.mark.parametrize(("path", "code"), [("/ws/widgets/none", 4404), ("/ws/widgets/none?since=x", 1008)])
def test_a_socket_of_nothing_is_closed_with_the_reason(house: House, path: str, code: int) -> None:
    assert closed_with(house.open(path)) == code


def test_a_widget_that_follows_no_sensor_has_no_socket(house: House) -> None:
    house.runtime.dashboards.create("Home", slug="home")
    note = house.runtime.placing.add("home", "notes", "Note", {})
    assert closed_with(house.open(f"/ws/widgets/{note.id}")) == 1008


def test_nobody_follows_without_a_token_or_our_own_origin(house: House) -> None:
    widget = house.widget()
    for more in ("", "Origin: http://evil.example\r\n", "Authorization: Bearer wrong\r\n"):
        with RawClient(house.port) as client, pytest.raises(AssertionError, match="answered with 40"):
            client.open_websocket(f"/ws/widgets/{widget}", more=more)


# ws /ws/ingest


def test_readings_over_the_socket_are_stored_and_answered(house: House) -> None:
    client = house.open("/ws/ingest")
    client.send(json.dumps({"device_id": "probe", "sensor_type": "level", "value": 7, "unit": "cm"}))
    assert take(client, 1) == [{"stored": 1, "ignored": 0}]
    rows = [{"sensor_type": "level", "value": value} for value in (8, 9)]
    client.send(json.dumps({"device_id": "probe", "readings": rows}))
    assert take(client, 1) == [{"stored": 2, "ignored": 0}]
    sensor = house.runtime.devices.sensor("probe", "level")
    assert [sample.value for sample in house.runtime.samples.recent(sensor.id)] == [7, 8, 9]
    client.close()


def test_what_is_wrong_with_a_message_is_said_and_the_socket_stays(house: House) -> None:
    client = house.open("/ws/ingest")
    client.send(json.dumps({"device_id": "probe", "readings": [{"sensor_type": "level"}]}))
    (refused,) = take(client, 1)
    assert (refused["status"], refused["errors"]) == (422, [{"field": "readings.0.value", "message": "is missing."}])
    client.send("{not json")
    assert take(client, 1)[0]["status"] == 400
    client.send(b"\xff\xfe")
    assert take(client, 1)[0]["status"] == 400
    client.send(json.dumps({"device_id": "probe", "sensor_type": "level", "value": 1}))
    assert take(client, 1) == [{"stored": 1, "ignored": 0}]
    client.close()


def test_a_sender_that_is_faster_than_its_readings_are_stored_waits(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, held, opened = threading.Event(), threading.Event(), []

    def hold_back(ws: Server) -> Callable[[], None]:
        opened.append(ws)
        return waking.hold_back(ws)

    def answer(*given: Any) -> dict[str, Any]:
        begun.set()
        assert held.wait(HELD_S)
        return work(*given)

    work = ingest_socket.answer
    monkeypatch.setattr(ingest_socket, "hold_back", hold_back)
    monkeypatch.setattr(ingest_socket, "answer", answer)
    client = house.open("/ws/ingest")
    count = 3 * waking.MOST_WAITING
    for number in range(count):
        client.send(json.dumps({"device_id": "probe", "sensor_type": "level", "value": number}))
    assert begun.wait(PATIENCE_S)
    until(lambda: len(opened[0].input_buffer) > waking.MOST_WAITING)
    assert len(opened[0].input_buffer) == waking.MOST_WAITING + 1
    held.set()
    assert take(client, count) == [{"stored": 1, "ignored": 0}] * count
    client.close()


def test_a_stop_ends_the_socket_of_a_silent_sender(house: House) -> None:
    client = house.open("/ws/ingest")
    client.send("{}")
    assert client.receive(timeout=PATIENCE_S), "it is being served"
    house.runtime.hub.close()
    assert closed_with(client) == 1012
