"""A check that is submitted right after its consultation was published, to workers that do not know it yet."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from jurat.vocabulary import Reason
from tasks.check_runner import CheckRunner
from tasks.checks import CheckResult, ClaimedCheck, GiveBack, Later
from tests.store.desk import Desk, configuration
from tests.worker.engine.works import Handed, Works, soon
from worker.engine.in_flight import InFlight
from worker.engine.local_breaker import LocalBreaker
from worker.engine.lookup_queue import LookupQueue
from worker.engine.lookups import UNKNOWN_RETRY, LookupThread

SUMMER = {"questions": {"address": {"criterion": "lives-in"}}}


def publish(desk: Desk) -> None:
    with desk.engine.begin() as connection:
        desk.client.publish_consultation(connection, "summer", SUMMER, by="Iris")


def look_up(works: Works, lot: list[ClaimedCheck]) -> list[CheckResult]:
    """What one lookup thread makes of a batch."""
    in_flight, handed = InFlight(9), Handed()
    lookups = LookupQueue(in_flight, LocalBreaker(works.plans.breaker))
    in_flight.add(lot)
    lookups.ready.put(lot)
    LookupThread(0, CheckRunner(works.desk.unseal), works.plans, lookups, handed).step()  # type: ignore[arg-type]
    return handed


def test_a_worker_with_the_older_plan_takes_the_newer_one_before_it_decides(each_works: Works) -> None:
    works, desk = each_works, each_works.desk
    assert works.plans.refresh()
    publish(desk)
    assert desk.upkeep.apply_publications() == 1, "another worker did"
    desk.submit(question="address", consultation="summer")
    plan = works.plans.current()
    assert plan is not None
    assert plan.question("summer", "address") is None, "this one has not looked since"
    (entry,) = look_up(works, desk.claim("towns"))
    desk.write(entry)
    assert desk.sql("SELECT outcome, reason, config_version FROM jurat_verdicts") == [("accepted", "record_matches", 2)]


def test_a_question_that_is_really_gone_still_ends(each_works: Works) -> None:
    works, desk = each_works, each_works.desk
    assert works.plans.refresh()
    held = desk.held()
    without: dict[str, Any] = {"sources": {"towns": {"type": "simulated"}}, "environment": "test"}
    desk.publisher.apply(configuration(without), "an administrator", force=True)
    assert works.plans.refresh()
    (entry,) = look_up(works, [held])
    desk.write(entry)
    assert desk.verdicts(held.id) == [("undetermined", "configuration_missing")]


def test_what_only_workers_of_a_newer_jurat_know_is_left_to_them(works: Works) -> None:
    desk = works.desk
    assert works.plans.refresh()
    publish(desk)
    desk.upkeep.apply_publications()
    known, unknown = desk.submit("p-1"), desk.submit("p-2", "address", consultation="summer")
    desk.sql("UPDATE jurat_configs SET document = jsonb_set(document, '{invented}', '{}') WHERE version = 2")
    handed = look_up(works, desk.claim("towns"))
    found = {entry.held.id: entry.decision for entry in handed}
    assert found[unknown.id] == Later(UNKNOWN_RETRY, Reason.CONFIGURATION_MISSING)
    assert not isinstance(found[known.id], Later | GiveBack)


def test_a_lot_is_given_back_where_the_database_is_away_meanwhile(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = works.desk
    assert works.plans.refresh()
    publish(desk)
    desk.upkeep.apply_publications()
    desk.submit(question="address", consultation="summer")
    lot = desk.claim("towns")

    def away() -> Any:
        raise OperationalError("", {}, Exception())

    monkeypatch.setattr(works.plans, "refresh", away)
    in_flight, handed = InFlight(9), Handed()
    lookups = LookupQueue(in_flight, LocalBreaker(works.plans.breaker))
    in_flight.add(lot)
    lookups.ready.put(lot)
    thread = LookupThread(0, CheckRunner(desk.unseal), works.plans, lookups, handed)  # type: ignore[arg-type]
    with pytest.raises(OperationalError):
        thread.step()
    assert [entry.decision for entry in handed] == [GiveBack()]


@pytest.mark.slow
def test_an_engine_publishes_and_decides_by_itself(each_works: Works) -> None:
    works, desk = each_works, each_works.desk
    works.start()
    publish(desk)
    assert soon(lambda: desk.client.publication("summer").state == "published")
    desk.submit(question="address", consultation="summer")
    assert works.settles(1)
    assert desk.client.access("summer", "p-1").state == "granted"
