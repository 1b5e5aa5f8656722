"""Rates: what may be done at once, what comes back with time, and that one caller does not use up another's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from glance.limits import Buckets, Rate, TooOften
from glance.web.door import rates
from glance.web.door.rates import RATES, Rates
from tests.api_site import Site, problem
from tests.serving import Client as RawClient
from tests.test_devices_sockets import TOKEN, House
from tests.waiting import PATIENCE_S


def test_a_bucket_gives_its_burst_and_then_what_comes_back() -> None:
    buckets = Buckets(Rate(burst=3, per_s=2))
    assert [buckets.take("a", 100.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert buckets.take("a", 100.0) == pytest.approx(0.5)
    assert buckets.take("a", 100.5) == 0.0
    assert buckets.take("a", 100.5) > 0


def test_one_key_does_not_use_up_anothers() -> None:
    buckets = Buckets(Rate(burst=1, per_s=1))
    assert buckets.take("a", 1.0) == 0.0
    assert buckets.take("a", 1.0) > 0
    assert buckets.take("b", 1.0) == 0.0


def test_more_than_the_whole_burst_goes_once_and_is_owed() -> None:
    buckets = Buckets(Rate(burst=10, per_s=10))
    assert buckets.take("a", 0.0, 40) == 0.0
    assert buckets.take("a", 2.0) == pytest.approx(1.1)
    assert buckets.take("a", 4.5) == 0.0


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    buckets = Buckets(Rate(burst=1, per_s=1))
    assert buckets.take("a", 100.0) == 0.0
    assert buckets.take("a", 50.0) == pytest.approx(1.0)
    assert buckets.take("a", 51.0) == 0.0


def test_the_memory_of_buckets_is_bounded() -> None:
    buckets = Buckets(Rate(burst=1, per_s=1), most_keys=3)
    for key in "abcd":
        assert buckets.take(key, 1.0) == 0.0
    assert buckets.take("a", 1.0) == 0.0, "the least recently used one was forgotten"
    assert buckets.take("d", 1.0) > 0


@pytest.mark.parametrize("kind", sorted(RATES))
def test_each_kind_says_in_a_sentence_what_is_too_much(kind: str) -> None:
    now = [0.0]
    spent = Rates(lambda: now[0])
    spent.spend(kind, "one", RATES[kind][0].burst)
    with pytest.raises(TooOften) as refused:
        spent.spend(kind, "one", RATES[kind][0].burst)
    assert refused.value.status == 429
    assert refused.value.retry_after_s >= 1
    assert refused.value.sentence.endswith(".")
    now[0] += refused.value.retry_after_s + 1
    spent.spend(kind, "one")


# Through the door


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates that a test can use up."""
    for kind, (_, name) in RATES.items():
        monkeypatch.setitem(rates.RATES, kind, (Rate(burst=3, per_s=0.5), name))


@pytest.fixture
def site(small: None, tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        yield made


def refused(answer: Any) -> None:
    body = problem(answer, 429)
    assert 1 <= int(answer.headers["Retry-After"]) <= 10
    assert "wait" in body["detail"]


def test_forced_fetches_end_in_429_with_retry_after(site: Site) -> None:
    widget = site.widget()
    codes = [site.post(f"/api/widgets/{widget}/refresh").status_code for _ in range(4)]
    assert codes == [200, 200, 200, 429]
    refused(site.post(f"/api/widgets/{widget}/refresh"))
    refused(site.post("/api/custom-widgets/probe/execute", {"widget_instance_id": widget, "force_refresh": True}))
    refused(site.post("/api/widgets/batch", {"widget_ids": [widget], "force_refresh": True}))


def test_answers_from_the_cache_are_not_counted(site: Site) -> None:
    widget = site.widget()
    for _ in range(12):
        assert site.get(f"/api/widgets/{widget}/data").status_code == 200
        assert site.post("/api/custom-widgets/probe/execute", {"widget_instance_id": widget}).status_code == 200


def test_runs_without_a_widget_end_in_429(site: Site) -> None:
    body = {"params": {"url": site.upstream.url("/value")}}
    codes = [site.post("/api/custom-widgets/probe/execute", body).status_code for _ in range(4)]
    assert codes == [200, 200, 200, 429]


def test_one_token_does_not_use_up_the_rate_of_another(site: Site) -> None:
    widget = site.widget()
    _, button = site.runtime.tokens.make("Button", ["refresh"])
    for _ in range(4):
        site.post(f"/api/widgets/{widget}/refresh", token=button)
    assert site.post(f"/api/widgets/{widget}/refresh", token=button).status_code == 429
    assert site.post(f"/api/widgets/{widget}/refresh").status_code == 200


def test_readings_are_counted_one_by_one(site: Site) -> None:
    rows = [{"sensor_type": f"s{n}", "value": n} for n in range(3)]
    assert site.post("/api/readings", {"device_id": "greenhouse", "readings": rows}).status_code == 200
    refused(site.post("/api/readings", {"device_id": "greenhouse", "readings": rows[:1]}))


def test_a_socket_of_readings_says_so_and_stays_open(small: None, tmp_path: Path) -> None:
    with House(tmp_path).served() as house:
        client = house.open("/ws/ingest")
        told = []
        for n in range(4):
            client.send(json.dumps({"device_id": "greenhouse", "sensor_type": "t", "value": n}))
            told.append(client.receive(timeout=PATIENCE_S) or "")
        assert '"stored":1' in told[0]
        assert '"status":429' in told[3]
        client.close()


def test_sockets_end_in_429_before_they_open(small: None, tmp_path: Path) -> None:
    with House(tmp_path).served() as house, ExitStack() as stack:
        for _ in range(3):
            stack.callback(house.open("/ws/ingest").close)
        with RawClient(house.port) as client:
            key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13"
            client.send(
                f"GET /ws/ingest HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n"
                f"Authorization: Bearer {TOKEN}\r\n\r\n"
            )
            status, headers, _ = client.response()
        assert status == 429
        assert int(headers["retry-after"]) >= 1
