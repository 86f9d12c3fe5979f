"""Pelias: its conformance, its queries and its key, what its layers mean, and its answers' shape."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import pytest

from adapters.address.geocoders.pelias import Pelias
from adapters.base import Credentials, Places, Query, RejectedRequest, Throttled, Unavailable, Unreadable
from adapters.http_client.transport import Transport
from config.levels import Level
from config.networks import LOOPBACK
from tests.adapters.address.servers import Answering, changed
from tests.adapters.conformance import Case, Conformance, Subject

HOUSE = {"number": "4", "street": "Rue des Tanneurs", "postcode": "99001", "city": "Valmont"}
CHURCH = {"number": "4", "street": "Rue de l'Église", "postcode": "99002"}
KEY = "ge-0123456789abcdef"


def feature(**properties: Any) -> dict[str, Any]:
    """An address in the documented form, with other properties where they are given; None takes one away."""
    own: dict[str, Any] = {
        "gid": "openaddresses:address:7", "layer": "address", "source": "openaddresses", "name": "4 Rue des Tanneurs",
        "housenumber": "4", "street": "Rue des Tanneurs", "postalcode": "99001", "confidence": 1, "match_type": "exact",
        "accuracy": "point", "country_a": "XXX", "locality": "Valmont", "label": "4 Rue des Tanneurs, Valmont",
        **properties,
    }  # fmt: skip
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [-37.99, 44.01]},
        "properties": {name: value for name, value in own.items() if value is not None},
    }


def body(*features: dict[str, Any], **about: Any) -> dict[str, Any]:
    return {"geocoding": {"version": "0.2", **about}, "type": "FeatureCollection", "features": list(features)}


def build(url: str) -> Pelias:
    return Pelias(url, Transport(loopback_http=True, private_networks=LOOPBACK), api_key=KEY)


class TestPelias(Conformance):
    subject = Subject(
        service="pelias",
        build=build,
        found=Case(Query(HOUSE), lambda found: found.places[0].number == "4"),
        missing=Case(Query({**HOUSE, "street": "Zzyzx"}), lambda found: not found.places),
        ambiguous=Case(Query(CHURCH), lambda found: len({place.city for place in found.places}) > 1),
    )


def ask(geocoder: Answering, answer: dict[str, str] | None = None, **options: Any) -> Places:
    source = Pelias(geocoder.url + "/", Transport(loopback_http=True, private_networks=LOOPBACK), **options)
    try:
        return source.look_up(Query(answer or HOUSE))
    finally:
        source.close()


def test_it_asks_for_the_parts_of_the_address_with_the_key(geocoder: Answering) -> None:
    geocoder.bodies = [body()]
    ask(geocoder, {**HOUSE, "number": "8 bis", "street": "Bd des Tanneurs"}, country="FR", api_key=KEY)
    asked = {
        "address": "8 bis boulevard des tanneurs", "locality": "Valmont", "postalcode": "99001", "country": "FR",
        "size": "20", "api_key": KEY,
    }  # fmt: skip
    assert geocoder.asked == [("/base/v1/search/structured", asked)]


def test_a_server_of_ones_own_gets_no_key(geocoder: Answering) -> None:
    geocoder.bodies = [body()]
    ask(geocoder)
    assert "api_key" not in geocoder.query


def test_a_house_keeps_what_the_rule_needs(geocoder: Answering) -> None:
    geocoder.bodies = [body(feature(confidence=0.95))]
    places = ask(geocoder)
    assert places.provider == "pelias"
    assert "OpenStreetMap" in places.attribution
    (house,) = places.places
    assert (house.level, house.number, house.street) == (Level.HOUSENUMBER, "4", "Rue des Tanneurs")
    assert (house.postcode, house.city, house.score, house.extent) == ("99001", "Valmont", 0.95, None)
    assert (house.longitude, house.latitude) == (-37.99, 44.01)


@pytest.mark.parametrize(
    ("properties", "level"),
    [
        ({"accuracy": None, "match_type": None}, Level.HOUSENUMBER),
        ({"match_type": "fallback"}, Level.HOUSENUMBER),  # another house: its number tells
        ({"match_type": "interpolated"}, Level.INTERPOLATED),
        ({"accuracy": "centroid"}, Level.INTERPOLATED),
        ({"accuracy": "interpolated"}, Level.INTERPOLATED),
        ({"housenumber": None}, Level.LOCALITY),
        ({"street": None}, Level.LOCALITY),
        ({"layer": "street", "housenumber": None, "accuracy": "centroid"}, Level.STREET),
        ({"layer": "postalcode", "housenumber": None, "street": None}, Level.POSTCODE),
        ({"layer": "locality", "housenumber": None, "street": None}, Level.MUNICIPALITY),
        ({"layer": "localadmin"}, Level.MUNICIPALITY),
        ({"layer": "neighbourhood"}, Level.LOCALITY),
        ({"layer": "venue"}, Level.LOCALITY),  # a shop at that address: it may be on the other side of the yard
        ({"layer": "anything"}, Level.LOCALITY),
    ],
)
def test_the_layer_says_what_was_found(geocoder: Answering, properties: dict[str, Any], level: Level) -> None:
    geocoder.bodies = [body(feature(**properties))]
    (place,) = ask(geocoder).places
    assert place.level is level
    house = level in {Level.HOUSENUMBER, Level.INTERPOLATED}
    assert place.number == ("4" if house else None)
    assert place.street == ("Rue des Tanneurs" if house or level is Level.STREET else None)


@pytest.mark.parametrize(
    ("properties", "city"),
    [
        ({}, "Valmont"),
        ({"locality": None, "localadmin": "Brévan"}, "Brévan"),
        ({"locality": None, "borough": "Sorel"}, "Sorel"),
    ],
)
def test_the_town_is_the_one_that_has_a_council(geocoder: Answering, properties: dict[str, Any], city: str) -> None:
    geocoder.bodies = [body(feature(**properties))]
    assert ask(geocoder).places[0].city == city


PROPERTIES = ("features", 0, "properties")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("features",), {}, "features is no list"),
        (("geocoding",), "0.2", "geocoding is no object"),
        (PROPERTIES, None, "features[0].properties is no object"),
        ((*PROPERTIES, "layer"), 7, "features[0].properties.layer is no text"),
        ((*PROPERTIES, "confidence"), None, "features[0].properties.confidence is no number from 0 to 1"),
        ((*PROPERTIES, "confidence"), 1.1, "features[0].properties.confidence is no number from 0 to 1"),
        ((*PROPERTIES, "housenumber"), 4, "features[0].properties.housenumber is no text"),
    ],
)
def test_another_shape_is_unreadable_and_says_where(
    geocoder: Answering, path: tuple[Any, ...], value: Any, said: str
) -> None:
    geocoder.bodies = [changed(body(feature()), path, value)]
    with pytest.raises(Unreadable) as caught:
        ask(geocoder)
    assert said in caught.value.detail


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, body(errors=["Request Timeout after 5000ms"]), Unavailable),
        (400, body(errors=["invalid param 'size'"]), RejectedRequest),
        (401, {"error": "unauthorized"}, Credentials),
        (403, {"error": "forbidden"}, Credentials),
        (404, {"error": "not found: invalid path"}, RejectedRequest),
        (408, body(errors=["Request Timeout"]), Unavailable),
        (429, {"meta": {"status_code": 429}}, Throttled),
        (502, body(errors=["No Living connections"]), Unavailable),
    ],
)
def test_its_errors_are_never_an_address_that_was_not_found_and_hold_no_key(
    geocoder: Answering, status: int, body: Any, error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    geocoder.status, geocoder.bodies = status, [body]
    with caplog.at_level(logging.DEBUG), pytest.raises(error) as caught:
        ask(geocoder, api_key=KEY)
    assert geocoder.query["api_key"] == KEY
    assert KEY not in "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text


def test_the_key_is_in_no_text_of_the_source() -> None:
    source = Pelias("https://geocoder.example", Transport(), api_key=KEY)
    assert KEY not in f"{source!r} {source!s}"
    source.close()
