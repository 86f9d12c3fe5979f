"""What each role may do, cell by cell: as `grants` says it, as the catalogue has it, and as it comes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import sql

from jurat.database import open_engine
from store.schema.grants import ABOUT, ANALYZED, CALLS, FOR_ALL, RIGHTS, DatabaseRole, rights_of
from store.schema.migrations import upgrade, upgrade_sql
from store.schema.roles import granting
from tests.rigs.logins import Logins, plain
from tests.rigs.servers import Databases

Connection = psycopg.Connection[Any]
COLUMNWISE = ("SELECT", "INSERT", "UPDATE")
WHOLE = ("DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
VIEWS = ("jurat_results", "jurat_review_queue", "jurat_zone_outlines", "jurat_code_lists", "jurat_sealed_answers")
MAINTAINS = 170_000


@dataclass(frozen=True)
class Database:
    """A database with a connection of its owner, and one for each role."""

    owner: Connection
    by: dict[DatabaseRole, Connection]
    columns: dict[str, list[str]]
    """Of each table and view of ours."""


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    server = request.getfixturevalue("postgresql_server")
    url = server.create(template=request.getfixturevalue("_migrated_postgresql"))
    with Logins(url) as logins, plain(url) as owner:
        by = {role: psycopg.connect(_dsn(logins.url(role)), autocommit=True) for role in DatabaseRole}
        columns: dict[str, list[str]] = {}
        for table, column in owner.execute(
            """SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
               WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'p', 'm', 'f')
               ORDER BY c.relname, a.attnum"""
        ):
            columns.setdefault(table, []).append(column)
        yield Database(owner, by, columns)
        for connection in by.values():
            connection.close()
    server.drop(url)


def _dsn(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def allowed(role: DatabaseRole, table: str, privilege: str, column: str) -> bool:
    """What `store.schema.grants` says."""
    rights = rights_of(role, table)
    columns = rights.get(privilege, frozenset())
    return columns is None or column in columns


def comes_out(connection: Connection, statement: sql.Composed | sql.SQL) -> str:
    """What the database says to a statement: its SQLSTATE, "" where it does as it is told."""
    try:
        connection.execute(statement)
    except psycopg.Error as error:
        return error.sqlstate or "?"
    return ""


# -- one row for everything there is


def test_every_table_and_view_has_a_row(database: Database) -> None:
    assert set(database.columns) == set(RIGHTS), (
        "a new table needs a row in store.schema.grants.RIGHTS, be it an empty one"
    )


def test_every_function_has_a_row(database: Database) -> None:
    found = database.owner.execute("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace").fetchall()
    assert sorted(name for (name,) in found) == sorted({*CALLS, *FOR_ALL}), "a new function needs a row in CALLS"


def test_there_is_nothing_else_that_somebody_could_be_granted(database: Database) -> None:
    """Sequences, types, default rights for what is made later: a role has none of them."""
    kinds = database.owner.execute(
        "SELECT DISTINCT relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind <> 'i'"
    ).fetchall()
    assert {kind for (kind,) in kinds} == {"r", "v"}
    assert database.owner.execute("SELECT count(*) FROM pg_default_acl").fetchone() == (0,)


def test_every_right_names_columns_that_are_there(database: Database) -> None:
    for table in RIGHTS:
        for role in DatabaseRole:
            for columns in rights_of(role, table).values():
                assert (columns or frozenset()) <= set(database.columns[table]), (table, role)


def test_every_role_is_told_of() -> None:
    assert set(ABOUT) == set(DatabaseRole)
    assert {role for roles in CALLS.values() for role in roles} | {role for row in RIGHTS.values() for role in row} == (
        set(DatabaseRole)
    )


# -- cell by cell


@pytest.mark.parametrize("role", DatabaseRole)
def test_the_catalogue_has_just_the_rights_that_are_documented(database: Database, role: DatabaseRole) -> None:
    wrong = []
    for table, columns in database.columns.items():
        for privilege in COLUMNWISE:
            found = database.owner.execute(
                "SELECT column_name, has_column_privilege(%s, %s, column_name, %s) FROM unnest(%s::text[]) column_name",
                (role, table, privilege, columns),
            )
            wrong += [
                (table, privilege, column)
                for column, has in found
                if has is not allowed(role, table, privilege, column)
            ]
        for privilege in WHOLE:
            row = database.owner.execute("SELECT has_table_privilege(%s, %s, %s)", (role, table, privilege)).fetchone()
            if row != (privilege in rights_of(role, table),):
                wrong.append((table, privilege, "*"))
    assert wrong == []


@pytest.mark.parametrize("role", DatabaseRole)
def test_just_what_is_documented_works_where_it_is_really_tried(database: Database, role: DatabaseRole) -> None:
    """No row is read or written: PostgreSQL looks at the rights before it looks for rows."""
    connection, wrong, tried = database.by[role], [], 0
    for table, columns in database.columns.items():
        name = sql.Identifier(table)
        for column in columns:
            field = sql.Identifier(column)
            attempts = {"SELECT": sql.SQL("SELECT {} FROM {} WHERE false").format(field, name)}
            if table not in VIEWS:
                attempts |= {
                    "INSERT": sql.SQL("INSERT INTO {} ({}) SELECT NULL WHERE false").format(name, field),
                    "UPDATE": sql.SQL("UPDATE {} SET {} = NULL WHERE false").format(name, field),
                }
            for privilege, statement in attempts.items():
                said, tried = comes_out(connection, statement), tried + 1
                if said != ("" if allowed(role, table, privilege, column) else "42501"):
                    wrong.append((table, privilege, column, said))
        if table not in VIEWS:
            deletes = comes_out(connection, sql.SQL("DELETE FROM {} WHERE false").format(name))
            if deletes != ("" if "DELETE" in rights_of(role, table) else "42501"):
                wrong.append((table, "DELETE", "*", deletes))
            if comes_out(connection, sql.SQL("TRUNCATE {}").format(name)) != "42501":
                wrong.append((table, "TRUNCATE", "*", ""))
    assert wrong == []
    assert tried > 500


@pytest.mark.parametrize("role", DatabaseRole)
def test_a_row_as_a_whole_is_read_only_by_who_may_read_each_of_its_columns(
    database: Database, role: DatabaseRole
) -> None:
    for table, columns in database.columns.items():
        reads = all(allowed(role, table, "SELECT", column) for column in columns)
        said = comes_out(database.by[role], sql.SQL("SELECT * FROM {} WHERE false").format(sql.Identifier(table)))
        assert said == ("" if reads else "42501"), table


CALLED = {
    "jurat_submit": "SELECT jurat_submit('nowhere', 'p', 'q', NULL, NULL)",
    "jurat_contest": "SELECT jurat_contest(NULL, NULL, NULL)",
    "jurat_try_contest": "SELECT jurat_try_contest(NULL, NULL, NULL, NULL, NULL)",
    "jurat_decide": "SELECT jurat_decide(NULL, NULL, NULL)",
    "jurat_open_review": "SELECT jurat_open_review(NULL, NULL)",
    "jurat_open_for_review": "SELECT jurat_open_for_review(NULL, NULL, NULL)",
    "jurat_try_open_for_review": "SELECT jurat_try_open_for_review(NULL, NULL, NULL, NULL)",
    "jurat_opened": "SELECT jurat_opened(NULL)",
    "jurat_reopen": "SELECT jurat_reopen(NULL, NULL, NULL, NULL)",
    "jurat_revoke": "SELECT jurat_revoke(NULL, NULL, NULL)",
    "jurat_restore": "SELECT jurat_restore(NULL, NULL, NULL)",
    "jurat_transfer": "SELECT jurat_transfer(NULL, NULL, NULL, NULL)",
    "jurat_erase": "SELECT jurat_erase(NULL)",
    "jurat_try_ask": "SELECT jurat_try_ask(NULL, NULL, NULL, NULL, NULL, NULL)",
    "jurat_ask": "SELECT jurat_ask(NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    "jurat_ask_reviewer": "SELECT jurat_ask_reviewer('open', NULL, NULL, NULL, NULL)",
    "jurat_add_codes": "SELECT jurat_add_codes(NULL, NULL, NULL, NULL)",
    "jurat_try_add_codes": "SELECT jurat_try_add_codes(NULL, NULL, NULL, NULL, NULL, NULL)",
    "jurat_check_consultation": "SELECT jurat_check_consultation('nowhere', NULL, 'a person')",
    "jurat_publish_consultation": "SELECT jurat_publish_consultation('nowhere', NULL, 'a person')",
    "jurat_listen": "SELECT jurat_listen(false)",
    "jurat_wanted_slots": "SELECT jurat_wanted_slots()",
    "jurat_take_turn": "SELECT jurat_take_turn(false)",
    "jurat_add_version": "SELECT jurat_add_version(NULL, '[]')",
    "jurat_add_questions": "SELECT jurat_add_questions('[]')",
    "jurat_answer_consultations": "SELECT jurat_answer_consultations('[]')",
    "jurat_show_submitted": "SELECT jurat_show_submitted()",
    "jurat_require_open": "SELECT jurat_require_open(NULL)",
    "jurat_refuse_change": "SELECT jurat_refuse_change()",
    "jurat_refuse_renaming": "SELECT jurat_refuse_renaming()",
    "jurat_keep_request": "SELECT jurat_keep_request()",
    "jurat_count_asked": "SELECT jurat_count_asked()",
    "jurat_keep_asked": "SELECT jurat_keep_asked()",
    "jurat_fix_times": "SELECT jurat_fix_times()",
    "jurat_tell_results": "SELECT jurat_tell_results()",
    "jurat_refuse_others": "SELECT jurat_refuse_others()",
    "jurat_keep_decided": "SELECT jurat_keep_decided()",
    "jurat_keep_claim": "SELECT jurat_keep_claim()",
    "jurat_keep_code": "SELECT jurat_keep_code()",
    "jurat_keep_participant": "SELECT jurat_keep_participant()",
    "jurat_keep_whole": "SELECT jurat_keep_whole()",
    "jurat_keep_erasure": "SELECT jurat_keep_erasure()",
    "jurat_keep_verdict": "SELECT jurat_keep_verdict()",
    "jurat_keep_trace": "SELECT jurat_keep_trace()",
    "jurat_keep_revocation": "SELECT jurat_keep_revocation()",
    "jurat_keep_claims": "SELECT jurat_keep_claims()",
    "jurat_keep_review": "SELECT jurat_keep_review()",
    "jurat_keep_imported": "SELECT jurat_keep_imported()",
    "jurat_fix_request_times": "SELECT jurat_fix_request_times()",
    "jurat_queue_verdicts": "SELECT jurat_queue_verdicts()",
    "jurat_queue_row": "SELECT jurat_queue_row()",
    "jurat_queue_retention": "SELECT jurat_queue_retention()",
    "jurat_queue_purged": "SELECT jurat_queue_purged()",
    "jurat_queue_rehash": "SELECT jurat_queue_rehash()",
    "jurat_keep_number": "SELECT jurat_keep_number()",
    "jurat_forget_person": "SELECT jurat_forget_person()",
    "jurat_delay_asked": "SELECT jurat_delay_asked()",
    "jurat_fix_audit_time": "SELECT jurat_fix_audit_time()",
    "jurat_fix_starts": "SELECT jurat_fix_starts()",
    "jurat_keep_version": "SELECT jurat_keep_version()",
    "jurat_keep_opening": "SELECT jurat_keep_opening()",
    "jurat_keep_inquiry": "SELECT jurat_keep_inquiry()",
    "jurat_forget_openings": "SELECT jurat_forget_openings()",
    "jurat_keep_seal_key": "SELECT jurat_keep_seal_key()",
}


@pytest.mark.parametrize("name", CALLED)
def test_only_who_is_named_may_call_a_function(database: Database, name: str) -> None:
    assert set(CALLED) == set(CALLS)
    for role in DatabaseRole:
        granted = role in CALLS[name]
        row = database.owner.execute(
            "SELECT has_function_privilege(%s, oid, 'EXECUTE') FROM pg_proc WHERE proname = %s", (role, name)
        ).fetchone()
        assert row == (granted,), role
        said = comes_out(database.by[role], sql.SQL(CALLED[name]))
        assert (said != "42501") is granted, (role, said)


def test_who_has_no_role_may_do_nothing_at_all(database: Database) -> None:
    row = database.owner.execute(
        """SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a
           WHERE c.relnamespace = 'public'::regnamespace AND a.grantee = 0"""
    ).fetchone()
    assert row == (0,)
    found = database.owner.execute(
        """SELECT p.proname FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
           WHERE p.pronamespace = 'public'::regnamespace AND a.grantee = 0"""
    ).fetchall()
    assert sorted(name for (name,) in found) == sorted(FOR_ALL)


def test_shared_functions_are_everyones_where_new_functions_are_not(postgresql_server: Databases) -> None:
    url = postgresql_server.create()
    with plain(url) as owner:
        owner.execute("ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC")
        engine = open_engine(url)
        upgrade(engine)
        engine.dispose()
        found = owner.execute(
            """SELECT p.proname FROM pg_proc p, aclexplode(p.proacl) a
               WHERE p.pronamespace = 'public'::regnamespace AND a.grantee = 0"""
        ).fetchall()
    assert sorted(name for (name,) in found) == sorted(FOR_ALL)
    postgresql_server.drop(url)


def test_nobody_but_the_administrator_may_count_a_table_anew(database: Database) -> None:
    if database.owner.info.server_version < MAINTAINS:
        pytest.skip("PostgreSQL has this right from version 17 on")
    for role in DatabaseRole:
        for table in database.columns:
            row = database.owner.execute("SELECT has_table_privilege(%s, %s, 'MAINTAIN')", (role, table)).fetchone()
            assert row == (role is DatabaseRole.ADMIN and table in ANALYZED,), (role, table)


def test_no_right_may_be_passed_on(database: Database) -> None:
    row = database.owner.execute(
        """SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a
           WHERE a.is_grantable AND a.grantee <> c.relowner AND c.relname LIKE 'jurat%'"""
    ).fetchone()
    assert row == (0,)
    for role in DatabaseRole:
        row = database.owner.execute(
            "SELECT rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls FROM pg_roles "
            "WHERE rolname = %s",
            (role,),
        ).fetchone()
        assert row == (False,), role


def test_what_was_granted_beyond_that_is_taken_back_at_the_end_of_an_upgrade(database: Database) -> None:
    tries = [sql.SQL("UPDATE jurat_verdicts SET reason = 'x'"), sql.SQL(CALLED["jurat_ask"])]
    database.owner.execute(f"GRANT UPDATE ON jurat_verdicts TO {DatabaseRole.WORKER}")
    database.owner.execute(f"GRANT EXECUTE ON FUNCTION jurat_ask TO {DatabaseRole.WORKER}")
    assert "42501" not in [comes_out(database.by[DatabaseRole.WORKER], each) for each in tries]
    database.owner.execute(granting().encode())
    assert [comes_out(database.by[DatabaseRole.WORKER], each) for each in tries] == ["42501", "42501"]


def test_the_script_for_an_administrator_gives_the_same_rights(
    request: pytest.FixtureRequest, database: Database
) -> None:
    server = request.getfixturevalue("postgresql_server")
    url = server.create()
    listed = """
        SELECT relname, coalesce(attname, ''), coalesce(relacl::text, '') || coalesce(attacl::text, '')
        FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') UNION ALL
        SELECT proname, '', proacl::text || prosecdef || proconfig::text FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace ORDER BY 1, 2"""
    with plain(url) as connection:
        connection.execute(upgrade_sql("postgresql").encode())
        assert connection.execute(listed).fetchall() == database.owner.execute(listed).fetchall()
    server.drop(url)
