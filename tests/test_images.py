"""Pictures through Glance: signed addresses, checked bytes, a bounded store, one fetch for many callers."""

from __future__ import annotations

import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask

from glance import images as module
from glance.errors import NotFound, Unavailable
from glance.images import Images, kind_of
from glance.outbound import Outbound
from glance.web.images import bp
from tests.upstream import Reply, Upstream
from tests.waiting import HELD_S, PATIENCE_S, until

PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"


class Clock:
    def __init__(self) -> None:
        self.now = 1_795_089_600.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def up() -> Iterator[Upstream]:
    with Upstream() as server:
        server.answer("/a.png", PNG, headers={"Content-Type": "text/html"})
        yield server


@pytest.fixture
def images(tmp_path: Path, outbound: Outbound, clock: Clock) -> Images:
    return Images(tmp_path, outbound, clock)


def key_of(images: Images, url: str) -> str:
    return images.address(url).removeprefix("/image/")


def test_a_picture_is_fetched_once_and_typed_by_its_bytes(images: Images, up: Upstream) -> None:
    key = key_of(images, up.url("/a.png"))
    for _ in range(3):
        picture = images.get(key)
        assert (picture.body, picture.media_type) == (PNG, "image/png")
    assert up.count("/a.png") == 1


def test_pictures_and_addresses_outlive_a_restart(
    images: Images, up: Upstream, tmp_path: Path, outbound: Outbound, clock: Clock
) -> None:
    address = images.address(up.url("/a.png"))
    images.get(key_of(images, up.url("/a.png")))
    again = Images(tmp_path, outbound, clock)
    assert again.address(up.url("/a.png")) == address
    assert again.get(key_of(again, up.url("/a.png"))).body == PNG
    assert up.count("/a.png") == 1
    assert stat.S_IMODE((tmp_path / "image.key").stat().st_mode) == 0o600


def test_addresses_begin_with_the_path_that_glance_is_served_under(tmp_path: Path, outbound: Outbound) -> None:
    images = Images(tmp_path, outbound, base="/glance")
    assert images.address("https://pics.example/a.png").startswith("/glance/image/")


def test_an_address_that_glance_did_not_make_is_not_fetched(images: Images, up: Upstream, tmp_path: Path) -> None:
    key = key_of(images, up.url("/a.png"))
    other = Images(tmp_path / "other", Outbound())
    for forged in (
        key_of(other, up.url("/a.png")),
        key[:-1],
        ("A" if key[0] != "A" else "B") + key[1:],
        "",
        "x",
        "%",
        "ü",
        "../../etc/passwd",
    ):
        with pytest.raises(NotFound):
            images.get(forged)
    assert up.count() == 0


@pytest.mark.parametrize(
    "url", ["", "javascript:alert(1)", "file:///etc/passwd", "data:image/png;base64,AA", "http://", None, 7]
)
def test_only_web_addresses_get_an_address(images: Images, url: object) -> None:
    assert images.address(url) == ""


@pytest.mark.parametrize("body", [SVG, b"<html>", b"", b"GIF", b"RIFF1234WAVE"])
def test_what_is_no_picture_is_refused_and_remembered(images: Images, up: Upstream, body: bytes, clock: Clock) -> None:
    up.answer("/x", body, headers={"Content-Type": "image/png"})
    for _ in range(2):
        with pytest.raises(NotFound):
            images.get(key_of(images, up.url("/x")))
    assert up.count("/x") == 1
    up.answer("/x", PNG)
    clock.now += 601
    assert images.get(key_of(images, up.url("/x"))).body == PNG


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0jpeg", "image/jpeg"),
        (b"GIF89a...", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00", "image/avif"),
        (b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1avifmiaf", "image/avif"),
        (b"\x00\x00\x00\x1cftypisom\x00\x00\x00\x00isomavc1", None),
        (SVG, None),
    ],
)
def test_kinds_are_known_by_their_first_bytes(body: bytes, media_type: str | None) -> None:
    assert kind_of(body) == media_type


def test_a_picture_above_2_mb_is_refused(images: Images, up: Upstream) -> None:
    up.answer("/big.png", PNG + b"\0" * 2_000_000)
    with pytest.raises(NotFound):
        images.get(key_of(images, up.url("/big.png")))


def test_after_a_week_it_is_fetched_again_and_the_old_one_serves_where_that_fails(
    images: Images, up: Upstream, clock: Clock
) -> None:
    key = key_of(images, up.url("/a.png"))
    images.get(key)
    clock.now += 8 * 86_400
    up.answer("/a.png", b"", status=500)
    assert images.get(key).body == PNG
    assert images.get(key).body == PNG
    assert up.count("/a.png") == 2
    up.answer("/a.png", PNG + b"new")
    clock.now += 601
    assert images.get(key).body == PNG + b"new"


def test_the_least_recently_used_goes_first(
    images: Images, up: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_STORED_BYTES", 250)
    keys = []
    for number in range(3):
        up.answer(f"/{number}.png", PNG + bytes(85))
        keys.append(key_of(images, up.url(f"/{number}.png")))
    images.get(keys[0])
    images.get(keys[1])
    images.get(keys[0])
    images.get(keys[2])
    assert len(list((tmp_path / "images").iterdir())) == 2
    images.get(keys[0])
    assert (up.count("/0.png"), up.count("/1.png")) == (1, 1)
    images.get(keys[1])
    assert up.count("/1.png") == 2


def test_a_damaged_or_missing_file_is_fetched_again(images: Images, up: Upstream, tmp_path: Path) -> None:
    key = key_of(images, up.url("/a.png"))
    images.get(key)
    (file,) = (tmp_path / "images").iterdir()
    file.write_bytes(PNG[:-2])
    assert images.get(key).body == PNG
    file.unlink()
    assert images.get(key).body == PNG
    assert up.count("/a.png") == 3


def test_many_callers_share_one_fetch(images: Images, up: Upstream) -> None:
    release = threading.Event()

    def handler(request: object) -> Reply:
        release.wait(HELD_S)
        return Reply(body=PNG)

    up.handle("/held.png", handler)
    key = key_of(images, up.url("/held.png"))
    bodies: list[bytes] = []
    threads = [threading.Thread(target=lambda: bodies.append(images.get(key).body)) for _ in range(8)]
    for thread in threads:
        thread.start()
    until(lambda: up.count("/held.png"))
    release.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert bodies == [PNG] * 8
    assert up.count("/held.png") == 1


def test_too_many_fetches_at_once_are_refused_and_not_remembered_as_failures(
    images: Images, up: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT_S", 0.1)
    for _ in range(module.AT_ONCE):
        images._places.acquire()
    with pytest.raises(Unavailable):
        images.get(key_of(images, up.url("/a.png")))
    for _ in range(module.AT_ONCE):
        images._places.release()
    monkeypatch.setattr(module, "TIMEOUT_S", 5.0)
    assert images.get(key_of(images, up.url("/a.png"))).body == PNG


def test_a_data_folder_that_cannot_be_written_still_serves(up: Upstream, outbound: Outbound, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    images = Images(blocked, outbound)
    assert images.get(key_of(images, up.url("/a.png"))).body == PNG


@pytest.fixture
def app(images: Images) -> Flask:
    made = Flask("test")
    made.extensions["glance"] = SimpleNamespace(images=images)
    made.register_blueprint(bp)
    return made


def test_the_route_serves_a_picture_that_can_do_nothing_else(app: Flask, images: Images, up: Upstream) -> None:
    client = app.test_client()
    answer = client.get(images.address(up.url("/a.png")))
    assert (answer.status_code, answer.data, answer.mimetype) == (200, PNG, "image/png")
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "private, max-age=604800, immutable"
    again = client.get(images.address(up.url("/a.png")), headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_the_route_answers_404_for_what_is_not_there(app: Flask, images: Images, up: Upstream) -> None:
    client = app.test_client()
    missing = client.get(images.address(up.url("/missing.png")))
    assert (missing.status_code, missing.headers["Cache-Control"]) == (404, "private, max-age=600")
    assert client.get("/image/forged").status_code == 404
