"""A database of SQLite is its owner's alone, whatever the umask: the file, and what SQLite writes beside it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from jurat.database import open_engine
from tests.cli.shell import Shell


@pytest.fixture(autouse=True)
def _open_to_all() -> Iterator[None]:
    """As careless as a machine may be."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def test_what_is_made_is_its_owners_alone(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/jurat.db")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE notes (body text)"))
        assert modes(tmp_path) == dict.fromkeys(("jurat.db", "jurat.db-wal", "jurat.db-shm"), 0o600)
    engine.dispose()


def test_what_the_operator_has_set_stays(tmp_path: Path) -> None:
    """A platform under another user may share the file by a group."""
    (tmp_path / "jurat.db").touch(0o660)
    engine = open_engine(f"sqlite:///{tmp_path}/jurat.db")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE notes (body text)"))
        assert set(modes(tmp_path).values()) == {0o660}
    engine.dispose()


def test_what_cannot_be_made_is_said_by_sqlite(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/nowhere/jurat.db")
    with pytest.raises(OperationalError, match="unable to open database file"):
        engine.connect()
    engine.dispose()


def test_a_database_in_memory_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for url in ("sqlite://", "sqlite:///:memory:"):
        engine = open_engine(url)
        with engine.begin() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1
        engine.dispose()
    assert modes(tmp_path) == {}


def test_the_commands_make_them_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = Shell(tmp_path, {"JURAT_DATABASE_URL": f"sqlite:///{tmp_path}/jurat.db"}, monkeypatch)
    assert shell("db", "upgrade").code == 0
    assert modes(tmp_path)["jurat.db"] == 0o600


@pytest.mark.slow
def test_the_demonstration_makes_them_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = Shell(tmp_path, {}, monkeypatch)
    assert shell("demo", "--keep", str(tmp_path / "kept")).code == 0
    assert modes(tmp_path / "kept")["jurat.db"] == 0o600
