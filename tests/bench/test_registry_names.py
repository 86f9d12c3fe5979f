"""The bench of names, on a few people."""

from __future__ import annotations

import pytest

from adapters.person_names.comparison import Name
from bench import registry_names
from bench.name_lists import SOURCES, name_list
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
    made = registry_names.text([Sample("all cultures", [0, 3])], {}, "make bench-names")
    assert "\n- 2 samples each: all cultures 1.5 (3).\n" in made
    assert "µs" in made


@pytest.mark.bench
def test_national_lists_are_named_with_their_source(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faker")
    for locale in SOURCES:
        names = name_list(locale)
        assert min(len(names.surnames), len(names.women), len(names.men)) >= 10
        assert names.people(1, count=20) == names.people(1, count=20) != names.people(2, count=20)
    assert len(SOURCES) >= 20
    monkeypatch.setattr(registry_names, "SOURCES", {"en_KE": "Kenya: forebears.io", "es_CL": "Chile: Registro Civil"})
    monkeypatch.setattr(registry_names, "wrong_acceptances", lambda people, *, two_surnames: [1] * (1 + two_surnames))
    national = registry_names.lists(1, 2, show=False)
    assert registry_names.average(national.values()) == 1.5
    made = registry_names.text([Sample("all cultures", [0])], national, "make bench-names")
    assert "2 samples each: on average 1.50 wrong" in made
    assert "| Chile: Registro Civil | es_CL | 4 (2) |" in made
