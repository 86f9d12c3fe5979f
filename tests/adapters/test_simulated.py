from __future__ import annotations

from typing import Any

import pytest

from adapters.base import Finding, InMaintenance, NeedsReview, Query, SourceError, Throttled, Unavailable, Unreadable
from adapters.catalogue import Manual
from adapters.simulated import Simulated
from jurat.vocabulary import Outcome, Reason


def ask(word: Any, source: Simulated | None = None, timeout: float = 10.0) -> Any:
    return (source or Simulated(sleep=lambda _: None)).look_up(
        Query({"street": "Quai des Sardiniers", "x": word}, timeout=timeout)
    )


@pytest.mark.parametrize(
    ("word", "outcome", "reason"),
    [
        ("accept", Outcome.ACCEPTED, Reason.RECORD_MATCHES),
        (" accept ", Outcome.ACCEPTED, Reason.RECORD_MATCHES),
        ("anything else", Outcome.ACCEPTED, Reason.RECORD_MATCHES),
        ("down:", Outcome.ACCEPTED, Reason.RECORD_MATCHES),
        (7, Outcome.ACCEPTED, Reason.RECORD_MATCHES),
        ("refuse", Outcome.REFUSED, Reason.STATUS_INACTIVE),
        ("refuse:outside_zone", Outcome.REFUSED, Reason.OUTSIDE_ZONE),
        ("refuse:inside_zone", Outcome.UNDETERMINED, Reason.ANSWER_UNREADABLE),
        ("refuse:nonsense", Outcome.UNDETERMINED, Reason.ANSWER_UNREADABLE),
        ("undetermined", Outcome.UNDETERMINED, Reason.RECORD_NOT_FOUND),
        ("undetermined:near_border", Outcome.UNDETERMINED, Reason.NEAR_BORDER),
        ("slow:2s", Outcome.ACCEPTED, Reason.RECORD_MATCHES),
    ],
)
def test_a_magic_word_decides(word: Any, outcome: Outcome, reason: Reason) -> None:
    found = ask(word)
    assert isinstance(found, Finding)
    assert (found.outcome, found.reason, found.evidence) == (outcome, reason, {"simulated": True})


@pytest.mark.parametrize(
    ("word", "error"),
    [("down", Unavailable), ("throttled", Throttled), ("maintenance", InMaintenance), ("unreadable", Unreadable)],
)
def test_trouble_lasts_as_long_as_it_says(word: str, error: type[SourceError]) -> None:
    source = Simulated()
    for _ in range(3):
        with pytest.raises(error):
            ask(word, source)
        with pytest.raises(error):
            ask(f"{word}:3", source)
    assert ask(f"{word}:3", source).outcome is Outcome.ACCEPTED


def test_each_answer_is_counted_for_itself() -> None:
    source = Simulated()
    with pytest.raises(Unavailable):
        ask("down:1", source)
    with pytest.raises(Unavailable):
        source.look_up(Query({"x": "down:1"}))
    assert ask("down:1", source).outcome is Outcome.ACCEPTED


def test_a_slow_one_takes_its_time_but_not_more_than_the_time_out() -> None:
    slept: list[float] = []
    source = Simulated(sleep=slept.append)
    ask("slow:250ms", source)
    with pytest.raises(Unavailable):
        ask("slow:30s", source, timeout=2)
    assert slept == [0.25, 2]


def test_a_person_looks_where_a_word_or_the_source_says_so() -> None:
    assert isinstance(ask("review"), NeedsReview)
    assert isinstance(Manual().look_up(Query({"statement": "I live here"})), NeedsReview)
