from __future__ import annotations

import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.outcome_shares import STEADY, evenings, false_alarms, run, steady, time_to_alarm
from jurat.vocabulary import REFUSING, TECHNICAL, Reason
from tasks.rules.outcome_shares import LEAST, LEAST_USUAL, MARGIN, QUIET, RESULTS, Usual, find_jump, find_return

USUAL: dict[str, int] = {Reason.RECORD_MATCHES: 970, Reason.NAME_DIFFERS: 30}
WEEK = Usual(USUAL, {})
SHARE = 0.03
A_LITTLE = 0.02

reasons = st.sampled_from(sorted(RESULTS))
counts = st.dictionaries(reasons, st.integers(0, 5000))


def hour(differs: int, of: int) -> Mapping[int, Mapping[str, int]]:
    """One window, with so many names that differ."""
    return {1: {Reason.RECORD_MATCHES: of - differs, Reason.NAME_DIFFERS: differs}}


def test_the_drift_that_nobody_noticed_is_a_jump() -> None:
    jump = find_jump(hour(12, 12), WEEK)
    assert jump is not None
    assert (jump.reason, jump.share, jump.usual) == (Reason.NAME_DIFFERS, 1.0, SHARE)
    assert find_jump(hour(60, 100), WEEK) is not None
    assert find_jump(hour(LEAST - 1, LEAST - 1), WEEK) is None, "few results are no jump"


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_a_share_within_the_margin_is_no_jump_however_many_results_there_are(of: int, share: float) -> None:
    differs = int(of * share)
    if differs <= of * (SHARE + MARGIN):
        assert find_jump(hour(differs, of), WEEK) is None
    elif of > 10_000 and share > SHARE + MARGIN + A_LITTLE:
        assert find_jump(hour(differs, of), WEEK) is not None


@given(counts, counts, counts)
def test_of_a_new_source_nothing_is_known(recent: dict[str, int], week: dict[str, int], day: dict[str, int]) -> None:
    jump = find_jump({1: recent}, Usual(week, day))
    if jump is not None:
        assert sum(week.values()) >= LEAST_USUAL
        assert jump.reason not in QUIET
        assert jump.count >= LEAST
        assert jump.share > jump.usual + MARGIN


@given(counts, counts, counts, reasons)
def test_what_has_jumped_has_not_returned(
    recent: dict[str, int], week: dict[str, int], day: dict[str, int], reason: Reason
) -> None:
    usual = Usual(week, day)
    hours = find_return({1: recent}, usual, reason)
    if hours is not None:
        assert find_jump({1: recent}, usual) is None
        assert recent.get(reason, 0) <= usual.most(reason) * sum(recent.values())


def test_a_jump_has_returned_once_enough_results_show_it() -> None:
    assert find_return(hour(0, 10), WEEK, Reason.NAME_DIFFERS) is None
    assert find_return(hour(1, 60), WEEK, Reason.NAME_DIFFERS) == 1
    assert find_return(hour(30, 60), WEEK, Reason.NAME_DIFFERS) is None
    assert find_return({1: {}, 2: hour(1, 60)[1]}, WEEK, Reason.NAME_DIFFERS) == 2


def test_no_failure_and_nothing_that_a_participant_mistyped_counts() -> None:
    assert not RESULTS & (TECHNICAL | {Reason.NUMBER_MALFORMED, Reason.CODE_MALFORMED})
    people = {reason for reason in REFUSING if reason.startswith(("code_", "person_"))}
    assert people == REFUSING - RESULTS


@pytest.mark.slow
def test_steady_shares_raise_no_alarm_nor_does_the_last_evening_of_a_vote() -> None:
    dice = random.Random(7)
    assert false_alarms(steady(30), 1, dice) == 0
    assert false_alarms(evenings(30), 1, dice) == 0
    assert false_alarms(steady(1000), 1, dice) == 0


@pytest.mark.slow
def test_a_jump_raises_it_within_dozens_of_results() -> None:
    dice = random.Random(7)
    alarms = sorted(each for each in (time_to_alarm(1000, 0.6, dice) for _ in range(9)) if each)
    assert len(alarms) == 9
    assert alarms[4][0] <= 2
    assert alarms[4][1] <= 60


@pytest.mark.slow
def test_a_slow_change_over_a_week_raises_none() -> None:
    def shares(number: int) -> Mapping[str, float]:
        grown = min(1.0, max(0, number - 200) / 168)
        share = STEADY[Reason.NAME_DIFFERS] + 0.57 * grown
        rest = (1 - share) / (1 - STEADY[Reason.NAME_DIFFERS])
        return {reason: share if reason == Reason.NAME_DIFFERS else usual * rest for reason, usual in STEADY.items()}

    looks = run(steady(5000), shares, 600, random.Random(7))
    assert not [jump for _, jump in looks if jump]
