"""The sources of the flow measurements, in their own process."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import requests

from bench.rig.register import Mood, number_of, right_outcome
from bench.rig.source import Sources


@pytest.fixture(scope="module")
def sources() -> Iterator[Sources]:
    with Sources() as running:
        yield running


def ask(sources: Sources, name: str, index: int, timeout: float = 30) -> requests.Response:
    return requests.get(sources.url(name), params={"number": number_of(index)}, timeout=timeout)


def test_each_notes_what_it_was_asked_and_when_by_the_clock_of_this_machine(sources: Sources) -> None:
    for index in (1, 2):
        before = time.monotonic()
        assert ask(sources, "a", index).ok
        (asked,) = sources.asked("a", index - 1)
        assert before <= asked.at <= time.monotonic()
        assert (asked.number, asked.status) == (number_of(index), 200)
    assert len(sources.asked("a")) == 2
    assert sources.asked("b") == []


def test_it_bears_out_three_of_four(sources: Sources) -> None:
    for index in range(4):
        (person,) = ask(sources, "c", index).json()["professionals"]
        assert person["number"] == number_of(index)
        assert (person["status"] == "active") == (right_outcome(number_of(index)) == "accepted")


def test_one_that_is_down_says_so_after_its_time_and_the_others_answer(sources: Sources) -> None:
    sources.set("d", Mood.DOWN, 0.3)
    begun = time.monotonic()
    assert ask(sources, "d", 1).status_code == 503
    assert time.monotonic() - begun >= 0.3
    assert ask(sources, "e", 1).ok
    sources.set("d", Mood.WELL, 0.0)
    assert ask(sources, "d", 2).ok
    assert [one.status for one in sources.asked("d")] == [503, 200]


def test_one_that_hangs_takes_the_request_and_never_answers(sources: Sources) -> None:
    sources.set("f", Mood.SILENT)
    with pytest.raises(requests.ReadTimeout):
        ask(sources, "f", 1, timeout=0.3)
    assert [one.status for one in sources.asked("f")] == [0]
