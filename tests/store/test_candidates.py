"""The candidates of an ambiguous address, from a worker's lookup to the platform that asked for them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import shapely
from structlog.testing import capture_logs

from adapters.address.zones import ZoneGeometry
from adapters.base import Found, Place, Places, Query
from config.levels import Level
from jurat.queries import read_json
from jurat.seal import generate
from jurat.vocabulary import AccessState, Outcome, Reason
from tasks.check_runner import CheckRunner
from tasks.checks import CheckResult, ClaimedCheck, Settle
from tasks.plan import Plan
from tests.store.desk import Desk

ADDRESS = {"number": "4", "street": "rue de l'Église", "postcode": "99002"}
HERE = Place(Level.HOUSENUMBER, 2.05, 48.05, "4", "Rue de l'Église", "99002", "Valmont", "99901", 0.97)
THERE = replace(HERE, longitude=2.2, city="Port-Valmont", city_code="99902")
ZONE = ZoneGeometry("old-town", 3, shapely.to_wkb(shapely.box(2.0, 48.0, 2.1, 48.1)))
PRIVATE_KEY, REPLY_KEY = generate()

pytestmark = pytest.mark.usefixtures("plain_logs")


class TwoTowns:
    """A geocoder that knows the house in both towns of its postcode, or in the one that is named."""

    def look_up(self, query: Query) -> Found:
        town = query.answer.get("city")
        return Places("addok", [place for place in (HERE, THERE) if town in (None, place.city)])

    def close(self) -> None:
        pass


def plan_of(desk: Desk, **changes: Any) -> Plan:
    plan = desk.plan()
    key = ("budget", "residence")
    questions = {
        **plan.configuration.questions,
        key: replace(plan.configuration.questions[key], zone="old-town", **changes),
    }
    configuration = replace(plan.configuration, questions=questions)
    return replace(plan, configuration=configuration, zones={"old-town": ZONE}, sources={"towns": TwoTowns()})


def looked_up(desk: Desk, held: ClaimedCheck, **changes: Any) -> CheckResult:
    return CheckRunner(desk.unseal).run(held, plan_of(desk, **changes))


def test_a_platform_gets_the_addresses_to_choose_from_and_the_choice_decides_at_no_cost(desk: Desk) -> None:
    held = desk.held(answer=ADDRESS, reply_key=REPLY_KEY)
    assert desk.client.candidates(held.id, PRIVATE_KEY) == []
    desk.write(looked_up(desk, held))
    assert desk.verdicts(held.id) == [("undetermined", "ambiguous_address")]
    access = desk.client.access("budget", "p-1")
    assert (access.state, access.rounds_left["residence"]) == (AccessState.INCOMPLETE, 1)
    offered = desk.client.candidates(held.id, PRIVATE_KEY)
    assert offered == [
        {"number": "4", "street": "Rue de l'Église", "postcode": "99002", "city": "Valmont"},
        {"number": "4", "street": "Rue de l'Église", "postcode": "99002", "city": "Port-Valmont"},
    ]
    again = desk.held(answer=offered[0], reply_key=REPLY_KEY)
    desk.write(looked_up(desk, again))
    assert desk.verdicts(again.id) == [("accepted", "inside_zone")]
    assert desk.client.candidates(again.id, PRIVATE_KEY) == []
    assert desk.client.access("budget", "p-1").rounds_left["residence"] == 0


def test_an_address_that_is_not_found_as_typed_is_offered_and_chosen_at_no_cost(desk: Desk) -> None:
    held = desk.held(answer={**ADDRESS, "postcode": "99003", "city": "Valmont"}, reply_key=REPLY_KEY)
    desk.write(looked_up(desk, held, review=True, sources=("towns",)))
    assert desk.verdicts(held.id) == [("undetermined", "ambiguous_address")]
    (offered,) = desk.client.candidates(held.id, PRIVATE_KEY)
    assert offered == {"number": "4", "street": "Rue de l'Église", "postcode": "99002", "city": "Valmont"}
    assert desk.client.access("budget", "p-1").rounds_left["residence"] == 1
    again = desk.held(answer={**offered, "choice": "offered"}, reply_key=REPLY_KEY)
    desk.write(looked_up(desk, again))
    assert desk.verdicts(again.id) == [("accepted", "inside_zone")]
    evidence = desk.one("SELECT evidence FROM jurat_verdicts WHERE check_id = :id", id=desk.id(again.id))
    assert read_json(evidence)["chosen"] is True


def test_nobody_else_can_read_them(desk: Desk) -> None:
    held = desk.held(answer=ADDRESS, reply_key=REPLY_KEY)
    with capture_logs() as logs:
        entry = looked_up(desk, held)
        desk.write(entry)
    sealed = desk.row(held.id, "candidates")
    stored = repr(desk.sql("SELECT * FROM jurat_verdicts") + desk.sql("SELECT * FROM jurat_attempts"))
    for word in ("glise", "Valmont"):
        assert word.encode() not in bytes(sealed)
        assert word not in stored + repr(logs) + repr(entry)


@pytest.mark.parametrize("reply_key", [None, bytes(32), b"short", "a text, where SQLite takes one"])
def test_without_a_key_that_can_be_used_there_are_none_and_the_verdict_is_the_same(
    sqlite: Desk, reply_key: Any
) -> None:
    held = replace(sqlite.held(answer=ADDRESS), reply_key=reply_key)
    with capture_logs() as logs:
        entry = looked_up(sqlite, held)
    assert isinstance(entry.decision, Settle)
    assert (entry.decision.outcome, entry.decision.reason) == (Outcome.UNDETERMINED, Reason.AMBIGUOUS_ADDRESS)
    assert entry.decision.candidates is None
    assert [line["event"] for line in logs] == ([] if reply_key is None else ["reply key unusable"])


def test_names_are_compared_in_the_language_of_the_source(sqlite: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def decide(*_: Any, language: str, **__: Any) -> Settle:
        seen.append(language)
        return Settle(Outcome.UNDETERMINED, Reason.NEAR_BORDER)

    monkeypatch.setattr("tasks.check_runner.decide", decide)
    plan, held = plan_of(sqlite), sqlite.held(answer=ADDRESS)
    german: Any = {"towns": SimpleNamespace(timeout=1.0, language="de")}
    for configuration in (plan.configuration, replace(plan.configuration, sources=german)):
        CheckRunner(sqlite.unseal).run(held, replace(plan, configuration=configuration))
    assert seen == ["fr", "de"]
