"""Whose a consultation is and how large: `jurat_check_consultation` and the client find the same, in the same words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from jurat import Client, InvalidConsultation, publications
from jurat.publications import KnownConsultations, problem_of
from tests.conftest import ENGINES
from tests.jurat.consultations import Town, plain

GOOD = {"questions": {"residence": {"criterion": "lives-in", "with": {"zone": "old-town"}}}, "access": "residence"}
NAMES = ["spring", "summer", "budget", "gone", "autumn-2027", "Autumn", "", "x" * 63, "x" * 64]
"""`spring` is in force, `summer` waits, `gone` was withdrawn and is still in force, `budget` is the administrators'."""


@pytest.fixture(scope="module", params=ENGINES)
def town(request: pytest.FixtureRequest) -> Iterator[Town]:
    town: Town = request.getfixturevalue(f"_{request.param}_town")
    town.furnish()
    yield town
    town.write("DELETE FROM jurat_consultations")


@pytest.fixture
def client(town: Town) -> Iterator[Client]:
    client = Client(town.url)
    yield client
    client.close()


def furnish(town: Town, others: int, size: int, *, waiting: bool) -> None:
    """What the platform has: three consultations, and `others` of so many bytes that wait or are in force."""
    town.write("DELETE FROM jurat_consultations")
    rows = [("spring", 2, 2), ("summer", 2, None), ("gone", None, 2)]
    rows += [(f"more-{n}", size if waiting else None, None if waiting else size) for n in range(others)]
    with town.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO jurat_consultations (name, document, applied_document, published_by, published_at)"
                f" VALUES (:name, :document, :applied, 'Iris', {town.ago(0)})"
            ),
            [
                {"name": name, "document": asked and "x" * asked, "applied": applied and "x" * applied}
                for name, asked, applied in rows
            ],
        )


def said(town: Town, client: Client, name: str, document: Any, by: str) -> tuple[str, str, str] | None:
    """What the client says on this engine; what it would write is undone."""
    with town.engine.connect() as connection, connection.begin() as transaction:
        try:
            client.publish_consultation(connection, name, document, by=by)
        except InvalidConsultation as error:
            return error.place, error.problem, error.hint
        finally:
            transaction.rollback()
    return None


def expected(name: str, document: Any, by: str, others: int, size: int) -> tuple[str, str, str] | None:
    """What the rule says of the same."""
    ours = {"spring", "summer", "gone"}
    known = KnownConsultations(
        published=name in {"spring", "summer"},
        of_administrators=name == "budget",
        others=others - name.startswith("more-") + len(ours - {name}),
        bytes_of_others=(others - name.startswith("more-")) * size + 2 * len(ours - {name}),
    )
    found = problem_of(name, None if document is None else json.dumps(document, separators=(",", ":")), by, known)
    return (found.place, found.problem, found.hint) if found else None


@given(
    name=st.sampled_from(NAMES),
    document=st.sampled_from([None, {}, GOOD, {"title": "x" * (256 << 10)}]),
    by=st.sampled_from(["Iris", "Iris", "Iris", "", "a\nb", "é" * 200, "é" * 201, "\u200b"]),
)
@example(name="summer", document={"title": "x" * ((256 << 10) - 12)}, by="Iris")
@example(name="summer", document={"title": "x" * ((256 << 10) - 11)}, by="Iris")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_engine_says_what_the_rule_says(town: Town, client: Client, name: str, document: Any, by: str) -> None:
    furnish(town, 0, 0, waiting=True)
    assert said(town, client, name, document, by) == expected(name, document, by, 0, 0)


@pytest.mark.parametrize("waiting", [True, False])
@pytest.mark.parametrize("name", ["autumn", "more-0"])
@pytest.mark.parametrize(
    ("others", "size"),
    [
        *((publications.MOST_PUBLISHED - more, 2) for more in (4, 3, 2)),
        *((1, publications.LARGEST_TOGETHER - less) for less in (7, 8)),
    ],
)
def test_so_many_and_so_large_is_said_alike(
    town: Town, client: Client, name: str, others: int, size: int, *, waiting: bool
) -> None:
    """What was asked for counts, and so does what is still in the configuration."""
    furnish(town, others, size, waiting=waiting)
    assert said(town, client, name, {}, "Iris") == expected(name, {}, "Iris", others, size)


@pytest.mark.parametrize(
    ("name", "document", "code"),
    [("Autumn", "{}", "JU010"), ("budget", "{}", "JU012"), ("autumn", None, "JU012"), ("summer", None, None)],
)
def test_postgresql_says_it_under_the_code_of_the_rule(
    request: pytest.FixtureRequest, name: str, document: str | None, code: str | None
) -> None:
    town: Town = request.getfixturevalue("_postgresql_town")
    town.furnish()
    furnish(town, 0, 0, waiting=True)
    known = KnownConsultations(published=name == "summer", of_administrators=name == "budget")
    found = problem_of(name, document, "Iris", known)
    assert (found.code if found else None) == code
    with plain(town.url) as connection:
        call = "SELECT code, place, problem, hint FROM jurat_check_consultation(%s, %s::json, 'Iris')"
        row = connection.execute(call, (name, document)).fetchone()
        assert row == ((found.code, found.place, found.problem, found.hint) if found else None)
        connection.rollback()
        if found:
            with pytest.raises(psycopg.Error) as told:
                connection.execute("SELECT jurat_publish_consultation(%s, %s::json, 'Iris')", (name, document))
            assert told.value.sqlstate == code
