"""The address rule: every reason it may give, and what must hold whatever a geocoder answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.address.base.file import AddressFile
from adapters.address.zones import ZoneGeometry
from adapters.base import Place, Places, Query
from adapters.zone_import.files import read_zone_file
from cli.lookups.verdict_text import RULES
from config.levels import Level
from jurat.vocabulary import Outcome, Reason
from tasks.rules.margins import margins_of
from tasks.rules.residence import Side, decide_residence
from tests.tasks.rules.valmont import (
    ANSWER,
    EAST_ZONE,
    ELSEWHERE,
    HOUSE,
    METRE,
    STREET,
    TOWN_ITSELF,
    WEST_ZONE,
    decide,
    residence,
    undetermined,
)

TOWN = Path(__file__).parents[3] / "examples" / "town"


def test_a_house_inside_is_accepted_and_one_outside_refused() -> None:
    assert decide(HOUSE) == (Outcome.ACCEPTED, Reason.INSIDE_ZONE)
    assert decide(HOUSE, zone=EAST_ZONE) == (Outcome.REFUSED, Reason.OUTSIDE_ZONE)


@pytest.mark.parametrize(
    ("places", "answer", "reason"),
    [
        ([], {}, Reason.ADDRESS_NOT_FOUND),
        ([TOWN_ITSELF], {}, Reason.LOCALITY_LEVEL),
        ([STREET], {}, Reason.HOUSE_NUMBER_NOT_FOUND),
        ([STREET], {"number": ""}, Reason.STREET_LEVEL),
        ([HOUSE], {"number": ""}, Reason.STREET_LEVEL),
        ([replace(HOUSE, number="8b")], {}, Reason.HOUSE_NUMBER_NOT_FOUND),
        ([HOUSE], {"number": "8 bis"}, Reason.HOUSE_NUMBER_NOT_FOUND),
        ([replace(HOUSE, postcode="99001")], {}, Reason.POSTCODE_DIFFERS),
        ([replace(HOUSE, postcode=None)], {}, Reason.POSTCODE_DIFFERS),
        ([HOUSE], {"postcode": ""}, Reason.POSTCODE_DIFFERS),
        ([replace(HOUSE, city="Brévan")], {}, Reason.POSTCODE_DIFFERS),
        ([replace(HOUSE, street="Rue du Vieux Moulin")], {}, Reason.STREET_DIFFERS),
        ([replace(HOUSE, street=None)], {}, Reason.LOCALITY_LEVEL),
        ([HOUSE], {"street": ""}, Reason.STREET_DIFFERS),
        ([replace(HOUSE, score=0.3)], {}, Reason.SCORE_TOO_LOW),
        ([replace(HOUSE, score=None)], {}, Reason.SCORE_TOO_LOW),
        ([HOUSE], {"street": "10 rue du Moulin"}, Reason.AMBIGUOUS_ADDRESS),
        ([replace(HOUSE, longitude=1.1 - 15 * METRE)], {}, Reason.NEAR_BORDER),
        ([replace(HOUSE, longitude=1.1 + 15 * METRE)], {}, Reason.NEAR_BORDER),
        # a house number that is laid along the street is not as sure as a house
        ([replace(HOUSE, level=Level.INTERPOLATED, longitude=1.1 - 100 * METRE)], {}, Reason.NEAR_BORDER),
    ],
)
def test_anything_less_than_proof_is_undetermined(places: list[Place], answer: dict[str, str], reason: Reason) -> None:
    assert decide(*places, answer={**ANSWER, **answer}) == undetermined(reason)


def test_the_margin_and_the_floor_can_be_set() -> None:
    near = replace(HOUSE, longitude=1.1 - 15 * METRE)
    assert decide(near, margin={Level.HOUSENUMBER: 10.0})[0] is Outcome.ACCEPTED
    assert decide(near, margin={Level.INTERPOLATED: 10.0}) == undetermined(Reason.NEAR_BORDER)
    assert decide(replace(HOUSE, longitude=1.1), margin={Level.HOUSENUMBER: 0.0}) == undetermined(Reason.NEAR_BORDER)
    assert decide(HOUSE, score_floor=0.99) == undetermined(Reason.SCORE_TOO_LOW)
    assert decide(replace(HOUSE, score=0.3), score_floor=0.2)[0] is Outcome.ACCEPTED


def test_a_source_without_scores_needs_none() -> None:
    assert decide(replace(HOUSE, score=None), provider="another")[0] is Outcome.ACCEPTED


def test_two_houses_on_both_sides_are_ambiguous_and_two_on_one_side_are_not() -> None:
    second = replace(HOUSE, longitude=1.06)
    assert decide(HOUSE, second)[0] is Outcome.ACCEPTED
    other = replace(second, street="Rue du Moulin (Port)", longitude=1.1)
    assert decide(HOUSE, other) == (Outcome.ACCEPTED, Reason.INSIDE_ZONE), "it is called just so"
    answer = {**ANSWER, "street": "rue du Moulinn"}
    assert decide(HOUSE, replace(other, street="Rue du Moulins"), answer=answer) == undetermined(
        Reason.AMBIGUOUS_ADDRESS
    )


def test_what_has_positions_far_apart_may_lie_as_far_from_each() -> None:
    """A block of houses with one number and many doors, of which a geocoder tells a few."""
    near = replace(HOUSE, longitude=1.1 - 60 * METRE)
    assert decide(near)[0] is Outcome.ACCEPTED
    assert decide(near, replace(near, longitude=1.1 - 110 * METRE))[0] is Outcome.ACCEPTED
    assert decide(near, replace(near, longitude=1.1 - 130 * METRE)) == undetermined(Reason.NEAR_BORDER)
    assert decide(HOUSE, replace(HOUSE, longitude=ELSEWHERE)) == undetermined(Reason.NEAR_BORDER)
    another = replace(near, city_code="99902", longitude=1.1 - 130 * METRE)
    assert decide(near, another)[0] is Outcome.ACCEPTED, "another address says nothing of this one"


def test_the_town_tells_two_streets_of_one_name_apart() -> None:
    other = replace(HOUSE, city="Port-Valmont", longitude=ELSEWHERE)
    unnamed = {name: value for name, value in ANSWER.items() if name != "city"}
    assert decide(HOUSE, other, answer=unnamed) == undetermined(Reason.AMBIGUOUS_ADDRESS)
    assert decide(HOUSE, other)[0] is Outcome.ACCEPTED
    assert decide(HOUSE, other, answer={**ANSWER, "city": "Port Valmont"})[0] is Outcome.REFUSED


def test_a_misspelled_street_decides_unless_another_may_be_meant() -> None:
    answer = {**ANSWER, "street": "rue des Tanneeurs"}
    tanners = replace(HOUSE, street="Rue des Tanneurs")
    assert decide(tanners, answer=answer)[0] is Outcome.ACCEPTED
    rival = replace(HOUSE, street="Rue des Tanneeurt", longitude=ELSEWHERE)
    assert decide(tanners, rival, answer=answer) == undetermined(Reason.AMBIGUOUS_ADDRESS)
    # written exactly, it leaves no doubt
    assert decide(rival, tanners, answer={**ANSWER, "street": "rue des Tanneurs"})[0] is Outcome.ACCEPTED


def test_a_similar_street_is_not_taken_for_one_that_has_the_name_but_not_the_number() -> None:
    answer = {**ANSWER, "street": "rue des Tanneurs"}
    named = replace(STREET, street="Rue des Tanneurs")
    similar = replace(HOUSE, street="Rue des Tanneeurs")
    assert decide(similar, named, answer=answer) == undetermined(Reason.HOUSE_NUMBER_NOT_FOUND)


def test_a_similar_street_is_not_taken_where_the_name_exists_under_another_postcode() -> None:
    similar = replace(HOUSE, street="Rue du Moulinn")
    assert decide(similar, replace(HOUSE, postcode="99001")) == undetermined(Reason.POSTCODE_DIFFERS)


def test_the_evidence_tells_the_rules_and_neither_address_nor_position() -> None:
    finding = decide_residence(ANSWER, Places("addok", [HOUSE, STREET], date(2026, 11, 1)), WEST_ZONE)
    assert finding.data_date == date(2026, 11, 1)
    assert finding.evidence == {
        "provider": "addok",
        "data_date": "2026-11-01",
        "zone": "west",
        "zone_version": 3,
        "zone_digest": WEST_ZONE.digest,
        "candidates": 2,
        "level": "housenumber",
        "score": 0.95,
        "next_score": 0.95,
        "name_similarity": 1.0,
        "rules": dict.fromkeys((rule for rule in RULES if rule not in {"whole_street", "listed"}), True),
        "margin_m": 20.0,
        "distance_m": 4000,
        "houses": 1,
    }


# ------------------------------------------------------------------------------------------------ margins and floors


def test_margins_are_of_the_provider_and_the_level() -> None:
    assert margins_of("addok") == {Level.HOUSENUMBER: 20, Level.INTERPOLATED: 150, Level.STREET: 150}
    assert margins_of("us-census") == {Level.INTERPOLATED: 150}
    assert margins_of("addok", {Level.HOUSENUMBER: 5, Level.MUNICIPALITY: 5})[Level.HOUSENUMBER] == 5
    for level in (Level.POSTCODE, Level.LOCALITY, Level.MUNICIPALITY):
        assert level not in margins_of("nominatim", {level: 1.0}), "no margin makes it decide"


def test_a_level_without_a_margin_never_decides() -> None:
    assert decide(HOUSE, provider="us-census") == undetermined(Reason.HOUSE_NUMBER_NOT_FOUND)
    laid = replace(HOUSE, level=Level.INTERPOLATED)
    assert decide(laid, provider="us-census") == (Outcome.ACCEPTED, Reason.INSIDE_ZONE)


def test_each_provider_has_its_own_floor() -> None:
    doubtful = replace(HOUSE, score=0.7)
    assert decide(doubtful, provider="addok")[0] is Outcome.ACCEPTED
    assert decide(doubtful, provider="pelias") == undetermined(Reason.SCORE_TOO_LOW)
    assert decide(replace(doubtful, score=0.8), provider="pelias")[0] is Outcome.ACCEPTED


# ------------------------------------------------------------------------------------------------ two slips


@pytest.mark.parametrize("word", ["molun", "moxlyn", "mowlni"])
def test_a_word_with_two_slips_is_believed_only_where_the_source_knows_no_such_word(word: str) -> None:
    answer = {**ANSWER, "street": f"rue du {word}"}
    assert decide(HOUSE, answer=answer) == undetermined(Reason.STREET_DIFFERS)
    assert decide(HOUSE, answer=answer, unknown={"another"}) == undetermined(Reason.STREET_DIFFERS)
    assert decide(HOUSE, answer=answer, unknown={word})[0] is Outcome.ACCEPTED


def test_three_slips_are_another_word() -> None:
    answer = {**ANSWER, "street": "rue du mxwlyn"}
    assert decide(HOUSE, answer=answer, unknown={"mxwlyn"}) == undetermined(Reason.STREET_DIFFERS)


def test_a_real_word_is_never_taken_for_a_misspelled_one() -> None:
    answer = {**ANSWER, "street": "place Mabillon"}
    square = replace(HOUSE, street="Place Gaillon")
    assert decide(square, answer=answer) == undetermined(Reason.STREET_DIFFERS)
    assert decide(square, answer=answer, provider="address-file") == undetermined(Reason.STREET_DIFFERS)
    assert decide(square, answer=answer, unknown={"mabillon"})[0] is Outcome.ACCEPTED
    for provider in ("nominatim", "photon", "pelias", "another"):  # they cannot tell
        assert decide(square, answer=answer, provider=provider) == undetermined(Reason.STREET_DIFFERS)


# ------------------------------------------------------------------------------------------------ the town's code


def test_the_towns_code_does_instead_of_the_postcode() -> None:
    elsewhere = replace(HOUSE, postcode="99003")
    assert decide(elsewhere) == undetermined(Reason.POSTCODE_DIFFERS)
    assert decide(elsewhere, answer={**ANSWER, "city_code": "99901"})[0] is Outcome.ACCEPTED
    assert decide(elsewhere, answer={**ANSWER, "city_code": "99902"}) == undetermined(Reason.POSTCODE_DIFFERS)


def test_the_towns_code_tells_two_towns_of_one_postcode_apart() -> None:
    unnamed = {name: value for name, value in ANSWER.items() if name != "city"}
    other = replace(HOUSE, city="Port-Valmont", city_code="99902", longitude=ELSEWHERE)
    assert decide(other, answer={**unnamed, "city_code": "99901"}) == undetermined(Reason.POSTCODE_DIFFERS)
    assert decide(HOUSE, other, answer={**unnamed, "city_code": "99902"}) == (Outcome.REFUSED, Reason.OUTSIDE_ZONE)
    # the code of a whole town, where the source has those of its districts, and says that it has no place of that code
    whole = {**ANSWER, "city_code": "99900"}
    assert decide(HOUSE, answer=whole) == undetermined(Reason.POSTCODE_DIFFERS)
    assert decide_residence(whole, Places("addok", [HOUSE], knows_code=False), WEST_ZONE).outcome is Outcome.ACCEPTED


def test_where_some_street_has_the_postcode_the_towns_code_alone_does_not_do() -> None:
    answer = {**ANSWER, "city_code": "99901"}
    other = replace(HOUSE, postcode="99003", longitude=ELSEWHERE)
    assert decide(other, answer=answer) == (Outcome.REFUSED, Reason.OUTSIDE_ZONE)
    for here in (HOUSE, STREET):
        found = residence(here, other, answer=answer)
        assert found.outcome is (Outcome.ACCEPTED if here is HOUSE else Outcome.UNDETERMINED)
        assert bool(found.candidates) is (here is STREET), "the one that has the house is offered"
    similar = replace(STREET, street="Rue du Moulinn")
    assert decide(similar, other, answer=answer) == undetermined(Reason.POSTCODE_DIFFERS)


def test_two_towns_of_one_name_are_told_apart_by_their_codes() -> None:
    other = replace(HOUSE, city_code="99902", longitude=ELSEWHERE)
    found = residence(HOUSE, other)
    assert (found.outcome, found.reason) == undetermined(Reason.AMBIGUOUS_ADDRESS)
    plain = {"number": "8", "street": "Rue du Moulin", "postcode": "99002", "city": "Valmont"}
    assert found.candidates == ({**plain, "city_code": "99901"}, {**plain, "city_code": "99902"})
    here, there = (decide(HOUSE, other, answer=dict(chosen)) for chosen in found.candidates)
    assert (here, there) == ((Outcome.ACCEPTED, Reason.INSIDE_ZONE), (Outcome.REFUSED, Reason.OUTSIDE_ZONE))


def test_a_place_that_names_no_town_agrees_with_none_that_was_named() -> None:
    nameless = replace(HOUSE, city=None)
    assert decide(nameless) == undetermined(Reason.POSTCODE_DIFFERS)
    assert decide(nameless, answer={**ANSWER, "city_code": "99901"})[0] is Outcome.ACCEPTED
    assert decide(nameless, answer={**ANSWER, "city": ""})[0] is Outcome.ACCEPTED


# ------------------------------------------------------------------------------------------------ the base of one town


def test_a_base_that_may_hold_one_town_alone_decides_only_where_the_town_was_named() -> None:
    unnamed = {**ANSWER, "city": ""}
    found = residence(HOUSE, answer=unnamed, provider="address-file")
    assert (found.outcome, found.reason) == undetermined(Reason.AMBIGUOUS_ADDRESS)
    assert found.candidates == ({"number": "8", "street": "Rue du Moulin", "postcode": "99002", "city": "Valmont"},)
    for answer in (found.candidates[0], ANSWER, {**unnamed, "city_code": "99901"}):
        assert decide(HOUSE, answer=dict(answer), provider="address-file")[0] is Outcome.ACCEPTED
    assert decide(HOUSE, answer=unnamed, provider="addok")[0] is Outcome.ACCEPTED


def test_a_town_is_confirmed_by_its_code_where_it_has_no_name_and_not_at_all_where_it_has_neither() -> None:
    unnamed = {**ANSWER, "city": ""}
    nameless = replace(HOUSE, city=None)
    (offered,) = residence(nameless, answer=unnamed, provider="address-file").candidates
    assert offered == {"number": "8", "street": "Rue du Moulin", "postcode": "99002", "city_code": "99901"}
    assert decide(nameless, answer=dict(offered), provider="address-file")[0] is Outcome.ACCEPTED
    found = residence(replace(nameless, city_code=None), answer=unnamed, provider="address-file")
    assert (found.reason, found.candidates) == (Reason.AMBIGUOUS_ADDRESS, ())


def test_a_base_of_one_town_leans_nowhere_where_no_town_was_named() -> None:
    near = replace(HOUSE, longitude=1.1 - 15 * METRE)
    whole = replace(STREET, extent=(1.02, 44.04, 1.06, 44.06))
    for place, reason in ((near, Reason.NEAR_BORDER), (whole, Reason.HOUSE_NUMBER_NOT_FOUND)):
        for city, leaning in (("", None), ("Valmont", Side.INSIDE)):
            found = residence(place, answer={**ANSWER, "city": city}, provider="address-file")
            assert (found.reason, found.leaning) == (reason, leaning)


# ------------------------------------------------------------------------------------------------ initials


def test_a_name_with_an_initial_is_no_exact_one() -> None:
    answer = {**ANSWER, "street": "rue A. Corvec"}
    own, full = (replace(HOUSE, street=f"Rue {name} Corvec") for name in ("A.", "Amédée"))
    assert decide(own, answer=answer)[0] is decide(full, answer=answer)[0] is Outcome.ACCEPTED
    other = replace(full, longitude=ELSEWHERE)
    assert decide(own, other, answer=answer) == undetermined(Reason.AMBIGUOUS_ADDRESS)
    assert decide(replace(HOUSE, street="Rue E. Corvec"), answer=answer) == undetermined(Reason.STREET_DIFFERS)
    assert decide(replace(own, postcode="99001"), full, answer=answer) == undetermined(Reason.POSTCODE_DIFFERS)


@pytest.mark.parametrize(("metres", "distance"), [(17.9, 15), (-17.9, -15), (149, 100), (-999, -950), (3999, 3500)])
def test_the_distance_is_rounded_towards_the_border(metres: float, distance: int) -> None:
    place = replace(HOUSE, longitude=1.1 - metres * METRE)
    assert decide_residence(ANSWER, Places("addok", [place]), WEST_ZONE).evidence["distance_m"] == distance


@pytest.mark.parametrize("metres", [0.0, 1e-9, -1e-9, 0.004])
def test_a_position_on_the_border_decides_nothing_whatever_its_margin(metres: float) -> None:
    place = replace(HOUSE, longitude=1.1 - metres * METRE)
    for zone in (WEST_ZONE, EAST_ZONE):
        finding = decide_residence(ANSWER, Places("addok", [place]), zone, {Level.HOUSENUMBER: 0.0})
        assert (finding.outcome, finding.reason) == (Outcome.UNDETERMINED, Reason.NEAR_BORDER)


NEARBY = st.floats(1.08, 1.12)
NAMES = st.sampled_from(["Rue du Moulin", "Rue du Moulinn", "Rue du Moulim", "Rue du Port", None])
PLACES = st.lists(
    st.builds(
        Place,
        level=st.sampled_from(Level),
        longitude=NEARBY,
        latitude=st.floats(44.02, 44.08),
        number=st.sampled_from(["8", "8bis", None]),
        street=NAMES,
        postcode=st.sampled_from(["99002", "99001"]),
        city=st.sampled_from(["Valmont", "Port-Valmont", None]),
        city_code=st.just("99901"),
        score=st.floats(0, 1),
    ),
    max_size=4,
)
ANSWERS = st.fixed_dictionaries(
    {
        "number": st.sampled_from(["8", "8 bis", "", "8-10"]),
        "street": st.sampled_from(["rue du Moulin", "r du moulln", "rue du Moulins", "9 rue du Moulin"]),
        "postcode": st.sampled_from(["99002", "99001"]),
        "city": st.sampled_from(["Valmont", ""]),
    }
)


@given(ANSWERS, PLACES, st.sampled_from([0.0, 5.0, 20.0]))
def test_nobody_is_accepted_for_a_zone_and_for_its_complement(
    answer: dict[str, str], places: list[Place], margin: float
) -> None:
    found = Places("addok", places)
    west, east = (decide_residence(answer, found, side, {Level.HOUSENUMBER: margin}) for side in (WEST_ZONE, EAST_ZONE))
    assert {west.outcome, east.outcome} in ({Outcome.UNDETERMINED}, {Outcome.ACCEPTED, Outcome.REFUSED})


@given(ANSWERS, NEARBY, st.floats(0, 0.01))
def test_moving_further_inside_never_turns_accepted_into_anything_else(
    answer: dict[str, str], longitude: float, step: float
) -> None:
    here, further = (replace(HOUSE, longitude=longitude - moved) for moved in (0.0, step))
    if decide(here, answer=answer)[0] is Outcome.ACCEPTED:
        assert decide(further, answer=answer)[0] is Outcome.ACCEPTED


@given(ANSWERS, PLACES)
def test_only_a_house_that_echoes_number_and_postcode_decides(answer: dict[str, str], places: list[Place]) -> None:
    finding = decide_residence(answer, Places("addok", places), WEST_ZONE)
    if finding.outcome is not Outcome.UNDETERMINED:
        assert any(
            place.level in {Level.HOUSENUMBER, Level.INTERPOLATED}
            and place.number is not None
            and place.postcode == answer["postcode"]
            for place in places
        )


@given(ANSWERS, PLACES)
def test_the_evidence_is_json_without_the_answer(answer: dict[str, str], places: list[Place]) -> None:
    text = json.dumps(decide_residence(answer, Places("addok", places), WEST_ZONE).evidence).casefold()
    for personal in ("moulin", "moulln", "99002", "99001", "valmont", "44.0"):
        assert personal not in text


@pytest.fixture(scope="module")
def ask() -> Callable[..., tuple[str, str]]:
    """Asks the invented town's own address base."""
    base = AddressFile(TOWN / "addresses.csv")
    zones = {shape.id: ZoneGeometry(shape.id, 1, shape.wkb) for shape in read_zone_file(TOWN / "zones.geojson").zones}

    def ask(zone: str, number: str, street: str, postcode: str, city: str = "") -> tuple[str, str]:
        answer = {"number": number, "street": street, "postcode": postcode, "city": city}
        found = base.look_up(Query(answer))
        finding = decide_residence(answer, found, zones[zone])
        return str(finding.outcome), str(finding.reason)

    return ask


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        (("old-town", "8 bis", "rue des Tanneurs", "99001", "Valmont"), ("accepted", "inside_zone")),
        (("hill", "8 bis", "rue des Tanneurs", "99001", "Valmont"), ("refused", "outside_zone")),
        (("old-town", "4", "r. des Taneurs", "99001", "Valmont"), ("accepted", "inside_zone")),
        (("old-town", "20", "Route de Brévan", "99001", "Valmont"), ("refused", "outside_zone")),
        (("old-town", "Appt 3, bât B, 33 ter", "av. du Phare", "99002", "Valmont"), ("refused", "outside_zone")),
        (("old-town", "5", "Rue du Passage", "99001", "Valmont"), ("accepted", "inside_zone")),
        (("old-town", "50", "Rue du Passage", "99001", "Valmont"), ("refused", "outside_zone")),
        (("old-town", "50", "Rue du Passage", "99001"), ("undetermined", "ambiguous_address")),
        (("old-town", "28", "Rue du Passage", "99001"), ("undetermined", "near_border")),
        (("harbour", "12", "Boulevard des Remparts", "99001"), ("undetermined", "near_border")),
        (("old-town", "400", "rue des Tanneurs", "99001"), ("undetermined", "house_number_not_found")),
        (("old-town", "", "rue des Tanneurs", "99001"), ("undetermined", "street_level")),
        (("old-town", "4", "rue des Tanneurs", "99002"), ("undetermined", "postcode_differs")),
        (("hill", "4", "rue de l'Église", "99002"), ("undetermined", "ambiguous_address")),
        (("hill", "4", "rue de l'Église", "99002", "Valmont"), ("accepted", "inside_zone")),
        (("hill", "4", "rue de l'Église", "99002", "Port-Valmont"), ("refused", "outside_zone")),
        (("old-town", "4", "rue des Dragons Verts", "99001"), ("undetermined", "address_not_found")),
    ],
)
def test_the_invented_town(
    ask: Callable[..., tuple[str, str]], asked: tuple[str, ...], verdict: tuple[str, str]
) -> None:
    assert ask(*asked) == verdict


def test_a_street_of_this_name_in_the_next_town_does_not_decide_for_the_house() -> None:
    answer = {name: value for name, value in ANSWER.items() if name != "city"}
    for there, verdict in (
        (HOUSE.longitude, (Outcome.ACCEPTED, Reason.INSIDE_ZONE)),
        (ELSEWHERE, undetermined(Reason.AMBIGUOUS_ADDRESS)),
    ):
        next_town = replace(STREET, city="Brancourt", city_code=None, longitude=there)
        assert decide(HOUSE, next_town, answer=answer) == verdict
        assert decide(next_town, HOUSE, answer=answer) == verdict
