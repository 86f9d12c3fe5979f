"""Consultations that a platform publishes: how they get into the configuration, and what keeps them there or out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import Any

import pytest

from jurat import Client, InvalidConsultation, PublicationState, UnknownConsultation
from jurat.database import bounded, open_engine
from jurat.words import Reason
from tasks.checks import Review
from tasks.grants import Role
from tasks.ledger import Keeping, Publishing, Unpublishable
from tasks.ledger.publishing import NewZone
from tests.rigs.logins import Logins
from tests.tasks.desk import ADMIN, DOCUMENT, Desk, configuration, entry

WHO = "Iris of the town"

CHOOSABLE: Mapping[str, Any] = {
    **DOCUMENT,
    "sources": {
        **DOCUMENT["sources"],
        "own": {"type": "codes"},
        "geo": {"type": "addok", "url": "https://ban.example"},
    },
    "criteria": {
        **DOCUMENT["criteria"],
        "own-code": {"source": "own", "open": ["list"]},
        "near": {"source": "geo", "open": ["zone"]},
    },
}
SUMMER = {
    "title": {"en": "Summer call", "fr": "Appel d'été"},
    "contact": "Write to us",
    "questions": {
        "work": {"criterion": "is-physician", "rounds": 2, "deadline": "2d", "on_undetermined": "review"},
        "address": {"criterion": "lives-in"},
    },
    "access": {"any_of": ["address", "work"]},
    "retain": "90d",
}


@pytest.fixture
def desk(desk: Desk) -> Desk:
    desk.apply(CHOOSABLE)
    return desk


def publish(desk: Desk, name: str = "summer", document: Any = SUMMER, by: str = WHO) -> int:
    with desk.engine.begin() as connection:
        return desk.client.publish_consultation(connection, name, document, by=by)


def force(desk: Desk, name: str, document: str) -> None:
    """Past all that is looked at at once, as only the owner of the tables can on PostgreSQL."""
    desk.sql(
        "INSERT INTO jurat_consultations (name, document, published_by, published_at) "
        "VALUES (:name, :document, 'x', NOW)"
        " ON CONFLICT (name) DO UPDATE SET document = excluded.document, revision = jurat_consultations.revision + 1",
        name=name,
        document=document,
    )


def refused(desk: Desk, name: str = "summer") -> str:
    desk.keeping.apply_publications()
    said = desk.client.publication(name)
    assert said.state is PublicationState.REFUSED
    assert said.refused
    return said.refused


def questions(desk: Desk, consultation: str = "summer") -> list[tuple[Any, ...]]:
    rows = desk.sql(
        "SELECT question, criterion, rounds, deadline_s FROM jurat_questions "
        "WHERE consultation = :name ORDER BY position",
        name=consultation,
    )
    return [tuple(row) for row in rows]


# -- the way in


def test_a_consultation_waits_and_is_then_in_the_configuration(desk: Desk) -> None:
    before = desk.reading.config_version()
    assert before is not None
    assert publish(desk) == 1
    assert desk.client.publication("summer").state is PublicationState.WAITING
    assert "consultations" in desk.keeping.turns({"consultations": 0.0})
    assert desk.keeping.apply_publications() == 1
    assert "consultations" not in desk.keeping.turns({"consultations": 0.0}), "nothing is waiting any more"
    assert desk.keeping.apply_publications() == 0
    said = desk.client.publication("summer")
    assert (said.state, said.revision, said.config_version, said.refused) == ("published", 1, before + 1, None)
    assert questions(desk) == [("work", "is-physician", 2, 172800.0), ("address", "lives-in", 1, 3600.0)]
    assert desk.reading.applied(before + 1).applied_by == WHO
    ((actor, action, subject),) = desk.sql(
        "SELECT actor, action, subject FROM jurat_audit WHERE action LIKE 'consultation%'"
    )
    assert (actor, action, subject) == (WHO, "consultation publish", "summer")


def test_a_participant_confirms_an_answer_and_gets_a_verdict(desk: Desk) -> None:
    publish(desk)
    desk.keeping.apply_publications()
    check = desk.submit(question="address", consultation="summer")
    held = desk.claim_one("towns")
    desk.settle(held)
    assert desk.result(check.id).outcome == "accepted"
    assert desk.client.access("summer", "p-1").state == "granted", "its own rule holds"


def test_many_become_one_version_and_each_has_its_audit_row(desk: Desk) -> None:
    before = desk.reading.config_version()
    assert before is not None
    for n in range(3):
        publish(desk, f"call-{n}", by=f"person {n}")
    force(desk, "bad", '{"questions": {"a": {"criterion": "invented"}}}')
    assert desk.keeping.apply_publications() == 4
    assert desk.reading.config_version() == before + 1
    assert desk.reading.applied(before + 1).applied_by == "worker", "of several persons"
    assert {desk.client.publication(f"call-{n}").state for n in range(3)} == {PublicationState.PUBLISHED}
    rows = desk.sql("SELECT actor, subject FROM jurat_audit WHERE action = 'consultation publish' ORDER BY subject")
    assert [tuple(row) for row in rows] == [(f"person {n}", f"call-{n}") for n in range(3)]


def test_a_further_revision_replaces_the_one_before(desk: Desk) -> None:
    publish(desk)
    desk.keeping.apply_publications()
    changed = deepcopy(SUMMER)
    changed["questions"] = {"address": {"criterion": "lives-in", "rounds": 3}}
    changed["access"] = "address"
    assert publish(desk, document=changed) == 2
    assert desk.client.publication("summer").state is PublicationState.WAITING
    assert len(questions(desk)) == 2, "the one before is in force until then"
    desk.keeping.apply_publications()
    assert questions(desk) == [("address", "lives-in", 3, 3600.0)]
    assert len(questions(desk, "budget")) == 3, "no other was touched"


def test_the_same_again_is_no_new_version(desk: Desk) -> None:
    publish(desk)
    desk.keeping.apply_publications()
    version = desk.reading.config_version()
    assert publish(desk) == 2
    assert desk.keeping.apply_publications() == 1
    assert desk.reading.config_version() == version
    assert desk.client.publication("summer").state is PublicationState.PUBLISHED


def test_one_is_withdrawn_and_may_come_back(desk: Desk) -> None:
    publish(desk)
    desk.keeping.apply_publications()
    assert publish(desk, document=None) == 2
    desk.keeping.apply_publications()
    said = desk.client.publication("summer")
    assert (said.state, said.config_version) == (PublicationState.WITHDRAWN, None)
    assert questions(desk) == []
    with pytest.raises(UnknownConsultation):
        desk.submit(question="address", consultation="summer")
    with pytest.raises(InvalidConsultation, match="has published no such consultation"):
        publish(desk, document=None)
    assert publish(desk) == 3
    desk.keeping.apply_publications()
    assert len(questions(desk)) == 2


def test_a_transaction_that_is_rolled_back_publishes_nothing(desk: Desk) -> None:
    with desk.engine.connect() as connection, connection.begin() as transaction:
        desk.client.publish_consultation(connection, "summer", SUMMER, by=WHO)
        transaction.rollback()
    assert desk.keeping.apply_publications() == 0
    with pytest.raises(UnknownConsultation, match="summer"):
        desk.client.publication("summer")


def test_a_refusal_leaves_the_transaction_usable(desk: Desk) -> None:
    with desk.engine.begin() as connection:
        with pytest.raises(InvalidConsultation) as told:
            desk.client.publish_consultation(connection, "summer", {"questions": {"a": {"criterion": "x"}}}, by=WHO)
        assert desk.client.publish_consultation(connection, "autumn", SUMMER, by=WHO) == 1
    error = told.value
    assert error.place == "consultations.summer.questions.a.criterion"
    assert error.problem == "there is no criterion 'x'"
    assert error.hint == "there is has-code, is-physician, lives-in, near, own-code"


@pytest.mark.parametrize(
    ("name", "document", "by", "said"),
    [
        ("summer", {"questions": {1, 2}}, WHO, "document: is no JSON"),
        ("summer", {"title": float("nan")}, WHO, "document: is no JSON"),
        ("summer", {"title": "\ud800"}, WHO, "holds a NUL or half a character"),
        ("\ud800", SUMMER, WHO, "name: "),
        (7, SUMMER, WHO, "name: must be text"),
        ("summer", SUMMER, None, "published_by: must be text"),
        ("summer", SUMMER, "\0", "published_by: must be 1 to 200 printable characters"),
        ("summer", [SUMMER], WHO, "consultations.summer: must be a map"),
    ],
)
def test_whatever_is_given_is_a_sentence(desk: Desk, name: Any, document: Any, by: Any, said: str) -> None:
    with desk.engine.begin() as connection:
        with pytest.raises(InvalidConsultation, match=said):
            desk.client.publish_consultation(connection, name, document, by=by)
        assert desk.client.publish_consultation(connection, "autumn", SUMMER, by=WHO) == 1


def test_a_document_that_is_nested_without_end_is_a_sentence(desk: Desk) -> None:
    nested: Any = "residence"
    for _ in range(600):
        nested = {"all_of": [nested]}
    with pytest.raises(InvalidConsultation, match="nested"):
        publish(desk, document={**SUMMER, "access": nested})


# -- what only a worker finds


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({**SUMMER, "retain": "2x"}, "consultations.summer.retain: "),
        ({**SUMMER, "access": {"some_of": ["work", "address"]}}, "'some_of' is no word of an access rule"),
        ({**SUMMER, "access": {"any_of": ["work", "work"]}}, "'work' stands twice in one list"),
        ({**SUMMER, "title": {"english": "x"}}, "a text's language is a tag such as en"),
        (
            {"questions": {"a": {"criterion": "lives-in", "rounds": "3"}}},
            "consultations.summer.questions.a.rounds: must be a whole number",
        ),
    ],
)
def test_what_only_the_models_see_stands_in_the_refusal_with_its_place(desk: Desk, document: Any, said: str) -> None:
    version = desk.reading.config_version()
    publish(desk, document=document)
    assert said in refused(desk)
    assert desk.reading.config_version() == version
    assert questions(desk) == []


def test_a_refused_revision_leaves_the_one_before_in_force(desk: Desk) -> None:
    publish(desk)
    desk.keeping.apply_publications()
    version = desk.reading.config_version()
    publish(desk, document={**SUMMER, "retain": "2x"})
    refused(desk)
    assert desk.client.publication("summer").config_version == version
    assert len(questions(desk)) == 2
    desk.apply({**CHOOSABLE, "criteria": {**CHOOSABLE["criteria"], "new": {"source": "rpps"}}})
    assert len(questions(desk)) == 2, "what is kept is what is in force, not what was refused"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("[", "this is no JSON"),
        ("7", "must be a map"),
        ('{"questions": {}, "questions": {}}', "'questions' stands twice in one map"),
        ("[" * 100_000, "nested more than 40 deep"),
        ('{"title": ' + "[" * 60 + "]" * 60 + "}", "nested more than 40 deep"),
        (r'{"title": "\ud800"}', "holds a NUL or half a character"),
        (r'{"title": "a\u0000"}', "holds a NUL or half a character"),
        ('{"title": 1e999}', "this is no number"),
        ('{"questions": {"a": {"criterion": "invented"}}}', "there is no criterion 'invented'"),
        ('{"sources": {}}', "consultations.summer.sources: unknown option"),
        ('{"questions": {"a": {"criterion": "near", "with": {"zone": "port"}}}}', "zone 'port' is not imported"),
        ('{"questions": {"a": {"criterion": "own-code", "with": {"list": "x"}}}}', "there is no list of codes 'x'"),
        ('{"questions": {"a": {"criterion": "lives-in", "with": {"zone": "x"}}}}', "does not leave zone open"),
    ],
)
def test_whatever_stands_in_a_row_is_answered_and_holds_up_no_other(desk: Desk, document: str, said: str) -> None:
    force(desk, "summer", document)
    publish(desk, "autumn")
    assert said in refused(desk)
    assert desk.client.publication("autumn").state is PublicationState.PUBLISHED
    assert desk.keeping.apply_publications() == 0, "it is never tried again"


def test_a_failure_of_our_own_holds_up_no_other(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from config import publications

    real = publications.published

    def failing(document: Any, name: str, *rest: Any) -> Any:
        if name == "summer":
            raise KeyError("a mistake of ours")
        return real(document, name, *rest)

    monkeypatch.setattr(publications, "published", failing)
    publish(desk)
    publish(desk, "autumn")
    assert "tell the administrators" in refused(desk)
    assert desk.client.publication("autumn").state is PublicationState.PUBLISHED


def test_a_name_that_administrators_took_meanwhile_is_refused(desk: Desk) -> None:
    publish(desk)
    desk.apply(
        {
            **CHOOSABLE,
            "consultations": {**CHOOSABLE["consultations"], "summer": {"questions": {"a": {"criterion": "lives-in"}}}},
        }
    )
    assert "administrators' configuration has a consultation 'summer'" in refused(desk)
    assert questions(desk) == [("a", "lives-in", 1, 3600.0)]


def test_zones_and_lists_are_named_where_they_are_left_open(desk: Desk) -> None:
    desk.publishing.import_zones([NewZone("port", "Port", "a", b"\0")], ADMIN)
    desk.add_codes(code_list="summer-codes")
    asked = {
        "home": {"criterion": "near", "with": {"zone": "port"}},
        "code": {"criterion": "own-code", "with": {"list": "summer-codes"}},
    }
    publish(desk, document={"questions": asked})
    desk.keeping.apply_publications()
    assert desk.client.publication("summer").state is PublicationState.PUBLISHED
    with pytest.raises(InvalidConsultation, match="there is no zone 'harbour' — there is port"):
        publish(desk, document={"questions": {"home": {"criterion": "near", "with": {"zone": "harbour"}}}})


def test_two_consultations_have_codes_of_their_own(desk: Desk) -> None:
    from config.configuration import Configuration
    from tasks.running import Running

    for name in ("summer", "autumn"):
        desk.add_codes(code_list=name)
        publish(desk, name, {"questions": {"code": {"criterion": "own-code", "with": {"list": name}, "rounds": 2}}})
    desk.keeping.apply_publications()
    version = desk.reading.config_version()
    assert version is not None
    desk.configuration = Configuration.from_json(desk.reading.config(version))
    (code,) = desk.add_codes(code_list="summer")
    typed = {"code": code}
    checks = [desk.submit(question="code", consultation=name, answer=typed).id for name in ("autumn", "summer")]
    plan, running = desk.plan(), Running(desk.unseal)
    desk.write(*running.run_many(desk.claim("own"), plan))
    assert [desk.verdicts(check) for check in checks] == [[("refused", "code_unknown")], [("accepted", "code_valid")]]


# -- checks on their way


def test_a_change_that_takes_a_question_from_checks_on_their_way_is_refused(desk: Desk) -> None:
    publish(desk)
    desk.keeping.apply_publications()
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
    desk.keeping.apply_publications()
    assert len(questions(desk)) == 3, "what they need stays"


def test_access_adds_up_again_where_a_rule_changed_and_nowhere_else(desk: Desk) -> None:
    desk.submit("p-1")
    publish(desk)
    desk.keeping.apply_publications()
    desk.submit(question="address", consultation="summer")
    desk.write(*(entry(held) for held in desk.claim("towns")))
    before = desk.one("SELECT config_version FROM jurat_access WHERE consultation = 'budget'")
    stricter = {**SUMMER, "access": {"all_of": ["address", "work"]}}
    assert desk.client.access("summer", "p-1").state == "granted"
    publish(desk, document=stricter)
    desk.keeping.apply_publications()
    assert desk.keeping.add_up_access() == 1
    assert desk.client.access("summer", "p-1").state == "incomplete"
    assert desk.one("SELECT config_version FROM jurat_access WHERE consultation = 'budget'") == before


# -- administrators


def test_what_is_published_outlasts_the_administrators_next_configuration(desk: Desk) -> None:
    publish(desk)
    desk.keeping.apply_publications()
    assert desk.publishing.apply(configuration(CHOOSABLE), ADMIN)[1] is False, "it says the same as before"
    desk.apply({**CHOOSABLE, "consultations": {}})
    assert questions(desk) == [("work", "is-physician", 2, 172800.0), ("address", "lives-in", 1, 3600.0)]
    assert questions(desk, "budget") == []


def test_a_name_in_both_is_refused(desk: Desk) -> None:
    publish(desk)
    desk.keeping.apply_publications()
    both = {**CHOOSABLE, "consultations": {**CHOOSABLE["consultations"], "summer": SUMMER}}
    for force_it in (False, True):
        with pytest.raises(Unpublishable, match="the platform has published a consultation 'summer' too"):
            desk.publishing.apply(configuration(both), ADMIN, force=force_it)
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
    desk.publishing.import_zones([NewZone("port", "Port", "a", b"\0")], ADMIN)
    desk.add_codes(code_list="mine")
    more = {"home": {"criterion": "near", "with": {"zone": "port"}}}
    code = {"code": {"criterion": "own-code", "with": {"list": "mine"}}}
    publish(desk, document={"questions": {**SUMMER["questions"], **more, **code}})  # type: ignore[dict-item]
    desk.keeping.apply_publications()
    version = desk.reading.config_version()
    left = {name: part for name, part in {**CHOOSABLE["criteria"], **criteria}.items() if part is not None}
    with pytest.raises(Unpublishable) as told:
        desk.publishing.apply(configuration({**CHOOSABLE, "criteria": left, "consultations": {}}), ADMIN)
    assert "the consultation 'summer', which the platform published" in str(told.value)
    assert said in str(told.value)
    assert desk.reading.config_version() == version


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
    before = desk.reading.config_version()
    assert before is not None
    for n in range(6):
        publish(desk, f"call-{n}")
    with ThreadPoolExecutor(4) as pool:
        answered = list(pool.map(lambda _: Keeping(desk.engine).apply_publications(), range(8)))
    assert sum(answered) == 6
    assert desk.one("SELECT count(*) FROM jurat_consultations WHERE applied_document IS NOT NULL") == 6
    assert desk.reading.config_version() == before + 1


def test_one_that_is_being_published_anew_holds_up_no_other(postgresql: Desk) -> None:
    desk = postgresql
    desk.apply(CHOOSABLE)
    publish(desk)
    publish(desk, "autumn")
    with desk.engine.begin() as connection:
        desk.client.publish_consultation(connection, "summer", SUMMER, by=WHO)
        assert desk.keeping.apply_publications() == 1
        assert desk.client.publication("autumn").state is PublicationState.PUBLISHED
    assert desk.client.publication("summer").revision == 2
    assert desk.keeping.apply_publications() == 1


def test_each_role_has_just_the_rights_that_its_part_needs(postgresql: Desk) -> None:
    desk = postgresql
    desk.apply(CHOOSABLE)
    with Logins(desk.url) as logins:
        engines = {role: open_engine(logins.url(role)) for role in (Role.PLATFORM, Role.WORKER, Role.ADMIN)}
        platform = Client(logins.url(Role.PLATFORM))
        for document in (SUMMER, {**SUMMER, "access": "work"}, None, SUMMER):
            with engines[Role.PLATFORM].begin() as connection:
                platform.publish_consultation(connection, "summer", document, by=WHO)
            assert Keeping(bounded(engines[Role.WORKER])).apply_publications() == 1
            expected = PublicationState.WITHDRAWN if document is None else PublicationState.PUBLISHED
            assert platform.publication("summer").state is expected
        changed = {**CHOOSABLE, "criteria": {**CHOOSABLE["criteria"], "new": {"source": "rpps"}}}
        assert Publishing(engines[Role.ADMIN]).apply(configuration(changed), ADMIN)[1]
        platform.close()
        for engine in engines.values():
            engine.dispose()
    assert len(questions(desk)) == 2


def test_before_the_first_configuration_there_is_nothing_to_choose(sqlite_url: str) -> None:
    client = Client(sqlite_url)
    engine = open_engine(sqlite_url)
    with engine.begin() as connection, pytest.raises(InvalidConsultation, match="there is none"):
        client.publish_consultation(connection, "summer", SUMMER, by=WHO)
    engine.dispose()
    client.close()


def test_a_configuration_of_a_newer_jurat_is_left_to_its_own_workers(desk: Desk) -> None:
    publish(desk)
    desk.sql(
        "INSERT INTO jurat_configs (version, digest, document, applied_by, applied_at) VALUES (99, 'x', "
        '\'{"order": {}, "sources": {"new": {"type": "invented-later"}}}\', \'a\', NOW)'
    )
    assert desk.keeping.apply_publications() == 0
    assert desk.client.publication("summer").state is PublicationState.WAITING
