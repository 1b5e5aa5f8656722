"""The last messages of the broker as they came, and why each was or was not understood."""

from __future__ import annotations

from typing import Any

from flask import Response, render_template, request

from glance.web import runtime
from glance.web.devices import states
from glance.web.devices.chain import heard_of

SHOWN = 60
SEARCHED = 2000


def messages() -> Any:
    """GET /messages?q=&show=unclear: the last message of each topic, newest first; `topic` gives all that are kept of one."""
    rt = runtime()
    kept = rt.ingest.messages
    words = request.args.get("q", "").split()
    unclear = request.args.get("show") == "unclear"
    topic = request.args.get("topic", "")
    if topic:
        found = kept.of_topic(topic)
    elif unclear:
        found = kept.unclear(SHOWN * 2)
    else:
        found = kept.latest(SEARCHED if words else SHOWN + 1)
    found = [one for one in found if all(word.casefold() in one.topic.casefold() for word in words)]
    return render_template(
        "messages.html",
        current=None,
        now=rt.clock(),
        q=request.args.get("q", ""),
        topic=topic,
        unclear=unclear,
        unclear_count=kept.unclear_count,
        count=kept.count,
        heard=[heard_of(one) for one in found[:SHOWN]],
        broker=states.broker(rt),
    )


def broker() -> Any:
    """GET /broker: how the connection to the broker stands, as rows of the connection's popover."""
    rt = runtime()
    return render_template("_broker.html", broker=states.broker(rt))


def broker_sign() -> Any:
    """GET /broker/sign: the sign of the broker in the head of a page, where it shows another state than `shown`; else 204."""
    now = states.broker(runtime())
    if now is None or request.args.get("shown") == ("here" if now.connected else now.status):
        return Response(status=204)
    return render_template("_broker_sign.html", broker=now)
