"""What is past its time goes participant by participant, and what an access rests on stays."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from jurat.database import open_engine
from store.requests.request_rows import RequestKind
from store.requests.request_runner import Requests
from store.upkeep import purge
from tasks.checks import Decision
from tests.store.desk import ACCEPTED, DOCUMENT, REFUSED, Desk, claiming, entry, listening
from tests.store.passing import let_pass, unguarded
from tests.store.requests.asked import asking

ONE = {"questions": {"residence": DOCUMENT["consultations"]["budget"]["questions"]["residence"]}}


@pytest.fixture
def few(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """One question alone grants access; few verdicts are looked at in a transaction."""
    desk.apply({**DOCUMENT, "consultations": {"budget": ONE}})
    for name, value in (("BATCH", 2), ("LOOKED", 4)):
        monkeypatch.setattr(purge, name, value)
    return desk


def settle(desk: Desk, decision: Decision, *participants: str) -> None:
    for participant in participants:
        desk.write(entry(desk.held(participant), decision, retain=-1.0))


def left(desk: Desk) -> list[str]:
    return [row[0] for row in desk.sql("SELECT participant FROM jurat_checks ORDER BY participant")]


def test_a_purge_goes_on_in_short_transactions_until_nothing_is_left(few: Desk) -> None:
    settle(few, REFUSED, *(f"p-{n:02}" for n in range(25)))
    pieces = list(few.upkeep.purge_pieces())
    assert (sum(pieces), max(pieces)) == (25, 2)
    assert left(few) == []
    assert few.one("SELECT count(*) FROM jurat_access") == 0
    assert few.upkeep.purge() == 0


def test_between_two_pieces_nothing_is_held(few: Desk) -> None:
    settle(few, REFUSED, *(f"p-{n:02}" for n in range(8)))
    pieces = few.upkeep.purge_pieces()
    assert next(pieces) == 2
    other = open_engine(few.url)
    with other.begin() as connection:  # on SQLite it would wait for a writer, and fail
        connection.execute(text("UPDATE jurat_checks SET due_at = due_at"))
    other.dispose()
    assert sum(pieces) == 6


def test_whoever_purges_keeps_the_turn_and_another_takes_over_when_they_vanish(few: Desk) -> None:
    assert few.upkeep.turns({"purge": 600.0}) == {"purge"}
    settle(few, REFUSED, "p-1", "p-2", "p-3", "p-4")
    pieces = few.upkeep.purge_pieces()
    for _ in range(2):
        few.sql("UPDATE jurat_upkeep SET ran_at = NOW(-599) WHERE task = 'purge'")
        assert next(pieces) == 2
        assert few.one("SELECT count(*) FROM jurat_upkeep WHERE task = 'purge' AND ran_at > NOW(-60)") == 1
    settle(few, REFUSED, "p-5")
    del pieces  # as a worker that was killed
    few.sql("UPDATE jurat_upkeep SET ran_at = NOW(-601) WHERE task = 'purge'")
    assert few.upkeep.turns({"purge": 600.0}) == {"purge"}
    few.upkeep.purge()
    assert left(few) == []


def test_verdicts_that_granted_access_do_not_stand_in_the_way_of_later_ones(few: Desk) -> None:
    granted = [f"g-{n:02}" for n in range(14)]
    settle(few, ACCEPTED, *granted)
    settle(few, REFUSED, "p-1", "p-2", "p-3")
    assert few.upkeep.purge() == 3
    assert left(few) == granted
    few.sql("UPDATE jurat_access SET granted_until = NOW(-1) WHERE participant = 'g-00'")
    assert few.upkeep.purge() == 1, "what came free behind is found when it begins again"
    assert left(few) == granted[1:]


def test_what_is_left_of_many_requests_goes_in_one_purge(few: Desk) -> None:
    settle(few, REFUSED, *(f"p-{n}" for n in range(7)))
    requests = Requests(few.engine)
    for number in range(7):
        requests.do(asking(RequestKind.REVOKE, f"p-{number}"))
        requests.do(asking(RequestKind.RESTORE, f"p-{number}"))
    let_pass(few, 31)
    few.upkeep.purge()
    assert few.one("SELECT count(*) FROM jurat_requests") == 0


def test_a_revocation_that_was_ended_does_not_outlive_its_end(few: Desk) -> None:
    settle(few, REFUSED, *(f"p-{n}" for n in range(5)))
    requests = Requests(few.engine)
    for number in range(5):
        requests.do(asking(RequestKind.REVOKE, f"p-{number}"))
        requests.do(asking(RequestKind.RESTORE, f"p-{number}"))
    let_pass(few, 31)
    with few.engine.begin() as connection, unguarded(connection):  # PostgreSQL reads them last now
        connection.execute(text("UPDATE jurat_requests SET refused = NULL WHERE kind = 'revoke'"))
    few.upkeep.purge()
    assert few.one("SELECT count(*) FROM jurat_requests WHERE kind = 'revoke'") == 0


def test_where_much_stays_more_is_looked_at_in_one_go(few: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "BATCH", 4)
    monkeypatch.setattr(purge, "LOOKED", 16)
    settle(few, ACCEPTED, *(f"g-{n:02}" for n in range(50)))
    with few.statements() as seen:
        assert few.upkeep.purge() == 0
    assert sum("looked AS MATERIALIZED" in statement for statement in seen) == 5, "of 4, 8, 16, 16 and what is left"


def test_many_verdicts_of_one_moment_are_told_apart(few: Desk) -> None:
    held = [few.held(f"p-{n}") for n in range(6)]
    few.write(*(entry(check, ACCEPTED, retain=-1.0) for check in held))
    settle(few, REFUSED, "q-1")
    assert few.upkeep.purge() == 1


def test_a_contest_that_comes_meanwhile_stops_no_purge_and_is_refused(postgresql: Desk) -> None:
    desk = postgresql
    held = [desk.held(f"p-{number}") for number in range(3)]
    desk.write(*(entry(each, REFUSED, retain=-1.0) for each in held))
    contested: list[UUID] = []

    def contest(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.lstrip().startswith("DELETE FROM jurat_verdicts") and not contested:
            with other.begin() as connection:
                contested.append(desk.client.contest(connection, held[1].id, note="wait", document="a paper"))

    other = open_engine(desk.url)
    with listening(desk.engine, "before_cursor_execute", contest):
        assert desk.upkeep.purge() == 3
    other.dispose()
    assert desk.upkeep.do_requests() == 1
    ((refused, document),) = desk.sql("SELECT refused, document FROM jurat_requests")
    assert (refused, document) == (f"there is no check {held[1].id}", None)
    let_pass(desk, 31)
    desk.upkeep.purge()
    assert desk.one("SELECT count(*) FROM jurat_requests") == 0


def test_the_number_of_who_was_revoked_is_nobody_elses_until_they_are_restored(desk: Desk) -> None:
    def accept(participant: str) -> None:
        claim = claiming("10000000017", desk.fingerprints)
        desk.write(entry(desk.held(participant, "profession"), claim, retain=-1.0))

    requests = Requests(desk.engine)
    accept("p-1")
    accept("p-2")
    assert desk.row(desk.one("SELECT id FROM jurat_checks WHERE participant = 'p-2'"), "state") == "review"
    requests.do(asking(RequestKind.REVOKE))
    assert desk.upkeep.purge() == 0
    accept("p-3")
    assert desk.one("SELECT count(*) FROM jurat_checks WHERE state = 'review'") == 2, "it is still held"
    requests.do(asking(RequestKind.RESTORE))
    assert desk.upkeep.purge() == 1
    accept("p-4")
    assert desk.verdicts(desk.one("SELECT id FROM jurat_checks WHERE participant = 'p-4'"))


def test_of_who_was_revoked_without_a_number_nothing_is_kept(desk: Desk) -> None:
    desk.write(entry(desk.held("p-1"), ACCEPTED, retain=-1.0))
    Requests(desk.engine).do(asking(RequestKind.REVOKE))
    assert desk.upkeep.purge() == 1
    assert desk.access("p-1") == "blocked"


def test_checks_of_a_participant_go_together(desk: Desk) -> None:
    desk.write(entry(desk.held("p-1"), REFUSED, retain=-1.0), entry(desk.held("p-1", "code"), retain=3600.0))
    assert desk.upkeep.purge() == 0
    desk.write(entry(desk.held("p-2"), REFUSED, retain=-1.0))
    waiting = desk.submit("p-2", "code")
    assert desk.upkeep.purge() == 0, "one is still on its way"
    desk.settle(next(held for held in desk.claim("spring") if held.id == waiting.id), retain=-1.0)
    assert desk.upkeep.purge() == 2
    assert left(desk) == ["p-1", "p-1"]


def test_whose_row_somebody_holds_is_left_for_another_turn(postgresql: Desk) -> None:
    settle(postgresql, REFUSED, "p-1", "p-2")
    with postgresql.engine.begin() as connection:
        connection.exec_driver_sql("SELECT 1 FROM jurat_access WHERE participant = 'p-1' FOR UPDATE")
        assert postgresql.upkeep.purge() == 1
    assert postgresql.upkeep.purge() == 1


def test_nothing_of_who_answers_at_this_moment_is_touched(postgresql: Desk) -> None:
    settle(postgresql, REFUSED, "p-1")
    with postgresql.engine.begin() as platform:
        postgresql.submit_on(platform, "p-1", "profession")
        with postgresql.statements() as seen:
            assert postgresql.upkeep.purge() == 0
    assert [statement for statement in seen if "DELETE FROM jurat_verdicts" in statement] == []
    assert postgresql.upkeep.purge() == 0, "their checks go together"


def test_what_a_consultation_that_is_asked_no_more_has_granted_goes(desk: Desk) -> None:
    desk.apply({**DOCUMENT, "consultations": {"budget": ONE}})
    settle(desk, ACCEPTED, "p-1")
    assert desk.upkeep.purge() == 0
    desk.apply({**DOCUMENT, "consultations": {"vote": ONE}})
    assert desk.upkeep.purge() == 1
    assert desk.one("SELECT count(*) FROM jurat_access") == 0
