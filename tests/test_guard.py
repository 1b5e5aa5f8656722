"""Where Glance never connects to, and what a definition that is not trusted may ask."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from glance import guard
from glance.errors import FetchError
from glance.outbound import Outbound, Rules
from glance.outbound.reach import ping_ms, tcp_ms
from tests.upstream import Upstream


@pytest.fixture
def up() -> Iterator[Upstream]:
    with Upstream() as upstream:
        upstream.json("/", {"value": 1})
        yield upstream


def ask(outbound: Outbound, url: str, rules: Rules | None = None) -> Any:
    return outbound.client(time.monotonic() + 5, rules=rules).request("GET", url).json()


def refusal(outbound: Outbound, url: str, rules: Rules | None = None) -> str:
    with pytest.raises(FetchError) as caught:
        ask(outbound, url, rules)
    assert caught.value.kind == "blocked", caught.value.sentence
    return caught.value.sentence


def lookup(monkeypatch: pytest.MonkeyPatch, answers: dict[str, list[str]]) -> list[str]:
    """Names are looked up as a test says; each name's last answer stays."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: str, port: Any, *args: Any, **options: Any) -> Any:
        if host not in answers:
            return real(host, port, *args, **options)
        if options.get("flags", 0) & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "not a number")
        asked.append(host)
        address = answers[host].pop(0) if len(answers[host]) > 1 else answers[host][0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        end = (address, port or 0, 0, 0) if ":" in address else (address, port or 0)
        return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", end)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


# ---- addresses that are never connected to


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "169.254.0.1", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "64:ff9b::169.254.169.254", "64:ff9b:1::169.254.169.254", "::ffff:0:169.254.169.254", "2001:db8::5efe:169.254.169.254",
        "2002:a9fe:a9fe::1", "::169.254.169.254", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "100.100.100.200", "192.0.0.192",
        "168.63.129.16", "0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0", "224.0.0.1", "239.255.255.250", "ff02::1", "255.255.255.255",
        "240.0.0.1", "fd00:ec2::23", "64:ff9b:1:a9fe:a9:fe00:101:101", "64:ff9b:1:a9:fe:a9fe:0:1", "64:ff9b:1:0:a9:fea9:fe00:1",
        "not an address", "",
    ],
)  # fmt: skip
def test_some_addresses_are_never_connected_to(address: str) -> None:
    assert guard.forbidden(address)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "192.168.1.5", "10.0.0.1", "172.16.3.4", "100.64.0.7", "fd12:3456::1", "8.8.8.8", "2606:4700::1111", "::ffff:192.168.1.5",
     "64:ff9b:1::8.8.8.8", "64:ff9b:1:808:8:800::"],
)  # fmt: skip
def test_the_own_network_and_the_wide_world_are_fine(address: str) -> None:
    assert guard.forbidden(address) is None


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254", "2852039166", "0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE", "0251.0376.0251.0376", "025177524776", "169.254.43518",
        "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[fe80::1]", "[fd00:ec2::254]", "100.100.100.200", "0.0.0.0", "0", "[::]",
        "224.0.0.1", "255.255.255.255", "[64:ff9b::a9fe:a9fe]",
    ],
)  # fmt: skip
def test_however_it_is_written_the_address_is_refused_before_a_byte_is_sent(outbound: Outbound, host: str) -> None:
    sentence = refusal(outbound, f"http://{host}/latest/meta-data/")
    assert "Glance never connects there." in sentence


def test_a_name_that_leads_to_such_an_address_is_refused(outbound: Outbound, monkeypatch: pytest.MonkeyPatch) -> None:
    lookup(monkeypatch, {"innocent.example.org": ["169.254.169.254"]})
    assert "innocent.example.org leads to 169.254.169.254" in refusal(outbound, "http://innocent.example.org/")


def test_a_name_that_changes_between_two_requests_is_looked_at_each_time(
    outbound: Outbound, monkeypatch: pytest.MonkeyPatch, up: Upstream
) -> None:
    asked = lookup(monkeypatch, {"rebinding.test": ["127.0.0.1", "169.254.169.254"]})
    up.answer("/", b"{}", headers={"Connection": "close", "Content-Type": "application/json"})
    assert ask(outbound, f"http://rebinding.test:{up.port}/") == {}
    assert "169.254.169.254" in refusal(outbound, f"http://rebinding.test:{up.port}/")
    assert len(asked) == 2


@pytest.mark.parametrize("to", ["http://169.254.169.254/", "http://2852039166/", "http://[::ffff:a9fe:a9fe]/", "//0/"])
def test_a_redirect_leads_nowhere_that_is_forbidden(outbound: Outbound, up: Upstream, to: str) -> None:
    up.redirect("/a", "/b")
    up.redirect("/b", to)
    refusal(outbound, up.url("/a"))
    assert up.count() == 2


def test_checks_by_tcp_and_ping_are_guarded_too() -> None:
    for call in (
        lambda: tcp_ms("2852039166", 80, 1.0),
        lambda: ping_ms("0xa9fea9fe", 1.0),
        lambda: tcp_ms("fe80::1", 80, 1.0),
    ):
        with pytest.raises(FetchError) as caught:
            call()
        assert caught.value.kind == "blocked"


# ---- the hosts that were agreed to


def test_a_definition_that_is_not_trusted_asks_the_agreed_hosts_only(outbound: Outbound, up: Upstream) -> None:
    rules = Rules("Mine", ("127.0.0.1",))
    assert ask(outbound, up.url("/"), rules) == {"value": 1}
    sentence = refusal(outbound, up.url("/", "127.0.0.2"), rules)
    assert sentence.startswith("“Mine” may not ask 127.0.0.2:")
    assert "Settings, Credentials" in sentence
    assert up.count() == 1


def test_hosts_are_checked_after_every_redirect(outbound: Outbound, up: Upstream) -> None:
    up.redirect("/a", "/b")
    up.redirect("/b", up.url("/", "127.0.0.2"))
    refusal(outbound, up.url("/a"), Rules("Mine", ("127.0.0.1",)))
    assert up.count() == 2


def test_the_login_of_a_session_is_checked_too(outbound: Outbound, up: Upstream) -> None:
    auth = {"kind": "session", "login": {"url": up.url("/login", "127.0.0.2"), "form": {"a": "b"}}}
    client = outbound.client(time.monotonic() + 5, rules=Rules("Mine", ("127.0.0.1",)))
    with pytest.raises(FetchError) as caught:
        client.request("GET", up.url("/"), auth=auth)
    assert caught.value.kind == "blocked"
    assert up.count() == 0


def test_an_agreed_name_does_not_open_the_own_network_by_being_looked_up_there(
    outbound: Outbound, up: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookup(monkeypatch, {"api.example.org": ["127.0.0.1"]})
    url = f"http://api.example.org:{up.port}/"
    assert "in your own network" in refusal(outbound, url, Rules("Mine", ("api.example.org",)))
    assert ask(outbound, url, Rules("Mine", ("api.example.org", "127.0.0.1"))) == {"value": 1}
    assert ask(outbound, url, Rules("Mine", (), frozenset({"api.example.org"}))) == {"value": 1}, "the owner wrote it"


@pytest.mark.parametrize(
    "rules",
    [Rules("Mine", (), frozenset({"nas.lan"})), Rules("Mine", ("*",)), Rules("Mine", ("nas.lan", "169.254.169.254"))],
)
@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fe80::1", "100.100.100.200", "224.0.0.1", "::ffff:169.254.169.254"]
)
def test_a_name_that_was_typed_or_agreed_to_never_leads_where_nothing_may_connect(
    outbound: Outbound, monkeypatch: pytest.MonkeyPatch, address: str, rules: Rules
) -> None:
    lookup(monkeypatch, {"nas.lan": [address]})
    assert "Glance never connects there" in refusal(outbound, "http://nas.lan/", rules)


def test_an_open_connection_of_a_trusted_definition_is_not_lent_to_another(
    outbound: Outbound, up: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookup(monkeypatch, {"api.example.org": ["127.0.0.1"]})
    url = f"http://api.example.org:{up.port}/"
    ask(outbound, url)
    refusal(outbound, url, Rules("Mine", ("api.example.org",)))
    assert up.count() == 1


def test_a_unix_socket_must_be_agreed_to_by_its_path(outbound: Outbound, tmp_path: Any) -> None:
    path = str(tmp_path / "s.sock")
    with Upstream(unix=path) as sock:
        sock.json("/", {"value": 2})
        refusal(outbound, sock.url("/"), Rules("Mine", ("127.0.0.1", "localhost")))
        assert ask(outbound, sock.url("/"), Rules("Mine", (f"unix:{path}",))) == {"value": 2}


def test_what_is_reached_without_http_follows_the_same_rules() -> None:
    rules = Rules("Mine", ("nas.lan:22",))
    with pytest.raises(FetchError):
        rules.permit("nas.lan", 23)
    with pytest.raises(FetchError):
        rules.permit("nas.lan", 22)("nas.lan", "169.254.1.1")
    rules.permit("nas.lan", 22)("nas.lan", "192.168.1.2")


# ---- how hosts are written


@pytest.mark.parametrize(
    ("pattern", "host", "port", "fits"),
    [
        ("api.example.org", "api.example.org", 443, True), ("api.example.org", "API.example.org.", 80, True),
        ("api.example.org", "example.org", 443, False), ("api.example.org", "api.example.org.evil.example", 443, False),
        ("example.org", "badexample.org", 443, False), ("*.example.org", "a.b.example.org", 443, True),
        ("*.example.org", "example.org", 443, False), ("*.example.org", "badexample.org", 443, False),
        ("nas.lan:8080", "nas.lan", 8080, True), ("nas.lan:8080", "nas.lan", 80, False), ("nas.lan", "nas.lan", 8080, True),
        ("[fd00::1]:80", "fd00:0::1", 80, True), ("fd00::1", "fd00::2", 80, False), ("192.168.1.5", "192.168.1.5", 1, True),
        ("127.0.0.1", "2130706433", 80, False), ("*", "anything.example", 80, True), ("*", "unix:/run/x", 0, True),
        ("unix:/run/x", "unix:/run/x", 0, True), ("unix:/run/x", "unix:/run/xy", 0, False),
    ],
)  # fmt: skip
def test_a_host_is_meant_exactly(pattern: str, host: str, port: int, fits: bool) -> None:
    assert guard.matches((pattern,), host, port) is fits


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("https://API.Example.org/v1?x=1", "api.example.org"), (" nas.lan:8080 ", "nas.lan:8080"), ("user:pw@host.lan", "host.lan"),
        ("bücher.example", "xn--bcher-kva.example"), ("unix:/run/docker.sock:/containers/json", "unix:/run/docker.sock"),
        ("http://[fd00::1]:8080/x", "[fd00::1]:8080"),
    ],
)  # fmt: skip
def test_hosts_are_stored_in_one_form(text: str, stored: str) -> None:
    assert guard.written(text) == stored
    assert guard.host_fault(stored) is None


@pytest.mark.parametrize(
    "text", ["", "a b", "-x", "x-.y", "*.org", "**", "*", "a..b", "host:0", "host:70000", "host:x", "a" * 300, "\x00"]
)
def test_what_is_no_host_is_refused(text: str) -> None:
    assert guard.host_fault(text, any_host=False)


# ---- what a manifest names, and what an owner wrote


def test_a_manifest_names_the_hosts_that_stand_in_it() -> None:
    manifest = {
        "hosts": ["Extra.example.org"],
        "source": {
            "kind": "http",
            "requests": {
                "a": {"url": "https://api.example.org/{{ params.x }}"},
                "b": {"url": "http://user:pw@nas.lan:8080/"},
                "c": {"url": "https://{{ params.region }}.cloud.example/x"},
                "d": {"url": "https://{{ params.host }}/x"},
                "e": {"url": "https://half{{ params.x }}.example/"},
                "f": {"url": "https://tail.example{{ params.path }}"},
                "g": {"url": "unix:/run/docker.sock:/info"},
            },
        },
        "params": {"properties": {"url": {"type": "string", "default": "http://192.168.1.1/reboot"}}},
    }
    assert set(guard.named(manifest)) == {
        "extra.example.org", "api.example.org", "nas.lan:8080", "*.cloud.example", "tail.example", "unix:/run/docker.sock",
        "192.168.1.1",
    }  # fmt: skip


def test_what_the_manifest_chose_is_not_what_the_owner_wrote() -> None:
    manifest = {
        "params": {
            "properties": {
                "host": {"type": "string", "default": "router", "enum": ["router", "printer"]},
                "source": {"type": "object", "default": {"url": "http://10.0.0.1/x"}},
            }
        }
    }
    assert guard.typed({"host": "router", "source": {"url": "http://10.0.0.1/x"}}, manifest) == frozenset()
    assert guard.typed({"host": "printer"}, manifest) == frozenset()
    assert guard.typed({"host": "my-nas", "source": {"url": "http://10.0.0.2/"}}, manifest) == {"my-nas", "10.0.0.2"}
    assert guard.typed({"url": "unix:/run/docker.sock:/info"}, manifest) == frozenset(), "a socket takes an agreement"


def test_a_word_or_a_number_in_the_params_is_no_host() -> None:
    assert (
        guard.written_in({"unit": "metric", "factor": "3.5", "n": "2852039166", "zone": "Europe/Berlin"}) == frozenset()
    )


@pytest.mark.parametrize(
    ("given", "wanted", "enough"),
    [(("a.org",), "a.org:8080", True), (("a.org:8080",), "a.org", False), (("*.a.org",), "*.a.org", True), (("x.a.org",), "*.a.org", False), ((), "a.org", False)],
)  # fmt: skip
def test_an_agreement_covers_what_it_says(given: tuple[str, ...], wanted: str, enough: bool) -> None:
    assert guard.covers(given, wanted) is enough
