from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from jurat.candidates import LARGEST
from jurat.vocabulary import AccessState, Outcome, Reason, State
from store.verdicts.verdict_writer import FEW, VerdictWriter
from tasks.checks import CheckResult, ClaimedCheck, Decision, Ended, GiveBack, Later, NextSource, Review, Settle
from tests.store.desk import ACCEPTED, REFUSED, UNDETERMINED, Desk, attempt, claiming, entry, ids, listening

# ------------------------------------------------------------------------------------------------ one verdict


def test_a_verdict_stands_with_all_that_led_to_it(desk: Desk) -> None:
    held = desk.held()
    verdict = Settle(Outcome.ACCEPTED, Reason.INSIDE_ZONE, {"margin_m": 20, "é": [None, True]}, date(2026, 11, 1))
    desk.settle(held, verdict, config_version=7, retain=3600.0)
    ((*row, evidence),) = desk.sql(
        "SELECT check_id, revision, outcome, reason, decided_by, config_version, source, data_date, fence, evidence"
        " FROM jurat_verdicts"
    )
    assert row == [desk.id(held.id), 1, "accepted", "inside_zone", "worker", 7, "towns", "2026-11-01", held.fence]
    assert evidence in ({"margin_m": 20, "é": [None, True]}, '{"margin_m":20,"é":[null,true]}')
    kept = "SELECT count(*) FROM jurat_verdicts WHERE retain_until"
    assert desk.one(f"{kept} > NOW(3590) AND retain_until <= NOW(3600)") == 1


def test_a_verdict_is_kept_for_ever_where_nobody_says_how_long(desk: Desk) -> None:
    desk.settle(desk.held())
    assert desk.one("SELECT retain_until FROM jurat_verdicts") is None


def test_the_answer_is_erased_in_the_transaction_that_settles_the_check(desk: Desk) -> None:
    held = desk.held()
    desk.settle(held)
    assert desk.row(held.id, "state, answer, lease_until") == ("settled", None, None)
    assert desk.row(held.id, "settled_at") is not None
    result = desk.result(held.id)
    assert (result.state, result.outcome, result.reason) == (State.SETTLED, Outcome.ACCEPTED, Reason.RECORD_MATCHES)


def test_the_answer_stays_where_the_transaction_does_not_commit(desk: Desk) -> None:
    held = desk.held()

    def fail(*_: Any) -> None:
        raise OperationalError("COMMIT", {}, Exception("gone"))

    with listening(desk.engine, "commit", fail), pytest.raises(OperationalError):
        desk.settle(held)
    assert desk.row(held.id, "state") == "leased"
    assert desk.row(held.id, "answer") == held.sealed
    assert desk.verdicts(held.id) == []
    assert desk.access() == AccessState.PENDING
    desk.settle(held)
    assert desk.verdicts(held.id) == [("accepted", "record_matches")]


def test_a_look_up_is_written_as_an_attempt(desk: Desk) -> None:
    held = desk.held()
    desk.settle(held, REFUSED, attempt=attempt(Ended.ANSWERED, Reason.STATUS_INACTIVE, 0.25))
    ((fence, source, milliseconds, result, reason),) = desk.sql(
        "SELECT fence, source, duration_ms, result, reason FROM jurat_attempts"
    )
    assert (fence, source, milliseconds, result, reason) == (1, "towns", 250, "answered", "status_inactive")
    assert desk.one("SELECT count(*) FROM jurat_attempts WHERE started_at < NOW(-0.2) AND started_at > NOW(-5)") == 1


# ------------------------------------------------------------------------------------------------ no verdict yet


def test_a_failed_look_up_costs_one_and_waits(desk: Desk) -> None:
    held = desk.held()
    desk.settle(held, Later(20, Reason.SOURCE_UNAVAILABLE), attempt=attempt(Ended.FAILED, Reason.SOURCE_UNAVAILABLE))
    assert desk.row(held.id, "state, lookups, lost_leases, lease_until, source") == ("pending", 1, 0, None, "towns")
    assert desk.one("SELECT count(*) FROM jurat_checks WHERE due_at > NOW(15) AND due_at <= NOW(20)") == 1
    assert desk.row(held.id, "answer") == held.sealed
    assert desk.access() == AccessState.PENDING


def test_the_next_source_is_asked_at_once_and_costs_nothing(desk: Desk) -> None:
    held = desk.held()
    desk.settle(held, NextSource("ban", Reason.ADDRESS_NOT_FOUND), attempt=attempt(reason=Reason.ADDRESS_NOT_FOUND))
    assert desk.row(held.id, "state, source, lookups") == ("pending", "ban", 0)
    assert desk.claim("towns") == []
    again = desk.claim_one("ban")
    assert (again.id, again.fence, again.source) == (held.id, 2, "ban")


def test_what_is_given_back_is_due_at_once_and_costs_nothing(desk: Desk) -> None:
    held = desk.held()
    desk.settle(held, GiveBack())
    assert desk.row(held.id, "state, lookups, lost_leases") == ("pending", 0, 0)
    assert desk.claim_one().id == held.id


def test_a_review_keeps_the_answer_and_shows_in_the_access(desk: Desk) -> None:
    held = desk.held(question="profession")
    desk.settle(held, Review(Reason.NAME_DIFFERS, 3600, {"name_similarity": 0.6}), config_version=3)
    assert desk.row(held.id, "state, lease_until, settled_at") == ("review", None, None)
    assert desk.row(held.id, "answer") == held.sealed
    assert desk.client.access("budget", "p-1").questions["profession"] == "review"
    ((reason, version, decided),) = desk.sql("SELECT reason, config_version, decided_at FROM jurat_reviews")
    assert (reason, version, decided) == ("name_differs", 3, None)
    assert desk.one("SELECT count(*) FROM jurat_reviews WHERE due_at > NOW(3590) AND due_at <= NOW(3600)") == 1
    assert desk.verdicts(held.id) == []


AMBIGUOUS = Settle(Outcome.UNDETERMINED, Reason.AMBIGUOUS_ADDRESS, candidates=bytes(range(256)))


def test_what_one_source_saw_goes_with_the_check_until_it_is_settled(desk: Desk) -> None:
    held = desk.held()
    assert held.leaning is None
    desk.settle(held, NextSource("ban", Reason.NEAR_BORDER, leaning="inside"))
    again = desk.claim_one("ban")
    assert again.leaning == "inside"
    for decision in (Later(0, Reason.SOURCE_UNAVAILABLE), GiveBack()):
        desk.settle(again, decision)
        again = desk.claim_one("ban")
        assert again.leaning == "inside", decision
    desk.settle(again, NextSource("towns", Reason.CONFIGURATION_MISSING))
    assert desk.row(held.id, "leaning") is None, "the later source says what is known now"
    desk.settle(desk.claim_one(), NextSource("ban", Reason.NEAR_BORDER, leaning="outside"))
    desk.settle(desk.claim_one("ban"))
    assert desk.row(held.id, "state, leaning") == ("settled", None)


def test_a_review_forgets_what_a_source_saw(desk: Desk) -> None:
    held = desk.held()
    desk.settle(held, NextSource("ban", Reason.NEAR_BORDER, leaning="inside"))
    desk.settle(desk.claim_one("ban"), Review(Reason.SOURCES_DISAGREE, 3600))
    assert desk.row(held.id, "state, leaning") == ("review", None)


def test_candidates_stand_beside_the_verdict_for_a_quarter_of_an_hour(desk: Desk) -> None:
    desk.submit_many(3)
    first, second, third = desk.claim()
    desk.write(entry(first, AMBIGUOUS), entry(second), entry(third, replace(AMBIGUOUS, candidates=b"\x00")))
    assert [bytes(desk.row(check.id, "candidates") or b"") for check in (first, second, third)] == [
        bytes(range(256)),
        b"",
        b"\x00",
    ]
    until = "SELECT count(*) FROM jurat_checks WHERE candidates_until"
    assert desk.one(f"{until} > NOW(890) AND candidates_until <= NOW(900)") == 2
    assert desk.one(f"{until} IS NULL") == 1


def test_candidates_that_are_too_large_to_be_kept_do_not_keep_the_verdict(desk: Desk) -> None:
    desk.submit_many(2)
    fitting, large = desk.claim()
    each = [replace(AMBIGUOUS, candidates=bytes(size)) for size in (LARGEST, LARGEST + 1)]
    assert len(desk.write(entry(fitting, each[0]), entry(large, each[1])).done) == 2
    assert desk.verdicts(large.id) == [("undetermined", "ambiguous_address")]
    assert len(desk.row(fitting.id, "candidates")) == LARGEST
    assert desk.row(large.id, "candidates, candidates_until") == (None, None)


def test_candidates_of_a_stale_fence_are_refused(desk: Desk) -> None:
    stale = desk.held()
    desk.set_back("lease_until", 60)
    desk.upkeep.end_leases()
    current = desk.claim_one()
    assert desk.settle(stale, AMBIGUOUS).stale
    assert desk.row(stale.id, "candidates, candidates_until") == (None, None)
    desk.write(entry(current, AMBIGUOUS), entry(stale, replace(AMBIGUOUS, candidates=b"old")))
    assert bytes(desk.row(stale.id, "candidates")) == bytes(range(256))


# ------------------------------------------------------------------------------------------------ the fence


@pytest.mark.parametrize(
    "decision",
    [
        ACCEPTED,
        Later(5, Reason.SOURCE_UNAVAILABLE),
        NextSource("ban", Reason.ADDRESS_NOT_FOUND),
        GiveBack(),
        Review(Reason.NAME_DIFFERS, 60),
    ],
    ids=lambda decision: type(decision).__name__,
)
def test_a_stale_fence_is_refused_and_the_answer_stays(desk: Desk, decision: Decision) -> None:
    stale = desk.held()
    desk.set_back("lease_until", 60)
    desk.upkeep.end_leases()
    current = desk.claim_one()
    assert current.fence == 2
    written = desk.settle(stale, decision, attempt=attempt())
    assert ([e.held for e in written.stale], written.done, written.busy) == ([stale], [], [])
    assert desk.row(stale.id, "state, fence, source") == ("leased", 2, "towns")
    assert desk.row(stale.id, "answer") == stale.sealed
    assert desk.verdicts(stale.id) == []
    assert desk.sql("SELECT 1 FROM jurat_reviews UNION ALL SELECT 1 FROM jurat_attempts") == []
    desk.settle(current)
    assert desk.verdicts(stale.id) == [("accepted", "record_matches")]


def test_a_stale_entry_does_not_hold_up_the_others_of_its_batch(desk: Desk) -> None:
    desk.submit_many(3)
    first, second, third = desk.claim()
    desk.sql("UPDATE jurat_checks SET fence = fence + 1 WHERE id = :id", id=desk.id(second.id))
    written = desk.write(entry(first), entry(second, REFUSED), entry(third))
    assert ids([e.held for e in written.done]) == {first.id, third.id}
    assert [e.held for e in written.stale] == [second]
    assert desk.verdicts(second.id) == []


def test_writing_the_same_twice_leaves_one_verdict(desk: Desk) -> None:
    """After a commit whose outcome is not known the writer writes again."""
    held = desk.held()
    assert len(desk.settle(held).done) == 1
    assert len(desk.settle(held).stale) == 1
    assert desk.verdicts(held.id) == [("accepted", "record_matches")]


def test_of_two_words_on_one_claim_in_a_batch_the_first_counts(desk: Desk) -> None:
    """A worker that drops a lookup gives it back; its answer may come all the same."""
    held = desk.held()
    written = desk.write(entry(held, GiveBack()), entry(held))
    assert (len(written.done), len(written.stale)) == (1, 1)
    assert desk.row(held.id, "state") == "pending"
    assert desk.verdicts(held.id) == []


def test_an_older_claim_of_a_check_in_the_batch_of_its_newer_one_stays_stale(desk: Desk) -> None:
    """A process holds a check twice when its first lookup hung and it claimed the check again."""
    older = desk.held()
    desk.set_back("lease_until", 20)
    desk.upkeep.end_leases()
    newer = desk.claim_one()
    written = desk.write(entry(older, REFUSED), entry(newer))
    assert ([e.held for e in written.done], [e.held for e in written.stale]) == ([newer], [older])
    assert desk.verdicts(newer.id) == [("accepted", "record_matches")]


def test_a_check_that_nobody_holds_cannot_be_settled(desk: Desk) -> None:
    held = desk.held()
    desk.settle(held, GiveBack())
    assert len(desk.settle(held).stale) == 1
    assert desk.row(held.id, "state") == "pending"


def test_a_lease_that_is_over_still_settles_while_nobody_took_the_check(desk: Desk) -> None:
    held = desk.held()
    desk.set_back("lease_until", 60)
    assert len(desk.settle(held).done) == 1


def test_a_batch_of_any_size_is_written_in_the_same_statements(desk: Desk) -> None:
    desk.settle(desk.held("p-99"))  # the first one reads the configuration
    desk.verdict_writer = VerdictWriter(desk.engine)
    desk.settle(desk.held("p-98"))
    seen: list[int] = []
    for count in (1, FEW, FEW + 1, 40):
        desk.submit_many(count, first=100 * count)
        held = desk.claim(free=count)
        with desk.statements() as statements:
            desk.write(*(entry(check, attempt=attempt()) for check in held))
        seen.append(len(statements))
    few, many = seen[:2], seen[2:]
    assert few[0] == few[1] <= 8
    assert many[0] == many[1] <= 7


def test_a_participant_who_waits_alone_waits_for_two_round_trips(postgresql: Desk) -> None:
    # From the first one on, numbers are hashed with this key.
    postgresql.settle(postgresql.held("p-99"), claiming("1000001", postgresql.fingerprints))
    postgresql.verdict_writer = VerdictWriter(postgresql.engine)
    postgresql.settle(postgresql.held("p-98"))  # it reads the configuration
    first, second, third = postgresql.held("p-1"), postgresql.held("p-1", "profession"), postgresql.held("p-2")
    number, (code,) = claiming("1000002", postgresql.fingerprints), postgresql.add_codes()
    postgresql.settle(postgresql.held("p-97", "code"), postgresql.code_valid(code))  # no reason to be slow afterwards
    for held, verdict in ((first, ACCEPTED), (second, REFUSED), (third, number)):
        with postgresql.round_trips() as trips:
            assert len(postgresql.settle(held, verdict).done) == 1
        assert len(trips) == 2


def test_of_a_few_that_are_written_at_once_those_that_were_lost_change_nothing(desk: Desk) -> None:
    lost, kept = desk.held("p-1"), desk.held("p-2")
    desk.settle(lost, GiveBack())
    newer = desk.claim_one()
    written = desk.write(entry(lost, REFUSED, attempt=attempt()), entry(kept, ACCEPTED, attempt=attempt()))
    assert ([each.held for each in written.done], [each.held for each in written.stale]) == ([kept], [lost])
    assert desk.row(newer.id, "state, fence") == ("leased", newer.fence)
    assert desk.verdicts(newer.id) == []
    assert desk.access("p-1") == AccessState.PENDING


def test_writing_nothing_is_fine(desk: Desk) -> None:
    assert desk.write().done == []


# ------------------------------------------------------------------------------------------------ codes


def two_with_one_code(desk: Desk) -> tuple[ClaimedCheck, ClaimedCheck, Settle]:
    (code,) = desk.add_codes()
    desk.submit_many(2, "code")
    first, second = desk.claim("spring")
    return first, second, desk.code_valid(code)


def test_a_code_is_redeemed_with_its_verdict(desk: Desk) -> None:
    (code,) = desk.add_codes()
    held = desk.held(question="code")
    desk.settle(held, desk.code_valid(code))
    assert desk.verdicts(held.id) == [("accepted", "code_valid")]
    assert desk.one("SELECT redeemed_by FROM jurat_codes") == desk.id(held.id)
    assert desk.one("SELECT redeemed_at FROM jurat_codes") is not None


def test_two_entries_of_one_batch_redeem_a_code_once(desk: Desk) -> None:
    first, second, valid = two_with_one_code(desk)
    assert len(desk.write(entry(first, valid), entry(second, valid)).done) == 2
    verdicts = [verdict for held in (first, second) for verdict in desk.verdicts(held.id)]
    assert sorted(verdicts) == [("accepted", "code_valid"), ("refused", "code_used")]
    (winner,) = [held for held in (first, second) if desk.verdicts(held.id)[0][0] == "accepted"]
    assert desk.one("SELECT redeemed_by FROM jurat_codes") == desk.id(winner.id)
    rights = {held.participant: desk.client.access("budget", held.participant).questions for held in (first, second)}
    assert sorted(questions["code"] for questions in rights.values()) == ["accepted", "refused"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE jurat_codes SET redeemed_by = :other, redeemed_at = NOW", Reason.CODE_USED),
        ("UPDATE jurat_codes SET revoked_at = NOW", Reason.CODE_REVOKED),
        ("UPDATE jurat_codes SET expires_at = NOW(-1)", Reason.CODE_EXPIRED),
        ("DELETE FROM jurat_codes", Reason.CODE_UNKNOWN),
    ],
)
def test_a_code_that_was_lost_since_the_look_up_refuses(desk: Desk, change: str, reason: Reason) -> None:
    first, second, valid = two_with_one_code(desk)
    desk.sql(change, **({"other": desk.id(second.id)} if ":other" in change else {}))
    written = desk.settle(first, valid, attempt=attempt(reason=Reason.CODE_VALID))
    assert desk.verdicts(first.id) == [("refused", reason)]
    (done,) = written.done
    assert done.decision == Settle(Outcome.REFUSED, reason)


def test_a_stale_entry_redeems_nothing(desk: Desk) -> None:
    first, second, valid = two_with_one_code(desk)
    desk.sql("UPDATE jurat_checks SET fence = fence + 1 WHERE id = :id", id=desk.id(first.id))
    desk.write(entry(first, valid))
    assert desk.one("SELECT redeemed_by FROM jurat_codes") is None
    desk.write(entry(second, valid))
    assert desk.verdicts(second.id) == [("accepted", "code_valid")]


# ----------------------------------------------------------------------------------------------- what cannot be stored

CIRCLE: dict[str, Any] = {}
CIRCLE["self"] = CIRCLE
DEEP: Any = []
for _ in range(100_000):
    DEEP = [DEEP]
UNSTORABLE = {
    "NUL": {"record": "a\0b"},
    "lone surrogate": {"record": "\ud800"},
    "no number": {"score": float("nan")},
    "endless number": {"score": float("inf")},
    "circle": CIRCLE,
    "too deep": {"record": DEEP},
}


@pytest.mark.parametrize("evidence", UNSTORABLE.values(), ids=UNSTORABLE)
@pytest.mark.parametrize(
    "make", [lambda e: Settle(Outcome.ACCEPTED, Reason.RECORD_MATCHES, e), lambda e: Review(Reason.NAME_DIFFERS, 60, e)]
)
def test_evidence_that_cannot_be_stored_fails_its_check_alone(
    desk: Desk, make: Callable[[Any], Decision], evidence: Any
) -> None:
    desk.submit_many(5)
    held = desk.claim()
    bad = held[3]
    entries: list[CheckResult] = [entry(check, attempt=attempt()) for check in held]
    entries[3] = entry(bad, make(evidence), attempt=attempt())
    written = desk.write(*entries)
    done = list(written.done)
    while written.busy:  # the server may take a moment to see that the connection of the failed write is gone
        written = desk.write(*written.busy)
        done += written.done
    assert len(done) == 5
    for check in held:
        expected = [("undetermined", "source_unreadable")] if check is bad else [("accepted", "record_matches")]
        if check is bad and not desk.postgresql and evidence is UNSTORABLE["NUL"]:
            continue  # SQLite can store it
        assert desk.verdicts(check.id) == expected
    assert {e.held.id for e in done} == ids(held)
    reasons = dict(desk.sql("SELECT check_id, reason FROM jurat_attempts"))
    if desk.verdicts(bad.id):
        assert reasons[desk.id(bad.id)] == desk.verdicts(bad.id)[0][1]


def test_evidence_of_ten_megabytes_is_one_checks_trouble(desk: Desk) -> None:
    desk.submit_many(2)
    first, second = desk.claim()
    desk.write(entry(first, Settle(Outcome.ACCEPTED, Reason.RECORD_MATCHES, {"text": "x" * 10_000_000})), entry(second))
    assert desk.verdicts(second.id) == [("accepted", "record_matches")]
    assert len(desk.verdicts(first.id)) == 1


# ------------------------------------------------------------------------------------------------ a busy access row


def test_a_participants_row_in_somebodys_open_transaction_does_not_hold_up_the_others(postgresql: Desk) -> None:
    desk = postgresql
    desk.submit_many(3)
    held = sorted(desk.claim(), key=lambda check: check.participant)
    busy = held[1]
    with desk.engine.begin() as platform:
        desk.submit_on(platform, busy.participant, "code")
        written = desk.write(*map(entry, held))
        assert [e.held for e in written.busy] == [busy]
        assert ids([e.held for e in written.done]) == {held[0].id, held[2].id}
        assert desk.row(busy.id, "state") == "leased"
    assert len(desk.write(*written.busy).done) == 1
    assert desk.verdicts(busy.id) == [("accepted", "record_matches")]
    assert desk.client.access("budget", busy.participant).questions == {
        "residence": "accepted",
        "profession": "open",
        "code": "pending",
    }


def test_what_touches_no_access_row_is_written_though_it_is_busy(postgresql: Desk) -> None:
    desk = postgresql
    held = desk.held()
    with desk.engine.begin() as platform:
        platform.execute(text("SELECT 1 FROM jurat_access FOR UPDATE"))
        assert len(desk.settle(held, Later(1, Reason.SOURCE_UNAVAILABLE)).done) == 1


def test_a_check_without_an_access_row_settles_and_gets_one(desk: Desk) -> None:
    """A consultation that was removed by force, say, has none for those who came by plain SQL."""
    held = desk.held()
    desk.sql("DELETE FROM jurat_access")
    assert len(desk.settle(held, UNDETERMINED).done) == 1
    assert desk.client.access("budget", "p-1").questions["residence"] == "undetermined"
