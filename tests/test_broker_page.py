"""Which broker Glance tries, why it fails, and the line that names another: on the settings page and on that of an empty dashboard."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mosquitto import Mosquitto, Publisher, free_port
from tests.test_found import Empty, climate
from tests.waiting import until

LINE = "GLANCE_MQTT_URL=mqtt://user:password@host:1883"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as made:
        yield made


def words(markup: str) -> str:
    """Its words, the tags left out."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def way(made: Empty) -> str:
    """The card of the broker among the ways to begin."""
    (found,) = re.findall(r'<a class="way" id="way-broker" href="/settings/broker">.*?</a>', made.page(), re.DOTALL)
    return words(found)


def settings(made: Empty) -> str:
    answer = made.site.app.test_client().get("/settings/broker")
    assert answer.status_code == 200
    assert " style=" not in answer.text
    return words(answer.text[answer.text.index('id="set-t"') :])


def test_a_connected_broker_is_said_to_be(tmp_path: Path, broker: Mosquitto) -> None:
    with Empty(tmp_path, broker.url) as made:
        made.connected()
        with Publisher(broker.port) as publisher:
            publisher.send("glance/hall/climate", climate())
            publisher.wait()
        until(lambda: made.runtime.devices.last_seen("hall/climate"))
        assert way(made).startswith(f"Your broker is connected Glance listens on 127.0.0.1:{broker.port} already.")
        page = settings(made)
        assert "Connection Connected for" in page
        assert f"Address 127.0.0.1:{broker.port} Set by GLANCE_MQTT_URL Topics #" in page
        assert "Protocol MQTT 5" in page
        assert "Glance's own form 1" in page


def test_a_broker_that_is_not_there_is_named_with_the_reason_and_the_line_to_put(tmp_path: Path) -> None:
    port = free_port()
    with Empty(tmp_path, f"mqtt://127.0.0.1:{port}") as made:
        until(lambda: made.runtime.mqtt is not None and made.runtime.mqtt.state.sentence)
        assert (
            way(made) == f"Connect your broker Glance tries 127.0.0.1:{port}. If yours lives elsewhere, tell it where."
        )
        page = words(made.page())
        assert f"Nothing listens at 127.0.0.1:{port}: check GLANCE_MQTT_URL" in page
        assert page.count(LINE) == 1
        told = settings(made)
        assert f"Nothing listens at 127.0.0.1:{port}: check GLANCE_MQTT_URL" in told
        assert "Connection Away for" in told
        assert "GLANCE_MQTT_URL='mqtt://user:password@host:1883' make run" in told


def test_the_way_to_the_broker_comes_anew_with_the_devices(tmp_path: Path, broker: Mosquitto) -> None:
    with Empty(tmp_path, broker.url) as made:
        made.connected()
        anew = made.site.app.test_client().get("/dashboards/home/found/devices").text
        assert '<a class="way" id="way-broker" hx-swap-oob="outerMorph" href="/settings/broker">' in anew
        assert "Your broker is connected" in anew


def test_without_a_broker_the_page_says_how_to_name_one(tmp_path: Path) -> None:
    with Empty(tmp_path) as made:
        assert way(made) == (
            f"Connect your broker Glance runs without one, as GLANCE_MQTT_URL says. To hear devices, start it with {LINE}"
        )
        assert "Connection Not used GLANCE_MQTT_URL=off" in settings(made)


def test_the_password_of_the_broker_is_shown_nowhere(tmp_path: Path) -> None:
    with Empty(tmp_path, f"mqtt://glance:s3cret-word@127.0.0.1:{free_port()}") as made:
        until(lambda: made.runtime.mqtt is not None and made.runtime.mqtt.state.sentence)
        assert "s3cret" not in settings(made) + made.page()


def test_a_dashboard_can_still_be_imported_from_the_page_of_an_empty_one(tmp_path: Path) -> None:
    with Empty(tmp_path) as made:
        assert 'href="/dashboards/import"' in made.page()


def test_the_sign_of_the_broker_follows_on_pages_without_a_socket(tmp_path: Path, broker: Mosquitto) -> None:
    with Empty(tmp_path, broker.url) as made:
        made.connected()
        client = made.site.app.test_client()

        def asks(markup: str) -> str:
            (address,) = re.findall(r'<button class="conn" [^>]*hx-get="([^"]+)"', markup)
            return str(address)

        for page in ("/d/home", "/devices", "/settings/broker", "/gallery"):
            address = asks(client.get(page).text)
            assert address == "/broker/sign?shown=here"
            assert client.get(address).status_code == 204
        broker.stop()
        until(lambda: made.runtime.mqtt is not None and not made.runtime.mqtt.state.connected)
        until(lambda: "Broker away" in client.get(address).text)
        gone = client.get(address).text
        assert 'data-broker="away"' in gone
        broker.start()
        until(lambda: client.get(asks(gone)).status_code == 200)
        made.connected()
        back = until(lambda: client.get(asks(gone)).text)
        assert "Broker away" not in str(back)


def test_without_a_broker_there_is_no_sign(tmp_path: Path) -> None:
    with Empty(tmp_path) as made:
        client = made.site.app.test_client()
        assert "/broker/sign" not in client.get("/devices").text
        assert client.get("/broker/sign").status_code == 204
