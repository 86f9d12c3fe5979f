"""Photon: its conformance, its queries, what its layers and extents mean, and its answers' shape."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.address.geocoders.photon import CANDIDATES, Photon
from adapters.base import Places, Query, Unreadable
from adapters.http_client.transport import Transport
from config.levels import Level
from config.networks import LOOPBACK
from tests.adapters.address.servers import Answering, changed
from tests.adapters.conformance import Case, Conformance, Subject

HOUSE = {"number": "4", "street": "Rue des Tanneurs", "postcode": "99001", "city": "Valmont"}
CHURCH = {"number": "4", "street": "Rue de l'Église", "postcode": "99002"}
TOWN = {"postcode": "99001", "city": "Valmont", "country": "Valmontie", "countrycode": "XX"}


def feature(**properties: Any) -> dict[str, Any]:
    """A house in the documented form, with other properties where they are given; None takes one away."""
    own: dict[str, Any] = {
        "osm_type": "N", "osm_id": 7, "osm_key": "place", "osm_value": "house", "type": "house", "housenumber": "4",
        "street": "Rue des Tanneurs", **TOWN, **properties,
    }  # fmt: skip
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [-37.99, 44.01]},
        "properties": {name: value for name, value in own.items() if value is not None},
    }


def street(*extent: float, **properties: Any) -> dict[str, Any]:
    """A part of a street; its extent is west, north, east, south, as Photon has it."""
    own = {"type": "street", "osm_key": "highway", "osm_value": "residential", "housenumber": None, "street": None}
    return feature(**{**own, "name": "Rue des Tanneurs", "extent": list(extent) or None, **properties})


def body(*features: dict[str, Any]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


def build(url: str) -> Photon:
    return Photon(url, Transport(loopback_http=True, private_networks=LOOPBACK))


class TestPhoton(Conformance):
    subject = Subject(
        service="photon",
        build=build,
        found=Case(Query(HOUSE), lambda found: found.places[0].number == "4"),
        missing=Case(Query({**HOUSE, "street": "Zzyzx"}), lambda found: not found.places),
        ambiguous=Case(Query(CHURCH), lambda found: len({place.city for place in found.places}) > 1),
    )


def ask(geocoder: Answering, answer: dict[str, str] | None = None, **options: Any) -> Places:
    source = Photon(geocoder.url + "/", Transport(loopback_http=True, private_networks=LOOPBACK), **options)
    try:
        return source.look_up(Query(answer or HOUSE))
    finally:
        source.close()


def test_it_asks_for_the_parts_of_the_address_and_no_language(geocoder: Answering) -> None:
    geocoder.bodies = [body()]
    ask(geocoder, {**HOUSE, "number": "8 bis", "street": "Bd des Tanneurs"}, country="FR")
    asked = {
        "street": "boulevard des tanneurs", "housenumber": "8 bis", "postcode": "99001", "city": "Valmont",
        "countrycode": "FR", "limit": "40", "dedupe": "0",
    }  # fmt: skip
    assert geocoder.asked == [("/base/structured", asked)]
    assert "Accept-Language" not in geocoder.headers_received[0]


def test_a_house_keeps_what_the_rule_needs(geocoder: Answering) -> None:
    geocoder.bodies = [body(feature(extent=[-37.991, 44.011, -37.989, 44.009]))]
    places = ask(geocoder)
    assert places.provider == "photon"
    assert "OpenStreetMap" in places.attribution
    (house,) = places.places
    assert (house.level, house.number, house.street) == (Level.HOUSENUMBER, "4", "Rue des Tanneurs")
    assert (house.postcode, house.city, house.score, house.extent) == ("99001", "Valmont", None, None)
    assert (house.longitude, house.latitude) == (-37.99, 44.01)


@pytest.mark.parametrize(
    ("properties", "level"),
    [
        ({"type": "house"}, Level.HOUSENUMBER),
        ({"type": None}, Level.HOUSENUMBER),  # as in the documentation's own example
        ({"osm_value": "house_number"}, Level.INTERPOLATED),
        ({"housenumber": None, "osm_key": "shop", "name": "Au Bon Cuir"}, Level.LOCALITY),
        ({"type": "street", "housenumber": None, "name": "Rue des Tanneurs"}, Level.STREET),
        ({"type": None, "osm_key": "highway", "housenumber": None, "name": "Rue des Tanneurs"}, Level.STREET),
        ({"type": "locality", "housenumber": None}, Level.LOCALITY),
        ({"type": "district", "housenumber": None}, Level.LOCALITY),
        ({"type": "city", "housenumber": None}, Level.MUNICIPALITY),
    ],
)
def test_the_layer_says_what_was_found(geocoder: Answering, properties: dict[str, Any], level: Level) -> None:
    geocoder.bodies = [body(feature(**properties))]
    (place,) = ask(geocoder).places
    assert place.level is level
    house = level in {Level.HOUSENUMBER, Level.INTERPOLATED}
    assert place.number == ("4" if house else None)
    assert place.street == ("Rue des Tanneurs" if house or level is Level.STREET else None)


@pytest.mark.parametrize("layer", ["county", "state", "country", "other", "anything"])
def test_what_nobody_lives_at_is_left_out(geocoder: Answering, layer: str) -> None:
    geocoder.bodies = [body(feature(type=layer, housenumber=None), feature())]
    assert [place.number for place in ask(geocoder).places] == ["4"]


def test_a_building_with_two_numbers_is_two_houses(geocoder: Answering) -> None:
    geocoder.bodies = [body(feature(housenumber="4;6"))]
    assert [place.number for place in ask(geocoder).places] == ["4", "6"]


def test_a_street_has_the_box_around_all_of_its_ways(geocoder: Answering) -> None:
    geocoder.bodies = [body(street(-37.99, 44.02, -37.98, 44.01), street(-37.98, 44.05, -37.97, 44.02))]
    assert {place.extent for place in ask(geocoder).places} == {(-37.99, 44.01, -37.97, 44.05)}


@pytest.mark.parametrize(
    "features",
    [
        [street(-37.99, 44.02, -37.98, 44.01), street()],
        [street(-37.99, 44.02, -37.98, 44.01)] * CANDIDATES,
    ],
)
def test_where_a_part_may_be_missing_nobody_knows_the_whole_street(
    geocoder: Answering, features: list[dict[str, Any]]
) -> None:
    geocoder.bodies = [body(*features)]
    assert {place.extent for place in ask(geocoder).places} == {None}


PROPERTIES = ("features", 0, "properties")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("features",), None, "features is no list"),
        (PROPERTIES, [], "features[0].properties is no object"),
        (("features", 0, "geometry"), None, "features[0].geometry is no object"),
        ((*PROPERTIES, "housenumber"), 4, "features[0].properties.housenumber is no text"),
        ((*PROPERTIES, "type"), 4, "features[0].properties.type is no text"),
        ((*PROPERTIES, "postcode"), 99001, "features[0].properties.postcode is no text"),
        ((*PROPERTIES, "extent"), [1, 2, 3], "features[0].properties.extent does not have four edges"),
        ((*PROPERTIES, "extent"), [1, 2, 3, 4], "features[0].properties.extent has its edges in another order"),
    ],
)
def test_another_shape_is_unreadable_and_says_where(
    geocoder: Answering, path: tuple[Any, ...], value: Any, said: str
) -> None:
    geocoder.bodies = [changed(body(feature()), path, value)]
    with pytest.raises(Unreadable) as caught:
        ask(geocoder)
    assert said in caught.value.detail
