"""Two ways to the schema of now: `migrations/sql/` alone, and the last release with the numbered steps after it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from jurat.database import open_engine
from jurat.errors import ConfigurationError
from store.schema.grants import OF_BEFORE, DatabaseRole
from store.schema.migrations import upgrade, upgrade_sql
from store.schema.release import VERSION
from store.schema.roles import left_to_platforms
from store.schema.status import MIGRATIONS, SchemaStatus, known_revisions, schema_status
from tests.migrations.catalogue import catalogue, differences
from tests.migrations.later import BEFORE, CHANGES, REVISION, become_later, become_smaller, lay_out
from tests.migrations.releases import (
    ROOT,
    NoRelease,
    has_history,
    last_release,
    made_by,
    made_by_program,
    program_of,
    rewritten,
)
from tests.migrations.test_accounts import REVOKED
from tests.rigs.logins import Logins
from tests.rigs.servers import Databases, postgresql_bindir

Make = Callable[[], Engine]


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make(request: pytest.FixtureRequest, dialect: str, tmp_path: Path) -> Iterator[Make]:
    """Makes empty databases of the engine."""
    engines: list[Engine] = []
    server: Databases | None = None
    if dialect == "postgresql":
        server = request.getfixturevalue("postgresql_server")

    def empty() -> Engine:
        engines.append(open_engine(server.create() if server else f"sqlite:///{tmp_path}/{len(engines)}.db"))
        return engines[-1]

    yield empty
    for engine in engines:
        engine.dispose()
        if server:
            server.drop(engine.url.render_as_string(hide_password=False))


def apart(make: Make, migrations: Path) -> list[str]:
    """How a new database differs from one that these `migrations` made, once that is upgraded."""
    old = make()
    made_by(migrations, old)
    return apart_from(make, old)


def apart_from(make: Make, old: Engine) -> list[str]:
    """How a new database differs from an old one, once that is upgraded."""
    new = make()
    upgrade(new)
    upgrade(old)
    with new.begin() as one, old.begin() as other:
        assert schema_status(one) is schema_status(other) is SchemaStatus.CURRENT
        return differences(catalogue(one), catalogue(other))


@pytest.fixture(params=[None, VERSION], ids=["last", "before this one"])
def released(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The program of the last release, and of the last before this version."""
    listed = (ROOT / "releases.toml").read_text("utf-8")
    try:
        commit = last_release(listed, before=request.param)
    except NoRelease as reason:
        pytest.skip(str(reason))
    if request.param and commit == last_release(listed):
        pytest.skip("the same as the last")
    try:
        return program_of(commit, tmp_path / "released")
    except NoRelease as reason:
        if has_history():
            pytest.fail(str(reason))
        pytest.skip(f"this copy of the repository has no history: {reason}")


@pytest.mark.slow
def test_the_last_release_and_the_steps_since_make_what_a_new_database_gets(make: Make, released: Path) -> None:
    old = make()
    made_by_program(released, old)
    upgrade(old)
    if old.dialect.name == "postgresql":
        with old.begin() as connection:
            assert left_to_platforms(connection) == list(OF_BEFORE)
            connection.exec_driver_sql(REVOKED)
    assert apart_from(make, old) == [], "and what the owner revoked is not given again"


ERASES = """
import sys
from jurat import Client
from sqlalchemy import create_engine
client, engine = Client(sys.argv[1]), create_engine(sys.argv[1])
with engine.begin() as connection:
    client.erase(connection, participant="p-1")
"""


@pytest.mark.slow
def test_a_platform_of_that_release_erases_until_the_owner_says_otherwise(
    postgresql_server: Databases, released: Path
) -> None:
    url = postgresql_server.create()
    engine = open_engine(url)
    made_by_program(released, engine)
    with Logins(url) as logins:
        platform = [sys.executable, "-P", "-c", ERASES, logins.url(DatabaseRole.PLATFORM)]
        said = []
        for statement in ("SELECT 1", REVOKED):
            with engine.begin() as connection:
                connection.exec_driver_sql(statement)
            upgrade(engine)
            ran = subprocess.run(
                platform, env={"PYTHONPATH": str(released)}, capture_output=True, text=True, check=False
            )
            said.append(ran.stderr)
    engine.dispose()
    postgresql_server.drop(url)
    assert said[0] == ""
    assert "permission denied for function jurat_try_ask" in said[1]


def test_no_step_that_was_released_is_another_one_now(released: Path) -> None:
    assert rewritten(released / "migrations", MIGRATIONS) == []


# -- the same of a later version, which is invented


def test_a_step_that_the_sql_follows_is_found_equal(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    become_later(monkeypatch, tmp_path)
    assert apart(make, MIGRATIONS) == []


@pytest.mark.parametrize(
    ("dialect", "forgotten"),
    [(dialect, name) for dialect, changes in CHANGES.items() for name in changes],
    indirect=["dialect"],
)
def test_what_the_sql_has_not_followed_is_found(
    make: Make, forgotten: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    become_later(monkeypatch, tmp_path, forgotten=[forgotten])
    assert apart(make, MIGRATIONS) != []


def test_what_no_step_does_is_found(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    become_later(monkeypatch, tmp_path)
    (step,) = (tmp_path / "migrations" / "versions").glob(f"{REVISION}.py")
    step.write_text(
        step.read_text("utf-8").replace('op.get_context().config.attributes["perform"](STATEMENTS)', "pass"), "utf-8"
    )
    assert apart(make, MIGRATIONS) != []


def test_a_database_of_before_is_behind_and_keeps_what_it_holds(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make()
    upgrade(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO jurat_criteria VALUES ('c', 'k', '[]', '[]', '{}', '[]', 1)")
    become_later(monkeypatch, tmp_path)
    with engine.begin() as connection:
        assert schema_status(connection) is SchemaStatus.BEHIND
    upgrade(engine)
    with engine.begin() as connection:
        assert schema_status(connection) is SchemaStatus.CURRENT
        assert connection.exec_driver_sql("SELECT name FROM jurat_criteria").scalars().all() == ["c"]


def test_the_sql_for_an_administrator_follows_both_ways(
    make: Make, dialect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stepped, made = make(), make()
    upgrade(stepped)
    become_later(monkeypatch, tmp_path)
    by_hand(stepped, upgrade_sql(dialect, BEFORE))
    by_hand(made, upgrade_sql(dialect))
    with stepped.begin() as one, made.begin() as other:
        assert schema_status(one) is schema_status(other) is SchemaStatus.CURRENT
        assert differences(catalogue(one), catalogue(other)) == []
    by_hand(made, upgrade_sql(dialect, REVISION))
    with made.begin() as connection:
        assert schema_status(connection) is SchemaStatus.CURRENT


def by_hand(engine: Engine, script: str) -> None:
    """Run a script as an administrator would, in the engine's own program; transactions are the script's."""
    if engine.dialect.name == "sqlite":
        raw = engine.raw_connection()
        raw.driver_connection.executescript(script)  # type: ignore[union-attr]
        raw.close()
        return
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    psql = postgresql_bindir() / "psql"
    ran = subprocess.run([psql, "-X", "-q", url], input=script, capture_output=True, text=True, check=False)
    assert (ran.returncode, [line for line in ran.stderr.splitlines() if "ERROR" in line]) == (0, [])


def test_the_script_makes_an_index_again_that_was_not_completed(
    make: Make, dialect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if dialect == "sqlite":
        pytest.skip("SQLite builds no index beside others")
    engine = make()
    upgrade(engine)
    become_later(monkeypatch, tmp_path)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE INDEX jurat_pauses_until ON jurat_pauses (until)")
        connection.exec_driver_sql(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'jurat_pauses_until'::regclass"
        )
    by_hand(engine, upgrade_sql(dialect, BEFORE))
    with engine.begin() as connection:
        valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'jurat_pauses_until'::regclass"
        assert connection.exec_driver_sql(valid).scalar() is True


@pytest.mark.parametrize("contract", [False, True])
def test_the_script_takes_away_only_when_asked_for(
    make: Make, dialect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contract: bool
) -> None:
    engine = make()
    upgrade(engine)
    become_smaller(monkeypatch, tmp_path)
    by_hand(engine, upgrade_sql(dialect, BEFORE, contract=contract))
    with engine.begin() as connection:
        found = connection.exec_driver_sql("SELECT oldest_worker FROM jurat_contract").scalar()
        expected = (SchemaStatus.CURRENT, "99.0.0") if contract else (SchemaStatus.EXPANDED, "0.2.0")
        assert (schema_status(connection), found) == expected


@pytest.mark.parametrize("revision", ["0001", "9999", "base", "head", ""])
def test_a_revision_that_is_none_is_refused(dialect: str, revision: str) -> None:
    with pytest.raises(ConfigurationError, match="expected one of 0001_baseline"):
        upgrade_sql(dialect, revision)


def test_a_step_that_was_rewritten_or_removed_is_found(tmp_path: Path) -> None:
    released, now = lay_out(tmp_path / "released"), lay_out(tmp_path / "now")
    assert rewritten(released, now) == []
    assert rewritten(MIGRATIONS, now) == [], "a step more is none that was rewritten"
    (now / "versions" / f"{REVISION}.py").write_text("")
    (now / "versions" / "0001_baseline.py").unlink()
    assert rewritten(released, now) == ["0001_baseline.py", f"{REVISION}.py"]


# -- names of migrations


def test_a_migration_is_named_as_its_file_and_fits_into_the_version_table() -> None:
    steps = ScriptDirectory(str(MIGRATIONS)).walk_revisions()
    assert [step.revision for step in steps][::-1] == known_revisions()
    assert [name for name in known_revisions() if len(name) > 32] == []


# -- where a release comes from


def test_no_release_is_told_so() -> None:
    with pytest.raises(NoRelease, match="nothing was released yet"):
        last_release("# none\n")


def test_the_last_of_several_releases_counts() -> None:
    listed = '[[release]]\nversion = "0.2.0"\ncommit = "aa"\n[[release]]\nversion = "0.3.0"\ncommit = "bb"\n'
    assert (last_release(listed), last_release(listed, before="0.3.0")) == ("bb", "aa")
    with pytest.raises(NoRelease):
        last_release(listed, before="0.2.0")


def test_the_program_of_a_commit_comes_out_of_its_history(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    lay_out(repository)
    git = ["git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "release"], ["rm", "-rq", "migrations/versions"]):
        subprocess.run([*git, *words], check=True)
    found = program_of("HEAD", tmp_path / "out", repository) / "migrations"
    assert (found / "versions" / f"{REVISION}.py").exists()


def test_a_folder_without_history_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(NoRelease, match="git has no commit"):
        program_of("a" * 40, tmp_path, tmp_path)


def test_a_shallow_copy_and_a_folder_without_git_have_no_history(tmp_path: Path) -> None:
    whole, shallow = tmp_path / "whole", tmp_path / "shallow"
    whole.mkdir()
    assert not has_history(whole)
    git = ["git", "-C", str(whole), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "a"]):
        subprocess.run([*git, *words], check=True)
    assert not has_history(whole)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "b"], check=True)
    assert has_history(whole)
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{whole}", str(shallow)], check=True)
    assert not has_history(shallow)
