"""What a publication makes of the configuration, and what no one makes of it who has the rights of a worker alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import psycopg
import pytest

from config.configuration import Configuration
from store.configurations.turn import take_turn
from store.schema.grants import DatabaseRole
from tests.rigs.logins import Logins, plain
from tests.store.desk import Desk, configuration
from tests.store.publications import CHOOSABLE, SUMMER, WHO, force, publish, questions


@pytest.fixture
def desk(desk: Desk) -> Desk:
    desk.apply(CHOOSABLE)
    return desk


@pytest.fixture
def waiting(postgresql: Desk) -> Desk:
    """On PostgreSQL; the platform has published `summer`, and no one has answered."""
    postgresql.apply(CHOOSABLE)
    publish(postgresql)
    return postgresql


@pytest.fixture
def thief(waiting: Desk) -> Iterator[psycopg.Connection[Any]]:
    """Someone who has a worker's password for the database, and nothing else."""
    with Logins(waiting.url) as logins, logins.connection(DatabaseRole.WORKER) as connection:
        yield connection


def newest(desk: Desk) -> int:
    version = desk.queries.config_version()
    assert version is not None
    return version


def document(desk: Desk, version: int | None = None) -> dict[str, Any]:
    return json.loads(desk.queries.config(version or newest(desk)))  # type: ignore[no-any-return]


# -- what is kept


def test_what_administrators_set_stays_as_they_stored_it(desk: Desk) -> None:
    before = document(desk)
    publish(desk)
    desk.upkeep.apply_publications()
    after = document(desk)
    assert list(after["consultations"]) == ["budget", "summer"]
    assert after["order"].pop("consultations/summer/questions") == ["work", "address"]
    del after["consultations"]["summer"]
    assert after == before


def test_a_configuration_that_an_older_jurat_stored_takes_a_publication(desk: Desk) -> None:
    """Its document lacks a default that this version writes out."""
    older = document(desk)
    del older["sources"]["towns"]["breaker"]
    given = "CAST(:it AS jsonb)" if desk.postgresql else ":it"
    newer = "version = (SELECT max(version) FROM jurat_configs)"
    desk.sql(f"UPDATE jurat_configs SET document = {given}, digest = 'x' WHERE {newer}", it=json.dumps(older))
    publish(desk)
    assert desk.upkeep.apply_publications() == 1
    assert desk.client.publication("summer").state == "published"
    assert ("breaker" in document(desk)["sources"]["towns"]) is not desk.postgresql, "the database copies it"
    assert len(questions(desk)) == 2


def test_a_version_is_whole_once_and_can_be_read_ever_after(desk: Desk) -> None:
    long = {"questions": {"a": {"criterion": "lives-in", "title": {"en": "x" * 1900}}}}
    publish(desk, "long", long)
    desk.upkeep.apply_publications()
    small = {"questions": {"b": {"criterion": "lives-in"}, "a": {"criterion": "lives-in"}}}
    said = {newest(desk): document(desk)}
    for name, what in (("call", small), ("other", small), ("call", SUMMER), ("call", None), ("call", small)):
        publish(desk, name, what)
        desk.upkeep.apply_publications()
        said[newest(desk)] = document(desk)
    desk.apply({**CHOOSABLE, "sources": {**CHOOSABLE["sources"], "more": {"type": "simulated"}}})
    said[newest(desk)] = document(desk)
    publish(desk, "call", SUMMER)
    desk.upkeep.apply_publications()
    said[newest(desk)] = document(desk)
    assert len(said) == 8
    assert {version: document(desk, version) for version in said} == said
    for version in said:
        Configuration.from_json(desk.queries.config(version))
    length = "length(CAST(document AS text))"
    sizes = dict(tuple(row) for row in desk.sql(f"SELECT version, {length} FROM jurat_configs"))
    large = [version for version, size in sizes.items() if size > 2]
    published = sorted(said)
    assert [version for version in published if version in large] == published[-2:], "and that of the administrators"
    rows = desk.sql("SELECT version, length(CAST(change AS text)) FROM jurat_configs WHERE NOT whole")
    changed = dict(tuple(row) for row in rows)
    assert all(changed[version] < 1500 for version in published[1:-2]), "not with the texts of another consultation"


def test_a_configuration_before_a_newer_jurats_is_read_as_it_was(desk: Desk) -> None:
    """Access adds up by the newest configuration that this version can read, whole or not."""
    publish(desk)
    desk.upkeep.apply_publications()
    version = newest(desk)
    publish(desk, "autumn")
    desk.upkeep.apply_publications()
    given = "CAST(:it AS jsonb)" if desk.postgresql else ":it"
    desk.sql(
        f"UPDATE jurat_configs SET document = {given} WHERE whole AND version > :version",
        it='{"order": {}, "consultations": {}, "invented": 1}',
        version=version,
    )
    from store.verdicts.access import AccessRows

    with desk.engine.begin() as connection:
        applied = AccessRows().newest(connection)
    assert applied.version == version
    assert ("summer", "work") in applied.questions


# -- what a worker's rights do not reach


def laid(thief: psycopg.Connection[Any], after: int, *parts: Any) -> str:
    """What the database says to it."""
    try:
        thief.execute("SELECT jurat_add_version(%s, %s)", (after, json.dumps(parts)))
    except psycopg.Error as error:
        return str(error).splitlines()[0]
    return "done"


def part(name: str = "summer", **more: Any) -> dict[str, Any]:
    asked = configuration({**CHOOSABLE, "consultations": {name: SUMMER}}).document.consultations[name]
    said = asked.model_dump(mode="json", by_alias=True)
    return {"name": name, "part": said, "questions": list(asked.questions), **more}


def test_a_worker_lays_in_what_a_platform_waits_for_and_nothing_else(
    waiting: Desk, thief: psycopg.Connection[Any]
) -> None:
    before, version = document(waiting), newest(waiting)
    order = "jurat: summer cannot be put in force: the order of its questions is not theirs"
    force(waiting, "budget", json.dumps(SUMMER))
    closed, unknown = part(), part()
    closed["part"]["questions"]["work"]["with"] = {"zone": "mine"}
    unknown["part"]["questions"]["work"]["criterion"] = "mine"
    for parts, after, said in (
        ([part("mine")], version, "jurat: mine cannot be put in force: no platform waits for it"),
        ([part(), part("mine")], version, "jurat: mine cannot be put in force: no platform waits for it"),
        ([{}], version, "jurat: ? cannot be put in force: no platform waits for it"),
        ([part("budget")], version, "jurat: budget cannot be put in force: it is the administrators' own"),
        ([part(part=None)], version, "jurat: summer cannot be put in force: the platform asked for something else"),
        ([part(part=[])], version, "jurat: summer cannot be put in force: the platform asked for something else"),
        ([part(questions=["work"])], version, order),
        ([closed], version, "jurat: summer cannot be put in force: administrators leave no such criterion open"),
        ([unknown], version, "jurat: summer cannot be put in force: administrators leave no such criterion open"),
        ([part()], version - 1, f"jurat: no version can be added: version {version - 1} is not the newest"),
    ):
        assert laid(thief, after, *parts) == said
    assert (newest(waiting), document(waiting)) == (version, before)
    assert laid(thief, version, part(sources={"towns": {"url": "mine"}}, environment="test")) == "done"
    stored = document(waiting)
    assert {**stored, "consultations": 0, "order": 0} == {**before, "consultations": 0, "order": 0}
    assert stored["consultations"]["budget"] == before["consultations"]["budget"]
    assert waiting.queries.applied(version + 1).applied_by == WHO
    assert len(questions(waiting, "budget")) == 3


def test_a_worker_makes_no_consultation_of_the_administrators_the_platforms(
    waiting: Desk, thief: psycopg.Connection[Any]
) -> None:
    force(waiting, "budget", json.dumps(SUMMER))
    answer = [{"name": "budget", "revision": 1, "refused": None}]
    thief.execute("SELECT jurat_answer_consultations(%s)", (json.dumps(answer),))
    assert waiting.one("SELECT applied_document FROM jurat_consultations WHERE name = 'budget'") is None
    thief.execute("UPDATE jurat_consultations SET answered_revision = NULL WHERE name = 'budget'")
    assert "it is the administrators' own" in laid(thief, newest(waiting), part("budget"))


def test_a_worker_writes_questions_as_the_version_has_them(waiting: Desk, thief: psycopg.Connection[Any]) -> None:
    row = {"question": "work", "deadline_s": 60, "valid_s": None, "renew_s": None, "config_version": 1}
    own = {"consultation": "summer", **row, "source": "mine", "sources": ["mine"], "answer_schema": {"mine": 1}}

    def written(*rows: Any) -> str:
        try:
            thief.execute("SELECT jurat_add_questions(%s)", (json.dumps(rows),))
        except psycopg.Error as error:
            return str(error).splitlines()[0]
        return "done"

    none = "jurat: {} cannot be put in force: the newest version brought no such question"
    assert written(own) == none.format("summer"), "before it is laid in"
    assert laid(thief, newest(waiting), part()) == "done"
    assert written({"consultation": "budget", **row, "question": "more"}) == none.format("budget")
    for wrong in ({"question": "mine"}, {"config_version": 99}, {"deadline_s": 1e9}, {"valid_s": -1}):
        assert written({**own, **wrong}) == none.format("summer")
    assert written(own) == "done"
    columns = "source, CAST(sources AS text), CAST(answer_schema AS text), criterion, position, rounds"
    stored = waiting.sql(f"SELECT {columns} FROM jurat_questions WHERE consultation = 'summer'")
    schema = waiting.one("SELECT CAST(answer_schema AS text) FROM jurat_criteria WHERE name = 'is-physician'")
    assert [tuple(row) for row in stored] == [("rpps", '["rpps"]', schema, "is-physician", 0, 2)]


def test_rows_that_a_worker_lays_in_are_those_that_an_administrator_would_apply(waiting: Desk) -> None:
    asked = deepcopy(SUMMER)
    asked["questions"]["address"] |= {"valid_for": "60d", "title": {"en": "Where?"}}  # type: ignore[index]
    asked["messages"] = {"status_inactive": {"en": "Call us"}}
    publish(waiting, document=asked)
    waiting.upkeep.apply_publications()
    read = "SELECT * FROM jurat_questions WHERE consultation = 'summer' ORDER BY position"
    stored = [row._asdict() for row in waiting.sql(read)]
    waiting.sql("UPDATE jurat_configs SET digest = 'x', change = NULL")
    waiting.apply(CHOOSABLE)
    assert len(stored) == 2
    assert [row._asdict() for row in waiting.sql(read)] == stored


# -- whose turn it is


@contextmanager
def publisher(desk: Desk) -> Iterator[None]:
    """Someone is at it."""
    with desk.engine.begin() as connection:
        take_turn(connection, wait=True)
        yield


def test_programs_take_turns(waiting: Desk) -> None:
    with publisher(waiting):
        assert waiting.upkeep.apply_publications() == 0
    assert waiting.upkeep.apply_publications() == 1


def test_an_administrator_waits_for_their_turn(waiting: Desk) -> None:
    applied: list[int] = []
    applying = threading.Thread(target=lambda: applied.append(waiting.apply({**CHOOSABLE, "consultations": {}})))
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%jurat_take_turn%'"
    with plain(waiting.url) as watching:
        with publisher(waiting):
            applying.start()
            while watching.execute(waits).fetchone() != (1,):
                assert applying.is_alive()
            assert applied == []
        applying.join(30)
    assert applied == [newest(waiting)]
