"""`datasets import-roster` seals what is kept: it is in no file, and workers of earlier releases leave it alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from jurat.database import open_engine
from tests.cli.old_worker import old_worker
from tests.cli.shell import Ran, Shell
from tests.migrations.releases import ROOT, NoRelease, last_release, program_of
from tests.rigs.servers import PostgreSQL

CONFIGURATION = """\
sources:
  physicians:
    type: roster
    dataset: doctors
    max_age: 3650d
    file: { encoding: utf-8, delimiter: ";", number: Ref No, keep: [Surname, Given, Status] }
    inputs: { number: { clean: [digits] }, family_name: {}, given_name: {} }
    record:
      fields: { names: "{family: Surname, given: Given}", status: Status }
      status: { active: [Registered], inactive: [Suspended] }
    rules:
      - { check: equals, field: number, input: number }
      - { check: name, family: family_name, given: given_name }
      - { check: status, is: active }
"""
NAMES = ("Zorquavundo", "Brelnyxivane")
READ = ("--config", "jurat.yaml")


def imported(shell: Shell, name: str = NAMES[0]) -> Ran:
    shell.write("jurat.yaml", CONFIGURATION)
    shell.write("a.csv", f"Ref No;Surname;Given;Status\n900001;{name};Iris;Registered\n")
    day = ("--data-date", "2026-11-01")
    ran = shell("datasets", "import-roster", "doctors", "a.csv", "--source", "physicians", *day, *READ)
    assert ran.code == 0, ran.err
    return ran


def tried(name: str) -> tuple[str, ...]:
    typed = ("number=900001", f"family_name={name}", "given_name=Iris")
    return ("sources", "try", "physicians", *READ, *(word for each in typed for word in ("--input", each)))


def sealed(shell: Shell) -> list[tuple[int, bool]]:
    return [(row["version"], row["sealed"]) for row in shell("datasets", "list", "--json").json]


def test_a_roster_is_sealed_once_no_worker_of_an_older_release_runs(shell: Shell) -> None:
    with old_worker(shell):
        ran = imported(shell)
        assert "what is kept is in clear: old@here, of an older release, could not open it; upgrade" in ran.err
        assert sealed(shell) == [(1, False)]
        assert shell(*tried(NAMES[0])).out.splitlines()[-1] == "accepted record_matches"
        said = "doctors, version 1: what is kept is in clear; import its file again to seal it\n"
        assert said in shell("datasets", "list").err
    again = imported(shell)
    assert "in clear" not in again.err
    assert sealed(shell) == [(2, True)]
    assert shell("datasets", "list").err == ""
    assert shell(*tried(NAMES[0])).out.splitlines()[-1] == "accepted record_matches"
    with old_worker(shell):
        assert "in clear" not in imported(shell, NAMES[1]).err
    assert sealed(shell) == [(3, True), (2, True)]


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_program_of_release_0_3_0_waits(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> None:
    shell: Shell = request.getfixturevalue("shell" if database == "sqlite" else "postgresql_shell")
    try:
        old = program_of(last_release((ROOT / "releases.toml").read_text("utf-8"), before="0.4.0"), tmp_path / "old")
    except NoRelease as error:
        pytest.skip(str(error))

    def tried_there() -> str:
        environment = {**os.environ, **shell.environment, "PYTHONPATH": str(old)}
        command = [sys.executable, "-P", "-m", "cli", *tried(NAMES[0])]
        ran = subprocess.run(command, cwd=shell.folder, env=environment, capture_output=True, check=False)
        return ran.stdout.decode().splitlines()[-1]

    with old_worker(shell):
        imported(shell)
    assert tried_there() == "accepted record_matches"
    imported(shell)
    assert tried_there().startswith("undetermined source_unavailable: the number or the kept columns of the dataset")


def files_with(folder: Path, name: str) -> list[str]:
    """The files below a folder that hold a name."""
    return [str(path) for path in folder.rglob("*") if path.is_file() and name.encode() in path.read_bytes()]


@pytest.mark.slow
def test_no_file_of_the_database_holds_a_name(bare_shell: Shell, keys: dict[str, str], tmp_path: Path) -> None:
    with PostgreSQL() as server:
        urls = {server.folder / "data": server.databases.create(), tmp_path / "lite": f"sqlite:///{tmp_path}/lite/a.db"}
        (tmp_path / "lite").mkdir()
        for folder, url in urls.items():
            bare_shell.environment |= {**keys, "JURAT_DATABASE_URL": url, "JURAT_BROKER_URL": "none"}
            assert bare_shell("db", "upgrade").code == 0
            imported(bare_shell)
            checkpoint(server)
            assert files_with(folder, NAMES[0]) == []
            bare_shell("datasets", "remove", "doctors")
            with old_worker(bare_shell):
                imported(bare_shell, NAMES[1])
            checkpoint(server)
            assert files_with(folder, NAMES[1]), "the name in clear is found"


def checkpoint(server: PostgreSQL) -> None:
    engine = open_engine(server.url)
    with engine.begin() as connection:
        connection.execute(text("CHECKPOINT"))
    engine.dispose()
