"""`db restored` and `reconcile`: what an operator does with a restored database, on SQLite and with a journal."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from store.schema.grants import DatabaseRole
from tests.cli.conftest import configure
from tests.cli.shell import Shell, is_one_sentence
from tests.rigs.logins import Logins

TAKEN = ("--taken-at", "2026-01-01T04:00Z")


@pytest.fixture
def journalled(configured: Shell) -> Shell:
    configured.environment["JURAT_ERASURE_JOURNAL"] = str(configured.folder / "erasures")
    return configured


def backup(shell: Shell) -> Path:
    """A copy of the database, made as the page says."""
    copy = shell.folder / "backup.db"
    with closing(sqlite3.connect(shell.folder / "jurat.db")) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    return copy


def put_back(shell: Shell, copy: Path) -> None:
    for name in ("jurat.db-wal", "jurat.db-shm"):
        (shell.folder / name).unlink(missing_ok=True)
    shutil.copy(copy, shell.folder / "jurat.db")


def submit(shell: Shell, participant: str) -> str:
    ran = shell("submit", "budget", participant, "who", "--field", "x=accept", "--json")
    return str(ran.json["check_id"])


def test_an_older_backup_is_put_back_and_loses_nothing_silently(journalled: Shell) -> None:
    kept, erased = submit(journalled, "p-1"), submit(journalled, "p-2")
    copy = backup(journalled)
    assert journalled("erase", "p-2", "--yes").code == 0
    later = submit(journalled, "p-3")
    put_back(journalled, copy)
    assert journalled("status", "--access", "budget", "p-2").code != 2, "they are back"
    ran = journalled("db", "restored", *TAKEN, "--journal", "erasures", "--json")
    assert ran.code == 0
    assert ran.json == {"unsettled": 2, "leases": 0, "sources": 2, "erased_again": 1}
    assert "erasures: 1 erasure since an hour before then, the last at " in ran.err
    assert "the newest answer is of" not in ran.err, "the backup is newer than that"
    gone = journalled("erase", "p-2", "--yes")
    assert (gone.code, "nothing exists" in gone.err) == (2, True)
    assert "restored" in journalled("sources", "list").out
    early = journalled("sources", "resume", "magic")
    assert (early.code, is_one_sentence(early), "db restored --confirm" in early.err) == (1, True, True)
    assert journalled("db", "restored", "--confirm").code == 0
    assert "restored" not in journalled("sources", "list").out
    known = f"{kept}\n{later} accepted\n\n{erased}\n"
    ran = journalled("reconcile", "--json", stdin=known)
    assert ran.code == 1
    assert (ran.json["checks"], [each["id"] for each in ran.json["differences"]]) == (3, [later])
    assert "missing" in journalled("reconcile", stdin=known).out
    assert journalled("reconcile", stdin=kept).code == 0
    nothing = journalled("reconcile", stdin="\n")
    assert (nothing.code, is_one_sentence(nothing)) == (2, True)


def test_a_moment_that_is_long_after_the_newest_answer_is_doubted(configured: Shell) -> None:
    submit(configured, "p-1")
    later = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    assert "newest" not in configured("db", "restored", "--taken-at", later).err
    with closing(sqlite3.connect(configured.folder / "jurat.db")) as connection:
        connection.execute("UPDATE jurat_checks SET submitted_at = '2026-01-01 00:00:00.000'")
        connection.commit()
    assert "the newest answer is of 2026-01-01 00:00:00Z" in configured("db", "restored", "--taken-at", later).err


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"", "it holds no erasure at all"),
        (b'{"at": "20', "the last line was cut off: if this is a copy, get the whole"),
    ],
)
def test_a_journal_that_may_be_no_whole_one_is_told(configured: Shell, written: bytes, said: str) -> None:
    (configured.folder / "erasures").write_bytes(written)
    ran = configured("db", "restored", *TAKEN, "--journal", "erasures")
    assert (ran.code, f"erasures: {said}" in ran.err) == (0, True)


def test_the_moment_is_said_as_it_was_understood_and_doubted_if_an_answer_came_after_it(configured: Shell) -> None:
    submit(configured, "p-1")
    ran = configured("db", "restored", "--taken-at", "2026-01-01T04:00+05:00")
    assert "restored to 2025-12-31 23:00:00Z, " in ran.err
    assert "after that; if the platform is in again, keep it out until all is done; if the time meant another zone" in (
        ran.err
    )


def test_answers_that_came_since_the_restore_are_no_reason_to_doubt_the_moment(configured: Shell) -> None:
    """Once it was run, and the platform is in again."""
    submit(configured, "p-1")
    with closing(sqlite3.connect(configured.folder / "jurat.db")) as connection:
        connection.execute("UPDATE jurat_checks SET submitted_at = '2026-01-01 03:59:00.000'")
        connection.commit()
    assert "answer is of" not in configured("db", "restored", *TAKEN).err
    assert configured("db", "restored", "--confirm").code == 0
    submit(configured, "p-2")
    ran = configured("db", "restored", *TAKEN)
    assert (ran.code, "answer is of" in ran.err) == (0, False)
    late = ("--taken-at", "2026-01-01T09:00Z")
    assert "the newest answer is of 2026-01-01 03:59:00Z; if that is how" in configured("db", "restored", *late).err


def test_workers_that_still_run_are_told(configured: Shell) -> None:
    assert "within the last half minute" not in configured("db", "restored", *TAKEN).err
    row = "'0192a000-0000-7000-8000-000000000009', 'h', 'w', '0', '0', :now, :now, 1, 0, 1, '[]', '[]', 1, 0"
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.000")
    with closing(sqlite3.connect(configured.folder / "jurat.db")) as connection:
        connection.execute(
            "INSERT INTO jurat_workers (id, host, name, version, revision, started_at, seen_at, slots, held, "
            f"config_version, unseal_keys, hash_keys, ready, stopping) VALUES ({row})",
            {"now": now},
        )
        connection.commit()
    said = configured("db", "restored", *TAKEN).err
    assert "1 worker ran within the last half minute: stop all, and run this again" in said


def test_nobody_but_the_owner_does_half_of_it(postgresql_shell: Shell, postgresql_url: str) -> None:
    configure(postgresql_shell)
    with Logins(postgresql_url) as logins:
        for role in (DatabaseRole.WORKER, DatabaseRole.ADMIN):
            for words in (TAKEN, ("--confirm",)):
                ran = postgresql_shell("db", "restored", *words, JURAT_DATABASE_URL=logins.url(role))
                assert (ran.code, is_one_sentence(ran), "as the owner of the tables" in ran.err) == (3, True, True)
    assert "restored" not in postgresql_shell("sources", "list").out


def test_without_a_journal_the_platform_is_asked_to_repeat_its_erasures(configured: Shell) -> None:
    ran = configured("db", "restored", *TAKEN)
    assert ran.code == 0
    assert "have the platform repeat its erasures since then" in ran.err
    assert configured("db", "restored", "--confirm").code == 0


def test_sources_of_a_configuration_that_comes_before_the_confirmation_wait_as_well(configured: Shell) -> None:
    assert configured("db", "restored", *TAKEN).code == 0
    document = (configured.folder / "jurat.yaml").read_text("utf-8")
    more = document.replace("sources:\n", "sources:\n  later: { type: simulated }\n", 1)
    assert configured("config", "apply", str(configured.write("more.yaml", more))).code == 0
    states = {each["source"]: each["state"] for each in configured("sources", "list", "--json").json}
    assert (set(states.values()), "later" in states) == ({"paused"}, True)
    assert configured("db", "restored", "--confirm").out == f"resumed {len(states)} sources\n"


def test_nothing_is_confirmed_that_was_not_begun(configured: Shell) -> None:
    ran = configured("db", "restored", "--confirm")
    assert (ran.code, is_one_sentence(ran)) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--confirm", *TAKEN),
        ("--confirm", "--journal", "jurat.yaml"),
        ("--taken-at", "yesterday"),
        ("--taken-at", "2099-01-01"),
        ("--taken-at", "2026-01-01T04:00"),
        (*TAKEN, "--journal", "no-such-file"),
        (*TAKEN, "--journal", "."),
    ],
)
def test_wrong_usage_changes_nothing(configured: Shell, words: tuple[str, ...]) -> None:
    before = configured("sources", "list").out
    ran = configured("db", "restored", *words)
    assert ran.code == 2
    assert "Traceback" not in ran.err
    assert configured("sources", "list").out == before


def test_a_broken_journal_is_named_by_its_line_before_anything_is_confirmed(configured: Shell) -> None:
    configured.write("erasures", "{}\n")
    ran = configured("db", "restored", *TAKEN, "--journal", "erasures")
    assert (ran.code, is_one_sentence(ran)) == (2, True)
    assert "erasures:1:1" in ran.err


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("p-1", "1:1"),
        ("\n0193-7", "2:1"),
        ("{id} yes", "1:38"),
        ("{id} accepted twice", "1:38"),
        ("{id};accepted", "1:1"),
    ],
)
def test_a_line_that_is_no_check_is_named_and_not_shown(configured: Shell, line: str, place: str) -> None:
    ran = configured("reconcile", stdin=line.format(id="019b0000-0000-7000-8000-000000000001"))
    assert (ran.code, is_one_sentence(ran)) == (2, True)
    assert f"standard input:{place}: " in ran.err
    assert "p-1" not in ran.err
    assert "twice" not in ran.err


def test_a_journal_needs_keys_and_a_folder(configured: Shell) -> None:
    ran = configured("db", "status", JURAT_ERASURE_JOURNAL="/no/such/folder/erasures")
    assert (ran.code, is_one_sentence(ran)) == (2, True)
    assert "JURAT_ERASURE_JOURNAL is no file in a folder that exists" in ran.err
    submit(configured, "p-1")
    ran = configured("erase", "p-1", "--yes", JURAT_ERASURE_JOURNAL="erasures", JURAT_HASH_KEYS="")
    assert (ran.code, "JURAT_ERASURE_JOURNAL needs JURAT_HASH_KEYS" in ran.err) == (2, True)
