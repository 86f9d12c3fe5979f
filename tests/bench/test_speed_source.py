"""The source of the measurements, in its own process."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import requests

from bench.rig.register import FAMILY, GIVEN, number_of, right_outcome
from bench.speed.rivals.ledger import judge
from bench.speed.source import SourceProcess


@pytest.fixture(scope="module")
def source() -> Iterator[SourceProcess]:
    with SourceProcess() as running:
        yield running


def asked(source: SourceProcess, index: int) -> requests.Response:
    return requests.get(source.url, params={"number": number_of(index)}, timeout=30)


def test_it_bears_out_three_of_four(source: SourceProcess) -> None:
    source.start_over(0)
    for index in range(8):
        answer = {"number": number_of(index), "family_name": FAMILY, "given_name": GIVEN}
        reply = asked(source, index)
        assert judge(answer, reply.status_code, reply.json()).outcome == right_outcome(answer["number"])


def test_it_counts_requests_and_the_numbers_that_they_were_for(source: SourceProcess) -> None:
    source.start_over(0)
    for index in (1, 2, 2):
        asked(source, index)
    assert source.asked() == (3, 2)
    source.start_over(0)
    assert source.asked() == (0, 0)


def test_it_answers_no_earlier_than_it_was_told(source: SourceProcess) -> None:
    source.start_over(0.3)
    begun = time.monotonic()
    assert asked(source, 1).ok
    assert time.monotonic() - begun >= 0.3


def test_requests_that_wait_do_so_side_by_side(source: SourceProcess) -> None:
    source.start_over(0.5)
    begun = time.monotonic()
    with requests.Session() as session:
        assert session.get(source.url, params={"number": "7000000001"}, timeout=30).ok
        assert session.get(source.url, params={"number": "7000000002"}, timeout=30).ok
    assert time.monotonic() - begun >= 1.0
    assert source.asked() == (2, 2)


@pytest.mark.parametrize(
    ("changed", "outcome"), [({"given_name": "Noé"}, "refused"), ({"number": "1"}, "refused"), ({}, "accepted")]
)
def test_plain_tasks_judge_as_the_description_does(
    source: SourceProcess, changed: dict[str, str], outcome: str
) -> None:
    source.start_over(0)
    answer = {"number": number_of(1), "family_name": FAMILY, "given_name": GIVEN} | changed
    reply = asked(source, 1)
    assert judge(answer, reply.status_code, reply.json()).outcome == outcome
