"""Nominatim: its conformance, its queries, what its ranks and boxes mean, and its answers' shape."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.address.geocoders.nominatim import CANDIDATES, Nominatim
from adapters.base import Places, Query, Unreadable
from adapters.http_client.transport import Transport
from config.levels import Level
from config.networks import LOOPBACK
from examples.sources import Mood
from tests.adapters.address.servers import Answering, changed
from tests.adapters.conformance import Case, Conformance, Subject

HOUSE = {"number": "4", "street": "Rue des Tanneurs", "postcode": "99001", "city": "Valmont"}
CHURCH = {"number": "4", "street": "Rue de l'Église", "postcode": "99002"}
ADDRESS = {"road": "Rue des Tanneurs", "city": "Valmont", "postcode": "99001", "country_code": "xx"}


def result(**given: Any) -> dict[str, Any]:
    """A house in the form of jsonv2, with other values where they are given."""
    address = given.get("address") or {"house_number": "4", **ADDRESS}
    shown = [address[key] for key in ("house_number", "road", "city", "postcode") if isinstance(address.get(key), str)]
    return {
        "place_id": 1, "licence": "Data © OpenStreetMap contributors, ODbL 1.0.", "osm_type": "node", "osm_id": 7,
        "lat": "44.0100000", "lon": "-37.9900000", "category": "place", "type": "house", "place_rank": 30,
        "importance": 1e-05, "addresstype": "place", "name": "", "display_name": ", ".join(shown),
        "address": {"house_number": "4", **ADDRESS},
        "boundingbox": ["44.0099500", "44.0100500", "-37.9900500", "-37.9899500"],
        **given,
    }  # fmt: skip


def way(south: str, north: str, west: str, east: str, **given: Any) -> dict[str, Any]:
    """A part of a street."""
    own = {"osm_type": "way", "category": "highway", "type": "residential", "place_rank": 26, "address": ADDRESS}
    return result(**{**own, "boundingbox": [south, north, west, east], **given})


def build(url: str) -> Nominatim:
    return Nominatim(url, Transport(loopback_http=True, private_networks=LOOPBACK))


class TestNominatim(Conformance):
    subject = Subject(
        service="nominatim",
        build=build,
        found=Case(Query(HOUSE), lambda found: found.places[0].number == "4"),
        missing=Case(Query({**HOUSE, "street": "Zzyzx"}), lambda found: not found.places),
        ambiguous=Case(Query(CHURCH), lambda found: len({place.city for place in found.places}) > 1),
        nothing=frozenset({Mood.LIST}),  # an empty list is how it says so
    )


def ask(geocoder: Answering, answer: dict[str, str] | None = None, **options: Any) -> Places:
    source = Nominatim(geocoder.url + "/", Transport(loopback_http=True, private_networks=LOOPBACK), **options)
    try:
        return source.look_up(Query(answer or HOUSE))
    finally:
        source.close()


def test_it_asks_for_the_parts_of_the_address(geocoder: Answering) -> None:
    geocoder.bodies = [[]]
    ask(geocoder, {"number": "8 bis", "street": "Bd des Tanneurs, 3e étage", "postcode": "99001", "city": "Valmont"})
    assert geocoder.asked == [
        (
            "/base/search",
            {
                "street": "8 bis boulevard des tanneurs",
                "city": "Valmont",
                "postalcode": "99001",
                "format": "jsonv2",
                "addressdetails": "1",
                "dedupe": "0",
                "limit": "40",
                "accept-language": "fr",
            },
        )
    ]


def test_country_and_address_of_the_administrator_are_sent_where_they_are_configured(geocoder: Answering) -> None:
    geocoder.bodies = [[]]
    ask(geocoder, {"street": "rue Zzyzx"}, country="FR", email="geo@valmont.example", language="fr")
    assert geocoder.query["countrycodes"] == "fr"
    assert geocoder.query["email"] == "geo@valmont.example"
    assert not {"city", "postalcode", "q"} & set(geocoder.query)


def test_it_never_has_the_name_of_a_library(geocoder: Answering) -> None:
    geocoder.bodies = [[]]
    ask(geocoder)
    assert geocoder.headers_received[0]["User-Agent"] == "jurat"


def test_a_house_keeps_what_the_rule_needs(geocoder: Answering) -> None:
    geocoder.bodies = [[result()]]
    places = ask(geocoder)
    assert (places.provider, places.data_date) == ("nominatim", None)
    assert "OpenStreetMap" in places.attribution
    (house,) = places.places
    assert (house.level, house.number, house.street) == (Level.HOUSENUMBER, "4", "Rue des Tanneurs")
    assert (house.postcode, house.city, house.score, house.extent) == ("99001", "Valmont", None, None)
    assert (house.longitude, house.latitude) == (-37.99, 44.01)


@pytest.mark.parametrize(
    ("given", "level"),
    [
        ({"place_rank": 30, "address": ADDRESS, "category": "shop"}, Level.LOCALITY),  # a shop without a number
        ({"place_rank": 26, "address": ADDRESS}, Level.STREET),
        ({"place_rank": 27, "address": ADDRESS}, Level.STREET),
        ({"place_rank": 26}, Level.STREET),  # a number does not make a street a house
        ({"place_rank": 28, "address": ADDRESS}, Level.LOCALITY),
        ({"place_rank": 25, "type": "postcode", "address": {"postcode": "99001"}}, Level.POSTCODE),
        ({"place_rank": 19, "type": "suburb", "address": {"city": "Valmont"}}, Level.LOCALITY),
        ({"place_rank": 16, "type": "city", "address": {"city": "Valmont"}}, Level.MUNICIPALITY),
        ({"place_rank": 4, "type": "country", "address": {}}, Level.MUNICIPALITY),
    ],
)
def test_the_rank_says_what_was_found(geocoder: Answering, given: dict[str, Any], level: Level) -> None:
    geocoder.bodies = [[result(**given)]]
    (place,) = ask(geocoder).places
    assert (place.level, place.number) == (level, None)
    assert (place.street is None) == (level is not Level.STREET)


@pytest.mark.parametrize(
    ("given", "level"),
    [
        ({"osm_type": "way"}, Level.INTERPOLATED),  # laid along a line: its box was made around the point
        ({"osm_type": "way", "boundingbox": None}, Level.INTERPOLATED),
        ({"osm_type": "node"}, Level.HOUSENUMBER),
        ({"osm_type": "way", "category": "building", "type": "yes"}, Level.HOUSENUMBER),
        ({"osm_type": "way", "boundingbox": ["44.00995", "44.01005", "-37.99008", "-37.98992"]}, Level.HOUSENUMBER),
        ({"osm_type": "way", "boundingbox": ["44.00993", "44.01003", "-37.99005", "-37.98995"]}, Level.HOUSENUMBER),
    ],
)
def test_a_number_laid_along_a_line_is_told_from_a_building(
    geocoder: Answering, given: dict[str, Any], level: Level
) -> None:
    geocoder.bodies = [[result(**given)]]
    (place,) = ask(geocoder).places
    assert (place.level, place.number) == (level, "4")


def test_a_building_with_two_numbers_is_two_houses(geocoder: Answering) -> None:
    geocoder.bodies = [[result(address={"house_number": "4; 6", **ADDRESS})]]
    assert [place.number for place in ask(geocoder).places] == ["4", "6"]


@pytest.mark.parametrize("kind", ["pedestrian", "square", "place"])
def test_a_house_may_stand_at_what_is_no_road(geocoder: Answering, kind: str) -> None:
    address = {"house_number": "4", kind: "Place du Marché", "city": "Valmont", "postcode": "99001"}
    geocoder.bodies = [[result(address=address)]]
    (place,) = ask(geocoder).places
    assert place.street == "Place du Marché"


def test_of_village_and_commune_the_one_that_was_written_counts(geocoder: Answering) -> None:
    address = {"house_number": "4", "road": "Rue du Port", "village": "Brévan", "municipality": "Valmont"}
    geocoder.bodies = [[result(address=address)]]
    towns = [ask(geocoder, {**HOUSE, "city": city}).places[0].city for city in ("valmont", "Brévan", "Sorel")]
    assert towns == ["Valmont", "Brévan", "Brévan"]


VILLAGE = {
    "address": {
        "house_number": "4", "road": "Rue du Port", "hamlet": "Les Îles", "village": "Brévan", "county": "Haut-Valmont",
        "postcode": "99001", "country": "Corvinie",
    },
    "display_name": "Café, 4, Rue du Port, Les Îles, Brévan, Valmont, Haut-Valmont, Sorel, 99001, Corvinie",
}  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "town"),
    [
        ("Valmont", "Valmont"),  # the municipality, which is in no field, for the village is in its own
        ("les iles", "Les Îles"),
        ("Valmont-Brévan", "Valmont-Brévan"),
        ("Haut-Valmont", "Brévan"),  # a county
        ("Sorel", "Brévan"),  # behind the county
        ("Corvinie", "Brévan"),
        ("Café", "Brévan"),
        ("Rue du Port", "Brévan"),
    ],
)
def test_the_municipality_is_between_the_street_and_the_county(geocoder: Answering, typed: str, town: str) -> None:
    geocoder.bodies = [[result(**VILLAGE)]]
    (place,) = ask(geocoder, {**HOUSE, "street": "rue du Port", "city": typed}).places
    assert place.city == town


@pytest.mark.parametrize(("typed", "known"), [("Brévan", True), ("Valmont", False), ("Les Îles", False)])
def test_of_a_street_that_is_known_by_another_town_the_whole_extent_is_not(
    geocoder: Answering, typed: str, known: bool
) -> None:
    geocoder.bodies = [[way("44.01", "44.02", "-37.99", "-37.98", **VILLAGE)]]
    (place,) = ask(geocoder, {"street": "rue du Port", "postcode": "99001", "city": typed}).places
    assert (place.city, place.extent is not None) == (typed, known)


def test_a_street_has_the_box_around_all_of_its_ways_in_the_town(geocoder: Answering) -> None:
    geocoder.bodies = [
        [
            way("44.01", "44.02", "-37.99", "-37.98"),
            way("44.02", "44.05", "-37.98", "-37.97", address={**ADDRESS, "postcode": "99002"}),
            way("44.90", "44.95", "-37.10", "-37.05", address={**ADDRESS, "city": "Sorel"}),
            way("44.80", "44.85", "-37.10", "-37.05", address={**ADDRESS, "road": "Rue du Moulin"}),
        ]
    ]
    whole, elsewhere, other = (
        (-37.99, 44.01, -37.97, 44.05), (-37.1, 44.9, -37.05, 44.95), (-37.1, 44.8, -37.05, 44.85),
    )  # fmt: skip
    anywhere = {name: text for name, text in HOUSE.items() if name != "city"}
    assert [place.extent for place in ask(geocoder, anywhere).places] == [whole, whole, elsewhere, other]
    beyond = (-37.99, 44.01, -37.05, 44.95)  # asked for in a town, it is one street, even beyond the border
    assert [place.extent for place in ask(geocoder).places] == [beyond, beyond, beyond, other]


def test_a_list_that_may_have_been_cut_off_tells_nothing_of_a_whole_street(geocoder: Answering) -> None:
    geocoder.bodies = [[way("44.01", "44.02", "-37.99", "-37.98")] * CANDIDATES]
    assert {place.extent for place in ask(geocoder).places} == {None}


def test_a_way_without_a_box_leaves_its_street_unknown(geocoder: Answering) -> None:
    geocoder.bodies = [[way("44.01", "44.02", "-37.99", "-37.98"), way("", "", "", "", boundingbox=None)]]
    assert {place.extent for place in ask(geocoder).places} == {None}


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ((0,), "house", "[0] is no object"),
        ((0, "place_rank"), "30", "[0].place_rank is no number from 0 to 30"),
        ((0, "place_rank"), None, "[0].place_rank is no number"),
        ((0, "lat"), "north", "[0].lat is no number from -90 to 90"),
        ((0, "lat"), "nan", "[0].lat is no number"),
        ((0, "lon"), None, "[0].lon is no number"),
        ((0, "lon"), "180.1", "[0].lon is no number from -180 to 180"),
        ((0, "address"), None, "[0].address is no object"),
        ((0, "address", "house_number"), 4, "[0].address.house_number is no text"),
        ((0, "address", "postcode"), 99001, "[0].address.postcode is no text"),
        ((0, "boundingbox"), "44", "[0].boundingbox is no list"),
        ((0, "boundingbox"), ["1", "2", "3"], "[0].boundingbox does not have four edges"),
        ((0, "boundingbox"), ["2", "1", "3", "4"], "[0].boundingbox has its edges in another order"),
        ((0, "boundingbox"), ["1", "2", "3", "x"], "[0].boundingbox[3] is no number"),
        ((0, "type"), ["house"], "[0].type is no text"),
    ],
)
def test_another_shape_is_unreadable_and_says_where(
    geocoder: Answering, path: tuple[Any, ...], value: Any, said: str
) -> None:
    geocoder.bodies = [changed([result()], path, value)]
    with pytest.raises(Unreadable) as caught:
        ask(geocoder)
    assert said in caught.value.detail
