from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import shapely
from sqlalchemy.exc import InternalError
from structlog.testing import capture_logs

from adapters.address.zone_unions import AreaCache
from adapters.address.zones import digest_of
from adapters.base import Blocked, Finding, Places, Query, Refused, SourceError, Unavailable
from adapters.fingerprints import Fingerprints
from config.hours import Hours
from config.networks import LOOPBACK, networks_of
from jurat.database import open_engine
from jurat.vocabulary import Outcome
from store.datasets.zones import NewZone, import_zones
from store.queries import Queries
from tasks.plan import Plan, Unusable
from tasks.rules.source_limits import Breaker, Demand
from tests.adapters.address.servers import Answering
from tests.adapters.registry.described import IRIS, TESTS, asked, at
from tests.adapters.registry.guarded import KEYS, Guarded
from tests.adapters.registry.guarded import document as guarded
from tests.store.desk import ADMIN, DOCUMENT, HASH_KEY, Desk, claiming, configuration
from worker.plan_builder import make_plan

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
    "rules": [
        {"check": "equals", "field": "number", "input": "number"},
        {"check": "name", "family": "family", "compatible": "undetermined"},
    ],
}


def plan_of(sources: dict[str, Any], queries: Queries, **given: Any) -> Plan:
    facts: dict[str, Any] = {"fingerprints": None, "environ": {}, **given}
    document = {**DOCUMENT, "sources": {**DOCUMENT["sources"], **sources}}
    return make_plan(7, configuration(document), queries, **facts)


def test_the_demand_of_a_source_follows_its_limits(sqlite: Desk) -> None:
    plan = plan_of(LIMITS, sqlite.queries)
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
    plan = plan_of({"roll": {**ROLL, "steps": steps, **limits}}, sqlite.queries)
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


def test_a_source_that_cannot_be_made_here_is_named_and_its_checks_wait(sqlite: Desk) -> None:
    plan = plan_of(LIMITS, sqlite.queries)
    assert plan.problems
    assert all("JURAT_HASH_KEYS" in problem for problem in plan.problems)
    with pytest.raises(Unavailable, match="JURAT_HASH_KEYS"):
        plan.sources["codes"].look_up(Query({"code": "7"}))
    assert isinstance(plan.sources["free"].look_up(Query({"word": "accept"})), Finding)
    plan.close()


def test_a_private_network_is_open_to_the_sources_of_a_plan_where_it_is_listed(sqlite: Desk) -> None:
    document = {"sources": {"geo": {"type": "addok", "url": "https://127.0.0.1:1"}}}
    answer = Query({"street": "rue des Tanneurs", "postcode": "99001"})
    for networks, error in (((), Blocked), (networks_of("127.0.0.0/8"), Refused)):
        plan = make_plan(1, configuration(document), sqlite.queries, None, {}, private_networks=networks)
        with pytest.raises(error):
            plan.sources["geo"].look_up(answer)
        plan.close()


def test_a_test_environment_opens_this_machine_nowhere_but_where_it_is_listed(
    sqlite: Desk, geocoder: Answering
) -> None:
    """A configuration may not choose to reach what is next to the worker."""
    document = {"environment": "test", "sources": {"geo": {"type": "addok", "url": geocoder.url}}}
    answer = Query({"number": "4", "street": "rue Pelanfer", "postcode": "99001"})
    for networks, asks in ((), False), (networks_of("10.0.0.0/8"), False), (networks_of("127.0.0.1"), True):
        plan = make_plan(1, configuration(document), sqlite.queries, None, {}, private_networks=networks)
        if asks:
            assert isinstance(plan.sources["geo"].look_up(answer), Places)
        else:
            with pytest.raises(Blocked, match="is this machine; list it in JURAT_PRIVATE_NETWORKS"):
                plan.sources["geo"].look_up(answer)
        plan.close()
    assert len(geocoder.asked) == 1


KEY = "b3BlbnMgYWxsIHRoYXQgcGFydGljaXBhbnRzIHNhaWQ="


@pytest.mark.parametrize("kind", ["registry", "geocoder"])
def test_a_source_is_sent_its_own_key_and_never_one_of_jurat(
    sqlite: Desk, geocoder: Answering, tmp_path: Path, kind: str
) -> None:
    """Sent as a worker sends it, over HTTP: what is compared is what the source received."""
    for name, text in (("own", "s3same"), ("copy", KEY), ("line", f"JURAT_UNSEAL_KEYS={KEY}")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    environ = {"JURAT_UNSEAL_KEYS": KEY, "JURAT_SOURCE_SECRETS": str(tmp_path)}
    environ |= {"PGPASSWORD": "of-the-database", "JURAT_SOURCE_A": "s3same", "JURAT_SOURCE_B": "of-the-database"}
    geocoder.bodies = [{"features": []}]
    answer = {"number": "4", "street": "rue Pelanfer", "postcode": "99001"}
    for reference, sent in (
        ({"file": "own"}, True),
        ({"env": "JURAT_SOURCE_A"}, True),
        ({"file": "copy"}, False),
        ({"file": "line"}, False),
        ({"env": "JURAT_SOURCE_B"}, False),
        ({"env": "PGPASSWORD"}, False),
    ):
        if kind == "geocoder":
            source: dict[str, Any] = {"type": "pelias", "url": geocoder.url, "api_key": reference}
        else:
            request = {"url": f"{geocoder.url}/{{number}}", "auth": {"type": "bearer", "token": "{secrets.k}"}}
            source = {**ROLL, "hosts": ["127.0.0.1"], "steps": [{"request": request}], "secrets": {"k": reference}}
            source["one_person"] = False
            answer = {"number": "4711", "family": "Valombre"}
        plan = make_plan(
            1,
            configuration({"environment": "test", "sources": {"geo": source}}),
            sqlite.queries,
            None,
            environ,
            private_networks=LOOPBACK,
        )
        before = len(geocoder.asked)
        with suppress(SourceError):
            plan.sources["geo"].look_up(Query(answer))
        assert (len(geocoder.asked) > before) is sent
        assert bool(plan.problems) is not sent
        plan.close()
    received = json.dumps([geocoder.headers_received, geocoder.asked])
    assert "s3same" in received
    assert not [own for own in (KEY, "of-the-database") if own in received]


def test_codes_without_a_database_are_an_unavailable_source(sqlite: Desk) -> None:
    away = Queries(open_engine("postgresql://nobody@127.0.0.1:1/none"))
    plan = plan_of({}, away, fingerprints=sqlite.fingerprints)
    (code,) = sqlite.add_codes()
    with pytest.raises(Unavailable, match="the database did not answer"):
        plan.sources["spring"].look_up(Query({"code": code}))


@pytest.mark.parametrize("ended", [True, False])
def test_a_connection_that_the_server_has_ended_is_an_outage_and_a_fault_is_none(
    sqlite: Desk, monkeypatch: pytest.MonkeyPatch, *, ended: bool
) -> None:
    def fail(*_: object) -> None:  # 25P03: the transaction was idle for too long
        raise InternalError("SELECT", {}, Exception(), connection_invalidated=ended)

    plan = plan_of({}, sqlite.queries, fingerprints=sqlite.fingerprints)
    (code,) = sqlite.add_codes()
    monkeypatch.setattr(Queries, "codes", fail)
    with pytest.raises(Unavailable if ended else InternalError):
        plan.sources["spring"].look_up(Query({"code": code}))


@pytest.fixture
def geocoder() -> Iterator[Answering]:
    """It knows a house whose street has two letters other than "Pelanfer", and no street of that name."""
    properties = {
        "type": "housenumber",
        "housenumber": "4",
        "street": "Rue Polanter",
        "postcode": "99001",
        "score": 0.7,
    }
    house = {"geometry": {"type": "Point", "coordinates": [2.0, 48.0]}, "properties": properties}
    with Answering() as running:
        running.bodies = [{"features": [house]}]
        yield running


def test_a_second_request_of_a_look_up_is_paid_from_its_source_s_quota(desk: Desk, geocoder: Answering) -> None:
    asked = Query({"number": "4", "street": "rue Pelanfer", "postcode": "99001"})
    document = {
        **DOCUMENT,
        "sources": {**DOCUMENT["sources"], "geo": {"type": "addok", "url": geocoder.url, "daily": 9}},
    }
    desk.apply(document)

    plan = desk.plan()

    def looked_up() -> tuple[frozenset[str], int, int]:
        """The words that it does not know, how often it was asked until now, and how often that was paid here."""
        found = plan.sources["geo"].look_up(asked)
        assert isinstance(found, Places)
        used = desk.one("SELECT used FROM jurat_sources WHERE name = 'geo'")
        return found.unknown_words, len(geocoder.asked), used

    assert looked_up() == (frozenset({"pelanfer"}), 2, 1)
    assert desk.sources.pause("geo", 60.0, "source_throttled") == 0
    assert looked_up() == (frozenset(), 3, 1)
    plan.close()


def test_a_token_is_paid_also_while_its_source_takes_no_new_work(desk: Desk) -> None:
    """A lookup that was claimed can do nothing without it: the probe of an open breaker would always fail."""
    with Guarded() as server:
        registry = {**guarded(server.port)["sources"]["pharmacists"], "daily": 9}
        desk.apply({**DOCUMENT, "sources": {**DOCUMENT["sources"], "guarded": registry}})
        plan = make_plan(
            7, desk.configuration, desk.queries, desk.fingerprints, KEYS, purse=desk.sources, private_networks=LOOPBACK
        )
        assert desk.sources.pause("guarded", 60.0, "source_throttled") == 0
        assert isinstance(plan.sources["guarded"].look_up(IRIS), Finding)
        plan.close()
    assert server.asked == {"token": 1, "served": 1}
    assert desk.one("SELECT used FROM jurat_sources WHERE name = 'guarded'") == 1


def test_an_answer_of_another_shape_is_noted_and_logged_by_one_worker(desk: Desk, geocoder: Answering) -> None:
    known = json.loads(json.dumps(TESTS[0]["responses"]["lookup"]["json"]))
    renamed = json.loads(json.dumps(known).replace('"status"', '"state"'))
    nobody = {"count": 0, "professionals": []}
    control = {"input": {"number": "9000010000", "family_name": "Valombre", "given_name": "Iris"}}
    described = at(geocoder.url, control=control, tests=TESTS, one_person=False)
    desk.apply({**DOCUMENT, "sources": {**DOCUMENT["sources"], "roll": described}})

    def looked_up(*answers: Any) -> list[Any]:
        """What a worker logs that gets these answers."""
        geocoder.bodies = list(answers)
        plan = desk.plan()
        with capture_logs() as logs, suppress(SourceError):
            plan.sources["roll"].look_up(asked("9000010372", "Sardel", "Maëlle"))
        plan.close()
        return [(each["event"], each["log_level"], each["source"], each.get("drift")) for each in logs]

    def drift() -> object:
        return desk.one("SELECT drift FROM jurat_sources WHERE name = 'roll'")

    assert looked_up(nobody, known) == []
    gone = "professionals[].status is gone"
    assert looked_up(nobody, renamed) == [("answers differ from the tests", "warning", "roll", gone)]
    assert drift() == gone
    assert looked_up(nobody, renamed) == [], "another worker has told it"
    assert looked_up(nobody, known) == [("answers as in the tests", "info", "roll", None)]
    assert drift() is None
    assert len(geocoder.asked) >= 8


def test_a_lookup_does_not_fail_where_a_drift_cannot_be_noted(sqlite: Desk, geocoder: Answering) -> None:
    described = at(geocoder.url, control={"input": dict(IRIS.answer)}, tests=TESTS, one_person=False)
    sqlite.apply({**DOCUMENT, "sources": {**DOCUMENT["sources"], "roll": described}})
    sqlite.sql("ALTER TABLE jurat_sources DROP COLUMN drift")
    known = TESTS[0]["responses"]["lookup"]["json"]
    nobody = {"count": 0, "professionals": []}
    geocoder.bodies = [nobody, {**known, "count": "1"}, nobody]
    plan = sqlite.plan()
    found = plan.sources["roll"].look_up(asked("9000010372", "Sardel", "Maëlle"))
    assert isinstance(found, Finding)
    assert found.outcome is Outcome.REFUSED
    plan.close()


def test_without_a_purse_no_second_request_is_sent(sqlite: Desk, geocoder: Answering) -> None:
    plan = plan_of({"geo": {"type": "addok", "url": geocoder.url}}, sqlite.queries, private_networks=LOOPBACK)
    found = plan.sources["geo"].look_up(Query({"number": "4", "street": "rue Pelanfer", "postcode": "99001"}))
    assert isinstance(found, Places)
    assert (found.unknown_words, len(geocoder.asked)) == (frozenset(), 1)
    plan.close()


def test_of_a_new_plan_only_the_zones_that_changed_are_read(sqlite: Desk) -> None:
    def zone(name: str, east: float) -> NewZone:
        wkb = shapely.to_wkb(shapely.box(1.0, 44.0, east, 44.1))
        return NewZone(name, name.title(), digest_of(wkb), wkb)

    questions = {name: {"criterion": "near", "with": {"zone": name}} for name in ("mill", "quay", "hill")}
    document = {
        **DOCUMENT,
        "sources": {**DOCUMENT["sources"], "geo": {"type": "addok", "url": "http://127.0.0.1:1"}},
        "criteria": {**DOCUMENT["criteria"], "near": {"source": "geo", "open": ["zone"]}},
        "consultations": {"call": {"questions": questions}},
    }
    import_zones(sqlite.engine, [zone("mill", 1.1), zone("quay", 1.2)], ADMIN)
    ready, reads = AreaCache(), []
    for east in (1.1, 1.3):
        import_zones(sqlite.engine, [zone("mill", east)], ADMIN)
        with sqlite.statements() as statements:
            plan = make_plan(7, configuration(document), sqlite.queries, None, {}, ready)
        reads.append(sum("geometry" in statement for statement in statements))
        assert set(plan.zones) == {"mill", "quay"}
        assert "zone hill is not imported, or not in force yet; run `bin/jurat zones import FILE`" in plan.problems
        plan.close()
    assert reads == [2, 1]


def test_a_registry_waits_where_a_key_is_missing_with_which_numbers_were_hashed(sqlite: Desk) -> None:
    sqlite.settle(sqlite.held(question="profession"), claiming("9000010000", sqlite.fingerprints))
    roll = {**ROLL, "steps": [{"request": {"url": "https://roll.example/people/{number}"}}]}
    another = Fingerprints([bytes(range(64, 96))])
    plan = plan_of({"roll": roll, "companies": {**roll, "one_person": False}}, sqlite.queries, fingerprints=another)
    (problem,) = plan.problems
    assert problem.startswith("source roll cannot be used: numbers that participants have used were hashed with a key")
    assert isinstance(plan.sources["roll"], Unusable)
    assert not isinstance(plan.sources["companies"], Unusable)
    plan.close()
    both = Fingerprints([bytes(range(64, 96)), HASH_KEY])
    plan = plan_of({"roll": roll}, sqlite.queries, fingerprints=both)
    assert plan.problems == ()
    plan.close()
