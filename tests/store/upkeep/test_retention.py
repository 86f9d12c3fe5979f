"""A verdict without a time gets one from its consultation, once, and with a month's notice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from jurat.vocabulary import Reason
from store.upkeep import retention
from store.upkeep.retention import NOTICE, Retention
from store.upkeep.upkeep import Upkeep
from store.verdicts.access import AccessRows
from tasks.checks import Review
from tests.store.desk import ACCEPTED, DOCUMENT, REFUSED, Desk, entry
from tests.store.passing import let_be_over, let_pass
from tests.store.reviews import ReviewDecisions

DAY = 86_400.0
QUESTIONS = {"residence": DOCUMENT["consultations"]["budget"]["questions"]["residence"]}


ELSEWHERE = {**DOCUMENT, "consultations": {"survey": {"questions": QUESTIONS}}}
"""A configuration that no longer has the consultation."""


def keeping(retain: str | None = None) -> Mapping[str, Any]:
    """A configuration in which the consultation `budget` has this `retain`, or none."""
    budget = {"questions": QUESTIONS, **({"retain": retain} if retain else {})}
    return {**DOCUMENT, "consultations": {"budget": budget}}


@pytest.fixture
def town(desk: Desk) -> Desk:
    desk.apply(keeping(), force=True)
    return desk


def settled(desk: Desk, *participants: str) -> list[UUID]:
    """Checks with a verdict that has no time, as a worker of 0.3.0 writes it."""
    held = [desk.held(participant) for participant in participants]
    desk.write(*(entry(each, REFUSED) for each in held))
    return [each.id for each in held]


def days(desk: Desk, check: UUID) -> float | None:
    """How many days a check's verdict is still kept; None is forever."""
    until = "extract(epoch FROM retain_until)" if desk.postgresql else "(julianday(retain_until) - 2440587.5) * 86400.0"
    now = "extract(epoch FROM statement_timestamp())" if desk.postgresql else "unixepoch('now', 'subsec')"
    found = desk.one(f"SELECT {until} - {now} FROM jurat_verdicts WHERE check_id = :id", id=desk.id(check))
    return None if found is None else round(float(found) / DAY, 2)


def test_by_default_a_verdict_is_kept_for_two_years_and_its_time_is_set_a_month_before(town: Desk) -> None:
    (check,) = settled(town, "p-1")
    let_pass(town, 699)
    assert Retention(town.engine, AccessRows()).limit() == 0
    assert days(town, check) is None
    let_pass(town, 1)
    assert town.upkeep.limit_retention() == 1
    assert days(town, check) == NOTICE / DAY == 30
    assert town.upkeep.limit_retention() == 0


def test_a_time_that_is_said_later_counts_from_the_decision_with_a_months_notice(town: Desk) -> None:
    town.apply(keeping("forever"))
    (old,) = settled(town, "p-1")
    let_pass(town, 800)
    (new,) = settled(town, "p-2")
    assert town.upkeep.limit_retention() == 0
    town.apply(keeping("320d"))
    assert town.upkeep.limit_retention() == 1
    assert (days(town, old), days(town, new)) == (30, None)
    town.apply(keeping("forever"))
    let_pass(town, 800)
    assert town.upkeep.limit_retention() == 0
    assert (days(town, old), days(town, new)) == (30, None), "what was written stays, all else may be kept after all"
    town.apply(keeping("1h"))
    assert town.upkeep.limit_retention() == 1
    assert days(town, new) == 30


def test_what_is_not_configured_any_more_is_kept_as_it_was_decided(town: Desk) -> None:
    version = town.apply(keeping("200d"))
    held = town.held("p-1")
    town.write(entry(held, REFUSED, config_version=version))
    forever = town.apply(keeping("forever"))
    stays = town.held("p-2")
    town.write(entry(stays, REFUSED, config_version=forever))
    town.apply(ELSEWHERE)
    let_pass(town, 1000)
    assert town.upkeep.limit_retention() == 1
    assert (days(town, held.id), days(town, stays.id)) == (30, None)


def test_a_configuration_of_a_later_release_sets_no_time(town: Desk) -> None:
    town.apply(keeping("1h"))
    (check,) = settled(town, "p-1")
    town.sql(
        "INSERT INTO jurat_configs (version, digest, document, applied_by, applied_at) "
        "SELECT max(version) + 1, 'x', '{\"later\": 1}', 'a later release', NOW(0) FROM jurat_configs"
    )
    assert town.upkeep.limit_retention() == 0
    assert days(town, check) is None


def test_a_configuration_that_cannot_be_read_deletes_nothing(town: Desk) -> None:
    held = town.held("p-1")
    town.write(entry(held, REFUSED, config_version=999))
    town.apply(ELSEWHERE)
    let_pass(town, 1000)
    assert town.upkeep.limit_retention() == 0
    assert days(town, held.id) is None


def test_many_are_done_in_short_transactions_and_a_later_turn_goes_on(
    town: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.apply(keeping("1h"))
    monkeypatch.setattr(retention, "LOOKED", 4)
    monkeypatch.setattr(retention, "TURN_S", -1.0)
    settled(town, *(f"p-{n}" for n in range(11)))
    job = Retention(town.engine, AccessRows())
    assert [job.limit() for _ in range(4)] == [4, 4, 3, 0]


def test_all_are_looked_at_again_after_a_day_or_a_new_configuration(town: Desk) -> None:
    now = [0.0]
    town.apply(keeping("10d"))
    job = Retention(town.engine, AccessRows(), lambda: now[0])
    settled(town, "p-1")
    assert job.limit() == 1
    settled(town, "p-2")
    assert job.limit() == 0
    town.apply(keeping("20d"))
    assert job.limit() == 1
    settled(town, "p-3")
    assert job.limit() == 0
    now[0] += retention.AGAIN
    assert job.limit() == 1


def test_a_verdict_that_the_database_keeps_does_not_hold_up_the_others(town: Desk) -> None:
    town.apply(keeping("1h"))
    first, second = settled(town, "p-1", "p-2")
    refuse = (
        f"""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
        CREATE TRIGGER refuse BEFORE UPDATE ON jurat_verdicts FOR EACH ROW WHEN (OLD.check_id = '{first}')
        EXECUTE FUNCTION refuse()"""
        if town.postgresql
        else f"""
        CREATE TRIGGER refuse BEFORE UPDATE ON jurat_verdicts WHEN OLD.check_id = '{first}'
        BEGIN SELECT RAISE(ABORT, 'no'); END"""
    )
    with town.engine.begin() as connection:
        connection.execute(text(refuse))
    with pytest.raises(Exception, match="no"):
        town.upkeep.limit_retention()
    assert (days(town, first), days(town, second)) == (None, 30)


def test_default_retention_takes_no_access_and_what_it_takes_is_open_again(town: Desk) -> None:
    for participant, decision in (("p-1", ACCEPTED), ("p-2", REFUSED)):
        town.write(entry(town.held(participant), decision))
    assert (town.access("p-1"), town.access("p-2")) == ("granted", "blocked")
    let_pass(town, 700)
    assert town.upkeep.limit_retention() == 2
    town.upkeep.purge()
    assert (town.access("p-1"), town.access("p-2")) == ("granted", "blocked")
    let_be_over(town)
    assert town.upkeep.purge() == 1
    assert town.access("p-1") == "granted"
    assert town.one("SELECT count(*) FROM jurat_access WHERE participant = 'p-2'") == 0


def test_a_turn_is_taken_only_while_there_is_something_to_limit(town: Desk) -> None:
    assert town.upkeep.turns({"retention": 0.0}) == set()
    town.apply(keeping("1h"))
    settled(town, "p-1")
    assert town.upkeep.turns({"retention": 0.0}) == {"retention"}
    town.upkeep.limit_retention()
    assert town.upkeep.turns({"retention": 0.0}) == set()


def test_the_evidence_that_an_earlier_release_leaves_with_an_ended_review_goes(desk: Desk) -> None:
    ended, open_still = desk.held("p-1", "profession"), desk.held("p-2", "profession")
    for each in (ended, open_still):
        desk.settle(each, Review(Reason.NEAR_BORDER, 3600, {"distance_m": 10}))
    ReviewDecisions(desk.engine).decide(ended.id, Reason.PERSON_REFUSED, "a clerk")
    desk.sql("UPDATE jurat_reviews SET evidence = :found WHERE decided_at IS NOT NULL", found='{"distance_m": 10}')
    assert desk.upkeep.turns({"retention": 0.0}) == {"retention"}
    Upkeep(desk.engine).limit_retention()
    rows = dict(desk.sql("SELECT check_id, CAST(evidence AS text) FROM jurat_reviews"))
    by_check = {str(check): evidence for check, evidence in rows.items()}
    assert (by_check[str(ended.id)], "distance_m" in by_check[str(open_still.id)]) == ("{}", True)
