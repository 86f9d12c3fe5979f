"""`access show | revoke | restore | transfer`, `reopen`, `erase`."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.cli.shell import Shell, is_one_sentence

SECRET = "p-secret-person"


@pytest.fixture
def answered(configured: Shell) -> Shell:
    """One participant has confirmed an answer."""
    ran = configured("submit", "budget", SECRET, "who", "--field", "word=accept")
    assert ran.code == 0, ran.err
    return configured


def rows(shell: Shell, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(shell.folder / "jurat.db")) as connection:
        return connection.execute(statement).fetchall()


def settle(shell: Shell) -> None:
    """Refused, as a worker leaves it but for the access row, which the next request adds up."""
    with closing(sqlite3.connect(shell.folder / "jurat.db")) as connection, connection:
        connection.execute(
            "INSERT INTO jurat_verdicts (check_id, revision, outcome, reason, evidence, decided_by, config_version,"
            " source, fence, decided_at) SELECT id, 1, 'refused', 'status_inactive', '{}', 'worker', 1, 'magic', 1,"
            " strftime('%Y-%m-%d %H:%M:%f', 'now') FROM jurat_checks"
        )
        connection.execute("UPDATE jurat_checks SET state = 'settled', answer = NULL")


def test_what_is_there_is_shown_in_the_order_of_the_form_without_any_answer(answered: Shell) -> None:
    ran = answered("access", "show", "budget", SECRET)
    assert ran.code == 4
    assert ran.out.startswith("access: pending\n")
    assert ran.out.index("code ") < ran.out.index("who ")
    assert "accept" not in ran.out
    shown = answered("access", "show", "budget", SECRET, "--json").json
    assert (shown["access"], shown["revoked"]) == ("pending", False)
    assert shown["questions"] == {"code": "open", "who": "pending"}
    assert [(each["question"], each["round"], each["state"]) for each in shown["answers"]] == [("who", 1, "pending")]


def test_access_is_revoked_and_restored_by_a_person_whom_the_audit_names(answered: Shell) -> None:
    assert answered("access", "revoke", "budget", SECRET, "--as", "clerk-7").out.startswith("access is revoked")
    ran = answered("access", "revoke", "budget", SECRET)
    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "revoked already" in ran.err
    shown = answered("access", "show", "budget", SECRET)
    assert "revoked by a person" in shown.out
    assert "clerk-7" in shown.out
    assert answered("access", "restore", "budget", SECRET, "--json").json["request"]
    assert [row[0] for row in rows(answered, "SELECT action FROM jurat_audit WHERE action LIKE 'access%'")] == [
        "access revoke",
        "access restore",
    ]


def test_a_question_is_reopened(answered: Shell) -> None:
    ran = answered("reopen", "budget", SECRET, "who")
    assert (ran.code, is_one_sentence(ran)) == (1, True)
    assert "is on its way" in ran.err
    settle(answered)
    assert "may be answered already" in answered("reopen", "budget", SECRET, "who").err, "it has two rounds"
    assert "has no question shoe" in answered("reopen", "budget", SECRET, "shoe").err
    assert rows(answered, "SELECT count(*) FROM jurat_requests") == [(0,)]


def test_all_is_moved_to_another_id(answered: Shell) -> None:
    ran = answered("access", "transfer", "budget", SECRET, "p-other")
    assert (ran.code, ran.out) == (0, "moved; access: pending\n")
    assert rows(answered, "SELECT participant FROM jurat_access") == [("p-other",)]
    again = answered("access", "transfer", "budget", SECRET, "p-other")
    assert (again.code, is_one_sentence(again)) == (2, True)


def test_a_participant_is_erased_with_yes(answered: Shell) -> None:
    ran = answered("erase", SECRET, "--yes", "--json")
    assert ran.code == 0, ran.err
    assert [each["consultation"] for each in ran.json["consultations"]] == ["budget"]
    assert "ON THEIR WAY" in ran.err, "what is there is said first"
    with closing(sqlite3.connect(answered.folder / "jurat.db")) as connection:
        assert SECRET not in "\n".join(connection.iterdump())
    again = answered("erase", SECRET, "--yes")
    assert (again.code, is_one_sentence(again)) == (2, True)
    assert "nothing exists of that participant in any consultation" in again.err


def test_without_yes_and_a_person_nothing_is_erased(answered: Shell) -> None:
    ran = answered("erase", SECRET)
    assert ran.code == 2
    assert "add --yes" in ran.err
    assert rows(answered, "SELECT participant FROM jurat_checks") == [(SECRET,)]


@pytest.mark.parametrize(("typed", "code", "left"), [("n\n", 1, 1), ("y\n", 0, 0)])
def test_at_a_terminal_a_person_is_asked(
    answered: Shell, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, left: int
) -> None:
    monkeypatch.setattr("cli.command.at_terminal", lambda: True)
    assert answered("erase", SECRET, stdin=typed).code == code
    assert len(rows(answered, f"SELECT 1 FROM jurat_checks WHERE participant = '{SECRET}'")) == left


def test_from_one_consultation_alone(answered: Shell) -> None:
    ran = answered("erase", SECRET, "--consultation", "vote", "--yes")
    assert (ran.code, is_one_sentence(ran)) == (2, True)
    ran = answered("erase", SECRET, "--consultation", "budget", "--yes")
    assert ran.out == "erased from 1 consultation\n"
    assert "an older backup would bring it back: set JURAT_ERASURE_JOURNAL" in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ("access", "show", "budget", SECRET),
        ("access", "revoke", "budget", SECRET),
        ("access", "restore", "budget", SECRET),
        ("access", "transfer", "budget", SECRET, "p-other"),
        ("reopen", "budget", SECRET, "who"),
        ("erase", SECRET, "--yes"),
    ],
    ids=" ".join,
)
def test_who_is_not_known_is_one_sentence_that_does_not_name_them(configured: Shell, words: tuple[str, ...]) -> None:
    ran = configured(*words)
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert SECRET not in ran.err


def test_nobody_does_it_under_the_participants_own_id(answered: Shell) -> None:
    for words in (("access", "revoke", "budget", SECRET), ("erase", SECRET, "--yes")):
        for name in (SECRET, SECRET.upper()):
            ran = answered(*words, "--as", name)
            assert ran.code == 2
            assert "--as must name the person who does this" in ran.err


def test_no_audit_row_names_a_participant(answered: Shell) -> None:
    answered("access", "revoke", "budget", SECRET)
    answered("access", "restore", "budget", SECRET)
    answered("access", "transfer", "budget", SECRET, "p-other-secret")
    answered("erase", "p-other-secret", "--yes")
    audit = rows(answered, "SELECT * FROM jurat_audit")
    assert len(audit) >= 4
    assert "secret" not in json.dumps(audit)
