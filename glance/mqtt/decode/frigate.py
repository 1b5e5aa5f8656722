"""Frigate: object counts, motion and switches per camera. Source: blakeblackshear/frigate docs/docs/integrations/mqtt.md."""

from __future__ import annotations

from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.keys import clean
from glance.mqtt.decode.topics import presence
from glance.mqtt.readings import SensorInfo

ECOSYSTEM = "frigate"
EVENTS = frozenset("events reviews tracked_object_update triggers notification_test".split())
META = frozenset("stats camera_activity restart notifications onConnect model_state profile job_state".split())
# "NONE" is a state here, not the absence of a value.
REVIEW = ("NONE", "DETECTION", "ALERT")


def is_frigate(levels: list[str]) -> bool:
    """Whether a topic lies under Frigate's prefix."""
    return levels[0].startswith("frigate") and len(levels) > 1


def read(draft: Draft, levels: list[str]) -> None:
    """A message of Frigate; the camera is the device."""
    draft.ecosystem = ECOSYSTEM
    base, rest, body = levels[0], levels[1:], draft.message.body
    if rest == ["available"]:
        state = presence(str(body.value))
        if state:
            draft.alive(base, state, bridge=True)
    elif rest[0] in EVENTS:
        draft.says("event", "An event of Frigate: boxes, ids and scores, no line.")
    elif rest[-1] in ("snapshot", "image_jpeg") or body.form == "binary":
        draft.says("binary", "A picture.")
    elif rest[-1] == "ptz":
        draft.says("command", "A command to the camera, not a reading.")
    elif rest[0] in META or len(rest) < 2 or rest[-1] == "suspended" or body.form == "json":
        draft.says("meta", "Frigate about itself: no reading.")
    else:
        camera = draft.device(clean(rest[0]), name=rest[0], bridge=base)
        parts = rest[1:-1] if rest[-1] == "state" and len(rest) > 2 else rest[1:]
        kind = "enum" if rest[1] in ("status", "review_status") else None
        if rest[1:] == ["review_status"] and (camera, rest[1]) not in draft.memory.series:
            draft.declare(SensorInfo(camera, rest[1], kind="enum", options=REVIEW))
        unit = {"rms": None, "dBFS": "dBFS"}.get(rest[-1])
        draft.reading(camera, clean("/".join(parts)), body.value, unit, kind)  # type: ignore[arg-type]
