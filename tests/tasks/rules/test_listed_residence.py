"""The address rule where the zone is a list of addresses: it decides by identity, and has no margin."""

from __future__ import annotations

import string
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from adapters.address.address_lists import AddressList, ListedAddress, content_of
from adapters.address.zones import digest_of
from adapters.base import Place
from config.levels import Level
from jurat.vocabulary import Outcome, Reason
from tasks.rules.lasting_evidence import lasting
from tests.tasks.rules.valmont import ANSWER, HOUSE, METRE, STREET, decide, residence, undetermined

ACCEPTED = (Outcome.ACCEPTED, Reason.INSIDE_ZONE)
REFUSED = (Outcome.REFUSED, Reason.OUTSIDE_ZONE)
EIGHT = ListedAddress("Rue du Moulin", "8", "99002", "Valmont", "99901")


def register(*addresses: ListedAddress) -> AddressList:
    content = content_of(addresses, "fr")
    return AddressList("north", 2, content, digest_of(content))


NORTH, SOUTH = register(EIGHT), register(EIGHT._replace(number="10"))


def test_a_listed_house_is_accepted_and_one_that_is_not_listed_refused() -> None:
    assert decide(HOUSE, zone=NORTH) == ACCEPTED
    assert decide(HOUSE, zone=SOUTH) == REFUSED


def test_the_rules_before_hold_as_for_any_zone() -> None:
    assert decide(zone=NORTH) == undetermined(Reason.ADDRESS_NOT_FOUND)
    assert decide(STREET, zone=NORTH) == undetermined(Reason.HOUSE_NUMBER_NOT_FOUND)
    assert decide(replace(HOUSE, score=0.3), zone=NORTH) == undetermined(Reason.SCORE_TOO_LOW)
    assert decide(HOUSE, zone=NORTH, answer={**ANSWER, "postcode": "99500"}) == undetermined(Reason.POSTCODE_DIFFERS)


def test_what_may_be_listed_in_another_spelling_is_undetermined() -> None:
    bis = register(EIGHT._replace(number="8 bis"))
    assert decide(HOUSE, zone=bis) == undetermined(Reason.SOURCES_DISAGREE)
    found = residence(HOUSE, zone=bis)
    assert found.leaning is None
    assert found.evidence["rules"]["listed"] is False


def test_the_evidence_has_no_margin_and_keeps_whether_the_list_was_clear() -> None:
    evidence = residence(HOUSE, zone=NORTH).evidence
    assert not {"margin_m", "distance_m", "least_margin_m"} & evidence.keys()
    kept = lasting(evidence)
    assert (kept["zone"], kept["zone_version"], kept["zone_digest"]) == ("north", 2, NORTH.digest)
    assert kept["rules"]["listed"] is True


def test_a_house_that_nobody_knows_to_exist_is_not_refused() -> None:
    laid = replace(HOUSE, level=Level.INTERPOLATED)
    assert decide(laid, zone=NORTH) == ACCEPTED
    assert decide(laid, zone=SOUTH) == undetermined(Reason.SOURCES_DISAGREE)


def test_an_address_of_two_houses_far_apart_identifies_none() -> None:
    assert decide(HOUSE, replace(HOUSE, longitude=HOUSE.longitude + 100 * METRE), zone=NORTH) == ACCEPTED
    far = replace(HOUSE, longitude=HOUSE.longitude + 400 * METRE)
    for zone in (NORTH, SOUTH):
        assert decide(HOUSE, far, zone=zone) == undetermined(Reason.SOURCES_DISAGREE)


def test_a_range_decides_where_all_its_houses_are_listed_or_none_is() -> None:
    ten = replace(HOUSE, number="10")
    answer = {**ANSWER, "number": "8-10"}
    assert decide(HOUSE, ten, zone=register(EIGHT, EIGHT._replace(number="10")), answer=answer) == ACCEPTED
    assert decide(HOUSE, ten, zone=register(EIGHT._replace(number="30")), answer=answer) == REFUSED
    assert decide(HOUSE, ten, zone=NORTH, answer=answer) == undetermined(Reason.AMBIGUOUS_ADDRESS)


def test_a_street_without_number_is_refused_where_none_of_its_houses_is_listed() -> None:
    whole = replace(STREET, extent=(1.05, 44.05, 1.051, 44.051))
    answer = {**ANSWER, "number": ""}
    assert decide(whole, zone=NORTH, answer=answer) == undetermined(Reason.STREET_LEVEL)
    assert decide(whole, zone=register(EIGHT._replace(street="Quai Vert")), answer=answer) == REFUSED


# ------------------------------------------------------------------------------------------------ whatever is listed

STREETS = st.sampled_from(
    [
        "Rue du Moulin", "Rue du Moulin Vert", "Avenue du Moulin", "Rue des Moulins", "RUE DU MOULIN", "Rue Moulin",
        "Quai des Sardiniers", "Impasse Haute", "Rue du Moulín", "R. du Moulin",
    ]
)  # fmt: skip
NUMBERS = st.builds(
    lambda value, more: f"{value}{more}", st.integers(1, 12), st.sampled_from(["", " bis", "-14", " a"])
)
TOWNS = st.sampled_from(
    [("99002", "Valmont", "99901"), ("99002", "Brévan", "99950"), ("99003", "Valmont", "99901"), ("99500", "Rosec", "")]
)


@st.composite
def addresses(draw: st.DrawFn) -> ListedAddress:
    return ListedAddress(draw(STREETS), draw(NUMBERS | st.just("")), *draw(TOWNS))


def place_of(listed: ListedAddress) -> Place:
    number, code = listed.number or None, listed.city_code or None
    return replace(
        HOUSE, number=number, street=listed.street, postcode=listed.postcode, city=listed.city, city_code=code
    )


@given(st.lists(addresses(), min_size=1, max_size=8), st.data())
def test_a_house_of_the_list_is_never_refused(listed: list[ListedAddress], data: st.DataObject) -> None:
    own = data.draw(st.sampled_from(listed))
    assert register(*listed).holds(place_of(own)) is not False
    answer = {**own._asdict()}
    assert decide(place_of(own), zone=register(*listed), answer=answer)[0] is not Outcome.REFUSED


@given(st.lists(addresses(), max_size=8), addresses())
def test_a_house_of_no_list_is_never_accepted(listed: list[ListedAddress], other: ListedAddress) -> None:
    rest = [each for each in listed if each.number.replace(" ", "") != other.number.replace(" ", "")]
    assert register(*rest).holds(place_of(other)) is not True
    assert decide(place_of(other), zone=register(*rest), answer=other._asdict())[0] is not Outcome.ACCEPTED


@given(addresses(), st.text(string.ascii_lowercase, min_size=1, max_size=2), st.booleans())
def test_a_slip_in_the_register_refuses_nobody(own: ListedAddress, letters: str, behind: bool) -> None:
    street = f"{own.street}{letters[0]}" if behind else f"{own.street[:-1]}{letters[0]}"
    assert register(own._replace(street=street)).holds(place_of(own)) is not False
