"""`review list`, `show`, `decide`, `open`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from jurat import Client
from jurat.batches import run
from jurat.database import open_engine
from store.dialects import dialect_of
from store.upkeep.upkeep import Upkeep
from store.verdicts.records import add_verdicts, close_reviews, open_reviews
from tests.cli.conftest import CONFIGURATION, configure
from tests.cli.shell import Shell, is_one_sentence

SECRET, NOTE = "7 rue du Puits", "I moved\x1b[2J here\nin May"
NOBODY = str(UUID(int=7))
FOUR_EYES = CONFIGURATION.replace("  budget:\n", "  budget:\n    four_eyes: true\n")
REVIEW = {"reason": "name_differs", "evidence": {"distance_m": 10, "rules": {"name": False}}, "config_version": 1}


def written(shell: Shell, *statements: Any) -> None:
    engine = open_engine(shell.environment["JURAT_DATABASE_URL"])
    with engine.begin() as connection:
        for make in statements:
            run(connection, *make(dialect_of(connection)))
    engine.dispose()


def submitted(shell: Shell, participant: str = "p-secret") -> str:
    ran = shell("submit", "budget", participant, "who", "--field", f"street={SECRET}")
    assert ran.code == 0, ran.err
    return ran.out.strip()


def in_review(shell: Shell, participant: str = "p-secret", due: float = 3600) -> str:
    """A check that no source could decide, as a worker leaves it."""
    check = submitted(shell, participant)
    written(
        shell,
        lambda _: [(f"UPDATE jurat_checks SET state = 'review' WHERE id = '{check}'", {})],
        lambda dialect: open_reviews(dialect, [{"check_id": check, **REVIEW, "due": due}]),
    )
    return check


def refused(shell: Shell, participant: str = "p-secret") -> str:
    """A settled check, as a worker leaves it."""
    check = submitted(shell, participant)
    verdict = {"check_id": check, "outcome": "refused", "reason": "status_inactive", "evidence": {}, "fence": 1}
    rest = {"decided_by": "worker", "config_version": 1, "source": "magic", "retain": None}
    settle = f"UPDATE jurat_checks SET state = 'settled', answer = NULL, settled_at = %s WHERE id = '{check}'"
    written(
        shell,
        lambda dialect: add_verdicts(dialect, [{**verdict, **rest}]),
        lambda dialect: [(settle % dialect.now(), {})],
        lambda dialect: close_reviews(dialect, []),
    )
    return check


def contested(shell: Shell) -> str:
    """A settled check whose participant wants a person to look, as a platform and a worker leave it."""
    check = refused(shell)
    url = shell.environment["JURAT_DATABASE_URL"]
    engine, client = open_engine(url), Client(url, seal_key=shell.environment["JURAT_SEAL_KEY"])
    with engine.begin() as connection:
        client.contest(connection, UUID(check), note=NOTE, document="folder 7")
    assert Upkeep(engine).do_requests() == 1
    client.close()
    engine.dispose()
    return check


# ----------------------------------------------------------------------------------------------------------------- list


def test_the_list_has_what_waits_in_the_order_of_its_due_dates(configured: Shell) -> None:
    later, sooner, over = (in_review(configured, f"p-secret-{due}", due) for due in (7200, 3600, -60))
    contest = contested(configured)
    ran = configured("review", "list")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert [line.split()[0] for line in lines] == ["CHECK", over, sooner, later, contest]
    assert "(overdue)" in lines[1]
    assert "(overdue)" not in "".join(lines[2:])
    assert [line.split()[-2] for line in lines[1:]] == ["no", "no", "no", "yes"]
    assert "p-secret" not in ran.out
    assert [row["check_id"] for row in configured("review", "list", "--overdue", "--json").json] == [over]
    assert len(configured("review", "list", "--consultation", "budget", "--json").json) == 4


def test_what_is_not_needed_is_left_out_and_comes_last_where_all_is_asked_for(configured: Shell) -> None:
    ended, waits = in_review(configured, "p-secret", 60), in_review(configured, "p-other")
    row = (
        """UPDATE jurat_access SET ended = '{"who": ["where"]}', questions = '{"who": "review", "where": "accepted"}'"""
    )
    written(configured, lambda _: [(f"{row} WHERE participant = 'p-secret'", {})])
    ran = configured("review", "list")
    assert [line.split()[0] for line in ran.out.splitlines()] == ["CHECK", waits]
    assert ran.err == "1 check left out that need no decision now; `--all` shows them\n"
    assert [(row["check_id"], row["needed"]) for row in configured("review", "list", "--json").json] == [(waits, True)]
    ran = configured("review", "list", "--all")
    assert [line.split()[0] for line in ran.out.splitlines()] == ["CHECK", waits, ended]
    assert "(not needed now)" in ran.out.splitlines()[2]
    assert ran.err == ""
    assert "it is not needed now: where was accepted in its place" in configured("review", "show", ended).out
    written(
        configured, lambda _: [("UPDATE jurat_reviews SET decided_at = due_at WHERE check_id = :id", {"id": waits})]
    )
    ran = configured("review", "list")
    assert (ran.code, ran.out) == (0, "")
    assert "1 check left out" in ran.err


def test_an_empty_list_is_no_error(configured: Shell) -> None:
    in_review(configured)
    ran = configured("review", "list", "--consultation", "another")
    assert (ran.code, ran.out, ran.err) == (0, "", "no check waits for a person\n")
    assert configured("review", "list", "--overdue", "--json").json == []


# ----------------------------------------------------------------------------------------------------------------- show


def test_it_shows_why_and_until_when_and_nobodys_data(configured: Shell) -> None:
    check = in_review(configured)
    ran = configured("review", "show", check)
    assert (ran.code, ran.err) == (0, "")
    assert "in review since" in ran.out
    assert "(name_differs), until" in ran.out
    assert "NO   no street that was found has a similar enough name" in ran.out
    assert not any(secret in ran.out for secret in ("p-secret", SECRET))


def test_the_answer_is_opened_with_the_workers_key_and_audited(configured: Shell) -> None:
    check = in_review(configured)
    ran = configured("review", "show", check, "--answer", "--as", "clerk-7")
    assert (ran.code, ran.err) == (0, "")
    assert f"  street: {SECRET}" in ran.out.splitlines()
    assert configured("review", "show", check, "--answer", "--json").json["answer"] == {"street": SECRET}
    assert audited(configured)[0] == ("clerk-7", "review answer", check)


def audited(shell: Shell) -> list[tuple[Any, ...]]:
    engine = open_engine(shell.environment["JURAT_DATABASE_URL"])
    with engine.begin() as connection:
        ((rows,),) = [
            run(
                connection,
                ("SELECT actor, action, subject FROM jurat_audit WHERE action LIKE 'review%' ORDER BY id", {}),
            )
        ]
    engine.dispose()
    return [tuple(map(str, row)) for row in rows]


def test_the_note_of_who_contests_is_shown_and_does_not_steer_the_terminal(configured: Shell) -> None:
    check = contested(configured)
    ran = configured("review", "show", check, "--answer")
    lines = ran.out.splitlines()
    assert lines[-4:] == [
        "answer: erased when the check was settled",
        "note of the participant:",
        "  I moved\ufffd[2J here",
        "  in May",
    ]
    assert "contested by the participant" in ran.out
    assert "with the document folder 7" in ran.out
    document = configured("review", "show", check, "--answer", "--json").json
    assert (document["answer"], document["note"]) == (None, NOTE)
    assert document["contests"][0]["document"] == "folder 7"
    closed = configured("review", "show", check)
    assert "I moved" not in closed.out


def test_explain_tells_of_the_contest_as_well(configured: Shell) -> None:
    check = contested(configured)
    ran = configured("explain", check)
    assert "contested by the participant" in ran.out
    assert "I moved" not in ran.out + configured("explain", check, "--json").out


def test_a_contest_that_waits_and_one_that_could_not_be_done_are_told_apart(configured: Shell) -> None:
    check = refused(configured)
    url = configured.environment["JURAT_DATABASE_URL"]
    engine, client = open_engine(url), Client(url, seal_key=configured.environment["JURAT_SEAL_KEY"])
    with engine.begin() as connection:
        client.contest(connection, UUID(check), note=NOTE)
    client.close()
    assert "a worker has yet to put it before a person" in configured("explain", check).out
    written(configured, lambda _: [("UPDATE jurat_requests SET refused = 'no more', applied_at = asked_at", {})])
    engine.dispose()
    assert "which could not be done: no more" in configured("explain", check).out


@pytest.mark.parametrize("command", [("show", NOBODY), ("show", NOBODY, "--answer"), ("open", NOBODY)])
def test_an_unknown_check_is_one_sentence(configured: Shell, command: tuple[str, ...]) -> None:
    ran = configured("review", *command)
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert f"there is no check {NOBODY}" in ran.err


def test_without_the_workers_key_nothing_is_opened_nor_audited(configured: Shell) -> None:
    check = in_review(configured)
    ran = configured("review", "show", check, "--answer", JURAT_UNSEAL_KEYS="")
    assert ran.code == 2
    assert "JURAT_UNSEAL_KEYS is not set: the answer cannot be opened here" in ran.err
    assert audited(configured) == []


def test_the_answer_of_a_settled_check_is_not_shown(configured: Shell) -> None:
    ran = configured("review", "show", refused(configured), "--answer")
    assert ran.code == 1
    assert "its answer is shown only while it is in review" in ran.err


# --------------------------------------------------------------------------------------------------------------- decide


def test_a_decision_is_the_verdict(configured: Shell) -> None:
    check = in_review(configured)
    ran = configured("review", "decide", check, "person_accepted", "--as", "clerk-7")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"check {check}: accepted, person_accepted (revision 1); access: granted\n"
    assert audited(configured) == [("clerk-7", "review decide", check)]
    assert configured("status", check).code == 0


def test_programs_get_the_revision(configured: Shell) -> None:
    check = in_review(configured)
    document = configured("review", "decide", check, "person_refused", "--json").json
    assert document == {
        "check_id": check,
        "reason": "person_refused",
        "waiting": False,
        "state": "settled",
        "outcome": "refused",
        "revision": 1,
    }


def test_under_four_eyes_the_first_word_waits(shell: Shell) -> None:
    configure(shell)
    assert shell("config", "apply", str(shell.write("jurat.yaml", FOUR_EYES))).code == 0
    check = in_review(shell)
    first = shell("review", "decide", check, "person_accepted", "--as", "clerk-7")
    assert first.code == 4
    assert "waiting for a second person: it takes effect once someone else decides the same" in first.out
    assert "clerk-7 decided person_accepted" in shell("review", "show", check).out
    assert shell("review", "list").out.rstrip().endswith("1 decision")
    again = shell("review", "decide", check, "person_accepted", "--as", "clerk-7", "--json")
    assert (again.code, again.json["waiting"], again.json["state"]) == (4, True, "review")
    assert shell("review", "decide", check, "person_accepted", "--as", "clerk-8").code == 0
    assert "persons: 2" in shell("explain", check).out


@pytest.mark.parametrize("reason", ["inside_zone", "near_border", "yes", ""])
def test_what_is_no_persons_word_is_told(configured: Shell, reason: str) -> None:
    check = in_review(configured)
    ran = configured("review", "decide", check, reason)
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert "is no reason for a person to give; use one of person_accepted, " in ran.err


def test_what_is_decided_is_not_decided_again(configured: Shell) -> None:
    check = in_review(configured)
    configured("review", "decide", check, "person_accepted")
    ran = configured("review", "decide", check, "person_refused")
    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "is decided already: accepted, person_accepted (revision 1); open it again first" in ran.err


# ----------------------------------------------------------------------------------------------------------------- open


def test_a_settled_check_is_opened_again(configured: Shell) -> None:
    check = refused(configured)
    ran = configured("review", "open", check)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"check {check}: in review until 20")
    assert configured("review", "decide", check, "person_accepted").out.startswith(f"check {check}: accepted")


def test_what_is_in_review_is_not_opened(configured: Shell) -> None:
    ran = configured("review", "open", in_review(configured))
    assert ran.code == 1
    assert "is in review already; decide it" in ran.err


def test_it_works_the_same_on_postgresql(postgresql_shell: Shell) -> None:
    configure(postgresql_shell)
    check = contested(postgresql_shell)
    assert len(postgresql_shell("review", "list", "--consultation", "budget", "--json").json) == 1
    assert postgresql_shell("review", "list").out.splitlines()[1].split()[0] == check
    assert postgresql_shell("review", "show", check, "--answer", "--json").json["note"] == NOTE
    decided = postgresql_shell("review", "decide", check, "person_accepted")
    assert decided.out == f"check {check}: accepted, person_accepted (revision 2); access: granted\n"
    assert postgresql_shell("review", "open", check, "--json").json["state"] == "review"
