"""`jurat_submit` on PostgreSQL: what it does, and its errors for programs."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from jurat import AlreadyConfirmed, Client
from jurat.ids import uuid7
from jurat.names import is_printable
from tests.jurat.calls import SEAL, submit
from tests.jurat.consultations import FREE_SCHEMA, Town, plain
from tests.jurat.test_submission_at_once import together


@pytest.fixture
def town(request: pytest.FixtureRequest) -> Town:
    town: Town = request.getfixturevalue("_postgresql_town")
    town.furnish()
    return town


@pytest.fixture
def connection(town: Town) -> Iterator[psycopg.Connection[Any]]:
    with plain(town.url) as connection:
        connection.autocommit = True
        yield connection


def refused(connection: psycopg.Connection[Any], **given_: Any) -> psycopg.Error:
    with pytest.raises(psycopg.Error) as told:
        submit(connection, **given_)
    return told.value


# -- what it does


def test_three_arguments_and_the_sealed_answer_are_enough(connection: psycopg.Connection[Any], town: Town) -> None:
    call = "SELECT * FROM jurat_submit('budget', 'p-1', 'code', %s, %s)"
    row = connection.execute(call, (SEAL.close(b"{}"), SEAL.key_id)).fetchone()
    assert row is not None
    check, round_, created = row
    assert (round_, created, check.version) == (1, True, 7)
    (kept,) = town.read(
        "SELECT id, state, source, priority, fence, deadline_at - submitted_at = interval '1 hour', due_at <= now(), "
        "reply_key, traceparent FROM jurat_checks"
    )
    assert kept == (check, "pending", "spring", "interactive", 0, True, True, None, None)
    assert town.read("SELECT access, questions ->> 'code', rounds_left ->> 'code' FROM jurat_access") == [
        ("pending", "pending", "2")
    ]


def test_ids_that_it_makes_follow_the_clock_and_are_all_different(connection: psycopg.Connection[Any]) -> None:
    before = uuid7()
    made = [submit(connection, participant=f"p-{n}")[0] for n in range(20)]
    assert len(set(made)) == 20
    assert before.int >> 80 <= made[0].int >> 80 <= made[-1].int >> 80 <= (uuid7().int >> 80) + 1000
    assert {check.variant for check in made} == {uuid7().variant}


def test_what_is_given_is_kept(connection: psycopg.Connection[Any], town: Town) -> None:
    answer, key, mine = SEAL.close(b"{}"), bytes(range(32)), uuid4()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    given_ = {"id": mine, "priority": "bulk", "reply_key": key, "traceparent": trace, "answer": answer}
    assert submit(connection, **given_) == (mine, 1, True)
    columns = "id, priority, reply_key, traceparent, answer, answer_key"
    assert town.read(f"SELECT {columns} FROM jurat_checks") == [(mine, "bulk", key, trace, answer, SEAL.key_id)]


def test_null_stands_for_what_was_left_out(connection: psycopg.Connection[Any], town: Town) -> None:
    assert submit(connection, priority=None)[1:] == (1, True)
    assert town.read("SELECT priority FROM jurat_checks") == [("interactive",)]


def test_a_transaction_that_is_rolled_back_leaves_nothing(connection: psycopg.Connection[Any], town: Town) -> None:
    with connection.transaction(force_rollback=True):
        submit(connection)
    assert (town.count("jurat_checks"), town.count("jurat_access")) == (0, 0)


def test_an_error_leaves_nothing_and_a_savepoint_lets_the_transaction_go_on(
    connection: psycopg.Connection[Any], town: Town
) -> None:
    with connection.transaction():
        submit(connection)
        with pytest.raises(psycopg.Error), connection.transaction():
            submit(connection)
        connection.execute("INSERT INTO notes VALUES ('went on')")
    assert (town.count("jurat_checks"), town.count("notes")) == (1, 1)


# -- its errors


def test_each_error_says_what_to_mend(connection: psycopg.Connection[Any]) -> None:
    unknown = refused(connection, consultation="bugdet")
    assert (unknown.sqlstate, unknown.diag.message_primary) == (
        "JU001",
        'jurat: no consultation "bugdet" is configured',
    )
    assert "config apply" in str(unknown.diag.message_hint)
    question = refused(connection, question="adress")
    assert (question.sqlstate, question.diag.message_hint) == ("JU002", "It asks: residence, profession, code")
    check, _, _ = submit(connection)
    again = refused(connection)
    assert (again.sqlstate, again.diag.message_detail) == ("JU003", str(check))
    assert str(check) in str(again.diag.message_primary)
    other = refused(connection, id=check, participant="p-2")
    assert other.sqlstate == "JU004"
    assert str(check) in str(other.diag.message_primary)
    assert "p-1" not in str(unknown) + str(question) + str(again) + str(other)


@pytest.mark.parametrize(
    "bad",
    [
        *({name: value} for name in ("consultation", "participant", "question") for value in (None, "", "x" * 201)),
        *({"participant": f"a{blank}b"} for blank in "\n\t\u00a0\u200b\u2028\ufeff\ue000\U000e0001"),
        {"priority": "urgent"},
        {"reply_key": b"short"},
        {"reply_key": bytes(33)},
        {"traceparent": "x" * 101},
        {"traceparent": "zur Lösung"},
        {"traceparent": "a\nb"},
        {"answer": None},
        {"answer": b'{"word": "tilleul"}'},
        {"answer": bytes(48)},
        {"answer_key": None},
        {"answer_key": "0123456789ABCDEF"},
        {"answer_key": "0123"},
    ],
)
def test_what_cannot_be_used_is_refused_by_name(
    connection: psycopg.Connection[Any], town: Town, bad: dict[str, Any]
) -> None:
    error = refused(connection, **bad)
    assert error.sqlstate == "JU005"
    assert next(iter(bad)) in str(error.diag.message_primary)
    assert town.count("jurat_checks") == 0


@pytest.mark.slow
def test_a_name_is_printable_for_it_where_it_is_for_the_client(connection: psycopg.Connection[Any]) -> None:
    """Every character that the running Python knows, and names as long as they may be, or longer."""
    named = (chr(n) for n in range(1, sys.maxunicode) if unicodedata.category(chr(n)) not in {"Cn", "Cs"})
    tried = ["", "é" * 200, "é" * 201, *named]
    found = connection.execute("SELECT c FROM unnest(%s::text[]) c WHERE NOT jurat_is_name(c)", (tried,)).fetchall()
    differ = {c for (c,) in found} ^ {c for c in tried if not is_printable(c)}
    assert {c.encode("unicode-escape") for c in differ} == set()


HOSTILE = ("'; DROP TABLE jurat_checks; --", '"x"."y"', "$$ || $1", "%s %I %L %%", "\\", "{0}", ":id", "É—ß 漢字")


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_values_whatever_stands_in_them(connection: psycopg.Connection[Any], town: Town, name: str) -> None:
    town.ask(name, name, schema=FREE_SCHEMA)
    check, _, _ = submit(connection, consultation=name, participant=name, question=name)
    columns = "id, consultation, participant, question"
    assert town.read(f"SELECT {columns} FROM jurat_checks") == [(check, name, name, name)]
    assert refused(connection, consultation=name, participant=name, question=name).sqlstate == "JU003"
    assert refused(connection, consultation=name, question=f"{name}?").sqlstate == "JU002"
    assert name in str(refused(connection, consultation=f"{name}?").diag.message_primary)


# -- at the same moment


def test_of_many_calls_at_once_for_one_question_one_makes_the_check(town: Town) -> None:
    def once(number: int) -> tuple[UUID, int, bool]:
        with plain(town.url) as connection:
            return submit(connection, participant="p-1")

    outcomes = together(24, once)
    [(check, round_, created)] = [outcome for outcome in outcomes if isinstance(outcome, tuple)]
    assert (round_, created) == (1, True)
    told = [outcome for outcome in outcomes if isinstance(outcome, psycopg.Error)]
    assert [(error.sqlstate, error.diag.message_detail) for error in told] == [("JU003", str(check))] * 23
    assert town.count("jurat_checks") == 1


def test_of_many_calls_at_once_under_one_id_all_get_the_one_check(town: Town) -> None:
    mine = uuid7()

    def once(number: int) -> tuple[UUID, int, bool]:
        with plain(town.url) as connection:
            return submit(connection, id=mine)

    outcomes = together(24, once)
    assert sorted(outcomes, key=str) == [(mine, 1, False)] * 23 + [(mine, 1, True)]
    assert town.count("jurat_checks") == 1


def test_the_client_and_the_call_at_once_make_one_check(town: Town, seal_key: str) -> None:
    client = Client(town.url, seal_key=seal_key)

    def once(number: int) -> Any:
        if number % 2:
            with plain(town.url) as connection:
                return submit(connection, question="profession")
        with town.engine.begin() as begun:
            return client.submit(
                begun, consultation="budget", participant="p-1", question="profession", answer={"name": "Martin"}
            )

    for _ in range(5):
        town.furnish()
        outcomes = together(6, once)
        assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 1
        told = [each for each in outcomes if isinstance(each, Exception)]
        assert {getattr(each, "sqlstate", type(each)) for each in told} <= {"JU003", AlreadyConfirmed}
        assert town.count("jurat_checks") == 1
    client.close()
