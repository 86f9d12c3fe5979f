"""Which names are slips of which, and which letters in a row a base remembers."""

from __future__ import annotations

import pytest

from adapters.address.misspellings import MOST_WRONG, SOME_WRONG, letter_runs, letters_wrong, misspelled_similarity
from adapters.address.street_names import THRESHOLD


def test_the_runs_of_a_name_are_those_of_its_words_with_their_ends() -> None:
    assert letter_runs("Rue Cail") == {" ru", "rue", "ue ", " rue ", " ca", "cai", "ail", "il "}
    assert letter_runs("Bd d'Aix") == letter_runs("boulevard d Aix"), "an abbreviation is no slip"
    assert letter_runs("Mühlweg", "de") == letter_runs("Muehlweg", "de")


@pytest.mark.parametrize(
    ("typed", "street", "code"),
    [
        ("Rue de Tannwwrs", "Rue des Tanneurs", "fr"),
        ("Rue aTnneyrs", "Rue Tanneurs", "fr"),
        ("Ruedes Tannnurs", "Rue des Tanneurs", "fr"),
        ("uRewde Tanneurs", "Rue de Tanneurs", "fr"),
        ("Bd des Tanneurrs", "Boulevard des Tanneurs", "fr"),
        ("Coaalle Sol", "Calle Sol", "es"),
        ("Calle Snn Mateo", "Calle San Mateo", "es"),
        ("aRFORJA", "R FORJA", "pt"),
        ("Imm Lindacker", "Im Lindacker", "de"),
        ("Lindenstrrdsse", "Lindenstraße", "de"),
        ("Lindebstrssse", "Lindenstr.", "de"),
        ("Tannerr Stret", "Tanner Street", "en"),
        ("Wolld 10", "Wold 10", "nl"),
    ],
)
def test_one_or_two_letters_may_be_wrong_wherever_they_are(typed: str, street: str, code: str) -> None:
    assert misspelled_similarity(typed, street, code, one_in=SOME_WRONG) == THRESHOLD


@pytest.mark.parametrize(
    ("typed", "street", "code"),
    [
        ("Rue Talluvrs", "Rue Tanneurs", "fr"),  # three letters
        ("Rue de Tanriy", "Rue de Tancry", "fr"),  # two of six
        ("Calle oSll", "Calle Sol", "es"),  # two of three
        ("Calle Guna", "Calle Luna Sol", "es"),
        ("Rue Tanneeurs", "Place Tanneurs", "fr"),
        ("Tannerr Road", "Tanner Street", "en"),
        ("Lindengasssse", "Lindenstraße", "de"),
        ("Voie J/8", "Voie F/8", "fr"),
        ("Voie Tannerie 8", "Voie Tannerie 9", "fr"),
        ("Rue Tannerie XII", "Rue Tannerie XIII", "fr"),
        ("Calle H Valles", "Calle V Valles", "es"),
        ("", "Rue Cail", "fr"),
        ("Rue Cail", "", "fr"),
    ],
)
def test_what_makes_another_name_is_no_slip(typed: str, street: str, code: str) -> None:
    assert misspelled_similarity(typed, street, code, one_in=SOME_WRONG) == 0.0


def test_more_letters_may_be_wrong_where_more_runs_are_in_no_name() -> None:
    names = letter_runs("Rue de Tancry") | letter_runs("Rue Cail")
    assert letters_wrong(letter_runs("Rue Tancail"), names) == SOME_WRONG
    assert letters_wrong(letter_runs("Rue Tanwxry"), names) == MOST_WRONG
    assert letters_wrong(letter_runs("Rue Cail"), names) == 0
    assert letters_wrong(letter_runs("Rue Tanwxry"), {"rue"}) == 0, "a base without runs knows only words"
    assert misspelled_similarity("Rue Tanwxy", "Rue de Tancry") == THRESHOLD
    assert misspelled_similarity("Rue Tawxy", "Rue de Tancry") == 0.0
