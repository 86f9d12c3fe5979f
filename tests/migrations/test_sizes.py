"""How large what is stored may be, on both engines, whoever writes the INSERT; and that the client says so before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from jurat import InvalidAnswer, InvalidSubmission
from jurat.answers import MAX_BYTES, encode
from jurat.candidates import LARGEST
from jurat.contests import LONGEST_NOTE
from jurat.database import state_of
from jurat.ids import uuid7
from jurat.names import LONGEST
from jurat.seal import Seal
from jurat.vocabulary import Outcome, Reason
from tasks.checks import Settle
from tests.store.desk import DOCUMENT, PUBLIC_KEY, Desk

SEALING = 48
HUGE = 100 << 20
ANSWER = {"word": "x" * (MAX_BYTES - len(encode({"word": ""})))}
"""The largest answer that may be given."""

COLUMNS = "id, consultation, participant, question, source, answer, reply_key, traceparent, answer_key, priority"
INSERT = f"""
    INSERT INTO jurat_checks ({COLUMNS}, due_at, submitted_at, deadline_at)
    VALUES (:{COLUMNS.replace(", ", ", :")}, NOW, NOW, NOW(3600))"""


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    desk = Desk(database_url, DOCUMENT)
    yield desk
    desk.close()


def code(desk: Desk, statement: str, **row: Any) -> str:
    """The SQLSTATE of ours with which a statement is refused; "" where it is not."""
    try:
        with desk.engine.begin() as connection:
            connection.execute(text(desk.clock(statement)), row)
    except DBAPIError as error:
        found = re.search(r"jurat: (JU\d+): ", str(error.orig))
        return state_of(error) or (found[1] if found else str(error.orig))
    return ""


def insert(desk: Desk, **given: Any) -> str:
    row = {
        "id": desk.id(uuid7()),
        "consultation": "budget",
        "participant": f"p-{uuid7()}",
        "question": "residence",
        "source": "towns",
        "answer": bytes(60),
        "reply_key": None,
        "traceparent": None,
        "answer_key": "0" * 16,
        "priority": "interactive",
    }
    return code(desk, INSERT, **row | given)


def test_the_largest_answer_is_taken_and_one_byte_more_is_not(desk: Desk) -> None:
    seal = Seal(PUBLIC_KEY)
    sealed = seal.close(encode(ANSWER))
    assert len(sealed) == MAX_BYTES + SEALING
    assert insert(desk, answer=sealed) == ""
    assert insert(desk, answer=sealed + b"x") == "JU005"
    assert desk.one("SELECT max(length(answer)) FROM jurat_checks") == MAX_BYTES + SEALING


def test_the_client_takes_the_same_and_says_what_is_wrong_before_the_database_does(desk: Desk) -> None:
    desk.submit("p-1", answer=ANSWER)
    with pytest.raises(InvalidAnswer, match=f"{MAX_BYTES + 1} bytes; at most {MAX_BYTES}"):
        desk.submit("p-2", answer={"word": ANSWER["word"] + "x"})
    desk.submit("p" * LONGEST)
    with pytest.raises(InvalidSubmission, match="participant must be 1 to 200"):
        desk.submit("p" * (LONGEST + 1))
    (held, _) = desk.claim()
    assert held.participant == "p-1"


@pytest.mark.slow
def test_eight_answers_of_a_hundred_megabytes_are_refused(desk: Desk) -> None:
    huge = bytes(HUGE)
    assert [insert(desk, answer=huge) for _ in range(8)] == ["JU005"] * 8
    assert desk.one("SELECT count(*) FROM jurat_checks") == 0


def test_the_function_refuses_them_as_well(postgresql_url: str) -> None:
    desk = Desk(postgresql_url)
    submit = "SELECT jurat_submit('budget', :participant, 'residence', :answer, '0123456789abcdef')"
    assert code(desk, submit, participant="p-1", answer=bytes(MAX_BYTES + SEALING)) == ""
    assert code(desk, submit, participant="p-2", answer=bytes(MAX_BYTES + SEALING + 1)) == "JU005"
    desk.close()


@pytest.mark.parametrize(
    ("name", "longest"),
    [
        *((name, LONGEST) for name in ("consultation", "participant", "question", "source", "priority")),
        ("traceparent", 100),
        ("answer_key", 16),
    ],
)
def test_texts_of_an_answer_have_an_end(desk: Desk, name: str, longest: int) -> None:
    assert insert(desk, **{name: "é" * longest}) == ""
    assert insert(desk, **{name: "é" * (longest + 1)}) == "JU005"
    assert insert(desk, **{name: "é" * (1 << 20)}) == "JU005"


def test_a_reply_key_has_an_end(desk: Desk) -> None:
    assert insert(desk, reply_key=bytes(32)) == ""
    assert insert(desk, reply_key=bytes(33)) == "JU005"


REQUEST = {
    "id": None,
    "kind": "transfer",
    "consultation": "budget",
    "participant": "p-1",
    "question": None,
    "check_id": None,
    "reason": None,
    "target": "p-2",
    "note": None,
    "note_key": None,
    "document": None,
    "code_list": None,
    "by_whom": "a clerk",
}


def ask(desk: Desk, **given: Any) -> str:
    row = {**REQUEST, "id": desk.id(uuid7()), **given}
    names = ", ".join(row)
    return code(desk, f"INSERT INTO jurat_requests ({names}, asked_at) VALUES (:{', :'.join(row)}, NOW)", **row)


@pytest.mark.parametrize("name", ["participant", "target", "by_whom"])
def test_texts_of_a_request_have_an_end(desk: Desk, name: str) -> None:
    desk.submit("p-1")
    assert ask(desk, **{name: "é" * LONGEST}) == ""
    assert ask(desk, **{name: "é" * (LONGEST + 1)}) == "JU005"


def test_notes_documents_and_codes_have_an_end(desk: Desk) -> None:
    about: dict[str, Any] = {"kind": "contest", "consultation": None, "participant": None, "target": None}
    about |= {"check_id": desk.id(desk.submit("p-1").id), "note_key": "0" * 16}
    most = LONGEST_NOTE * 4 + SEALING
    assert ask(desk, **about, note=bytes(most), document="d" * LONGEST) == ""
    assert ask(desk, **about, note=bytes(most + 1)) == "JU005"
    assert ask(desk, **about, note=bytes(most), document="d" * (LONGEST + 1)) == "JU005"
    codes: dict[str, Any] = {"kind": "codes", "consultation": None, "participant": None, "target": None}
    codes |= {"note_key": "0" * 16}
    assert ask(desk, **codes, code_list="spring", note=bytes(4 << 20)) == ""
    assert ask(desk, **codes, code_list="spring", note=bytes((4 << 20) + 1)) == "JU005"
    assert ask(desk, **codes, code_list="s" * (LONGEST + 1), note=bytes(60)) == "JU005"


def test_candidates_have_an_end(desk: Desk) -> None:
    desk.submit("p-1")
    update = "UPDATE jurat_checks SET candidates = :candidates, candidates_until = NOW(60)"
    assert code(desk, update, candidates=bytes(LARGEST)) == ""
    assert code(desk, update, candidates=bytes(LARGEST + 1)) == "JU005"


@contextmanager
def unguarded(engine: Engine) -> Iterator[None]:
    """Without the guards of sizes of answers, as their owner can have it."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            again = [f"ALTER TABLE jurat_checks ENABLE ALWAYS TRIGGER jurat_checks_sized_{number}" for number in (1, 2)]
            drop = [each.replace("ENABLE ALWAYS", "DISABLE") for each in again]
        else:
            made = "SELECT name, sql FROM sqlite_master WHERE name LIKE 'jurat_checks_sized_%'"
            names, again = map(list, zip(*connection.exec_driver_sql(made).all(), strict=True))
            drop = [f"DROP TRIGGER {name}" for name in names]
        for statement in drop:
            connection.exec_driver_sql(statement)
    yield
    with engine.begin() as connection:
        for statement in again:
            connection.exec_driver_sql(statement)


def test_what_was_stored_before_is_looked_up_and_settled(desk: Desk) -> None:
    """A guard looks at what comes in, and not at what is there: workers must get rid of it."""
    with unguarded(desk.engine):
        assert insert(desk, answer=bytes(1 << 20), answer_key=desk.unseal.key_ids[0] + "longer") == ""
    held = desk.claim_one()
    assert len(desk.settle(held).done) == 1
    assert desk.row(held.id, "state") == "settled"


def test_candidates_that_are_too_large_are_left_out_and_the_verdict_is_written(desk: Desk) -> None:
    """Of a hostile source: what it answers keeps nobody's verdict from being written."""
    for participant, size, left in (("p-1", LARGEST, LARGEST), ("p-2", LARGEST + 1, None)):
        held = desk.held(participant)
        ambiguous = Settle(Outcome.UNDETERMINED, Reason.AMBIGUOUS_ADDRESS, candidates=bytes(size))
        assert len(desk.settle(held, ambiguous).done) == 1
        assert desk.row(held.id, "length(candidates)") == left
        assert desk.row(held.id, "state") == "settled"


def test_a_text_does_not_end_at_a_sign_that_nobody_sees(sqlite_url: str) -> None:
    """SQLite's own length of a text does. PostgreSQL stores no NUL."""
    desk = Desk(sqlite_url)
    assert insert(desk, participant=f"a\0{'b' * (1 << 20)}") == "JU005"
    desk.close()
