"""Who may ask for what: each kind of request by each role, by plain INSERT and by function, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from jurat.ids import uuid7
from jurat.vocabulary import Outcome, Reason
from store.requests.request_rows import RequestKind
from store.schema.grants import ASKS, DatabaseRole, asking_for, rights_of
from tasks.checks import Review, Settle
from tests.migrations.test_role_attacks import KEY, SEALED
from tests.rigs.logins import Logins, plain
from tests.store.desk import DOCUMENT, Desk

REFUSED = "42501"
WHO = {"consultation": "budget", "participant": "p-1"}
FOUR_EYES = {**DOCUMENT["consultations"]["budget"], "four_eyes": True}


@dataclass(frozen=True)
class Office:
    """A database with a check in review and a settled one, and its users."""

    desk: Desk
    logins: Logins
    in_review: UUID
    settled: UUID

    def asked(self, kind: RequestKind) -> dict[str, Any]:
        """All that a request of this kind has, but who asks."""
        given: dict[RequestKind, dict[str, Any]] = {
            RequestKind.CONTEST: {"check_id": self.settled, "note": SEALED, "note_key": KEY},
            RequestKind.DECIDE: {"check_id": self.in_review, "reason": "person_accepted"},
            RequestKind.OPEN: {"check_id": self.settled},
            RequestKind.REOPEN: {**WHO, "question": "residence"},
            RequestKind.REVOKE: WHO,
            RequestKind.RESTORE: WHO,
            RequestKind.TRANSFER: {**WHO, "target": "p-9"},
            RequestKind.ERASE: WHO,
            RequestKind.CODES: {"code_list": "spring", "note": SEALED, "note_key": KEY},
        }
        return given[kind]

    def insert(self, by: psycopg.Connection[Any], kind: str, **given: Any) -> str:
        """Store a request, as it is documented; the SQLSTATE with which that is refused, "" where it is stored."""
        row = {"id": uuid7(), "kind": kind, "by_whom": "a clerk", "asked_at": "2026-01-02 03:04:05Z", **given}
        columns, values = sql.SQL(", ").join(map(sql.Identifier, row)), sql.SQL(", ").join(sql.Placeholder() * len(row))
        statement = sql.SQL("INSERT INTO jurat_requests ({}) VALUES ({})").format(columns, values)
        return said(by, statement, list(row.values()))

    def call(self, by: psycopg.Connection[Any], kind: RequestKind) -> str:
        """The same by the function of the kind."""
        given = self.asked(kind)
        if kind is RequestKind.CODES:
            given = {"code_list": "spring", "codes": SEALED, "codes_key": KEY}
        if kind not in (RequestKind.CONTEST, RequestKind.ERASE):
            given = {**given, "by_whom": "a clerk"}
        named = sql.SQL(", ").join(
            sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder()) for name in given
        )
        statement = sql.SQL("SELECT {}({})").format(sql.Identifier(ASKS[kind]), named)
        return said(by, statement, list(given.values()))

    def count(self) -> int:
        return int(self.desk.one("SELECT count(*) FROM jurat_requests"))


def said(by: psycopg.Connection[Any], statement: sql.Composed, values: list[Any]) -> str:
    try:
        by.execute(statement, values)
    except psycopg.Error as error:
        return error.sqlstate or "?"
    return ""


@pytest.fixture
def office(postgresql_url: str) -> Iterator[Office]:
    desk = Desk(postgresql_url, {**DOCUMENT, "consultations": {"budget": FOUR_EYES}})
    in_review, settled = desk.held("p-1"), desk.held("p-2")
    desk.settle(in_review, Review(Reason.NUMBER_TAKEN, 3600.0, {}))
    desk.settle(settled, Settle(Outcome.REFUSED, Reason.STATUS_INACTIVE))
    with Logins(postgresql_url) as logins:
        yield Office(desk, logins, in_review.id, settled.id)
    desk.close()


def test_each_kind_has_the_function_that_asks_for_it() -> None:
    assert set(ASKS) == set(RequestKind)


def test_each_kind_is_asked_for_by_who_may_call_its_function_and_by_nobody_else(office: Office) -> None:
    wrong = []
    for role in DatabaseRole:
        stores = "INSERT" in rights_of(role, "jurat_requests")
        with office.logins.connection(role) as by:
            for kind in RequestKind:
                allowed = role in asking_for(kind)
                before = office.count()
                if (told := office.call(by, kind)) != ("" if allowed else REFUSED):
                    wrong.append((role, kind, "function", told))
                if (told := office.insert(by, kind, **office.asked(kind))) != ("" if allowed and stores else REFUSED):
                    wrong.append((role, kind, "INSERT", told))
                # Without what this role may not write: so nothing but the rule about kinds stands in the way.
                if not allowed and (told := office.insert(by, kind)) != REFUSED:
                    wrong.append((role, kind, "INSERT of the least", told))
                if office.count() != before + allowed + (allowed and stores):
                    wrong.append((role, kind, "rows", str(office.count() - before)))
    assert wrong == []


@pytest.mark.parametrize("role", DatabaseRole)
def test_a_kind_that_is_not_known_is_for_no_role_to_ask(office: Office, role: DatabaseRole) -> None:
    with office.logins.connection(role) as by:
        for kind in ("review", "DECIDE", "decide ", ""):
            assert office.insert(by, kind) == REFUSED


def test_an_administrator_decides_no_review_in_two_names(office: Office) -> None:
    with office.logins.connection(DatabaseRole.ADMIN) as admin:
        for name in ("alice", "bob"):
            assert office.insert(admin, "decide", **office.asked(RequestKind.DECIDE), by_whom=name) == REFUSED
    assert office.desk.upkeep.do_requests() == 0
    assert office.desk.verdicts(office.in_review) == []
    assert office.desk.row(office.in_review, "state") == "review"


def test_who_has_two_roles_may_what_either_may(office: Office) -> None:
    url = office.logins.url(DatabaseRole.ADMIN, options="IN ROLE jurat_reviewer")
    with plain(url) as both:
        for kind in (RequestKind.DECIDE, RequestKind.ERASE):
            assert office.insert(both, kind, **office.asked(kind)) == ""
        assert office.insert(both, RequestKind.CONTEST) == REFUSED
        both.execute("SET ROLE jurat_admin")
        assert office.insert(both, RequestKind.DECIDE) == REFUSED, "by the role that was taken on, and no other"
        assert office.insert(both, RequestKind.ERASE, participant="p-1") == ""


def test_who_does_not_inherit_asks_by_the_role_that_was_taken_on(office: Office) -> None:
    with plain(office.logins.url(DatabaseRole.REVIEWER, options="NOINHERIT")) as by:
        assert office.insert(by, RequestKind.DECIDE) == REFUSED
        by.execute("SET ROLE jurat_reviewer")
        assert office.insert(by, RequestKind.DECIDE, **office.asked(RequestKind.DECIDE)) == ""
        assert office.insert(by, RequestKind.ERASE) == REFUSED


def test_the_owner_may_ask_for_anything(office: Office) -> None:
    with plain(office.desk.url) as owner:
        for kind in RequestKind:
            assert office.insert(owner, kind, **office.asked(kind)) == "", kind
        assert office.insert(owner, "review") == "", "a kind of a later version"


def test_a_right_that_is_taken_from_a_function_is_gone_for_the_insert_too(office: Office) -> None:
    with plain(office.desk.url) as owner:
        owner.execute("REVOKE EXECUTE ON FUNCTION jurat_revoke FROM jurat_reviewer")
    with office.logins.connection(DatabaseRole.REVIEWER) as reviewer:
        assert office.insert(reviewer, RequestKind.REVOKE, **WHO) == REFUSED
        assert office.insert(reviewer, RequestKind.RESTORE, **WHO) == ""


CHANGES = (
    "kind = 'decide'",
    "by_whom = 'bob'",
    "reason = 'person_accepted'",
    "check_id = (SELECT id FROM jurat_checks LIMIT 1)",
    "consultation = 'other'",
    "question = 'code'",
    "asked_at = now()",
    "code_list = 'other'",
    "expires_at = now()",
    "id = gen_random_uuid()",
)


@pytest.mark.parametrize("role", DatabaseRole)
def test_no_role_makes_another_request_of_one_that_is_stored(office: Office, role: DatabaseRole) -> None:
    with plain(office.desk.url) as owner:
        for kind in RequestKind:
            assert office.insert(owner, kind, **office.asked(kind)) == ""
    before = office.desk.sql("SELECT * FROM jurat_requests ORDER BY id")
    with office.logins.connection(role) as by:
        for change in CHANGES:
            assert said(by, sql.SQL("UPDATE jurat_requests SET ").format() + sql.SQL(change), []) in ("42501", "23000")
    assert office.desk.sql("SELECT * FROM jurat_requests ORDER BY id") == before


BY_WORD = "23000"


def marked(office: Office, change: str) -> Iterator[tuple[RequestKind, DatabaseRole, str]]:
    """How a request of each kind is changed by each role: the kind, the role, and what the database said."""
    with plain(office.desk.url) as owner:
        for kind in RequestKind:
            for role in DatabaseRole:
                assert office.insert(owner, kind, **{**office.asked(kind), "by_whom": role}) == ""
    marks = sql.SQL("UPDATE jurat_requests SET ").format() + sql.SQL(change)
    for role in DatabaseRole:
        with office.logins.connection(role) as by:
            for kind in RequestKind:
                waits = "SELECT id FROM jurat_requests WHERE kind = :kind AND by_whom = :role"
                where = sql.SQL(" WHERE id = {}").format(sql.Literal(office.desk.one(waits, kind=kind, role=role)))
                yield kind, role, said(by, marks + where, [])


def may_mark(kind: RequestKind, role: DatabaseRole) -> bool:
    return role is DatabaseRole.WORKER or (
        role in asking_for(kind) and role in (DatabaseRole.REVIEWER, DatabaseRole.ADMIN)
    )


def test_only_a_worker_and_who_may_ask_for_it_says_that_a_request_is_done(office: Office) -> None:
    for kind, role, told in marked(office, "applied_at = now()"):
        # These take the participant along: a guard refuses one that is done by word alone.
        done = BY_WORD if kind in (RequestKind.ERASE, RequestKind.TRANSFER) else ""
        assert told == (done if may_mark(kind, role) else REFUSED), (kind, role)


def test_nor_does_anybody_else_refuse_what_waits(office: Office) -> None:
    for kind, role, told in marked(office, "applied_at = now(), refused = 'x'"):
        assert told == ("" if may_mark(kind, role) else REFUSED), (kind, role)


def test_an_administrator_lifts_no_revocation(office: Office) -> None:
    """By renaming it: to the word for who was erased, and by a transfer that waits."""
    with office.logins.connection(DatabaseRole.REVIEWER) as reviewer:
        assert office.insert(reviewer, RequestKind.REVOKE, consultation="budget", participant="p-2") == ""
    office.desk.upkeep.do_requests()
    with office.logins.connection(DatabaseRole.ADMIN) as admin:
        assert office.insert(admin, RequestKind.TRANSFER, consultation="budget", participant="p-2", target="p-9") == ""
        for name in ("erased-0", "p-9"):
            renaming = sql.SQL("UPDATE jurat_requests SET participant = {} WHERE kind = 'revoke'")
            assert said(admin, renaming.format(sql.Literal(name)), []) == REFUSED


LATER = "now() + interval '{}'"


def waiting(office: Office, by: psycopg.Connection[Any], kind: str, moment: str) -> str:
    """Ask for something that is done from that moment on; what the database said."""
    row = {"id": uuid7(), "kind": kind, "by_whom": "a clerk", **office.asked(RequestKind(kind))}
    columns, values = sql.SQL(", ").join(map(sql.Identifier, row)), sql.SQL(", ").join(sql.Placeholder() * len(row))
    insert = "INSERT INTO jurat_requests ({}, asked_at, apply_from) VALUES ({}, now(), CAST({} AS timestamptz))"
    return said(by, sql.SQL(insert).format(columns, values, sql.Literal(moment)), list(row.values()))


def test_a_reviewer_has_a_decision_wait_for_two_minutes_and_nothing_else(office: Office) -> None:
    minutes = {"1 minute": "", "3 minutes": "23000", "100 years": "23000"}
    with office.logins.connection(DatabaseRole.REVIEWER) as reviewer:
        for interval, told in minutes.items():
            moment = office.desk.one(f"SELECT CAST({LATER.format(interval)} AS text)")
            assert waiting(office, reviewer, "decide", moment) == told
        for moment in ("infinity", "9999-01-01"):
            assert waiting(office, reviewer, "decide", moment) == "23000"
        for kind in ("open", "reopen", "revoke", "restore"):
            assert waiting(office, reviewer, kind, "now") == "23000", kind
        assert said(reviewer, sql.SQL("UPDATE jurat_requests SET apply_from = now()").format(), []) == REFUSED


def test_a_decision_that_waits_is_taken_back_by_its_own_login_alone(office: Office) -> None:
    mark = sql.SQL("UPDATE jurat_requests SET applied_at = now(){} WHERE applied_at IS NULL")
    taken_back, done = mark.format(sql.SQL(", refused = 'x'")), mark.format(sql.SQL(""))
    moment = office.desk.one(f"SELECT CAST({LATER.format('1 minute')} AS text)")
    other = plain(office.logins.url(DatabaseRole.REVIEWER, options="CONNECTION LIMIT 5"))
    with office.logins.connection(DatabaseRole.REVIEWER) as reviewer, other as another:
        assert waiting(office, reviewer, "decide", moment) == ""
        for role in set(DatabaseRole) - {DatabaseRole.REVIEWER, DatabaseRole.WORKER}:
            with office.logins.connection(role) as by:
                assert said(by, taken_back, []) == REFUSED, role
        assert said(another, taken_back, []) == said(another, done, []) == REFUSED
        assert said(reviewer, taken_back, []) == ""
    assert office.desk.one("SELECT refused FROM jurat_requests") == "x"
