"""Answers that contradict themselves are made in each language's words, with the points of all that may be meant."""

from __future__ import annotations

import re

import pytest

from bench.addresses.queries import TRAPS, Kind, Row, Typed
from bench.addresses.styles import DUTCH, FRENCH, GERMAN, SPANISH, STYLES, Style
from bench.addresses.traps import traps

NAMES = ("Rue du Moulin", "Rue du Vieux Moulin", "Boulevard Amélie Corvec", "Place Saint-Evroult", "Quai de la Sarre")


def base(*, postcodes: tuple[str, ...] = ("75001", "75002"), city: str = "Paris", code: str = "751") -> list[Row]:
    """Fifty houses: each street in one postcode, ten houses long, with the odd numbers from 1 to 37."""
    return [
        Row(
            str(number),
            name,
            postcode,
            city,
            2.0 + place / 100,
            45.0 + number / 1000,
            code and f"{code}{postcode[-2:]}",
        )
        for place, name in enumerate(NAMES)
        for number in (*range(1, 15, 2), 21, 31, 37)
        for postcode in [postcodes[place % len(postcodes)]]
    ]


def made(kind: Kind, style: Style = FRENCH, **changes: object) -> list[Typed]:
    return [one for one in traps(base(**changes), 80, 3, style) if one.kind is kind]  # type: ignore[arg-type]


def written(one: Typed) -> str:
    return " ".join(one.answer.values())


@pytest.mark.parametrize("style", STYLES.values(), ids=list(STYLES))
def test_each_language_gives_each_kind(style: Style) -> None:
    kinds = [one.kind for one in traps(base(), 20, 1, style)]
    assert {kind: kinds.count(kind) for kind in TRAPS} == dict.fromkeys(TRAPS, 20)


def test_the_same_seed_gives_the_same_answers_and_another_one_others() -> None:
    once, again, other = (list(traps(base(), 20, seed)) for seed in (1, 1, 2))
    assert once == again
    assert once != other


def test_a_base_without_codes_has_no_code_that_contradicts() -> None:
    assert made(Kind.CODE_CONTRADICTS, code="") == []


def test_of_two_addresses_both_may_be_meant_and_the_second_is_whole() -> None:
    for one in made(Kind.TWO_ADDRESSES):
        (own, other) = one.points
        second = next(row for row in base() if row.point == other)
        assert own == one.row.point != other
        assert one.row.street in written(one)
        assert f"{second.number} {second.street}" in written(one)
        assert second.postcode in written(one)


def test_the_number_stands_in_its_own_field_and_in_that_of_the_street() -> None:
    for kind in (Kind.TWO_ADDRESSES, Kind.OTHER_TOWN_IN_STREET, Kind.RANGE, Kind.FOLDED):
        assert {bool(one.answer["number"]) for one in made(kind)} == {True, False}


def test_another_town_is_none_of_the_base() -> None:
    towns = {town for _, town in FRENCH.cities}
    for one in made(Kind.OTHER_TOWN_IN_STREET, city="Lyon"):
        assert any(town in one.answer["street"] for town in towns - {"Lyon"})
        assert one.points == ()


def test_a_street_that_another_one_becomes_with_a_town_behind_it_is_no_contradiction() -> None:
    rows = [Row("1", name, "75001", "Paris", 2.0, 45.0) for name in ("Quai", "Quai Lyon", "Lyon Quai")]
    streets = [one.answer["street"] for one in traps(rows, 200, 1) if one.kind is Kind.OTHER_TOWN_IN_STREET]
    assert streets
    assert not {"Quai Lyon", "Lyon Quai", "Quai, Lyon"} & set(streets)


@pytest.mark.parametrize("kind", [Kind.OTHER_POSTCODE_IN_STREET, Kind.TOWN_CONTRADICTS])
@pytest.mark.parametrize("postcodes", [("75001", "75002"), ("75001",)])
def test_another_postcode_is_of_the_base_if_it_has_others(kind: Kind, postcodes: tuple[str, ...]) -> None:
    others = set(postcodes) if len(postcodes) > 1 else {postcode for postcode, _ in FRENCH.cities}
    for one in made(kind, postcodes=postcodes):
        text = one.answer["street"] if kind is Kind.OTHER_POSTCODE_IN_STREET else one.answer["city"]
        if "arr" not in text and not re.search(r"Paris [12]\w*$", text):
            assert any(postcode in text for postcode in others - {one.row.postcode})
        assert one.points == ()


def test_a_phantom_number_is_one_of_the_street_and_any_house_of_it_may_be_meant() -> None:
    for one in made(Kind.PHANTOM):
        assert not one.answer.get("number")
        assert one.row.number in one.answer["street"]
        assert len(one.points) == 10


def test_a_range_means_all_houses_from_the_first_to_the_last() -> None:
    for one in made(Kind.RANGE):
        first, last = (int(number) for number in re.findall(r"\d+", one.answer["number"] + one.answer["street"])[:2])
        meant = [row for row in base() if row.street == one.row.street and first <= int(row.number) <= last]
        assert first < last
        assert set(one.points) == {row.point for row in meant}


def test_ranges_are_of_one_building_and_of_two() -> None:
    widths = [
        last - first
        for one in made(Kind.RANGE)
        for first, last in [map(int, re.findall(r"\d+", one.answer["number"] + one.answer["street"])[:2])]
    ]
    assert min(widths) == 2
    assert max(widths) > 12


def test_a_folded_number_is_none_as_it_is_written() -> None:
    for one in made(Kind.FOLDED):
        text = one.answer["number"] or one.answer["street"]
        assert re.search(r"[-+<~?%]|\d[,.]0|[⁰¹²³⁴-⁹①-⑳]", text), text
        assert one.points == ()


@pytest.mark.parametrize(
    ("style", "line"), [(GERMAN, "Quai de la Sarre 7"), (SPANISH, "Quai de la Sarre, 7"), (DUTCH, "Quai de la Sarre 7")]
)
def test_a_whole_address_is_written_as_the_language_does(style: Style, line: str) -> None:
    seconds = [one.answer["street"] for one in made(Kind.TWO_ADDRESSES, style)]
    assert any(line in street for street in seconds)
