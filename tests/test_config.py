"""Settings from the environment: each wrong one is refused by its name, and each may come from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from glance.config import read_settings
from glance.errors import SettingError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GLANCE_PORT", "abc"),
        ("GLANCE_PORT", "65536"),
        ("GLANCE_PORT", "-1"),
        ("GLANCE_PORT", "²"),
        ("GLANCE_AUTH", "maybe"),
        ("GLANCE_AUTH_NONE_OK", "maybe"),
        ("GLANCE_MQTT_DECIMAL_COMMA", "maybe"),
        ("GLANCE_TRUSTED_PROXIES", "10.0.0.0/8, nginx"),
        ("GLANCE_WIDGETS", "/nowhere/at/all"),
        ("GLANCE_RAW_DAYS", "0"),
        ("GLANCE_MAX_MB", "many"),
        ("GLANCE_LOG_LEVEL", "trace"),
        ("GLANCE_LOG_FORMAT", "xml"),
        ("GLANCE_PASSWORD_FILE", "/nowhere/at/all"),
        ("GLANCE_PROXY_HEADER", "Remote User"),
        ("GLANCE_PROXY_HEADER", "Remote-User:"),
        *(
            ("GLANCE_ALLOWED_HOSTS", names)
            for names in (
                "http://dash.example.org",
                "dash.example.org/glance",
                "ok.example.org, //dash.example.org",
                "*.",
                "*.*.example.org",
                "dash.*.org",
                "a b",
                "dash.example.org:x",
                "*.example.org:8080",
                "dash..example.org",
                "http://[",
            )
        ),
        *(
            ("GLANCE_PUBLIC_URL", address)
            for address in (
                "glance",
                "ftp://x.org",
                "http://[::1",
                "https://x.org:99999",
                "https://x.org/?a",
                "https://a@x.org",
                "https://",
                "https://a b.example.org",
                "https://dash..example.org",
                "https://x.org/my glance",
                "https://x.org/gl%C3%A4nce",
                "https://x.org/glänce",
                "https://x.org/..",
            )
        ),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name):
        read_settings({name: value})


def test_a_public_address_may_have_a_port_and_a_path() -> None:
    found = read_settings({"GLANCE_PUBLIC_URL": "https://[fd00::2]:8443/glance/"})
    assert found.public_url == "https://[fd00::2]:8443/glance"


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("https://glänce.example.org", "https://xn--glnce-hra.example.org"),
        ("https://GLÄNCE.example.org:8443/Glance", "https://xn--glnce-hra.example.org:8443/Glance"),
        ("https://dash.example.org:443", "https://dash.example.org"),
        ("http://Dash.example.org:80/glance", "http://dash.example.org/glance"),
        ("http://dash.example.org:443", "http://dash.example.org:443"),
        ("https://[FD00::2]:443", "https://[fd00::2]"),
        ("https://dash.example.org./x", "https://dash.example.org/x"),
        ("https://dash.example.org:00443", "https://dash.example.org"),
        ("https://例え。jp", "https://xn--r8jz45g.jp"),
    ],
)
def test_a_public_address_is_taken_as_browsers_send_it(given: str, taken: str) -> None:
    assert read_settings({"GLANCE_PUBLIC_URL": given}).public_url == taken


def test_names_are_taken_as_browsers_send_them() -> None:
    names = "Dash.Example.org, *.glänce.example, glänce.lan:8080, *, fd00::1, [fd00::2]:8080, my_pi, dash.example.org."
    assert read_settings({"GLANCE_ALLOWED_HOSTS": names}).allowed_hosts == (
        "dash.example.org", "*.xn--glnce-hra.example", "xn--glnce-hra.lan:8080", "*", "fd00::1", "[fd00::2]:8080", "my_pi", "dash.example.org.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "instead"),
    [
        ("GLANCE_ALLOWED_HOSTS", "http://dash.example.org", "write dash.example.org"),
        ("GLANCE_ALLOWED_HOSTS", "https://Dash.example.org:8443/glance/", "write dash.example.org"),
        ("GLANCE_ALLOWED_HOSTS", "dash.example.org nas.lan", "put commas between the names"),
        ("GLANCE_ALLOWED_HOSTS", "nas.lan;dash.example.org", "put commas between the names"),
        (
            "GLANCE_ALLOWED_HOSTS",
            "192.168.1.0/24",
            "leave it out, as Glance is found by any address without being told",
        ),
        ("GLANCE_ALLOWED_HOSTS", ".example.org", r"write \*\.example\.org"),
        ("GLANCE_ALLOWED_HOSTS", "*.example.org:8080", r"write \*\.example\.org"),
        ("GLANCE_PROXY_HEADER", "X Auth User", "write a name such as Remote-User"),
    ],
)
def test_a_setting_that_could_not_work_is_refused_with_what_to_write(name: str, value: str, instead: str) -> None:
    with pytest.raises(SettingError, match=rf"{name} .*: {instead}\.$"):
        read_settings({name: value})


def test_a_header_is_looked_for_as_servers_pass_it_on() -> None:
    assert read_settings({"GLANCE_PROXY_HEADER": "Remote_User"}).proxy_header == "Remote-User"


def test_every_setting_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from a file\n", encoding="utf-8")
    (tmp_path / "port").write_text("0\n", encoding="utf-8")
    found = read_settings(
        {
            "GLANCE_PASSWORD_FILE": str(tmp_path / "password"),
            "GLANCE_PASSWORD": "not this one",
            "GLANCE_PORT_FILE": str(tmp_path / "port"),
        }
    )
    assert (found.password, found.port) == ("from a file", 0)


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"GLANCE_AUTH": "none", "GLANCE_HOST": "0.0.0.0"}, "GLANCE_AUTH"),
        ({"GLANCE_AUTH": "proxy"}, "GLANCE_TRUSTED_PROXIES"),
    ],
)
def test_unsafe_combinations_are_refused(environ: dict[str, str], name: str) -> None:
    with pytest.raises(SettingError, match=name):
        read_settings(environ)


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_file_is_named_and_not_taken_for_no_password(tmp_path: Path, text: str) -> None:
    (tmp_path / "password").write_text(text)
    with pytest.raises(SettingError, match=r"GLANCE_PASSWORD_FILE names .*password, which is empty"):
        read_settings({"GLANCE_PASSWORD_FILE": str(tmp_path / "password")})


def test_a_file_setting_without_a_name_counts_as_not_set() -> None:
    assert read_settings({"GLANCE_PASSWORD_FILE": "", "GLANCE_PASSWORD": "a long one"}).password == "a long one"


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_password_or_token_is_none(value: str) -> None:
    found = read_settings({"GLANCE_PASSWORD": value, "GLANCE_API_TOKEN": value})
    assert not found.password
    assert not found.api_token
