"""Codes that are revoked: all of a list or single ones, and none that was redeemed. Of two at once the first counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from adapters.fingerprints import Fingerprints
from jurat.codes import clean, generate
from jurat.errors import ConfigurationError
from jurat.vocabulary import Reason
from store.rehash import rehash
from store.requests import code_revocations
from store.requests.code_lists import add_codes, import_codes
from store.requests.code_revocations import Revoked, revoke_codes, revoke_list
from tests.rigs.waiting import until
from tests.store.desk import ADMIN, Desk, listening
from tests.store.test_rehash import BEFORE, BOTH, NEW, codes_of, looked_up, outcome, use, verdicts

IRIS = "Iris of the town"


def counted(desk: Desk, code_list: str = "spring") -> tuple[int, int, int, int]:
    row = desk.queries.code_lists()[code_list]
    return row.codes, row.free, row.redeemed, row.revoked


def redeemed(desk: Desk, code: str, participant: str = "p-1") -> Reason:
    (found,) = looked_up(desk, BEFORE, code)
    (reason,) = verdicts(desk, outcome(desk.held(participant, "code"), found))
    return reason


def details(desk: Desk) -> list[Any]:
    rows = desk.sql("SELECT actor, subject, detail FROM jurat_audit WHERE action = 'codes revoke' ORDER BY id")
    assert {(row[0], row[1]) for row in rows} <= {(IRIS, "spring")}
    return [row[2] if isinstance(row[2], dict) else json.loads(row[2]) for row in rows]


def test_a_list_is_revoked_but_for_what_was_redeemed_and_what_comes_later(desk: Desk) -> None:
    used, free, old = codes_of(desk, 3)
    assert redeemed(desk, used) is Reason.CODE_VALID
    desk.sql("UPDATE jurat_codes SET expires_at = NOW(-5) WHERE fingerprint = :old", old=BEFORE.newest("spring", old))
    add_codes(desk.engine, "autumn", ["aaaaaaaa:bb"], ADMIN)
    assert list(revoke_list(desk.engine, "spring", IRIS)) == [2]
    assert list(revoke_list(desk.engine, "spring", IRIS)) == []
    assert details(desk) == [{"codes": 2}]
    assert counted(desk) == (3, 0, 1, 2)
    assert counted(desk, "autumn") == (1, 1, 0, 0)
    assert desk.access() == "incomplete", "a question is open, and the code counts"
    assert desk.sql("SELECT outcome FROM jurat_verdicts") == [("accepted",)]
    for code in (free, old):
        assert redeemed(desk, code, code) is Reason.CODE_REVOKED
    assert redeemed(desk, used, "p-2") is Reason.CODE_USED
    (later,) = codes_of(desk, 1)
    assert redeemed(desk, later, "p-3") is Reason.CODE_VALID


def test_a_large_list_is_revoked_in_batches_and_goes_on_where_it_ended(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_revocations, "AT_ONCE", 2)
    codes_of(desk, 5)
    running = revoke_list(desk.engine, "spring", IRIS)
    assert next(running) == 2
    running.close()  # type: ignore[attr-defined]
    assert counted(desk) == (5, 3, 0, 2)
    assert list(revoke_list(desk.engine, "spring", IRIS)) == [2, 1]
    assert [each["codes"] for each in details(desk)] == [2, 2, 1]
    assert counted(desk) == (5, 0, 0, 5)


def test_codes_that_are_hashed_again_meanwhile_are_revoked_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are elsewhere in the list afterwards, and some behind the place that was reached."""
    monkeypatch.setattr(code_revocations, "AT_ONCE", 2)
    codes_of(desk, 20)
    running = revoke_list(desk.engine, "spring", IRIS)
    assert next(running) == 2
    use(desk, NEW)
    list(rehash(desk.engine, BOTH, ADMIN))
    assert sum(running) == 18
    assert counted(desk) == (20, 0, 0, 20)


def test_single_codes_are_counted_by_what_they_were(desk: Desk) -> None:
    used, lost, kept, before = codes_of(desk, 4)
    redeemed(desk, used)
    revoke_codes(desk.engine, BEFORE, "spring", [before], IRIS)
    unknown = clean(generate()) or ""
    done = revoke_codes(desk.engine, BOTH, "spring", [used, lost, before, unknown], IRIS)
    assert done == Revoked(revoked=1, redeemed=1, before=1, unknown=1)
    assert details(desk)[1:] == [{"codes": 1, "redeemed": 1, "before": 1, "unknown": 1}]
    assert counted(desk) == (4, 1, 1, 2)
    assert redeemed(desk, kept, "p-2") is Reason.CODE_VALID
    assert redeemed(desk, lost, "p-3") is Reason.CODE_REVOKED
    assert revoke_codes(desk.engine, BOTH, "spring", [lost], IRIS) == Revoked(0, 0, 1, 0)
    assert import_codes(desk.engine, BOTH, "spring", [lost], ADMIN) == 0
    assert counted(desk) == (4, 0, 2, 2)
    assert not any(code in str(desk.sql("SELECT * FROM jurat_audit")) for code in (used, lost, unknown))


def test_a_code_is_revoked_under_whichever_key(desk: Desk) -> None:
    (code,) = codes_of(desk, 1)
    use(desk, NEW)
    list(rehash(desk.engine, BOTH, ADMIN))
    for fingerprints in (BEFORE, Fingerprints([NEW])):
        with pytest.raises(ConfigurationError, match="which JURAT_HASH_KEYS lacks here"):
            revoke_codes(desk.engine, fingerprints, "spring", [code], IRIS)
    assert (counted(desk)[3], details(desk)) == (0, [])
    assert revoke_codes(desk.engine, BOTH, "spring", [code], IRIS).revoked == 1
    assert counted(desk) == (1, 0, 0, 1)


def test_a_code_that_a_list_has_under_two_keys_is_one(desk: Desk) -> None:
    code = clean(generate()) or ""
    add_codes(desk.engine, "spring", [BEFORE.newest("spring", code), BOTH.newest("spring", code)], ADMIN)
    assert revoke_codes(desk.engine, BOTH, "spring", [code], IRIS) == Revoked(1, 0, 0, 0)
    assert counted(desk)[3] == 2


def by_list(desk: Desk, _: str) -> int:
    return sum(revoke_list(desk.engine, "spring", IRIS))


def by_code(desk: Desk, code: str) -> int:
    return revoke_codes(desk.engine, BEFORE, "spring", [code], IRIS).revoked


WAYS = pytest.mark.parametrize("way", [by_list, by_code])


@WAYS
def test_a_code_that_is_redeemed_at_this_instant_stays_redeemed(
    postgresql: Desk, way: Callable[[Desk, str], int]
) -> None:
    desk, (code,) = postgresql, codes_of(postgresql, 1)
    (found,) = looked_up(desk, BEFORE, code)
    held = desk.held("p-1", "code")
    with ThreadPoolExecutor(1) as pool:
        with desk.engine.begin() as connection:
            desk.write_on(connection, outcome(held, found))
            revoking = pool.submit(way, desk, code)
            assert until(lambda: desk.one("SELECT count(*) FROM pg_locks WHERE NOT granted") == 1)
        assert revoking.result() == 0
    assert counted(desk) == (1, 0, 1, 0)
    assert desk.verdicts(held.id) == [("accepted", "code_valid")]


@WAYS
def test_a_code_that_is_revoked_at_this_instant_is_not_redeemed(
    postgresql: Desk, way: Callable[[Desk, str], int]
) -> None:
    desk, (code,) = postgresql, codes_of(postgresql, 1)
    (found,) = looked_up(desk, BEFORE, code)
    held = desk.held("p-1", "code")
    writing: list[Any] = []

    def redeem(_: Any, __: Any, statement: str, *___: Any) -> None:
        if "SET revoked_at" in statement:  # the code is locked
            writing.append(pool.submit(verdicts, desk, outcome(held, found)))
            assert until(lambda: desk.one("SELECT count(*) FROM pg_locks WHERE NOT granted") == 1)

    with ThreadPoolExecutor(1) as pool, listening(desk.engine, "before_cursor_execute", redeem):
        assert way(desk, code) == 1
        assert writing[0].result() == [Reason.CODE_REVOKED]
    assert counted(desk) == (1, 0, 0, 1)
    assert desk.verdicts(held.id) == [("refused", "code_revoked")]


@pytest.mark.slow
@WAYS
def test_many_that_come_at_once_are_each_redeemed_or_revoked(desk: Desk, way: Callable[[Desk, str], int]) -> None:
    codes = codes_of(desk, 40)
    found = looked_up(desk, BEFORE, *codes)
    checks = [desk.held(f"p-{place}", "code") for place in range(40)]
    with ThreadPoolExecutor(8) as pool:
        writing = [pool.submit(verdicts, desk, outcome(*each)) for each in zip(checks, found, strict=True)]
        revoking = [pool.submit(way, desk, code) for code in codes]
        reasons = [reason for each in writing for reason in each.result()]
        revoked = sum(each.result() for each in revoking)
    assert len(reasons) == 40
    assert reasons.count(Reason.CODE_VALID) + revoked == 40
    assert reasons.count(Reason.CODE_REVOKED) == revoked
    assert counted(desk) == (40, 0, 40 - revoked, revoked)


@pytest.mark.parametrize(
    "change",
    [
        "revoked_at = NOW WHERE redeemed_by IS NOT NULL",
        "revoked_at = NULL WHERE revoked_at IS NOT NULL",
        "redeemed_by = list WHERE revoked_at IS NOT NULL",
    ],
)
def test_the_database_refuses_what_undoes_either(sqlite: Desk, change: str) -> None:
    """On PostgreSQL, tests/migrations/forgeries.py tries the same as the roles that have a right to it."""
    (used,) = codes_of(sqlite, 1)
    redeemed(sqlite, used)
    codes_of(sqlite, 1)
    list(revoke_list(sqlite.engine, "spring", IRIS))
    with pytest.raises(DBAPIError, match="redeemed or revoked, and that once"):
        sqlite.sql(f"UPDATE jurat_codes SET {change}")


def test_no_statement_goes_through_a_whole_list_in_a_file(sqlite: Desk) -> None:
    codes = codes_of(sqlite, 3)
    seen: dict[str, Any] = {}

    def look(connection: Any, _: Any, statement: str, parameters: Any, *__: Any) -> None:
        if "jurat_codes" in statement and statement.split(maxsplit=1)[0] in ("SELECT", "UPDATE"):
            raw = connection.connection.dbapi_connection
            seen[statement] = [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]

    with listening(sqlite.engine, "before_cursor_execute", look):
        import_codes(sqlite.engine, BEFORE, "spring", codes, ADMIN)
        sqlite.queries.codes("spring", BEFORE.all("spring", codes[0]))
        revoke_codes(sqlite.engine, BEFORE, "spring", codes[:1], IRIS)
        list(revoke_list(sqlite.engine, "spring", IRIS))
    steps = [step for plan in seen.values() for step in plan if "jurat_codes" in step or " k " in step]
    assert len(seen) == 5
    assert [step for step in steps if "fingerprint" not in step] == []
