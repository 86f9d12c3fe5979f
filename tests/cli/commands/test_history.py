"""`history` and `db verify`: sealed by one login, and what the owner changes is found with heads from outside."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from store.schema.grants import DatabaseRole
from tests.cli.commands.test_restored import TAKEN, backup, put_back
from tests.cli.conftest import configure
from tests.cli.shell import Shell, is_one_sentence
from tests.rigs.logins import Logins

PATIENCE = 60.0
"""Seconds that a slow machine is waited for."""


@pytest.fixture
def begun(configured: Shell, tmp_path: Path) -> Shell:
    """Iris generated codes, a key was made, and the history has begun."""
    configured("codes", "generate", "spring", "--count", "1", "--as", "Iris")
    assert configured("history", "key", str(tmp_path / "key")).code == 0
    assert configured("history", "begin").err == "now run `bin/jurat history seal`\n"
    return configured


def seal(shell: Shell, folder: Path, *words: str) -> None:
    ran = shell("history", "seal", "--key", str(folder / "key"), "--heads", str(folder / "heads"), "--once", *words)
    assert (ran.code, ran.out) == (0, ""), ran.err


def verify(shell: Shell, folder: Path) -> tuple[int, list[str]]:
    ran = shell("db", "verify", "--heads", str(folder / "heads"), "--key", str(folder / "key.pub"), "--json")
    return ran.code, [each["what"] for each in ran.json["history"]["contradictions"]]


def change(shell: Shell, statement: str) -> None:
    with closing(sqlite3.connect(shell.folder / "jurat.db")) as connection:
        connection.execute(statement)
        connection.commit()


def test_what_the_owner_changes_is_found_with_a_head_from_outside(begun: Shell, tmp_path: Path) -> None:
    seal(begun, tmp_path)
    assert verify(begun, tmp_path) == (0, [])
    change(begun, "DROP TRIGGER jurat_audit_kept")
    change(begun, "UPDATE jurat_audit SET actor = 'Ada' WHERE actor = 'Iris'")
    assert verify(begun, tmp_path) == (1, ["it is not as it was sealed"])
    assert "it is not as it was sealed" in begun("db", "verify").out


def test_what_a_restored_backup_lost_has_a_code_of_its_own(begun: Shell, tmp_path: Path) -> None:
    seal(begun, tmp_path)
    copy = backup(begun)
    begun("codes", "generate", "spring", "--count", "1", "--as", "Maelle")
    seal(begun, tmp_path)
    put_back(begun, copy)
    code, (what,) = verify(begun, tmp_path)
    assert (code, what.startswith("the history does not reach the head of ")) == (1, True)
    assert begun("db", "restored", *TAKEN).code == 0
    assert verify(begun, tmp_path) == (6, [])
    assert begun("db", "verify").code == 0, "without heads from outside, nothing is known to be lost"


def test_the_key_is_for_its_user_alone_and_is_never_overwritten(begun: Shell, tmp_path: Path) -> None:
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    before = (tmp_path / "key").read_bytes()
    ran = begun("history", "key", str(tmp_path / "key"))
    assert (ran.code, (tmp_path / "key").read_bytes()) == (2, before)
    assert "key.pub: exists and is not overwritten" in ran.err
    (tmp_path / "key.pub").unlink()
    assert begun("history", "key", str(tmp_path / "key")).code == 2
    assert not (tmp_path / "key.pub").exists()


def test_a_receipt_is_checked_without_the_database(begun: Shell, tmp_path: Path) -> None:
    seal(begun, tmp_path)
    (row,) = [each for each in begun("audit", "--json").json if each["actor"] == "Iris"]
    file = tmp_path / "receipt.json"
    file.write_text(begun("history", "receipt", row["id"]).out)
    ran = begun("history", "check", str(file), "--key", str(tmp_path / "key.pub"), JURAT_DATABASE_URL="sqlite:////none")
    assert (ran.code, "proved, and sealed before" in ran.err) == (0, True)
    assert "Iris" in ran.out
    document = json.loads(file.read_text())
    file.write_text(json.dumps({**document, "row": document["row"].replace("Iris", "Ada")}))
    ran = begun("history", "check", str(file), "--key", str(tmp_path / "key.pub"))
    assert (ran.code, ran.err) == (1, f"jurat: {file}: it does not fit its head: something in it was changed\n")


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("history", "seal", "--key", "none", "--heads", "h"), 2, "none cannot be read (No such file or directory)"),
        (("history", "seal", "--key", "short", "--heads", "h"), 2, "short holds no key: 32 bytes in base64"),
        (("history", "seal", "--key", "key", "--heads", "short"), 2, "short:1:1: this is no signed head of a history"),
        (("history", "receipt", "0198c2a4-7c1e-7a53-8d41-3d0f1a2b4c5d"), 1, "the history has no audit row and no"),
        (("history", "check", "short", "--key", "key.pub"), 2, "short: this is no JSON"),
        (("history", "check", "null", "--key", "key.pub"), 1, "null: this is no receipt of a history"),
        (("history", "check", "/dev/zero", "--key", "key.pub"), 2, "cannot be read (it is a device, and no file"),
        (
            ("history", "check", "null", "--key", "/dev/zero"),
            2,
            "/dev/zero cannot be read (it is a device, and no file",
        ),
        (("history", "seal", "--key", "key", "--heads", "/dev/zero"), 2, "cannot be read (it is a device, and no file"),
        (
            ("db", "verify", "--heads", "null", "--key", "key.pub"),
            2,
            "null:1:1: no line is a whole head; give the file",
        ),
        (("db", "verify", "--heads", "h"), 2, "--heads and --key belong together"),
    ],
)
def test_what_cannot_be_used_is_told(begun: Shell, tmp_path: Path, words: tuple[str, ...], code: int, why: str) -> None:
    (tmp_path / "short").write_text("short}\n")
    (tmp_path / "null").write_text("null")
    files = {"none", "short", "h", "key", "key.pub", "null"}
    ran = begun(*(str(tmp_path / word) if word in files else word for word in words))
    assert ran.code == code
    assert why in ran.err
    assert "Traceback" not in ran.err


def test_a_leaf_that_the_sealer_did_not_write_is_told_as_that(begun: Shell, tmp_path: Path) -> None:
    seal(begun, tmp_path)
    change(
        begun, "INSERT INTO jurat_leaves (number, kind, subject) SELECT max(number) + 1, 'audit', 'x' FROM jurat_leaves"
    )
    begun("codes", "generate", "spring", "--count", "1", "--as", "Iris")
    ran = begun("history", "seal", "--key", str(tmp_path / "key"), "--heads", str(tmp_path / "heads"), "--once")
    assert (ran.code, is_one_sentence(ran)) == (1, True)
    assert "this sealer did not write it" in ran.err


@pytest.mark.slow
def test_it_seals_until_it_is_stopped(begun: Shell, tmp_path: Path) -> None:
    words = ("--key", str(tmp_path / "key"), "--heads", str(tmp_path / "heads"), "--every", "1")
    with begun.start("history", "seal", *words) as process:
        for _ in range(2):  # what comes later, too
            size, end = len(heads(tmp_path)), time.monotonic() + PATIENCE
            while len(heads(tmp_path)) == size and time.monotonic() < end:
                time.sleep(0.05)
            begun("backup", "note")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert err.count("sealed") >= 2
    assert len(heads(tmp_path)) >= 2


def heads(folder: Path) -> list[str]:
    file = folder / "heads"
    return file.read_text().splitlines() if file.exists() else []


def test_each_login_may_do_its_part(postgresql_shell: Shell, postgresql_url: str, tmp_path: Path) -> None:
    shell = postgresql_shell
    configure(shell)
    shell("history", "key", str(tmp_path / "key"))
    with Logins(postgresql_url) as logins:
        sealer, administrator = logins.url(DatabaseRole.SEALER), logins.url(DatabaseRole.ADMIN)
        assert shell("history", "begin", JURAT_DATABASE_URL=administrator).code == 3
        assert shell("history", "begin").code == 0
        shell("backup", "note", JURAT_DATABASE_URL=administrator)
        words = ("history", "seal", "--key", str(tmp_path / "key"), "--heads", str(tmp_path / "heads"), "--once")
        assert shell(*words, JURAT_DATABASE_URL=administrator).code == 3
        assert shell(*words, JURAT_DATABASE_URL=sealer).code == 0
        shell.environment["JURAT_DATABASE_URL"] = administrator
        assert verify(shell, tmp_path) == (0, [])
        row = shell("audit", "--json").json[-1]
        assert shell("history", "receipt", row["id"]).code == 0


def test_doctor_tells_that_nobody_seals(begun: Shell, tmp_path: Path) -> None:
    def told() -> list[str]:
        steps = begun("doctor", "--json").json["steps"]
        return [each["found"] for each in steps if each["name"] == "history"]

    assert told() == []
    change(begun, "UPDATE jurat_unsealed SET queued_at = strftime('%Y-%m-%d %H:%M:%f', queued_at, '-700 seconds')")
    (found,) = told()
    assert "wait to be sealed, the first since " in found
    seal(begun, tmp_path)
    assert told() == []
