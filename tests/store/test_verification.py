"""What a login wrote into one table does not go together with the others, and is found. On both engines."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text

from jurat.ids import uuid7
from jurat.vocabulary import Outcome, Reason
from store.requests.request_rows import ask
from store.requests.request_runner import Request, RequestKind, Requests
from store.verification import verify_access, verify_checks
from tasks.checks import Settle
from tests.store.desk import NUMBER_TAKEN, Desk, attempt, claiming, entry
from tests.store.passing import unguarded
from tests.store.reviews import ReviewDecisions

ACCEPTED, REFUSED = Settle(Outcome.ACCEPTED, Reason.INSIDE_ZONE), Settle(Outcome.REFUSED, Reason.OUTSIDE_ZONE)


def found(desk: Desk) -> list[str]:
    problems = verify_checks(desk.engine)
    for each in verify_access(desk.engine):
        problems += each.found
    return [each.what for each in problems]


@pytest.fixture
def decided(desk: Desk) -> Desk:
    """p-1 has access by an address and a code, p-2 was refused, and p-3 waits."""
    desk.settle(desk.held("p-1"), ACCEPTED, attempt=attempt())
    (code,) = desk.add_codes()
    desk.settle(desk.held("p-1", "code"), desk.code_valid(code), attempt=attempt())
    desk.settle(desk.held("p-2"), REFUSED)
    desk.submit("p-3")
    return desk


def test_what_our_programs_wrote_goes_together(decided: Desk) -> None:
    assert found(decided) == []
    (page,) = verify_access(decided.engine)
    assert page.participants == 3
    assert decided.access("p-1") == "granted"


@pytest.mark.parametrize("participant", ["p-2", "p-3"])
def test_access_that_no_verdict_grants_is_found(decided: Desk, participant: str) -> None:
    decided.sql("UPDATE jurat_access SET access = 'granted' WHERE participant = :whose", whose=participant)
    (what,) = found(decided)
    assert what.startswith("access is shown as granted, and the verdicts add up to ")


def test_access_that_was_taken_away_is_found(decided: Desk) -> None:
    decided.sql("UPDATE jurat_access SET access = 'blocked' WHERE participant = 'p-1'")
    assert found(decided) == ["access is shown as blocked, and the verdicts add up to granted"]


def test_a_question_that_is_shown_as_accepted_is_found(decided: Desk) -> None:
    decided.sql(
        "UPDATE jurat_access SET questions = replace(CAST(questions AS text), 'refused', 'accepted')"
        + ("::jsonb" if decided.postgresql else "")
        + " WHERE participant = 'p-2'"
    )
    assert found(decided) == ["not as decided is shown: residence"]


def test_a_check_without_its_verdict_is_found(decided: Desk) -> None:
    held = decided.held("p-4", "profession")
    decided.sql("UPDATE jurat_checks SET state = 'settled' WHERE id = :id", id=decided.id(held.id))
    assert "it is settled without a verdict" in found(decided)


def test_an_acceptance_without_a_lookup_is_found(decided: Desk) -> None:
    held = decided.held("p-4", "profession")
    decided.write(entry(held, ACCEPTED, attempt=attempt()))
    decided.sql("DELETE FROM jurat_attempts WHERE check_id = :id", id=decided.id(held.id))
    assert found(decided) == ["a worker accepted it, and no lookup is known"]


def test_a_decision_that_the_audit_does_not_know_is_found(decided: Desk) -> None:
    held = decided.held("p-4", "profession")
    decided.write(entry(held, REFUSED))
    decided.sql(
        "INSERT INTO jurat_verdicts (check_id, revision, outcome, reason, evidence, decided_by, config_version, source,"
        " fence, decided_at) SELECT check_id, 2, 'accepted', 'person_accepted', evidence, 'reviewer', config_version,"
        " source, fence, NOW FROM jurat_verdicts WHERE check_id = :id",
        id=decided.id(held.id),
    )
    assert "a person decided it, and the audit knows of none" in found(decided)


def test_a_decision_of_a_person_is_right(decided: Desk) -> None:
    held = decided.held("p-4", "profession")
    decided.write(entry(held, Settle(Outcome.REFUSED, Reason.STATUS_INACTIVE)))
    requests = Requests(decided.engine)
    requests.do(Request(uuid7(), RequestKind.OPEN, "a clerk", check_id=held.id))
    requests.do(Request(uuid7(), RequestKind.DECIDE, "a clerk", check_id=held.id, reason=Reason.PERSON_ACCEPTED))
    assert found(decided) == []


def test_a_code_that_was_freed_is_found(decided: Desk) -> None:
    decided.sql("DELETE FROM jurat_codes WHERE redeemed_by IS NOT NULL")
    assert found(decided) == ["it was accepted for a code that is not used"]


def test_a_revision_that_is_missing_is_found(decided: Desk) -> None:
    ((check,),) = decided.sql("SELECT id FROM jurat_checks WHERE participant = 'p-2'")
    insert = (
        "INSERT INTO jurat_verdicts (check_id, revision, outcome, reason, evidence, decided_by, config_version, source,"
        " fence, decided_at) SELECT check_id, 3, outcome, reason, evidence, decided_by, config_version, source, fence,"
        " decided_at FROM jurat_verdicts WHERE check_id = :id"
    )
    if not decided.postgresql:
        decided.sql("DROP TRIGGER jurat_verdicts_added")
    decided.sql(insert, id=check)
    assert "revisions of its verdict are missing" in found(decided)


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE jurat_checks SET due_at = '8999-01-01 00:00:00.000'", "it waits for years"),
        ("UPDATE jurat_checks SET deadline_at = '8999-01-01 00:00:00.000'", "it waits for years"),
        ("UPDATE jurat_reviews SET due_at = '8999-01-01 00:00:00.000'", "it waits for years"),
        ("UPDATE jurat_reviews SET decided_at = opened_at", "it is in review, and no review is open"),
        ("DELETE FROM jurat_access WHERE participant = 'p-2'", "it is decided, and its participant has no access row"),
        ("UPDATE jurat_claims SET holds = false", "it was accepted for a number, and the number is free"),
    ],
)
def test_what_an_honest_program_leaves_otherwise_is_found(decided: Desk, statement: str, what: str) -> None:
    decided.settle(decided.held("p-4", "profession"), claiming("900100", decided.fingerprints), attempt=attempt())
    decided.settle(decided.held("p-5", "profession"), NUMBER_TAKEN)
    assert found(decided) == []
    decided.sql(statement)
    assert set(found(decided)) == {what}


def test_a_number_that_came_free_for_another_participant_is_found(decided: Desk) -> None:
    """A login that releases it may do so before the next person comes, and there is a holder again."""
    claim = claiming("900100", decided.fingerprints)
    decided.settle(decided.held("p-4", "profession"), claim, attempt=attempt())
    with decided.engine.begin() as connection, unguarded(connection):
        connection.execute(text("UPDATE jurat_claims SET holds = false"))
    decided.settle(decided.held("p-5", "profession"), claim, attempt=attempt())
    assert found(decided) == ["two participants were accepted by one number"]


def test_a_number_that_a_person_gives_to_two_is_right(decided: Desk) -> None:
    claim = claiming("900100", decided.fingerprints)
    decided.settle(decided.held("p-4", "profession"), claim, attempt=attempt())
    for participant in ("p-5", "p-6"):
        check = decided.held(participant, "profession")
        decided.settle(check, claim)
        ReviewDecisions(decided.engine).decide(check.id, Reason.PERSON_ACCEPTED, "a clerk")
    assert found(decided) == []


def test_a_number_that_no_one_was_accepted_by_is_found(decided: Desk) -> None:
    claim = claiming("900100", decided.fingerprints)
    decided.settle(decided.held("p-4", "profession"), claim, attempt=attempt())
    check = decided.held("p-5", "profession")
    decided.settle(check, claim)
    decided.sql("DELETE FROM jurat_claims WHERE holds")
    decided.sql("UPDATE jurat_claims SET holds = true")
    assert found(decided) == ["it holds a number, and was not accepted"]


@pytest.mark.parametrize("kind", [RequestKind.REVOKE, RequestKind.ERASE, RequestKind.OPEN])
def test_a_request_that_nobody_did_is_found(decided: Desk, kind: RequestKind) -> None:
    whose = {"consultation": "budget", "participant": "p-3"}
    of_check = {"check_id": UUID(str(decided.one("SELECT id FROM jurat_checks WHERE participant = 'p-2'")))}
    request = Request(uuid7(), kind, "a clerk", **(of_check if kind is RequestKind.OPEN else whose))
    with decided.engine.begin() as connection:
        ask(connection, request)
    assert found(decided) == []
    decided.sql("UPDATE jurat_requests SET applied_at = asked_at")
    assert "a request is said to be done, and the audit knows of none" in found(decided)


def test_an_erasure_by_word_alone_is_found(decided: Desk) -> None:
    asked = Request(uuid7(), RequestKind.ERASE, "a clerk", consultation="budget", participant="p-2")
    Requests(decided.engine).do(asked)
    assert found(decided) == []
    decided.sql("DROP TRIGGER jurat_requests_changed" + (" ON jurat_requests" if decided.postgresql else ""))
    decided.sql("UPDATE jurat_requests SET participant = 'p-2' WHERE kind = 'erase'")
    assert found(decided) == ["an erasure is said to be done, and its participant still has a name"]


def test_a_revocation_that_no_erasure_took_along_is_found(decided: Desk) -> None:
    requests = Requests(decided.engine)
    for kind, participant in ((RequestKind.REVOKE, "p-2"), (RequestKind.ERASE, "p-1"), (RequestKind.ERASE, "nobody")):
        requests.do(Request(uuid7(), kind, "a clerk", consultation="budget", participant=participant))
    assert found(decided) == []
    decided.sql("UPDATE jurat_requests SET participant = 'erased-77' WHERE kind = 'revoke'")
    assert "more participants are erased there than the audit knows of" in found(decided)


@pytest.mark.parametrize("kind", [RequestKind.OPEN, RequestKind.DECIDE])
def test_a_request_about_a_check_that_is_gone_before_the_check_is_found(decided: Desk, kind: RequestKind) -> None:
    test_a_decision_of_a_person_is_right(decided)
    with decided.engine.begin() as connection, unguarded(connection):
        connection.execute(text(f"DELETE FROM jurat_requests WHERE kind = '{kind}'"))
    assert set(found(decided)) == {"the audit knows of a request about it, and the request is gone"}


def test_a_row_that_upkeep_still_has_to_add_up_is_left_out(decided: Desk) -> None:
    decided.sql("UPDATE jurat_access SET access = 'granted', config_version = 0 WHERE participant = 'p-2'")
    assert found(decided) == []
    decided.upkeep.add_up_access()
    assert decided.access("p-2") != "granted"
