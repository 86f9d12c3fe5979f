from __future__ import annotations

import contextlib
import json
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import create_engine, event

from jurat import (
    AlreadyConfirmed,
    Check,
    Client,
    InvalidAnswer,
    InvalidSubmission,
    JuratError,
    Outcome,
    Reason,
    SchemaMissing,
    Submission,
    UnknownConsultation,
    UnknownQuestion,
)
from jurat.ids import uuid7
from jurat.seal import Seal, Unseal
from jurat.statements import statements_on
from jurat.submission import submit_all
from tests.jurat.conftest import PRIVATE_KEY, PUBLIC_KEY, Platform
from tests.jurat.consultations import ADDRESS, CODE_SCHEMA, WAYS, Town, execute, plain


def submit(client: Client, connection: Any, **changed: Any) -> Check:
    given = {"consultation": "budget", "participant": "p-42", "question": "residence", "answer": ADDRESS}
    return client.submit(connection, **given | changed)


# -- in the platform's transaction, on each kind of connection


def test_a_submit_stands_with_what_the_platform_wrote_in_the_same_transaction(platform: Platform) -> None:
    with platform.transaction() as connection:
        execute(connection, "INSERT INTO notes VALUES ('before')")
        check = submit(platform.client, connection, traceparent="00-1f-2e-01", reply_key=bytes(range(32)))
        execute(connection, "INSERT INTO notes VALUES ('after')")
    assert platform.notes == ["after", "before"]
    assert check == Check(check.id, "budget", "p-42", "residence", 1, created=True)
    assert check.id.version == 7
    rows = platform.town.read(
        "SELECT participant, state, priority, source, round, fence, lookups, traceparent, answer, answer_key, reply_key"
        " FROM jurat_checks"
    )
    assert [row[:8] for row in rows] == [("p-42", "pending", "interactive", "towns", 1, 0, 0, "00-1f-2e-01")]
    sealed, key, reply_key = rows[0][8:]
    assert Unseal([PRIVATE_KEY]).open(bytes(sealed), key).rstrip(b" ") == (
        b'{"city":"Valmont","number":"8","postcode":"99310","street":"quai des Tanneurs"}'
    )
    assert len(sealed) % 128 == 48, "its length would tell that of the answer"
    assert bytes(reply_key) == bytes(range(32))


def test_a_rolled_back_transaction_leaves_nothing_behind(platform: Platform) -> None:
    class Stop(Exception):
        pass

    def fail_after_submitting() -> None:
        with platform.transaction() as connection:
            execute(connection, "INSERT INTO notes VALUES ('mine')")
            submit(platform.client, connection)
            platform.client.submit_many(connection, [Submission("budget", "p-43", "residence", ADDRESS)])
            raise Stop

    with pytest.raises(Stop):
        fail_after_submitting()
    assert platform.notes == []
    assert [platform.town.count(table) for table in ("jurat_checks", "jurat_access")] == [0, 0]


WRONG: dict[str, tuple[type[JuratError], dict[str, Any]]] = {
    "unknown consultation": (UnknownConsultation, {"consultation": "bugdet"}),
    "unknown question": (UnknownQuestion, {"question": "residense"}),
    "broken schema": (InvalidAnswer, {"answer": {"street": "quai des Tanneurs", "postcode": "9931"}}),
    "no object": (InvalidAnswer, {"answer": ["quai des Tanneurs"]}),
    "too large": (InvalidAnswer, {"question": "profession", "answer": {"name": "x" * 17_000}}),
    "a NUL": (InvalidAnswer, {"question": "profession", "answer": {"name": "Ma\0rtin"}}),
    "a lone surrogate": (InvalidAnswer, {"question": "profession", "answer": {"name": "Ma\ud800rtin"}}),
    "a participant with a NUL": (InvalidSubmission, {"participant": "p\0"}),
    "a question with a surrogate": (InvalidSubmission, {"question": "\udcff"}),
    "an empty participant": (InvalidSubmission, {"participant": ""}),
    "a participant that is no text": (InvalidSubmission, {"participant": 42}),
    "a long consultation": (InvalidSubmission, {"consultation": "b" * 201}),
    "a priority of its own": (InvalidSubmission, {"priority": "urgent"}),
    "an id that is no UUID": (InvalidSubmission, {"id": "42"}),
    "a short reply key": (InvalidSubmission, {"reply_key": b"short"}),
    "a long traceparent": (InvalidSubmission, {"traceparent": "0" * 101}),
    "confirmed before": (AlreadyConfirmed, {"participant": "p-1"}),
    "confirmed before under another id": (AlreadyConfirmed, {"participant": "p-1", "id": uuid7()}),
    "the id of another answer": (InvalidSubmission, {"id": UUID("0192a000-0000-7000-8000-000000000001")}),
}


def test_after_every_error_the_transaction_is_still_good_and_holds_nothing_of_ours(platform: Platform) -> None:
    with platform.transaction() as connection:
        taken = UUID("0192a000-0000-7000-8000-000000000001")
        submit(platform.client, connection, participant="p-1", id=taken)
        submit(platform.client, connection, participant="p-1", question="profession", answer={})
    for name, (error, changed) in WRONG.items():
        with platform.transaction() as connection:
            execute(connection, f"INSERT INTO notes VALUES ('{name}: before')")
            with pytest.raises(error):
                submit(platform.client, connection, **changed)
            execute(connection, f"INSERT INTO notes VALUES ('{name}: after')")
    assert platform.notes == sorted(f"{name}: {when}" for name in WRONG for when in ("before", "after"))
    assert platform.town.read("SELECT participant FROM jurat_checks") == [("p-1",), ("p-1",)]
    assert platform.town.read("SELECT participant FROM jurat_access") == [("p-1",)]


def test_the_same_id_gives_the_same_check_back(platform: Platform) -> None:
    given = uuid7()
    with platform.transaction() as connection:
        first = submit(platform.client, connection, id=given)
        again = submit(platform.client, connection, id=given)
    with platform.transaction() as connection:
        later = submit(platform.client, connection, id=given, answer={"street": "rue Neuve", "postcode": "99310"})
    assert (first.id, first.created) == (given, True)
    assert again == later == Check(given, "budget", "p-42", "residence", 1, created=False)
    assert platform.town.count("jurat_checks") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "platform", [way for way in WAYS if way.endswith((" connection", "sqlite3", "psycopg"))], indirect=True
)
def test_three_thousand_answers_are_submitted_in_one_go(platform: Platform) -> None:
    many = [Submission("budget", f"p-{n}", "residence", ADDRESS) for n in range(3000)]
    with platform.transaction() as connection:
        checks = platform.client.submit_many(connection, many)
    assert [check.participant for check in checks] == [item.participant for item in many]
    assert all(check.created for check in checks)
    assert platform.town.count("jurat_checks") == 3000
    assert platform.town.read("SELECT count(*), min(access), max(access) FROM jurat_access") == [
        (3000, "pending", "pending")
    ]


def test_a_submit_shows_in_the_access_row_at_once_within_and_after_the_transaction(platform: Platform) -> None:
    with platform.transaction() as connection:
        submit(platform.client, connection)
        execute(connection, "INSERT INTO notes SELECT access FROM jurat_access WHERE participant = 'p-42'")
    assert platform.notes == ["pending"]
    access = platform.client.access("budget", "p-42")
    assert (access.state, access.questions) == (
        "pending",
        {"residence": "pending", "profession": "open", "code": "open"},
    )
    assert access.rounds_left == {"residence": 0, "profession": 1, "code": 3}
    assert access.open == ["profession", "code"]


# -- a question that the client knows


def test_the_first_submit_to_a_question_and_those_that_follow_write_the_same(platform: Platform) -> None:
    given = {"traceparent": "00-1f-2e-01", "reply_key": bytes(range(32)), "priority": "bulk"}
    with platform.transaction() as connection:
        checks = [submit(platform.client, connection, participant=f"p-{n}", **given) for n in range(3)]
        again = submit(platform.client, connection, participant="p-2", id=checks[2].id)
        plainly = submit(platform.client, connection, participant="p-3")
    assert [(check.round, check.created) for check in [*checks, again, plainly]] == [
        *[(1, True)] * 3,
        (1, False),
        (1, True),
    ]
    assert again.id == checks[2].id
    rows = platform.town.read(
        "SELECT participant, consultation, question, round, priority, state, source, fence, lookups, traceparent,"
        " answer_key, reply_key, answer, due_at = submitted_at FROM jurat_checks ORDER BY participant"
    )
    assert [row[0] for row in rows] == ["p-0", "p-1", "p-2", "p-3"]
    assert {(*row[1:11], bytes(row[11]), row[13]) for row in rows[:3]} == {
        (*rows[0][1:11], bytes(range(32)), rows[0][13])
    }
    assert rows[3][9:12] == (None, rows[0][10], None)
    unseal = Unseal([PRIVATE_KEY])
    assert len({unseal.open(bytes(row[12]), row[10]) for row in rows}) == 1
    access = platform.town.read("SELECT participant, access FROM jurat_access ORDER BY participant")
    assert access == [(f"p-{n}", "pending") for n in range(4)]


def test_a_schema_that_changes_counts_from_the_next_submit_on(client: Client, town: Town) -> None:
    with town.engine.begin() as connection:
        submit(client, connection, participant="p-1", question="code", answer={"code": "spring"})
    longer = json.dumps({**CODE_SCHEMA, "properties": {"code": {"type": "string", "minLength": 10}}})
    town.write("UPDATE jurat_questions SET answer_schema = :schema WHERE question = 'code'", schema=longer)
    with town.engine.begin() as connection:
        with pytest.raises(InvalidAnswer):
            submit(client, connection, participant="p-2", question="code", answer={"code": "spring"})
        submit(client, connection, participant="p-2", question="code", answer={"code": "springtime-9"})
    town.write(
        "UPDATE jurat_questions SET answer_schema = :schema WHERE question = 'code'", schema=json.dumps(CODE_SCHEMA)
    )
    with town.engine.begin() as connection:
        submit(client, connection, participant="p-3", question="code", answer={"code": "spring"})
    assert town.count("jurat_checks") == 3


def test_the_source_of_a_question_is_the_one_of_now(client: Client, town: Town) -> None:
    schemas: dict[tuple[str, str], str] = {}

    def sources(participant: str) -> set[str]:
        with town.engine.begin() as connection:
            one = Submission("budget", participant, "code", {"code": "spring"})
            return submit_all(statements_on(connection), [one], Seal(PUBLIC_KEY), schemas)[1]

    assert [sources("p-1"), sources("p-2")] == [{"spring"}, {"spring"}]
    town.write("UPDATE jurat_questions SET source = 'towns' WHERE question = 'code'")
    assert sources("p-3") == {"towns"}
    assert town.read("SELECT source FROM jurat_checks WHERE participant = 'p-3'") == [("towns",)]


def test_on_postgresql_a_first_answer_to_a_known_question_costs_one_statement(client: Client, town: Town) -> None:
    if town.engine.dialect.name != "postgresql":
        pytest.skip("on SQLite a statement costs next to nothing")
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    with town.engine.begin() as connection:
        submit(client, connection, participant="p-1")
        event.listen(connection, "before_cursor_execute", note)
        submit(client, connection, participant="p-2")
    assert len(sent) == 1
    assert town.count("jurat_checks") == 2


def test_an_answer_after_a_refusal_goes_the_long_way_to_the_next_round(client: Client, town: Town) -> None:
    with town.engine.begin() as connection:
        submit(client, connection, participant="p-1", question="code", answer={"code": "spring"})
        check = submit(client, connection, participant="p-2", question="code", answer={"code": "spring"})
    town.settle(check.id, Outcome.REFUSED, Reason.CODE_UNKNOWN)
    with town.engine.begin() as connection:
        second = submit(client, connection, participant="p-2", question="code", answer={"code": "summer"})
    assert (second.round, second.created) == (2, True)
    for table, column in (("jurat_verdicts", "check_id"), ("jurat_checks", "id")):  # as retention does it
        town.write(f"DELETE FROM {table} WHERE {column} = :id", id=str(check.id))
    with town.engine.begin() as connection, pytest.raises(AlreadyConfirmed):
        submit(client, connection, participant="p-2", question="code", answer={"code": "autumn"})


# -- what the errors say


def test_unknown_names_come_with_a_proposal(client: Client, town: Town) -> None:
    with town.engine.begin() as connection:
        with pytest.raises(UnknownConsultation, match=r"no consultation 'bugdet'.*did you mean 'budget'\?.*config"):
            submit(client, connection, consultation="bugdet")
        with pytest.raises(UnknownQuestion, match=r"'budget' has no question 'residense'.*did you mean 'residence'\?"):
            submit(client, connection, question="residense")
        with pytest.raises(UnknownQuestion, match=r"has no question 'zzz'$"):
            submit(client, connection, question="zzz")


def test_an_error_about_an_answer_names_its_field_and_not_its_value(client: Client, town: Town) -> None:
    with town.engine.begin() as connection, pytest.raises(InvalidAnswer) as caught:
        submit(client, connection, answer={"street": "quai des Tanneurs", "postcode": "secret"})
    assert (caught.value.field, caught.value.problem) == ("postcode", "must match ^[0-9]{5}$")
    assert "secret" not in str(caught.value)


def test_an_answer_confirmed_before_names_its_check(client: Client, town: Town) -> None:
    with town.engine.begin() as connection:
        check = submit(client, connection)
        with pytest.raises(AlreadyConfirmed, match="cannot be changed") as caught:
            submit(client, connection, id=uuid7())
    assert caught.value.check_id == check.id


def test_what_is_no_connection_is_refused(client: Client, town: Town) -> None:
    for wrong in (town.engine, "connection", None, create_engine("sqlite://").pool):
        with pytest.raises(InvalidSubmission, match="is no connection that can be used"):
            submit(client, wrong)


def test_an_asynchronous_connection_is_refused(client: Client) -> None:
    with pytest.raises(InvalidSubmission, match="AsyncConnection is no connection"):
        submit(client, object.__new__(psycopg.AsyncConnection))


def test_submit_never_aborts_a_transaction_where_the_tables_are_missing(client: Client, town: Town) -> None:
    with contextlib.closing(plain(town.url)) as connection:
        connection.execute("ALTER TABLE jurat_contract RENAME TO elsewhere")
        connection.execute("INSERT INTO notes VALUES ('before')")
        with pytest.raises(SchemaMissing, match=r"no jurat tables; run `bin/jurat db upgrade`"):
            submit(client, connection)
        connection.execute("INSERT INTO notes VALUES ('after')")
        connection.execute("ALTER TABLE elsewhere RENAME TO jurat_contract")
        connection.execute("UPDATE jurat_contract SET version = 2")
        with pytest.raises(SchemaMissing, match="has contract version 2 and this client speaks 1"):
            submit(client, connection)
        connection.execute("UPDATE jurat_contract SET version = 1")
        submit(client, connection)
        connection.commit()
    assert town.read("SELECT body FROM notes ORDER BY body") == [("after",), ("before",)]
    assert town.count("jurat_checks") == 1


# -- many at once


BAD_AMONG_MANY: list[tuple[Any, type[JuratError]]] = [
    (Submission("budget", "p-9", "residence", {"street": "quai des Tanneurs"}), InvalidAnswer),
    (Submission("budget", "p-9", "residense", ADDRESS), UnknownQuestion),
    (Submission("budget", "p-1", "residence", ADDRESS), AlreadyConfirmed),
    (Submission("budget", "p-0", "residence", ADDRESS), InvalidSubmission),
    (Submission("budget", "p-9", "residence", ADDRESS, priority="soon"), InvalidSubmission),
    (Submission("budget", "p-9", "residence", ADDRESS, UUID(int=7)), InvalidSubmission),
    (Submission("budget", "p-9", "residence", ADDRESS, UUID(int=8)), InvalidSubmission),
    ({"consultation": "budget", "participant": "p-9", "question": "residence"}, InvalidSubmission),
    ({"consultation": "budget", "street": "quai des Tanneurs"}, InvalidSubmission),
    ("quai des Tanneurs", InvalidSubmission),
    (None, InvalidSubmission),
]


def test_one_bad_answer_among_many_and_nothing_is_written(client: Client, town: Town) -> None:
    good: list[Any] = [Submission("budget", f"p-{n}", "residence", ADDRESS) for n in range(600) if n not in (1, 9)]
    good.append(Submission("budget", "p-7", "code", {"code": "spring"}, UUID(int=8)))
    with town.engine.begin() as connection:
        submit(client, connection, participant="p-1", id=UUID(int=7))
        for wrong, error in BAD_AMONG_MANY:
            with pytest.raises(error) as caught:
                client.submit_many(connection, [*good, wrong])
            assert "Tanneurs" not in str(caught.value)
    assert town.read("SELECT participant FROM jurat_checks") == [("p-1",)]


def test_many_are_known_again_by_their_ids(client: Client, town: Town) -> None:
    many = [Submission("budget", f"p-{n}", "residence", ADDRESS, uuid7()) for n in range(20)]
    with town.engine.begin() as connection:
        first = client.submit_many(connection, many[:15])
        again = client.submit_many(connection, many)
    assert [check.id for check in again] == [item.id for item in many]
    assert [check.created for check in again] == [False] * 15 + [True] * 5
    assert [check.id for check in first] == [check.id for check in again[:15]]


def test_nothing_to_submit_is_no_trouble(client: Client, town: Town) -> None:
    with town.engine.begin() as connection:
        assert client.submit_many(connection, []) == []


# -- rounds


def test_a_technical_verdict_leaves_the_round_open(client: Client, town: Town) -> None:
    for number, reason in enumerate([Reason.SOURCE_UNAVAILABLE, Reason.DEADLINE_PASSED, Reason.AMBIGUOUS_ADDRESS], 1):
        with town.engine.begin() as connection:
            check = submit(client, connection)
        assert check.round == number
        with town.engine.begin() as connection, pytest.raises(AlreadyConfirmed):
            submit(client, connection)
        town.settle(check.id, Outcome.UNDETERMINED, reason)
    with town.engine.begin() as connection:
        last = submit(client, connection)
    town.settle(last.id, Outcome.UNDETERMINED, Reason.NEAR_BORDER)
    with town.engine.begin() as connection, pytest.raises(AlreadyConfirmed) as caught:
        submit(client, connection)
    assert caught.value.check_id == last.id


def test_a_question_with_three_rounds_takes_three_refusals(client: Client, town: Town) -> None:
    rounds = []
    for _ in range(3):
        with town.engine.begin() as connection:
            check = submit(client, connection, question="code", answer={"code": "spring"})
        rounds.append(check.round)
        town.settle(check.id, Outcome.REFUSED, Reason.CODE_UNKNOWN)
    assert rounds == [1, 2, 3]
    with town.engine.begin() as connection, pytest.raises(AlreadyConfirmed):
        submit(client, connection, question="code", answer={"code": "spring"})


def test_an_accepted_answer_ends_the_question_and_only_the_newest_revision_counts(client: Client, town: Town) -> None:
    for participant, first, then in (
        ("p-1", Reason.CODE_VALID, None),
        ("p-2", Reason.CODE_UNKNOWN, Reason.PERSON_ACCEPTED),
    ):
        with town.engine.begin() as connection:
            check = submit(client, connection, participant=participant, question="code", answer={"code": "spring"})
        town.settle(check.id, Outcome.ACCEPTED if then is None else Outcome.REFUSED, first)
        if then:
            town.settle(check.id, Outcome.ACCEPTED, then, revision=2)
        with town.engine.begin() as connection, pytest.raises(AlreadyConfirmed):
            submit(client, connection, participant=participant, question="code", answer={"code": "spring"})


def test_a_check_in_review_takes_no_other_answer(client: Client, town: Town) -> None:
    with town.engine.begin() as connection:
        submit(client, connection, question="code", answer={"code": "spring"})
    town.write("UPDATE jurat_checks SET state = 'review'")
    with town.engine.begin() as connection, pytest.raises(AlreadyConfirmed):
        submit(client, connection, question="code", answer={"code": "summer"})


def test_a_submission_shows_nobody_in_its_repr() -> None:
    assert repr(Submission("budget", "p-42", "residence", ADDRESS)) == "Submission('budget', 'residence')"
    assert callable(submit_all)
