"""Consultations that a platform publishes: how they get into the configuration, and what keeps them out."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from jurat import InvalidConsultation, PublicationState, Reason, UnknownConsultation
from store.datasets.zones import NewZone, import_zones
from tests.store.desk import ADMIN, REFUSED, Desk
from tests.store.publications import CHOOSABLE, SUMMER, WHO, force, publish, questions, refused
from tests.store.reviews import ReviewDecisions


@pytest.fixture
def desk(desk: Desk) -> Desk:
    desk.apply(CHOOSABLE)
    return desk


# -- the way in


def test_a_consultation_waits_and_is_then_in_the_configuration(desk: Desk) -> None:
    before = desk.queries.config_version()
    assert before is not None
    assert publish(desk) == 1
    assert desk.client.publication("summer").state is PublicationState.WAITING
    assert "consultations" in desk.upkeep.turns({"consultations": 0.0})
    assert desk.upkeep.apply_publications() == 1
    assert "consultations" not in desk.upkeep.turns({"consultations": 0.0}), "nothing is waiting any more"
    assert desk.upkeep.apply_publications() == 0
    said = desk.client.publication("summer")
    assert (said.state, said.revision, said.config_version, said.refused) == ("published", 1, before + 1, None)
    assert questions(desk) == [("work", "is-physician", 2, 172800.0), ("address", "lives-in", 1, 3600.0)]
    assert desk.queries.applied(before + 1).applied_by == WHO
    ((actor, action, subject),) = desk.sql(
        "SELECT actor, action, subject FROM jurat_audit WHERE action LIKE 'consultation%'"
    )
    assert (actor, action, subject) == (WHO, "consultation publish", "summer")


def test_a_participant_confirms_an_answer_and_gets_a_verdict(desk: Desk) -> None:
    publish(desk)
    desk.upkeep.apply_publications()
    check = desk.submit(question="address", consultation="summer")
    held = desk.claim_one("towns")
    desk.settle(held)
    assert desk.result(check.id).outcome == "accepted"
    assert desk.client.access("summer", "p-1").state == "granted", "its own rule holds"


def test_many_become_one_version_and_each_has_its_audit_row(desk: Desk) -> None:
    before = desk.queries.config_version()
    assert before is not None
    for n in range(3):
        publish(desk, f"call-{n}", by=f"person {n}")
    force(desk, "bad", '{"questions": {"a": {"criterion": "invented"}}}')
    assert desk.upkeep.apply_publications() == 4
    assert desk.queries.config_version() == before + 1
    assert desk.queries.applied(before + 1).applied_by == "worker", "of several persons"
    assert {desk.client.publication(f"call-{n}").state for n in range(3)} == {PublicationState.PUBLISHED}
    rows = desk.sql("SELECT actor, subject FROM jurat_audit WHERE action = 'consultation publish' ORDER BY subject")
    assert [tuple(row) for row in rows] == [(f"person {n}", f"call-{n}") for n in range(3)]


def test_a_further_revision_replaces_the_one_before(desk: Desk) -> None:
    publish(desk)
    desk.upkeep.apply_publications()
    changed = deepcopy(SUMMER)
    changed["questions"] = {"address": {"criterion": "lives-in", "rounds": 3}}
    changed["access"] = "address"
    assert publish(desk, document=changed) == 2
    assert desk.client.publication("summer").state is PublicationState.WAITING
    assert len(questions(desk)) == 2, "the one before is in force until then"
    desk.upkeep.apply_publications()
    assert questions(desk) == [("address", "lives-in", 3, 3600.0)]
    assert len(questions(desk, "budget")) == 3, "no other was touched"


def test_the_same_again_is_no_new_version(desk: Desk) -> None:
    publish(desk)
    desk.upkeep.apply_publications()
    version = desk.queries.config_version()
    assert publish(desk) == 2
    assert desk.upkeep.apply_publications() == 1
    assert desk.queries.config_version() == version
    assert desk.client.publication("summer").state is PublicationState.PUBLISHED


def test_one_is_withdrawn_and_may_come_back(desk: Desk) -> None:
    publish(desk)
    desk.upkeep.apply_publications()
    assert publish(desk, document=None) == 2
    desk.upkeep.apply_publications()
    said = desk.client.publication("summer")
    assert (said.state, said.config_version) == (PublicationState.WITHDRAWN, None)
    assert questions(desk) == []
    with pytest.raises(UnknownConsultation):
        desk.submit(question="address", consultation="summer")
    with pytest.raises(InvalidConsultation, match="has published no such consultation"):
        publish(desk, document=None)
    assert publish(desk) == 3
    desk.upkeep.apply_publications()
    assert len(questions(desk)) == 2


OTHER = {
    **SUMMER,
    "questions": {"work": {"criterion": "is-physician"}, "address": {"criterion": "is-physician"}},
}


@pytest.mark.parametrize("withdrawn", [False, True])
def test_what_was_accepted_under_one_criterion_does_not_count_for_another(desk: Desk, *, withdrawn: bool) -> None:
    publish(desk)
    desk.upkeep.apply_publications()
    desk.submit(question="address", consultation="summer")
    desk.settle(desk.claim_one("towns"), config_version=desk.queries.config_version())
    if withdrawn:
        publish(desk, document=None)
        desk.upkeep.apply_publications()
    publish(desk, document=OTHER)
    assert "answers to address were accepted under another criterion" in refused(desk)
    publish(desk, document={**SUMMER, "title": "The same again"})
    desk.upkeep.apply_publications()
    assert desk.client.publication("summer").state is PublicationState.PUBLISHED
    desk.upkeep.add_up_access()
    assert desk.client.access("summer", "p-1").state == "granted"


def test_a_criterion_may_change_while_nothing_was_accepted(desk: Desk) -> None:
    publish(desk)
    desk.upkeep.apply_publications()
    desk.submit(question="address", consultation="summer")
    desk.settle(desk.claim_one("towns"), REFUSED)
    publish(desk, document=OTHER)
    desk.upkeep.apply_publications()
    assert desk.client.publication("summer").state is PublicationState.PUBLISHED


def test_and_once_a_person_no_longer_accepts_what_was_accepted(desk: Desk) -> None:
    publish(desk)
    desk.upkeep.apply_publications()
    check = desk.submit(question="address", consultation="summer")
    desk.settle(desk.claim_one("towns"), config_version=desk.queries.config_version())
    decisions = ReviewDecisions(desk.engine)
    decisions.reopen(check.id, WHO)
    decisions.decide(check.id, Reason.PERSON_REFUSED, WHO)
    publish(desk, document=OTHER)
    desk.upkeep.apply_publications()
    assert desk.client.publication("summer").state is PublicationState.PUBLISHED


def test_a_transaction_that_is_rolled_back_publishes_nothing(desk: Desk) -> None:
    with desk.engine.connect() as connection, connection.begin() as transaction:
        desk.client.publish_consultation(connection, "summer", SUMMER, by=WHO)
        transaction.rollback()
    assert desk.upkeep.apply_publications() == 0
    with pytest.raises(UnknownConsultation, match="summer"):
        desk.client.publication("summer")


def test_a_refusal_leaves_the_transaction_usable(desk: Desk) -> None:
    with desk.engine.begin() as connection:
        with pytest.raises(InvalidConsultation) as told:
            desk.client.publish_consultation(connection, "budget", SUMMER, by=WHO)
        assert desk.client.publish_consultation(connection, "autumn", SUMMER, by=WHO) == 1
    error = told.value
    assert error.place == "consultations.budget"
    assert error.problem == "the administrators' configuration has this name"
    assert error.hint == "choose another name"


@pytest.mark.parametrize(
    ("name", "document", "by", "said"),
    [
        ("summer", {"questions": {1, 2}}, WHO, "document: is no JSON"),
        ("summer", {"title": float("nan")}, WHO, "document: is no JSON"),
        ("summer", {"title": "\ud800"}, WHO, "holds half a character"),
        ("\ud800", SUMMER, WHO, "name: "),
        (7, SUMMER, WHO, "name: must be text"),
        ("summer", SUMMER, None, "published_by: must be text"),
        ("summer", SUMMER, "\0", "published_by: must be 1 to 200 printable characters"),
        ("summer", [SUMMER], WHO, "document: must be a map"),
    ],
)
def test_whatever_is_given_is_a_sentence(desk: Desk, name: Any, document: Any, by: Any, said: str) -> None:
    with desk.engine.begin() as connection:
        with pytest.raises(InvalidConsultation, match=said):
            desk.client.publish_consultation(connection, name, document, by=by)
        assert desk.client.publish_consultation(connection, "autumn", SUMMER, by=WHO) == 1


def test_a_document_that_is_nested_without_end_is_a_sentence(desk: Desk) -> None:
    nested: Any = "residence"
    for _ in range(100_000):
        nested = {"all_of": [nested]}
    with pytest.raises(InvalidConsultation, match="nested"):
        publish(desk, document={**SUMMER, "access": nested})


# -- what only a worker finds


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({**SUMMER, "retain": "2x"}, "consultations.summer.retain: "),
        ({**SUMMER, "access": {"some_of": ["work", "address"]}}, "an access rule has no 'some_of'"),
        ({**SUMMER, "access": {"any_of": ["work", "work"]}}, "'work' appears twice in one list"),
        ({**SUMMER, "title": {"english": "x"}}, "a text's language is a tag such as en"),
        (
            {"questions": {"a": {"criterion": "lives-in", "rounds": "3"}}},
            "consultations.summer.questions.a.rounds: must be a whole number",
        ),
    ],
)
def test_what_only_the_models_see_stands_in_the_refusal_with_its_place(desk: Desk, document: Any, said: str) -> None:
    version = desk.queries.config_version()
    publish(desk, document=document)
    assert said in refused(desk)
    assert desk.queries.config_version() == version
    assert questions(desk) == []


def test_a_refused_revision_leaves_the_one_before_in_force(desk: Desk) -> None:
    publish(desk)
    desk.upkeep.apply_publications()
    version = desk.queries.config_version()
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
        ('{"questions": {}, "questions": {}}', "'questions' appears twice in one map"),
        ("[" * 100_000, "nested more than 40 deep"),
        ('{"title": ' + "[" * 60 + "]" * 60 + "}", "nested more than 40 deep"),
        (r'{"title": "\ud800"}', "contains a NUL or half a character"),
        (r'{"title": "a\u0000"}', "contains a NUL or half a character"),
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
    assert desk.upkeep.apply_publications() == 0, "it is never tried again"


def test_a_failure_of_our_own_holds_up_no_other(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from config import publications

    real = publications.read_consultation

    def failing(document: Any, name: str, *rest: Any) -> Any:
        if name == "summer":
            raise KeyError("a mistake of ours")
        return real(document, name, *rest)

    monkeypatch.setattr(publications, "read_consultation", failing)
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
    import_zones(desk.engine, [NewZone("port", "Port", "a", b"\0")], ADMIN)
    desk.add_codes(code_list="summer-codes")
    asked = {
        "home": {"criterion": "near", "with": {"zone": "port"}},
        "code": {"criterion": "own-code", "with": {"list": "summer-codes"}},
    }
    publish(desk, document={"questions": asked})
    desk.upkeep.apply_publications()
    assert desk.client.publication("summer").state is PublicationState.PUBLISHED
    publish(desk, document={"questions": {"home": {"criterion": "near", "with": {"zone": "harbour"}}}})
    assert "consultations.summer.questions.home.with.zone: zone 'harbour' is not imported" in refused(desk)


def test_two_consultations_have_codes_of_their_own(desk: Desk) -> None:
    from config.configuration import Configuration
    from tasks.check_runner import CheckRunner

    for name in ("summer", "autumn"):
        desk.add_codes(code_list=name)
        publish(desk, name, {"questions": {"code": {"criterion": "own-code", "with": {"list": name}, "rounds": 2}}})
    desk.upkeep.apply_publications()
    version = desk.queries.config_version()
    assert version is not None
    desk.configuration = Configuration.from_json(desk.queries.config(version))
    (code,) = desk.add_codes(code_list="summer")
    typed = {"code": code}
    checks = [desk.submit(question="code", consultation=name, answer=typed).id for name in ("autumn", "summer")]
    plan, running = desk.plan(), CheckRunner(desk.unseal)
    desk.write(*running.run_many(desk.claim("own"), plan))
    assert [desk.verdicts(check) for check in checks] == [[("refused", "code_unknown")], [("accepted", "code_valid")]]
