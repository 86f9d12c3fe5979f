"""`jurat_submit` and the Python client: the same answer and the same rows, whatever happened before."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import text

from jurat import (
    AccessRevoked,
    AlreadyConfirmed,
    Client,
    InvalidSubmission,
    JuratError,
    NotNeeded,
    UnknownConsultation,
    UnknownQuestion,
)
from jurat.ids import uuid7
from jurat.seal import key_to_text
from jurat.vocabulary import Outcome, Reason
from tests.docs.pages import ROOT, block
from tests.jurat.calls import submit
from tests.jurat.conftest import PUBLIC_KEY
from tests.jurat.consultations import FREE_SCHEMA, Town, plain

ANSWER = {"word": "tilleul"}
ERRORS = {
    "JU001": UnknownConsultation,
    "JU002": UnknownQuestion,
    "JU003": AlreadyConfirmed,
    "JU004": InvalidSubmission,
    "JU005": InvalidSubmission,
    "JU006": AccessRevoked,
}


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


@dataclass(frozen=True)
class Way:
    """One of the two ways to submit, with participants and ids of its own."""

    name: str
    client: Client | None
    town: Town
    connection: psycopg.Connection[Any]
    ids: dict[str, UUID]

    def id_of(self, label: str) -> UUID:
        return self.ids.setdefault(label, uuid7())

    def submit(self, people: str, given_: dict[str, Any]) -> tuple[Any, ...]:
        """What comes of it in words that both ways share: ids by their labels."""
        values = {**given_, "participant": f"{people}-{self.name}-{given_['participant']}"}
        label = values.pop("id")
        values["id"] = None if label is None else self.id_of(label)
        try:
            if self.client is not None:
                with self.town.engine.begin() as connection:
                    check = self.client.submit(connection, answer=ANSWER, **values)
                found = (check.id, check.round, check.created)
            else:
                found = submit(self.connection, **values)
        except AlreadyConfirmed as error:
            return type(error), self._label(error.check_id)
        except JuratError as error:
            return (type(error),)
        except psycopg.Error as error:
            ended = "takes no more answers" in (error.diag.message_primary or "")
            kind = NotNeeded if ended else ERRORS[error.sqlstate or ""]
            detail = error.diag.message_detail
            return (kind, self._label(UUID(detail))) if detail else (kind,)
        if label is None:
            self.ids[f"made {len(self.ids)}"] = found[0]
        return self._label(found[0]), *found[1:]

    def _label(self, check: UUID) -> str:
        (label,) = (label for label, known in self.ids.items() if known == check)
        return label


NAMES = st.sampled_from(["budget", "budget", "budget", "bugdet", "", "x\u200by"])
QUESTIONS = st.sampled_from(["one", "one", "two", "three", "nothing", "a\nb"])
CONFIRM = st.fixed_dictionaries(
    {
        "consultation": NAMES,
        "participant": st.sampled_from(["a", "a", "b"]),
        "question": QUESTIONS,
        "id": st.sampled_from([None, None, "id 1", "id 2", "id 3"]),
        "priority": st.sampled_from(["interactive", "bulk", "urgent"]),
        "reply_key": st.sampled_from([None, bytes(32), b"x"]),
        "traceparent": st.sampled_from([None, "", "00-0a-01", "é"]),
    }
)
PLAIN = st.fixed_dictionaries(
    {
        "consultation": st.just("budget"),
        "participant": st.just("a"),
        "question": st.sampled_from(["one", "three", "three"]),
        "id": st.sampled_from([None, None, None, "id 1", "id 2"]),
        "priority": st.just("interactive"),
        "reply_key": st.none(),
        "traceparent": st.none(),
    }
)
VERDICT = st.sampled_from(
    [
        (Outcome.ACCEPTED, Reason.INSIDE_ZONE),
        (Outcome.REFUSED, Reason.OUTSIDE_ZONE),
        (Outcome.UNDETERMINED, Reason.SOURCE_UNAVAILABLE),
        (Outcome.UNDETERMINED, Reason.NUMBER_TAKEN),
        (Outcome.UNDETERMINED, "a_newer_reason"),
    ]
)
MOVE = st.tuples(
    st.integers(0, 3),
    st.sampled_from(["decided", "decided", "decided", "leased", "review", "pending", "settled"]),
    VERDICT,
    st.sampled_from([0, 0, 80, 101]),
)
WORD = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["reopen", "reopen", "reopen", "revoke", "restore", "restore"]),
        "question": st.sampled_from(["one", "three"]),
        "applied": st.sampled_from([True, True, True, False]),
        "refused": st.sampled_from([None, None, None, "a sentence"]),
        "days_ago": st.sampled_from([0, 0, 90]),
    }
)
ENDED = st.fixed_dictionaries(
    {
        "ended": st.sampled_from([{}, {"three": ["one"]}, {"one": ["three"]}, {"three": ["one", "two"]}]),
        "accepted": st.sampled_from(["one", "three", "one, two, three"]),
        "changes_at": st.sampled_from([None, None, "ahead", "over"]),
        "config_version": st.sampled_from([1, 1, 1, 0, 2]),
    }
)
STEPS = st.lists(st.one_of(PLAIN, PLAIN, CONFIRM, MOVE, MOVE, MOVE, WORD, ENDED), min_size=1, max_size=16)
ONE, THREE = (
    {"consultation": "budget", "participant": "a", "question": question, "id": None, "priority": "interactive",
     "reply_key": None, "traceparent": None}
    for question in ("one", "three")
)  # fmt: skip
ACCEPTED, REFUSED = (Outcome.ACCEPTED, Reason.INSIDE_ZONE), (Outcome.REFUSED, Reason.OUTSIDE_ZONE)
DOWN = (Outcome.UNDETERMINED, Reason.SOURCE_UNAVAILABLE)


def decided(verdict: tuple[Outcome, Reason], number: int = 0, days_ago: int = 0) -> tuple[Any, ...]:
    return number, "decided", verdict, days_ago


def word(kind: str, *, applied: bool = True) -> dict[str, Any]:
    return {"kind": kind, "question": "three", "applied": applied, "refused": None, "days_ago": 0}


def ended(names: dict[str, list[str]], accepted: str = "one", **row: Any) -> dict[str, Any]:
    return {"ended": names, "accepted": accepted, "changes_at": None, "config_version": 1, **row}


ASKED = ("one", 1, None), ("two", 2, None), ("three", 3, 100.5)
"""Questions, their rounds, and for how many days an accepted answer holds, of which thirty may be used to renew it."""

_people = itertools.count()


def move(town: Town, people: str, step: tuple[int, str, tuple[Outcome, Reason | str], int]) -> None:
    """Whatever workers and reviewers may do with a check, of both ways' participants alike."""
    number, state, (outcome, reason), days_ago = step
    for way in ("client", "sql"):
        checks = town.read(
            "SELECT id FROM jurat_checks WHERE participant LIKE :who ORDER BY question, round, participant",
            who=f"{people}-{way}-%",
        )
        if number >= len(checks):
            return
        check = checks[number][0]
        if state == "decided":
            revision = town.read("SELECT count(*) FROM jurat_verdicts WHERE check_id = :id", id=check)[0][0]
            town.settle(check, outcome, reason, revision + 1, days_ago=days_ago)
        else:
            town.write("UPDATE jurat_checks SET state = :state WHERE id = :id", state=state, id=check)


def write_ended(town: Town, people: str, step: dict[str, Any]) -> None:
    """What a worker may have written into the rows of both ways' participants `a`."""
    moments = {None: "NULL", "ahead": town.ago(-1), "over": town.ago(1)}
    states = json.dumps(dict.fromkeys(step["accepted"].split(", "), "accepted"))
    town.write(
        "UPDATE jurat_access SET ended = :ended, questions = questions || :states, config_version = :version, "
        f"changes_at = {moments[step['changes_at']]} WHERE participant IN (:one, :other)",
        ended=json.dumps(step["ended"]),
        states=states,
        version=step["config_version"],
        one=f"{people}-client-a",
        other=f"{people}-sql-a",
    )


def stands(town: Town, way: Way, people: str) -> list[Sequence[Any]]:
    """All rows of one way's participants, in words that both share."""
    labels = {check: label for label, check in way.ids.items()}
    who = f"{people}-{way.name}-"
    checks = town.read(
        "SELECT id, replace(participant, :who, ''), consultation, question, round, priority, answer IS NULL, "
        "length(answer), answer_key, reply_key, traceparent, state, source, fence, lookups, stood_s, "
        "due_at = submitted_at, deadline_at - submitted_at FROM jurat_checks WHERE participant LIKE :who || '%' "
        "ORDER BY 2, 3, 4, 5",
        who=who,
    )
    access = town.read(
        "SELECT replace(participant, :who, ''), consultation, access, questions, rounds_left, config_version "
        "FROM jurat_access WHERE participant LIKE :who || '%' ORDER BY 1, 2",
        who=who,
    )
    # An answer that is sealed by hand here is shorter.
    return [(labels[row[0]], *row[1:7], *row[8:]) for row in checks] + list(access)


@pytest.fixture(scope="module")
def ways(request: pytest.FixtureRequest) -> Iterator[tuple[Town, Client, psycopg.Connection[Any]]]:
    town: Town = request.getfixturevalue("_postgresql_town")
    client = Client(town.url, seal_key=key_to_text(PUBLIC_KEY))
    with plain(town.url) as connection:
        connection.autocommit = True
        yield town, client, connection
    client.close()


@pytest.mark.slow
@given(steps=STEPS)
@example(steps=[ONE, decided(DOWN), decided(REFUSED), ONE])
@example(steps=[ONE, decided(REFUSED), decided(DOWN), ONE, ONE])
@example(steps=[THREE, decided(ACCEPTED), THREE])
@example(steps=[ONE, (0, "settled", DOWN, 0), ONE])
@example(steps=[THREE, decided(ACCEPTED), (0, "review", DOWN, 0), THREE])
@example(
    steps=[
        *(THREE, decided(DOWN), THREE, decided(REFUSED, 1)),
        *(decided(ACCEPTED), (0, "review", DOWN, 0), THREE, (0, "settled", DOWN, 0), THREE),
    ]
)
@example(steps=[THREE, decided(ACCEPTED, days_ago=80), THREE, THREE, decided(REFUSED, 1), THREE])
@example(steps=[THREE, decided(ACCEPTED, days_ago=101), THREE, THREE, decided(ACCEPTED, 1), THREE])
@example(steps=[THREE, decided(ACCEPTED), word("reopen"), THREE, decided(REFUSED, 1), THREE])
@example(steps=[THREE, word("reopen"), decided(ACCEPTED), THREE])
@example(steps=[ONE, word("revoke"), ONE, THREE, word("restore"), THREE, word("revoke", applied=False), ONE])
@example(steps=[word("revoke"), ONE])
@example(steps=[{**ONE, "id": "id 1"}, {**THREE, "id": "id 1"}, {**ONE, "id": "id 2"}, {**ONE, "id": "id 1"}])
@example(steps=[{**THREE, "id": "id 1"}, ONE, {**ONE, "id": "id 1"}])
@example(steps=[ONE, decided(ACCEPTED), ended({"three": ["one"]}), THREE, THREE])
@example(steps=[THREE, ONE, decided(REFUSED, 1), decided(ACCEPTED), ended({"three": ["one"]}), THREE])
@example(steps=[ONE, ended({"three": ["one"]}), THREE])
@example(steps=[ONE, decided(ACCEPTED), ended({"three": ["one"]}, accepted="three"), THREE])
@example(steps=[ONE, decided(ACCEPTED), ended({"three": ["one"]}, changes_at="over"), THREE])
@example(steps=[ONE, decided(ACCEPTED), ended({"three": ["one"]}, config_version=0), THREE])
def test_after_any_history_it_says_and_writes_what_the_client_does(
    ways: tuple[Town, Client, psycopg.Connection[Any]], steps: list[Any]
) -> None:
    town, client, connection = ways
    people = f"h{next(_people)}"
    town.furnish()
    for question, rounds, days in ASKED:
        life = {"valid_s": days * 86400, "renew_s": 30.0 * 86400} if days else {}
        town.ask("budget", question, rounds=rounds, schema=FREE_SCHEMA, **life)
    by_client = Way("client", client, town, connection, {})
    by_sql = Way("sql", None, town, connection, {})
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
            assert by_sql.submit(people, step) == by_client.submit(people, step), step
            assert stands(town, by_sql, people) == stands(town, by_client, people), step


def test_it_writes_what_the_documented_insert_writes(connection: psycopg.Connection[Any], town: Town) -> None:
    documented = block(ROOT / "docs" / "reference" / "contract.md", "sql", "make_interval")
    row = {"id": str(uuid7()), "consultation": "budget", "participant": "p-1", "question": "code", "round": 1}
    row |= {"answer": bytes(60), "answer_key": "0" * 16, "reply_key": bytes(32)}
    with town.engine.begin() as begun:
        begun.execute(text(documented), row)
    submit(connection, **(row | {"participant": "p-2", "id": None}))
    columns = (
        "consultation, question, round, priority, answer, answer_key, reply_key, state, source, fence, lease_until, "
        "lookups, lost_leases, candidates, due_at = submitted_at, deadline_at - submitted_at, settled_at, traceparent, "
        "stood_s, leaning"
    )
    one, two = town.read(f"SELECT {columns} FROM jurat_checks ORDER BY participant")
    assert one == two
