"""The bench of names, on a few people."""

from __future__ import annotations

import pytest

from adapters.person_names.comparison import Name
from bench import registry_names
from bench.registry_names import Sample
from tests.adapters.person_names.strangers import Person, people
from tests.adapters.person_names.variants import VARIANTS


def test_it_compares_people_and_counts_the_wrong_pairs() -> None:
    sample = registry_names.measure("few", lambda seed: people(seed, count=20), [1, 2, 3], show=True)
    assert sample.wrong == [0, 0, 0]
    assert str(sample) == "few 0.0 (0)"


def test_a_wrong_pair_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    twins = [Person(name, name) for name in (Name("Sardel", "Iris"), Name("Sardel", "I."))]
    assert registry_names.measure("twins", lambda seed: twins, [7], show=True).wrong == [1]
    assert capsys.readouterr().out == "twins, seed 7: Sardel, Iris is taken for Sardel, I.\n"


def test_every_variant_is_counted_once() -> None:
    *languages, (name, total, *bands) = registry_names.variants()
    assert name == "all"
    assert sum(int(row[1]) for row in languages) == int(total)
    assert int(total) == len(VARIANTS) == sum(map(int, bands))
    assert bands[3] == "0"


@pytest.mark.bench
def test_it_prints_the_tables() -> None:
    made = registry_names.text([Sample("all cultures", [0, 3])], "make bench-names")
    assert "\n- 2 samples each: all cultures 1.5 (3).\n" in made
    assert "µs" in made
