"""`db upgrade | check | status`, and what every command says about a database that will not do."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from jurat.statements import CONTRACT_VERSION
from tests.cli.shell import Shell, is_one_sentence
from tests.migrations.later import become_later
from tests.rigs.servers import Databases
from worker import database

NEEDY = (
    "status --access budget p-1",
    "zones list",
    "sources list",
    "codes list",
    "config show",
    "db check",
    "db status",
)
FILE = {"JURAT_DATABASE_URL": "sqlite:///shared.db"}


def scripted(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(";".join(statements))


@pytest.fixture
def nowhere(bare_shell: Shell) -> Shell:
    """A shell on a SQLite database that is not there yet."""
    bare_shell.environment |= FILE
    return bare_shell


def test_an_upgrade_makes_the_tables_and_a_second_one_changes_nothing(nowhere: Shell) -> None:
    first, second = nowhere("db", "upgrade", "--json"), nowhere("db", "upgrade")
    assert first.json == {"before": "empty", "after": "current"}
    assert (second.code, second.out) == (0, "current\n")
    assert nowhere("db", "check").code == 0


def test_a_database_on_postgresql_is_upgraded_and_told(bare_shell: Shell, postgresql_server: Databases) -> None:
    url = postgresql_server.create()
    bare_shell.environment["JURAT_DATABASE_URL"] = url
    assert bare_shell("db", "check").code == 3
    assert bare_shell("db", "upgrade").code == 0
    facts = bare_shell("db", "status", "--json").json
    assert facts["schema"] == "current"
    assert facts["engine"].startswith("PostgreSQL ")
    postgresql_server.drop(url)


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_the_sql_of_the_migrations_needs_no_database(bare_shell: Shell, dialect: str) -> None:
    url = {"sqlite": "sqlite:///none.db", "postgresql": "postgresql://u:p@127.0.0.1:1/x"}[dialect]
    ran = bare_shell("db", "upgrade", "--sql", JURAT_DATABASE_URL=url)
    assert ran.code == 0
    assert "CREATE TABLE jurat_checks" in ran.out
    assert list(bare_shell.folder.glob("none.db*")) == []


def test_the_sql_does_what_an_upgrade_does(nowhere: Shell) -> None:
    scripted(nowhere.folder / "shared.db", nowhere("db", "upgrade", "--sql").out)
    assert nowhere("db", "check", "--json").json["standing"] == "current"


def test_the_status_says_what_waits_where(configured: Shell) -> None:
    configured("submit", "budget", "p-1", "who", "--field", "x=accept")
    facts = configured("db", "status", "--json").json
    assert facts["unsettled"] == 1
    assert facts["waiting"] == [{"consultation": "budget", "question": "who", "source": "magic", "checks": 1}]
    assert "budget        who       magic   1" in configured("db", "status").out


@pytest.mark.parametrize("words", NEEDY)
def test_a_missing_file_is_named_and_not_made(nowhere: Shell, words: str) -> None:
    ran = nowhere(*words.split())
    assert ran.code == 3
    assert is_one_sentence(ran)
    assert "bin/jurat db upgrade" in ran.err
    assert not (nowhere.folder / "shared.db").exists()


@pytest.mark.parametrize("words", NEEDY)
def test_an_empty_database_is_told_with_the_command_to_run(nowhere: Shell, words: str) -> None:
    scripted(nowhere.folder / "shared.db", "CREATE TABLE somebody_elses (id int)")
    ran = nowhere(*words.split())
    assert ran.code == 3
    assert "no jurat tables; run `bin/jurat db upgrade`" in ran.err
    assert "Traceback" not in ran.err


def test_a_schema_behind_is_told_with_the_command_to_run(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    become_later(monkeypatch, tmp_path / "later")
    for words in ("db check", "zones list", "config show"):
        ran = shell(*words.split())
        assert ran.code == 3
        assert "behind this program; run `bin/jurat db upgrade`" in ran.err
    assert shell("db", "upgrade", "--json").json == {"before": "behind", "after": "current"}
    assert shell("db", "check").code == 0


@pytest.mark.parametrize("words", ["db check", "db upgrade", "zones list", "doctor"])
def test_a_schema_of_before_the_first_release_is_told_with_what_to_do(shell: Shell, words: str) -> None:
    scripted(shell.folder / "jurat.db", "UPDATE jurat_alembic_version SET version_num = '0018'")
    before = (shell.folder / "jurat.db").read_bytes()
    ran = shell(*words.split())
    assert ran.code == 3
    assert "never released" in ran.out + ran.err
    assert "name another database in JURAT_DATABASE_URL" in ran.out + ran.err
    assert (shell.folder / "jurat.db").read_bytes() == before


def test_the_sql_after_a_revision_is_asked_for_by_its_name(bare_shell: Shell) -> None:
    url = {"JURAT_DATABASE_URL": "postgresql://u:p@127.0.0.1:1/x"}
    ran = bare_shell("db", "upgrade", "--sql", "--from", "0001_baseline", **url)
    assert ran.code == 0
    assert "CREATE TABLE jurat" not in ran.out
    assert "GRANT" in ran.out
    wrong = bare_shell("db", "upgrade", "--sql", "--from", "0018", **url)
    assert (wrong.code, is_one_sentence(wrong)) == (2, True)
    assert "there is no revision '0018'; expected one of 0001_baseline" in wrong.err
    alone = bare_shell("db", "upgrade", "--from", "0001_baseline", **url)
    assert alone.code == 2
    assert "--from needs --sql" in alone.err


@pytest.mark.parametrize(("version", "code"), [(CONTRACT_VERSION, 0), (CONTRACT_VERSION + 1, 3)])
def test_a_schema_ahead_will_do_within_its_contract_version(shell: Shell, version: int, code: int) -> None:
    scripted(
        shell.folder / "jurat.db",
        "UPDATE jurat_alembic_version SET version_num = '9999'",
        f"UPDATE jurat_contract SET version = {version}",
    )
    for words in ("db check", "db upgrade", "zones list"):
        assert shell(*words.split()).code == code
    ran = shell("status", "--access", "budget", "p-1")
    assert ran.code == (2 if code == 0 else 3)
    assert ("no consultation" if code == 0 else "contract version") in ran.err


@pytest.mark.parametrize("words", ["status --access budget p-1", "db check", "db upgrade", "zones list"])
def test_a_database_that_is_down_is_one_sentence(bare_shell: Shell, words: str) -> None:
    ran = bare_shell(*words.split(), JURAT_DATABASE_URL="postgresql://u:confidential@127.0.0.1:1/jurat")
    assert ran.code == 3
    assert is_one_sentence(ran)
    assert "refused" in ran.err
    assert "confidential" not in ran.err


@pytest.mark.slow
def test_a_database_that_is_down_is_one_sentence_to_an_operator(bare_shell: Shell) -> None:
    url = "postgresql://u:confidential@127.0.0.1:1/jurat"
    ran = bare_shell.process("db", "check", JURAT_DATABASE_URL=url)
    assert ran.code == 3
    assert is_one_sentence(ran)
    verbose = bare_shell("zones", "list", "--verbose", JURAT_DATABASE_URL=url)
    assert "Traceback" in verbose.err
    assert "confidential" not in verbose.err


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("mysql://u:confidential@h/d", 2, "JURAT_DATABASE_URL"),
        ("nonsense confidential", 2, "JURAT_DATABASE_URL"),
        ("sqlite:////no/such/folder/x.db", 3, "no folder"),
    ],
)
def test_a_url_that_will_not_do_is_one_sentence(bare_shell: Shell, url: str, code: int, said: str) -> None:
    ran = bare_shell("db", "upgrade", JURAT_DATABASE_URL=url)
    assert ran.code == code
    assert is_one_sentence(ran)
    assert said in ran.err
    assert "confidential" not in ran.err


def test_a_file_that_is_no_database_is_one_sentence(nowhere: Shell) -> None:
    nowhere.write("shared.db", "this is a letter, and a long one at that, so that it looks like nothing else")
    ran = nowhere("status", "--access", "budget", "p-1")
    assert ran.code == 3
    assert is_one_sentence(ran)
    assert "not a database" in ran.err


def test_a_user_who_may_not_read_the_tables_is_told_so(postgresql_shell: Shell, postgresql_server: Databases) -> None:
    import psycopg
    from sqlalchemy import make_url

    url = make_url(postgresql_shell.environment["JURAT_DATABASE_URL"])
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False)) as connection:
        connection.execute("CREATE ROLE stranger LOGIN PASSWORD 'confidential'")
    try:
        theirs = url.set(username="stranger", password="confidential").render_as_string(hide_password=False)
        ran = postgresql_shell("zones", "list", JURAT_DATABASE_URL=theirs)
        assert ran.code == 3
        assert is_one_sentence(ran)
        assert "42501" in ran.err
    finally:
        with psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False)) as connection:
            connection.execute("DROP ROLE stranger")


def test_a_server_that_is_too_old_is_refused_before_anything_is_made(
    bare_shell: Shell, postgresql_server: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgresql_server.create()
    bare_shell.environment["JURAT_DATABASE_URL"] = url
    with monkeypatch.context() as patch:
        patch.setitem(database._OLDEST, "postgresql", (99, 1))  # as 15 is to us, the server of the tests is to that
        ran = bare_shell("db", "upgrade")
    assert ran.code == 3
    assert is_one_sentence(ran)
    assert "is too old; update it to 99.1 or later" in ran.err
    assert bare_shell("db", "check", "--json").code == 3
    assert "no jurat tables" in bare_shell("db", "check").err
    postgresql_server.drop(url)


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "WIN1252"])
def test_a_database_that_cannot_hold_every_text_is_one_sentence(
    bare_shell: Shell, postgresql_server: Databases, keys: Mapping[str, str], encoding: str
) -> None:
    import psycopg
    from sqlalchemy import make_url

    url = make_url(postgresql_server.url)
    bare_shell.environment |= {
        **keys,
        "JURAT_DATABASE_URL": url.set(database="encoded").render_as_string(),
        "JURAT_BROKER_URL": "none",
    }
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE encoded TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'".encode())
        commands = ("db upgrade", "db check", "zones list", "status --access budget p-1")
        refused = [bare_shell(*words.split()) for words in commands]
        looked = [bare_shell("worker", "--check"), bare_shell("doctor")]
        connection.execute("DROP DATABASE encoded WITH (FORCE)")
    for ran in refused:
        assert ran.code == 3
        assert is_one_sentence(ran)
        assert f"encoding {encoding}" in ran.err
    for ran in looked:
        assert ran.code != 0
        assert f"encoding {encoding}" in ran.out
        assert "make one with ENCODING 'UTF8', and copy what is in it" in ran.out
        assert "db upgrade" not in ran.out


@pytest.mark.parametrize("words", ["codes generate spring --count 2"])
def test_a_database_that_takes_no_writes_is_one_sentence(
    postgresql_shell: Shell, postgresql_url: str, words: str
) -> None:
    import psycopg
    from sqlalchemy import make_url

    url = make_url(postgresql_url)
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {url.database} SET default_transaction_read_only = on".encode())
    ran = postgresql_shell(*words.split())
    assert ran.code == 3
    assert is_one_sentence(ran)
    assert "read-only" in ran.err
    assert "target_session_attrs=read-write" in ran.err


def test_every_command_takes_several_hosts_as_libpq_does(bare_shell: Shell, postgresql_server: Databases) -> None:
    from sqlalchemy import make_url

    url = make_url(postgresql_server.create())
    hosts = f"127.0.0.1:1,{url.host}:{url.port}"
    bare_shell.environment["JURAT_DATABASE_URL"] = (
        f"postgresql://{url.username}@{hosts}/{url.database}?target_session_attrs=read-write"
    )
    for words in ("db upgrade", "db check", "db status", "zones list", "codes list"):
        assert bare_shell(*words.split()).code == 0, words
    ran = bare_shell("status", "--access", "budget", "p-1")
    assert (ran.code, "no consultation" in ran.err) == (2, True)
    postgresql_server.drop(url.render_as_string(hide_password=False))
