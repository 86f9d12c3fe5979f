from __future__ import annotations

from typing import Any

import pytest

from adapters.base import Finding, Query, Unavailable
from config.hours import Hours
from jurat.database import open_engine
from tasks.flow import Breaker, Demand
from tasks.ledger import Reading
from tasks.plan import Plan, make_plan
from tests.tasks.desk import DOCUMENT, Desk, configuration

LIMITS: dict[str, Any] = {
    "fast": {"type": "simulated", "rate": "40/s", "concurrency": 6},
    "slow": {"type": "simulated", "rate": "600/5min", "burst": 3, "breaker": {"failures": 2, "probe": "5s"}},
    "office": {"type": "simulated", "daily": 100, "hours": {"timezone": "Europe/Paris", "open": ["mon 08:00-18:00"]}},
    "free": {"type": "simulated"},
    "codes": {"type": "codes", "list": "spring"},
}


ROLL: dict[str, Any] = {
    "type": "registry",
    "hosts": ["roll.example"],
    "inputs": {"number": {"clean": ["digits"]}, "family": {}},
    "record": {"from": "body", "fields": {"number": "number", "names": "names"}},
    "rules": [{"check": "equals", "field": "number", "input": "number"}, {"check": "name", "family": "family"}],
}


def plan_of(sources: dict[str, Any], reading: Reading, **given: Any) -> Plan:
    facts: dict[str, Any] = {"fingerprints": None, "environ": {}, **given}
    document = {**DOCUMENT, "sources": {**DOCUMENT["sources"], **sources}}
    return make_plan(7, configuration(document), reading, **facts)


def test_the_demand_of_a_source_follows_its_limits(sqlite: Desk) -> None:
    plan = plan_of(LIMITS, sqlite.reading)
    assert plan.demand("free", 9) == Demand("free", 9)
    assert plan.demand("fast", 9) == Demand("fast", 9, concurrency=6, interval=1 / 40, burst=11, late=0.2)
    assert plan.demand("slow", 9) == Demand("slow", 9, interval=0.5, burst=3, late=0.2, breaker=Breaker(2, 5.0))
    hours = Hours.parse("Europe/Paris", ["mon 08:00-18:00"], [])
    assert plan.demand("office", 9) == Demand("office", 9, daily=100, hours=hours)
    assert not plan.demand("free", 9).limited
    assert all(plan.demand(source, 9).limited for source in ("fast", "slow", "office"))
    plan.close()


def test_every_request_of_a_look_up_is_paid(sqlite: Desk) -> None:
    steps = [{"name": name, "request": {"url": "https://roll.example/people/{number}"}} for name in ("login", "lookup")]
    limits = {"rate": "40/s", "burst": 9, "daily": 101}
    plan = plan_of({"roll": {**ROLL, "steps": steps, **limits}}, sqlite.reading)
    demand = plan.demand("roll", 9)
    assert (demand.interval, demand.burst, demand.daily) == (0.05, 4, 50)
    plan.close()


def test_a_plan_knows_its_questions_and_what_access_adds_up_by(sqlite: Desk) -> None:
    plan = sqlite.plan()
    question = plan.question("budget", "profession")
    assert question is not None
    assert (question.sources, question.review) == (("rpps",), True)
    assert plan.question("budget", "unknown") is None
    assert set(plan.answer_schemas) == set(plan.configuration.questions)


def test_a_source_that_can_not_be_made_here_is_named_and_its_checks_wait(sqlite: Desk) -> None:
    plan = plan_of(LIMITS, sqlite.reading)
    assert plan.problems
    assert all("JURAT_HASH_KEYS" in problem for problem in plan.problems)
    with pytest.raises(Unavailable, match="JURAT_HASH_KEYS"):
        plan.sources["codes"].look_up(Query({"code": "7"}))
    assert isinstance(plan.sources["free"].look_up(Query({"word": "accept"})), Finding)
    plan.close()


def test_codes_without_a_database_are_an_unavailable_source(sqlite: Desk) -> None:
    away = Reading(open_engine("postgresql://nobody@127.0.0.1:1/none"))
    plan = plan_of({}, away, fingerprints=sqlite.fingerprints)
    (code,) = sqlite.add_codes()
    with pytest.raises(Unavailable, match="the database did not answer"):
        plan.sources["spring"].look_up(Query({"code": code}))
