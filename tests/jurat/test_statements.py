from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jurat.dialects import dialect_of
from jurat.statements import rows_json, statements_on
from jurat.times import moment
from tests.jurat.conftest import Platform
from tests.jurat.consultations import Town

NASTY = [
    *(
        "",
        " ",
        "plain",
        "O'Hara",
        '"quoted"',
        "back\\slash",
        "\\u0000",
        "é 😀 \u2028",
        "50 % %s %(rows)s %%",
        "a:b :rows",
    ),
    *("{}", "[1, 2]", "null", "'; DROP TABLE jurat_checks; --", "\t\n\r", "\x01", "\ufeff", "１２", "x" * 20_000),
]


def read_back(statements: Any, rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    columns = "position int, word text, missing text"
    sql = f"SELECT r.position, r.word, r.missing FROM {statements.dialect.rowset(columns)} ORDER BY r.position"
    found: list[tuple[Any, ...]] = statements.run(sql, {"rows": rows_json(rows)})
    return found


def test_rows_come_back_as_they_were_given_on_every_connection(platform: Platform) -> None:
    rows = [{"position": n, "word": word, "missing": None} for n, word in enumerate(NASTY)]
    with platform.transaction() as connection:
        found = read_back(statements_on(connection), rows)
    assert found == [(n, word, None) for n, word in enumerate(NASTY)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(words=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), max_size=20))
def test_any_text_comes_back_as_it_was_given(town: Town, words: list[str]) -> None:
    with town.engine.connect() as connection:
        found = read_back(statements_on(connection), [{"position": n, "word": word} for n, word in enumerate(words)])
    assert found == [(n, word, None) for n, word in enumerate(words)]


def test_one_parameter_carries_many_rows_or_none(town: Town) -> None:
    with town.engine.connect() as connection:
        statements = statements_on(connection)
        many = read_back(statements, [{"position": n, "word": f"w{n}"} for n in range(20_000)])
        assert read_back(statements, []) == []
    assert many == [(n, f"w{n}", None) for n in range(20_000)]


@pytest.mark.parametrize("seconds", [0, 0.25, 3600, 172_800])
def test_the_clock_is_the_database_s_in_utc(town: Town, seconds: float) -> None:
    dialect = dialect_of(town.engine)
    before = datetime.now(UTC)
    [row] = town.read(f"SELECT {dialect.now()}, {dialect.now(str(seconds))}")
    after = datetime.now(UTC)
    clock, later = moment(row[0]), moment(row[1])
    assert clock is not None
    assert later is not None
    assert (clock.tzinfo, later.tzinfo) == (UTC, UTC)
    assert (before - clock).total_seconds() < 0.01  # the form on SQLite ends in milliseconds
    assert (clock - after).total_seconds() <= 0
    assert abs((later - clock).total_seconds() - seconds) < 0.002
