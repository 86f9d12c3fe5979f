"""Towns as people write them: with a district, a country, a department, CEDEX, or a postcode."""

from __future__ import annotations

import pytest

from adapters.address.languages import language
from adapters.address.parsed_address import read_answer
from adapters.address.town_names import country_in, same_city, same_district


@pytest.mark.parametrize(
    ("asked", "found", "same"),
    [
        ("Paris", "Paris 1er Arrondissement", True),
        ("PARIS 01", "Paris", True),
        ("Valmont Cedex", "Valmont", True),
        ("75661 PARIS CEDEX 14", "Paris", True),
        ("St Cloud", "Saint-Cloud", True),
        ("Valmnot", "Valmont", True),
        ("Valmont, France", "Valmont", True),
        ("Valmont (France)", "Valmont", True),
        ("Valmont-en-France", "Valmont-en-France", True),
        ("Luxembourg", "Luxembourg", True),
        ("Port-Valmont", "Valmont", False),
        ("Lyon", "Paris", False),
        ("Lyon, France", "Paris", False),
        ("France", "Paris", False),
        ("Valmont, Patagonie", "Valmont", False),
        ("75001", "Paris", False),
        ("Valmont 4461AB", "Valmont", False),
        ("Croix-de-Vie", "Croix-de", False),
    ],
)
def test_towns_are_compared_without_what_is_written_beside_them(asked: str, found: str, same: bool) -> None:
    assert same_city(asked, found) is same


@pytest.mark.parametrize(
    ("asked", "found", "postcode", "fits"),
    [
        ("Paris", "Paris", "75013", True),
        ("PARIS XIII", "Paris", "75013", True),
        ("Paris XIIIe", "Paris", "75013", True),
        ("Paris 13ème", "Paris 13e Arrondissement", "75013", True),
        ("PARIS13", "Paris", "75013", True),
        ("Paris V", "Paris", "75005", True),
        ("PARIS XLIX", "Paris", "75049", True),
        ("Paris XIII", "Paris", "75014", False),
        ("Paris XIVe", "Paris", "75013", False),
        ("PARIS13", "Paris", "75014", False),
        ("Paris V", "Paris", "75006", False),
        ("SAINT GILLES CROIX DE VIE", "Saint-Gilles-Croix-de-Vie", "99002", True),
        ("Paris Cedex 14", "Paris", "75013", True),
        ("75661 PARIS CEDEX 14", "Paris", "75013", True),
        ("Valmont (99)", "Valmont", "99002", True),
        ("Valmont (972)", "Valmont", "97202", True),
        ("Valmont (98)", "Valmont", "99002", False),
        ("Valmont 99", "Valmont", "99002", False),
        ("Valmont, France", "Valmont", "99002", True),
        ("Valmont, Belgique", "Valmont", "99002", False),
        ("Valmont, Belgique", "Valmont", "9902", True),
        ("Valmont, France", "Valmont", "", False),
        ("Luxembourg", "Luxembourg", "L-9902", True),
        ("Croix-de-France", "Croix-de-France", "9902", True),
    ],
)
def test_what_is_written_beside_a_town_fits_the_place_that_was_found(
    asked: str, found: str, postcode: str, fits: bool
) -> None:
    assert same_district(asked, found, postcode) is fits


@pytest.mark.parametrize(
    ("code", "written"),
    [
        ("de", "Valmont, Österreich"), ("de", "Valmont (Schweiz)"), ("en", "Valmont, UK"),
        ("en", "Valmont New Zealand"), ("es", "Valmont, España"), ("it", "Valmont (San Marino)"),
        ("nl", "Valmont, België"), ("pt", "Valmont - Brasil"),
    ],
)  # fmt: skip
def test_each_language_knows_the_countries_in_which_it_is_written(code: str, written: str) -> None:
    assert same_city(written, "Valmont", code)
    assert not same_district(written, "Valmont", "9" * 12, code)
    assert country_in("valmont", language(code)) == ""


@pytest.mark.parametrize(
    ("street", "read"),
    [
        ("8 rue du Moulin, 99002 Valmont, France", ("99002", "valmont france", False)),
        ("8 rue du Moulin 99092 VALMONT CEDEX 2", ("", "valmont", False)),
        ("8 rue du Moulin, 99092 VALMONT CEDEX", ("", "valmont", False)),
        ("8 rue du Moulin, CEDEX 2", ("", "", False)),
    ],
)
def test_a_whole_address_in_one_field_has_its_country_and_no_postcode_of_a_post_office(
    street: str, read: tuple[str, str, bool]
) -> None:
    asked = read_answer({"street": street})
    assert (asked.postcode, asked.city, bool(asked.conflict)) == read
    assert (str(asked.number), asked.street) == ("8", "rue du moulin")
