"""What is past its time goes participant by participant, and what an access rests on stays."""

from __future__ import annotations

import pytest

from tasks.checks import Decision
from tasks.ledger import purging
from tests.tasks.desk import ACCEPTED, DOCUMENT, REFUSED, Desk, entry

ONE = {"questions": {"residence": DOCUMENT["consultations"]["budget"]["questions"]["residence"]}}


@pytest.fixture
def few(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """One question alone grants access; few verdicts are looked at in a transaction, and there are few of these."""
    desk.apply({**DOCUMENT, "consultations": {"budget": ONE}})
    for name, value in (("BATCH", 2), ("LOOKED", 4), ("BATCHES", 3)):
        monkeypatch.setattr(purging, name, value)
    return desk


def settle(desk: Desk, decision: Decision, *participants: str) -> None:
    for participant in participants:
        desk.write(entry(desk.held(participant), decision, retain=-1.0))


def left(desk: Desk) -> list[str]:
    return [row[0] for row in desk.sql("SELECT participant FROM jurat_checks ORDER BY participant")]


def test_a_turn_purges_batch_by_batch_to_its_bound(few: Desk) -> None:
    settle(few, REFUSED, *(f"p-{n}" for n in range(9)))
    assert [few.keeping.purge() for _ in range(3)] == [6, 3, 0]
    assert few.one("SELECT count(*) FROM jurat_access") == 0


def test_verdicts_that_granted_access_do_not_stand_in_the_way_of_later_ones(few: Desk) -> None:
    """A turn looks at twelve, and goes on behind them in the next."""
    granted = [f"g-{n:02}" for n in range(14)]
    settle(few, ACCEPTED, *granted)
    settle(few, REFUSED, "p-1", "p-2", "p-3")
    assert few.keeping.purge() == 0
    assert few.keeping.purge() == 3
    assert left(few) == granted
    few.sql("UPDATE jurat_access SET granted_until = NOW(-1) WHERE participant = 'g-00'")
    assert few.keeping.purge() + few.keeping.purge() == 1, "what came free behind is found when it begins again"
    assert left(few) == granted[1:]


def test_many_verdicts_of_one_moment_are_told_apart(few: Desk) -> None:
    held = [few.held(f"p-{n}") for n in range(6)]
    few.write(*(entry(check, ACCEPTED, retain=-1.0) for check in held))
    settle(few, REFUSED, "q-1")
    assert few.keeping.purge() == 1


def test_checks_of_a_participant_go_together(desk: Desk) -> None:
    desk.write(entry(desk.held("p-1"), REFUSED, retain=-1.0), entry(desk.held("p-1", "code"), retain=3600.0))
    assert desk.keeping.purge() == 0
    desk.write(entry(desk.held("p-2"), REFUSED, retain=-1.0))
    waiting = desk.submit("p-2", "code")
    assert desk.keeping.purge() == 0, "one is still on its way"
    desk.settle(next(held for held in desk.claim("spring") if held.id == waiting.id), retain=-1.0)
    assert desk.keeping.purge() == 2
    assert left(desk) == ["p-1", "p-1"]


def test_whose_row_somebody_holds_is_left_for_another_turn(postgresql: Desk) -> None:
    settle(postgresql, REFUSED, "p-1", "p-2")
    with postgresql.engine.begin() as connection:
        connection.exec_driver_sql("SELECT 1 FROM jurat_access WHERE participant = 'p-1' FOR UPDATE")
        assert postgresql.keeping.purge() == 1
    assert postgresql.keeping.purge() == 1


def test_what_a_consultation_that_is_asked_no_more_has_granted_goes(desk: Desk) -> None:
    desk.apply({**DOCUMENT, "consultations": {"budget": ONE}})
    settle(desk, ACCEPTED, "p-1")
    assert desk.keeping.purge() == 0
    desk.apply({**DOCUMENT, "consultations": {"vote": ONE}})
    assert desk.keeping.purge() == 1
    assert desk.one("SELECT count(*) FROM jurat_access") == 0
