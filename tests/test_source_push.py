"""The push source: filled from outside only."""

from __future__ import annotations

import time

import pytest

from glance import params, sources
from glance.errors import FetchError
from glance.outbound import Outbound
from glance.sources import SourceIO, push


def test_it_is_never_fetched_and_can_be_picked_without_any_field() -> None:
    module = sources.kinds()["push"]
    assert (module.FETCHES, module.PICKABLE, module.FORM["properties"]) == (False, True, {})


def test_asking_it_says_how_it_is_filled() -> None:
    outbound = Outbound()
    io = SourceIO(outbound.client(time.monotonic() + 1), {}, time.monotonic() + 1, time.time)
    with pytest.raises(FetchError, match="POST /api/widgets/<id>/data"):
        push.fetch({"kind": "push"}, io)
    outbound.close()


def test_its_form_is_just_its_kind() -> None:
    schema = {"type": "object", "properties": {"data_source": {"type": "object", "format": "data_source"}}}
    parsed = params.parse(schema, {"data_source": {"kind": "push"}}, forms={"push": push.FORM})
    assert parsed == {"data_source": {"kind": "push"}}
