"""Widgets that failed for want of something that is there now try again, without waiting for their next turn."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from glance.definition import Definition
from glance.errors import GlanceError
from glance.web import runtime

log = logging.getLogger(__name__)
MOST = 50


def try_again(definitions: Iterable[Definition]) -> None:
    """Ask the sources of the failing widgets of these definitions; answers come behind, by marks on the hub."""
    rt = runtime()
    widgets = [widget for definition in definitions for widget in rt.widgets.using(definition.slug)]
    views = rt.refresher.peek(widgets)
    failing = [widget for widget in widgets if views[widget.id].failure is not None]
    for widget in failing[:MOST]:
        try:
            rt.refresher.get(widget, force=True, wait_s=0.0)
        except GlanceError as error:
            # wait_s=0 ends as a timeout while the fetch goes on; a failure is stored and shown by itself
            log.debug("Trying widget %s again: %s", widget.id, error)
