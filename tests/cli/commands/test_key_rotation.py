"""`keys status | add | use | retire`: keys are replaced in steps, and each step refuses before it is its turn."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

from adapters.fingerprints import hash_key_id
from jurat.seal import key_from_text, key_id, key_to_text, public_key
from store import key_use
from store.hash_keys import code_keys
from store.workers import Fleet, Member
from tests.cli.commands.test_now import opened
from tests.cli.shell import Shell, is_one_sentence


@pytest.fixture
def rotating(configured: Shell) -> Shell:
    """A shell whose private keys are in files."""
    for name in ("unseal_keys", "hash_keys"):
        variable = f"JURAT_{name.upper()}"
        path = configured.folder / name
        path.write_text(configured.environment.pop(variable) + "\n", "utf-8")
        path.chmod(0o640)
        configured.environment[f"{variable}_FILE"] = str(path)
    return configured


def ring(shell: Shell, name: str) -> list[str]:
    """The ids of the keys in a file."""
    words = (shell.folder / name).read_text("utf-8").split(",")
    keys = [key_from_text(word, name) for word in words]
    if name == "hash_keys":
        return [hash_key_id(key) for key in keys]
    return [key_id(public_key(key)) for key in keys]


@contextmanager
def worker(
    shell: Shell, *, unseal: list[str] | None = None, hashes: list[str] | None = None, revision: str = "r"
) -> Iterator[None]:
    """A live worker with these keys; by default with all in the files."""
    with opened(shell) as engine:
        fleet = Fleet(engine)
        member = Member(
            uuid4(),
            "here",
            f"w{uuid4()}",
            "1",
            revision,
            4,
            unseal_keys=tuple(ring(shell, "unseal_keys") if unseal is None else unseal),
            hash_keys=tuple(ring(shell, "hash_keys") if hashes is None else hashes),
        )
        fleet.report(member)
        yield
        fleet.leave(member.id)


def test_a_key_that_opens_answers_is_replaced_in_steps(rotating: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    (old,) = ring(rotating, "unseal_keys")
    rotating("submit", "budget", "p-1", "who", "--field", "x=accept")
    added = rotating("keys", "add", "unseal")
    assert added.code == 0
    _, new = ring(rotating, "unseal_keys")
    assert ring(rotating, "unseal_keys")[0] == old
    assert new in added.err
    with worker(rotating), worker(rotating, unseal=[old]):
        early = rotating("keys", "use", new)
        assert (early.code, is_one_sentence(early)) == (1, True)
        assert re.search(r"1 of 2 live workers lack it \(\S+ on \S+\); .* if one does not exist", early.err)
    with worker(rotating):
        used = rotating("keys", "use", new)
        assert used.code == 0
        setting, _, public = used.out.strip().partition("=")
        assert (setting, key_id(key_from_text(public, ""))) == ("JURAT_SEAL_KEY", new)
        kept = rotating("keys", "retire", old, "--to", "old.key")
        assert kept.code == 1
        assert "1 stored answer" in kept.err
        assert "a platform that sealed with it at" in kept.err
        assert not (rotating.folder / "old.key").exists()
        assert rotating("erase", "p-1", "--yes").code == 0
        today = rotating("keys", "retire", old, "--to", "old.key")
        assert (today.code, "stored answer" in today.err, "a platform that sealed" in today.err) == (1, False, True)
        monkeypatch.setattr(key_use, "QUIET", -60.0)  # a day later
        still = rotating("keys", "retire", old, "--to", "old.key")
        assert (still.code, "JURAT_SEAL_KEY here is still that of" in still.err) == (1, True)
        rotating.environment["JURAT_SEAL_KEY"] = public
        back = rotating("keys", "retire", new, "--to", "new.key", JURAT_SEAL_KEY="")
        assert back.code == 1, "platforms have it, though none has sealed with it yet"
        assert rotating("keys", "retire", old, "--to", "old.key").code == 0
    assert ring(rotating, "unseal_keys") == [new]
    saved = rotating.folder / "old.key"
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert ring(rotating, "old.key") == [old]
    assert stat.S_IMODE((rotating.folder / "unseal_keys").stat().st_mode) == 0o640
    assert sorted(path.name for path in rotating.folder.glob(".*keys*")) == []


def test_a_key_that_hashes_is_replaced_in_steps(rotating: Shell) -> None:
    (old,) = ring(rotating, "hash_keys")
    assert rotating("keys", "add", "hash").code == 0
    assert ring(rotating, "hash_keys")[0] == old
    new = ring(rotating, "hash_keys")[1]
    with worker(rotating):
        early = rotating("keys", "retire", old, "--to", "old.key")
        assert early.code == 1
        assert "the codes of spring" in early.err
        assert rotating("keys", "use", new).code == 0
        assert ring(rotating, "hash_keys") == [old, new], "the order says nothing"
        (first, second) = rotating("keys", "status", "--json").json["hash_keys"]
        assert {first["id"]: first["in_use"], second["id"]: second["in_use"]} == {old: False, new: True}
        assert rotating("keys", "retire", old, "--to", "old.key").code == 1, "its codes are still there"
        with opened(rotating) as engine, engine.begin() as connection:
            connection.execute(text("DELETE FROM jurat_codes"))
        assert "needed for new codes and numbers" in rotating("keys", "retire", new, "--to", "new.key").err
        assert rotating("keys", "retire", old, "--to", "old.key").code == 0
    assert ring(rotating, "hash_keys") == [new]


def test_a_key_that_hashes_is_used_by_all_from_one_moment_on(rotating: Shell) -> None:
    """Also by commands, whatever comes first in their setting. A worker of release 0.3.0 would not."""
    rotating("keys", "add", "hash")
    new = ring(rotating, "hash_keys")[1]
    with worker(rotating), worker(rotating, revision="0003_oldest_worker"):
        ran = rotating("keys", "use", new)
        assert (ran.code, is_one_sentence(ran), "of an older release" in ran.err) == (1, True, True)
    with worker(rotating):
        assert rotating("keys", "use", new).code == 0
    rotating("codes", "generate", "autumn", "--count", "2")
    with opened(rotating) as engine, engine.begin() as connection:
        assert code_keys(connection, "autumn") == {new}
    lacking = rotating.environment["JURAT_HASH_KEYS_FILE"]
    Path(lacking).write_text(Path(lacking).read_text("utf-8").split(",", maxsplit=1)[0] + "\n", "utf-8")
    for words in (("codes", "generate", "autumn", "--count", "2"), ("keys", "use", new)):
        ran = rotating(*words)
        assert (ran.code, is_one_sentence(ran), new in ran.err) == (2, True, True)


def test_a_worker_of_an_older_release_that_hashes_with_another_key_is_told(rotating: Shell) -> None:
    """Beside it, two participants got one number."""
    rotating("keys", "add", "hash")
    old, new = ring(rotating, "hash_keys")
    with worker(rotating):
        assert rotating("keys", "use", new).code == 0
    told = f"of an older release, does not hash with the key in use, {new}"
    with worker(rotating, hashes=[new, old], revision="0003_oldest_worker"), worker(rotating):
        assert told not in rotating("doctor").out, "in its order, this one does; and newer ones do in any"
    with worker(rotating, revision="0003_oldest_worker"):
        ran = rotating("doctor")
        assert (ran.code, told in ran.out, f"put {new} first in its JURAT_HASH_KEYS" in ran.out) == (1, True, True)


def test_an_old_key_that_hashes_is_put_beneath_the_new_one(rotating: Shell) -> None:
    rotating("keys", "add", "hash")
    old, new = ring(rotating, "hash_keys")
    with worker(rotating):
        rotating("keys", "use", new)
        assert "the codes of spring" in rotating("keys", "status").out
        with worker(rotating, revision="0003_oldest_worker"):
            assert "of an older release" in rotating("keys", "rehash").err
        with worker(rotating, hashes=[old]):
            early = rotating("keys", "rehash")
            assert (early.code, is_one_sentence(early), "lack it" in early.err) == (1, True, True)
        ran = rotating("keys", "rehash", "--as", "ops")
        assert (ran.code, ran.out) == (0, f"{new}: 2 codes, 0 claims of numbers\n")
        found = {each["id"]: each for each in rotating("keys", "status", "--json").json["hash_keys"]}
        assert {key: (each["lists"], each["alone"]) for key, each in found.items()} == {
            old: (["spring"], False),
            new: (["spring"], False),
        }
        kept = rotating("keys", "retire", old, "--to", "old.key")
        assert (kept.code, "the codes of spring, all beneath a newer key" in kept.err) == (1, True)
        files = [str(rotating.folder / name) for name in ("unseal_keys", "hash_keys")]
        assert rotating("keys", "check", *files).code == 0
    assert rotating("keys", "add", "hash").code == 0


def test_the_status_says_what_each_key_is_needed_for(rotating: Shell) -> None:
    rotating("submit", "budget", "p-1", "who", "--field", "x=accept")
    with worker(rotating), worker(rotating, hashes=[]):
        ran = rotating("keys", "status")
        document = rotating("keys", "status", "--json").json
    (unseal,), (hashing,) = document["unseal_keys"], document["hash_keys"]
    assert (unseal["answers"], unseal["requests"], unseal["holders"], unseal["live"]) == (1, 0, 2, 2)
    assert unseal["last_sealed"].startswith("20")
    assert (hashing["lists"], hashing["numbers"], hashing["rosters"], hashing["holders"]) == (["spring"], False, [], 1)
    assert "1 of 2   the codes of spring" in ran.out
    for name in ("unseal_keys", "hash_keys"):
        assert (rotating.folder / name).read_text("utf-8").strip() not in ran.out + ran.err


def test_a_setting_that_lacks_a_key_in_use_is_not_taken_for_the_workers(rotating: Shell) -> None:
    with worker(rotating, unseal=["0123456789abcdef"]):
        for words in (["add", "unseal"], ["use", ring(rotating, "unseal_keys")[0]]):
            ran = rotating("keys", *words)
            assert (ran.code, is_one_sentence(ran)) == (2, True)
            assert "lacks 0123456789abcdef here, which live workers have" in ran.err
    assert len(ring(rotating, "unseal_keys")) == 1


def test_the_only_key_stays(rotating: Shell) -> None:
    (only,) = ring(rotating, "unseal_keys")
    ran = rotating("keys", "retire", only, "--to", "old.key")
    assert (ran.code, is_one_sentence(ran)) == (1, True)
    assert not (rotating.folder / "old.key").exists()


def test_an_unknown_key_and_a_copy_that_exists_change_nothing(rotating: Shell) -> None:
    rotating("keys", "add", "unseal")
    old, new = ring(rotating, "unseal_keys")
    assert new in rotating("keys", "status").out, "although nobody has it yet"
    unknown = rotating("keys", "retire", "f" * 16, "--to", "old.key")
    assert (unknown.code, is_one_sentence(unknown)) == (2, True)
    assert f"only {old}, {new}" in unknown.err
    short = rotating("keys", "use", new[:7])
    assert (short.code, is_one_sentence(short), "is not a whole id" in short.err) == (2, True, True)
    (rotating.folder / "old.key").write_text("precious")
    with worker(rotating):
        assert rotating("keys", "use", new).code == 0
        assert rotating("keys", "retire", old, "--to", "old.key", JURAT_SEAL_KEY="").code == 2
    assert ring(rotating, "unseal_keys") == [old, new]
    assert (rotating.folder / "old.key").read_text() == "precious"


def test_keys_of_the_environment_are_printed_as_a_setting(configured: Shell) -> None:
    before = configured.environment["JURAT_UNSEAL_KEYS"]
    ran = configured("keys", "add", "unseal")
    name, _, value = ran.out.strip().partition("=")
    assert name == "JURAT_UNSEAL_KEYS"
    assert value.split(",")[0] == before
    assert len(value.split(",")) == 2


def test_a_file_that_cannot_be_replaced_is_as_before(rotating: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (rotating.folder / "unseal_keys").read_bytes()

    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        ran = rotating("keys", "add", "unseal")
    assert (ran.code, is_one_sentence(ran)) == (2, True)
    assert "No space left on device" in ran.err
    assert (rotating.folder / "unseal_keys").read_bytes() == before
    assert list(rotating.folder.glob(".unseal_keys*")) == []
    printed = rotating("keys", "add", "unseal", "--print")
    assert printed.out.startswith("JURAT_UNSEAL_KEYS=")
    assert (rotating.folder / "unseal_keys").read_bytes() == before


def test_each_step_is_in_the_audit(rotating: Shell) -> None:
    rotating("keys", "add", "unseal", "--as", "ops")
    old, new = ring(rotating, "unseal_keys")
    with worker(rotating):
        rotating("keys", "use", new, "--as", "ops")
        rotating("keys", "retire", old, "--to", "old.key", "--as", "ops", JURAT_SEAL_KEY="")
    with opened(rotating) as engine, engine.begin() as connection:
        rows = connection.execute(text("SELECT actor, action, subject FROM jurat_audit WHERE action LIKE 'keys %'"))
        assert {tuple(row) for row in rows} == {
            ("ops", "keys add", new),
            ("ops", "keys use", new),
            ("ops", "keys retire", old),
        }


def test_a_private_key_is_only_in_its_files(rotating: Shell) -> None:
    said = "".join(ran.out + ran.err for ran in (rotating("keys", "add", "unseal"), rotating("keys", "status")))
    for word in Path(rotating.folder / "unseal_keys").read_text("utf-8").strip().split(","):
        assert word not in said
        assert key_to_text(key_from_text(word, "")) == word


def test_a_key_is_needed_while_a_note_is_kept_that_it_opens(rotating: Shell) -> None:
    """A contest is applied at once, and its note is read when the review comes."""
    (old,) = ring(rotating, "unseal_keys")
    check = rotating("submit", "budget", "p-1", "who", "--field", "x=accept", "--json").json["check_id"]
    with opened(rotating) as engine, engine.begin() as connection:
        connection.execute(
            text(
                """INSERT INTO jurat_requests (id, kind, check_id, note, note_key, by_whom, asked_at)
                VALUES ('019b0000-0000-7000-8000-000000000001', 'contest', :check, :note, :key, 'platform',
                '2026-01-01 00:00:00.000')"""
            ),
            {"key": old, "check": check, "note": bytes(80)},
        )
        connection.execute(text("UPDATE jurat_requests SET applied_at = '2026-01-01 00:00:01.000'"))
    (found,) = rotating("keys", "status", "--json").json["unseal_keys"]
    assert (found["id"], found["requests"]) == (old, 1)


def test_a_key_of_a_foreign_platform_stops_no_one_from_adding_one(rotating: Shell) -> None:
    rotating("submit", "budget", "p-1", "who", "--field", "x=accept")
    with opened(rotating) as engine, engine.begin() as connection:
        connection.execute(text("UPDATE jurat_checks SET answer_key = 'ffffffffffffffff'"))
    assert rotating("keys", "add", "unseal").code == 0


def test_the_group_of_a_key_file_is_kept(rotating: Shell) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    (rotating.folder / "secrets").mkdir()
    os.chown(rotating.folder / "secrets", 0, 1)
    (rotating.folder / "secrets").chmod(0o2770)
    kept = (rotating.folder / "unseal_keys").rename(rotating.folder / "secrets" / "unseal_keys")
    os.chown(kept, 0, 0)
    rotating.environment["JURAT_UNSEAL_KEYS_FILE"] = str(kept)
    assert rotating("keys", "add", "unseal").code == 0
    assert (kept.stat().st_uid, kept.stat().st_gid) == (0, 0)
