"""Times that decide something are those of the present, and the end of a revocation stays beside it: on PostgreSQL,
whatever a login writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from jurat.ids import uuid7
from store.requests.request_runner import Request, RequestKind, Requests
from store.schema.grants import DatabaseRole
from store.verdicts.access import AccessRows
from tests.migrations.attacks import STRANGER
from tests.migrations.test_role_attacks import refusal
from tests.rigs.logins import Logins
from tests.store.desk import ADMIN, NUMBER_TAKEN, REFUSED, Desk
from tests.store.passing import let_be_over

REVIEW = "SELECT opened_at, due_at, decided_at FROM jurat_reviews"
REOPENED = "UPDATE jurat_reviews SET decided_at = NULL, opened_at = '2001-01-01', due_at = '2001-01-01'"
ENDED = "UPDATE jurat_reviews SET decided_at = '8999-01-01'"
OF_BAD = "SELECT kind FROM jurat_requests WHERE participant = 'bad' ORDER BY applied_at"


@pytest.fixture
def desk(postgresql_url: str) -> Iterator[Desk]:
    """One is in review."""
    desk = Desk(postgresql_url)
    desk.settle(desk.held("doubtful", "profession"), NUMBER_TAKEN)
    yield desk
    desk.close()


@pytest.fixture
def logins(desk: Desk) -> Iterator[Logins]:
    with Logins(desk.url) as logins:
        yield logins


def run(logins: Logins, role: DatabaseRole, *statements: str) -> None:
    with logins.connection(role) as connection:
        assert refusal(connection, ";\n".join(("BEGIN", *statements, "COMMIT"))) is None


def ask(desk: Desk, kind: RequestKind, participant: str) -> None:
    Requests(desk.engine).do(Request(uuid7(), kind, ADMIN, consultation="budget", participant=participant))


@pytest.mark.parametrize("role", [DatabaseRole.WORKER, DatabaseRole.REVIEWER])
def test_nothing_brings_the_end_of_an_open_review_nearer(desk: Desk, logins: Logins, role: DatabaseRole) -> None:
    (before,) = desk.sql(REVIEW)
    for change in (
        "due_at = now()",
        "due_at = opened_at",
        "opened_at = '2001-01-01'",
        "opened_at = now(), due_at = now()",
    ):
        run(logins, role, f"UPDATE jurat_reviews SET {change}")
    assert desk.sql(REVIEW) == [before]
    assert desk.upkeep.end_reviews() == 0
    run(logins, role, "UPDATE jurat_reviews SET due_at = due_at + interval '1 day'")
    assert desk.sql(REVIEW) == [(before[0], before[1] + timedelta(days=1), None)]


@pytest.mark.parametrize("role", [DatabaseRole.WORKER, DatabaseRole.REVIEWER])
def test_a_review_that_is_opened_lasts_an_hour_at_least(desk: Desk, logins: Logins, role: DatabaseRole) -> None:
    run(logins, role, "UPDATE jurat_reviews SET decided_at = now()", REOPENED)
    ((opened, due, decided),) = desk.sql(REVIEW)
    assert (due - opened, decided) == (timedelta(hours=1), None)
    assert desk.one("SELECT opened_at > NOW(-60) FROM jurat_reviews")


@pytest.mark.parametrize("role", [DatabaseRole.WORKER, DatabaseRole.REVIEWER, DatabaseRole.ADMIN])
def test_a_review_ends_once_and_now(desk: Desk, logins: Logins, role: DatabaseRole) -> None:
    run(logins, role, ENDED)
    before = desk.sql(REVIEW)
    assert desk.one("SELECT decided_at BETWEEN NOW(-60) AND NOW FROM jurat_reviews")
    run(logins, role, ENDED)
    assert desk.sql(REVIEW) == before


def test_a_revocation_that_is_done_in_the_past_counts(desk: Desk, logins: Logins) -> None:
    """Before the end of an earlier one, it would be over as soon as it is done."""
    desk.look_up(desk.held("bad"), REFUSED)
    ask(desk, RequestKind.REVOKE, "bad")
    ask(desk, RequestKind.RESTORE, "bad")
    run(logins, DatabaseRole.REVIEWER, "SELECT jurat_revoke('budget', 'bad', 'a clerk')")
    run(logins, DatabaseRole.WORKER, "UPDATE jurat_requests SET applied_at = '2001-01-01' WHERE applied_at IS NULL")
    with desk.engine.begin() as connection:
        AccessRows().add_up(connection, {("budget", "bad")})
    assert desk.access("bad") == "blocked"
    assert desk.sql(OF_BAD) == [("revoke",), ("restore",), ("revoke",)]


def test_an_erasure_is_not_asked_for_before_there_was_anything_to_erase(desk: Desk, logins: Logins) -> None:
    run(
        logins,
        DatabaseRole.ADMIN,
        "INSERT INTO jurat_requests (id, kind, by_whom, consultation, participant, asked_at)"
        f" VALUES ('{STRANGER}', 'erase', 'x', 'budget', 'doubtful', '2001-01-01')",
    )
    assert desk.one("SELECT asked_at > NOW(-60) FROM jurat_requests")
    by_word = f"UPDATE jurat_requests SET participant = 'erased-1', applied_at = now() WHERE id = '{STRANGER}'"
    with logins.connection(DatabaseRole.ADMIN) as connection:
        assert refusal(connection, by_word) == "23000"


def gone(desk: Desk, *kinds: RequestKind) -> None:
    """Nothing is left of bad but these requests."""
    desk.look_up(desk.held("bad"), REFUSED)
    for kind in kinds:
        ask(desk, kind, "bad")
    let_be_over(desk, "check_id IN (SELECT id FROM jurat_checks WHERE participant = 'bad')")
    desk.upkeep.purge()
    desk.sql("DELETE FROM jurat_access WHERE participant = 'bad'")


DELETED = "DELETE FROM jurat_requests WHERE kind = '{}'"
ALL_DELETED = "DELETE FROM jurat_requests WHERE kind IN ('revoke', 'restore')"


def left(desk: Desk) -> list[Any]:
    return [row[0] for row in desk.sql(OF_BAD)]


def test_a_revocation_in_force_stays_no_matter_who_deletes_it(desk: Desk, logins: Logins) -> None:
    gone(desk, RequestKind.REVOKE, RequestKind.RESTORE, RequestKind.REVOKE)
    run(
        logins,
        DatabaseRole.WORKER,
        "DELETE FROM jurat_requests WHERE applied_at = (SELECT max(applied_at) FROM jurat_requests)",
    )
    assert left(desk) == ["revoke", "restore", "revoke"]


def test_the_end_of_a_revocation_stays_as_long_as_that_one(desk: Desk, logins: Logins) -> None:
    gone(desk, RequestKind.REVOKE, RequestKind.RESTORE)
    run(logins, DatabaseRole.WORKER, DELETED.format("restore"))
    assert left(desk) == ["revoke", "restore"]
    run(logins, DatabaseRole.WORKER, DELETED.format("revoke"))
    run(logins, DatabaseRole.WORKER, DELETED.format("restore"))
    assert left(desk) == []


def test_a_worker_of_before_that_deletes_both_at_once_goes_on(desk: Desk, logins: Logins) -> None:
    gone(desk, RequestKind.REVOKE, RequestKind.RESTORE)
    for _ in range(2):
        run(logins, DatabaseRole.WORKER, ALL_DELETED)
    assert left(desk) == []
