"""Live in one database: what the page says runs, in each place where the tables may be, from upgrade to verdict."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import alembic
import psycopg
import pytest
from alembic import command
from alembic.config import Config
from psycopg import sql
from sqlalchemy import create_engine, make_url
from structlog.testing import capture_logs

from config.settings import read_settings
from jurat import Client
from jurat.database import open_engine
from jurat.seal import Seal, generate, key_to_text
from store.schema.grants import FOR_ALL, DatabaseRole
from store.schema.migrations import upgrade
from store.schema.status import SchemaStatus, schema_status
from tests.cli.shell import Shell, is_one_sentence
from tests.conftest import missing
from tests.docs.pages import ROOT, block, blocks
from tests.migrations.later import become_later
from tests.rigs.logins import Logins, plain
from tests.rigs.pgbouncer import PgBouncer
from tests.rigs.servers import Databases, NoServer
from worker.bootstrap import engine_on
from worker.service import CONNECTIONS, open_service

PAGE = ROOT / "docs" / "operators" / "live-in-one-database.md"
CONNECT = ROOT / "docs" / "platforms" / "connect-a-platform.md"
PATIENCE = 60.0
"""Seconds for a verdict that a quick machine gives at once."""

USERS: Mapping[str, str | None] = {
    "owner": None,
    "verifier": DatabaseRole.WORKER,
    "web": DatabaseRole.PLATFORM,
    "clerk": DatabaseRole.ADMIN,
}
ANSWER = {"street": "accept"}


@dataclass(frozen=True)
class Place:
    """The place of one installation's tables: `schema`, and the URL by which each user reaches them."""

    schema: str
    urls: Mapping[str, str]
    superuser_url: str

    def url(self, user: str) -> str:
        """As plain drivers know it."""
        return make_url(self.urls[user]).set(drivername="postgresql").render_as_string(hide_password=False)


def named(users: Mapping[str, str], statements: str) -> str:
    """The page's statements for the users and the database of the test."""
    for user, url in users.items():
        statements = re.sub(rf"\b{user}\b", str(make_url(url).username), statements)
    database = make_url(users["owner"]).database
    return re.sub(r"\bvalmont\b", str(database), statements)


def in_public(urls: dict[str, str], superuser: psycopg.Connection[Any]) -> str:
    owner = sql.Identifier(str(make_url(urls["owner"]).username))
    superuser.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(owner))
    return "public"


def in_a_schema(urls: dict[str, str], superuser: psycopg.Connection[Any]) -> str:
    superuser.execute(named(urls, block(PAGE, "sql", "CREATE SCHEMA")).encode())
    path = named(urls, "ALTER ROLE clerk IN DATABASE valmont SET search_path = jurat")  # as verifier
    superuser.execute(path.encode())
    return "jurat"


def in_a_schema_by_the_url(urls: dict[str, str], superuser: psycopg.Connection[Any]) -> str:
    created, *_ = named(urls, block(PAGE, "sql", "CREATE SCHEMA")).splitlines()
    superuser.execute(created.encode())
    (_, setting) = shlex.split(block(PAGE, "sh", "options="))
    (options,) = (make_url(setting.partition("=")[2]).query["options"],)
    for user, url in urls.items():
        path = str(options).replace("jurat", "public,jurat") if user == "web" else options
        urls[user] = make_url(url).set(query={"options": path}).render_as_string(hide_password=False)
    return "jurat"


PLACES: Mapping[str, tuple[Callable[[dict[str, str], psycopg.Connection[Any]], str], bool]] = {
    "in public": (in_public, False),
    "in a schema": (in_a_schema, False),
    "in a schema by the URL": (in_a_schema_by_the_url, False),
    "in public behind PgBouncer": (in_public, True),
    "in a schema behind PgBouncer": (in_a_schema, True),
}


@pytest.fixture(params=[pytest.param(name, marks=() if name == "in a schema" else pytest.mark.slow) for name in PLACES])
def place(request: pytest.FixtureRequest, postgresql_server: Databases, _migrated_postgresql: str) -> Iterator[Place]:
    """An empty database with a user for each part; none of them may make roles, which the server has already."""
    set_up, pooled = PLACES[request.param]
    url = postgresql_server.create()
    with contextlib.ExitStack() as stack:
        stack.callback(postgresql_server.drop, url)
        logins = stack.enter_context(Logins(url))
        urls = {user: logins.url(role) for user, role in USERS.items()}
        superuser = stack.enter_context(plain(url))
        superuser.execute(named(urls, "GRANT CREATE ON SCHEMA public TO web").encode())  # its own tables
        schema = set_up(urls, superuser)
        if pooled:
            try:
                pooler = PgBouncer(url, users=[str(make_url(each).username) for each in urls.values()])
            except NoServer as error:
                missing(str(error))
            stack.enter_context(pooler)
            urls = {user: pooler.through(each) for user, each in urls.items()}
        yield Place(schema, urls, url)


@pytest.mark.slow
def test_everything_works_wherever_the_tables_stand(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = generate()
    keys = {
        "JURAT_SEAL_KEY": key_to_text(public),
        "JURAT_UNSEAL_KEYS": key_to_text(private),
        "JURAT_BROKER_URL": "none",
    }
    shell = Shell(tmp_path, {**keys, "TMPDIR": str(tmp_path)}, monkeypatch)
    configuration = shell.write("jurat.yaml", block(CONNECT, "yaml"))

    def done(user: str, *words: str) -> str:
        ran = shell(*words, JURAT_DATABASE_URL=place.urls[user])
        assert ran.code == 0, (words, ran.err)
        return ran.out

    assert done("owner", "db", "upgrade") == "current\n"
    assert done("owner", "db", "upgrade") == "current\n"
    assert schemas(place.superuser_url) == {place.schema}
    done("clerk", "config", "apply", str(configuration))
    with psycopg.connect(place.url("clerk"), prepare_threshold=None) as clerk:
        clerk.execute("SELECT jurat_listen(true)")

    monkeypatch.setenv("JURAT_DATABASE_URL", place.urls["verifier"])
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    service = open_service(read_settings())
    worker = engine_on(service, slots=2)
    client = Client(place.urls["web"], seal_key=key_to_text(public))
    with (
        contextlib.closing(service),
        contextlib.closing(client),
        plain(place.superuser_url) as listening,
        capture_logs(),
        psycopg.connect(place.url("web"), prepare_threshold=None, autocommit=True) as web,
    ):
        listening.execute("LISTEN jurat_results")
        worker.start()
        try:
            web.execute("CREATE TABLE notes (check_id uuid)")
            checks = [by_the_client(client, web), by_the_function(place, web, Seal(public))]
            for check in checks:
                assert client.wait(check, timeout=PATIENCE).outcome == "accepted"
                assert polled(place, web, check) == ("settled", "accepted", "record_matches", 0)
            assert client.access("budget", "p-1").questions["residence"] == "accepted"
            assert web.execute("SELECT check_id FROM notes").fetchall() == [(check,) for check in checks]
            assert next(listening.notifies(timeout=PATIENCE, stop_after=1)).channel == "jurat_results"
        finally:
            assert worker.stop(PATIENCE)
    assert re.search(r"^unsettled +0$", done("clerk", "db", "status"), re.MULTILINE)
    assert schemas(place.superuser_url) == {place.schema}, "nothing of ours is elsewhere"


def by_the_client(client: Client, web: psycopg.Connection[Any]) -> UUID:
    """One answer, in one transaction with the platform's own row."""
    with web.transaction():
        check = client.submit(web, consultation="budget", participant="p-1", question="residence", answer=ANSWER)
        web.execute("INSERT INTO notes VALUES (%s)", (check.id,))
    return check.id


def by_the_function(place: Place, web: psycopg.Connection[Any], seal: Seal) -> UUID:
    """The same with SQL, as the page writes it for a path that does not name the schema."""
    values = {
        "consultation": "budget",
        "participant": "p-2",
        "question": "residence",
        "answer": seal.close(b'{"street": "accept"}'),
        "answer_key": seal.key_id,
    }
    with web.transaction():
        row = web.execute(*qualified(place, "jurat_submit", values)).fetchone()
        assert row is not None
        web.execute("INSERT INTO notes VALUES (%s)", row)
    check: UUID = row[0]
    return check


def polled(place: Place, web: psycopg.Connection[Any], check: UUID) -> tuple[Any, ...] | None:
    with web.transaction():
        return web.execute(*qualified(place, "jurat_results", {"id": check})).fetchone()


def qualified(place: Place, holding: str, values: Mapping[str, Any]) -> tuple[bytes, Mapping[str, Any]]:
    """A statement of the page for the schema of the test."""
    statement = block(PAGE, "sql", holding).replace("jurat.jurat", f"{place.schema}.jurat")
    return re.sub(r"(?<!:):(\w+)", r"%(\1)s", statement).encode(), values


def schemas(url: str) -> set[str]:
    """The schemas in which anything of ours is."""
    with plain(url) as connection:
        found = connection.execute(
            "SELECT relnamespace::regnamespace::text FROM pg_class "
            "WHERE relname LIKE 'jurat%' AND relkind IN ('r', 'v') "
            "UNION SELECT pronamespace::regnamespace::text FROM pg_proc WHERE proname LIKE 'jurat%'"
        )
        return {schema for (schema,) in found}


def test_a_caller_whose_path_does_not_name_the_schema_submits_and_polls(postgresql_server: Databases) -> None:
    url = postgresql_server.create()
    with plain(url) as connection:
        connection.execute("CREATE SCHEMA jurat")
    engine = open_engine(with_path(url, "jurat"))
    upgrade(engine)
    engine.dispose()
    with plain(url) as connection:
        connection.execute(
            "INSERT INTO jurat.jurat_questions (consultation, question, position, criterion, source, sources, rounds, "
            "deadline_s, answer_schema, title, consultation_title, contact, config_version) "
            "VALUES ('budget', 'residence', 1, 'lives-in', 'magic', '[]', 1, 3600, '{}', '{}', '{}', '{}', 1)"
        )
        where = Place("jurat", {}, url)
        check = by_statement(connection, where)
        assert polled(where, connection, check) == ("pending", None, None, 500)
        assert connection.execute("SELECT access FROM jurat.jurat_access").fetchall() == [("pending",)]
    postgresql_server.drop(url)


def by_statement(connection: psycopg.Connection[Any], where: Place) -> UUID:
    connection.execute("CREATE TABLE notes (check_id uuid)")
    return by_the_function(where, connection, Seal(generate()[1]))


def with_path(url: str, path: str) -> str:
    """The URL with a search path of its own."""
    return make_url(url).set(query={"options": f"-csearch_path={path}"}).render_as_string(hide_password=False)


def test_every_function_that_reads_tables_has_a_path_of_its_own(postgresql_url: str) -> None:
    with plain(postgresql_url) as connection:
        found = connection.execute("SELECT proname FROM pg_proc WHERE proname LIKE 'jurat%' AND proconfig IS NULL")
        # The first two read none. The third is a trigger on what only workers and administrators may change. The fourth
        # may be called only by a function of ours, which has a path.
        no_path = {"jurat_refuse_change", "jurat_tell_results", "jurat_refuse_renaming", "jurat_require_open"}
        assert {name for (name,) in found} <= no_path | set(FOR_ALL)


@pytest.mark.slow
def test_an_upgrade_follows_the_tables_that_are_there(
    postgresql_server: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgresql_server.create()
    with plain(url) as connection:
        connection.execute("CREATE SCHEMA jurat")
    engine = open_engine(with_path(url, "jurat"))
    upgrade(engine)
    engine.dispose()
    become_later(monkeypatch, tmp_path)
    other = open_engine(with_path(url, "public,jurat"))
    upgrade(other)
    upgrade(other)
    with other.connect() as connection:
        assert schema_status(connection) is SchemaStatus.CURRENT
    other.dispose()
    assert schemas(url) == {"jurat"}
    with plain(url) as connection:
        made = "SELECT proconfig FROM pg_proc WHERE proname IN ('jurat_submit', 'jurat_publish_consultation')"
        assert connection.execute(made).fetchall() == [(["search_path=jurat, pg_temp"],)] * 2
    postgresql_server.drop(url)


def test_a_path_to_nowhere_is_one_sentence(
    postgresql_server: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgresql_server.create()
    shell = Shell(tmp_path, {"TMPDIR": str(tmp_path), "JURAT_DATABASE_URL": with_path(url, "jurat")}, monkeypatch)
    ran = shell("db", "upgrade")
    assert (ran.code, is_one_sentence(ran)) == (2, True), ran.err
    assert "CREATE SCHEMA" in ran.err
    assert schemas(url) == set()
    postgresql_server.drop(url)


def test_pgbouncer_refuses_a_path_in_the_url(pooled_url: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="options"):
        psycopg.connect(make_url(with_path(pooled_url, "jurat")).set(drivername="postgresql").render_as_string())


# -- a platform's own migrations

ENVIRONMENT = """\
from alembic import context
from sqlalchemy import Column, Integer, MetaData, Table

target_metadata = MetaData()
Table("survey_answer", target_metadata, Column("id", Integer, primary_key=True))
connection = context.config.attributes["connection"]
{configure}
with context.begin_transaction():
    context.run_migrations()
"""
BARE = "context.configure(connection=connection, target_metadata=target_metadata)"


class Migrations:
    """A platform's own alembic, with this in its env.py."""

    def __init__(self, folder: Path, url: str, configure: str) -> None:
        folder.mkdir()
        (folder / "versions").mkdir()
        (folder / "env.py").write_text(ENVIRONMENT.format(configure=configure), "utf-8")
        template = Path(alembic.__file__).parent / "templates" / "generic" / "script.py.mako"
        (folder / "script.py.mako").write_text(template.read_text("utf-8"), "utf-8")
        self._folder, self._url = folder, url
        self._config = Config()
        self._config.set_main_option("script_location", str(folder).replace("%", "%%"))

    def proposes(self, message: str) -> set[str]:
        """What `alembic revision --autogenerate` writes into the next migration."""
        self._run(command.revision, message=message, autogenerate=True)
        (written,) = (self._folder / "versions").glob(f"*_{message}.py")
        upgrade, _ = written.read_text("utf-8").split("def downgrade")
        return set(re.findall(r"op\.(\w+\(\s*['\"]\w+)", upgrade))

    def upgrade(self) -> None:
        self._run(command.upgrade, revision="head")

    def _run(self, run: Callable[..., Any], **given: Any) -> None:
        engine = create_engine(make_url(self._url))
        with engine.begin() as connection:
            self._config.attributes["connection"] = connection
            run(self._config, **given)
        engine.dispose()


def test_an_automatic_migration_would_drop_our_tables_and_with_the_pages_lines_proposes_nothing(
    database_url: str, tmp_path: Path
) -> None:
    advice = block(PAGE, "python", "include_name")
    bare, ours = Migrations(tmp_path / "bare", database_url, BARE), Migrations(tmp_path / "ours", database_url, advice)
    dropped = bare.proposes("bare")
    assert {"drop_table('jurat_checks", "drop_table('jurat_verdicts", "drop_table('jurat_alembic_version"} <= dropped
    assert ours.proposes("first") == {"create_table('survey_answer"}
    ours.upgrade()
    assert ours.proposes("second") == set()
    engine = open_engine(database_url)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM jurat_contract").scalar() == 1
    engine.dispose()


@pytest.mark.slow
def test_the_lines_pass_over_a_schema_of_its_own_as_well(postgresql_server: Databases, tmp_path: Path) -> None:
    url = postgresql_server.create()
    with plain(url) as connection:
        connection.execute("CREATE SCHEMA jurat")
    engine = open_engine(with_path(url, "jurat"))
    upgrade(engine)
    engine.dispose()
    everything = "target_metadata=target_metadata, include_schemas=True"
    bare = BARE.replace("target_metadata=target_metadata", everything)
    advice = block(PAGE, "python", "include_name").replace("target_metadata=target_metadata", everything)
    assert "drop_table('jurat_checks" in Migrations(tmp_path / "bare", url, bare).proposes("bare")
    assert Migrations(tmp_path / "ours", url, advice).proposes("first") == {"create_table('survey_answer"}
    postgresql_server.drop(url)


# -- the page itself


def test_every_block_is_run_by_a_test() -> None:
    """Those for Django and Rails by tests/examples/stacks/test_living.py, where their libraries are."""
    found = {language: len(blocks(PAGE, language)) for language in ("sql", "sh", "python", "ruby", "yaml")}
    assert found == {"sql": 3, "sh": 2, "python": 3, "ruby": 2, "yaml": 1}


def test_a_process_has_no_more_connections_than_the_page_says() -> None:
    pool: Any = open_engine("postgresql://nobody@localhost/none", pool_size=CONNECTIONS).pool
    assert pool.size() + pool._max_overflow == 10
    assert "at most ten" in " ".join(PAGE.read_text("utf-8").split())
