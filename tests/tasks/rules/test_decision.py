from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters.base import (
    Blocked,
    Credentials,
    Finding,
    InMaintenance,
    NeedsReview,
    NumberClaim,
    Redemption,
    RejectedRequest,
    SourceError,
    Throttled,
    Unavailable,
    Unreadable,
)
from config.configuration import Question
from jurat.vocabulary import COSTS_NO_ROUND, TECHNICAL, Outcome, Reason, outcomes_of
from tasks.checks import MOST_LOST_LEASES, ClaimedCheck, Later, NextSource, Review, Settle
from tasks.rules.decision import decide_without_look_up
from tasks.rules.retries import CREDENTIALS_RETRY, FIRST_RETRY, LONGEST_PAUSE, LONGEST_RETRY
from tests.tasks.rules.decided import REVIEW_DUE, after, held, question

ERRORS = (Unavailable, Throttled, InMaintenance, Credentials, RejectedRequest, Unreadable, Blocked)
MALFORMED = (
    *(Reason.NUMBER_MALFORMED, Reason.CODE_MALFORMED),
    *(Reason.AMBIGUOUS_ADDRESS, Reason.ANSWER_UNREADABLE),
)


checks = st.builds(
    held,
    lookups=st.integers(0, 10_000),
    lost_leases=st.integers(0, 5),
    seconds_left=st.floats(-1e6, 1e7),
    source=st.sampled_from(["first", "second", "elsewhere"]),
    last_reason=st.none() | st.sampled_from(Reason),
    reviewed=st.booleans(),
)
questions = st.builds(
    lambda sources, review: question(*sources, review=review),
    st.sampled_from([("first",), ("first", "second"), ("second", "first"), ("second", "third")]),
    st.booleans(),
)
errors = st.builds(
    lambda kind, wait: kind("no answer", retry_after=wait),
    st.sampled_from(ERRORS),
    st.none() | st.floats(allow_nan=True, allow_infinity=True),
)
findings = st.sampled_from([(outcome, reason) for reason in Reason for outcome in outcomes_of(reason)]).map(
    lambda pair: Finding(*pair, {"fact": 1})
)
jitters = st.floats(0, 1)


# ------------------------------------------------------------------------------------------------ no answer


@given(errors, checks, questions, jitters)
def test_no_error_of_a_source_ever_accepts_or_refuses(
    error: SourceError, check: ClaimedCheck, asked: Question, jitter: float
) -> None:
    match after(error, check, asked, jitter):
        case Settle(outcome=outcome, reason=reason, redemption=redemption):
            assert (outcome, reason, redemption) == (Outcome.UNDETERMINED, error.reason, None)
        case Review(reason=reason, seconds=seconds):
            assert asked.review
            assert (reason, seconds) == (error.reason, REVIEW_DUE)
        case Later(reason=reason) | NextSource(reason=reason):
            assert reason is error.reason
        case decision:
            pytest.fail(f"{decision} after {error!r}")


@given(errors, checks, questions, jitters)
def test_a_wait_ends_at_the_deadline_and_a_pause_within_the_hour(
    error: SourceError, check: ClaimedCheck, asked: Question, jitter: float
) -> None:
    decision = after(error, check, asked, jitter)
    if isinstance(decision, Later):
        assert 0 <= decision.seconds <= max(check.seconds_left, 0)
    if isinstance(decision, Later | NextSource) and decision.pause is not None:
        assert isinstance(error, Throttled | InMaintenance)
        assert 0 < decision.pause <= LONGEST_PAUSE


@given(st.integers(0, 10_000), jitters)
def test_a_retry_waits_twice_as_long_each_time_up_to_a_minute_and_is_spread(lookups: int, jitter: float) -> None:
    decision = after(Unavailable("down"), held(lookups=lookups), jitter=jitter)
    assert isinstance(decision, Later)
    whole = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(lookups, 60))
    assert whole / 2 <= decision.seconds <= whole
    assert math.isclose(decision.seconds, whole * (1 - jitter / 2))


def test_the_first_retries_come_after_one_two_and_four_seconds() -> None:
    waits = [after(Unavailable("down"), held(lookups=n)) for n in range(4)]
    assert [wait.seconds for wait in waits if isinstance(wait, Later)] == [1, 2, 4, 8]


@given(st.integers(0, 100), jitters)
def test_our_own_credentials_are_not_tried_again_before_somebody_could_mend_them(lookups: int, jitter: float) -> None:
    decision = after(Credentials("key refused"), held(lookups=lookups), jitter=jitter)
    assert isinstance(decision, Later)
    assert decision.seconds >= CREDENTIALS_RETRY


@pytest.mark.parametrize("kind", [Throttled, InMaintenance])
@pytest.mark.parametrize(("asked_for", "pause"), [(120.0, 120.0), (1e9, LONGEST_PAUSE), (math.inf, LONGEST_PAUSE)])
def test_a_source_that_asks_for_a_pause_gets_it(kind: type[SourceError], asked_for: float, pause: float) -> None:
    error = kind("later", retry_after=asked_for)
    assert after(error, held(seconds_left=1e6)) == Later(pause, error.reason, pause)


def test_the_pause_of_a_source_is_not_shortened_by_the_deadline_of_one_check() -> None:
    error = Throttled("later", retry_after=600)
    assert after(error, held(seconds_left=20)) == Later(20, Reason.SOURCE_THROTTLED, 600)


def test_a_throttling_source_is_paused_though_the_check_goes_to_the_next_one() -> None:
    error = Throttled("later", retry_after=600)
    assert after(error, asked=question("first", "second")) == NextSource("second", Reason.SOURCE_THROTTLED, 600)


def test_a_wait_that_another_trouble_asks_for_is_kept_without_stopping_the_source() -> None:
    assert after(Unavailable("down", retry_after=30)) == Later(30, Reason.SOURCE_UNAVAILABLE)


@pytest.mark.parametrize("wait", [-5.0, 0.0, math.nan, -math.inf])
def test_a_wait_that_makes_no_sense_does_not_shorten_ours(wait: float) -> None:
    decision = after(Throttled("later", retry_after=wait), held(lookups=3))
    assert isinstance(decision, Later)
    assert decision.seconds == 8


@pytest.mark.parametrize("error", [RejectedRequest("bad request"), Blocked("forbidden host")])
def test_what_would_be_rejected_again_is_not_asked_again(error: SourceError) -> None:
    assert after(error) == Settle(Outcome.UNDETERMINED, error.reason)
    assert after(error, asked=question(review=True)) == Review(error.reason, REVIEW_DUE)


@given(errors, jitters)
def test_the_next_source_is_asked_where_there_is_one(error: SourceError, jitter: float) -> None:
    asked = question("first", "second", "third")
    for source, following in (("first", "second"), ("second", "third")):
        decision = after(error, held(source=source), asked, jitter)
        assert isinstance(decision, NextSource)
        assert (decision.source, decision.reason) == (following, error.reason)
    assert not isinstance(after(error, held(source="third"), asked, jitter), NextSource)


# ------------------------------------------------------------------------------------------------ an answer


@given(findings, checks, questions)
def test_what_a_source_found_is_never_turned_into_its_opposite(
    finding: Finding, check: ClaimedCheck, asked: Question
) -> None:
    decision = after(finding, check, asked)
    if finding.outcome is not Outcome.UNDETERMINED:
        assert decision == Settle(finding.outcome, finding.reason, {"fact": 1})
    elif isinstance(decision, Settle):
        assert (decision.outcome, decision.reason) == (Outcome.UNDETERMINED, finding.reason)
    else:
        assert isinstance(decision, Review | NextSource)


def test_a_number_is_claimed_for_who_is_accepted_by_it_and_for_nobody_else() -> None:
    claim = NumberClaim("professionals", ("f" * 64,))
    accepted = after(Finding(Outcome.ACCEPTED, Reason.RECORD_MATCHES, claim=claim))
    taken = Review(Reason.NUMBER_TAKEN, REVIEW_DUE)
    assert accepted == Settle(Outcome.ACCEPTED, Reason.RECORD_MATCHES, claim=claim, if_taken=taken)
    refused = after(Finding(Outcome.REFUSED, Reason.STATUS_INACTIVE, claim=claim))
    assert refused == Settle(Outcome.REFUSED, Reason.STATUS_INACTIVE)


def test_a_verdict_carries_the_evidence_the_date_and_the_code() -> None:
    redemption = Redemption("spring", "f" * 64)
    finding = Finding(Outcome.ACCEPTED, Reason.CODE_VALID, {"list": "spring"}, redemption=redemption)
    assert after(finding) == Settle(Outcome.ACCEPTED, Reason.CODE_VALID, {"list": "spring"}, None, redemption)


@given(st.sampled_from(MALFORMED), checks, questions)
def test_a_malformed_answer_goes_back_to_the_participant_at_no_cost(
    reason: Reason, check: ClaimedCheck, asked: Question
) -> None:
    """Neither a person nor another source could read it better, and no round is lost."""
    assert reason in COSTS_NO_ROUND
    decision = after(Finding(Outcome.UNDETERMINED, reason, {"fact": 1}), check, asked)
    assert decision == Settle(Outcome.UNDETERMINED, reason, {"fact": 1})


@given(st.sampled_from(sorted(set(Reason) - set(MALFORMED))))
def test_without_evidence_the_next_source_is_asked_then_a_person_then_it_stays_undetermined(reason: Reason) -> None:
    assume(Outcome.UNDETERMINED in outcomes_of(reason))
    finding = Finding(Outcome.UNDETERMINED, reason, {"fact": 1})
    assert after(finding, asked=question("first", "second", review=True)) == NextSource("second", reason)
    assert after(finding, asked=question(review=True)) == Review(reason, REVIEW_DUE, {"fact": 1})
    assert after(finding) == Settle(Outcome.UNDETERMINED, reason, {"fact": 1})


def test_a_manual_source_sends_the_answer_to_a_person_whatever_the_question_says() -> None:
    found = NeedsReview({"kind": "proof"})
    assert after(found) == Review(Reason.REQUIREMENT_MISSING, REVIEW_DUE, {"kind": "proof"})


# ------------------------------------------------------------------------------------------------ no lookup


@given(checks, questions)
def test_what_is_decided_without_a_look_up_never_accepts_or_refuses(check: ClaimedCheck, asked: Question) -> None:
    match decide_without_look_up(check, asked):
        case None:
            assert check.source in asked.sources
            assert check.lost_leases < MOST_LOST_LEASES
            assert not check.overdue
            assert not check.reviewed
        case Settle(outcome=outcome, reason=reason):
            assert outcome is Outcome.UNDETERMINED
            assert reason in TECHNICAL
        case Review(reason=reason):
            assert asked.review
            assert reason in TECHNICAL
            assert not check.reviewed
        case NextSource(source=source):
            assert source == asked.sources[0]


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        ({"lost_leases": 3}, Reason.WORKER_LOST),
        ({"lost_leases": 3, "seconds_left": 0.0}, Reason.WORKER_LOST),
        ({"seconds_left": 0.0}, Reason.DEADLINE_PASSED),
        ({"seconds_left": -5.0, "last_reason": Reason.SOURCE_MAINTENANCE}, Reason.SOURCE_MAINTENANCE),
        ({"seconds_left": -5.0, "last_reason": Reason.NAME_DIFFERS}, Reason.DEADLINE_PASSED),
        ({"seconds_left": 0.0, "source": "removed"}, Reason.CONFIGURATION_MISSING),
    ],
)
def test_a_check_that_is_given_up_ends_undetermined_or_with_a_person(check: dict[str, Any], reason: Reason) -> None:
    settled = decide_without_look_up(held(**check), question())
    assert isinstance(settled, Settle)
    assert (settled.outcome, settled.reason) == (Outcome.UNDETERMINED, reason)
    reviewed = decide_without_look_up(held(**check), question(review=True))
    assert isinstance(reviewed, Review)
    assert (reviewed.reason, reviewed.seconds) == (reason, REVIEW_DUE)


@pytest.mark.parametrize("lost", range(3))
def test_a_check_that_lost_fewer_than_three_workers_is_looked_up(lost: int) -> None:
    assert decide_without_look_up(held(lost_leases=lost), question()) is None


def test_a_check_whose_source_the_question_no_longer_names_begins_anew() -> None:
    decision = decide_without_look_up(held(source="removed"), question("first", "second"))
    assert decision == NextSource("first", Reason.CONFIGURATION_MISSING)


def test_a_review_that_nobody_did_ends_undetermined_and_does_not_begin_again() -> None:
    check = held(seconds_left=0.0, reviewed=True, last_reason=Reason.NAME_DIFFERS, lost_leases=9)
    decision = decide_without_look_up(check, question(review=True))
    assert isinstance(decision, Settle)
    assert (decision.outcome, decision.reason) == (Outcome.UNDETERMINED, Reason.DEADLINE_PASSED)
    assert decision.evidence == {"review": "overdue", "before": Reason.NAME_DIFFERS}
