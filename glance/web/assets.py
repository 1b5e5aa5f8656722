"""Static files from memory: joined, hashed, compressed once; the hash in the address makes them cacheable for ever."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path

from flask import Flask, Response, abort, request
from markupsafe import escape

from glance.icons import Icons

FOLDER = Path(__file__).resolve().parent.parent / "static"
MIMES = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
IMMUTABLE = "public, max-age=31536000, immutable"
# One request each: what belongs together is joined here, in this order.
JOINED: dict[str, tuple[str, ...]] = {
    "glance.css": ("css/tokens.css", "css/base.css", "css/card.css", "css/form.css"),
    "pages.css": ("css/pages.css", "css/making.css", "css/devices.css"),
    "app.js": (
        "vendor/htmx.min.js",
        "vendor/hx-ws.min.js",
        "js/theme.js",
        "js/age.js",
        "js/keep.js",
        "js/patch.js",
        "js/card.js",
        "js/live.js",
    ),
    "chart.js": ("vendor/uPlot.iife.min.js", "js/chart.js"),
    "chart.css": ("vendor/uPlot.min.css", "css/chart.css"),
}
# One spelling for each file: what is kept under a name is kept for ever, so no name may have a second one ("js/./app.js").
_NAME = re.compile(r"[\w-][\w.-]*(?:/[\w-][\w.-]*)*", re.ASCII)
_HASHED = re.compile(r"^(?P<stem>[\w./-]+?)\.(?P<hash>[0-9a-f]{10})\.(?P<ext>\w+)$")
# Scripts are modules loaded with `async`, so that nothing waits for them; ours begin once the page is whole.
_WAIT = b"""if (document.readyState === "loading") {
  await new Promise(done => document.addEventListener("DOMContentLoaded", done, { once: true }));
}"""
_SOURCE_MAP = re.compile(rb"^//# sourceMappingURL=.*$", re.MULTILINE)
# Comments in our own files are for readers of the source: whole lines in scripts, all in stylesheets.
_OURS = {"js": re.compile(rb"^\s*//.*\n", re.MULTILINE), "css": re.compile(rb"/\*.*?\*/\n?", re.DOTALL)}


@dataclass(frozen=True, slots=True)
class Asset:
    """One served file: its bytes, the same compressed, its type and the hash of its content."""

    name: str
    body: bytes
    packed: bytes
    mime: str
    hash: str

    @property
    def path(self) -> str:
        """Its address below /static/."""
        stem, _, ext = self.name.rpartition(".")
        return f"{stem}.{self.hash}.{ext}"


class Assets:
    """Every static file by name. With `watch` a file is read again when it changed on disk (development)."""

    def __init__(self, folder: Path = FOLDER, watch: bool = False) -> None:
        self._folder = folder
        self._watch = watch
        self._kept: dict[str, tuple[float, Asset]] = {}

    def get(self, name: str) -> Asset | None:
        """The asset of that plain name ("app.js", "icons.svg", "js/form.js"), or None."""
        kept = self._kept.get(name)
        if kept is not None and not self._watch:
            return kept[1]
        parts = self._parts(name)
        if not parts:
            return None
        changed = max(part.stat().st_mtime for part in parts)
        if kept is not None and kept[0] == changed:
            return kept[1]
        asset = self._build(name, parts)
        self._kept[name] = (changed, asset)
        return asset

    def find(self, address: str) -> tuple[Asset | None, bool]:
        """The asset at an address below /static/, and whether the hash in it is the current one."""
        match = _HASHED.match(address)
        if match is None:
            return self.get(address), False
        asset = self.get(f"{match['stem']}.{match['ext']}")
        return asset, asset is not None and asset.hash == match["hash"]

    @property
    def icons(self) -> frozenset[str]:
        """The names of the drawn icons."""
        asset = self.get("icons.svg")
        return frozenset(re.findall(r'<symbol id="([\w-]+)"', asset.body.decode())) if asset else frozenset()

    def _parts(self, name: str) -> list[Path]:
        """The files behind a name; nothing outside the folder, nothing hidden."""
        if not _NAME.fullmatch(name):
            return []
        wanted = JOINED.get(name, (name,))
        found = []
        for part in wanted:
            path = (self._folder / part).resolve()
            if not path.is_relative_to(self._folder.resolve()) or not path.is_file() or path.name.startswith("."):
                return []
            found.append(path)
        return found

    def _build(self, name: str, parts: list[Path]) -> Asset:
        """Join and compress. Each script of ours stands in a block of its own, so that names never meet."""
        joins_scripts = name in JOINED and name.endswith(".js")
        texts: list[bytes] = []
        for part in parts:
            text = _SOURCE_MAP.sub(b"", part.read_bytes())
            if part.parent.name in _OURS:
                text = _OURS[part.parent.name].sub(b"", text)
            if joins_scripts and part.parent.name == "js":
                if _WAIT not in texts:
                    texts.append(_WAIT)
                text = b"{\n" + text.strip() + b"\n}"
            texts.append(text.strip())
        body = (b"\n;\n" if joins_scripts else b"\n").join(texts) + b"\n"
        mime = MIMES.get(name.rpartition(".")[2], mimetypes.guess_type(name)[0] or "application/octet-stream")
        kind = f"{mime}; charset=utf-8" if mime.startswith("text/") else mime
        return Asset(name, body, gzip.compress(body, 9, mtime=0), kind, hashlib.sha256(body).hexdigest()[:10])


def accepts_gzip() -> bool:
    """True where the asking browser takes gzip."""
    return "gzip" in request.headers.get("Accept-Encoding", "")


def serve(assets: Assets, address: str) -> Response:
    """The static file at that address; immutable where the hash is right, checked again each time otherwise."""
    asset, current = assets.find(address)
    if asset is None:
        abort(404)
    response = Response(asset.packed if accepts_gzip() else asset.body, content_type=asset.mime)
    if accepts_gzip():
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = IMMUTABLE if current else "no-cache"
    response.set_etag(asset.hash)
    response.make_conditional(request)
    return response


def install(app: Flask, icons: Icons) -> None:
    """Add the route `static` and the template globals `static(name)` and `icon(name, cls)`; made with static_folder=None."""
    assets = Assets(watch=app.debug)

    def static(name: str) -> str:
        asset = assets.get(name)
        if asset is None:
            raise LookupError(f"there is no static file {name}")
        return f"{_root(app)}/static/{asset.path}"

    icons.address = static("icons.svg")
    app.add_url_rule("/static/<path:filename>", "static", lambda filename: serve(assets, filename))
    app.jinja_env.globals.update(static=static, icon=icons.draw)
    app.extensions["glance.assets"] = assets


def _root(app: Flask) -> str:
    """The path that the external address adds in front of every link, without a slash at its end."""
    return str(escape(app.config.get("APPLICATION_ROOT", "/"))).rstrip("/")
