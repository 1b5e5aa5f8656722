"""The static source: data without fetching."""

from __future__ import annotations

import time

from glance import schemas, sources
from glance.outbound import Outbound
from glance.sources import SourceIO, static


def test_it_is_never_fetched_and_cannot_be_picked() -> None:
    module = sources.kinds()["static"]
    assert (module.FETCHES, module.PICKABLE) == (False, False)


def test_its_data_is_the_params_over_what_the_manifest_writes() -> None:
    outbound = Outbound()
    io = SourceIO(outbound.client(time.monotonic() + 1), {"text": "mine"}, time.monotonic() + 1, time.time)
    assert static.fetch({"kind": "static"}, io) == {"text": "mine"}
    assert static.fetch({"kind": "static", "data": {"text": "theirs", "n": 1}}, io) == {"text": "mine", "n": 1}
    outbound.close()


def test_its_manifest_takes_data_and_nothing_else() -> None:
    assert schemas.faults(static.SCHEMA, {"data": {"a": 1}}) == []
    assert schemas.faults(static.SCHEMA, {"dat": {}}) == [("dat", "is not known; did you mean data?")]
