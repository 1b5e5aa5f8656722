"""The corpus of real messages and our own cases from documentation: what was expected is found, and nothing else."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import UTC

import pytest

from glance.mqtt.decode import Decoder
from tests.decode_corpus import ARRIVED_AT, SILENT, Result, judged, lines


def test_at_least_98_percent_of_the_expected_readings_of_the_corpus_are_found() -> None:
    found, missing, by_ecosystem = 0, [], Counter[str]()
    messages = lines()
    for line, result in zip(messages, judged(messages), strict=True):
        found += result.found
        missing += result.missing
        by_ecosystem[line["ecosystem"]] += len(result.missing)
    share = found / (found + len(missing))
    print(f"{found} of {found + len(missing)} expectations ({share:.1%}); missing: {missing}; {+by_ecosystem}")
    assert len(messages) == 249
    assert share >= 0.98, missing


def test_no_message_of_the_corpus_makes_a_reading_that_was_not_expected() -> None:
    false = {result.id: result.false for result in judged(lines()) if result.false}
    assert not false


def test_commands_logs_and_events_never_become_a_line() -> None:
    made = {
        result.id: [f"{r.sensor}={r.value}" for r in result.outcome.readings if r.kind != "event"]
        for result in judged(lines() + lines("more.jsonl") + lines("published.jsonl"))
        if result.kind in ("command", "meta", "binary", "removal", "availability") and result.outcome
    }
    assert not {key: value for key, value in made.items() if value}
    assert len(made) > 80


@pytest.mark.parametrize("result", list(judged(lines("more.jsonl"))), ids=lambda result: result.id)
def test_what_the_documentation_of_an_ecosystem_says_is_read_that_way(result: Result) -> None:
    assert not result.missing
    assert not [false for false in result.false if result.kind != "event"]


@pytest.mark.parametrize("ecosystem", sorted({line["ecosystem"] for line in lines("published.jsonl")}))
def test_messages_as_each_project_publishes_them_are_read_whole_and_nothing_else(ecosystem: str) -> None:
    results = list(judged([line for line in lines("published.jsonl") if line["ecosystem"] == ecosystem]))
    wrong = {result.id: (result.missing, result.false) for result in results if result.missing or result.false}
    assert results
    assert not wrong


def test_every_message_has_a_verdict_and_a_sentence_for_the_owner() -> None:
    for result in judged(lines() + lines("more.jsonl") + lines("published.jsonl")):
        assert result.outcome is not None
        assert result.outcome.sentence.endswith("."), result.id
        if result.kind in SILENT:
            assert result.outcome.verdict != "reading" or result.outcome.readings, result.id


@pytest.mark.parametrize("name", ["corpus.jsonl", "more.jsonl", "published.jsonl"])
def test_one_decoder_takes_everything_in_a_row_without_a_fault(name: str, caplog: pytest.LogCaptureFixture) -> None:
    decoder = Decoder(UTC)
    with caplog.at_level(logging.WARNING):
        for line in lines(name) * 2:
            decoder.message(
                line["topic"], line["payload"].encode(), retained=line.get("retain", False), arrived_at=ARRIVED_AT
            )
    assert not caplog.records
