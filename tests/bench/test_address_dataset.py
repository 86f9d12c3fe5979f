"""The bench of address bases: its tables, its verdict, and that a small run comes to its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.address.street_names import LONG_WORD, canonical, name_words
from bench import address_dataset as bench
from bench.address_dataset import keeps_promises, moved, tables
from bench.rig.data_import import Import, Lookups

IMPORTS = [Import(40_000, 2.0, 120.0), Import(1_000_000, 20.0, 130.0)]
LOOKUPS = [Lookups("exact", 40_000, 0.9, 2.5, 0.1, 0.995), Lookups("no such street", 40_000, 1.5, 3.0, 1.0, 0.0)]


def test_the_tables_have_every_figure_and_the_time_for_france() -> None:
    text = tables(IMPORTS, LOOKUPS)
    assert "| 1,000,000 |    20.0 | 50,000 |" in text
    assert "(26,000,000 rows) takes 9 minutes" in text
    assert "99.5%" in text


def test_memory_and_the_median_of_the_real_base_are_promised() -> None:
    assert keeps_promises(IMPORTS, LOOKUPS)
    assert not keeps_promises([*IMPORTS, Import(1, 1.0, 201.0)], LOOKUPS)
    for kind in ("exact", "one typo", "no such street"):
        assert not keeps_promises(IMPORTS, [Lookups(kind, 40_000, 2.1, 3.0, 1.0, 1.0)])
    assert keeps_promises(IMPORTS, [Lookups("one typo", 1_000_000, 2.1, 3.0, 1.0, 1.0)])


ROW = {
    "code_postal": "75001",
    "code_insee": "75101",
    "nom_commune": "Paris",
    "numero": "8",
    "nom_voie": "Rue du Moulin",
}


def test_invented_towns_have_postcodes_of_their_own() -> None:
    assert moved(ROW, 0) == ROW
    assert {moved(ROW, copy)["code_postal"] for copy in range(3)} == {"75001", "Z000101", "Z000201"}


def test_every_street_of_every_invented_town_has_a_name_and_a_word_of_its_own() -> None:
    streets = [{**ROW, "nom_voie": name} for name in ("Rue du Moulin", "Rue du Quai")]
    names = [moved(row, copy)["nom_voie"] for copy in range(1, 30) for row in streets]
    assert len({canonical(name) for name in names}) == len(names)
    words = {word for name in names for word in name_words(name) if len(word) >= LONG_WORD}
    assert len(words) == len(names)
    assert moved(ROW, 1) == moved(ROW, 1), "lookups ask for what was imported"


@pytest.mark.bench
def test_a_small_run_comes_to_its_end(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (shared / "data").is_dir()
    bench.main(["--rows", "90000", "--lookups", "100"])
    assert "| exact" in capsys.readouterr().out
