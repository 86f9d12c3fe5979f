"""Published consultations next to unsettled checks, administrators, and other workers."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import Any

import pytest

from jurat import Client, PublicationState
from jurat.database import bounded, open_engine
from jurat.vocabulary import Reason
from store.configurations.consultations import Unpublishable
from store.configurations.publisher import ConfigPublisher
from store.datasets.zones import NewZone, import_zones
from store.schema.grants import DatabaseRole
from store.upkeep.upkeep import Upkeep
from tasks.checks import Review
from tests.rigs.logins import Logins
from tests.store.desk import ADMIN, Desk, configuration, entry
from tests.store.publications import CHOOSABLE, SUMMER, WHO, publish, questions, refused


@pytest.fixture
def desk(desk: Desk) -> Desk:
    desk.apply(CHOOSABLE)
    return desk


# -- checks on their way


def test_a_change_that_takes_a_question_from_checks_on_their_way_is_refused(desk: Desk) -> None:
    publish(desk)
    desk.upkeep.apply_publications()
    desk.submit(question="work", consultation="summer")
    smaller = {"questions": {"address": {"criterion": "lives-in"}}}
    publish(desk, document=smaller)
    assert "1 of summer/work at source rpps" in refused(desk)
    publish(desk, document=None)
    assert "1 of summer/work at source rpps" in refused(desk)
    desk.settle(desk.claim_one("rpps"), Review(Reason.NAME_DIFFERS, 3600))
    publish(desk, document=smaller)
    assert "1 of summer/work in review" in refused(desk)
    assert len(questions(desk)) == 2
    larger = deepcopy(SUMMER)
    larger["questions"] = {**larger["questions"], "more": {"criterion": "is-physician"}}  # type: ignore[dict-item]
    publish(desk, document=larger)
    desk.upkeep.apply_publications()
    assert len(questions(desk)) == 3, "what they need stays"


def test_access_adds_up_again_where_a_rule_changed_and_nowhere_else(desk: Desk) -> None:
    desk.submit("p-1")
    publish(desk)
    desk.upkeep.apply_publications()
    desk.submit(question="address", consultation="summer")
    desk.write(*(entry(held) for held in desk.claim("towns")))
    before = desk.one("SELECT config_version FROM jurat_access WHERE consultation = 'budget'")
    stricter = {**SUMMER, "access": {"all_of": ["address", "work"]}}
    assert desk.client.access("summer", "p-1").state == "granted"
    publish(desk, document=stricter)
    desk.upkeep.apply_publications()
    assert desk.upkeep.add_up_access() == 1
    assert desk.client.access("summer", "p-1").state == "incomplete"
    assert desk.one("SELECT config_version FROM jurat_access WHERE consultation = 'budget'") == before


# -- administrators


def test_what_is_published_outlasts_the_administrators_next_configuration(desk: Desk) -> None:
    publish(desk)
    desk.upkeep.apply_publications()
    assert desk.publisher.apply(configuration(CHOOSABLE), ADMIN)[1] is False, "it says the same as before"
    desk.apply({**CHOOSABLE, "consultations": {}})
    assert questions(desk) == [("work", "is-physician", 2, 172800.0), ("address", "lives-in", 1, 3600.0)]
    assert questions(desk, "budget") == []


def test_a_name_in_both_is_refused(desk: Desk) -> None:
    publish(desk)
    desk.upkeep.apply_publications()
    both = {**CHOOSABLE, "consultations": {**CHOOSABLE["consultations"], "summer": SUMMER}}
    for force_it in (False, True):
        with pytest.raises(Unpublishable, match="the platform has published a consultation 'summer' too"):
            desk.publisher.apply(configuration(both), ADMIN, force=force_it)
    assert len(questions(desk)) == 2


@pytest.mark.parametrize(
    ("criteria", "said"),
    [
        ({"is-physician": None}, "there is no criterion 'is-physician'"),
        ({"near": {"source": "geo", "zone": "port"}}, "criterion 'near' does not leave zone open"),
        ({"own-code": None}, "there is no criterion 'own-code'"),
    ],
)
def test_what_a_published_one_uses_does_not_go_away(desk: Desk, criteria: Any, said: str) -> None:
    import_zones(desk.engine, [NewZone("port", "Port", "a", b"\0")], ADMIN)
    desk.add_codes(code_list="mine")
    more = {"home": {"criterion": "near", "with": {"zone": "port"}}}
    code = {"code": {"criterion": "own-code", "with": {"list": "mine"}}}
    publish(desk, document={"questions": {**SUMMER["questions"], **more, **code}})  # type: ignore[dict-item]
    desk.upkeep.apply_publications()
    version = desk.queries.config_version()
    left = {name: part for name, part in {**CHOOSABLE["criteria"], **criteria}.items() if part is not None}
    with pytest.raises(Unpublishable) as raised:
        desk.publisher.apply(configuration({**CHOOSABLE, "criteria": left, "consultations": {}}), ADMIN)
    assert "the consultation 'summer', which the platform published" in str(raised.value)
    assert said in str(raised.value)
    assert desk.queries.config_version() == version


def test_the_criteria_are_told_with_what_they_leave_open_and_ask(desk: Desk) -> None:
    rows = {
        row[0]: [json.loads(part) if isinstance(part, str) else part for part in row[1:]]
        for row in desk.sql("SELECT name, sources, open, fields FROM jurat_criteria")
    }
    assert rows["own-code"] == [["own"], ["list"], ["code"]]
    assert rows["lives-in"] == [["towns", "ban"], [], []], "a simulated source takes any field"
    sources, left_open, fields = rows["near"]
    assert (sources, left_open) == (["geo"], ["zone"])
    assert fields[:2] == ["number", "street"]
    schema = desk.one("SELECT answer_schema FROM jurat_criteria WHERE name = 'near'")
    schema = json.loads(schema) if isinstance(schema, str) else schema
    assert set(fields) == set(schema["properties"])


def test_the_order_of_a_form_is_told_whatever_the_database_makes_of_its_schema(desk: Desk) -> None:
    fields = desk.one("SELECT fields FROM jurat_questions WHERE question = 'code'")
    assert (json.loads(fields) if isinstance(fields, str) else fields) == ["code"]


# -- several at once


def test_one_worker_of_many_publishes(postgresql: Desk) -> None:
    desk = postgresql
    desk.apply(CHOOSABLE)
    before = desk.queries.config_version()
    assert before is not None
    for n in range(6):
        publish(desk, f"call-{n}")
    with ThreadPoolExecutor(4) as pool:
        answered = list(pool.map(lambda _: Upkeep(desk.engine).apply_publications(), range(8)))
    assert sum(answered) == 6
    assert desk.one("SELECT count(*) FROM jurat_consultations WHERE applied_document IS NOT NULL") == 6
    assert desk.queries.config_version() == before + 1


def test_one_that_is_being_published_anew_holds_up_no_other(postgresql: Desk) -> None:
    desk = postgresql
    desk.apply(CHOOSABLE)
    publish(desk)
    publish(desk, "autumn")
    with desk.engine.begin() as connection:
        desk.client.publish_consultation(connection, "summer", SUMMER, by=WHO)
        assert desk.upkeep.apply_publications() == 1
        assert desk.client.publication("autumn").state is PublicationState.PUBLISHED
    assert desk.client.publication("summer").revision == 2
    assert desk.upkeep.apply_publications() == 1


def test_each_role_has_just_the_rights_that_its_part_needs(postgresql: Desk) -> None:
    desk = postgresql
    desk.apply(CHOOSABLE)
    with Logins(desk.url) as logins:
        engines = {
            role: open_engine(logins.url(role))
            for role in (DatabaseRole.PLATFORM, DatabaseRole.WORKER, DatabaseRole.ADMIN)
        }
        platform = Client(logins.url(DatabaseRole.PLATFORM))
        for document in (SUMMER, {**SUMMER, "access": "work"}, None, SUMMER):
            with engines[DatabaseRole.PLATFORM].begin() as connection:
                platform.publish_consultation(connection, "summer", document, by=WHO)
            assert Upkeep(bounded(engines[DatabaseRole.WORKER])).apply_publications() == 1
            expected = PublicationState.WITHDRAWN if document is None else PublicationState.PUBLISHED
            assert platform.publication("summer").state is expected
        changed = {**CHOOSABLE, "criteria": {**CHOOSABLE["criteria"], "new": {"source": "rpps"}}}
        assert ConfigPublisher(engines[DatabaseRole.ADMIN]).apply(configuration(changed), ADMIN)[1]
        platform.close()
        for engine in engines.values():
            engine.dispose()
    assert len(questions(desk)) == 2


def test_before_the_first_configuration_there_is_nothing_to_choose(sqlite_url: str) -> None:
    client = Client(sqlite_url)
    engine = open_engine(sqlite_url)
    with engine.begin() as connection:
        client.publish_consultation(connection, "summer", SUMMER, by=WHO)
    Upkeep(engine).apply_publications()
    assert "there is no criterion" in str(client.publication("summer").refused)
    engine.dispose()
    client.close()


def test_a_configuration_of_a_newer_jurat_is_left_to_its_own_workers(desk: Desk) -> None:
    publish(desk)
    desk.sql(
        "INSERT INTO jurat_configs (version, digest, document, applied_by, applied_at) VALUES (99, 'x', "
        '\'{"order": {}, "sources": {"new": {"type": "invented-later"}}}\', \'a\', NOW)'
    )
    assert desk.upkeep.apply_publications() == 0
    assert desk.client.publication("summer").state is PublicationState.WAITING
