"""The cards of a public dashboard: drawn once more for guests, with nothing in them but what is meant to be seen."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from flask import Flask
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from glance.addresses import split_address
from glance.cards import CardError
from glance.definition import Definition
from glance.errors import GlanceError
from glance.model import View, Widget
from glance.outbound.masking import Mask
from glance.runtime import Runtime
from glance.web.fragments import AGE, ARC, AT, KEPT, MARKS, OUT, Fragments, Rendered, place
from glance.web.legend import Figure, held_open
from glance.web.public_markup import outside, shown_to_guests
from glance.web.ranges import RANGES, has_range, saved_range

log = logging.getLogger(__name__)

MOST_PICTURES = 500
# the names that guests have for pictures, and their usual keys
Named = dict[str, str]
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
        self._pictures: OrderedDict[str, tuple[Named, Named]] = OrderedDict()

    def picture(self, name: str, widgets: Iterable[Widget]) -> str | None:
        """The usual key of a picture that the cards of these widgets show, or showed before they changed last; None for any other."""
        for widget in widgets:
            for named in self._pictures.get(widget.id, ()):
                if name in named:
                    return named[name]
        return None

    def without_secrets(self, widget: Widget, data: Any) -> Any:
        """JSON data of a widget as guests may have it."""
        return Mask(self._secrets(widget)).data(data)

    def _draw(self, widget: Widget, definition: Definition | None, view: View, version: str) -> Rendered:
        mask = Mask(self._secrets(widget))
        named: Named = {}
        body, aside = self._shown(widget, definition, view, mask, named)
        self._keep(widget.id, named)
        state = "error" if body is None and view.state != "loading" else view.state
        state = "fresh" if state == "refreshing" else state
        figures: tuple[Figure, ...] = ()
        is_chart = body is not None and has_range(widget, definition)
        if body is not None and is_chart:
            body, figures = held_open(body, view.data, place)
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
            ranges=RANGES if is_chart else (),
            range=saved_range(widget),
        )
        pieces = MARKS.split(text.strip().encode())
        slots = tuple(slot.decode() for slot in pieces[1::2])
        return Rendered(widget.id, version, tuple(pieces[::2]), slots, view.at, every_s, (), view.tail, figures=figures)

    def _shown(
        self, widget: Widget, definition: Definition | None, view: View, mask: Mask, named: Named
    ) -> tuple[Markup | None, str]:
        """The body for guests, None where there is nothing to show (why is nothing for them); its pictures are noted in `named`."""
        if definition is None or not view.has_data:
            return None, ""
        try:
            card = self._runtime.cards.card(definition, widget, view.data)
        except CardError:
            return None, ""
        body = shown_to_guests(
            str(card.body), mask.text, lambda url: self._link(url, mask), lambda src: self._rename(src, named)
        )
        # a search field, an empty note: without its controls nothing of the card is left
        is_left = Markup(body).striptags() or _DRAWN.search(body)
        return Markup(body) if is_left else _FOR_NOBODY, mask.text(card.aside)

    def _link(self, url: str, mask: Mask) -> str:
        """An address on the internet that holds no secret; else none."""
        found = outside(url)
        return found if found and mask.url(found) == found else ""

    def _rename(self, src: str, named: Named) -> str:
        """The address of a picture for guests, its name noted in `named`; empty for any other address."""
        found = _PICTURE.fullmatch(split_address(src).path)
        if found is None or len(named) >= MOST_PICTURES:
            return ""
        name = hmac.new(self._key, found[1].encode("ascii"), hashlib.sha256).hexdigest()[:32]
        named[name] = found[1]
        return f"{self._root}/p/{self._address}/image/{name}"

    def _keep(self, widget_id: str, named: Named) -> None:
        """A card shows these pictures from now on; those that it showed before may still be on an open page."""
        with self._lock:
            before = self._pictures.pop(widget_id, ({}, {}))[0]
            if named or before:
                self._pictures[widget_id] = named, before
            while len(self._pictures) > KEPT:
                self._pictures.popitem(last=False)

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
