"""Many publications, and large ones: what a platform publishes keeps neither administrators nor others waiting."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DataError, InternalError

from jurat import InvalidConsultation, PublicationState
from jurat import publications as limits
from jurat.database import bounded, open_engine
from jurat.vocabulary import Reason
from store.configurations import config_versions, consultations, questions
from store.configurations.consultations import Consultations, Unpublishable
from store.configurations.publisher import ConfigPublisher
from store.schema.grants import DatabaseRole
from store.upkeep.upkeep import Upkeep
from tests.rigs.logins import Logins
from tests.store.desk import ADMIN, Desk
from tests.store.publications import CHOOSABLE, SUMMER, WHO, force, publish, refused
from tests.store.publications import questions as published_questions

OTHER = {**CHOOSABLE, "sources": {**CHOOSABLE["sources"], "more": {"type": "simulated"}}}
"""The administrators' next configuration."""


@pytest.fixture
def desk(desk: Desk) -> Desk:
    desk.apply(CHOOSABLE)
    return desk


def large(nth: int, asked: int = 50, size: int = 190_000) -> Mapping[str, Any]:
    """A consultation of about `size` bytes of texts, which are in the row of each of its questions."""
    said = f"{nth} " + "x" * (size // (2 * len(Reason)) - 20)
    texts = {reason.value: {"en": said, "fr": said} for reason in Reason}
    return {"questions": {f"q{n}": {"criterion": "lives-in"} for n in range(asked)}, "messages": texts}


def states(desk: Desk, *names: str) -> list[str]:
    return [desk.client.publication(name).state for name in names]


class Failing:
    """Fails as a database does, with `state`, where a configuration with a certain consultation is stored."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, state: str, *names: str) -> None:
        self.tried = 0
        add_version = config_versions.add_version

        def failing(connection: Connection, configuration: Any, only: Collection[str], *given: Any) -> int:
            if set(names) & set(only):
                self.tried += 1
                original = type("Said", (Exception,), {"sqlstate": state})()
                raise (DataError if not state else InternalError)("INSERT", {}, original)
            return add_version(connection, configuration, only, *given)

        monkeypatch.setattr(consultations, "add_version", failing)


# -- large ones


def statements_of(engine: Engine, sizes: list[int]) -> None:
    @event.listens_for(engine, "before_cursor_execute")
    def _(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "INSERT INTO jurat_questions" in statement:
            sizes.append(len(str(parameters)))


def test_questions_are_written_in_parts_with_the_texts_of_their_consultation_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "CHUNK", 100_000)
    for n in range(4):
        publish(desk, f"call-{n}", large(n, asked=12, size=20_000))
    assert desk.upkeep.apply_publications() == 4
    written: list[int] = []
    statements_of(desk.engine, written)
    desk.apply(OTHER)
    assert len(written) > 4
    assert max(written) < 50_000, "none has the texts of a consultation again for each of its questions"
    found = desk.sql(
        "SELECT consultation, question, CAST(messages AS text) FROM jurat_questions WHERE question LIKE 'q%'"
    )
    assert len(found) == 48
    for consultation, _, texts in found:
        assert json.loads(texts) == large(int(consultation[-1]), size=20_000)["messages"]
    assert len(published_questions(desk, "budget")) == 3


@pytest.mark.slow
def test_large_consultations_do_not_lock_administrators_out(desk: Desk) -> None:
    for n in range(40):
        publish(desk, f"call-{n}", large(n))
    while desk.upkeep.apply_publications():
        pass
    assert set(states(desk, *(f"call-{n}" for n in range(40)))) == {PublicationState.PUBLISHED}
    before = desk.queries.config_version()
    assert before is not None
    unbounded = open_engine(desk.url)  # as the command has it: a slow machine takes long for so much
    desk.publisher = ConfigPublisher(unbounded)
    assert desk.apply(OTHER) == before + 1
    unbounded.dispose()


def test_a_batch_has_so_many_bytes_and_at_least_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(json.dumps(SUMMER, ensure_ascii=False, separators=(",", ":")).encode())
    for n in range(5):
        publish(desk, f"call-{n}")
    monkeypatch.setattr(consultations, "BATCH_BYTES", 2 * size)
    assert desk.upkeep.apply_publications() == 2
    monkeypatch.setattr(consultations, "BATCH_BYTES", size - 1)
    assert desk.upkeep.apply_publications() == 1
    assert states(desk, *(f"call-{n}" for n in range(5))) == [*["published"] * 3, *["waiting"] * 2]


def test_only_the_questions_of_what_changed_are_written(desk: Desk) -> None:
    publish(desk, "same")
    desk.upkeep.apply_publications()
    desk.sql("UPDATE jurat_questions SET source = 'as it was' WHERE consultation = 'same'")
    publish(desk, "same")
    publish(desk, "new")
    assert desk.upkeep.apply_publications() == 2
    assert set(desk.sql("SELECT source FROM jurat_questions WHERE consultation = 'same'")) == {("as it was",)}
    assert len(published_questions(desk, "new")) == 2


def test_questions_in_another_order_are_a_change(desk: Desk) -> None:
    publish(desk)
    desk.upkeep.apply_publications()
    publish(desk, document={**SUMMER, "questions": dict(reversed(SUMMER["questions"].items()))})  # type: ignore[attr-defined]
    desk.upkeep.apply_publications()
    assert [row[0] for row in published_questions(desk)] == ["address", "work"]


# -- what the database does not take


@pytest.mark.parametrize("state", ["54000", ""])
def test_one_that_the_database_does_not_take_is_refused_and_holds_up_no_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    names = [f"call-{n}" for n in range(5)]
    for name in names:
        publish(desk, name)
    failing = Failing(monkeypatch, state, "call-3")
    assert desk.upkeep.apply_publications() == 5
    assert states(desk, *names) == ["published", "published", "published", "refused", "published"]
    assert "the database cannot store it" in (desk.client.publication("call-3").refused or "")
    assert failing.tried <= 4, "in halves"
    assert desk.upkeep.apply_publications() == 0


def test_one_that_takes_too_long_waits_and_holds_up_no_other(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"call-{n}" for n in range(5)]
    for name in names:
        publish(desk, name)
    Failing(monkeypatch, "25P04", "call-0")
    assert desk.upkeep.apply_publications() == 4
    assert states(desk, *names) == ["waiting", *["published"] * 4]


def test_a_slow_database_refuses_nothing_and_is_not_asked_for_each(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"call-{n}" for n in range(8)]
    for name in names:
        publish(desk, name)
    failing = Failing(monkeypatch, "57014", *names)
    with pytest.raises(InternalError):
        desk.upkeep.apply_publications()
    assert failing.tried < 8
    assert set(states(desk, *names)) == {"waiting"}


@pytest.mark.parametrize("state", ["42501", "55P03"])
def test_what_is_no_fault_of_a_publication_refuses_none(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    publish(desk)
    Failing(monkeypatch, state, "summer")
    with pytest.raises(InternalError):
        desk.upkeep.apply_publications()
    assert states(desk, "summer") == ["waiting"]


def test_administrators_are_told_in_a_sentence(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise InternalError("INSERT", {}, type("Said", (Exception,), {"sqlstate": "54000"})())

    monkeypatch.setattr("store.configurations.publisher.replace_questions", fails)
    before = desk.queries.config_version()
    with pytest.raises(Unpublishable, match=r"cannot store this configuration \(54000\).*config withdraw NAME"):
        desk.apply(OTHER)
    assert desk.queries.config_version() == before


# -- so many, and no more


def test_a_platform_has_so_many_consultations_at_most(desk: Desk) -> None:
    many = json.dumps([f"call-{n}" for n in range(limits.MOST_PUBLISHED)])
    names = (
        "jsonb_array_elements_text(CAST(:names AS jsonb)) AS n (value)" if desk.postgresql else "json_each(:names) n"
    )
    desk.sql(
        "INSERT INTO jurat_consultations (name, document, published_by, published_at, answered_revision, "
        f"applied_document) SELECT n.value, '{{}}', 'x', NOW, 1, '{{}}' FROM {names}",
        names=many,
    )
    with pytest.raises(InvalidConsultation, match="1,000 consultations already"):
        publish(desk)
    publish(desk, "call-7")
    force(desk, "beyond", json.dumps(SUMMER))
    assert "1,000 consultations already" in refused(desk, "beyond"), "a worker tells a platform that did not ask first"
    for name in ("beyond", "call-8"):
        publish(desk, name, None)
    desk.upkeep.apply_publications()
    publish(desk)
    desk.upkeep.apply_publications()
    assert states(desk, "summer", "call-7", "call-8") == ["published", "published", "withdrawn"]


def test_they_have_so_many_bytes_together(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.sql(
        "INSERT INTO jurat_consultations (name, document, published_by, published_at, answered_revision, "
        "applied_document) VALUES ('old', '{}', 'x', NOW, 1, :large)",
        large="é" * (limits.LARGEST_TOGETHER // 2 - 100),
    )
    with pytest.raises(InvalidConsultation, match="larger than 16 MiB together"):
        publish(desk)
    force(desk, "summer", json.dumps(SUMMER))
    assert "larger than 16 MiB together" in refused(desk), "what is in the configuration counts, not what may come"
    small = {"questions": {"a": {"criterion": "lives-in"}}}
    assert publish(desk, document=small) == 2
    desk.upkeep.apply_publications()
    assert states(desk, "summer") == ["published"]


# -- at the same moment


def test_workers_that_publish_at_the_same_moment_answer_each_once(desk: Desk) -> None:
    before = desk.queries.config_version()
    assert before is not None
    names = [f"call-{n}" for n in range(12)]
    for name in names:
        publish(desk, name)

    def worker(_: int) -> int:
        upkeep = Upkeep(desk.engine)
        return sum(upkeep.apply_publications(2) for _ in range(8))

    with ThreadPoolExecutor(4) as pool:
        answered = sum(pool.map(worker, range(4)))
    while count := desk.upkeep.apply_publications():
        answered += count
    assert answered == 12
    assert set(states(desk, *names)) == {PublicationState.PUBLISHED}
    versions = [row[0] for row in desk.sql("SELECT version FROM jurat_configs ORDER BY version")]
    assert versions == list(range(1, versions[-1] + 1))
    assert before < versions[-1] <= before + 6, "two in each, or more at the end"
    rows = desk.sql("SELECT subject FROM jurat_audit WHERE action = 'consultation publish' ORDER BY subject")
    assert [row[0] for row in rows] == sorted(names)
    assert all(len(published_questions(desk, name)) == 2 for name in names)


# -- administrators withdraw one


def withdraw(desk: Desk, name: str = "summer") -> int | None:
    return Consultations(desk.engine).withdraw(name, ADMIN)


def test_administrators_withdraw_one_at_once(desk: Desk) -> None:
    publish(desk)
    publish(desk, "winter")
    desk.upkeep.apply_publications()
    assert withdraw(desk) == desk.queries.config_version()
    assert states(desk, "summer", "winter") == ["withdrawn", "published"]
    assert published_questions(desk) == []
    assert len(published_questions(desk, "winter")) == 2
    ((actor, subject),) = desk.sql("SELECT actor, subject FROM jurat_audit WHERE action = 'consultation withdraw'")
    assert (actor, subject) == (ADMIN, "summer")
    with pytest.raises(Unpublishable, match=r"no consultation 'summer'\. There is winter"):
        withdraw(desk)
    assert publish(desk) == 3, "the platform may publish it again"


def test_one_whose_checks_are_on_their_way_is_not_withdrawn(desk: Desk) -> None:
    publish(desk)
    desk.upkeep.apply_publications()
    desk.submit(question="work", consultation="summer")
    with pytest.raises(Unpublishable, match="1 of summer/work at source rpps"):
        withdraw(desk)
    said = desk.client.publication("summer")
    assert (said.state, said.revision) == ("published", 1)
    assert len(published_questions(desk)) == 2


def test_one_that_waits_or_was_refused_is_withdrawn_as_well(desk: Desk) -> None:
    publish(desk)
    force(desk, "budget", json.dumps(SUMMER))
    assert "administrators" in refused(desk, "budget")
    publish(desk, "winter")
    before = desk.queries.config_version()
    for name in ("budget", "winter"):
        withdraw(desk, name)
    assert states(desk, "summer", "budget", "winter") == ["published", "withdrawn", "withdrawn"]
    assert desk.queries.config_version() == before
    assert len(published_questions(desk, "budget")) == 3, "that of the administrators stays"


def test_administrators_have_the_rights_for_it(postgresql: Desk) -> None:
    postgresql.apply(CHOOSABLE)
    publish(postgresql)
    postgresql.upkeep.apply_publications()
    with Logins(postgresql.url) as logins:
        engine = bounded(open_engine(logins.url(DatabaseRole.ADMIN)))
        Consultations(engine).withdraw("summer", WHO)
        engine.dispose()
    assert states(postgresql, "summer") == ["withdrawn"]
