"""The address rule: every reason it may give, and what must hold whatever a geocoder answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import Polygon

from adapters.address.files import AddressFile
from adapters.address.zone_files import read_zones
from adapters.address.zones import Zone
from adapters.base import Level, Place, Places, Query
from jurat.words import Outcome, Reason
from tasks.residence import decide_residence

TOWN = Path(__file__).parents[2] / "examples" / "town"
WEST = Polygon([(1.0, 44.0), (1.1, 44.0), (1.1, 44.1), (1.0, 44.1)])
EAST = Polygon([(1.1, 44.0), (1.2, 44.0), (1.2, 44.1), (1.1, 44.1)])
# a degree of longitude at 44.05 degrees is 80,124 m
METRE = 1 / 80_124

ANSWER = {"number": "8", "street": "rue du Moulin", "postcode": "99002", "city": "Valmont"}
HOUSE = Place(Level.HOUSENUMBER, 1.05, 44.05, "8", "Rue du Moulin", "99002", "Valmont", "99901", 0.95)
ELSEWHERE = 1.15


def zone(shape: shapely.Geometry) -> Zone:
    return Zone("west", 3, shapely.to_wkb(shape))


WEST_ZONE, EAST_ZONE = zone(WEST), zone(EAST)


def decide(
    *places: Place, answer: dict[str, Any] = ANSWER, provider: str = "addok", **options: Any
) -> tuple[Outcome, Reason]:
    finding = decide_residence(answer, Places(provider, places), options.pop("zone", WEST_ZONE), **options)
    return finding.outcome, finding.reason


def undetermined(reason: Reason) -> tuple[Outcome, Reason]:
    return Outcome.UNDETERMINED, reason


def test_a_house_inside_is_accepted_and_one_outside_refused() -> None:
    assert decide(HOUSE) == (Outcome.ACCEPTED, Reason.INSIDE_ZONE)
    assert decide(HOUSE, zone=EAST_ZONE) == (Outcome.REFUSED, Reason.OUTSIDE_ZONE)


STREET = replace(HOUSE, level=Level.STREET, number=None)
TOWN_ITSELF = Place(Level.MUNICIPALITY, 1.05, 44.05, postcode="99002", city="Valmont", score=0.9)


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
    assert decide(HOUSE, replace(second, longitude=ELSEWHERE)) == undetermined(Reason.AMBIGUOUS_ADDRESS)
    assert decide(HOUSE, replace(second, longitude=1.1)) == undetermined(Reason.AMBIGUOUS_ADDRESS)


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
    rival = replace(HOUSE, street="Rue des Danneurs", longitude=ELSEWHERE)
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
        "rules": {"postcode": True, "name": True, "number": True, "score": True, "margin": True, "agreed": True},
        "margin_m": 20.0,
        "distance_m": 4000,
        "houses": 1,
    }


@pytest.mark.parametrize(("metres", "told"), [(17.9, 15), (-17.9, -15), (149, 100), (-999, -950), (3999, 3500)])
def test_the_distance_is_rounded_towards_the_border(metres: float, told: int) -> None:
    place = replace(HOUSE, longitude=1.1 - metres * METRE)
    assert decide_residence(ANSWER, Places("addok", [place]), WEST_ZONE).evidence["distance_m"] == told


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
    zones = {shape.id: Zone(shape.id, 1, shape.wkb) for shape in read_zones(TOWN / "zones.geojson")}

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
        (("old-town", "4", "r. des Taneurs", "99001"), ("accepted", "inside_zone")),
        (("old-town", "20", "Route de Brévan", "99001"), ("refused", "outside_zone")),
        (("old-town", "Appt 3, bât B, 33 ter", "av. du Phare", "99002"), ("refused", "outside_zone")),
        (("old-town", "5", "Rue du Passage", "99001"), ("accepted", "inside_zone")),
        (("old-town", "50", "Rue du Passage", "99001"), ("refused", "outside_zone")),
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
