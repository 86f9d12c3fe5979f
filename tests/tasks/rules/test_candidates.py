"""What is offered where nothing was found as typed: addresses that exist, and none of another town."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from adapters.base import Place, Places
from config.levels import Level
from jurat.vocabulary import Outcome, Reason
from tasks.rules.candidates import MOST_SUGGESTIONS
from tasks.rules.residence import decide_residence
from tests.tasks.rules.valmont import ANSWER, ELSEWHERE, HOUSE, STREET, TOWN_ITSELF, WEST_ZONE, decide, undetermined

ASKED = {name: ANSWER[name] for name in ("number", "street", "postcode", "city")}


def offered(
    *places: Place, near: tuple[Place, ...] = (), reason: Reason, answer: Mapping[str, Any] = ANSWER
) -> list[str]:
    """Number and street of what is offered, after the verdict was undetermined for `reason`."""
    found = decide_residence(answer, Places("addok", places, near=near), WEST_ZONE)
    assert (found.outcome, found.reason) == (Outcome.UNDETERMINED, reason)
    return [f"{each.get('number', '')} {each['street']}".strip() for each in found.candidates]


def house(**changes: Any) -> Place:
    return replace(HOUSE, **changes)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ((), Reason.ADDRESS_NOT_FOUND),
        ((TOWN_ITSELF,), Reason.LOCALITY_LEVEL),
        ((house(street="Rue du Port"),), Reason.STREET_DIFFERS),
        ((house(postcode="99003"),), Reason.POSTCODE_DIFFERS),
        ((STREET,), Reason.HOUSE_NUMBER_NOT_FOUND),
    ],
)
def test_what_the_source_holds_for_near_is_offered_and_decides_nothing(
    found: tuple[Place, ...], reason: Reason
) -> None:
    near = house(street="Rue du Moulinet")
    assert "8 Rue du Moulinet" in offered(*found, near=(near,), reason=reason)


def test_the_geocoders_own_houses_are_offered_in_its_order() -> None:
    places = (house(street="Route du Moulin"), house(street="Rue du Port"), house(street="Rue du Moulinage"))
    assert offered(*places, reason=Reason.STREET_DIFFERS) == [f"8 {each.street}" for each in places]


def test_an_address_with_another_postcode_is_offered_as_the_source_has_it_and_decides_once_it_is_chosen() -> None:
    here = house(postcode="99003")
    found = decide_residence(ANSWER, Places("addok", [here]), WEST_ZONE)
    (candidate,) = found.candidates
    assert candidate == {"number": "8", "street": "Rue du Moulin", "postcode": "99003", "city": "Valmont"}
    assert decide(here, answer=dict(candidate)) == (Outcome.ACCEPTED, Reason.INSIDE_ZONE)


def test_a_number_that_no_house_has_is_never_offered() -> None:
    beside = (house(number="6"), house(number="8 bis"))
    for places in ((STREET,), (replace(HOUSE, level=Level.INTERPOLATED, street="Rue du Port"),)):
        reason = Reason.HOUSE_NUMBER_NOT_FOUND if places == (STREET,) else Reason.STREET_DIFFERS
        assert "8 Rue du Moulin" not in offered(*places, near=beside, reason=reason)
    found = offered(STREET, near=beside, reason=Reason.HOUSE_NUMBER_NOT_FOUND)
    assert found == ["6 Rue du Moulin", "8 bis Rue du Moulin"]


def test_houses_with_other_numbers_are_offered_only_in_the_street_that_was_meant() -> None:
    other = house(number="6", street="Rue du Port")
    assert offered(STREET, other, reason=Reason.HOUSE_NUMBER_NOT_FOUND) == []
    assert offered(house(number="6", street="Rue du Port"), reason=Reason.STREET_DIFFERS) == []


def test_no_house_of_another_town_is_offered() -> None:
    elsewhere = house(postcode="88001", city="Port-Brévan", city_code="88901")
    assert offered(elsewhere, reason=Reason.POSTCODE_DIFFERS) == []
    assert offered(elsewhere, reason=Reason.POSTCODE_DIFFERS, answer={**ANSWER, "city": ""}) == ["8 Rue du Moulin"]


def test_without_a_number_streets_are_offered_and_no_houses() -> None:
    answer = {**ANSWER, "number": ""}
    places = (house(street="Rue du Port"), replace(STREET, street="Rue du Moulinet"))
    assert offered(*places, reason=Reason.STREET_DIFFERS, answer=answer) == ["Rue du Moulinet"]


def test_a_few_are_offered_at_most() -> None:
    near = tuple(house(number=str(number)) for number in range(20, 40))
    assert len(offered(STREET, near=near, reason=Reason.HOUSE_NUMBER_NOT_FOUND)) == MOST_SUGGESTIONS


@pytest.mark.parametrize("spelling", ["Rue Moulin", "R du Moulin", "Rue du Moûlin"])
def test_a_street_that_a_base_has_in_two_spellings_is_one(spelling: str) -> None:
    lacking = replace(STREET, street=spelling, longitude=ELSEWHERE)
    base = "address-file"
    assert decide(HOUSE, lacking, provider=base) == (Outcome.ACCEPTED, Reason.INSIDE_ZONE)
    assert decide(HOUSE, replace(HOUSE, street=spelling, longitude=ELSEWHERE), provider=base) == undetermined(
        Reason.AMBIGUOUS_ADDRESS
    )
    unlike = {**ANSWER, "street": "rue du Moulon"}
    assert decide(HOUSE, replace(STREET, street="Rue du Moulan", longitude=ELSEWHERE), answer=unlike) == undetermined(
        Reason.AMBIGUOUS_ADDRESS
    )
