"""A row that changes past all guards no longer fits the history, on both engines. What was purged or erased does."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey
from sqlalchemy import text

from store.history import sealer, verification
from store.history.entries import person_hash
from store.history.sealer import HistoryError, Sealer, begin
from store.requests.request_runner import RequestKind
from store.restored import secure
from tests.rigs.waiting import until
from tests.store.desk import ADMIN, Desk, attempt
from tests.store.history.keeper import ACCEPTED, REFUSED, Keeper, ask, forge
from tests.store.passing import let_be_over, let_pass, unguarded


def test_what_was_there_and_what_comes_is_sealed(decided: Desk, tmp_path: Path) -> None:
    keeper = Keeper(decided, tmp_path)
    assert keeper.verify().leaves == decided.one(
        "SELECT (SELECT count(*) FROM jurat_verdicts) + (SELECT count(*) FROM jurat_audit) + 1 + 1"
        " + (SELECT count(*) FROM jurat_requests)"
    )
    decided.settle(decided.claim_one(), ACCEPTED, attempt=attempt())
    assert keeper.verify().waiting == 1
    assert keeper.seal() == 1
    assert keeper.seal() == 0
    verified = keeper.verify()
    assert (verified.waiting, verified.contradictions, verified.lost) == (0, [], [])
    assert begin(decided.engine, ADMIN) is None


def test_erasures_transfers_and_purges_fit(decided: Desk, tmp_path: Path) -> None:
    let_be_over(decided)
    keeper = Keeper(decided, tmp_path)
    ask(decided, RequestKind.TRANSFER, consultation="budget", participant="p-1", target="p-4")
    keeper.seal()
    ask(decided, RequestKind.TRANSFER, consultation="budget", participant="p-4", target="p-6")
    assert keeper.found() == []
    ask(decided, RequestKind.ERASE, participant="p-6")
    assert keeper.found() == []
    decided.upkeep.purge()
    assert decided.one("SELECT count(*) FROM jurat_verdicts") < 4
    assert decided.one("SELECT count(*) FROM jurat_leaves WHERE salt IS NULL") > 0
    assert keeper.found() == []
    keeper.seal()
    assert decided.one("SELECT count(*) FROM jurat_leaves WHERE kind = 'purge'") > 0
    assert keeper.found() == []


def test_who_was_erased_from_one_consultation_is_known_by_its_request(decided: Desk, tmp_path: Path) -> None:
    keeper = Keeper(decided, tmp_path)
    ask(decided, RequestKind.ERASE, consultation="budget", participant="p-1")
    assert keeper.found() == []
    forge(decided, "UPDATE jurat_requests SET participant = 'erased-77' WHERE kind = 'revoke'")
    assert ("request", "its participant was erased, and no erasure is known") in keeper.found()


def test_an_erasure_of_everything_is_known_by_the_audit_once_its_request_is_gone(decided: Desk, tmp_path: Path) -> None:
    keeper = Keeper(decided, tmp_path)
    ask(decided, RequestKind.ERASE, participant="p-2")
    assert keeper.found() == []
    keeper.seal()
    forge(decided, "DELETE FROM jurat_requests WHERE kind = 'erase'")
    assert [kind for kind, _ in keeper.found()] == ["request"], (
        "what is gone too soon, and none of those whom it took away"
    )


@pytest.mark.parametrize("kind", [RequestKind.REOPEN, RequestKind.REVOKE])
def test_a_request_that_goes_before_the_verdicts_of_its_participant_is_found(
    decided: Desk, tmp_path: Path, kind: RequestKind
) -> None:
    """The owner takes a further round back, or ends a revocation of long ago."""
    decided.settle(decided.claim_one(), REFUSED, retain=90 * 86_400.0)
    more = {"question": "residence"} if kind is RequestKind.REOPEN else {}
    ask(decided, kind, consultation="budget", participant="p-3", **more)
    let_pass(decided, 40)
    keeper = Keeper(decided, tmp_path)
    assert keeper.found() == []
    decided.sql("DELETE FROM jurat_requests WHERE participant = 'p-3'")
    assert keeper.found() == [("request", "it was purged before its time")]
    keeper.seal()
    assert keeper.found() == [("purge", "it was purged before its time")]


def test_a_time_to_be_kept_that_is_set_later_fits_and_then_counts(decided: Desk, tmp_path: Path) -> None:
    with decided.engine.begin() as connection, unguarded(connection):
        connection.execute(text("UPDATE jurat_verdicts SET retain_until = NULL"))
    keeper = Keeper(decided, tmp_path)
    decided.sql("UPDATE jurat_verdicts SET retain_until = NOW(99999) WHERE reason = 'outside_zone'")
    assert keeper.found() == []
    assert keeper.seal() == 1
    assert keeper.found() == []
    forge(decided, "DELETE FROM jurat_verdicts WHERE reason = 'outside_zone'")
    assert keeper.found() == [("verdict", "it is gone, and was not purged")]


@pytest.mark.parametrize("sealed", [False, True])
def test_a_purge_before_its_time_is_found(decided: Desk, tmp_path: Path, *, sealed: bool) -> None:
    with decided.engine.begin() as connection, unguarded(connection):
        connection.execute(text(decided.clock("UPDATE jurat_verdicts SET retain_until = NOW(5000)")))
    keeper = Keeper(decided, tmp_path)
    with decided.engine.begin() as connection, unguarded(connection):
        connection.execute(text("UPDATE jurat_leaves SET salt = NULL WHERE kind = 'verdict'"))
        purge = """INSERT INTO jurat_unsealed (queued_at, kind, subject)
                   SELECT NOW, 'purge', subject FROM jurat_leaves WHERE kind = 'verdict'"""
        connection.execute(text(decided.clock(purge)))
        connection.execute(text("DELETE FROM jurat_verdicts"))
    if sealed:
        keeper.seal()
    assert {what for _, what in keeper.found()} == {"it was purged before its time"}


FORGERIES = {
    "a verdict": ("UPDATE jurat_verdicts SET outcome = 'accepted' WHERE outcome = 'refused'",),
    "its evidence": ("UPDATE jurat_verdicts SET evidence = '{\"a\": 1}' WHERE reason = 'inside_zone'",),
    "its time": ("UPDATE jurat_verdicts SET retain_until = NOW(-1) WHERE reason = 'inside_zone'",),
    "who wrote it": ("UPDATE jurat_verdicts SET login = 'other' WHERE reason = 'inside_zone'",),
    "whose it is": ("UPDATE jurat_checks SET participant = 'p-9' WHERE participant = 'p-2'",),
    "which question": ("UPDATE jurat_checks SET question = 'profession' WHERE participant = 'p-2'",),
    "a verdict that goes": ("DELETE FROM jurat_verdicts WHERE outcome = 'refused'",),
    "a verdict that is added": (
        """INSERT INTO jurat_verdicts (check_id, revision, outcome, reason, evidence, decided_by, config_version,
             source, fence, decided_at)
           SELECT id, 1, 'accepted', 'inside_zone', '{}', 'worker', 1, 'towns', 1, NOW
           FROM jurat_checks WHERE participant = 'p-3'""",
    ),
    "an audit row": ("UPDATE jurat_audit SET actor = 'other' WHERE action = 'review decide'",),
    "an audit row that goes": ("DELETE FROM jurat_audit WHERE action = 'review open'",),
    "a request": ("UPDATE jurat_requests SET by_whom = 'other' WHERE kind = 'decide'",),
    "whom a request is about": ("UPDATE jurat_requests SET participant = 'p-1' WHERE kind = 'revoke'",),
    "a revocation that is said to be of an erased one": (
        "UPDATE jurat_requests SET participant = 'erased-77' WHERE kind = 'revoke'",
    ),
    "a verdict that is said to be of an erased one": (
        "UPDATE jurat_checks SET participant = 'erased-77' WHERE participant = 'p-2'",
    ),
    "a request that goes": ("DELETE FROM jurat_requests WHERE kind = 'revoke'",),
    "a code": ("UPDATE jurat_codes SET redeemed_by = NULL WHERE redeemed_by IS NOT NULL",),
    "the hash of a code": ("UPDATE jurat_codes SET fingerprint = fingerprint || '0' WHERE redeemed_by IS NOT NULL",),
    "the hash of a number": ("UPDATE jurat_claims SET fingerprint = fingerprint || '0'",),
    "a number that is added": (
        """INSERT INTO jurat_claims (consultation, namespace, fingerprint, check_id, participant, holds, claimed_at)
           SELECT 'budget', 'n', 'x', id, participant, false, NOW FROM jurat_checks WHERE participant = 'p-2'""",
    ),
    "a number of another kind": ("UPDATE jurat_claims SET namespace = 'other'",),
    "a number that goes": ("DELETE FROM jurat_claims",),
    "a document": ("UPDATE jurat_configs SET document = '{\"a\": 1}'",),
    "a document that is said to be compacted": ("UPDATE jurat_configs SET document = '{}', whole = false",),
    "the salt of a participant who is not erased": (
        "UPDATE jurat_leaves SET person_salt = NULL WHERE kind = 'verdict'",
        "UPDATE jurat_checks SET participant = 'p-9' WHERE participant = 'p-2'",
    ),
    "a configuration": ("UPDATE jurat_configs SET applied_by = 'other'",),
    "a purge that was not due": (
        "DELETE FROM jurat_verdicts WHERE outcome = 'refused'",
        "UPDATE jurat_leaves SET salt = NULL WHERE subject LIKE '%/1' AND salt IS NOT NULL AND number = FIRST",
        """INSERT INTO jurat_unsealed (queued_at, kind, subject)
           SELECT NOW, 'purge', subject FROM jurat_leaves WHERE number = FIRST""",
    ),
    "a time to be kept that is in the past": (
        "UPDATE jurat_verdicts SET retain_until = NULL WHERE reason = 'inside_zone'",
        "UPDATE jurat_verdicts SET retain_until = NOW(-99) WHERE reason = 'inside_zone'",
        """INSERT INTO jurat_unsealed (queued_at, kind, subject)
           SELECT NOW, 'retention', CAST(check_id AS text) || '/1' FROM jurat_verdicts
           WHERE reason = 'inside_zone'""",
    ),
    "a time to be kept that is too soon": (
        "UPDATE jurat_verdicts SET retain_until = NULL WHERE reason = 'inside_zone'",
        "UPDATE jurat_verdicts SET retain_until = NOW(6) WHERE reason = 'inside_zone'",
        """INSERT INTO jurat_unsealed (queued_at, kind, subject)
           SELECT NOW, 'retention', CAST(check_id AS text) || '/1' FROM jurat_verdicts
           WHERE reason = 'inside_zone'""",
    ),
    "a leaf": ("UPDATE jurat_leaves SET subject = 'other' WHERE kind = 'audit' AND number = LAST",),
    "the last leaf": ("DELETE FROM jurat_leaves WHERE number = LAST",),
    "a head": ("DELETE FROM jurat_tree_heads", "UPDATE jurat_leaves SET content = person WHERE person IS NOT NULL"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_what_the_owner_forges_is_found(decided: Desk, tmp_path: Path, name: str) -> None:
    keeper = Keeper(decided, tmp_path)
    refused = "SELECT number FROM jurat_leaves WHERE subject IN (SELECT CAST(check_id AS text) || '/1'"
    places = {
        "FIRST": decided.one(f"{refused} FROM jurat_verdicts WHERE outcome = 'refused')"),
        "LAST": decided.one("SELECT max(number) FROM jurat_leaves WHERE kind = 'audit'"),
    }
    assert keeper.found() == []
    statements = FORGERIES[name]
    for place, number in places.items():
        statements = tuple(each.replace(place, str(number)) for each in statements)
    forge(decided, *statements)
    assert keeper.found()
    if name not in ("the last leaf", "a head"):  # the sealer refuses these
        keeper.seal()
        assert keeper.found()


@pytest.mark.parametrize("gone", [False, True])
def test_a_row_that_is_sealed_twice_is_kept_as_long_as_the_first_time(
    decided: Desk, tmp_path: Path, *, gone: bool
) -> None:
    forge(decided, "UPDATE jurat_verdicts SET retain_until = NOW(9999999)")
    keeper = Keeper(decided, tmp_path)
    forge(
        decided,
        "UPDATE jurat_verdicts SET retain_until = NOW(-1) WHERE reason = 'outside_zone'",
        """INSERT INTO jurat_unsealed (queued_at, kind, subject)
           SELECT NOW, 'verdict', CAST(check_id AS text) || '/1' FROM jurat_verdicts WHERE reason = 'outside_zone'""",
    )
    assert keeper.seal() == 1
    twice, told = "it was sealed twice, and the first time counts", "the time until which it stays was changed"
    if gone:
        decided.sql("DELETE FROM jurat_verdicts WHERE reason = 'outside_zone'")
        assert keeper.seal() == 1
        told = "it was purged before its time"
    assert set(keeper.found()) == {("verdict", twice), ("purge" if gone else "verdict", told)}


def test_what_waited_while_nothing_was_sealed_is_no_contradiction(
    decided: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A head takes so many rows, and the next follows at once: what it takes may have waited for days."""
    for module in (sealer, verification):
        monkeypatch.setattr(module, "BATCH", 4)
    forge(decided, "UPDATE jurat_verdicts SET retain_until = NULL")
    keeper = Keeper(decided, tmp_path)
    for number in range(8):
        decided.settle(decided.held(f"q-{number}", "profession"), REFUSED)
    decided.sql("UPDATE jurat_verdicts SET retain_until = NOW(99999) WHERE reason = 'inside_zone'")
    forge(decided, "UPDATE jurat_verdicts SET retain_until = NOW(6) WHERE reason = 'inside_zone'")
    assert keeper.seal() == 9
    assert keeper.found() == []


def test_an_erased_participant_is_not_told_from_a_leaf(decided: Desk, tmp_path: Path) -> None:
    """Who reads leaves could try ids with the salts."""
    ask(decided, RequestKind.TRANSFER, consultation="budget", participant="p-1", target="p-4")
    keeper = Keeper(decided, tmp_path)
    told = [name for name in ("p-1", "p-2", "p-4", "p-5") for each in leaves(decided) if tells(each, name)]
    assert set(told) == {"p-1", "p-2", "p-4", "p-5"}
    ask(decided, RequestKind.ERASE, participant="p-4")
    ask(decided, RequestKind.ERASE, participant="p-2", consultation="budget")
    keeper.seal()
    assert keeper.found() == []
    assert {name for name in ("p-1", "p-2", "p-4", "p-5") for each in leaves(decided) if tells(each, name)} == {"p-5"}


def test_an_erasure_waits_until_leaves_are_written(
    postgresql: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sealer read the row with its participant before; its leaf comes after."""
    desk, signs, goes_on = postgresql, threading.Event(), threading.Event()
    keeper, sign = Keeper(desk, tmp_path), Sealer._sign

    def slowly(*given: Any) -> Any:
        signs.set()
        assert goes_on.wait(30)
        return sign(*given)

    desk.settle(desk.held("p-1"), ACCEPTED, attempt=attempt())
    monkeypatch.setattr(Sealer, "_sign", slowly)
    with ThreadPoolExecutor(2) as pool:
        sealing = pool.submit(keeper.seal)
        assert signs.wait(30)
        erasing = pool.submit(ask, desk, RequestKind.ERASE, participant="p-1")
        until(lambda: desk.one("SELECT count(*) FROM pg_locks WHERE NOT granted") or erasing.done())
        goes_on.set()
        assert sealing.result() == 1
        erasing.result()
    assert desk.one("SELECT person_salt FROM jurat_leaves WHERE kind = 'verdict'") is None


def leaves(desk: Desk) -> list[Any]:
    return desk.sql("SELECT salt, person_salt, person FROM jurat_leaves WHERE person IS NOT NULL")


def tells(leaf: Any, participant: str) -> bool:
    """Whether a leaf says that its row is about a participant, or a transfer from or to them."""
    people: list[list[str | None]] = [
        [participant],
        [participant, None],
        ["p-1", "p-4"] if participant in ("p-1", "p-4") else [],
    ]
    return any(person_hash(each, salt) == leaf[2] for each in people for salt in leaf[:2] if salt)


def test_more_leaves_take_no_more_statements(decided: Desk, tmp_path: Path) -> None:
    keeper, counts = Keeper(decided, tmp_path), list[int]()
    for number in range(2):
        with decided.statements() as seen:
            assert keeper.found() == []
        counts.append(len(seen))
        for participant in range(4):
            decided.settle(decided.held(f"q-{number}-{participant}", "profession"), REFUSED)
        keeper.seal()
    assert counts[0] == counts[1]


def test_a_restore_is_told_apart_from_a_forgery(decided: Desk, tmp_path: Path) -> None:
    keeper = Keeper(decided, tmp_path)
    size = keeper.heads[-1].tree_size
    decided.settle(decided.claim_one(), ACCEPTED, attempt=attempt())
    keeper.seal()
    forge(
        decided,
        f"DELETE FROM jurat_leaves WHERE number >= {size}",
        f"DELETE FROM jurat_tree_heads WHERE tree_size > {size}",
        "DELETE FROM jurat_verdicts WHERE check_id = (SELECT id FROM jurat_checks WHERE participant = 'p-3')",
        "UPDATE jurat_checks SET state = 'leased' WHERE participant = 'p-3'",
    )
    (end,) = keeper.found()
    assert end[1].startswith("the history does not reach the head of ")
    with pytest.raises(HistoryError, match=r"the database knows no head as new as that of .* outside"):
        keeper.seal()
    with decided.engine.begin() as connection:
        secure(connection, datetime.now(UTC), ADMIN)
    for sealed in (0, 1):
        verified = keeper.verify()
        assert verified.contradictions == []
        assert [(each.first, each.after_last) for each in verified.lost] == [(size, size + 1)]
        assert keeper.seal() == 1 - sealed
    ask(decided, RequestKind.RESTORE, consultation="budget", participant="p-2")
    assert keeper.seal() == 2
    assert keeper.found() == []
    assert len(keeper.verify().lost) == 1


def test_only_who_has_the_key_seals(decided: Desk, tmp_path: Path) -> None:
    keeper = Keeper(decided, tmp_path)
    with pytest.raises(HistoryError, match=r"this key did not sign the last head, of "):
        Sealer(decided.engine, SigningKey.generate(), tmp_path / "other").turn()
    assert keeper.seal() == 0


def test_a_history_begins_before_it_is_sealed(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match=r"no history has begun; run `bin/jurat history begin`"):
        Sealer(desk.engine, SigningKey.generate(), tmp_path / "other").turn()


CHANGES = {
    "jurat_verdicts": (
        *("outcome = 'undetermined'", "reason = 'other'", "source = 'other'", "fence = fence + 1", "decided_by = 'x'"),
        *("decided_at = NOW(-7)", "config_version = 7", "data_date = '2020-01-01'", "revision = revision + 8"),
        *("evidence = '{\"a\": 1}'", "login = 'other'", "retain_until = NOW(5000)", ""),
    ),
    "jurat_audit": (
        *("actor = 'other'", "action = 'other'", "subject = 'other'", "detail = '{}'", "at = NOW(-7)"),
        *("login = 'other'", ""),
    ),
}
"""What is set to another value; nothing deletes the row."""


@pytest.mark.slow
def test_each_of_a_hundred_random_changes_is_found(decided: Desk, tmp_path: Path) -> None:
    let_be_over(decided, "reason = 'outside_zone'")
    keeper, dice, missed = Keeper(decided, tmp_path), random.Random(19), list[str]()
    before = {table: decided.sql(f"SELECT * FROM {table}") for table in CHANGES}
    for table, change in [(table, change) for table, changes in CHANGES.items() for change in changes] * 5:
        key = "id" if table == "jurat_audit" else "check_id"
        row = dice.choice(before[table])
        where = f"WHERE {key} = '{getattr(row, key)}'"
        statement = f"UPDATE {table} SET {change} {where}" if change else f"DELETE FROM {table} {where}"
        forge(decided, statement)
        if not keeper.found():
            missed.append(statement)
        marks = ", ".join(f":{name}" for name in row._fields)
        with decided.engine.begin() as connection, unguarded(connection):
            connection.execute(text(f"DELETE FROM {table}"))
            kept = [{**each._mapping, **_json(each._mapping)} for each in before[table]]
            connection.execute(text(f"INSERT INTO {table} ({', '.join(row._fields)}) VALUES ({marks})"), kept)
        assert keeper.found() == []
    assert missed == []


def _json(row: Mapping[str, object]) -> dict[str, str]:
    return {name: json.dumps(value) for name, value in row.items() if isinstance(value, dict)}
