"""The bench of rosters: its tables, its verdict, and that a small run comes to its end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.registry.numbers import Cleaner
from bench import roster as bench
from bench.rig.data_import import Import, Lookups
from bench.roster import Person, keeps_promises, tables
from config.registry.model.inputs import Input, NumberFormat

IMPORTS = {
    "PostgreSQL": [Import(100_000, 4.0, 120.0), Import(1_000_000, 20.0, 130.0)],
    "SQLite": [Import(100_000, 4.0, 110.0), Import(1_000_000, 40.0, 110.0)],
}
LOOKUPS = [Lookups("PostgreSQL", 1_000_000, 0.6, 2.5, 0.1, 1.0), Lookups("SQLite", 100_000, 0.3, 1.0, 0.1, 1.0)]


def test_the_tables_have_every_figure() -> None:
    text = tables(IMPORTS, LOOKUPS)
    assert "| PostgreSQL    | 1,000,000 |    20.0 | 50,000 |              130 |" in text
    assert "| PostgreSQL   | 1,000,000 |     0.60 |     2.50 |                    0.10 |   100.0% |" in text


def test_the_larger_import_into_postgresql_memory_and_lookups_are_promised() -> None:
    assert keeps_promises(IMPORTS, LOOKUPS)
    assert not keeps_promises({**IMPORTS, "PostgreSQL": [Import(1_000_000, 25.1, 130.0)]}, LOOKUPS)
    assert not keeps_promises({**IMPORTS, "SQLite": [Import(1, 1.0, 201.0)]}, LOOKUPS)
    assert not keeps_promises(IMPORTS, [replace(LOOKUPS[0], p50_ms=2.1)])
    assert not keeps_promises(IMPORTS, [replace(LOOKUPS[1], found=0.999)])


def test_everybody_has_a_number_of_their_own_with_its_check_digit() -> None:
    people = [Person.of(index) for index in range(2_000)]
    assert len({person.number for person in people}) == len(people)
    clean = Cleaner(Input(format=NumberFormat.LUHN)).clean_record_value
    assert all(clean(person.number) == person.number for person in people)


@pytest.mark.bench
def test_a_small_run_comes_to_its_end(postgresql_server: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert postgresql_server
    bench.main(["--rows", "2000", "--lookups", "50"])
    assert capsys.readouterr().out.count("100.0%") == 4
