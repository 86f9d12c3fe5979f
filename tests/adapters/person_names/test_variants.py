"""Names of one person in two spellings, by language: none of them may look like a stranger's.

The people are invented, their spellings are those that forms and registers have. A row says which band the rule gives;
"none" is a name that the register withholds.
"""

from __future__ import annotations

import pytest

from adapters.person_names.comparison import Band, Name, compare
from tests.adapters.person_names.variants import VARIANTS

LANGUAGES = sorted({variant.language for variant in VARIANTS})


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_persons_name_is_never_a_strangers(language: str) -> None:
    found = [(variant, _word(variant.compared())) for variant in VARIANTS if variant.language == language]
    assert [str(variant) for variant, band in found if band == "different"] == []
    assert [(str(variant), band) for variant, band in found if band != variant.band] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_typed_it_and_who_recorded_it_makes_no_difference(language: str) -> None:
    turned = [variant for variant in VARIANTS if variant.language == language and variant.is_two_names()]
    assert [str(each) for each in turned if each.turned().compared() is not each.compared()] == []


def _word(band: Band | None) -> str:
    return "none" if band is None else band.name.lower()


def test_the_table_is_of_many_languages() -> None:
    assert len(VARIANTS) >= 1000
    assert len(LANGUAGES) >= 80


def test_no_variant_stands_twice() -> None:
    assert len({(variant.typed, variant.recorded) for variant in VARIANTS}) == len(VARIANTS)


@pytest.mark.parametrize(
    ("typed", "recorded"),
    [
        (("Chan", "Tai-man"), ("Chen", "Dawen")),  # Cantonese and Mandarin given names
        (("Mitsui", "Chizu"), ("Mitui", "Tizu")),  # Hepburn and Kunrei
        (("Zając", "Kasia"), ("Zajonc", "Katarzyna")),  # what a nasal vowel sounds like
        (("Hovhannisyan", "Hakob"), ("Ohanessian", "Agop")),  # western Armenian
        (("Ó Cuinneagáin", "Pádraig"), ("Cunningham", "Patrick")),  # translated
        (("Caballero", "Yayo"), ("Caballero", "Eduardo")),  # short forms that no list has
        (("Sardel", "Iris"), ("Valombre", "Iris")),  # a married name that the register does not know as well
    ],
)
def test_what_looks_like_a_strangers_name_all_the_same(typed: tuple[str, str], recorded: tuple[str, str]) -> None:
    """docs/contributors/how-names-are-compared.md tells of them. A person decides about these too."""
    assert compare(Name(*typed), [Name(*recorded)]) is Band.DIFFERENT
