"""The cards of a public dashboard: drawn once more for guests, with nothing in them but what is meant to be seen."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
from collections import OrderedDict
from types import SimpleNamespace
from urllib.parse import urlsplit

from flask import Flask
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from glance.cards import CardError
from glance.definition import Definition
from glance.errors import GlanceError
from glance.model import View, Widget
from glance.outbound.masking import Mask
from glance.runtime import Runtime
from glance.web.fragments import AGE, ARC, AT, MARKS, OUT, Fragments, Rendered
from glance.web.public_markup import outside, shown_to_guests

log = logging.getLogger(__name__)

MOST_PICTURES = 2000
_FOR_NOBODY = Markup('<div class="blank"><strong>Nothing here for guests</strong></div>')
_DRAWN = re.compile(r"<(?:svg|img)\b")
_PICTURE = re.compile(r"(?:/[\w./-]*)?/image/([\w-]+)", re.ASCII)


class GuestCards(Fragments):
    """The cards of the dashboard at one public address.

    Pictures get names of their own: the usual address of one holds that of the host it comes from.
    """

    def __init__(self, app: Flask, runtime: Runtime, address: str) -> None:
        super().__init__(app, runtime)
        self._address = address
        self._key = secrets.token_bytes(16)
        self._pictures: OrderedDict[str, str] = OrderedDict()

    def picture(self, name: str) -> str | None:
        """The usual key of a picture that these cards showed; None for any other."""
        return self._pictures.get(name)

    def _draw(self, widget: Widget, definition: Definition | None, view: View, version: str) -> Rendered:
        mask = Mask(self._secrets(widget))
        body, aside = self._shown(widget, definition, view, mask)
        state = "error" if body is None and view.state != "loading" else view.state
        state = "fresh" if state == "refreshing" else state
        every_s = view.expires_at - view.at if view.at is not None and view.expires_at and view.ttl_s else 0.0
        text = self._jinja.get_template("_public_card.html").render(
            root=self._root,
            id=widget.id,
            title=mask.text(widget.title),
            aside=aside,
            look=definition.css_kind if definition else "table",
            version=version,
            state=state,
            at=view.at,
            every_s=round(every_s, 1),
            live=view.state == "live",
            asleep=view.away == "asleep",
            mark=SimpleNamespace(age=Markup(AGE), arc=Markup(ARC), oob=Markup(OUT), at=Markup(AT)),
            body=body,
        )
        pieces = MARKS.split(text.strip().encode())
        slots = tuple(slot.decode() for slot in pieces[1::2])
        return Rendered(widget.id, version, tuple(pieces[::2]), slots, view.at, every_s, (), view.tail)

    def _shown(
        self, widget: Widget, definition: Definition | None, view: View, mask: Mask
    ) -> tuple[Markup | None, str]:
        """The body for guests, None where there is nothing to show; why is nothing for them."""
        if definition is None or not view.has_data:
            return None, ""
        try:
            card = self._runtime.cards.card(definition, widget, view.data)
        except CardError:
            return None, ""
        body = shown_to_guests(str(card.body), mask.text, lambda url: self._link(url, mask), self._rename)
        # a search field, an empty note: without its controls nothing of the card is left
        is_left = Markup(body).striptags() or _DRAWN.search(body)
        return Markup(body) if is_left else _FOR_NOBODY, mask.text(card.aside)

    def _link(self, url: str, mask: Mask) -> str:
        """An address on the internet that holds no secret; else none."""
        found = outside(url)
        return found if found and mask.url(found) == found else ""

    def _rename(self, src: str) -> str:
        found = _PICTURE.fullmatch(urlsplit(src).path)
        if found is None:
            return ""
        name = hmac.new(self._key, found[1].encode("ascii"), hashlib.sha256).hexdigest()[:32]
        self._pictures[name] = found[1]
        self._pictures.move_to_end(name)
        while len(self._pictures) > MOST_PICTURES:
            self._pictures.popitem(last=False)
        return f"{self._root}/p/{self._address}/image/{name}"

    def _secrets(self, widget: Widget) -> list[str]:
        """The stored secrets of a widget, and the credentials that any may use: an upstream may echo them."""
        rt = self._runtime
        found = []
        for value in rt.widgets.secrets(widget.id).values():
            try:
                found.append(str(rt.secretbox.decrypt(value)))
            except GlanceError as error:
                log.debug("A secret of widget %s cannot be read: %s", widget.id, error)
        found += [rt.credentials.hand_out(one.name).value for one in rt.credentials.all() if not one.is_lost]
        # a chart's points are JSON, where quotes and some letters look otherwise
        return found + [str(htmlsafe_json_dumps(secret))[1:-1] for secret in found]
