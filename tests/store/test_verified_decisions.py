"""Decisions of persons go together with what was asked for, and with the audit. On both engines."""

from __future__ import annotations

from uuid import UUID

import pytest

from jurat.ids import uuid7
from jurat.vocabulary import Reason
from store.requests.request_rows import ask, mark_applied
from store.requests.request_runner import Request, RequestKind, Requests
from store.verdicts.records import add_audit_row
from tests.store.desk import DOCUMENT, Desk
from tests.store.verified import AGAIN, REFUSED, contested, found, person


def seen_by_two(four_eyes: object) -> dict[str, object]:
    budget = DOCUMENT["consultations"]["budget"]
    return {**DOCUMENT, "consultations": {"budget": {**budget, "four_eyes": four_eyes}}}


def test_a_decision_that_no_one_asked_for_is_found(decided: Desk) -> None:
    held = decided.held("p-4", "profession")
    decided.look_up(held, REFUSED)
    decided.sql(
        "INSERT INTO jurat_verdicts (check_id, revision, outcome, reason, evidence, decided_by, config_version, source,"
        " fence, decided_at) SELECT check_id, 2, 'accepted', 'person_accepted', evidence, 'reviewer', config_version,"
        " source, fence, NOW FROM jurat_verdicts WHERE check_id = :id",
        id=decided.id(held.id),
    )
    assert "a person decided it, and no request says so" in found(decided)


def test_a_decision_of_a_person_is_right(decided: Desk) -> None:
    held = decided.held("p-4", "profession")
    decided.look_up(held, REFUSED)
    requests = Requests(decided.engine)
    requests.do(Request(uuid7(), RequestKind.OPEN, "a clerk", check_id=held.id))
    requests.do(Request(uuid7(), RequestKind.DECIDE, "a clerk", check_id=held.id, reason=Reason.PERSON_ACCEPTED))
    assert found(decided) == []


def test_a_word_that_waits_for_a_second_person_is_no_decision(decided: Desk) -> None:
    decided.apply(seen_by_two(True))
    decided.upkeep.add_up_access()
    check = contested(decided)
    person(decided, RequestKind.DECIDE, check, "Iris", Reason.PERSON_ACCEPTED)
    person(decided, RequestKind.DECIDE, check, "Maelle", Reason.PERSON_REFUSED)
    assert found(decided) == []
    person(decided, RequestKind.DECIDE, check, "Tugdual", Reason.PERSON_REFUSED)
    assert decided.verdicts(check)[1:] == [("refused", "person_refused")]
    assert found(decided) == []
    decided.sql(AGAIN.format("accepted", "person_accepted", "reviewer", 1), id=decided.id(check))
    assert "a person decided it, and no request says so" in found(decided)


def by_word_alone(desk: Desk, check: UUID, who: str, action: str, reason: Reason) -> None:
    """A decision that a login marks as done, with a row of the audit."""
    asked = Request(uuid7(), RequestKind.DECIDE, who, check_id=check, reason=reason)
    with desk.engine.begin() as connection:
        ask(connection, asked)
        mark_applied(connection, asked.id)
        add_audit_row(connection, who, action, str(check), {"reason": reason})


def test_a_decision_by_word_alone_is_found(decided: Desk) -> None:
    by_word_alone(decided, contested(decided), "Iris", "review decide", Reason.PERSON_ACCEPTED)
    assert found(decided) == ["a person's decision is said to be done, and no verdict says so"]


def test_a_decision_that_waits_for_no_one_is_found(decided: Desk) -> None:
    by_word_alone(decided, contested(decided), "Iris", "review word", Reason.PERSON_ACCEPTED)
    assert found(decided) == ["its decision waits for a second person, and needs none"]
    decided.apply(seen_by_two(True))
    assert len(found(decided)) == 1, "it was said before"


@pytest.mark.parametrize(("four_eyes", "waits"), [(True, True), ("logins", False)])
def test_a_decision_that_waits_though_two_persons_said_it_is_found(
    decided: Desk, four_eyes: bool | str, waits: bool
) -> None:
    decided.apply(seen_by_two(four_eyes))
    decided.sql("UPDATE jurat_configs SET applied_at = NOW(-120)")
    decided.upkeep.add_up_access()
    check = contested(decided)
    person(decided, RequestKind.DECIDE, check, "Iris", Reason.PERSON_ACCEPTED)
    person(decided, RequestKind.DECIDE, check, "Maelle", Reason.PERSON_REFUSED)
    assert found(decided) == []
    by_word_alone(decided, check, "Tugdual", "review word", Reason.PERSON_REFUSED)
    said = "two persons decided the same, and no verdict says so"
    known = waits or not decided.postgresql
    assert found(decided) == ([said] if known else [])
    decided.sql("UPDATE jurat_reviews SET due_at = NOW(-1) WHERE check_id = :id", id=decided.id(check))
    assert decided.upkeep.end_reviews()
    assert (said in found(decided)) is known, "its review has ended meanwhile"
    person(decided, RequestKind.OPEN, check)
    assert (said in found(decided)) is known, "and another one is open"


def test_a_request_is_one_decision(decided: Desk) -> None:
    check = contested(decided)
    for reason in (Reason.PERSON_ACCEPTED, Reason.PERSON_REFUSED, Reason.PERSON_ACCEPTED):
        person(decided, RequestKind.DECIDE, check, reason=reason)
        person(decided, RequestKind.OPEN, check)
        assert found(decided) == []
    person(decided, RequestKind.DECIDE, check, reason=Reason.PERSON_REFUSED)
    assert found(decided) == []
    decided.sql(AGAIN.format("accepted", "person_accepted", "reviewer", 1), id=decided.id(check))
    assert "a person decided it, and no request says so" in found(decided)
