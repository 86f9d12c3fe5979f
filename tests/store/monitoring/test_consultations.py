"""What became of a consultation's answers: counted up to a limit, by what the newest verdict says."""

from __future__ import annotations

import pytest

from jurat import Reason
from jurat.vocabulary import Outcome
from store.monitoring import consultations
from store.monitoring.consultations import Answers, ConsultationCounts, Counts, WaitingChecks
from tasks.checks import Review
from tests.store.desk import ACCEPTED, REFUSED, Desk
from tests.store.reviews import ReviewDecisions

SOURCES = {"budget": ["towns", "ban", "rpps", "spring"]}


def test_answers_are_counted_by_state_and_by_their_newest_verdict(desk: Desk) -> None:
    desk.look_up(desk.held("p-1"), ACCEPTED)
    desk.look_up(desk.held("p-2"), ACCEPTED)
    opened = desk.held("p-3")
    desk.look_up(opened, REFUSED)
    decisions = ReviewDecisions(desk.engine)
    decisions.reopen(opened.id, "clerk-7")
    decisions.decide(opened.id, Reason.PERSON_ACCEPTED, "clerk-7")
    desk.look_up(desk.held("p-4", "profession"), Review(Reason.NAME_DIFFERS, 9000.0, {}))
    desk.submit("p-5")
    found = ConsultationCounts(desk.engine).counts("budget")
    assert set(found.answers) == {
        Answers("residence", "settled", Outcome.ACCEPTED, ACCEPTED.reason, 2),
        Answers("residence", "settled", Outcome.ACCEPTED, Reason.PERSON_ACCEPTED, 1),
        Answers("profession", "review", None, None, 1),
        Answers("residence", "pending", None, None, 1),
    }
    assert found.participants == {"incomplete": 3, "pending": 2}
    assert found.are_all
    assert ConsultationCounts(desk.engine).counts("others") == Counts((), {})


def test_no_more_are_counted_than_the_limit_and_that_is_known(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.submit_many(9)
    for name in ("_ANSWERS", "_PARTICIPANTS"):
        fewer = getattr(consultations, name).replace(f"LIMIT {consultations.MOST}", "LIMIT 4")
        monkeypatch.setattr(consultations, name, fewer)
    monkeypatch.setattr(consultations, "MOST", 4)
    found = ConsultationCounts(desk.engine).counts("budget")
    assert (found.answered, found.participants, found.are_all) == (4, {"pending": 4}, False)


def test_what_waits_is_that_of_the_consultation_at_each_of_its_sources(desk: Desk) -> None:
    desk.submit_many(3)
    desk.submit("p-1", "profession", priority="bulk")
    held = desk.held("p-7", "code")
    desk.look_up(held, Review(Reason.NAME_DIFFERS, 9000.0, {}))
    found = ConsultationCounts(desk.engine).waiting({**SOURCES, "others": ["towns"]})
    assert found == {"budget": WaitingChecks(4, 1), "others": WaitingChecks()}


def test_more_than_the_limit_is_told_from_less(desk: Desk) -> None:
    desk.submit_many(consultations.MOST_WAITING + 5)
    found = ConsultationCounts(desk.engine).waiting(SOURCES)
    assert found == {"budget": WaitingChecks(consultations.MOST_WAITING, 0, or_more=True)}
