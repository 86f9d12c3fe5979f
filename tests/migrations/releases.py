"""Databases as a release made them: by its own program, of the commit that releases.toml names."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from store.schema.baseline import PATH, run, scripts
from store.schema.release import is_older

ROOT = Path(__file__).resolve().parents[2]


class NoRelease(Exception):
    """There is none, or not here. The message says why."""


def last_release(listed: str, before: str | None = None) -> str:
    """The commit of the last release in the text of releases.toml, or of the last one before a version.

    Raises NoRelease.
    """
    releases = [
        each
        for each in tomllib.loads(listed).get("release", [])
        if before is None or is_older(each["version"], than=before)
    ]
    if not releases:
        raise NoRelease("nothing was released yet")
    return str(releases[-1]["commit"])


def program_of(commit: str, folder: Path, repository: Path = ROOT) -> Path:
    """The program of a commit, laid into `folder`. Raises NoRelease where there is no history, or no git."""
    git = shutil.which("git")
    if git is None:
        raise NoRelease("there is no git")
    ran = subprocess.run([git, "-C", repository, "archive", commit], capture_output=True, check=False)
    if ran.returncode:
        raise NoRelease(f"git has no commit {commit} here: {ran.stderr.decode(errors='replace').strip()}")
    with tarfile.open(fileobj=io.BytesIO(ran.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def has_history(repository: Path = ROOT) -> bool:
    """Whether this copy of the repository came with its history: a shallow clone or an archive has none."""
    git = shutil.which("git")
    if git is None:
        return False
    words = (["rev-parse", "--is-shallow-repository"], ["rev-list", "--count", "HEAD"])
    shallow, commits = (
        subprocess.run([git, "-C", repository, *each], capture_output=True, text=True, check=False).stdout.strip()
        for each in words
    )
    return shallow == "false" and commits.isdigit() and int(commits) > 1


def rewritten(released: Path, now: Path) -> list[str]:
    """The steps that were released and are gone or others now. Databases that have run them know nothing of that."""
    return [
        path.name
        for path in sorted((released / "versions").glob("*.py"))
        if not (mine := now / "versions" / path.name).exists() or mine.read_bytes() != path.read_bytes()
    ]


def made_by_program(program: Path, engine: Engine, python: str = sys.executable) -> None:
    """Make what an empty database gets by the `db upgrade` of a release."""
    url = engine.url.render_as_string(hide_password=False)
    subprocess.run(
        [python, "-P", "-m", "cli", "db", "upgrade"],
        cwd=program,
        env={"PYTHONPATH": str(program), "JURAT_DATABASE_URL": url},
        capture_output=True,
        check=True,
    )


def made_by(migrations: Path, engine: Engine) -> None:
    """Make what an empty database gets by these `migrations`: their SQL, and their newest revision."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(PATH))
        run(connection, scripts(connection.dialect.name, migrations))
        versions = MigrationContext.configure(connection, opts={"version_table": "jurat_alembic_version"})
        versions.stamp(ScriptDirectory(str(migrations)), "head")
