from __future__ import annotations

from pathlib import Path

import pytest

from jurat import names as naming
from jurat.names import same_person
from tests.migrations.catalogue import normalised

SQL = Path(__file__).resolve().parents[2] / "migrations" / "sql"


@pytest.mark.parametrize("name", ["ada", " Ada", "A\u200bda", "Ada\ufe0f", "Ada\u2800", "Ａｄａ", "Ada\U000e0100"])
def test_a_name_is_one_persons_however_it_is_written(name: str) -> None:
    assert same_person(name, None, "Ada")


@pytest.mark.parametrize("name", ["Eda", "Ada 2", "Ad\u00e4", "A da"])
def test_other_names_are_other_persons(name: str) -> None:
    assert not same_person(name, None, "Ada")


@pytest.mark.parametrize(("file", "times"), [("functions", 3), ("guards", 5), ("views", 2)])
def test_postgresql_leaves_out_the_same_signs(file: str, times: int) -> None:
    signs = "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in naming.UNSEEN)
    assert normalised((SQL / "postgresql" / f"{file}.sql").read_text("utf-8")).count(f"'[{signs}]'") == times


@pytest.mark.parametrize(("file", "names"), [("guards", ("NEW.by_whom", "c.participant")), ("views", ("q.by_whom",))])
def test_sqlite_leaves_out_the_same_signs(file: str, names: tuple[str, ...]) -> None:
    sql = normalised((SQL / "sqlite" / f"{file}.sql").read_text("utf-8"))
    for name in names:
        sign = f"unicode(substr({name},n.i,1))"
        signs = " OR ".join(f"{sign} BETWEEN {first} AND {last}" for first, last in naming.UNSEEN)
        assert normalised(signs) in sql
