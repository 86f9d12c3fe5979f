"""Whose name it is: `jurat.names.person`, `jurat_person` of PostgreSQL, and SQLite's guard and view say the same."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unicodedata import category

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from jurat.ids import uuid7
from jurat.names import ERASED, UNSEEN, is_erased, person, same_person
from jurat.queries import read_json
from tests.conftest import ENGINES
from tests.jurat.consultations import Town

PERSON = Path(__file__).resolve().parents[2] / "migrations" / "sql" / "sqlite" / "person.sql"
SIGNS = sorted({chr(sign) for bounds in UNSEEN for sign in bounds})
NOISE = st.one_of(st.just(""), st.just(""), st.just(" "), st.sampled_from(SIGNS))
LETTERS = st.sampled_from(["a", "A", "b", "-", "1", " "])
PAIRS = st.lists(st.tuples(LETTERS, NOISE, st.booleans(), NOISE), min_size=1, max_size=5)


def written(pieces: list[tuple[str, str, bool, str]]) -> tuple[str, str]:
    """Two ways to write about the same name: with signs that nobody sees, more blanks, and letters of other case."""
    one = "".join(letter + noise for letter, noise, _, _ in pieces)
    other = "".join((letter.swapcase() if swapped else letter) + noise for letter, _, swapped, noise in pieces)
    return f"n{one}", f"n{other}"


@pytest.fixture(scope="module", params=ENGINES)
def town(request: pytest.FixtureRequest) -> Iterator[Town]:
    town: Town = request.getfixturevalue(f"_{request.param}_town")
    town.furnish()
    yield town
    town.furnish()


def ask(connection: Connection, kind: str, by: str, at: str, **about: str) -> None:
    columns, values = ", ".join(about), ", ".join(f":{name}" for name in about)
    connection.execute(
        text(
            f"INSERT INTO jurat_requests (id, kind, by_whom, asked_at, applied_at, {columns}) "
            f"VALUES (:request, :kind, :by, {at}, {at}, {values})"
        ),
        {"request": str(uuid7()), "kind": kind, "by": by, **about},
    )


def refusal(town: Town, write: Callable[[Connection], object]) -> str:
    """What the database says to a write, which is undone; "" where it takes it."""
    with town.engine.connect() as connection, connection.begin() as transaction:
        try:
            write(connection)
        except IntegrityError as error:
            return re.split("jurat: (?:INSERT on jurat_requests is refused: )?", str(error.orig), maxsplit=1)[1]
        transaction.rollback()
    return ""


def is_refused(town: Town, by: str, participant: str) -> bool:
    """Whether the guard takes the name of who asks for the participant's id."""
    return refusal(
        town,
        lambda connection: ask(connection, "revoke", by, town.ago(0), consultation="budget", participant=participant),
    ).startswith("by_whom names who asks")


def decisions_that_count(town: Town, first: str, then: str) -> int:
    """How many reviewers the queue sees where two names have decided."""
    check = str(uuid7())
    with town.engine.connect() as connection, connection.begin() as transaction:
        connection.execute(
            text(
                "INSERT INTO jurat_checks (id, consultation, participant, question, source, state, due_at,"
                " submitted_at, deadline_at)"
                f" VALUES (:id, 'budget', 'p-1', 'code', 'spring', 'review', {', '.join([town.ago(3)] * 3)})"
            ),
            {"id": check},
        )
        connection.execute(
            text(
                "INSERT INTO jurat_reviews (check_id, reason, evidence, config_version, opened_at, due_at)"
                f" VALUES (:id, 'near_border', '{{}}', 1, {town.ago(2)}, {town.ago(0)})"
            ),
            {"id": check},
        )
        ask(connection, "decide", first, town.ago(1), check_id=check, reason="person_accepted")
        ask(connection, "decide", then, town.ago(0.5), check_id=check, reason="person_refused")
        words = text("SELECT words FROM jurat_review_queue WHERE check_id = :id")
        found = read_json(connection.execute(words, {"id": check}).scalar_one())
        transaction.rollback()
    return len(found)


@given(pieces=PAIRS)
@example(pieces=[("a", "", True, sign) for sign in SIGNS[:18]])
@example(pieces=[("a", "", True, sign) for sign in SIGNS[18:]])
@example(pieces=[("a", " ", False, "\u200b"), (" ", " ", False, "\u200b"), (" ", "", False, " ")])
def test_one_person_is_one_however_the_name_is_written(town: Town, pieces: list[tuple[str, str, bool, str]]) -> None:
    one, other = written(pieces)
    assert is_refused(town, one, other) is same_person(one, other)
    assert decisions_that_count(town, one, other) == 2 - same_person(one, other)


@given(pieces=PAIRS, letters=st.sampled_from(["", "\uff21\u00a0\u2003b", "e\u0301", "\u00e9"]))
def test_postgresql_also_normalises(
    request: pytest.FixtureRequest, pieces: list[tuple[str, str, bool, str]], letters: str
) -> None:
    town: Town = request.getfixturevalue("_postgresql_town")
    one, other = (name + letters for name in written(pieces))
    for name in (other, other.replace("\uff21", "a").replace("e\u0301", "\u00e9")):
        ((same,),) = town.read("SELECT jurat_person(:one) = jurat_person(:name)", one=one, name=name)
        assert same is same_person(one, name)


@pytest.mark.slow
def test_all_leave_out_the_same_characters(request: pytest.FixtureRequest) -> None:
    """Of all that Python knows. Format characters (Cf) are not printable: as a name they are refused."""
    tried = [
        chr(n) for n in range(1, sys.maxunicode) if category(chr(n)) not in {"Cc", "Cf", "Cn", "Cs", "Zl", "Zp", "Zs"}
    ]
    expected = {c for c in tried if person(f"n{c}") == "n"}
    assert len(expected) > 250
    postgresql: Town = request.getfixturevalue("_postgresql_town")
    left_out = "SELECT c FROM unnest(CAST(:tried AS text[])) c WHERE jurat_person('n' || c) = 'n'"
    assert {c for (c,) in postgresql.read(left_out, tried=tried)} == expected
    sqlite: Town = request.getfixturevalue("_sqlite_town")
    (unseen,) = re.findall(r"GLOB ('\[' \|\| char\([\d,\s]+\)\s*\|\| '\]')", PERSON.read_text("utf-8"))
    left_out = f"SELECT value FROM json_each(:tried) WHERE value GLOB {unseen}"
    assert {c for (c,) in sqlite.read(left_out, tried=json.dumps(tried))} == expected


@pytest.mark.parametrize("name", [ERASED, "erased-0f", "Erased-1", "ERASED-", "erased", "xerased-", " erased-"])
def test_an_erased_participant_is_known_by_the_same_word(town: Town, name: str) -> None:
    """To whom a transfer would go, and who submits."""
    insert = text(
        "INSERT INTO jurat_checks (id, consultation, participant, question, source, due_at, submitted_at, deadline_at)"
        f" VALUES (:id, 'budget', :participant, 'code', 'spring', {town.ago(0)}, {town.ago(0)}, {town.ago(0)})"
    )
    said = refusal(town, lambda connection: connection.execute(insert, {"id": str(uuid7()), "participant": name}))
    assert said.startswith("participant must not begin with erased-") is is_erased(name)


def test_names_are_compared_without_a_plan_for_each_row(request: pytest.FixtureRequest) -> None:
    """PostgreSQL makes `jurat_person` part of what calls it. A call of its own takes ten times as long."""
    town: Town = request.getfixturevalue("_postgresql_town")
    town.furnish()
    calls = text("SELECT coalesce(pg_stat_get_xact_function_calls(CAST(:function AS regprocedure)), 0)")
    with town.engine.connect() as connection, connection.begin() as transaction:
        connection.execute(text("SET LOCAL track_functions = 'all'"))
        ask(connection, "revoke", "clerk-1", town.ago(1), consultation="budget", participant="p-1")
        ask(connection, "open", "clerk-1", town.ago(1), check_id=str(uuid7()))
        seen = {
            function: connection.execute(calls, {"function": function}).scalar_one()
            for function in ("jurat_keep_request()", "jurat_person(text)")
        }
        transaction.rollback()
    assert seen == {"jurat_keep_request()": 2, "jurat_person(text)": 0}
