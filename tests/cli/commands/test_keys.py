"""`keys generate`."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest

from jurat.seal import Seal, Unseal, key_from_text
from tests.cli.shell import Shell, is_one_sentence

FILES = ("seal_key", "unseal_keys", "hash_keys")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_printed_keys_fit_each_other(bare_shell: Shell) -> None:
    ran = bare_shell("keys", "generate")
    settings = dict(line.split("=", 1) for line in ran.out.splitlines())
    assert list(settings) == ["JURAT_SEAL_KEY", "JURAT_UNSEAL_KEYS", "JURAT_HASH_KEYS"]
    assert list(bare_shell("keys", "generate", "--json").json) == list(settings)
    seal = Seal(key_from_text(settings["JURAT_SEAL_KEY"], ""))
    unseal = Unseal([key_from_text(settings["JURAT_UNSEAL_KEYS"], "")])
    assert unseal.open(seal.close(b"an answer"), seal.key_id) == b"an answer"
    assert len(base64.b64decode(settings["JURAT_HASH_KEYS"])) == 32


def test_each_run_makes_other_keys(bare_shell: Shell) -> None:
    assert not set(bare_shell("keys", "generate").out.split()) & set(bare_shell("keys", "generate").out.split())


def test_files_are_for_the_owner_alone_and_only_the_public_key_is_shown(bare_shell: Shell, tmp_path: Path) -> None:
    ran = bare_shell("keys", "generate", "--out-dir", "secrets")
    folder = tmp_path / "secrets"
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert {mode(folder / name) for name in FILES} == {0o600}
    assert mode(folder) == 0o700
    assert ran.out.strip() == f"JURAT_SEAL_KEY={(folder / 'seal_key').read_text().strip()}"
    for name in ("unseal_keys", "hash_keys"):
        assert (folder / name).read_text().strip() not in ran.out + ran.err


def test_a_container_can_read_its_files(bare_shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir(mode=0o755)
    assert bare_shell("keys", "generate", "--out-dir", "secrets", "--for-compose").code == 0
    assert mode(tmp_path / "secrets") == 0o700
    assert {mode(tmp_path / "secrets" / name) for name in FILES} == {0o444}


def test_the_files_do_as_settings(bare_shell: Shell, sqlite_url: str, tmp_path: Path) -> None:
    bare_shell("keys", "generate", "--out-dir", "secrets")
    files = {f"JURAT_{name.upper()}_FILE": str(tmp_path / "secrets" / name) for name in FILES}
    ran = bare_shell("worker", "--check", "--json", JURAT_DATABASE_URL=sqlite_url, JURAT_BROKER_URL="none", **files)
    marks = {step["name"]: step["mark"] for step in ran.json["steps"]}
    assert marks["keys"] == "ok"


@pytest.mark.parametrize("there", FILES)
def test_a_key_that_is_there_is_never_overwritten(bare_shell: Shell, tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("precious")
    ran = bare_shell("keys", "generate", "--out-dir", ".")
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert [path.name for path in tmp_path.iterdir() if path.name in FILES] == [there]
    assert (tmp_path / there).read_text() == "precious"
