"""A flat that a slash joins to a house number: where the source has it, or where the region writes it so, its house."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.base import Place, Places
from jurat.vocabulary import Outcome, Reason
from tasks.rules.residence import Residence, decide_residence
from tests.tasks.rules.valmont import ANSWER, ELSEWHERE, HOUSE, METRE, WEST_ZONE

STREETS = {"en": "Mill Lane", "de": "Mühlstraße", "it": "Via Roma"}


def found(code: str, number: str, *houses: str, east: tuple[str, ...] = ()) -> Residence:
    """What is decided of a number where the source has `houses` in the zone and `east` outside."""
    street = STREETS[code[:2]]
    places = [
        replace(HOUSE, number=each, street=street, longitude=ELSEWHERE if each in east else HOUSE.longitude)
        for each in (*houses, *east)
    ]
    answer = {**ANSWER, "number": number, "street": street}
    joined = {**ANSWER, "number": "", "street": f"{number} {street}" if code[:2] == "en" else f"{street} {number}"}
    one, other = (
        decide_residence(each, Places("nominatim", places), WEST_ZONE, language=code) for each in (answer, joined)
    )
    assert (one.outcome, one.reason) == (other.outcome, other.reason)
    return one


@pytest.mark.parametrize(
    ("code", "number"),
    [("en", "1/41"), ("en-AU", "1/41"), ("de", "41/1"), ("de-AT", "41/1"), ("de-AT", "41a/1/2"), ("it", "41/1")],
)
def test_a_flat_that_the_source_has_is_that_flat(code: str, number: str) -> None:
    assert found(code, number, number, east=("1", "41")).outcome is Outcome.ACCEPTED
    assert found(code, number, "1", "41", east=(number,)).outcome is Outcome.REFUSED


@pytest.mark.parametrize("code", ["en-AU", "en-NZ", "de-AT"])
def test_a_flat_is_in_its_house_where_the_region_writes_it_so(code: str) -> None:
    number, other = ("1/41", "2/41") if code.startswith("en") else ("41/1/3", "41/2/3")
    assert found(code, number, "41", east=("1", other)).outcome is Outcome.ACCEPTED
    assert found(code, number, "1", other, east=("41",)).outcome is Outcome.REFUSED
    assert found(code, number, "1", other).reason is Reason.HOUSE_NUMBER_NOT_FOUND


@pytest.mark.parametrize(("code", "number"), [("en", "1/41"), ("en", "41/1"), ("de", "41/1"), ("de", "41/2/5")])
def test_elsewhere_nobody_knows_which_of_the_two_is_the_house(code: str, number: str) -> None:
    assert found(code, number, "1", "41").reason is Reason.HOUSE_NUMBER_NOT_FOUND


def test_a_number_by_itself_is_none_of_its_flats() -> None:
    assert found("en-AU", "41", "1/41").reason is Reason.HOUSE_NUMBER_NOT_FOUND
    assert found("en-AU", "1", "1/41").reason is Reason.HOUSE_NUMBER_NOT_FOUND
    assert found("de", "8/10", "8-10").outcome is Outcome.ACCEPTED  # one building, as before


@pytest.mark.parametrize("number", ["Unit 1, 41", "unit 1/41", "Flat 1 41", "U1/41", "Apt. 1, 41"])
def test_the_word_of_a_flat_tells_it_from_others_of_its_house(number: str) -> None:
    assert found("en-AU", number, "1/41", east=("41", "2/41")).outcome is Outcome.ACCEPTED
    assert found("en-AU", number, "41", east=("2/41",)).outcome is Outcome.ACCEPTED
    assert found("en", number, "41", east=("1",)).outcome is Outcome.ACCEPTED


def test_several_positions_of_one_number_decide_where_all_are_on_one_side_by_as_much_as_they_are_apart() -> None:
    one, near, far = (replace(HOUSE, street="Mill Lane", longitude=1.1 - metres * METRE) for metres in (60, 90, 160))
    answer = {**ANSWER, "street": "Mill Lane"}

    def decided(*places: Place) -> tuple[Outcome, Reason]:
        finding = decide_residence(answer, Places("nominatim", places), WEST_ZONE, language="en")
        return finding.outcome, finding.reason

    assert decided(one, near)[0] is Outcome.ACCEPTED
    assert decided(one, far) == (Outcome.UNDETERMINED, Reason.NEAR_BORDER)
    assert decided(one, replace(one, longitude=1.1 + 60 * METRE)) == (Outcome.UNDETERMINED, Reason.NEAR_BORDER)
    assert decided(one, replace(near, city="Brévan"))[0] is Outcome.ACCEPTED  # in another hamlet
