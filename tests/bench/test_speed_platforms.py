"""Each participant answers every question of the consultation, so that access rows are contended."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bench.speed.platforms import QUESTIONS, index_of, participant_of, question_of


@given(st.integers(-1000, 10**6))
def test_participant_and_question_tell_the_index(index: int) -> None:
    assert index_of(participant_of(index), question_of(index)) == index


def test_a_participant_answers_all_questions_before_the_next_one_begins() -> None:
    asked = [(participant_of(index), question_of(index)) for index in range(3 * len(QUESTIONS))]
    assert len(set(asked)) == len(asked)
    changes = [before for before, after in pairwise(asked) if before[0] != after[0]]
    assert changes == [("p-0", QUESTIONS[-1]), ("p-1", QUESTIONS[-1])]
