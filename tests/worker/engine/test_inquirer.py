"""A worker looks up what a person asked for: beside its slots, only what it serves, and once. On both engines."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from structlog.testing import capture_logs

from adapters.base import Finding, NeedsReview, Throttled
from jurat.seal import Seal
from jurat.vocabulary import Outcome, Reason
from store.requests.inquiries import Inquiries, Inquiry, InquiryState, ask, read
from tests.store.desk import PUBLIC_KEY, Desk
from tests.worker.engine.works import PATIENCE, Steered, Works, soon
from worker.engine.inquirer import Inquirer

ACCEPTED = {"outcome": "accepted", "reason": "record_matches", "evidence": {}}


def asked(desk: Desk, source: str = "rpps", **given: Any) -> Inquiry:
    what = {"answer": {"word": "the secret"}, "question": None, **given}
    return ask(desk.engine, lambda _: Seal(PUBLIC_KEY), source, what, "night-watch")


def turn(works: Works, only: Collection[str] | None = None) -> None:
    works.plans.refresh()
    inquirer = Inquirer(Inquiries(works.desk.engine, works.desk.unseal), works.plans, only)
    inquirer.wake()
    inquirer.step()


def found(works: Works, inquiry: Inquiry) -> Any:
    state = read(works.desk.engine, inquiry)
    return state and state.found


def test_it_is_looked_up_with_what_its_question_requires(each_works: Works, steered: Steered) -> None:
    first = asked(each_works.desk)
    second = asked(each_works.desk, question=["budget", "profession"])
    turn(each_works)
    assert [query.answer for query in steered.asked] == [{"word": "the secret"}] * 2
    assert [query.timeout for query in steered.asked] == [10.0] * 2
    assert found(each_works, first) == found(each_works, second) == ACCEPTED


def test_a_question_that_is_gone_asks_nothing(works: Works, steered: Steered) -> None:
    for question in (["budget", "nothing"], "profession", 7):
        inquiry = asked(works.desk, question=question)
        turn(works)
        assert found(works, inquiry) == {"refused": "changed"}
    assert steered.asked == []


def test_an_answer_that_the_source_does_not_ask_for_asks_nothing(works: Works, steered: Steered) -> None:
    wrong: tuple[object, ...] = ({"word": 7}, [], None)
    for answer in wrong:
        inquiry = asked(works.desk, answer=answer)
        turn(works)
        assert found(works, inquiry) == {"refused": "changed"}
    assert steered.asked == []


def test_what_a_source_says_is_told_without_what_it_claims(works: Works, steered: Steered) -> None:
    for said, outcome, reason in (
        (Throttled("too often"), "undetermined", "source_throttled"),
        (NeedsReview(), "undetermined", "requirement_missing"),
        (Finding(Outcome.REFUSED, Reason.STATUS_INACTIVE, {"status": "inactive"}), "refused", "status_inactive"),
    ):
        steered.found = said
        inquiry = asked(works.desk)
        turn(works)
        told = found(works, inquiry)
        assert (told["outcome"], told["reason"]) == (outcome, reason)
        assert set(told) <= {"outcome", "reason", "evidence", "detail"}


def test_a_mistake_of_ours_says_nothing_of_the_answer(works: Works, steered: Steered) -> None:
    steered.found = ValueError("the secret")
    inquiry = asked(works.desk)
    with capture_logs() as logs:
        turn(works)
    assert found(works, inquiry)["reason"] == "source_unreadable"
    assert any(each["event"] == "adapter failed" for each in logs)
    assert "the secret" not in repr(logs)


def test_only_a_worker_that_serves_the_source_takes_it(works: Works, steered: Steered) -> None:
    inquiry = asked(works.desk)
    turn(works, only=["towns"])
    works.plans.refresh()
    plan = works.plans.current()
    assert plan
    works.plans._current = replace(plan, left_to_others=frozenset({"rpps"}))
    turn(works)
    assert read(works.desk.engine, inquiry) == InquiryState()
    assert steered.asked == []
    works.plans._current = plan
    turn(works, only=["rpps"])
    assert found(works, inquiry) == ACCEPTED


def test_an_engine_does_it_while_all_slots_are_taken(each_works: Works, steered: Steered) -> None:
    each_works.configure(slots=1)
    each_works.start()
    steered.hold()
    each_works.desk.submit()
    assert soon(lambda: steered.asked)
    inquiry = asked(each_works.desk)
    assert soon(lambda: len(steered.asked) == 2)
    assert read(each_works.desk.engine, inquiry) == InquiryState(begun=True)
    steered.let_go()
    assert soon(lambda: found(each_works, inquiry), PATIENCE)
    assert each_works.stop()
