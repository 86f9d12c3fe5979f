"""`keys check` and `backup note`: what operators do outside the database, and how it is remembered."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import pytest

from adapters.fingerprints import hash_key_id
from jurat.seal import generate, key_id, key_to_text
from store.monitoring.fleet_reader import FleetReader
from store.workers import Fleet, Member
from tests.cli.commands.test_now import opened
from tests.cli.shell import Shell, is_one_sentence


def copy(shell: Shell, name: str, *more: str) -> str:
    """A stored copy of the keys in a setting; its path."""
    path = shell.folder / name
    path.write_text(",".join([shell.environment[f"JURAT_{name.upper()}"], *more]) + "\n", "utf-8")
    return str(path)


def ages(shell: Shell) -> tuple[float | None, float | None]:
    """How long ago a backup was noted and the keys were checked."""
    with opened(shell) as engine:
        fleet = FleetReader(engine).observe().fleet
    assert fleet is not None
    return fleet.backup_age, fleet.keys_age


def test_copies_of_all_keys_in_use_are_complete_and_that_is_noted(configured: Shell) -> None:
    configured("submit", "budget", "p-1", "who", "--field", "x=accept")
    assert ages(configured) == (None, None)
    ran = configured("keys", "check", copy(configured, "unseal_keys"), copy(configured, "hash_keys"), "--json")
    assert (ran.code, ran.json["ok"], len(ran.json["keys"])) == (0, True, 2)
    assert {each["use"] for each in ran.json["keys"]} == {"answers or notes", "codes or numbers"}
    _, age = ages(configured)
    assert age is not None
    secret = configured.environment["JURAT_UNSEAL_KEYS"]
    assert secret not in ran.out + ran.err


def test_a_copy_may_be_a_folder_of_keys(configured: Shell) -> None:
    configured("submit", "budget", "p-1", "who", "--field", "x=accept")
    (configured.folder / "keys").mkdir()
    for name in ("unseal_keys", "hash_keys"):
        Path(copy(configured, name)).rename(configured.folder / "keys" / name).chmod(0o600)
    assert configured("keys", "check", "keys").code == 0
    (configured.folder / "keys" / "hash_keys").chmod(0o644)
    assert "can be read or changed by others" in configured("keys", "check", "keys").err


def test_a_copy_that_lacks_a_key_in_use_is_not_complete(configured: Shell) -> None:
    configured("submit", "budget", "p-1", "who", "--field", "x=accept")
    ran = configured("keys", "check", copy(configured, "unseal_keys"))
    assert ran.code == 1
    assert "missing" in ran.out
    assert ran.err.startswith("jurat: 1 key in use without a copy")
    assert ages(configured) == (None, None), "nothing is noted"


def test_each_key_of_a_live_worker_is_in_use(shell: Shell) -> None:
    (first, ours), (second, _) = generate(), generate()
    unseal = (key_id(ours), key_id(generate()[1]))
    with opened(shell) as engine:
        Fleet(engine).report(Member(uuid4(), "here", "w", "1", "r", 4, unseal_keys=unseal, hash_keys=("0" * 8,)))
    (shell.folder / "copy").write_text(f"{key_to_text(first)} {key_to_text(second)}", "utf-8")
    ran = shell("keys", "check", "copy", "--json")
    assert ran.code == 1
    assert {each["id"]: each["file"] for each in ran.json["keys"]} == {
        unseal[0]: "copy",
        unseal[1]: "missing",
        "0" * 8: "missing",
    }


def test_a_key_is_known_whatever_it_is_for(shell: Shell) -> None:
    key = os.urandom(32)
    with opened(shell) as engine:
        Fleet(engine).report(Member(uuid4(), "here", "w", "1", "r", 4, hash_keys=(hash_key_id(key),)))
    (shell.folder / "copy").write_text(key_to_text(key), "utf-8")
    assert shell("keys", "check", "copy").code == 0


@pytest.mark.parametrize("content", ["", "swordfish\n", "AAAA", "\x00", "é" * 40])
def test_a_file_that_holds_no_keys_is_refused_without_its_content(configured: Shell, content: str) -> None:
    Path(configured.folder / "copy").write_text(content, "utf-8")
    ran = configured("keys", "check", "copy")
    assert (ran.code, is_one_sentence(ran)) == (2, True)
    assert "copy" in ran.err
    assert content.strip() not in ran.err or not content.strip()


def test_without_any_key_in_use_there_is_nothing_to_check(shell: Shell) -> None:
    ran = shell("keys", "check", copy(shell, "unseal_keys"))
    assert (ran.code, is_one_sentence(ran)) == (2, True)
    assert ages(shell) == (None, None)


def test_a_backup_is_noted(shell: Shell) -> None:
    ran = shell("backup", "note", "--json")
    assert ran.code == 0
    age, _ = ages(shell)
    assert age is not None
    assert age < 60
