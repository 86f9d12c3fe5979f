"""What an answer says beside the house that was found is never passed over: no side is taken by one of two readings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adapters.address.base.file import AddressFile
from adapters.base import Places, Query
from jurat.vocabulary import Outcome, Reason
from tasks.rules.residence import Residence, decide_residence
from tests.tasks.rules.valmont import ANSWER, ELSEWHERE, HOUSE, METRE, WEST_ZONE

INSIDE = HOUSE.longitude
House = tuple[str, str, float]


def decided(folder: Path, code: str, *houses: House, kinds: tuple[str, ...] = (), **answer: str) -> Residence:
    """What is decided of `answer` by a base with these `houses`: number and suffix, street and longitude."""
    lines = ["numero;rep;nom_voie;code_postal;nom_commune;lon;lat;type_position"]
    for place, (number, street, longitude) in enumerate(houses):
        value, _, suffix = number.partition(" ")
        kind = kinds[place] if kinds else ""
        lines.append(f"{value};{suffix};{street};99002;Valmont;{longitude};44.05;{kind}")
    path = folder / "base.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    asked = {**ANSWER, **answer}
    return decide_residence(asked, AddressFile(path, code).look_up(Query(asked)), WEST_ZONE, language=code)


@pytest.mark.parametrize("number", ["appt 3.5", "5 km", "étage 3.5", "5km"])
def test_an_unreadable_number_is_unreadable_beside_a_street_that_exists(tmp_path: Path, number: str) -> None:
    one = decided(tmp_path, "fr", ("5", "Rue du Moulin", INSIDE), number=number)
    assert (one.outcome, one.reason) == (Outcome.UNDETERMINED, Reason.NUMBER_MALFORMED)


def test_a_street_with_the_accents_typed_is_no_other_spelling(tmp_path: Path) -> None:
    houses = ("9", "Bödastraße", INSIDE), ("7", "Bodastraße", ELSEWHERE)
    one = decided(tmp_path, "de", *houses, number="9", street="Bodastraße")
    assert (one.outcome, one.reason) == (Outcome.UNDETERMINED, Reason.AMBIGUOUS_ADDRESS)
    assert decided(tmp_path, "de", *houses, number="9", street="Bödastraße").outcome is Outcome.ACCEPTED


def test_a_number_word_may_begin_a_misspelled_name(tmp_path: Path) -> None:
    houses = ("7", "Oak Drive", INSIDE), ("3", "Seven Oaks Drive", ELSEWHERE)
    one = decided(tmp_path, "en", *houses, number="", street="Seven Oak Drive")
    assert one.outcome is Outcome.UNDETERMINED
    assert decided(tmp_path, "en", *houses[:1], number="", street="Seven Oak Drive").outcome is Outcome.UNDETERMINED


@pytest.mark.parametrize(
    "city", ["Valmont CEDEX Brévan", "Valmont CEDEX, 12 rue Neuve", "Valmont 11 CEDEX 15", "Valmont XI CEDEX"]
)
def test_what_stands_beside_cedex_counts(tmp_path: Path, city: str) -> None:
    one = decided(tmp_path, "fr", ("8", "Rue du Moulin", INSIDE), city=city)
    assert (one.outcome, one.reason) == (Outcome.UNDETERMINED, Reason.POSTCODE_DIFFERS)


@pytest.mark.parametrize("kind", ["STL", "LOC", "interpolation"])
def test_the_point_of_a_street_or_a_locality_is_no_house(tmp_path: Path, kind: str) -> None:
    house = "8", "Rue du Moulin", 1.1 - 25 * METRE
    assert decided(tmp_path, "fr", house, kinds=(kind,)).reason is Reason.NEAR_BORDER


def test_a_direction_is_no_slip_of_a_kind_of_way(tmp_path: Path) -> None:
    for typed, street in (("Mill Avenuw E", "Mill Avenue"), ("Mill Avenuw", "Mill Avenue E")):
        one = decided(tmp_path, "en", ("8", street, INSIDE), street=typed)
        assert one.outcome is Outcome.UNDETERMINED


@pytest.mark.parametrize("number", ["8 Haus B", "Haus B 8"])
def test_a_lettered_house_may_be_that_with_the_letter(tmp_path: Path, number: str) -> None:
    houses = ("8", "Hauptstraße", INSIDE), ("8 b", "Hauptstraße", ELSEWHERE)
    assert decided(tmp_path, "de", *houses, number=number, street="Hauptstraße").outcome is Outcome.UNDETERMINED


@pytest.mark.parametrize(("asked", "outcome"), [(True, Outcome.ACCEPTED), (False, Outcome.UNDETERMINED)])
def test_a_lettered_house_is_its_number_where_the_letter_was_asked_for(asked: bool, outcome: Outcome) -> None:
    house = replace(HOUSE, street="Hauptstraße")
    places = Places("nominatim", [house], lettered=asked)
    answer = {**ANSWER, "number": "8 Haus B", "street": "Hauptstraße"}
    assert decide_residence(answer, places, WEST_ZONE, language="de").outcome is outcome
    beside = replace(house, number="8 b", longitude=ELSEWHERE)
    both = replace(places, places=[house, beside])
    assert decide_residence(answer, both, WEST_ZONE, language="de").outcome is Outcome.UNDETERMINED


def test_positions_that_are_each_exact_and_far_apart_are_two_houses(tmp_path: Path) -> None:
    houses = [("8", "Rue du Moulin", 1.1 + metres * METRE) for metres in (-60, 60)]
    assert decided(tmp_path, "fr", *houses, kinds=("3", "5")).outcome is Outcome.UNDETERMINED
