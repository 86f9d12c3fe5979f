"""`submit`, `status`, `wait`."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jurat.ids import uuid7
from jurat.messages import message_for
from jurat.seal import generate, key_to_text
from jurat.vocabulary import Outcome, Reason, State
from tests.cli.conftest import configure
from tests.cli.shell import Ran, Shell, is_one_sentence

WHO = ("submit", "budget", "p-1", "who")
SECRET = "7 rue du Puits"
OTHERS = ("de", "es", "fr")


def rows(shell: Shell, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(shell.folder / "jurat.db")) as connection, connection:
        return connection.execute(sql).fetchall()


def settle(shell: Shell, check: str, outcome: Outcome, reason: Reason) -> None:
    """Write a verdict, as a worker would."""
    now = "strftime('%Y-%m-%d %H:%M:%f', 'now')"
    verdict = f"'{check}', 1, '{outcome}', '{reason}', '{{}}', 'worker', 1, 'magic', 1, {now}, NULL"
    columns = "check_id, revision, outcome, reason, evidence, decided_by, config_version, source, fence, decided_at"
    rows(shell, f"UPDATE jurat_checks SET state = 'settled', answer = NULL WHERE id = '{check}'")
    rows(shell, f"INSERT INTO jurat_verdicts ({columns}, retain_until) VALUES ({verdict})")


def submitted(shell: Shell, participant: str = "p-1") -> str:
    ran = shell("submit", "budget", participant, "who", "--field", "x=accept")
    assert ran.code == 0, ran.err
    return ran.out.strip()


# --------------------------------------------------------------------------------------------------------------- submit


def test_a_submit_prints_the_id_of_its_check_and_nothing_else(configured: Shell) -> None:
    check = submitted(configured)
    assert str(UUID(check)) == check
    assert rows(configured, "SELECT id, participant, state FROM jurat_checks") == [(check, "p-1", "pending")]


@pytest.mark.parametrize(
    ("options", "stdin"),
    [
        (("--answer", '{"x": "accept"}'), ""),
        (("--answer-file", "-"), '{"x": "accept"}'),
        (("--answer-file", "answer.json"), ""),
        (("--field", "x=accept", "--field", "y=a=b"), ""),
    ],
)
def test_an_answer_comes_from_a_file_an_option_or_fields(
    configured: Shell, options: tuple[str, ...], stdin: str
) -> None:
    configured.write("answer.json", '\ufeff{"x": "accept"}\n')
    assert configured(*WHO, *options, stdin=stdin).code == 0
    assert len(rows(configured, "SELECT 1 FROM jurat_checks")) == 1


def test_the_same_id_again_is_the_same_check(configured: Shell) -> None:
    words = (*WHO, "--field", "x=accept", "--id", str(uuid7()), "--json")
    first, second = configured(*words), configured(*words)
    assert (first.json["created"], second.json["created"]) == (True, False)
    assert first.json["check_id"] == second.json["check_id"]
    assert "was submitted before" in second.err
    assert len(rows(configured, "SELECT 1 FROM jurat_checks")) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("budgt p-1 who --field x=y", "did you mean 'budget'"),
        ("budget p-1 whoo --field x=y", "did you mean 'who'"),
        ("budget p-1 code --field kode=abcd", "code"),
        ("budget p-1 who", "once"),
        ("budget p-1 who --field x=y --answer {}", "once"),
        ("budget p-1 who --field xy", "NAME=VALUE"),
        ("budget p-1 who --field x=1 --field x=2", "number 2"),
        ("budget p-1 who --answer-file missing.json", "missing.json"),
        ("budget p-1 who --answer-file .", "directory"),
        ("budget p-1 who --field x=y --id 7", "UUID"),
        ("budget p-1 who --field x=y --priority soon", "interactive"),
        ("budget p-1 who --field x=y --wait -1", "0<=x"),
    ],
)
def test_a_submit_that_cannot_be_says_why_and_writes_nothing(configured: Shell, words: str, said: str) -> None:
    ran = configured("submit", *words.split())
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert said in ran.err
    assert rows(configured, "SELECT 1 FROM jurat_checks") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"street": "7 rue du Puits",}', "answer.json:1:29: is not JSON"),
        (b'{"street": "7 rue du Puits"', "is not JSON"),
        (b'{"street": "7 rue du Puits", "street": "7 rue du Puits"}', "each field once"),
        (b'["7 rue du Puits"]', "no JSON object"),
        (b'{"street": "7 rue du Puits\xff"}', "not UTF-8"),
        (b'{"street": "7 rue du Puits\\u0000"}', "NUL"),
        (b'{"street": "7 rue du Puits\\ud800"}', "surrogate"),
        (b'{"street": NaN, "number": "7 rue du Puits"}', "type string"),
        (b'{"street": ["7 rue du Puits"]}', "type string"),
        (b'{"street": "' + b"7 rue du Puits" * 2000 + b'"}', "bytes"),
        (b'{"street": "' + b"7 rue du Puits" * 6000 + b'"}', "larger than 64 KiB"),
        (b"[" * 60000, "JSON"),
        (b"", "is not JSON"),
    ],
)
def test_a_bad_answer_is_told_by_its_place_and_never_shown(configured: Shell, text: bytes, said: str) -> None:
    (configured.folder / "answer.json").write_bytes(text)
    ran = configured(*WHO, "--answer-file", "answer.json")
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert said in ran.err
    assert SECRET not in ran.err
    assert rows(configured, "SELECT 1 FROM jurat_checks") == []


def test_an_answer_confirmed_before_is_no_refusal_of_the_participant(configured: Shell) -> None:
    check = submitted(configured)
    ran = configured(*WHO, "--field", "x=other")
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert check in ran.err


def test_an_answer_is_not_sealed_with_a_key_that_the_workers_do_not_have(configured: Shell) -> None:
    ran = configured(*WHO, "--field", "x=accept", JURAT_SEAL_KEY=key_to_text(generate()[1]))
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert "is the wrong key" in ran.err
    assert rows(configured, "SELECT 1 FROM jurat_checks") == []


def test_a_platform_that_has_the_public_key_alone_can_submit(configured: Shell) -> None:
    assert configured(*WHO, "--field", "x=accept", JURAT_UNSEAL_KEYS="", JURAT_HASH_KEYS="").code == 0


@pytest.mark.parametrize(("key", "said"), [("", "is not set"), ("bm9uZQ==", "no key of 32 bytes")])
def test_a_missing_or_broken_key_is_one_sentence(configured: Shell, key: str, said: str) -> None:
    ran = configured(*WHO, "--field", "x=accept", JURAT_SEAL_KEY=key)
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert said in ran.err
    assert "bm9uZQ==" not in ran.err


def test_a_broker_that_is_down_does_not_keep_an_answer_from_being_taken(configured: Shell) -> None:
    ran = configured(*WHO, "--field", "x=accept", JURAT_BROKER_URL="redis://127.0.0.1:1/0")
    assert (ran.code, ran.err) == (0, "")


def test_a_submit_waits_for_the_verdict_so_long_and_no_longer(configured: Shell) -> None:
    ran = configured(*WHO, "--field", "x=accept", "--wait", "0.2", "--json")
    assert ran.code == 4
    assert ran.json["state"] == "pending"
    assert "0.2 s" in ran.err


# --------------------------------------------------------------------------------------------------------- status, wait


@pytest.mark.parametrize(
    ("outcome", "reason", "code"),
    [
        (Outcome.ACCEPTED, Reason.RECORD_MATCHES, 0),
        (Outcome.REFUSED, Reason.STATUS_INACTIVE, 1),
        (Outcome.UNDETERMINED, Reason.RECORD_NOT_FOUND, 5),
    ],
)
def test_the_exit_code_is_the_verdict(configured: Shell, outcome: Outcome, reason: Reason, code: int) -> None:
    check = submitted(configured)
    settle(configured, check, outcome, reason)
    for words in (("status", check), ("wait", check, "--timeout", "0")):
        ran = configured(*words, "--json")
        assert ran.code == code
        assert (ran.json["state"], ran.json["outcome"], ran.json["reason"]) == ("settled", outcome, reason)
        assert ran.json["message"]
        assert ran.json["decided_at"].endswith("Z")
        text = configured(*words)
        assert text.code == code
        assert check in text.out
        assert str(reason) in text.out


@pytest.mark.parametrize(("state", "code"), [(State.PENDING, 4), (State.LEASED, 4), (State.REVIEW, 5)])
def test_the_exit_code_tells_pending_from_review(configured: Shell, state: State, code: int) -> None:
    check = submitted(configured)
    rows(configured, f"UPDATE jurat_checks SET state = '{state}'")
    assert configured("status", check).code == code
    assert configured("wait", check, "--timeout", "0").code == code


def test_the_message_is_in_the_language_that_was_asked_for(configured: Shell) -> None:
    check = submitted(configured)
    settle(configured, check, Outcome.REFUSED, Reason.STATUS_INACTIVE)
    for command in (("status", check), ("wait", check)):
        told = {tag: configured(*command, "--locale", tag, "--json").json["message"] for tag in ("en", "xx", *OTHERS)}
        assert told == {tag: message_for(Reason.STATUS_INACTIVE, tag) for tag in told}
        assert len(set(told.values())) == 4, "xx is told in English"
        assert configured(*command, "--locale", "de").out.splitlines()[-1] == told["de"]


def test_a_participants_access_is_told_in_the_language_that_was_asked_for(configured: Shell) -> None:
    check = submitted(configured)
    settle(configured, check, Outcome.REFUSED, Reason.STATUS_INACTIVE)
    # The worker's part, in the same transaction.
    rows(configured, """UPDATE jurat_access SET access = 'blocked', questions = '{"who":"refused","code":"open"}'""")
    whole = ("status", "--access", "budget", "p-1", "--locale")
    for tag in OTHERS:
        document = configured(*whole, tag, "--json").json
        assert document["message"] == message_for("access.blocked", tag)
        assert {each["question"]: each["message"] for each in document["questions"]} == {
            "who": message_for(Reason.STATUS_INACTIVE, tag),
            "code": message_for("state.open", tag),
        }
    assert configured(*whole, "es").out.splitlines()[-1] == message_for("access.blocked", "es")


def test_the_consultations_own_text_is_shown(configured: Shell) -> None:
    check = submitted(configured)
    settle(configured, check, Outcome.REFUSED, Reason.STATUS_INACTIVE)
    rows(configured, """UPDATE jurat_questions SET messages = '{"status_inactive":{"de":"Rufen Sie uns an."}}'""")
    for command in ("status", "wait", "explain"):
        assert "Rufen Sie uns an." in configured(command, check, "--locale", "de").out
        assert "Rufen Sie uns an." not in configured(command, check, "--locale", "es").out
    rows(configured, "DELETE FROM jurat_questions")
    for command in ("status", "explain"):
        assert message_for(Reason.STATUS_INACTIVE, "de") in configured(command, check, "--locale", "de").out


def test_several_checks_are_shown_at_once_and_the_worst_decides(configured: Shell) -> None:
    checks = [submitted(configured, f"p-{number}") for number in range(3)]
    settle(configured, checks[0], Outcome.ACCEPTED, Reason.RECORD_MATCHES)
    assert configured("status", *checks, "--json").code == 4
    settle(configured, checks[1], Outcome.REFUSED, Reason.STATUS_INACTIVE)
    ran = configured("status", *checks, checks[0], "--json")
    assert ran.code == 1
    assert [check["check_id"] for check in ran.json] == checks
    assert [line.split()[0] for line in configured("status", *checks).out.splitlines()] == ["CHECK", *checks]


def test_an_unknown_check_is_named(configured: Shell) -> None:
    known, unknown = submitted(configured), str(uuid7())
    for words in (("status", unknown), ("wait", unknown)):
        ran = configured(*words)
        assert ran.code == 2
        assert is_one_sentence(ran)
        assert unknown in ran.err
    ran = configured("status", known, unknown)
    assert ran.code == 2
    assert known in ran.out
    assert unknown in ran.err


@pytest.mark.parametrize(
    ("verdict", "access", "code"),
    [
        (None, "pending", 4),
        ((Outcome.ACCEPTED, Reason.RECORD_MATCHES), "granted", 0),
        ((Outcome.REFUSED, Reason.STATUS_INACTIVE), "blocked", 1),
    ],
)
def test_access_has_an_exit_code_too(
    configured: Shell, verdict: tuple[Outcome, Reason] | None, access: str, code: int
) -> None:
    check = submitted(configured)
    if verdict:
        settle(configured, check, *verdict)
        rows(configured, f"UPDATE jurat_access SET access = '{access}'")  # the worker's part, in the same transaction
    ran = configured("status", "--access", "budget", "p-1", "--json")
    assert (ran.code, ran.json["access"]) == (code, access)
    assert [line["question"] for line in ran.json["questions"]] == ["code", "who"]
    assert f"access: {access}" in configured("status", "--access", "budget", "p-1").out


def test_somebody_who_answered_nothing_has_everything_open(configured: Shell) -> None:
    ran = configured("status", "--access", "budget", "p-9", "--json")
    assert (ran.code, ran.json["access"]) == (5, "incomplete")
    assert all(line["open"] for line in ran.json["questions"])


def test_status_wants_either_checks_or_access(configured: Shell) -> None:
    for words in ((), (str(uuid7()), "--access", "budget", "p-1")):
        ran = configured("status", *words)
        assert ran.code == 2
        assert is_one_sentence(ran)


def test_it_works_the_same_on_postgresql(postgresql_shell: Shell) -> None:
    configure(postgresql_shell)
    check = submitted(postgresql_shell)
    assert postgresql_shell("status", check, "--json").json["state"] == "pending"
    assert postgresql_shell("status", "--access", "budget", "p-1").code == 4
    assert postgresql_shell(*WHO, "--field", "x=y").code == 2


@pytest.mark.slow
def test_an_operator_gets_data_and_talk_apart(configured: Shell) -> None:
    taken = configured.process(*WHO, "--answer-file", "-", stdin='{"x": "accept"}')
    assert (taken.code, taken.err) == (0, "")
    late = configured.process("wait", taken.out.strip(), "--timeout", "0", "--json")
    assert late.code == 4
    assert json.loads(late.out)["check_id"] == taken.out.strip()
    assert late.err.startswith("check ")


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.text(max_size=80), st.binary(max_size=80))
def test_no_answer_makes_submit_show_it_or_fall_over(configured: Shell, text: str, content: bytes) -> None:
    code = ("submit", "budget", "p-1", "code")
    (configured.folder / "answer.json").write_bytes(content)
    for ran in (
        configured(*code, "--answer-file", "answer.json"),
        configured(*code, "--field", f"code={text}\udcff"),
        configured(*code, "--answer", json.dumps(text)),
    ):
        assert isinstance(ran, Ran)
        assert ran.code == 2
        assert is_one_sentence(ran)
