"""A file of addresses that somebody sent, examined in a process of its own: the same as here, and with an end."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from adapters.address.base import examination
from adapters.address.base.examination import Examined, examine, examine_apart
from adapters.apart import NotEnded

HEADER = "numero;rep;nom_voie;code_postal;nom_commune;code_insee;lon;lat\n"
ROWS = "8;bis;Rue du Moulin;99002;Valmont;99999;-37.5;44.25\n0;;Place Vide;99002;Valmont;99999;-37.25;44.5\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "addresses.csv"
    made.write_text(HEADER + ROWS)
    return made


def test_a_process_of_its_own_finds_the_same(file: Path) -> None:
    found = examine_apart(file, {}, "fr", 10)
    assert found == examine(str(file), {}, "fr", 10) == Examined(2, 1, (-37.5, 44.25, -37.25, 44.5))
    packed = file.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(file.read_bytes()))
    assert examine_apart(packed, {}, "fr", 10) == found


def test_what_is_wrong_is_told_and_never_raised(file: Path) -> None:
    assert examine(str(file), {}, "fr", 1).problem.startswith("addresses.csv: has more than 1 rows; import it with")
    assert "has no column RUE" in examine_apart(file, COLUMNS, "fr", 10).problem
    assert "a column is needed for street" in examine(str(file), {"number": "numero"}, "fr", 10).problem
    assert "cannot be read" in examine_apart(file.parent / "gone.csv", {}, "fr", 10).problem


COLUMNS = {"number": "numero", "street": "RUE", "city_code": "code_insee", "longitude": "lon", "latitude": "lat"}


def test_the_time_has_an_end(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = file.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(HEADER.encode() + b"\n" * (60 << 20)))
    monkeypatch.setattr(examination, "MOST_SECONDS", 1)
    with pytest.raises(NotEnded, match="more than 1 s"):
        examine_apart(packed, {}, "fr", 10)
