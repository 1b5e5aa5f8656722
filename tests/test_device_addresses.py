"""Every device and sensor has an address, whatever slashes its name holds: plain where that is clear, with %2F always."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote

import pytest

from glance.config import Settings
from glance.mqtt.readings import Reading
from glance.runtime import Runtime
from glance.serve import Gate, listen
from glance.web.application import create_app
from tests.api_site import TOKEN, Site, problem
from tests.test_devices_api import send

HARD = (
    "a/sensors/b", "a/sensors", "sensors/a", "a/sensors/b/history", "a/messages", "a/restore", "a/merge", "a/separate", "a/create-widget",
    "a/sensors/b/restore", "a//b", "/a", "/a/sensors/b", "a%2Fb", "a%b", "a b", "ä/ß", "a/sensors/b/sensors/c",
)  # fmt: skip


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as found:
        yield found


def enc(name: str) -> str:
    return quote(name, safe="")


def plain(name: str) -> str:
    return quote(name.removeprefix("/"), safe="/")


def address(device: str, sensor: str) -> str:
    return f"/api/devices/{enc(device)}/sensors/{enc(sensor)}"


@pytest.mark.parametrize("device", HARD)
@pytest.mark.parametrize("form", [enc, plain])
def test_a_device_alone_is_reached_by_either_form(site: Site, device: str, form: Callable[[str], str]) -> None:
    send(site, device, temperature=3)
    path = f"/api/devices/{form(device)}"
    assert site.get(path).json["id"] == device
    assert site.patch(path, {"room": "Cellar"}).json["id"] == device
    assert [one["sensor"] for one in site.get(f"{path}/sensors").json] == ["temperature"]
    assert site.delete(path).status_code == 204
    problem(site.get(path), 404)
    assert site.post(f"{path}/restore").json["id"] == device
    send(site, "other", temperature=4)
    assert site.post(f"{path}/merge", {"into": "other"}).json["id"] == "other"
    assert site.post(f"{path}/separate").json["id"] == device


@pytest.mark.parametrize("sensor", HARD)
def test_a_sensor_of_any_name_is_reached(site: Site, sensor: str) -> None:
    send(site, "a", **{sensor: 1, "plain": 2})
    path = address("a", sensor)
    assert site.patch(path, {"name": "Mine"}).json["sensor"] == sensor
    for tail in ("history?raw=1", "history"):
        assert site.get(f"{path}/{tail}").json["points"]
    assert site.get(f"{path}/history.csv?raw=1").text.count("\n") == 2
    assert site.delete(path).status_code == 204
    assert [one["sensor"] for one in site.get("/api/devices/a/sensors").json] == ["plain"]
    assert site.post(f"{path}/restore").json["sensor"] == sensor
    assert site.post(f"{path}/merge", {"device": "a", "sensor": "plain"}).json["sensor"] == "plain"
    assert site.post(f"{path}/separate").json["sensor"] == sensor


def test_where_one_address_could_mean_three_each_is_reached_encoded(site: Site) -> None:
    send(site, "a", **{"b": 1, "b/sensors/c": 2})
    send(site, "a/sensors/b", c=3)
    send(site, "a/sensors/b/sensors/c", x=4)
    for device, sensor, value in (("a", "b", 1), ("a", "b/sensors/c", 2), ("a/sensors/b", "c", 3)):
        assert site.patch(address(device, sensor), {"decimals": value}).json["value"] == value
        assert site.get(f"{address(device, sensor)}/history?raw=1").json["points"][0]["value"] == value
    for device in ("a", "a/sensors/b", "a/sensors/b/sensors/c"):
        assert site.patch(f"/api/devices/{enc(device)}", {"name": device}).json["id"] == device
    for device, sensor in (("a/sensors/b", "c"), ("a", "b/sensors/c")):
        assert site.delete(address(device, sensor)).status_code == 204
        assert site.post(f"{address(device, sensor)}/restore").json["sensor"] == sensor
    assert site.delete(f"/api/devices/{enc('a/sensors/b')}").status_code == 204
    assert {one["id"] for one in site.get("/api/devices").json["items"]} == {"a", "a/sensors/b/sensors/c"}
    assert site.post(f"/api/devices/{enc('a/sensors/b')}/restore").json["id"] == "a/sensors/b"


def test_a_plain_address_that_is_both_means_the_sensor(site: Site) -> None:
    send(site, "a", b=1)
    send(site, "a/sensors/b", c=3)
    assert site.patch("/api/devices/a/sensors/b", {"name": "It"}).json["sensor"] == "b"
    assert site.delete("/api/devices/a/sensors/b").status_code == 204
    assert site.post("/api/devices/a/sensors/b/restore").json["sensor"] == "b", "also while it is forgotten"
    assert site.get("/api/devices/a/sensors/b").json["id"] == "a/sensors/b", "there is no such route of a sensor"
    problem(site.patch("/api/devices/a/sensors/none", {"name": "It"}), 404)


def test_two_ids_that_differ_in_their_first_slash_are_told_apart(site: Site) -> None:
    send(site, "wb", x=1)
    send(site, "/wb", y=2)
    assert site.get("/api/devices/wb").json["id"] == "wb"
    assert site.get("/api/devices/%2Fwb").json["id"] == "/wb"
    assert site.delete("/api/devices/%2fwb").status_code == 204
    assert [one["id"] for one in site.get("/api/devices").json["items"]] == ["wb"]
    assert site.post("/api/devices/%2Fwb/restore").json["id"] == "/wb"


def test_what_is_meant_for_a_device_is_checked_as_one(site: Site) -> None:
    send(site, "a/sensors/b", c=3)
    path = "/api/devices/a/sensors/b"
    problem(site.patch(path, {"decimals": 2}), 422)
    tag = site.get(path).headers["ETag"]
    assert site.patch(path, {"name": "It"}).status_code == 200
    problem(site.patch(path, {"name": "That"}, headers={"If-Match": tag}), 412)
    refused = site.client.patch(path, json={"name": "x"}, headers={"Authorization": "Bearer wrong"})
    assert refused.status_code == 401


def test_an_encoded_slash_stays_what_it_was_everywhere_else(site: Site) -> None:
    problem(site.get("/api/dashboards/home%2Fwidgets"), 404)
    assert site.get("/api%2Fdevices").status_code == 200


def test_the_server_hands_encoded_slashes_on_also_under_a_path_of_its_own(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, port=0, api_token=TOKEN, mqtt_url="off", public_url="http://localhost/at/home")
    with ExitStack() as stack:
        listener = listen(settings)
        stack.callback(listener.close)
        runtime = Runtime(settings)
        stack.callback(runtime.stop)
        gate = Gate(create_app(runtime), listener)
        stack.callback(gate.stop, 1.0)
        runtime.start()
        gate.start()
        runtime.ingest.submit(
            [Reading(device, "c", 1.0, "number", None, None, False) for device in ("a", "a/sensors/b")]
        )
        runtime.ingest.submit([Reading("a", "b", 1.0, "number", None, None, False)])
        for path in ("/at/home/api/devices/a%2Fsensors%2fb", "/api/devices/a%2Fsensors%2Fb?x=%2F"):
            connection = HTTPConnection("127.0.0.1", listener.port, timeout=30)
            stack.callback(connection.close)
            heads = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", "Host": "localhost"}
            connection.request("PATCH", path, body='{"room": "Attic"}', headers=heads)
            told = json.load(connection.getresponse())
            assert (told["id"], told["room"]) == ("a/sensors/b", "Attic")
