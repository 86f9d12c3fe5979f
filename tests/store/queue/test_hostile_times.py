"""Times in a check that no one can read: the database lets none in, and one that is there stops no other check."""

from __future__ import annotations

from itertools import product

import pytest

from jurat.ids import uuid7
from jurat.seal import key_id
from jurat.vocabulary import Outcome, Reason
from tasks.checks import Settle
from tasks.rules.decision import decide_without_look_up
from tests.store.desk import PUBLIC_KEY, Desk, entry

COLUMNS = ("submitted_at", "due_at", "deadline_at")
ON_POSTGRESQL = ("infinity", "-infinity", "0001-01-01 00:00:00 BC", "20000-01-01", "1700-01-01")
ON_SQLITE = (
    *("0000-00-00 00:00:00.000", "xxxx-xx-xx xx:xx:xx.xxx", "9999-99-99 99:99:99.999", "0000-01-01 00:00:00.000"),
    "2026-02-31 00:00:00.000",
)


def insert(desk: Desk, column: str, time: str) -> None:
    """The documented INSERT, due now and with an hour's time, but for one column."""
    values = {"submitted_at": "NOW", "due_at": "NOW", "deadline_at": "NOW(3600)"} | {column: f"'{time}'"}
    desk.sql(
        "INSERT INTO jurat_checks (id, consultation, participant, question, answer, answer_key, source, "
        f"{', '.join(values)}) VALUES ('{uuid7()}', 'budget', 'p-bad', 'residence', 'x', '{key_id(PUBLIC_KEY)}', "
        f"'towns', {', '.join(values.values())})"
    )


def unguarded(desk: Desk) -> None:
    """As before the database looked at times."""
    if desk.postgresql:
        desk.sql("ALTER TABLE jurat_checks DISABLE TRIGGER jurat_checks_timed")
    else:
        desk.sql("DROP TRIGGER jurat_checks_timed")


def guarded(desk: Desk) -> None:
    if desk.postgresql:
        desk.sql("ALTER TABLE jurat_checks ENABLE ALWAYS TRIGGER jurat_checks_timed")


@pytest.mark.parametrize(("column", "time"), list(product(COLUMNS, ON_POSTGRESQL)))
def test_postgresql_puts_one_in_its_place_that_can_be_read(postgresql: Desk, column: str, time: str) -> None:
    insert(postgresql, column, time)
    ahead = 3600 if column == "deadline_at" else 0
    off = f"abs(extract(epoch FROM {column} - statement_timestamp()) - {ahead})"
    assert postgresql.one(f"SELECT {off} < 60 FROM jurat_checks")
    assert [held.sealed for held in postgresql.claim()] == [b"x"]


@pytest.mark.parametrize(("column", "time"), list(product(COLUMNS, ON_SQLITE)))
def test_sqlite_refuses_it(sqlite: Desk, column: str, time: str) -> None:
    with pytest.raises(Exception, match="jurat: times are UTC"):
        insert(sqlite, column, time)
    assert sqlite.one("SELECT count(*) FROM jurat_checks") == 0


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("number", range(4))
def test_one_that_is_there_stops_no_other_check_and_ends_undetermined(desk: Desk, column: str, number: int) -> None:
    """Not at once where it looks as if it were due much later; then by its deadline."""
    time = (ON_POSTGRESQL if desk.postgresql else ON_SQLITE)[number]
    unguarded(desk)
    try:
        insert(desk, column, time)
        good = desk.submit("p-good")
        desk.upkeep.count_waiting()
        claimed = {held.participant: held for held in desk.claim()}
        assert claimed["p-good"].id == good.id
        assert desk.claims.claim_overdue(10, {}) == []
        if not (bad := claimed.get("p-bad")):
            desk.sql("UPDATE jurat_checks SET deadline_at = NOW(-1) WHERE participant = 'p-bad'")
            (bad,) = desk.claims.claim_overdue(10, {})
        verdict = decide_without_look_up(bad, desk.configuration.questions["budget", "residence"])
        assert verdict == Settle(Outcome.UNDETERMINED, Reason.ANSWER_UNREADABLE)
        assert len(desk.write(entry(bad, verdict)).done) == 1
        assert desk.queries.sources()
    finally:
        guarded(desk)


@pytest.mark.parametrize("time", ["-infinity", "0001-01-01 00:00:00 BC"])
def test_nor_does_one_whose_deadline_has_passed_at_a_source_that_stands_still(postgresql: Desk, time: str) -> None:
    unguarded(postgresql)
    try:
        insert(postgresql, "deadline_at", time)
        postgresql.sources.pause("towns", 3600, "for a while")
        assert [held.sealed for held in postgresql.claims.claim_overdue(10, {})] == [None]
    finally:
        guarded(postgresql)
