"""`explain`."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from jurat.batches import run
from jurat.database import open_engine
from jurat.messages import message_for
from store.dialects import dialect_of
from store.verdicts.records import add_attempts, add_verdicts
from tests.cli.conftest import configure
from tests.cli.shell import Shell, is_one_sentence

EVIDENCE = {
    "provider": "addok",
    "zone": "old-town",
    "zone_version": 3,
    "level": "housenumber",
    "name_similarity": 0.88,
    "score": 0.71,
    "distance_m": 10,
    "margin_m": 20.0,
    "rules": {"margin": False, "name": True, "postcode": True, "consistent": True, "later": True},
}


def settled(shell: Shell) -> str:
    """A check with an attempt and a verdict, as a worker writes them."""
    submitted = shell("submit", "budget", "p-secret", "who", "--field", "word=accept")
    check = submitted.out.strip()
    engine = open_engine(shell.environment["JURAT_DATABASE_URL"])
    attempt = {"check_id": check, "fence": 1, "source": "magic", "duration": 0.25, "ended": "answered"}
    verdict = {"check_id": check, "outcome": "undetermined", "reason": "near_border", "evidence": EVIDENCE}
    rest = {"decided_by": "worker", "config_version": 1, "source": "magic", "data_date": "2026-11-01", "fence": 1}
    with engine.begin() as connection:
        dialect = dialect_of(connection)
        run(connection, *add_attempts(dialect, [{**attempt, "reason": "near_border"}]))
        run(connection, *add_verdicts(dialect, [{**verdict, **rest, "retain": None}]))
    engine.dispose()
    return check


def test_it_tells_look_ups_and_rules_in_words_and_in_their_order(configured: Shell) -> None:
    check = settled(configured)
    ran = configured("explain", check)
    assert (ran.code, ran.err) == (0, "")
    lines = [line.strip() for line in ran.out.splitlines()]
    assert lines[0] == f"check {check}: budget/who, round 1, pending"
    assert any(line.endswith("magic   250 ms  answered  near_border") for line in lines)
    rules = [line for line in lines if line.startswith(("yes ", "NO "))]
    assert rules == [
        "yes  the answer does not contradict itself",
        "yes  the name of the street is similar enough (88% similar)",
        "yes  its postcode and town are those of the answer",
        "NO   the place is nearer to the border than the margin (at least 10 m inside, margin 20 m)",
        "yes  rule later holds",
    ]
    assert "zone_version: 3" in lines
    assert any(line.startswith("access: ") for line in lines)


@pytest.mark.parametrize("tag", ["en", "de", "es", "fr"])
def test_it_says_what_the_participant_reads(configured: Shell, tag: str) -> None:
    check = settled(configured)
    told = message_for("near_border", tag)
    assert f"  the participant reads: {told}" in configured("explain", check, "--locale", tag).out.splitlines()
    assert configured("explain", check, "--locale", tag, "--json").json["verdicts"][0]["message"] == told


def test_it_names_no_participant(configured: Shell) -> None:
    check = settled(configured)
    for words in (("explain", check), ("explain", check, "--json")):
        ran = configured(*words)
        assert "p-secret" not in ran.out + ran.err


def test_programs_get_the_evidence_and_each_rule_in_words(configured: Shell) -> None:
    document = configured("explain", settled(configured), "--json").json
    (verdict,) = document["verdicts"]
    assert (verdict["outcome"], verdict["reason"], verdict["data_date"]) == (
        "undetermined",
        "near_border",
        "2026-11-01",
    )
    assert verdict["evidence"] == EVIDENCE
    assert [(each["rule"], each["held"]) for each in verdict["rules"]][-2:] == [("margin", False), ("later", True)]
    assert [each["source"] for each in document["attempts"]] == ["magic"]
    assert json.dumps(document)


def test_a_check_without_a_look_up_says_so(configured: Shell) -> None:
    check = configured("submit", "budget", "p-1", "who", "--field", "word=accept").out.strip()
    ran = configured("explain", check)
    assert ran.code == 0
    assert "no lookup was made" in ran.out
    assert "no verdict yet; it waits for the source magic" in ran.out


def test_an_unknown_check_is_one_sentence(configured: Shell) -> None:
    ran = configured("explain", str(UUID(int=7)))
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert "there is no check" in ran.err


@pytest.mark.parametrize("word", ["", "7", "p-secret"])
def test_what_is_no_id_is_told(configured: Shell, word: str) -> None:
    assert configured("explain", word).code == 2


def test_it_works_the_same_on_postgresql(postgresql_shell: Shell) -> None:
    shell = configure(postgresql_shell)
    check = settled(shell)
    ran = shell("explain", check)
    assert ran.code == 0
    assert "NO   the place is nearer" in ran.out
    assert shell("explain", check, "--json").json["verdicts"][0]["evidence"] == EVIDENCE
