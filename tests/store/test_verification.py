"""What a login wrote into one table does not go together with the others, and is found. On both engines."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text

from jurat.ids import uuid7
from jurat.vocabulary import Reason
from store.requests.request_rows import ask
from store.requests.request_runner import Request, RequestKind, Requests
from store.verdicts.records import add_audit_row
from store.verification import verify_access, verify_checks
from tasks.checks import Ended
from tests.store.desk import DOCUMENT, NUMBER_TAKEN, Desk, attempt, claiming
from tests.store.passing import let_pass, unguarded
from tests.store.reviews import ReviewDecisions
from tests.store.verified import ACCEPTED, AGAIN, REFUSED, contested, found, person

BUDGET = DOCUMENT["consultations"]["budget"]
ASKED = {**BUDGET["questions"], "residence": {**BUDGET["questions"]["residence"], "valid_for": "1d"}}
SHORTLY_VALID = {**DOCUMENT, "consultations": {"budget": {**BUDGET, "questions": ASKED}}}


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
    decided.look_up(held, ACCEPTED)
    decided.sql("DELETE FROM jurat_attempts WHERE check_id = :id", id=decided.id(held.id))
    assert found(decided) == ["a worker decided it, and no lookup says so"]


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
    decided.look_up(decided.held("p-4", "profession"), claiming("900100", decided.fingerprints))
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
    with decided.engine.begin() as connection, unguarded(connection):
        connection.execute(text("UPDATE jurat_requests SET participant = 'p-2' WHERE kind = 'erase'"))
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
    check = UUID(str(decided.one("SELECT id FROM jurat_checks WHERE participant = 'p-2'")))
    person(decided, RequestKind.OPEN, check)
    person(decided, RequestKind.DECIDE, check, reason=Reason.PERSON_ACCEPTED)
    with decided.engine.begin() as connection, unguarded(connection):
        connection.execute(text(f"DELETE FROM jurat_requests WHERE kind = '{kind}'"))
    said = {"a person decided it, and no request says so"} if kind == RequestKind.DECIDE else set()
    assert set(found(decided)) == {"the audit knows of a request about it, and the request is gone"} | said


def test_a_row_that_upkeep_still_has_to_add_up_says_what_was_right(decided: Desk) -> None:
    decided.apply(SHORTLY_VALID)
    assert found(decided) == []
    decided.upkeep.add_up_access()
    let_pass(decided, 2)
    assert (found(decided), decided.access("p-1")) == ([], "granted")
    decided.upkeep.add_up_access()
    assert (found(decided), decided.access("p-1")) == ([], "incomplete")


@pytest.mark.parametrize(
    "change",
    ["config_version = 0", "config_version = 1", "changes_at = NOW(30)", "changes_at = NOW", "changes_at = NOW(-60)"],
)
def test_no_row_is_passed_over_for_it_seems_to_wait_for_upkeep(decided: Desk, change: str) -> None:
    """A login could write it again and again."""
    decided.apply(SHORTLY_VALID)
    decided.upkeep.add_up_access()
    let_pass(decided, 2)
    decided.sql("UPDATE jurat_configs SET applied_at = NOW(-172800)")
    decided.upkeep.add_up_access()
    decided.sql(f"UPDATE jurat_access SET access = 'granted', {change} WHERE participant = 'p-1'")
    assert [each[:27] for each in found(decided)] == ["access is shown as granted,"]


def test_access_that_is_shown_before_its_time_is_found(decided: Desk) -> None:
    questions = {**ASKED, "code": {**ASKED["code"], "valid_for": "10d"}}
    decided.apply({**DOCUMENT, "consultations": {"budget": {**BUDGET, "questions": questions}}})
    let_pass(decided, 2)
    decided.upkeep.add_up_access()
    assert found(decided) == []
    let_pass(decided, -2)
    assert found(decided) == ["access is shown as incomplete, and the verdicts add up to granted"]


def test_when_time_changes_access_is_compared(decided: Desk) -> None:
    decided.apply(SHORTLY_VALID)
    decided.upkeep.add_up_access()
    assert found(decided) == []
    decided.sql("UPDATE jurat_access SET changes_at = NULL WHERE participant = 'p-1'")
    assert found(decided) == ["not as decided is shown: when time changes it"]


@pytest.mark.parametrize(
    ("verdict", "what"),
    [
        (("refused", "outside_zone", "worker", 0), set()),
        (("refused", "outside_zone", "worker", 1), {"a worker decided it, and no lookup says so"}),
        (("refused", "not_a_person", "worker", 0), {"a worker decided it, and no lookup says so"}),
        (("accepted", "inside_zone", "worker", 0), {"a worker decided it, and no lookup says so"}),
        (("undetermined", "deadline_passed", "worker", 1), set()),
    ],
)
def test_a_worker_decides_once_and_what_its_lookup_says(decided: Desk, verdict: tuple[object], what: set[str]) -> None:
    check = decided.one("SELECT id FROM jurat_checks WHERE participant = 'p-2'")
    decided.sql(AGAIN.format(*verdict), id=check)
    of_check = {each.what for each in verify_checks(decided.engine)}
    assert of_check == {"a worker decided it after its first verdict", *what}


def test_a_lookup_that_failed_decides_nothing(decided: Desk) -> None:
    held = decided.held("p-4", "profession")
    decided.settle(held, REFUSED, attempt=attempt(Ended.FAILED, REFUSED.reason))
    assert found(decided) == ["a worker decided it, and no lookup says so"]


def test_a_code_that_was_used_between_its_lookup_and_the_verdict_is_right(decided: Desk) -> None:
    code, _ = decided.add_codes(2)
    decided.look_up(decided.held("p-4", "code"), decided.code_valid(code))
    decided.look_up(held := decided.held("p-5", "code"), decided.code_valid(code))
    assert decided.verdicts(held.id) == [("refused", "code_used")]
    assert found(decided) == []


EARLY = "its review ended before its time, and no person decided it"
SETTLED = "UPDATE jurat_checks SET state = 'settled' WHERE id = :id"


@pytest.mark.parametrize("opened", ["contested", "opened again"])
def test_a_review_that_no_person_ended_before_its_time_is_found(decided: Desk, opened: str) -> None:
    check = contested(decided)
    if opened == "opened again":
        person(decided, RequestKind.DECIDE, check, reason=Reason.PERSON_REFUSED)
        person(decided, RequestKind.OPEN, check)
    decided.sql(SETTLED, id=decided.id(check))
    assert "it is not in review, and a review is open" in found(decided)
    decided.sql("UPDATE jurat_reviews SET decided_at = NOW WHERE check_id = :id", id=decided.id(check))
    assert EARLY in found(decided)
    decided.sql("UPDATE jurat_reviews SET decided_at = due_at WHERE check_id = :id", id=decided.id(check))
    assert EARLY in found(decided), "that is in the future"


def test_a_review_ends_at_its_time_or_where_a_participant_is_erased(decided: Desk) -> None:
    check = contested(decided)
    let_pass(decided, 14)
    decided.sql("UPDATE jurat_reviews SET due_at = NOW WHERE check_id = :id", id=decided.id(check))
    assert decided.upkeep.end_reviews() == 1
    assert found(decided) == []
    person(decided, RequestKind.OPEN, check)
    decided.settle(decided.held("p-4", "profession"), NUMBER_TAKEN)
    requests = Requests(decided.engine)
    requests.do(Request(uuid7(), RequestKind.TRANSFER, "a clerk", "budget", "p-4", target="p-6"))
    for participant in ("p-2", "p-6"):
        requests.do(Request(uuid7(), RequestKind.ERASE, "a clerk", "budget", participant))
        assert found(decided) == []


def test_a_review_may_end_with_its_question(decided: Desk) -> None:
    contested(decided)
    left = {"questions": {"code": {"criterion": "has-code"}}}
    decided.apply({**DOCUMENT, "consultations": {"budget": left}}, force=True)
    decided.upkeep.add_up_access()
    assert found(decided) == []
    decided.sql("UPDATE jurat_reviews SET decided_at = opened_at")
    assert found(decided) == [EARLY], "the configuration is newer"


def test_what_a_newer_program_configured_is_left_to_it(decided: Desk) -> None:
    decided.sql("UPDATE jurat_access SET access = 'granted' WHERE participant = 'p-2'")
    assert found(decided)
    decided.sql(
        "INSERT INTO jurat_configs (version, digest, document, applied_by, applied_at)"
        " VALUES (2, 'newer', '{\"newer\": 1}', 'me', NOW)"
    )
    assert found(decided) == ["access was not compared: a newer version of jurat has to verify it"]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ('ended = \'{"residence": ["code"]}\'', "what accepted answers ended"),
        ("rounds_left = '{}'", "how many rounds are left"),
        ("granted_until = NOW(86400)", "until when access is granted"),
    ],
)
def test_access_that_says_more_than_its_answers_is_found(decided: Desk, change: str, what: str) -> None:
    decided.sql(f"UPDATE jurat_access SET {change} WHERE participant = 'p-2'")
    assert found(decided) == [f"not as decided is shown: {what}"]


def test_a_contest_that_is_done_by_word_alone_is_found(decided: Desk) -> None:
    """A login that marks it as done writes the row of the audit as well."""
    check = UUID(str(decided.one("SELECT id FROM jurat_checks WHERE participant = 'p-2'")))
    with decided.engine.begin() as connection:
        decided.client.contest(connection, check, note="I moved in May.")
        add_audit_row(connection, "participant", "contest", str(check), {"revision": 1})
    decided.sql("UPDATE jurat_requests SET applied_at = NOW")
    assert found(decided) == ["a review was asked for, and none was opened"]


def test_a_code_that_someone_used_up_for_another_check_is_found(decided: Desk) -> None:
    free, _ = decided.add_codes(2)
    used = "UPDATE jurat_codes SET redeemed_by = :id, redeemed_at = NOW WHERE fingerprint = :code"
    given = {"code": decided.fingerprint(free)}
    decided.sql(used, id=decided.one("SELECT id FROM jurat_checks WHERE question = 'residence' LIMIT 1"), **given)
    assert found(decided) == ["it used a code, and was not accepted by one"]
    with decided.engine.begin() as connection, unguarded(connection):
        by_code = "(SELECT id FROM jurat_checks WHERE question = 'code')"
        connection.execute(text(f"UPDATE jurat_codes SET redeemed_by = {by_code} WHERE fingerprint = :code"), given)
    assert found(decided) == ["it used several codes"]


@pytest.mark.parametrize("change", ["DELETE FROM jurat_questions", "UPDATE jurat_questions SET rounds = 9"])
def test_what_is_asked_and_not_configured_is_found(decided: Desk, change: str) -> None:
    """Access is not compared where nothing is asked."""
    decided.sql(change)
    decided.sql("UPDATE jurat_access SET access = 'granted' WHERE participant = 'p-2'")
    assert "its questions are not as configured" in found(decided)


def test_a_review_that_is_due_sooner_than_its_configuration_says_is_found(decided: Desk) -> None:
    budget = DOCUMENT["consultations"]["budget"]
    decided.apply({**DOCUMENT, "consultations": {"budget": {**budget, "review_due": "2h"}}})
    check = contested(decided)
    decided.apply(DOCUMENT)
    assert found(decided) == [], "it was opened under the one before"
    decided.sql("UPDATE jurat_reviews SET due_at = NOW(3600) WHERE check_id = :id", id=decided.id(check))
    assert found(decided) == ["its review is due sooner than configured"]
