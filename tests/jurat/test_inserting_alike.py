"""The documented INSERT on both engines: it takes what the Python client takes, and is refused where that refuses."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from jurat import AccessRevoked, AlreadyConfirmed, Client
from jurat.database import state_of
from jurat.ids import uuid7
from jurat.seal import Seal, key_to_text
from jurat.statements import percent
from jurat.vocabulary import COSTS_NO_ROUND, Outcome, Reason, outcomes_of
from tests.conftest import ENGINES
from tests.docs.pages import ROOT, block
from tests.jurat.conftest import PUBLIC_KEY
from tests.jurat.consultations import FREE_SCHEMA, Town, plain
from tests.jurat.test_submission_alike import (
    ACCEPTED,
    ANSWER,
    ASKED,
    DOWN,
    ENDED,
    MOVE,
    ONE,
    REFUSED,
    THREE,
    WORD,
    decided,
    ended,
    move,
    word,
)

PAGE = ROOT / "docs" / "reference" / "contract.md"
STATEMENTS = {
    "postgresql": block(PAGE, "sql", "make_interval"),
    "sqlite": block(PAGE, "sql", "q.deadline_s || ' seconds'"),
}
SEAL = Seal(PUBLIC_KEY)
CONFIRM = st.sampled_from([ONE, THREE, THREE])
STEPS = st.lists(st.one_of(CONFIRM, CONFIRM, CONFIRM, MOVE, MOVE, MOVE, WORD, ENDED), min_size=1, max_size=14)

_people = itertools.count()


@dataclass(frozen=True)
class Sides:
    """The same consultation for a client and for who speaks SQL alone."""

    town: Town
    client: Client

    @property
    def engine(self) -> str:
        return self.town.engine.dialect.name

    def submit(self, participant: str, question: str) -> str:
        """What the client says: the round, or the code of its error."""
        try:
            with self.town.engine.begin() as connection:
                who: dict[str, Any] = {"consultation": "budget", "participant": participant, "question": question}
                return str(self.client.submit(connection, answer=ANSWER, **who).round)
        except AlreadyConfirmed:
            return "JU003"
        except AccessRevoked:
            return "JU006"

    def insert(self, participant: str, question: str, **given_: Any) -> str:
        """What the documented INSERT says of the next round, or of the one that is given."""
        last = "SELECT max(round) FROM jurat_checks WHERE participant = :participant AND question = :question"
        rounds = self.town.read(last, participant=participant, question=question)[0][0]
        row = {
            "id": str(uuid7()),
            "consultation": "budget",
            "participant": participant,
            "question": question,
            "round": (rounds or 0) + 1,
            "answer": SEAL.close(b"{}"),
            "answer_key": SEAL.key_id,
            "reply_key": None,
            **given_,
        }
        try:
            with self.town.engine.begin() as connection:
                written = connection.execute(text(STATEMENTS[self.engine]), row).rowcount
        except DBAPIError as error:
            return code_of(error)
        return str(row["round"]) if written else "nothing"


def code_of(error: DBAPIError) -> str:
    """The SQLSTATE of ours; on SQLite it stands in the message."""
    found = re.search(r"jurat: (JU\d+): ", str(error.orig))
    return state_of(error) or (found[1] if found else str(error.orig))


@pytest.fixture(scope="module", params=ENGINES)
def sides(request: pytest.FixtureRequest) -> Iterator[Sides]:
    town: Town = request.getfixturevalue(f"_{request.param}_town")
    client = Client(town.url, seal_key=key_to_text(PUBLIC_KEY))
    yield Sides(town, client)
    client.close()


@pytest.fixture
def opened(sides: Sides) -> Sides:
    """With three questions, and nobody who answered one."""
    furnish(sides.town)
    return sides


def furnish(town: Town) -> None:
    town.furnish()
    for question, rounds, days in ASKED:
        life = {"valid_s": days * 86400, "renew_s": 30.0 * 86400} if days else {}
        town.ask("budget", question, rounds=rounds, schema=FREE_SCHEMA, **life)


def write_ended(town: Town, people: str, step: dict[str, Any]) -> None:
    moments = {None: "NULL", "ahead": town.ago(-1), "over": town.ago(1)}
    merged = "questions || :states" if town.engine.dialect.name == "postgresql" else "json_patch(questions, :states)"
    town.write(
        f"UPDATE jurat_access SET ended = :ended, questions = {merged}, config_version = :version, "
        f"changes_at = {moments[step['changes_at']]} WHERE participant IN (:one, :other)",
        ended=json.dumps(step["ended"]),
        states=json.dumps(dict.fromkeys(step["accepted"].split(", "), "accepted")),
        version=step["config_version"],
        one=f"{people}-client-a",
        other=f"{people}-sql-a",
    )


@pytest.mark.slow
@given(steps=STEPS)
@example(steps=[ONE, decided(DOWN), decided(REFUSED), ONE])
@example(steps=[ONE, decided(ACCEPTED), ONE])
@example(steps=[THREE, decided(ACCEPTED), THREE])
@example(steps=[THREE, THREE])
@example(steps=[ONE, (0, "settled", DOWN, 0), ONE])
@example(steps=[THREE, decided(ACCEPTED), (0, "review", DOWN, 0), THREE])
@example(steps=[THREE, decided(DOWN), THREE, decided(REFUSED, 1), decided(ACCEPTED), (0, "review", DOWN, 0), THREE])
@example(steps=[THREE, decided(ACCEPTED, days_ago=80), THREE, THREE, decided(REFUSED, 1), THREE])
@example(steps=[THREE, decided(ACCEPTED, days_ago=101), THREE, THREE, decided(ACCEPTED, 1), THREE])
@example(steps=[THREE, decided(ACCEPTED), word("reopen"), THREE, decided(REFUSED, 1), THREE])
@example(steps=[THREE, word("reopen"), decided(ACCEPTED), THREE])
@example(steps=[ONE, word("revoke"), ONE, THREE, word("restore"), THREE, word("revoke", applied=False), ONE])
@example(steps=[word("revoke"), ONE])
@example(steps=[ONE, decided(ACCEPTED), ended({"three": ["one"]}), THREE, THREE])
@example(steps=[THREE, ONE, decided(REFUSED, 1), decided(ACCEPTED), ended({"three": ["one"]}), THREE])
@example(steps=[ONE, ended({"three": ["one"]}), THREE])
@example(steps=[ONE, decided(ACCEPTED), ended({"three": ["one"]}, accepted="three"), THREE])
@example(steps=[ONE, decided(ACCEPTED), ended({"three": ["one"]}, changes_at="over"), THREE])
@example(steps=[ONE, decided(ACCEPTED), ended({"three": ["one"]}, config_version=0), THREE])
def test_after_any_history_it_takes_and_refuses_what_the_client_does(sides: Sides, steps: list[Any]) -> None:
    town, people = sides.town, f"i{next(_people)}"
    furnish(town)
    for step in steps:
        if isinstance(step, tuple):
            move(town, people, step)
        elif "ended" in step:
            write_ended(town, people, step)
        elif "kind" in step:
            for way in ("client", "sql"):
                about = step["question"] if step["kind"] == "reopen" else None
                town.word(f"{people}-{way}-a", **{**step, "question": about})
        else:
            by_client = sides.submit(f"{people}-client-a", step["question"])
            assert sides.insert(f"{people}-sql-a", step["question"]) == by_client, step


@pytest.mark.parametrize("reason", [*Reason, "a_newer_reason"])
def test_each_reason_costs_the_round_that_it_costs_the_client(opened: Sides, reason: str) -> None:
    known = reason in set(Reason)
    for outcome in outcomes_of(Reason(reason)) if known else {Outcome.UNDETERMINED}:
        for way in ("client", "sql"):
            check = uuid7()
            assert opened.insert(f"{way}-{outcome}", "one", id=str(check)) == "1"
            opened.town.settle(check, outcome, reason)
        by_client = opened.submit(f"client-{outcome}", "one")
        assert by_client == opened.insert(f"sql-{outcome}", "one"), (outcome, "is its list that of COSTS_NO_ROUND?")
        free = outcome is Outcome.UNDETERMINED and reason in COSTS_NO_ROUND
        assert by_client == ("2" if free else "JU003")


def settled(sides: Sides, outcome: Outcome = Outcome.ACCEPTED, reason: Reason = Reason.INSIDE_ZONE) -> UUID:
    """The id of the first answer of `p-1` to the question that takes three, with a verdict."""
    check = uuid7()
    assert sides.insert("p-1", "three", id=str(check)) == "1"
    sides.town.settle(check, outcome, reason)
    return check


def test_no_round_is_taken_after_an_acceptance(opened: Sides) -> None:
    settled(opened)
    assert opened.insert("p-1", "three") == "JU003"
    assert opened.town.count("jurat_checks") == 1


def test_the_error_names_the_check_that_stands(opened: Sides) -> None:
    check = settled(opened)
    if opened.engine == "sqlite":
        pytest.skip("a trigger of SQLite says the same words each time")
    row = {"id": str(uuid7()), "participant": "p-1", "question": "three", "round": 2, "consultation": "budget"}
    row |= {"answer": bytes(60), "answer_key": "0" * 16, "reply_key": None}
    with plain(opened.town.url) as connection, pytest.raises(psycopg.Error, match=f"check {check}") as told:
        connection.execute(percent(STATEMENTS["postgresql"], tuple(row)), row)
    assert told.value.diag.message_detail == str(check)


def test_a_round_is_the_next_one(opened: Sides) -> None:
    assert [opened.insert("p-1", "three", round=number) for number in (0, 2, 32767)] == ["JU005"] * 3
    settled(opened, Outcome.REFUSED, Reason.OUTSIDE_ZONE)
    assert [opened.insert("p-1", "three", round=number) for number in (0, 3, 32767)] == ["JU005"] * 3
    assert opened.insert("p-1", "three") == "2"


def test_the_same_again_writes_nothing_and_fails_not(opened: Sides) -> None:
    """As `ON CONFLICT DO NOTHING` promises: also once the answer is accepted, or access revoked."""
    check = settled(opened)
    opened.town.word("p-1", "revoke")
    assert opened.insert("p-1", "three", id=str(check), round=1) == "nothing"
    assert opened.insert("p-1", "three", round=1) == "nothing"
    assert opened.town.count("jurat_checks") == 1


def test_what_is_not_configured_writes_nothing(opened: Sides) -> None:
    assert opened.insert("p-1", "nothing") == "nothing"
    assert opened.insert("p-1", "three", consultation="nowhere") == "nothing"


def test_two_rounds_of_one_statement_are_refused(opened: Sides) -> None:
    one, two = ({"id": str(uuid7()), "round": number} for number in (1, 2))
    row = "(:{0}id, 'budget', 'p-1', 'three', {1}, :answer, 'towns', {2}, {2}, {2})"
    moment = "now()" if opened.engine == "postgresql" else "strftime('%Y-%m-%d %H:%M:%f', 'now')"
    values = ", ".join(row.format(name, each["round"], moment) for name, each in (("a", one), ("b", two)))
    statement = (
        "INSERT INTO jurat_checks (id, consultation, participant, question, round, answer, source, due_at, "
        f"submitted_at, deadline_at) VALUES {values}"
    )
    with pytest.raises(DBAPIError) as told, opened.town.engine.begin() as connection:
        connection.execute(text(statement), {"aid": one["id"], "bid": two["id"], "answer": bytes(60)})
    assert code_of(told.value) in ("JU003", "JU005")
    assert opened.town.count("jurat_checks") == 0
