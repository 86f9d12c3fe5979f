"""Erasing a participant, on both engines: nothing of them is left in any table, and nothing else is changed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import inspect

from jurat import AccessRevoked, InvalidSubmission
from jurat.ids import uuid7
from jurat.vocabulary import Outcome, Reason
from store.requests.erasure import Trace, erase, traces
from store.requests.request_rows import CannotBeDone, Request, RequestKind, ask
from store.requests.request_runner import Requests
from store.verdicts.access import AccessRows
from tasks.check_runner import CheckRunner
from tasks.checks import ClaimedCheck, Later, NextSource, Review, Settle
from tests.store.desk import ACCEPTED, ADMIN, DOCUMENT, REFUSED, Desk, claiming, entry
from tests.store.passing import let_pass
from tests.store.reviews import ReviewDecisions

CLERK = "a clerk"
GONE = "the-one-who-goes"
NUMBER = "10000000017"
TWO: Mapping[str, Any] = {
    **DOCUMENT,
    "consultations": {**DOCUMENT["consultations"], "vote": {"questions": {"home": {"criterion": "lives-in"}}}},
}
"""Two consultations."""


@pytest.fixture
def requests(desk: Desk) -> Requests:
    return Requests(desk.engine)


def erasing(participant: str = GONE, consultation: str | None = None) -> Request:
    return Request(uuid7(), RequestKind.ERASE, CLERK, consultation=consultation, participant=participant)


def dump(desk: Desk) -> str:
    """All that is in any table, byte for byte."""
    names = inspect(desk.engine).get_table_names()
    assert len(names) > 20
    return "\n".join(f"{name} {tuple(map(_text, row))}" for name in names for row in desk.sql(f"SELECT * FROM {name}"))


def _text(value: Any) -> str:
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else str(value)


def words(desk: Desk, table: str = "jurat_checks") -> set[str]:
    rows = desk.sql(f"SELECT DISTINCT participant FROM {table} WHERE participant LIKE 'erased-%'")
    return {row[0] for row in rows}


def worker(desk: Desk, *held: ClaimedCheck) -> list[Any]:
    """What a worker makes of checks."""
    plan = desk.plan()
    return [CheckRunner(desk.unseal).run(each, plan) for each in held]


def in_review(desk: Desk, participant: str = GONE) -> ClaimedCheck:
    held = desk.held(participant, "profession")
    desk.settle(held, Review(Reason.NAME_DIFFERS, 3600.0))
    return held


# ------------------------------------------------------------------------------------------------ nothing is left


def test_neither_the_id_nor_an_answer_nor_a_note_is_found_in_any_table(desk: Desk, requests: Requests) -> None:
    """A canary in each place where something of a participant may be."""
    desk.apply(TWO)
    trace = f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01"
    reply_key, candidates, note, document = os.urandom(32), os.urandom(80), os.urandom(90), os.urandom(8).hex()
    given: dict[str, Any] = {"traceparent": trace, "reply_key": reply_key}
    home = desk.held(GONE, **given)
    desk.settle(home, Settle(Outcome.UNDETERMINED, Reason.AMBIGUOUS_ADDRESS, candidates=candidates))
    contested = desk.held(GONE, "code", answer={"code": "7"}, **given)
    desk.settle(contested, REFUSED)
    desk.settle(desk.held(GONE, "code", answer={"code": "8"}), Review(Reason.NAME_DIFFERS, 60.0))
    number = desk.held(GONE, "profession", **given)
    desk.settle(number, claiming(NUMBER, desk.fingerprints))
    open_one = desk.submit(GONE, "home", consultation="vote", **given)
    for kind, more in (
        (RequestKind.CONTEST, {"check_id": contested.id, "note": note, "note_key": "0" * 16, "document": document}),
        (RequestKind.REVOKE, {"consultation": "budget", "participant": GONE}),
        (RequestKind.TRANSFER, {"consultation": "vote", "participant": "the-former-one", "target": GONE}),
    ):
        with desk.engine.begin() as connection:
            ask(connection, Request(uuid7(), kind, CLERK, **more))
    sealed = [desk.row(open_one.id, "answer"), contested.sealed]
    canaries = [GONE, trace, document, "the-former-one"]
    canaries += [_text(each) for each in (reply_key, candidates, note, *sealed)]
    before = dump(desk)
    assert [canary for canary in canaries if canary not in before] == [_text(contested.sealed)]
    requests.do(erasing())
    after = dump(desk)
    assert [canary for canary in canaries if canary in after] == []
    assert requests.apply_waiting() == 0, "what waited is not done any more"
    assert len(words(desk)) == 2, "another word in each consultation"
    assert all(re.fullmatch(r"erased-[0-9a-f]{32}", word) for word in words(desk))
    assert words(desk) == words(desk, "jurat_access")
    assert words(desk, "jurat_claims") < words(desk)
    desk.write(*worker(desk, *desk.claims.claim_overdue(10, {})))
    assert [canary for canary in canaries if canary in dump(desk)] == []
    assert desk.one("SELECT count(*) FROM jurat_checks WHERE state <> 'settled' OR answer IS NOT NULL") == 0


def test_verdicts_stay_and_others_are_not_touched(desk: Desk, requests: Requests) -> None:
    held = desk.held(GONE)
    desk.settle(held, REFUSED)
    desk.settle(desk.held("p-2"))
    other = desk.submit("p-3")
    verdicts = desk.sql("SELECT * FROM jurat_verdicts ORDER BY check_id")
    before = desk.client.access("budget", "p-2"), desk.client.result(other.id)
    requests.do(erasing())
    assert desk.sql("SELECT * FROM jurat_verdicts ORDER BY check_id") == verdicts
    assert (desk.client.access("budget", "p-2"), desk.client.result(other.id)) == before
    (word,) = words(desk)
    assert desk.result(held.id).participant == word
    assert desk.client.access("budget", word).questions["residence"] == "refused"


def test_in_one_consultation_the_others_stay(desk: Desk, requests: Requests) -> None:
    desk.apply(TWO)
    desk.settle(desk.held(GONE))
    vote = desk.submit(GONE, "home", consultation="vote")
    assert traces(desk.engine, GONE) == [Trace("budget", 1, 0, "incomplete"), Trace("vote", 1, 1, "pending")]
    requests.do(erasing(consultation="budget"))
    assert traces(desk.engine, GONE) == traces(desk.engine, GONE, "vote") == [Trace("vote", 1, 1, "pending")]
    assert desk.result(vote.id).participant == GONE
    requests.do(erasing(consultation="vote"))
    assert traces(desk.engine, GONE) == []
    assert GONE not in dump(desk)


def test_of_whom_nothing_is_there_nothing_is_left_either(desk: Desk, requests: Requests) -> None:
    for consultation in (None, "budget"):
        assert requests.do(erasing("nobody-here", consultation)) is None
    assert "nobody-here" not in dump(desk)


def test_swapped_arguments_never_reach_the_audit(desk: Desk, requests: Requests) -> None:
    desk.settle(desk.held(GONE))
    swapped = erasing("budget", GONE)
    with pytest.raises(CannotBeDone, match="no consultation of that name is known") as raised:
        requests.do(swapped)
    assert GONE not in str(raised.value)
    with desk.engine.begin() as connection, pytest.raises(CannotBeDone):
        ask(connection, swapped)
    assert desk.one("SELECT count(*) FROM jurat_requests") == 0
    assert desk.one("SELECT count(*) FROM jurat_audit WHERE action = 'erase'") == 0


def test_from_a_consultation_that_is_asked_no_more(desk: Desk, requests: Requests) -> None:
    desk.settle(desk.held(GONE))
    desk.apply({**DOCUMENT, "consultations": {"vote": TWO["consultations"]["vote"]}}, force=True)
    requests.do(erasing(consultation="budget"))
    assert GONE not in dump(desk)


def test_a_worker_erases_whom_a_platform_asks_it_to(desk: Desk, requests: Requests) -> None:
    desk.settle(desk.held(GONE))
    with desk.engine.begin() as connection:
        ask(connection, erasing())
    assert requests.apply_waiting() == 1
    assert GONE not in dump(desk)
    subject, detail = desk.sql("SELECT subject, detail FROM jurat_audit WHERE action = 'erase'")[0]
    found = json.loads(detail) if isinstance(detail, str) else detail
    assert (subject, found["consultations"], found["checks"]) == ("all consultations", 1, 1)


def test_to_be_erased_twice_changes_nothing_more(desk: Desk, requests: Requests) -> None:
    desk.settle(desk.held(GONE))
    requests.do(erasing())
    before = desk.sql("SELECT * FROM jurat_checks"), desk.sql("SELECT * FROM jurat_access")
    requests.do(erasing())
    assert (desk.sql("SELECT * FROM jurat_checks"), desk.sql("SELECT * FROM jurat_access")) == before


# ------------------------------------------------------------------------------------------------ on their way

LATE = [
    ACCEPTED,
    Settle(Outcome.UNDETERMINED, Reason.AMBIGUOUS_ADDRESS, candidates=b"sealed"),
    Review(Reason.NAME_DIFFERS, 60.0),
    Later(1.0, Reason.SOURCE_UNAVAILABLE),
    NextSource("ban", Reason.NAME_DIFFERS),
]


@pytest.mark.parametrize("decision", LATE, ids=lambda each: type(each).__name__)
def test_what_a_worker_brings_that_still_has_the_answer_is_not_taken(
    desk: Desk, requests: Requests, decision: Any
) -> None:
    held = desk.held(GONE)
    requests.do(erasing())
    assert desk.row(held.id, "state, answer, lease_until") == ("pending", None, None)
    assert desk.claims.renew([held]) == set()
    assert len(desk.settle(held, decision).stale) == 1
    assert (desk.verdicts(held.id), GONE in dump(desk)) == ([], False)
    (again,) = desk.claims.claim_overdue(10, {})
    assert again.participant.startswith("erased-")
    desk.write(*worker(desk, again))
    assert desk.verdicts(held.id) == [("undetermined", "answer_unreadable")]


def test_a_number_that_is_claimed_too_late_does_not_bring_the_id_back(desk: Desk, requests: Requests) -> None:
    held = desk.held(GONE, "profession")
    requests.do(erasing())
    assert len(desk.settle(held, claiming(NUMBER, desk.fingerprints)).stale) == 1
    assert desk.one("SELECT count(*) FROM jurat_claims") == 0


@pytest.mark.parametrize("state", ["pending", "last chance", "leased", "review", "overdue", "paused"])
def test_a_check_on_its_way_ends_undetermined_without_a_person(desk: Desk, requests: Requests, state: str) -> None:
    """Its question says that a person decides what no source could; but there is nothing to look at."""
    if state == "review":
        check = in_review(desk).id
    elif state == "leased":
        check = desk.held(GONE, "profession").id
    else:
        check = desk.submit(GONE, "profession").id
    if state == "last chance":
        desk.sql("UPDATE jurat_checks SET lost_leases = 3")
    if state == "overdue":
        desk.set_back("deadline_at", 60)
    if state == "paused":
        desk.sources.pause("rpps", 3600.0, Reason.SOURCE_THROTTLED)
    requests.do(erasing())
    assert desk.row(check, "state, answer, reply_key, candidates, traceparent") == ("pending", *[None] * 4)
    assert desk.one("SELECT count(*) FROM jurat_reviews WHERE decided_at IS NULL") == 0
    (held,) = desk.claims.claim_overdue(10, {})
    desk.write(*worker(desk, held))
    assert desk.verdicts(check) == [("undetermined", "answer_unreadable")]
    (word,) = words(desk)
    access = desk.client.access("budget", word)
    assert (access.questions["profession"], access.rounds_left["profession"]) == ("undetermined", 2)
    assert desk.claims.claim_overdue(10, {}) == []


def test_a_check_that_was_opened_again_keeps_its_verdict(desk: Desk, requests: Requests) -> None:
    held = desk.held(GONE)
    desk.settle(held, REFUSED)
    ReviewDecisions(desk.engine).reopen(held.id, ADMIN)
    requests.do(erasing())
    assert desk.row(held.id, "state") == "settled"
    assert desk.verdicts(held.id) == [("refused", "status_inactive")]
    (word,) = words(desk)
    assert desk.client.access("budget", word).questions["residence"] == "refused"


def test_a_check_whose_question_is_gone_ends_too(desk: Desk, requests: Requests) -> None:
    check = desk.submit(GONE, "profession")
    budget = DOCUMENT["consultations"]["budget"]
    without = {name: each for name, each in budget["questions"].items() if name != "profession"}
    desk.apply({**DOCUMENT, "consultations": {"budget": {"questions": without}}}, force=True)
    requests.do(erasing())
    desk.write(*worker(desk, *desk.claims.claim_overdue(10, {})))
    assert desk.verdicts(check.id) == [("undetermined", "configuration_missing")]


# ------------------------------------------------------------------------------------------------ coming back


def test_whoever_comes_back_is_somebody_new_and_their_number_is_still_held(desk: Desk, requests: Requests) -> None:
    desk.settle(desk.held(GONE, "profession"), claiming(NUMBER, desk.fingerprints))
    desk.settle(desk.held(GONE))
    requests.do(erasing())
    assert set(desk.client.access("budget", GONE).questions.values()) == {"open"}
    late = desk.held(GONE, "profession")
    desk.settle(late, claiming(NUMBER, desk.fingerprints))
    assert desk.row(late.id, "state") == "review", "a person decides, as where anybody else had the number"
    assert desk.access(GONE) == "pending"


def test_who_confirms_an_answer_while_they_are_erased_is_erased_with_it_or_new(postgresql: Desk) -> None:
    desk = postgresql
    desk.settle(desk.held(GONE))
    with ThreadPoolExecutor(1) as pool:
        with desk.engine.begin() as platform:
            desk.submit_on(platform, GONE, "code")
            doing = pool.submit(Requests(desk.engine).do, erasing())
            _until_one_waits(desk, doing)
        doing.result(30)
        assert GONE not in dump(desk)
        desk.settle(desk.held(GONE))
        with desk.engine.begin() as connection:
            request = erasing()
            ask(connection, request)
            erase(connection, AccessRows(), request)
            new = pool.submit(desk.submit, GONE, "code")
            _until_one_waits(desk, new)
        new.result(30)
    assert desk.one("SELECT count(*) FROM jurat_checks WHERE participant = :who", who=GONE) == 1
    assert desk.client.access("budget", GONE).questions["residence"] == "open"


def test_a_verdict_that_is_being_written_is_waited_for(postgresql: Desk) -> None:
    desk = postgresql
    held = desk.held(GONE, "profession")
    with ThreadPoolExecutor(1) as pool:
        with desk.engine.begin() as writer:
            assert len(desk.write_on(writer, entry(held, claiming(NUMBER, desk.fingerprints))).done) == 1
            doing = pool.submit(Requests(desk.engine).do, erasing())
            _until_one_waits(desk, doing)
        doing.result(30)
    assert desk.verdicts(held.id) == [("accepted", "record_matches")]
    assert words(desk) == words(desk, "jurat_claims") == words(desk, "jurat_access")
    assert GONE not in dump(desk)


def _until_one_waits(desk: Desk, doing: Any) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while not desk.one(waiting):
        assert not doing.done(), doing.result()


# ------------------------------------------------------------------------------------------------ retention


def test_when_the_last_check_of_who_was_erased_is_purged_their_access_goes_too(desk: Desk, requests: Requests) -> None:
    first, second = desk.held(GONE), desk.held(GONE, "profession")
    desk.write(entry(first, retain=-1.0), entry(second, retain=3600.0))
    desk.write(entry(desk.held("p-2"), retain=-1.0), entry(desk.held("p-2", "profession"), REFUSED, retain=3600.0))
    requests.do(erasing())
    assert desk.upkeep.purge() == 1, "who was not erased keeps all until the last of it is past its time"
    assert len(words(desk, "jurat_access")) == 1
    desk.sql("UPDATE jurat_checks SET answer = NULL")
    held = desk.held("p-3")
    desk.write(entry(held, retain=-1.0))
    requests.do(erasing("p-3"))
    assert desk.upkeep.purge() == 1
    assert len(words(desk, "jurat_access")) == 1
    assert desk.access("p-2") == "incomplete", "of who was not erased all is kept"


def test_a_consultation_that_is_asked_no_more_is_forgotten_with_its_last_check(desk: Desk, requests: Requests) -> None:
    desk.write(entry(desk.held("p-1"), retain=-1.0), entry(desk.held("p-2"), retain=3600.0))
    requests.do(Request(uuid7(), RequestKind.REVOKE, CLERK, consultation="budget", participant="p-1"))
    desk.apply({**DOCUMENT, "consultations": {"vote": TWO["consultations"]["vote"]}})
    assert desk.upkeep.purge() == 1
    assert desk.one("SELECT count(*) FROM jurat_access") == 2
    held = desk.sql("SELECT id FROM jurat_checks")
    assert len(held) == 1
    _past(desk)
    assert desk.upkeep.purge() == 1
    assert desk.one("SELECT count(*) FROM jurat_access") == 0
    assert desk.one("SELECT count(*) FROM jurat_requests") == 1


def _past(desk: Desk) -> None:
    """Let the time of all verdicts be over. The guards are the owner's to switch off."""
    if desk.postgresql:
        trigger = "ALTER TABLE jurat_verdicts {} TRIGGER jurat_verdicts_kept"
        off, on = trigger.format("DISABLE"), trigger.format("ENABLE ALWAYS")
    else:
        ((made,),) = desk.sql("SELECT sql FROM sqlite_master WHERE name = 'jurat_verdicts_kept'")
        off, on = "DROP TRIGGER jurat_verdicts_kept", made
    desk.sql(off)
    desk.sql("UPDATE jurat_verdicts SET retain_until = NOW(-1)")
    with desk.engine.begin() as connection:
        connection.exec_driver_sql(on)


@pytest.mark.parametrize(("days", "left"), [(29, 1), (31, 0)])
def test_a_request_goes_a_month_after_it_was_dealt_with_when_nothing_of_its_participant_is_there(
    desk: Desk, days: int, left: int
) -> None:
    desk.settle(desk.held("p-1"))
    dealt = f"NOW({-days * 86400})"
    for participant, target in (("p-9", None), ("p-1", None), ("p-8", "p-1")):
        request = Request(
            uuid7(), RequestKind.TRANSFER, CLERK, consultation="budget", participant=participant, target=target
        )
        with desk.engine.begin() as connection:
            ask(connection, request)
        desk.sql(f"UPDATE jurat_requests SET applied_at = {dealt} WHERE id = :id", id=desk.id(request.id))
    with desk.engine.begin() as connection:
        ask(connection, erasing("p-7"))
    desk.upkeep.purge()
    found = [row[0] for row in desk.sql("SELECT participant FROM jurat_requests ORDER BY participant")]
    assert found == ["p-1", "p-7", "p-8", *["p-9"] * left]


def test_a_revocation_is_kept_over_a_pause_of_its_consultation(desk: Desk, requests: Requests) -> None:
    for participant in ("p-1", "p-2", "p-3"):
        desk.write(entry(desk.held(participant), retain=-1.0))
        requests.do(Request(uuid7(), RequestKind.REVOKE, CLERK, consultation="budget", participant=participant))
    requests.do(Request(uuid7(), RequestKind.RESTORE, CLERK, consultation="budget", participant="p-2"))
    requests.do(erasing("p-3"))
    desk.apply({**DOCUMENT, "consultations": {"vote": TWO["consultations"]["vote"]}})
    desk.upkeep.purge()
    let_pass(desk, 31)
    desk.upkeep.purge()
    assert [tuple(row) for row in desk.sql("SELECT kind, participant FROM jurat_requests")] == [("revoke", "p-1")]
    desk.apply(DOCUMENT)
    with pytest.raises(AccessRevoked):
        desk.submit("p-1")
    desk.submit("p-2")
    requests.do(erasing("p-1"))
    let_pass(desk, 31)
    desk.upkeep.purge()
    assert desk.one("SELECT count(*) FROM jurat_requests") == 0


@pytest.mark.parametrize("participant", ["erased-1", "Erased-1"])
def test_nobody_answers_under_a_name_for_who_was_erased(desk: Desk, participant: str) -> None:
    with pytest.raises(InvalidSubmission, match="participant must not begin with erased-"):
        desk.submit(participant)
    check = desk.submit("p-1").id
    copied = (
        "INSERT INTO jurat_checks (id, consultation, participant, question, round, priority, answer, answer_key, "
        "source, due_at, submitted_at, deadline_at) SELECT :id, consultation, :participant, question, round, priority, "
        "answer, answer_key, source, due_at, submitted_at, deadline_at FROM jurat_checks WHERE id = :check"
    )
    with pytest.raises(Exception, match="jurat: participant must not begin with erased-"):
        desk.sql(copied, id=desk.id(uuid7()), participant=participant, check=desk.id(check))
    if desk.postgresql:
        with pytest.raises(Exception, match="jurat: participant must not begin with erased-"):
            desk.sql("SELECT jurat_submit('budget', :participant, 'code', NULL, NULL)", participant=participant)
