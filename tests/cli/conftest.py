"""Shells on databases of the test's own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from jurat.seal import generate, key_to_text
from tests.cli.shell import Shell

CONFIGURATION = """\
environment: test
sources:
  spring: { type: codes, list: spring }
  magic: { type: simulated }
criteria:
  spring-code: { source: spring }
  anything: { source: magic }
consultations:
  budget:
    questions:
      code: { criterion: spring-code, rounds: 3 }
      who: { criterion: anything, rounds: 2 }
    access: who
"""


@pytest.fixture(scope="session")
def keys() -> Mapping[str, str]:
    """A set of keys, as settings."""
    private, public = generate()
    return {
        "JURAT_SEAL_KEY": key_to_text(public),
        "JURAT_UNSEAL_KEYS": key_to_text(private),
        "JURAT_HASH_KEYS": key_to_text(os.urandom(32)),
    }


@pytest.fixture
def bare_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell in an empty folder, with nothing set but that sources may be on this machine."""
    return Shell(tmp_path, {"TMPDIR": str(tmp_path), "JURAT_PRIVATE_NETWORKS": "127.0.0.1"}, monkeypatch)


@pytest.fixture
def shell(bare_shell: Shell, sqlite_url: str, keys: Mapping[str, str]) -> Shell:
    """A shell with keys and an empty database of SQLite with our tables, and no broker."""
    bare_shell.environment |= {**keys, "JURAT_DATABASE_URL": sqlite_url, "JURAT_BROKER_URL": "none"}
    return bare_shell


@pytest.fixture
def postgresql_shell(bare_shell: Shell, postgresql_url: str, keys: Mapping[str, str]) -> Shell:
    """The same on PostgreSQL."""
    bare_shell.environment |= {**keys, "JURAT_DATABASE_URL": postgresql_url, "JURAT_BROKER_URL": "none"}
    return bare_shell


@pytest.fixture(scope="session")
def _configured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first `configured` leaves what it made for the others."""
    return tmp_path_factory.mktemp("configured")


@pytest.fixture
def configured(shell: Shell, _configured: Path) -> Shell:
    """A shell on a database with some codes and an applied configuration."""
    if not (_configured / "jurat.db").exists():
        _leave(configure(shell).folder, _configured)
    else:
        _leave(_configured, shell.folder)
    return shell


def _leave(made: Path, there: Path) -> None:
    for name in ("codes.txt", "jurat.yaml", "jurat.db"):
        shutil.copy(made / name, there)


def configure(shell: Shell) -> Shell:
    """Generate two codes into `codes.txt`, and apply a configuration."""
    generated = shell("codes", "generate", "spring", "--count", "2", "--out", "codes.txt")
    assert generated.code == 0, generated.err
    applied = shell("config", "apply", str(shell.write("jurat.yaml", CONFIGURATION)))
    assert applied.code == 0, applied.err
    return shell
