"""`doctor`."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import make_url

from jurat.sealing import generate, key_to_text
from tasks.grants import Role
from tasks.ledger import Reading
from tests.rigs.logins import Logins, plain
from tests.rigs.servers import Databases
from tests.worker.conftest import CONFIGURATION, configure
from tests.worker.shell import Ran, Shell

DOWN = "redis://:confidential@127.0.0.1:1/0"


def marks(ran: Ran) -> dict[str, str]:
    return {step["name"]: step["mark"] for step in ran.json["steps"]}


def step(ran: Ran, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(step for step in ran.json["steps"] if step["name"] == name)
    return found


def test_everything_is_well_where_everything_is(configured: Shell) -> None:
    ran = configured("doctor", "--json")
    assert ran.code == 0, ran.out
    assert ran.json["ok"] is True
    assert set(marks(ran).values()) <= {"ok", "note"}
    assert {"database", "schema", "broker", "keys", "configuration", "clock", "workers", "source spring"} <= marks(
        ran
    ).keys()
    text = configured("doctor")
    assert (text.code, text.err) == (0, "")
    assert len(text.out.splitlines()) == len(ran.json["steps"])


def test_no_secret_is_shown(configured: Shell) -> None:
    ran = configured("doctor", JURAT_BROKER_URL=DOWN)
    for name in ("JURAT_UNSEAL_KEYS", "JURAT_HASH_KEYS"):
        assert configured.environment[name] not in ran.out + ran.err
    assert "confidential" not in ran.out + ran.err


def test_on_a_new_machine_it_names_each_command_to_run(bare_shell: Shell) -> None:
    ran = bare_shell("doctor")
    assert ran.code == 3
    for command in ("db upgrade", "keys generate", "JURAT_BROKER_URL"):
        assert command in ran.out
    assert not (bare_shell.folder / "jurat.db").exists()


def test_settings_that_can_not_be_used_are_all_told(bare_shell: Shell) -> None:
    ran = bare_shell("doctor", "--json", JURAT_LOG="loud", JURAT_SEAL_KEY="x")
    assert ran.code == 1
    assert len([step for step in ran.json["steps"] if step["name"] == "settings"]) == 2


def test_a_mistyped_variable_is_told_with_what_was_meant(configured: Shell) -> None:
    ran = configured("doctor", "--json", JURAT_BROKR_URL="x")
    assert ran.code == 1
    assert "did you mean 'JURAT_BROKER_URL'?" in step(ran, "environment")["found"]


def test_a_variable_that_a_secret_comes_from_is_no_stranger(shell: Shell) -> None:
    register = {"env": "JURAT_SOURCE_REGISTER"}
    assert "JURAT_SOURCE_REGISTER" in configured_with_secret(shell, register)


def configured_with_secret(shell: Shell, reference: dict[str, str]) -> str:
    """What doctor says of a variable before a configuration names it; then it must say nothing more."""
    import json

    from ruamel.yaml import YAML

    from tests.worker.shell import ROOT

    before = shell("doctor", JURAT_SOURCE_REGISTER="x").out
    source = YAML(typ="safe").load((ROOT / "examples" / "sources" / "register.yaml").read_text())
    source["secrets"] = {"api_key": reference}
    source["steps"][0]["request"]["headers"] = {"X-Key": "{secrets.api_key}"}
    shell.write("jurat.yaml", json.dumps({"environment": "test", "sources": {"register": source}}))
    assert shell("config", "apply", "jurat.yaml").code == 0
    assert "JURAT_SOURCE_REGISTER" not in shell("doctor", JURAT_SOURCE_REGISTER="x").out
    return before


def test_a_broker_that_is_down_is_told_within_seconds(configured: Shell) -> None:
    ran = configured("doctor", "--json", JURAT_BROKER_URL=DOWN)
    assert ran.code == 3
    assert step(ran, "broker")["mark"] == "down"
    assert marks(ran)["configuration"] == "ok"


def test_a_broker_that_answers_is_told(configured: Shell, valkey_url: str) -> None:
    ran = configured("doctor", "--json", JURAT_BROKER_URL=valkey_url)
    assert ran.code == 0
    assert step(ran, "broker")["found"].startswith("answers in ")


def test_a_database_that_is_down_leaves_the_rest_to_be_looked_at(configured: Shell) -> None:
    ran = configured("doctor", "--json", JURAT_DATABASE_URL="postgresql://u:confidential@127.0.0.1:1/jurat")
    assert ran.code == 3
    assert (marks(ran)["database"], marks(ran)["broker"], marks(ran)["keys"]) == ("down", "ok", "ok")
    assert "confidential" not in ran.out


def test_an_empty_database_is_told_with_the_command(bare_shell: Shell, postgresql_server: Databases) -> None:
    url = postgresql_server.create()
    ran = bare_shell("doctor", "--json", JURAT_DATABASE_URL=url)
    assert step(ran, "schema")["advice"] == "run `bin/jurat db upgrade`"
    postgresql_server.drop(url)


def test_keys_that_do_not_fit_are_told_by_their_ids(configured: Shell) -> None:
    ran = configured("doctor", "--json", JURAT_SEAL_KEY=key_to_text(generate()[1]))
    assert ran.code == 3
    assert "is the wrong key" in step(ran, "keys")["found"]


def test_answers_that_no_key_opens_are_counted(configured: Shell) -> None:
    configured("submit", "budget", "p-1", "who", "--field", "x=accept")
    private, public = map(key_to_text, generate())
    ran = configured("doctor", "--json", JURAT_SEAL_KEY=public, JURAT_UNSEAL_KEYS=private)
    assert ran.code == 3
    assert "1 answer for " in step(ran, "sealed answers")["found"]
    both = f"{private},{configured.environment['JURAT_UNSEAL_KEYS']}"
    assert configured("doctor", JURAT_UNSEAL_KEYS=both).code == 0


def test_a_clock_that_is_wrong_is_told(configured: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    right = Reading.clock
    monkeypatch.setattr(Reading, "clock", lambda self: right(self) + timedelta(seconds=42))
    ran = configured("doctor", "--json")
    assert ran.code == 1
    assert "ahead of this machine" in step(ran, "clock")["found"]


def test_codes_that_went_away_are_told(configured: Shell) -> None:
    with closing(sqlite3.connect(configured.folder / "jurat.db")) as connection, connection:
        connection.execute("DELETE FROM jurat_codes")
    ran = configured("doctor", "--json")
    assert ran.code == 1
    assert "codes generate spring" in step(ran, "source spring")["advice"]


def test_a_stored_configuration_that_this_version_can_not_read_is_told(shell: Shell) -> None:
    shell("codes", "generate", "spring", "--count", "1")
    shell.write("jurat.yaml", CONFIGURATION)
    shell("config", "apply", "jurat.yaml")
    with closing(sqlite3.connect(shell.folder / "jurat.db")) as connection, connection:
        connection.execute('UPDATE jurat_configs SET document = \'{"order": {}, "future": 1}\'')
    ran = shell("doctor", "--json")
    assert ran.code == 1
    assert marks(ran)["configuration"] == "problem"
    assert shell("config", "show").code == 0


def test_it_works_the_same_on_postgresql(postgresql_shell: Shell) -> None:
    ran = configure(postgresql_shell)("doctor", "--json")
    assert ran.code == 0
    assert step(ran, "database")["found"].startswith("PostgreSQL ")


# --------------------------------------------------------------------------------------------------------------- rights


def rights(shell: Shell, **environment: str) -> list[dict[str, Any]]:
    ran = shell("doctor", "--json", **environment)
    assert ran.code in (0, 1), ran.err
    return [step for step in ran.json["steps"] if step["name"] == "rights"]


def remedied(shell: Shell, url: str) -> None:
    """Run just what the warning says, and look again."""
    (warned,) = rights(shell)
    assert warned["mark"] == "note"
    statement = warned["advice"].removeprefix("an administrator of the database runs: ")
    with plain(url) as administrator:
        administrator.execute(statement.encode())
    assert rights(shell) == []


def test_where_the_owner_alone_may_create_beside_the_tables_nothing_is_said(
    postgresql_shell: Shell, postgresql_url: str
) -> None:
    assert rights(postgresql_shell) == []
    with Logins(postgresql_url) as logins:
        assert rights(postgresql_shell, JURAT_DATABASE_URL=logins.url(Role.WORKER)) == []


def test_on_sqlite_nobody_has_such_a_right(configured: Shell) -> None:
    assert rights(configured) == []


def test_a_user_who_may_create_beside_the_tables_is_warned_of_with_what_to_run(
    postgresql_shell: Shell, postgresql_url: str
) -> None:
    with Logins(postgresql_url) as logins, plain(postgresql_url) as administrator:
        web = make_url(logins.url(Role.PLATFORM)).username
        administrator.execute(f"GRANT CREATE ON SCHEMA public TO {web}".encode())
        (warned,) = rights(postgresql_shell, JURAT_DATABASE_URL=logins.url(Role.WORKER))
        assert warned["found"].startswith(f"{web}, which does not own the tables, may create in their schema public")
        assert warned["advice"].endswith(f"REVOKE CREATE ON SCHEMA public FROM {web}")
        remedied(postgresql_shell, postgresql_url)


def test_everybody_who_may_create_there_is_warned_of(postgresql_shell: Shell, postgresql_url: str) -> None:
    with plain(postgresql_url) as administrator:
        administrator.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    (warned,) = rights(postgresql_shell)
    assert warned["found"].startswith("everybody may create")
    remedied(postgresql_shell, postgresql_url)


def test_who_owns_the_database_and_not_the_tables_may_create_in_public(
    postgresql_shell: Shell, postgresql_url: str
) -> None:
    with Logins(postgresql_url) as logins, plain(postgresql_url) as administrator:
        web, database = make_url(logins.url()).username, make_url(postgresql_url).database
        administrator.execute(f"ALTER DATABASE {database} OWNER TO {web}".encode())
        (warned,) = rights(postgresql_shell)
        assert warned["found"].startswith("pg_database_owner, which")
        remedied(postgresql_shell, postgresql_url)
        administrator.execute(f"ALTER DATABASE {database} OWNER TO CURRENT_USER".encode())


def test_a_group_is_warned_of_where_somebody_is_in_it(postgresql_shell: Shell, postgresql_url: str) -> None:
    with Logins(postgresql_url) as logins, plain(postgresql_url) as administrator:
        group = make_url(logins.url()).username
        administrator.execute(f"ALTER ROLE {group} NOLOGIN".encode())
        administrator.execute(f"GRANT CREATE ON SCHEMA public TO {group}".encode())
        assert rights(postgresql_shell) == []
        logins.url(group)
        remedied(postgresql_shell, postgresql_url)


def test_whoever_has_the_owners_role_is_the_owner(postgresql_shell: Shell, postgresql_url: str) -> None:
    with Logins(postgresql_url) as logins, plain(postgresql_url) as administrator:
        owner = make_url(logins.url()).username
        one_of_them = make_url(logins.url(owner)).username
        administrator.execute(f"GRANT CREATE ON SCHEMA public TO {owner}, {one_of_them}".encode())
        assert len(rights(postgresql_shell)) == 2
        administrator.execute(f"ALTER TABLE jurat_checks OWNER TO {owner}".encode())
        assert rights(postgresql_shell) == []
        administrator.execute(b"ALTER TABLE jurat_checks OWNER TO CURRENT_USER")
