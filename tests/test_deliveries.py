"""What is remembered of stored deliveries: every message id, in little memory."""

from __future__ import annotations

import random
import tracemalloc

from glance.ingest.deliveries import Seen

LARGEST = (1 << 48) - 1
# MQTT's last message id
LAST = 65535


def test_it_remembers_what_a_dict_would() -> None:
    dice = random.Random(7)
    known = {dice.randint(1, LAST): dice.randint(0, LARGEST) for _ in range(500)} | {1: 0, LAST: LARGEST}
    seen = Seen(known)
    assert dict(seen.items()) == known
    assert all(seen.get(mid) == known.get(mid) for mid in range(LAST + 1))


def test_a_later_delivery_takes_the_place_of_an_earlier_one_with_its_number() -> None:
    seen = Seen({5: 1})
    seen.put(5, 2)
    assert seen.get(5) == 2
    assert dict(seen.items()) == {5: 2}


def test_two_windows_become_one_in_which_the_newer_counts() -> None:
    older, newer = {1: 10, 2: 20, 300: 30, 900: 0}, {2: 21, 301: 31, 5000: 50}
    both = Seen(newer).over(Seen(older))
    assert dict(both.items()) == older | newer


def test_a_copy_does_not_change_with_what_it_was_made_of() -> None:
    seen, older = Seen({1: 1}), Seen({1000: 1})
    both = seen.over(older)
    seen.put(2, 2)
    older.put(1001, 2)
    assert dict(both.items()) == {1: 1, 1000: 1}


def test_nothing_seen_is_false_and_knows_nothing() -> None:
    assert not Seen()
    assert Seen({3: 0})
    assert Seen().get(3) is None
    assert Seen({3: 0}).get(4) is None


def test_every_message_id_fits_into_a_megabyte() -> None:
    tracemalloc.start()
    try:
        seen = Seen()
        for mid in range(1, LAST + 1):
            seen.put(mid, LARGEST - mid)
        size = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert seen.get(LAST) == LARGEST - LAST
    assert size < 1_000_000
