"""A seal key stays as it was signed, on both engines, and is retired once. Only an administrator adds one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from jurat.database import open_engine
from jurat.seal import generate
from jurat.seal_keys import SealKey
from store.schema.grants import DatabaseRole
from store.seal_keys import add_seal_key, epochs, retire_seal_key
from tests.rigs.logins import Logins

BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def a_key(begin: datetime = BEGIN) -> SealKey:
    return SealKey(generate()[1], begin, begin + timedelta(days=120), bytes(64))


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


def refusal(engine: Engine, statement: str) -> str:
    try:
        with engine.begin() as connection:
            connection.execute(text(statement))
    except DBAPIError as error:
        return str(error.orig)
    return ""


TABLE = "jurat_seal_keys"
CHANGES = [
    f"UPDATE {TABLE} SET retired_at = CURRENT_TIMESTAMP, id = 'other'",
    f"UPDATE {TABLE} SET retired_at = CURRENT_TIMESTAMP, public_key = signature",
    f"UPDATE {TABLE} SET retired_at = CURRENT_TIMESTAMP, signature = public_key",
    f"UPDATE {TABLE} SET retired_at = CURRENT_TIMESTAMP, from_at = '2025-01-01 00:00:00.000'",
    f"UPDATE {TABLE} SET retired_at = CURRENT_TIMESTAMP, until_at = '2099-01-01 00:00:00.000'",
    f"UPDATE {TABLE} SET retired_at = NULL",
    f"DELETE FROM {TABLE}",
]


def test_a_key_stays_as_it_was_signed(engine: Engine) -> None:
    with engine.begin() as connection:
        add_seal_key(connection, a_key())
        before = connection.execute(text(f"SELECT * FROM {TABLE}")).all()
    attacks = CHANGES
    if engine.dialect.name == "sqlite":
        columns = "id, public_key, from_at, until_at, signature"
        attacks = [
            *CHANGES,
            f"REPLACE INTO {TABLE} ({columns}) SELECT id, signature, from_at, until_at, 'x' FROM {TABLE}",
        ]
    else:
        when = "statement_timestamp() {} interval '1 hour'"
        attacks = [*CHANGES, f"TRUNCATE {TABLE}", *(f"UPDATE {TABLE} SET retired_at = {when.format(x)}" for x in "+-")]
    assert [attack for attack in attacks if "a seal key" not in refusal(engine, attack)] == []
    with engine.begin() as connection:
        assert connection.execute(text(f"SELECT * FROM {TABLE}")).all() == before


def test_it_is_retired_once_and_then_no_epoch(engine: Engine) -> None:
    first, second = a_key(), a_key(BEGIN + timedelta(days=30))
    with engine.begin() as connection:
        add_seal_key(connection, second)
        add_seal_key(connection, first)
        found = epochs(connection)
        assert list(found) == [first.id, second.id]
        assert found[first.id].replaced_at == second.from_at
        assert found[second.id].replaced_at is None
        retire_seal_key(connection, first.id)
        assert list(epochs(connection)) == [second.id]
    once = f"UPDATE {TABLE} SET retired_at = CURRENT_TIMESTAMP WHERE retired_at IS NOT NULL"
    assert "retired once" in refusal(engine, once)


@pytest.mark.parametrize("end", [BEGIN, datetime(9500, 1, 1, tzinfo=UTC)])
def test_its_time_can_be_read_everywhere(engine: Engine, end: datetime) -> None:
    with pytest.raises(DBAPIError, match="jurat_seal_keys_in_time"), engine.begin() as connection:
        add_seal_key(connection, SealKey(generate()[1], BEGIN, end, bytes(64)))


@pytest.mark.parametrize(
    "role", [role for role in DatabaseRole if role not in (DatabaseRole.SEALER, DatabaseRole.ACCOUNTS)]
)
def test_only_an_administrator_adds_and_retires_one(postgresql_url: str, role: DatabaseRole) -> None:
    owner = open_engine(postgresql_url)
    with owner.begin() as connection:
        add_seal_key(connection, key := a_key())
    with Logins(postgresql_url) as logins:
        engine = open_engine(logins.url(role))
        for attempt in (partial(add_seal_key, key=a_key()), partial(retire_seal_key, key_id=key.id)):
            with engine.connect() as connection:
                assert key.id in epochs(connection), "everyone reads them"
                if role is DatabaseRole.ADMIN:
                    attempt(connection)
                else:
                    with pytest.raises(DBAPIError, match="permission denied"):
                        attempt(connection)
        engine.dispose()
    owner.dispose()
