"""`jurat_check_consultation` and the Python client: the same is wrong, in the same place and words, on both engines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import text

from config.document import Consultation, Parameter, QuestionModel
from config.limits import NAME_PATTERN
from jurat import publications
from jurat.publications import Choices, problem_of
from tests.jurat.consultations import Town, plain

CRITERIA: Mapping[str, list[str]] = {
    "lives-in": ["zone"],
    "has-code": ["list"],
    "is-physician": [],
    "both": ["zone", "list"],
}
ZONES = [*(f"quarter-{n:02}" for n in range(14)), "old-town"]
LISTS = ["spring", "autumn"]
KNOWN = Choices(CRITERIA, ZONES, LISTS, ours=("spring",))


@pytest.fixture(scope="module")
def connection(request: pytest.FixtureRequest) -> Iterator[psycopg.Connection[Any]]:
    town: Town = request.getfixturevalue("_postgresql_town")
    furnish(town)
    with plain(town.url) as connection:
        connection.autocommit = True
        yield connection
    clear(town)


def clear(town: Town) -> None:
    for table in ("jurat_criteria", "jurat_zones", "jurat_codes", "jurat_consultations"):
        town.write(f"DELETE FROM {table}")


def furnish(town: Town) -> None:
    """What there is to choose from, and one consultation that the platform has published."""
    clear(town)
    at = "statement_timestamp()" if "postgresql" in town.url else "strftime('%Y-%m-%d %H:%M:%f', 'now')"
    for name, left_open in CRITERIA.items():
        town.write(
            "INSERT INTO jurat_criteria (name, kind, sources, open, answer_schema, fields, config_version) "
            "VALUES (:name, 'code', '[]', :open, '{}', '[]', 1)",
            name=name,
            open=json.dumps(left_open),
        )
    for name in ZONES:
        town.write(
            "INSERT INTO jurat_zones (name, version, title, digest, geometry, imported_by, imported_at, in_force_from) "
            f"VALUES (:name, 1, '', '', :wkb, 'a', {at}, {at})",
            name=name,
            wkb=b"",
        )
    for name in LISTS:
        town.write(f"INSERT INTO jurat_codes (list, fingerprint, created_at) VALUES (:name, 'x', {at})", name=name)
    town.write(
        "INSERT INTO jurat_consultations (name, document, published_by, published_at, applied_document) "
        f"VALUES ('spring', '{{}}', 'a', {at}, '{{}}')"
    )


def by_sql(connection: psycopg.Connection[Any], name: str, document: str | None, by: str) -> tuple[Any, ...] | None:
    call = "SELECT code, place, problem, hint FROM jurat_check_consultation(%s, %s::json, %s)"
    return connection.execute(call, (name, document, by)).fetchone()


def by_client(name: str, document: str | None, by: str) -> tuple[Any, ...] | None:
    found = problem_of(name, document, by, KNOWN)
    return (found.code, found.place, found.problem, found.hint) if found else None


TEXTS = st.text(st.characters(categories=["L", "N", "P", "Zs"], max_codepoint=0x2FF), max_size=8)
ODD = st.one_of(st.none(), st.booleans(), st.integers(-9, 99), TEXTS, st.just([]), st.just({}), st.just("a\u200bb"))
NAMES = st.sampled_from(["residence", "code", "job", "Residence", "", "a.b", "x\u00a0y", "r" * 64])
PARAMETERS = st.dictionaries(
    st.sampled_from(["zone", "list", "zones", "a\u200bb"]),
    st.one_of(st.sampled_from(["old-town", "quarter-03", "spring", "autumn", "sprung", "quarters"]), ODD),
    max_size=2,
)
FITTING = st.sampled_from(
    [
        {"criterion": "lives-in", "with": {"zone": "old-town"}},
        {"criterion": "has-code", "with": {"list": "spring"}, "rounds": 3},
        {"criterion": "is-physician"},
        {"criterion": "both", "with": {"list": "autumn", "zone": "quarter-13"}},
    ]
)
QUESTION = st.one_of(
    FITTING,
    FITTING,
    ODD,
    st.fixed_dictionaries(
        {"criterion": st.one_of(st.sampled_from([*CRITERIA, "lives", "is-phys", ""]), ODD)},
        optional={"with": st.one_of(PARAMETERS, ODD), "deadline": ODD, "titel": ODD},
    ),
)
RULE = st.recursive(
    st.one_of(st.sampled_from(["residence", "code", "profession"]), ODD),
    lambda rule: st.one_of(
        st.fixed_dictionaries({"all_of": st.lists(rule, max_size=2)}),
        st.fixed_dictionaries({"at_least": ODD, "of": st.lists(rule, max_size=2)}),
    ),
    max_leaves=4,
)
DOCUMENT = st.one_of(
    st.none(),
    ODD,
    st.fixed_dictionaries(
        {"questions": st.one_of(st.dictionaries(NAMES, QUESTION, max_size=3), ODD)},
        optional={"title": ODD, "access": RULE, "Zugang": ODD, "four_eyes": ODD, "contact": ODD},
    ),
    st.fixed_dictionaries({}, optional={"title": ODD}),
)
GOOD = {"questions": {"residence": {"criterion": "lives-in", "with": {"zone": "old-town"}}}, "access": "residence"}


@given(
    name=st.sampled_from(["spring", "autumn-2027", "autumn-2027", "Autumn", "", "x" * 63, "x" * 64]),
    document=DOCUMENT,
    by=st.sampled_from(["Iris", "Iris", "Iris", "Iris", "", "a\nb", "é" * 200, "é" * 201]),
)
@example(name="summer", document=GOOD, by="Iris")
@example(name="summer", document={**GOOD, "title": "a\0b"}, by="Iris")
@example(name="summer", document={**GOOD, "access": {"any_of": ["Ärger", "zebra", "Zebra"]}}, by="Iris")
@example(name="summer", document={**GOOD, "title": "é" * (128 << 10)}, by="Iris")
@example(name="summer", document={"questions": {f"q{n}": {"criterion": "is-physician"} for n in range(51)}}, by="Iris")
@example(name="summer", document={"questions": {f"q{n}": {"criterion": "is-physician"} for n in range(50)}}, by="Iris")
def test_both_say_the_same(connection: psycopg.Connection[Any], name: str, document: Any, by: str) -> None:
    written = None if document is None else json.dumps(document, ensure_ascii=False)
    assert by_sql(connection, name, written, by) == by_client(name, written, by)


@pytest.mark.parametrize(
    ("document", "place", "said", "hint"),
    [
        ({}, "", "'questions' is missing", ""),
        ({"questions": {}}, ".questions", "is empty", ""),
        (
            {"questions": {"a": {"criterion": "live-in"}}},
            ".questions.a.criterion",
            "there is no criterion 'live-in'",
            "there is lives-in, both, has-code, is-physician",
        ),
        (
            {"questions": {"a": {"criterion": "lives-in", "with": {"zone": "oldtown"}}}},
            ".questions.a.with.zone",
            "there is no zone 'oldtown'",
            f"there is old-town, {', '.join(f'quarter-{n:02}' for n in range(11))} and 3 more",
        ),
        (
            {"questions": {"a": {"criterion": "has-code", "with": {"list": "winter"}}}},
            ".questions.a.with.list",
            "there is no list of codes 'winter'",
            "there is autumn, spring",
        ),
        (
            {"questions": {"a": {"criterion": "is-physician", "with": {"zone": "old-town"}}}},
            ".questions.a.with.zone",
            "criterion 'is-physician' does not leave it open",
            "it leaves open: nothing",
        ),
        (
            {"questions": {"a": {"criterion": "lives-in"}}},
            ".questions.a",
            "criterion 'lives-in' leaves zone open, and this question does not fill it",
            "add with: { zone: NAME }",
        ),
        (
            {"questions": {"a": {"criterion": "is-physician"}}, "access": {"all_of": ["a", "b"]}},
            ".access",
            "there is no question 'b' here",
            "there is a",
        ),
        (
            {"questions": {"a": {"criterion": "is-physician"}}, "titel": "x"},
            ".titel",
            "unknown option",
            "there is title, access, contact, four_eyes, messages, questions, retain, review_due",
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_place_with_what_there_is(
    connection: psycopg.Connection[Any], document: Any, place: str, said: str, hint: str
) -> None:
    written = json.dumps(document)
    expected = ("JU011", f"consultations.summer{place}", said, hint)
    assert by_sql(connection, "summer", written, "Iris") == expected == by_client("summer", written, "Iris")


@pytest.mark.parametrize("document", [r'{"title": "\ud800"}', r'{"title": "\u0000"}', r'{"\u0000": 1}'])
def test_what_can_not_be_stored_is_a_sentence(connection: psycopg.Connection[Any], document: str) -> None:
    expected = ("JU010", "document", "a text in it holds a NUL or half a character", "remove it")
    assert by_sql(connection, "summer", document, "Iris") == expected == by_client("summer", document, "Iris")


def test_a_number_beyond_all_bounds_and_a_question_that_stands_twice_are_no_traceback(
    connection: psycopg.Connection[Any],
) -> None:
    assert by_sql(connection, "summer", '{"title": 1e999999999}', "Iris") is not None
    twice = '{"questions": {"a": {"criterion": "is-physician"}, "a": {"criterion": "nothing"}}}'
    found = by_sql(connection, "summer", twice, "Iris")
    assert found is not None
    assert found[1] == "consultations.summer.questions.a.criterion"


@pytest.mark.parametrize(
    ("count", "size", "name", "said"),
    [
        (publications.MOST_PUBLISHED - 1, 2, "summer", None),
        (publications.MOST_PUBLISHED, 2, "summer", publications.TOO_MANY),
        (publications.MOST_PUBLISHED, 2, "more-7", None),
        (1, publications.LARGEST_TOGETHER, "summer", publications.TOO_LARGE_TOGETHER),
        (1, publications.LARGEST_TOGETHER, "more-0", None),
    ],
)
@pytest.mark.parametrize("waiting", [True, False])
def test_so_many_and_so_large_is_said_alike(
    connection: psycopg.Connection[Any], count: int, size: int, name: str, said: str | None, *, waiting: bool
) -> None:
    """What was asked for counts, and so does what is still in the configuration."""
    columns = "'{}'::text, NULL" if waiting else "NULL::text, '{}'"
    columns = columns.replace("'{}'", "repeat('x', %s)")
    written = json.dumps(GOOD)
    with connection.transaction(force_rollback=True):
        connection.execute("DELETE FROM jurat_consultations")
        connection.execute(
            "INSERT INTO jurat_consultations (name, document, applied_document, published_by, published_at) "
            f"SELECT 'more-' || n, {columns}, 'a', now() FROM generate_series(0, %s) n".encode(),
            (size, count - 1),
        )
        others = count - name.startswith("more-")
        known = replace(KNOWN, others=others, bytes_of_others=others * size)
        found = problem_of(name, written, "Iris", known)
        expected = (found.code, found.place, found.problem, found.hint) if found else None
        assert by_sql(connection, name, written, "Iris") == expected
    assert (found.problem if found else None) == said
    if found:
        assert (found.code, found.place) == ("JU010", "consultations.summer")


def test_the_names_and_the_options_are_those_of_the_configuration() -> None:
    """Options of a later version may be known here before a worker takes them; it says so then."""
    assert f"^{publications.NAME.pattern}$" == NAME_PATTERN
    taken = {field.alias or name for name, field in QuestionModel.model_fields.items()}
    assert taken <= set(publications.QUESTION_OPTIONS)
    assert set(Consultation.model_fields) <= set(publications.OPTIONS)
    assert set(publications._NAMES) == set(Parameter)
    for options in (publications.OPTIONS, publications.QUESTION_OPTIONS):
        assert list(options) == sorted(options)


def test_a_name_of_the_administrators_is_refused_on_both_engines(request: pytest.FixtureRequest) -> None:
    from jurat import Client, InvalidConsultation

    for engine in ("sqlite", "postgresql"):
        town: Town = request.getfixturevalue(f"_{engine}_town")
        town.furnish()
        furnish(town)
        client = Client(town.url)
        with town.engine.begin() as connection, pytest.raises(InvalidConsultation, match="choose another name"):
            client.publish_consultation(connection, "budget", GOOD, by="Iris")
        with town.engine.begin() as connection:
            assert client.publish_consultation(connection, "summer", GOOD, by="Iris") == 1
            assert connection.execute(text("SELECT count(*) FROM jurat_consultations")).scalar() == 2
        client.close()
        clear(town)
