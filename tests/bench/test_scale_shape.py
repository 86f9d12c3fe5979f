"""Both databases have the same shape, whatever their size."""

from __future__ import annotations

import pytest

from bench.scale import shape
from bench.scale.shape import SMALL, Size


@pytest.mark.parametrize("size", [SMALL, Size(1_000_000, 10_000_000), Size(300, 1_000)])
def test_participants_add_up_to_the_checks(size: Size) -> None:
    """Three settled ones for each of the past, one of each state for each who waits."""
    settled = 3 * size.past + size.pending
    assert size.settled - 3 < settled <= size.settled
    assert size.people == size.past + size.pending


def test_in_the_small_one_everybody_waits() -> None:
    assert SMALL.past == 0


@pytest.mark.parametrize(("pending", "settled", "why"), [(100, 1_000, "too few"), (1_000, 999, "behind it")])
def test_sizes_that_cannot_be_made_are_refused(pending: int, settled: int, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Size(pending, settled)


def test_what_is_asked_for_is_within_the_configured_quotas() -> None:
    configured = shape.configuration().sources
    for demand in shape.demands(22):
        model = configured[demand.source]
        assert demand.limited
        assert demand.concurrency == model.concurrency
        assert demand.interval == pytest.approx(model.interval)


def test_each_source_has_a_question_in_each_consultation_but_the_idle_one() -> None:
    questions = shape.configuration().questions
    assert len(questions) == shape.CONSULTATIONS * len(shape.SOURCES)
    asked = {source for question in questions.values() for source in question.sources}
    assert asked == set(shape.SOURCES.values())
    assert shape.IDLE not in asked
