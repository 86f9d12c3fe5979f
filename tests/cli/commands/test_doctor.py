"""`doctor`."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import make_url

from jurat.seal import generate, key_to_text
from store.queries import Queries
from store.schema.grants import DatabaseRole
from store.workers import Fleet, Member
from tests.cli.commands.test_now import opened
from tests.cli.conftest import CONFIGURATION, configure
from tests.cli.shell import Ran, Shell
from tests.migrations.test_accounts import AS_BEFORE, REVOKED
from tests.rigs.logins import Logins, plain
from tests.rigs.servers import Databases, PostgreSQL

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


def test_settings_that_cannot_be_used_are_all_told(bare_shell: Shell) -> None:
    ran = bare_shell("doctor", "--json", JURAT_LOG="loud", JURAT_SEAL_KEY="x")
    assert ran.code == 1
    assert len([step for step in ran.json["steps"] if step["name"] == "settings"]) == 2


def test_a_mistyped_variable_is_told_with_what_was_meant(configured: Shell) -> None:
    ran = configured("doctor", "--json", JURAT_BROKR_URL="x")
    assert ran.code == 1
    assert "did you mean 'JURAT_BROKER_URL'?" in step(ran, "environment")["found"]


def test_a_variable_that_a_secret_comes_from_is_no_stranger(shell: Shell) -> None:
    registry = {"env": "JURAT_SOURCE_REGISTRY"}
    assert "JURAT_SOURCE_REGISTRY" in configured_with_secret(shell, registry)


def configured_with_secret(shell: Shell, reference: dict[str, str]) -> str:
    """What doctor says of a variable before a configuration names it; then it must say nothing more."""
    import json

    from ruamel.yaml import YAML

    from tests.cli.shell import ROOT

    before = shell("doctor", JURAT_SOURCE_REGISTRY="x").out
    source = YAML(typ="safe").load((ROOT / "examples" / "sources" / "registry.yaml").read_text())
    source["secrets"] = {"api_key": reference}
    source["steps"][0]["request"]["headers"] = {"X-Key": "{secrets.api_key}"}
    shell.write("jurat.yaml", json.dumps({"environment": "test", "sources": {"registry": source}}))
    assert shell("config", "apply", "jurat.yaml").code == 0
    assert "JURAT_SOURCE_REGISTRY" not in shell("doctor", JURAT_SOURCE_REGISTRY="x").out
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
    away = {"JURAT_DATABASE_URL": "postgresql://u:confidential@127.0.0.1:1/jurat", "JURAT_SOURCE_REGISTRY": "x"}
    ran = configured("doctor", "--json", **away)
    assert ran.code == 3
    assert "JURAT_SOURCE_REGISTRY" not in ran.out, "nobody knows whether a source names it"
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
    assert ran.code == 1
    assert "1 answer for " in step(ran, "sealed answers")["found"]
    both = f"{private},{configured.environment['JURAT_UNSEAL_KEYS']}"
    names = {each["name"] for each in configured("doctor", "--json", JURAT_UNSEAL_KEYS=both).json["steps"]}
    assert "sealed answers" not in names


def test_keys_that_rows_need_are_to_be_brought_back_and_no_new_ones_made(configured: Shell) -> None:
    unseal = step(configured("doctor", "--json"), "keys")["found"].split("with the id ")[1][:16]
    new = configured("doctor", "--json", JURAT_UNSEAL_KEYS="")
    assert step(new, "keys")["advice"] == "run `bin/jurat keys generate`", "nothing waits"
    configured("submit", "budget", "p-1", "who", "--field", "x=accept")
    lost = configured("doctor", "--json", JURAT_UNSEAL_KEYS="", JURAT_HASH_KEYS="")
    assert lost.code == 1
    for name, key in (("keys", unseal), ("hash keys", "")):
        advice = step(lost, name)["advice"]
        assert advice.startswith("bring back the key with the id ")
        assert "keys generate" not in advice
        assert key in advice
    another = configured("doctor", "--json", JURAT_HASH_KEYS=key_to_text(bytes(32)))
    assert "lacks" in step(another, "hash keys")["found"]
    refused = configured("codes", "generate", "spring", "--count", "1", JURAT_HASH_KEYS="")
    assert (refused.code, "bring back the key with the id" in refused.err) == (2, True)
    assert "keys generate" not in refused.err


def test_keys_that_live_workers_have_are_no_problem_where_they_are_not_set(configured: Shell) -> None:
    configured("submit", "budget", "p-1", "who", "--field", "x=accept")
    unseal = step(configured("doctor", "--json"), "keys")["found"].split("with the id ")[1][:16]
    hashes = step(configured("doctor", "--json", JURAT_HASH_KEYS=""), "hash keys")["advice"].split("the id ")[1][:8]
    with opened(configured) as engine:
        Fleet(engine).report(
            Member(uuid4(), "here", "w", "1", "r", 4, config_version=1, unseal_keys=(unseal,), hash_keys=(hashes,))
        )
    ran = configured("doctor", "--json", JURAT_UNSEAL_KEYS="", JURAT_HASH_KEYS="")
    for name, key in (("keys", unseal), ("hash keys", "")):
        found = step(ran, name)
        assert found["mark"] == "note"
        assert key in found["found"]
        assert "keys generate" not in found["advice"]


@pytest.mark.slow
def test_the_time_of_the_broker_is_its_own(configured: Shell, valkey_url: str) -> None:
    """In a fresh process, where asking it begins with an import of 300 ms."""
    process = configured.start("doctor", "--json", JURAT_BROKER_URL=valkey_url)
    out, err = process.communicate(timeout=100)
    found = next(each["found"] for each in json.loads(out)["steps"] if each["name"] == "broker")
    (took,) = re.findall(r"answers in (\d+) ms", found)
    loading = "import time; b = time.monotonic(); import kombu, kombu.transport.redis; print(time.monotonic() - b)"
    imported = subprocess.run([sys.executable, "-c", loading], capture_output=True, text=True, check=True).stdout
    assert int(took) < float(imported) * 1000 / 2, (found, imported, err)


def test_a_clock_that_is_wrong_is_told(configured: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    right = Queries.clock
    monkeypatch.setattr(Queries, "clock", lambda self: right(self) + timedelta(seconds=42))
    ran = configured("doctor", "--json")
    assert ran.code == 1
    assert "ahead of this machine" in step(ran, "clock")["found"]


def test_codes_that_went_away_are_told(configured: Shell) -> None:
    with closing(sqlite3.connect(configured.folder / "jurat.db")) as connection, connection:
        connection.execute("DELETE FROM jurat_codes")
    ran = configured("doctor", "--json")
    assert ran.code == 1
    assert "codes generate spring" in step(ran, "source spring")["advice"]


def test_a_stored_configuration_that_this_version_cannot_read_is_told(shell: Shell) -> None:
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
        assert rights(postgresql_shell, JURAT_DATABASE_URL=logins.url(DatabaseRole.WORKER)) == []


@pytest.mark.slow
def test_two_hosts_that_both_take_writes_are_told(
    postgresql_shell: Shell, postgresql_url: str, postgresql_server: Databases
) -> None:
    """The old primary was started again after a promotion: half of the answers go to it."""
    url = make_url(postgresql_url)
    two_names = f"postgresql://{url.username}@127.0.0.1:{url.port},localhost:{url.port}/{url.database}"
    attributes = "?target_session_attrs=read-write"
    once = postgresql_shell("doctor", JURAT_DATABASE_URL=two_names + attributes)
    assert "both take writes" not in once.out, "the same server under two names"
    with PostgreSQL() as other:
        with plain(other.url) as connection:
            connection.execute(f"CREATE DATABASE {url.database}".encode())
        hosts = f"127.0.0.1:{url.port},127.0.0.1:{other.port}"
        ran = postgresql_shell(
            "doctor", JURAT_DATABASE_URL=f"postgresql://{url.username}@{hosts}/{url.database}{attributes}"
        )
    assert ran.code == 1
    assert f"127.0.0.1:{url.port} and 127.0.0.1:{other.port} both take writes" in ran.out


def test_on_sqlite_nobody_has_such_a_right(configured: Shell) -> None:
    assert rights(configured) == []


def test_a_user_who_may_create_beside_the_tables_is_warned_of_with_what_to_run(
    postgresql_shell: Shell, postgresql_url: str
) -> None:
    with Logins(postgresql_url) as logins, plain(postgresql_url) as administrator:
        web = make_url(logins.url(DatabaseRole.PLATFORM)).username
        administrator.execute(f"GRANT CREATE ON SCHEMA public TO {web}".encode())
        (warned,) = rights(postgresql_shell, JURAT_DATABASE_URL=logins.url(DatabaseRole.WORKER))
        assert warned["found"].startswith(f"{web}, which does not own the tables, may create in their schema public")
        assert warned["advice"].endswith(f"REVOKE CREATE ON SCHEMA public FROM {web}")
        remedied(postgresql_shell, postgresql_url)


def test_platforms_whose_only_login_may_erase_are_told_of_with_what_ends_it(
    postgresql_shell: Shell, postgresql_url: str
) -> None:
    with Logins(postgresql_url) as logins, plain(postgresql_url) as owner:
        owner.execute(AS_BEFORE.encode())
        (warned,) = rights(postgresql_shell, JURAT_DATABASE_URL=logins.url(DatabaseRole.WORKER))
        assert "web tier may transfer and erase" in warned["found"]
        assert warned["advice"].endswith(REVOKED)
        owner.execute(REVOKED.encode())
    assert rights(postgresql_shell) == []


def test_everybody_who_may_create_there_is_warned_of(postgresql_shell: Shell, postgresql_url: str) -> None:
    with plain(postgresql_url) as administrator:
        administrator.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    (warned,) = rights(postgresql_shell)
    assert warned["found"].startswith("everyone may create")
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


def test_a_database_that_takes_no_writes_is_told(postgresql_shell: Shell, postgresql_url: str) -> None:
    with plain(postgresql_url) as administrator:
        name = make_url(postgresql_url).database
        administrator.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
    for words, code in (("doctor", 1), ("worker --check", 2)):
        ran = postgresql_shell(*words.split())
        assert ran.code == code
        assert "it takes no writes — let it take writes, or name the primary" in ran.out


def test_several_hosts_are_told_how_to_find_the_primary(postgresql_shell: Shell, postgresql_url: str) -> None:
    url = make_url(postgresql_url)
    hosts = f"postgresql://postgres@127.0.0.1:1,127.0.0.1:{url.port}/{url.database}"
    ran = postgresql_shell("doctor", JURAT_DATABASE_URL=hosts)
    assert "may take no writes — add ?target_session_attrs=read-write to JURAT_DATABASE_URL" in ran.out
    ran = postgresql_shell("doctor", JURAT_DATABASE_URL=f"{hosts}?target_session_attrs=read-write")
    assert "may take no writes" not in ran.out
    assert "is up to date" in ran.out
