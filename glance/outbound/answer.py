"""An upstream's answer, read whole, and its body as text, JSON or XML."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from glance.errors import FetchError

_HUGE_NUMBER = re.compile(r"[eE]\+?0*[1-9]\d{2}|\d{300}")
_SURROGATE = re.compile("[\ud800-\udfff]")
# More than the longest secret takes in any disguise.
_MASKED_CHARS = 500_000
_CHARSET = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9._:-]+)", re.IGNORECASE)
MAX_DEPTH = 100


@dataclass(slots=True)
class Answer:
    """What came back. `headers` ignores case; `body` is decoded; `who` names the upstream in sentences, `mask` hides secrets,
    also before bytes are read in a charset that the upstream chose (`mask_octets`).

    `not_modified`: the upstream said that the body kept from an earlier answer (which `body` is) still holds.
    """

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    took_s: float
    who: str
    not_modified: bool = False
    mask: Callable[[str], str] = field(default=str, repr=False)
    mask_octets: Callable[[bytes], bytes] = field(default=bytes, repr=False)

    def text(self) -> str:
        """The body by its declared charset, else as UTF-8; what does not fit is replaced."""
        declared = _CHARSET.search(self.headers.get("content-type", ""))
        encoding = "utf-8-sig"
        if declared:
            try:
                encoding = codecs.lookup(declared.group(1)).name
            except LookupError:
                encoding = "utf-8-sig"
        if encoding == "utf-8":
            encoding = "utf-8-sig"
        # As UTF-8 a secret is text, which is searched later, unless its letters have zeros between them.
        is_plain = encoding == "utf-8-sig" and b"\0" not in self.body
        body = self.body if is_plain else self.mask_octets(self.body)
        try:
            return clean_text(body.decode(encoding, "replace"))
        except (LookupError, UnicodeError):  # a codec that is not for text, such as base64
            return body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON; NaN, Infinity and numbers beyond a double are refused, lone surrogates replaced."""
        text = self._json_text()
        try:
            data = json.loads(text, parse_constant=_refuse, parse_float=_finite if _HUGE_NUMBER.search(text) else None)
        except _NotANumber as error:
            raise self._format(f"{self.who} sent JSON that holds {error}, which is not a number.") from None
        except RecursionError:
            raise self._format(f"{self.who} sent JSON that is nested too deeply.") from None
        except ValueError as error:
            raise self._not_json(text, error) from None
        if text.count("[") + text.count("{") > MAX_DEPTH and _depth(data) > MAX_DEPTH:
            raise self._format(f"{self.who} sent JSON that is nested too deeply.")
        return clean(data) if "\\u" in text else data

    def xml(self) -> Any:
        """The body as dicts and lists: `{root: {child: …, "@attribute": …, "#text": …}}`.

        An element without attributes and children is its text; repeated children are a list; namespaces are dropped.
        """
        from defusedxml.common import DefusedXmlException  # late: XML is rare
        from defusedxml.ElementTree import ParseError, fromstring

        try:
            root = fromstring(self.body)
        except ParseError as error:
            if self._looks_like_html():
                raise self._format(f"{self.who} sent a web page instead of XML; check the address.") from None
            line = error.position[0]
            raise self._format(f"{self.who} sent XML that cannot be read, at line {line}.") from None
        except (DefusedXmlException, ValueError, LookupError):
            raise self._format(f"{self.who} sent XML with entities of its own or an unknown encoding.") from None
        return {_local(root.tag): self._element(root, 0)}

    def _element(self, element: Any, depth: int) -> Any:
        """One element as text or dict."""
        if depth > MAX_DEPTH:
            raise self._format(f"{self.who} sent XML that is nested too deeply.")
        text = clean_text((element.text or "").strip())
        if not len(element) and not element.attrib:
            return text
        result: dict[str, Any] = {f"@{_local(name)}": clean_text(value) for name, value in element.attrib.items()}
        for child in element:
            if not isinstance(child.tag, str):
                continue  # a comment or processing instruction
            name, value = _local(child.tag), self._element(child, depth + 1)
            if name not in result:
                result[name] = value
            elif isinstance(result[name], list):
                result[name].append(value)
            else:
                result[name] = [result[name], value]
        if text:
            result["#text"] = text
        return result

    def _json_text(self) -> str:
        """The body as text by JSON's own rules: UTF-8, -16 or -32, else the declared charset."""
        encoding = json.detect_encoding(self.body)
        try:
            return self.body.decode(encoding)
        except UnicodeDecodeError:
            return self.text()

    def _looks_like_html(self) -> bool:
        """True for a web page."""
        start = self.body[:400].lstrip().lower()
        return start.startswith((b"<!doctype html", b"<html")) or "html" in self.headers.get("content-type", "")

    def _not_json(self, text: str, error: ValueError) -> FetchError:
        """The sentence for a body that is not JSON."""
        if not text.strip():
            return self._format(f"{self.who} sent an empty answer instead of JSON.")
        if self._looks_like_html():
            return self._format(f"{self.who} sent a web page instead of JSON; check the address, or the login.")
        if text.lstrip().startswith("<"):
            return self._format(f"{self.who} sent XML instead of JSON; set the format to xml.")
        if not isinstance(error, json.JSONDecodeError):
            return self._format(f"{self.who} sent JSON with a number that is too long.")
        if text.lstrip()[:1] in '{["':
            return self._format(
                f"{self.who} sent JSON that cannot be read: a mistake at line {error.lineno}, column {error.colno}."
            )
        start = " ".join(self.mask(text[:_MASKED_CHARS])[:200].split())[:40]
        return self._format(f"{self.who} sent text instead of JSON. It begins with: {start}")

    def _format(self, sentence: str) -> FetchError:
        """An answer that cannot be read."""
        return FetchError(sentence, kind="format", http_status=self.status)


class _NotANumber(Exception):
    """JSON that holds NaN, Infinity or a number beyond a double."""


def _refuse(constant: str) -> Any:
    raise _NotANumber(constant)


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise _NotANumber(digits[:20])
    return number


def _depth(data: Any) -> int:
    """How deep lists and objects are nested."""
    level, depth = [data] if isinstance(data, (dict, list)) else [], 0
    while level:
        depth += 1
        parts = (part.values() if isinstance(part, dict) else part for part in level)
        level = (
            [child for part in parts for child in part if isinstance(child, (dict, list))] if depth <= MAX_DEPTH else []
        )
    return depth


def clean(data: Any) -> Any:
    """JSON data with lone surrogates replaced, which no database can store."""
    if isinstance(data, str):
        return clean_text(data)
    if isinstance(data, list):
        return [clean(item) for item in data]
    if isinstance(data, dict):
        return {clean_text(key): clean(value) for key, value in data.items()}
    return data


def clean_text(text: str) -> str:
    """Text with lone surrogates replaced."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _local(tag: str) -> str:
    """A name without its namespace."""
    return tag.rpartition("}")[2]
