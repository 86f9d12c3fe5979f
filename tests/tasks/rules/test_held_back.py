"""What becomes of the refusals of a suspect source."""

from __future__ import annotations

from hypothesis import given

from adapters.base import Finding
from config.configuration import Question
from jurat.vocabulary import COSTS_NO_ROUND, Outcome, Reason
from tasks.checks import ClaimedCheck, NextSource, Review, Settle
from tests.tasks.rules.decided import REVIEW_DUE, after, question
from tests.tasks.rules.test_decision import checks, findings, questions


@given(findings, checks, questions)
def test_a_suspect_source_refuses_no_one_and_does_all_else_as_always(
    finding: Finding, check: ClaimedCheck, asked: Question
) -> None:
    decision = after(finding, check, asked, suspect=True)
    if finding.outcome is not Outcome.REFUSED:
        assert decision == after(finding, check, asked)
        return
    assert decision == after(
        Finding(Outcome.UNDETERMINED, Reason.SOURCE_UNREADABLE, {"fact": 1, "held_back": finding.reason}), check, asked
    )


def test_a_refusal_that_is_held_back_goes_to_review_or_is_undetermined_and_costs_no_round() -> None:
    finding = Finding(Outcome.REFUSED, Reason.STATUS_INACTIVE)
    held_back = {"held_back": Reason.STATUS_INACTIVE}
    reviewed = after(finding, asked=question(review=True), suspect=True)
    assert reviewed == Review(Reason.SOURCE_UNREADABLE, REVIEW_DUE, held_back)
    undetermined = after(finding, suspect=True)
    assert undetermined == Settle(Outcome.UNDETERMINED, Reason.SOURCE_UNREADABLE, held_back)
    assert Reason.SOURCE_UNREADABLE in COSTS_NO_ROUND
    assert isinstance(after(finding, asked=question("first", "second"), suspect=True), NextSource)
