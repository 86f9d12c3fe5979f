"""Each role against what it may not do, by plain SQL: rights, search paths, temporary tables, notices."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import create_engine, make_url

from jurat.database import open_engine
from store.schema.grants import OUR_OWN, DatabaseRole
from store.schema.migrations import upgrade
from store.schema.roles import granting
from tests.migrations.attacks import INTO_CHECKS, INTO_VERDICTS, STRANGER, check, fill, kept, verdict
from tests.migrations.role_attacks import ANYBODY, BY
from tests.rigs.logins import Logins, plain
from tests.rigs.servers import Databases

SEALED, KEY = b"\x00" * 60, "0123456789abcdef"
QUESTION = """
    INSERT INTO jurat_questions (consultation, question, position, criterion, source, sources, rounds, deadline_s,
      answer_schema, title, consultation_title, contact, config_version)
    SELECT 'budget', question, 1, 'x', 'towns', '[]', 1, 3600, '{}', '{}', '{}', '{}', 1
    FROM unnest(ARRAY['residence', 'profession']) question"""


@dataclass(frozen=True)
class Shared:
    """A database in which somebody has confirmed answers, and its users."""

    url: str
    owner: psycopg.Connection[Any]
    logins: Logins


@pytest.fixture
def shared_database(postgresql_url: str) -> Iterator[Shared]:
    with Logins(postgresql_url) as logins, plain(postgresql_url) as owner:
        owner.execute(QUESTION)
        fill(owner)
        yield Shared(postgresql_url, owner, logins)


def refusal(connection: psycopg.Connection[Any], attack: str) -> str | None:
    """The SQLSTATE with which the last of its statements is refused; None where all of them pass."""
    try:
        with connection.cursor() as cursor:
            for statement in attack.split(";\n"):
                if statement.startswith("COPY") and ("STDIN" in statement or "STDOUT" in statement):
                    with cursor.copy(statement.encode()) as copy:
                        if "STDOUT" in statement:
                            copy.read()
                else:
                    cursor.execute(statement.encode())
    except psycopg.Error as error:
        return error.sqlstate
    return None


@pytest.mark.parametrize("role", DatabaseRole)
def test_no_role_gets_at_more_than_its_own(shared_database: Shared, role: DatabaseRole) -> None:
    before = kept(shared_database.owner)
    passed = {}
    with shared_database.logins.connection(role) as connection:
        for attack in [*BY[role], *ANYBODY]:
            said = refusal(connection, attack)
            connection.execute("ROLLBACK")
            connection.execute("DISCARD ALL")
            if said != "42501" and not (said == "42P01" and "pg_temp." in attack):
                passed[attack] = said
    assert passed == {}
    assert kept(shared_database.owner) == before


ACLS = """
    SELECT oid::regclass::text, relacl::text FROM pg_class WHERE relname LIKE 'jurat%'
    UNION ALL SELECT attrelid::regclass || '.' || attname, attacl::text FROM pg_attribute WHERE attacl IS NOT NULL
    UNION ALL SELECT oid::regprocedure::text, proacl::text FROM pg_proc WHERE proname LIKE 'jurat%' ORDER BY 1"""


@pytest.mark.parametrize("role", DatabaseRole)
def test_no_role_hands_its_rights_on_or_takes_them_from_others(shared_database: Shared, role: DatabaseRole) -> None:
    """PostgreSQL takes a GRANT of a right that is one's own without the right to grant it, warns, and does nothing."""
    before = shared_database.owner.execute(ACLS).fetchall()
    with shared_database.logins.connection(role) as connection:
        for attack in (
            "GRANT SELECT ON jurat_checks TO PUBLIC",
            "GRANT SELECT (answer) ON jurat_checks TO PUBLIC",
            "GRANT ALL ON jurat_results TO PUBLIC WITH GRANT OPTION",
            "GRANT EXECUTE ON FUNCTION jurat_submit TO PUBLIC",
            "REVOKE ALL ON jurat_checks FROM jurat_worker",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO PUBLIC",
        ):
            refusal(connection, attack)
    assert shared_database.owner.execute(ACLS).fetchall() == before


def test_a_worker_changes_no_answer_though_it_may_erase_it(shared_database: Shared) -> None:
    with shared_database.logins.connection(DatabaseRole.WORKER) as connection:
        assert refusal(connection, "UPDATE jurat_checks SET answer = 'other'") == "23000"
        assert refusal(connection, "DELETE FROM jurat_checks") == "23000"
        assert refusal(connection, "DELETE FROM jurat_verdicts") == "23000"
        assert refusal(connection, "UPDATE jurat_checks SET answer = NULL") is None


def test_statistics_tell_a_platform_nothing_about_answers(shared_database: Shared) -> None:
    shared_database.owner.execute("ANALYZE jurat_checks")
    sees = "SELECT attname FROM pg_stats WHERE tablename = 'jurat_checks' AND attname IN ('answer', 'state')"
    assert len(shared_database.owner.execute(sees).fetchall()) == 2
    with shared_database.logins.connection(DatabaseRole.PLATFORM) as connection:
        assert connection.execute(sees).fetchall() == [("state",)]


# -- what runs with the owner's rights


def access_rows(shared: Shared, participant: str) -> list[tuple[Any, ...]]:
    return shared.owner.execute(
        "SELECT access, questions ->> 'residence' FROM jurat_access WHERE participant = %s", (participant,)
    ).fetchall()


def test_a_platform_that_may_not_write_access_shows_its_answers_there_all_the_same(shared_database: Shared) -> None:
    with shared_database.logins.connection(DatabaseRole.PLATFORM) as connection:
        connection.execute(f"INSERT {INTO_CHECKS} VALUES ({check(STRANGER, 'p-99')})".encode())
    assert access_rows(shared_database, "p-99") == [("pending", "pending")]


TEMPORARY = [
    "CREATE TEMP TABLE jurat_access AS SELECT * FROM jurat_access WHERE false",
    "CREATE TEMP TABLE jurat_questions AS SELECT * FROM jurat_questions",
    "CREATE TEMP TABLE jurat_verdicts (check_id uuid, revision int, outcome text, reason text)",
    "UPDATE pg_temp.jurat_questions SET rounds = 99, source = 'mine', deadline_s = 0",
    (
        "INSERT INTO pg_temp.jurat_questions SELECT 'mine', question, position, criterion, source, sources, rounds,"
        " deadline_s, answer_schema, title, consultation_title, contact, config_version FROM pg_temp.jurat_questions"
    ),
]


def test_temporary_tables_of_the_same_name_mislead_nothing(shared_database: Shared) -> None:
    with shared_database.logins.connection(DatabaseRole.PLATFORM) as connection:
        for statement in TEMPORARY:
            connection.execute(statement.encode())
        submit = "SELECT round, created FROM jurat_submit('budget', 'p-99', %s, %s, %s)"
        assert connection.execute(submit, ("residence", SEALED, KEY)).fetchone() == (1, True)
        with pytest.raises(psycopg.Error) as told:
            connection.execute(submit, ("residence", SEALED, KEY))
        assert told.value.sqlstate == "JU003", "rounds are those of the real table"
        with pytest.raises(psycopg.Error) as told:
            connection.execute("SELECT jurat_submit('mine', 'p-99', 'residence', %s, %s)", (SEALED, KEY))
        assert told.value.sqlstate == "JU001"
        assert connection.execute("SELECT count(*) FROM pg_temp.jurat_access").fetchone() == (0,)
    assert access_rows(shared_database, "p-99") == [("pending", "pending")]
    row = shared_database.owner.execute("SELECT source FROM jurat_checks WHERE participant = 'p-99'").fetchone()
    assert row == ("towns",)


PUBLISH = "SELECT public.jurat_publish_consultation('summer', %s, 'Iris')"
CONSULTATION = '{"questions": {"a": {"criterion": "lives-in"}}, "access": "a"}'


def test_temporary_tables_publish_nothing_under_a_name_of_the_administrators(shared_database: Shared) -> None:
    with shared_database.logins.connection(DatabaseRole.PLATFORM) as connection:
        for table in ("jurat_consultations", "jurat_questions"):
            connection.execute(f"CREATE TEMP TABLE {table} AS SELECT * FROM {table} WHERE false".encode())
        with pytest.raises(psycopg.Error) as told:
            connection.execute(PUBLISH.replace("summer", "budget"), (CONSULTATION,))
        assert told.value.sqlstate == "JU012", "the administrators have one of this name"
        assert connection.execute(PUBLISH, (CONSULTATION,)).fetchone() == (1,)
    rows = shared_database.owner.execute(
        "SELECT name, revision, published_by, applied_document FROM jurat_consultations"
    )
    assert rows.fetchall() == [("summer", 1, "Iris", None)]


EVIL = [
    "CREATE TABLE {0}.jurat_access (participant text)",
    "CREATE TABLE {0}.jurat_questions (consultation text, question text)",
    "CREATE TABLE {0}.jurat_checks (id uuid, state text)",
    "CREATE TABLE {0}.ran_as (who text)",
    """CREATE FUNCTION {0}.jsonb_set(jsonb, text[], jsonb) RETURNS jsonb LANGUAGE sql
       AS 'INSERT INTO {0}.ran_as VALUES (current_user); SELECT $1'""",
    """CREATE FUNCTION {0}.left(text, int) RETURNS text LANGUAGE sql
       AS 'INSERT INTO {0}.ran_as VALUES (current_user); SELECT $1'""",
    """CREATE FUNCTION {0}.same(text, text) RETURNS boolean LANGUAGE sql
       AS 'INSERT INTO {0}.ran_as VALUES (current_user); SELECT true'""",
    "CREATE OPERATOR {0}.= (LEFTARG = text, RIGHTARG = text, FUNCTION = {0}.same)",
    "SET search_path = {0}, pg_catalog, public",
]


@pytest.mark.parametrize("role", [DatabaseRole.PLATFORM, DatabaseRole.ADMIN])
def test_a_search_path_of_ones_own_runs_nothing_of_ones_own_with_others_rights(
    shared_database: Shared, role: DatabaseRole
) -> None:
    schema = f"evil_{secrets.token_hex(4)}"
    user = make_url(shared_database.logins.url(role)).username or ""
    create = sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(sql.Identifier(schema), sql.Identifier(user))
    shared_database.owner.execute(create)
    with shared_database.logins.connection(role) as connection:
        for statement in EVIL:
            connection.execute(statement.format(schema).encode())
        if role is DatabaseRole.PLATFORM:
            insert = f"INSERT {INTO_CHECKS} VALUES ({check(STRANGER, 'p-42')})"
            insert = insert.replace("jurat_checks", "public.jurat_checks").replace("residence", "profession")
            connection.execute(insert.encode())
            submit = "SELECT round, created FROM public.jurat_submit('budget', 'p-99', 'residence', %s, %s)"
            assert connection.execute(submit, (SEALED, KEY)).fetchone() == (1, True)
            with pytest.raises(psycopg.Error) as told:
                connection.execute(PUBLISH.replace("summer", "budget"), (CONSULTATION,))
            assert told.value.sqlstate == "JU012"
        else:
            assert connection.execute("SELECT public.jurat_listen(true)").fetchone() == (True,)
            assert connection.execute("SELECT public.jurat_listen(false)").fetchone() == (True,)
        for table in ("ran_as", "jurat_access", "jurat_checks"):
            assert connection.execute(f"SELECT count(*) FROM {schema}.{table}".encode()).fetchone() == (0,), table


def test_every_function_with_the_owners_rights_has_a_search_path_that_ends_with_temporary_tables(
    shared_database: Shared,
) -> None:
    found = shared_database.owner.execute(
        "SELECT proname, proconfig FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
    ).fetchall()
    asking = {"jurat_try_contest", "jurat_decide", "jurat_open_review", "jurat_try_ask"}
    asking |= {f"jurat_{kind}" for kind in ("reopen", "revoke", "restore", "transfer", "erase")}
    asking |= {"jurat_try_add_codes", "jurat_add_codes", "jurat_open_for_review", "jurat_opened"}
    publisher = {"jurat_check_consultation", "jurat_publish_consultation"}
    guarding = {"jurat_show_submitted", "jurat_count_asked", "jurat_keep_asked", "jurat_keep_request"}
    guarding |= {
        "jurat_delay_asked",
        "jurat_queue_verdicts",
        "jurat_queue_row",
        "jurat_queue_retention",
        "jurat_queue_purged",
        "jurat_queue_rehash",
        "jurat_forget_person",
        "jurat_keep_claims",
        "jurat_keep_opening",
        "jurat_forget_openings",
    }
    assert {name for name, _ in found} == {"jurat_listen", *guarding, *asking, *publisher, *OUR_OWN}
    assert all("search_path=public, pg_temp" in config for _, config in found)


@pytest.mark.parametrize("schema", ["consultations", 'Odd "name" of %s\'s'])
def test_a_schema_of_any_name_is_as_good_as_public(postgresql_server: Databases, schema: str) -> None:
    url = postgresql_server.create()
    name = sql.Identifier(schema)
    with plain(url) as owner:
        owner.execute(sql.SQL("CREATE SCHEMA {}").format(name))
        owner.execute(
            sql.SQL("ALTER DATABASE {} SET search_path = {}").format(sql.Identifier(make_url(url).database or ""), name)
        )
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    with Logins(url) as logins, plain(url) as owner:
        owner.execute(QUESTION)
        with logins.connection(DatabaseRole.PLATFORM) as connection:
            connection.execute("SET search_path = public")
            submit = sql.SQL("SELECT round, created FROM {}.jurat_submit('budget', 'p-99', 'residence', {}, {})")
            submitted = submit.format(name, sql.Literal(SEALED), sql.Literal(KEY))
            assert connection.execute(submitted).fetchone() == (1, True)
            results = sql.SQL("SELECT state FROM {}.jurat_results").format(name)
            assert connection.execute(results).fetchall() == [("pending",)]
        assert owner.execute("SELECT access FROM jurat_access").fetchall() == [("pending",)]
    postgresql_server.drop(url)


# -- notices


def heard(connection: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    return [(note.channel, note.payload) for note in connection.notifies(timeout=0.3)]


def write_verdict(shared: Shared, *revisions: int) -> None:
    with shared.logins.connection(DatabaseRole.WORKER) as worker:
        values = ", ".join(f"({verdict(revision=str(revision))})" for revision in revisions)
        worker.execute(f"INSERT {INTO_VERDICTS} VALUES {values}".encode())


def test_who_listens_hears_nothing_until_an_administrator_switches_it_on(shared_database: Shared) -> None:
    logins = shared_database.logins
    with logins.connection(DatabaseRole.PLATFORM) as platform, logins.connection(DatabaseRole.ADMIN) as admin:
        platform.execute("LISTEN jurat_results")
        write_verdict(shared_database, 2)
        assert heard(platform) == []
        assert admin.execute("SELECT jurat_listen(true)").fetchone() == (True,)
        assert admin.execute("SELECT jurat_listen(true)").fetchone() == (False,)
        write_verdict(shared_database, 3, 4, 5)
        assert heard(platform) == [("jurat_results", "")]
        assert admin.execute("SELECT jurat_listen(false)").fetchone() == (True,)
        write_verdict(shared_database, 6)
        assert heard(platform) == []
        audit = admin.execute("SELECT actor, action, detail FROM jurat_audit WHERE action = 'listen' ORDER BY at")
        user = make_url(logins.url(DatabaseRole.ADMIN)).username
        assert audit.fetchall() == [(user, "listen", {"enabled": True}), (user, "listen", {"enabled": False})]


def test_a_notice_tells_no_secret_and_comes_only_with_the_commit(shared_database: Shared) -> None:
    """Anybody in the database may notify: so it says nothing, and who hears it looks into `jurat_results`."""
    logins = shared_database.logins
    shared_database.owner.execute("SELECT jurat_listen(true)")
    with logins.connection(DatabaseRole.READER) as reader, plain(logins.url(DatabaseRole.WORKER)) as worker:
        reader.execute("LISTEN jurat_results")
        worker.execute("BEGIN")
        for revision in (2, 3):
            worker.execute(f"INSERT {INTO_VERDICTS} VALUES ({verdict(revision=str(revision))})".encode())
        assert heard(reader) == []
        worker.execute("COMMIT")
        assert heard(reader) == [("jurat_results", "")], "one for a transaction"
        worker.execute("BEGIN")
        worker.execute(f"INSERT {INTO_VERDICTS} VALUES ({verdict(revision='4')})".encode())
        worker.execute("ROLLBACK")
        assert heard(reader) == []


# -- rights are set by who owns the tables


def test_who_does_not_own_the_tables_changes_no_rights(shared_database: Shared) -> None:
    before = shared_database.owner.execute(ACLS).fetchall()
    with shared_database.logins.connection(DatabaseRole.ADMIN) as connection:
        connection.execute(granting().encode())
    assert shared_database.owner.execute(ACLS).fetchall() == before


def test_an_upgrade_takes_back_what_somebody_gave_away(shared_database: Shared) -> None:
    shared_database.owner.execute("GRANT ALL ON jurat_checks, jurat_codes TO jurat_platform")
    shared_database.owner.execute("GRANT SELECT (answer) ON jurat_checks TO jurat_reader")
    engine = create_engine(make_url(shared_database.url))
    upgrade(engine)
    engine.dispose()
    for role in (DatabaseRole.PLATFORM, DatabaseRole.READER):
        with shared_database.logins.connection(role) as connection:
            assert refusal(connection, "SELECT answer FROM jurat_checks") == "42501"
            assert refusal(connection, "SELECT list FROM jurat_codes") == "42501"
