from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from jurat.database import bounded, open_engine


@pytest.fixture
def engine(postgresql_url: str) -> Iterator[Engine]:
    """An engine with one connection, as behind a pooler: whatever a transaction leaves there, the next one meets."""
    engine = open_engine(postgresql_url, pool_size=1)
    yield engine
    engine.dispose()


def bound(engine: Engine) -> dict[str, str]:
    names = ("idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout")
    with engine.begin() as connection:
        return {name: connection.execute(text(f"SHOW {name}")).scalar_one() for name in names}


def test_the_bounds_of_a_transaction_end_with_it(engine: Engine) -> None:
    assert bound(bounded(engine)) == {
        "idle_in_transaction_session_timeout": "5s",
        "lock_timeout": "3s",
        "statement_timeout": "10s",
    }
    assert set(bound(engine).values()) == {"0"}


def test_a_transaction_that_stands_still_gives_its_row_locks_back(engine: Engine, postgresql_url: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE town (name text)"))
        connection.execute(text("INSERT INTO town VALUES ('Valmont')"))
    lock = text("SELECT name FROM town FOR UPDATE")
    second = open_engine(postgresql_url)
    with closing(bounded(engine).connect()) as standing, second.begin() as other:
        standing.begin()
        standing.execute(lock)
        other.execute(text("SET LOCAL lock_timeout = '60s'"))
        begun = time.monotonic()
        other.execute(lock)  # would wait for hours
        assert time.monotonic() - begun > 2
        with pytest.raises(DBAPIError) as caught:
            standing.execute(lock)
        assert caught.value.connection_invalidated
    second.dispose()
