"""`keys pin | rotate | retire --destroy`: each epoch has a key of its own, which is destroyed after its end."""

from __future__ import annotations

import os
import re
import stat
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlalchemy import text

from cli.commands import keys as commands
from jurat.seal import key_from_text, key_id, key_to_text, public_key
from jurat.seal_keys import SealKey, seal_key
from store import key_use
from tests.cli.commands.test_key_rotation import worker
from tests.cli.commands.test_now import opened
from tests.cli.shell import Shell, is_one_sentence

SUBMIT = ("submit", "budget", "p-1", "who", "--field", "x=accept")


@pytest.fixture
def epochs(configured: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell with its private keys in a folder, a signing key, and the platform's setting that pins it."""
    monkeypatch.setattr(commands, "PATIENCE", 0.0)
    folder = configured.folder / "keys"
    folder.mkdir(mode=0o700)
    first = configured.environment.pop("JURAT_UNSEAL_KEYS")
    (folder / "first").write_text(f"{first}\n", "utf-8")
    (folder / "first").chmod(0o600)
    configured.environment["JURAT_UNSEAL_KEYS_FILE"] = str(folder)
    pinned = configured("keys", "pin", "signing_key")
    assert pinned.code == 0
    configured.environment["JURAT_SEAL_KEY"] = pinned.out.strip().removeprefix("JURAT_SEAL_KEY=")
    return configured


def held(shell: Shell) -> dict[str, str]:
    """The ids of the keys in the folder, with their files."""
    files = sorted((shell.folder / "keys").iterdir())
    return {key_id(public_key(key_from_text(file.read_text("utf-8"), ""))): file.name for file in files}


def live(shell: Shell) -> AbstractContextManager[None]:
    """A live worker with all keys of the folder."""
    return worker(shell, unseal=list(held(shell)), hashes=[])


def rotate(shell: Shell, *more: str) -> str:
    """Rotate with a live worker that takes each key at once; the id of the new key."""
    first = shell("keys", "rotate", "--signing-key", "signing_key", *more)
    assert first.code == 1, "no worker has the new key yet"
    with live(shell):
        again = shell("keys", "rotate", "--signing-key", "signing_key", *more)
    assert again.code == 0, again.err
    return str(again.out.splitlines()[1].split()[0])


def rows(shell: Shell) -> list[SealKey]:
    with opened(shell) as engine, engine.begin() as connection:
        sql = "SELECT public_key, from_at, until_at, signature FROM jurat_seal_keys ORDER BY from_at"
        return [seal_key(tuple(row)) for row in connection.execute(text(sql))]


def test_the_signing_key_is_made_once_and_is_the_operators_alone(epochs: Shell) -> None:
    file = epochs.folder / "signing_key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_bytes()
    again = epochs("keys", "pin", "signing_key")
    assert again.out.strip() == f"JURAT_SEAL_KEY={epochs.environment['JURAT_SEAL_KEY']}"
    assert file.read_bytes() == before
    assert before.decode().strip() not in again.out + again.err
    file.chmod(0o440)  # as Kubernetes mounts it
    assert epochs("keys", "pin", "signing_key").out == again.out
    file.chmod(0o644)
    for words in (("pin", "signing_key"), ("rotate", "--signing-key", "signing_key")):
        ran = epochs("keys", *words)
        assert (ran.code, is_one_sentence(ran)) == (2, True)
        assert "run `chmod 600 signing_key`" in ran.err


def test_a_platform_needs_nothing_new_from_epoch_to_epoch(epochs: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    early = epochs(*SUBMIT)
    assert (early.code, is_one_sentence(early)) == (2, True)
    assert "no seal key in force" in early.err
    (old,) = held(epochs)
    first = rotate(epochs)
    assert list(held(epochs).values()) == sorted([first, "first"])
    assert stat.S_IMODE((epochs.folder / "keys" / first).stat().st_mode) == 0o600
    assert epochs(*SUBMIT).code in (0, 4)
    second = rotate(epochs)
    begun, next_one = rows(epochs)
    assert (begun.id, next_one.id) == (first, second)
    assert 59 < (next_one.from_at - begun.from_at).total_seconds() < 600, "workers that start now have it by then"
    with opened(epochs) as engine, engine.begin() as connection:
        assert connection.scalar(text("SELECT answer_key FROM jurat_checks")) == first
    with live(epochs):
        needed = epochs("keys", "retire", first, "--destroy")
        assert needed.code == 1
        assert "1 stored answer" in needed.err
        assert "platforms, which seal with it since" in needed.err
        newest = epochs("keys", "retire", second, "--destroy")
        assert (newest.code, "until it is replaced" in newest.err) == (1, True)
        assert epochs("erase", "p-1", "--yes").code == 0
        soon = epochs("keys", "retire", first, "--destroy")
        assert (soon.code, "stored answer" in soon.err, "platforms, which" in soon.err) == (1, False, True)
        monkeypatch.setattr(key_use, "QUIET", -100.0)  # a day later
        assert epochs("keys", "retire", old, "--destroy").code == 0, "which no platform used"
    with live(epochs):
        gone = epochs("keys", "retire", first, "--destroy")
        assert gone.code == 0, gone.err
        assert "destroy all copies of it" in gone.err
        assert list(held(epochs)) == [second]
        with opened(epochs) as engine, engine.begin() as connection:
            found = connection.execute(text("SELECT id, retired_at IS NOT NULL FROM jurat_seal_keys")).all()
            assert {(key, bool(retired)) for key, retired in found} == {(first, True), (second, False)}
            sql = "SELECT subject, detail FROM jurat_audit WHERE action = 'keys retire'"
            audited = {subject: str(detail) for subject, detail in connection.execute(text(sql))}
            assert set(audited) == {old, first}
            assert re.search('"destroyed": ?true', audited[first])


def test_what_is_destroyed_was_overwritten_first(epochs: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    (old,) = held(epochs)
    file = epochs.folder / "keys" / "first"
    key = file.read_bytes()
    os.link(file, epochs.folder / "same")  # the same blocks
    rotate(epochs)
    with live(epochs):
        assert epochs("keys", "retire", old, "--destroy").code == 0
    assert not file.exists()
    left = (epochs.folder / "same").read_bytes()
    assert len(left) == len(key)
    assert left != key


def test_a_key_of_a_file_with_others_is_destroyed_in_it(epochs: Shell) -> None:
    single = (epochs.folder / "keys" / "first").rename(epochs.folder / "unseal_keys")
    epochs.environment["JURAT_UNSEAL_KEYS_FILE"] = str(single)
    old = key_id(public_key(key_from_text(single.read_text("utf-8"), "")))
    assert epochs("keys", "rotate", "--signing-key", "signing_key").code == 1
    os.link(single, epochs.folder / "same")
    both = [key_id(public_key(key_from_text(word, ""))) for word in single.read_text("utf-8").split(",")]
    kept = single.read_text("utf-8").split(",")[1].strip()
    with worker(epochs, unseal=both, hashes=[]):
        assert epochs("keys", "rotate", "--signing-key", "signing_key").code == 0
        assert epochs("keys", "retire", old, "--destroy").code == 0
    assert single.read_text("utf-8").strip() == kept
    assert kept.encode() not in (epochs.folder / "same").read_bytes()


def test_a_rotation_that_is_refused_goes_on_with_the_same_key(epochs: Shell) -> None:
    with live(epochs):
        first = epochs("keys", "rotate", "--signing-key", "signing_key")
        assert (first.code, is_one_sentence(first)) == (1, True)
        assert "1 of 1 live worker lack it" in first.err
        assert epochs("keys", "rotate", "--signing-key", "signing_key").code == 1
    assert len(held(epochs)) == 2, "not one more for each try"
    assert rows(epochs) == []


def test_a_key_in_use_is_signed_once(epochs: Shell) -> None:
    (old,) = held(epochs)
    with live(epochs):
        used = epochs("keys", "use", old, "--signing-key", "signing_key", "--every", "7d", "--json")
        assert used.code == 0
        assert used.json["key"] == old
        again = epochs("keys", "use", old, "--signing-key", "signing_key")
        assert (again.code, is_one_sentence(again), "was signed before" in again.err) == (2, True, True)
    (row,) = rows(epochs)
    assert (row.until_at - row.from_at).days == 97


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rotate",), "Missing option '--signing-key'"),
        (("rotate", "--signing-key", "none"), "`bin/jurat keys pin` makes it"),
        (("rotate", "--signing-key", "other"), "JURAT_SEAL_KEY here pins another signing key"),
        (
            ("rotate", "--signing-key", "signing_key", "--every", "30"),
            "--every: a duration is a number with its unit",
        ),
        (("rotate", "--signing-key", "jurat.yaml"), "is not a key"),
        (("retire", "0" * 16), "Give either --to FILE or --destroy"),
        (("retire", "0" * 16, "--destroy", "--to", "x"), "Give either --to FILE or --destroy"),
        (("retire", "0" * 16, "--destroy", "--print"), "--destroy needs JURAT_UNSEAL_KEYS_FILE here"),
    ],
)
def test_a_mistake_gets_a_sentence_and_changes_nothing(epochs: Shell, words: tuple[str, ...], said: str) -> None:
    (epochs.folder / "other").write_text(key_to_text(bytes(32)), "utf-8")
    (epochs.folder / "other").chmod(0o600)
    (epochs.folder / "jurat.yaml").chmod(0o600)
    before = held(epochs)
    ran = epochs("keys", *words)
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert held(epochs) == before


def test_keys_of_the_environment_are_not_rotated_by_a_command(epochs: Shell) -> None:
    key = (epochs.folder / "keys" / "first").read_text("utf-8").strip()
    del epochs.environment["JURAT_UNSEAL_KEYS_FILE"]
    ran = epochs("keys", "rotate", "--signing-key", "signing_key", JURAT_UNSEAL_KEYS=key)
    assert (ran.code, is_one_sentence(ran)) == (2, True)
    assert "names no file or folder here" in ran.err


def test_a_file_of_several_keys_in_the_folder_is_split_by_hand(epochs: Shell) -> None:
    (old,) = held(epochs)
    new = rotate(epochs)
    folder = epochs.folder / "keys"
    (folder / "first").write_text(
        f"{(folder / 'first').read_text('utf-8')}{(folder / new).read_text('utf-8')}", "utf-8"
    )
    (folder / new).unlink()
    with worker(epochs, unseal=[old, new], hashes=[]):
        ran = epochs("keys", "retire", old, "--destroy")
    assert (ran.code, is_one_sentence(ran)) == (2, True)
    assert "give each a file of its own" in ran.err
    with opened(epochs) as engine, engine.begin() as connection:
        sql = "SELECT count(*) FROM jurat_audit WHERE action = 'keys retire'"
        assert connection.scalar(text(sql)) == 0, "no proof of what was not done"


def test_the_folder_keeps_a_key_that_was_copied_away(epochs: Shell) -> None:
    (old,) = held(epochs)
    rotate(epochs)
    with live(epochs):
        assert epochs("keys", "retire", old, "--to", "safe").code == 0
    assert key_id(public_key(key_from_text(Path(epochs.folder / "safe").read_text("utf-8"), ""))) == old
    assert old not in held(epochs)


def test_the_doctor_says_which_key_platforms_seal_with(epochs: Shell) -> None:
    def said() -> tuple[str, str]:
        (found,) = [each for each in epochs("doctor", "--json").json["steps"] if each["name"] == "seal key"]
        return found["mark"], f"{found['found']}; {found['advice']}"

    mark, sentence = said()
    assert (mark, "no seal key in force" in sentence) == ("problem", True)
    key = rotate(epochs)
    mark, sentence = said()
    assert (mark, f"platforms seal with {key}" in sentence) == ("ok", True)
    with opened(epochs) as engine, engine.begin() as connection:
        connection.execute(text("DROP TRIGGER jurat_seal_keys_not_deleted"))
        connection.execute(text("DELETE FROM jurat_seal_keys"))
    with live(epochs):
        assert epochs("keys", "use", key, "--signing-key", "signing_key", "--every", "1ms").code == 0
    mark, sentence = said()
    assert (mark, "due to be replaced" in sentence) == ("problem", True)
    assert "JuratSealKeyDue" in epochs("now").out
