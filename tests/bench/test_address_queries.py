"""What people type is made from the addresses of a base, with the truth next to it."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from bench.addresses.queries import OF_HAMLETS, ORDINARY, REAL, Kind, Maker, Row, Typed, queries, read_base
from bench.addresses.styles import ENGLISH, FINNISH, FRENCH, GERMAN, ITALIAN, SPANISH, Style

NAMES = (
    "Rue du Moulin", "Rue du Vieux Moulin", "Rue du Général Marlot", "Boulevard Amélie Corvec", "Place Saint-Evroult",
    "Avenue du Docteur Brancard", "Impasse des Lilas", "Quai de la Sarre",
)  # fmt: skip


def base(*, postcodes: tuple[str, ...] = ("99001", "99002")) -> list[Row]:
    """Forty houses: each street in one postcode, five houses long, the number 4 twice."""
    return [
        Row(
            *(number, name, postcodes[place % len(postcodes)], "Valmont", 2.0 + place / 100, 45.0 + step / 1000),
            hamlet="Sorel" if place % 3 else "",
        )
        for place, name in enumerate(NAMES)
        for step, number in enumerate(("1", "2", "3 bis", "4", "4"))
    ]


def typed(kind: Kind, **changes: tuple[str, ...]) -> list[Typed]:
    return [one for one in queries(base(**changes), dict.fromkeys(OF_HAMLETS, 60), seed=3) if one.kind is kind]


def test_the_same_seed_gives_the_same_queries_and_another_one_others() -> None:
    once, again, other = (list(queries(base(), 20, seed)) for seed in (1, 1, 2))
    assert once == again
    assert once != other


@pytest.mark.parametrize("kind", OF_HAMLETS)
def test_each_kind_has_as_many_queries_as_were_asked_for(kind: Kind) -> None:
    assert len(typed(kind)) == 60


def test_a_kind_that_the_base_cannot_give_is_left_out() -> None:
    assert typed(Kind.WRONG_POSTCODE, postcodes=("99001",)) == []


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40)
def test_a_typo_is_one_slip_and_leaves_the_numbers(seed: int) -> None:
    maker = Maker(base(), random.Random(seed), FRENCH)
    street = "Rue du 8 Mai 1945"
    slipped = maker._typo(street)
    assert OSA.distance(street, slipped) <= 1
    assert [character for character in slipped if character.isdigit()] == list("81945")


def test_a_street_of_digits_alone_has_no_typo() -> None:
    assert Maker(base(), random.Random(1), FRENCH)._typo("12") == "12"


def test_slips_that_make_another_street_of_the_postcode_are_no_query() -> None:
    """Who types the name of another street, with all of its letters, has asked for that one."""
    rows = [Row("1", name, "99001", "Valmont", 2.0, 45.0) for name in ("Rue Marlot", "Rue Merlot")]
    made = [one for one in queries(rows, 400, 1) if one.kind is Kind.ONE_TYPO]
    assert made
    assert not [one for one in made if {one.row.street, one.answer["street"]} == {"Rue Marlot", "Rue Merlot"}]


def test_abbreviated_streets_are_shorter_and_have_all_their_words() -> None:
    for one in typed(Kind.ABBREVIATED):
        assert len(one.answer["street"]) < len(one.row.street)
        assert len(one.answer["street"].split()) == len(one.row.street.split())


@pytest.mark.parametrize(
    ("style", "street", "short"),
    [
        (GERMAN, "Hauptstraße", ("Hauptstr.", "Hauptstr", "Hauptstrasse")),
        (ENGLISH, "Mill Lane", ("Mill Ln", "Mill la")),
        (SPANISH, "Calle Mayor", ("C/ Mayor", "c. Mayor", "Cl Mayor")),
        (ITALIAN, "Viale Dante", ("V.le Dante", "Vle Dante")),
        (FINNISH, "Myllykatu", ("Myllyk.",)),
    ],
)
def test_each_language_shortens_in_its_own_way(style: Style, street: str, short: tuple[str, ...]) -> None:
    maker = Maker(base(), random.Random(1), style)
    assert {maker._abbreviated(street) for _ in range(50)} == set(short)


def test_noise_keeps_the_number_and_the_street() -> None:
    for one in typed(Kind.NOISE):
        written = " ".join(one.answer.values())
        assert one.row.street in written
        assert one.row.number in written
        assert written != f"{one.row.number} {one.row.street} {one.row.postcode} {one.row.city}"


def test_a_number_that_was_made_up_is_none_of_the_street() -> None:
    assert not {one.answer["number"] for one in typed(Kind.NO_SUCH_NUMBER)} & {"1", "2", "3 bis", "4"}


def test_a_wrong_postcode_is_one_where_the_address_is_not() -> None:
    assert all(one.answer["postcode"] != one.row.postcode for one in typed(Kind.WRONG_POSTCODE))


def test_an_invented_street_is_two_letters_from_every_street_of_its_postcode() -> None:
    for one in typed(Kind.INVENTED):
        known = {row.street for row in base() if row.postcode == one.answer["postcode"]}
        assert min(OSA.distance(one.answer["street"].casefold(), street.casefold()) for street in known) >= 2


def test_a_street_without_its_article_is_not_invented() -> None:
    maker = Maker(base(), random.Random(1), FRENCH)
    assert maker._near_a_street({"street": "Rue Moulin", "postcode": "99001"})
    assert not maker._near_a_street({"street": "Rue Moulin", "postcode": "99002"})


@pytest.mark.parametrize("kind", sorted(REAL))
def test_the_truth_of_a_house_is_where_the_one_that_was_drawn_lies(kind: Kind) -> None:
    assert typed(kind)
    assert all(one.points == (one.row.point,) for one in typed(kind))


def test_a_hamlet_is_typed_instead_of_its_town_or_with_it() -> None:
    assert {one.answer["city"] for one in typed(Kind.HAMLET)} == {"Sorel", "Sorel (Valmont)"}
    assert {one.row.hamlet for one in typed(Kind.HAMLET)} == {"Sorel"}


def test_the_truth_of_a_street_without_a_number_is_all_its_houses() -> None:
    assert {len(one.points) for one in typed(Kind.NO_NUMBER)} == {5}
    assert all("number" not in one.answer for one in typed(Kind.NO_NUMBER))


@pytest.mark.parametrize("kind", sorted({*ORDINARY} - REAL - {Kind.NO_NUMBER}))
def test_what_exists_nowhere_has_no_true_point(kind: Kind) -> None:
    assert {one.points for one in typed(kind)} == {()}


def test_a_street_of_a_neighbouring_town_with_the_same_postcode_is_another_one() -> None:
    towns = enumerate(("Valmont", "Brancourt"))
    rows = [Row("1", "Rue du Moulin", "99001", town, place, 45.0) for place, town in towns]
    assert all(one.points == (one.row.point,) for one in queries(rows, 10, 1) if one.kind is Kind.NO_NUMBER)


def test_a_base_is_read_with_the_repetitions_that_people_write(tmp_path: Path) -> None:
    (tmp_path / "base.csv").write_text(
        "numero;rep;nom_voie;code_postal;nom_commune;lon;lat\n"
        "3;b;Rue du Moulin;99001;Valmont 1er Arrondissement;2.5;45.5\n"
        "4;;Rue du Moulin;99001;Valmont;2.5;45.5\n",
        encoding="utf-8",
    )
    rows = read_base(tmp_path / "base.csv")
    assert [(row.number, row.city) for row in rows] == [("3 bis", "Valmont"), ("4", "Valmont")]
    assert all(one.point == other.point for one, other in pairwise(rows))
