"""The source that benches ask, in a process and on a thread: it answers as it is set, and notes everything."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import requests

from bench.rig.registry import answer, number_of, right_outcome
from bench.rig.source import Mood, Registry, SourceProcess, SourceThread
from bench.speed.rivals.ledger import judge


@pytest.fixture(scope="module")
def source() -> Iterator[SourceProcess]:
    with SourceProcess() as running:
        yield running


@pytest.fixture
def registry() -> Registry:
    return Registry(0.001, jitter=0.5)


@pytest.fixture
def thread(registry: Registry) -> Iterator[SourceThread]:
    with SourceThread({"professionals": registry}) as running:
        yield running
    assert running.failures == []


def ask(source: SourceProcess | SourceThread, name: str, index: int, timeout: float = 30) -> requests.Response:
    return requests.get(source.url(name), params={"number": number_of(index)}, timeout=timeout)


def test_each_number_has_its_record_and_three_of_four_are_borne_out(source: SourceProcess) -> None:
    statuses = []
    for index in range(8):
        body = ask(source, "well", index).json()
        (person,) = body["professionals"]
        assert person["number"] == number_of(index)
        assert (person["status"] == "active") == (right_outcome(number_of(index)) == "accepted")
        assert judge(answer(index), 200, body).outcome == right_outcome(number_of(index))
        statuses.append(person["status"])
    assert (statuses.count("active"), statuses.count("suspended")) == (6, 2)


@pytest.mark.parametrize(
    ("changed", "outcome"), [({"given_name": "Noé"}, "refused"), ({"number": "1"}, "refused"), ({}, "accepted")]
)
def test_plain_tasks_judge_as_the_description_does(
    source: SourceProcess, changed: dict[str, str], outcome: str
) -> None:
    reply = ask(source, "judged", 1)
    assert judge(answer(1) | changed, reply.status_code, reply.json()).outcome == outcome


def test_each_registry_notes_what_it_was_asked_and_when_by_the_clock_of_this_machine(source: SourceProcess) -> None:
    for index in (1, 2):
        before = time.monotonic()
        assert ask(source, "a", index).ok
        (asked,) = source.asked("a", index - 1)
        assert before <= asked.at <= time.monotonic()
        assert (asked.number, asked.status) == (number_of(index), 200)
    assert len(source.asked("a")) == 2
    assert source.asked("b") == []


def test_it_counts_requests_and_the_numbers_that_they_were_for_until_it_starts_over(source: SourceProcess) -> None:
    for index in (1, 2, 2):
        ask(source, "counted", index)
    assert source.counts("counted") == (3, 2)
    source.start_over("counted")
    assert source.counts("counted") == (0, 0)


def test_one_that_is_down_says_so_after_its_time_and_the_others_answer(source: SourceProcess) -> None:
    source.set("d", Mood.DOWN, 0.3)
    begun = time.monotonic()
    assert ask(source, "d", 1).status_code == 503
    assert time.monotonic() - begun >= 0.3
    assert ask(source, "e", 1).ok
    source.set("d", Mood.WELL, 0.0)
    assert ask(source, "d", 2).ok
    assert [one.status for one in source.asked("d")] == [503, 200]


def test_requests_that_wait_do_so_side_by_side(source: SourceProcess) -> None:
    source.start_over("slow", 0.5)
    begun = time.monotonic()
    with requests.Session() as session:
        for index in (1, 2):
            assert session.get(source.url("slow"), params={"number": number_of(index)}, timeout=30).ok
    assert time.monotonic() - begun >= 1.0
    assert source.counts("slow") == (2, 2)


def test_one_that_hangs_takes_the_request_and_never_answers(source: SourceProcess) -> None:
    source.set("f", Mood.SILENT, 0.0)
    with pytest.raises(requests.ReadTimeout):
        ask(source, "f", 1, timeout=0.3)
    assert [one.status for one in source.asked("f")] == [0]


def test_on_a_thread_requests_are_counted_number_by_number_in_every_mood(
    registry: Registry, thread: SourceThread
) -> None:
    for mood in (Mood.WELL, Mood.DOWN, Mood.GARBAGE):
        registry.mood = mood
        ask(thread, "professionals", 7)
    assert registry.counts == {number_of(7): 3}
    assert registry.troubled == 2


def test_a_number_that_was_asked_before_may_take_longer(registry: Registry, thread: SourceThread) -> None:
    registry.slow_repeats, registry.jitter = 0.3, 0.0
    begun = time.monotonic()
    ask(thread, "professionals", 1)
    first = time.monotonic() - begun
    ask(thread, "professionals", 1)
    assert time.monotonic() - begun - first >= 0.3


def test_a_poisoned_number_names_the_port_that_asked(registry: Registry, thread: SourceThread) -> None:
    ports: list[int] = []
    registry.on_poison = ports.append
    registry.poison = {number_of(9)}
    ask(thread, "professionals", 8)
    ask(thread, "professionals", 9)
    assert len(ports) == 1


@pytest.mark.slow
def test_mistakes_of_its_own_are_known(registry: Registry) -> None:
    registry.latency = "late"  # type: ignore[assignment]
    with SourceThread({"professionals": registry}) as running, pytest.raises(requests.RequestException):
        ask(running, "professionals", 1, timeout=5)
    assert "data_received" in running.failures[0]
