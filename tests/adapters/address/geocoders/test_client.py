"""What all geocoders have in common: what they do not send, and that an error is never "not found"."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.address.geocoders.addok import Addok
from adapters.address.geocoders.client import Geocoder
from adapters.address.geocoders.nominatim import Nominatim
from adapters.address.geocoders.pelias import Pelias
from adapters.address.geocoders.photon import Photon
from adapters.address.geocoders.us_census import UsCensus
from adapters.base import Another, Credentials, Places, Query, RejectedRequest, Throttled, Unavailable, Unreadable
from adapters.http_client.transport import Transport
from config.networks import LOOPBACK
from tests.adapters.address.servers import Answering

HOUSE = {"number": "4", "street": "Rue des Tanneurs", "postcode": "99001", "city": "Valmont"}

every_geocoder = pytest.mark.parametrize("kind", [Addok, Nominatim, Pelias, Photon, UsCensus])


def ask(kind: type[Geocoder], geocoder: Answering, **answer: str) -> Places:
    source = kind(geocoder.url + "/", Transport(loopback_http=True, private_networks=LOOPBACK))
    try:
        found = source.look_up(Query({**HOUSE, **answer}))
    finally:
        source.close()
    assert isinstance(found, Places)
    return found


@every_geocoder
@pytest.mark.parametrize("street", ["", "  ", "?!"])
def test_without_a_street_nothing_is_sent(geocoder: Answering, kind: type[Geocoder], street: str) -> None:
    assert ask(kind, geocoder, street=street).places == ()
    assert geocoder.asked == []


@every_geocoder
@pytest.mark.parametrize("number", ["-4", "①", "<b>4</b>", "🙂"])
def test_with_a_malformed_house_number_nothing_is_sent(geocoder: Answering, kind: type[Geocoder], number: str) -> None:
    assert ask(kind, geocoder, number=number).places == ()
    assert geocoder.asked == []


@pytest.mark.parametrize(
    ("kind", "status", "body", "error"),
    [
        (Addok, 400, {"code": 400, "message": "Failed parsing query", "detail": ["q: required"]}, RejectedRequest),
        (Addok, 413, {"title": "Query too long, 319 chars, limit is 200"}, RejectedRequest),
        (Addok, 404, b"<html><h1>Not Found</h1></html>", RejectedRequest),
        (Addok, 404, {"title": "404 Not Found"}, RejectedRequest),
        (Addok, 500, {"code": 500, "message": "An unexpected error has occurred"}, Unavailable),
        (Addok, 200, b"<html>maintenance</html>", Unreadable),
        (Nominatim, 200, {"error": "Unable to geocode"}, Unreadable),
        (Nominatim, 400, {"error": {"code": 400, "message": "Nothing to search for."}}, RejectedRequest),
        (Nominatim, 400, b"ERROR 400: Parameter 'format' must be one of: html, json", RejectedRequest),
        (Nominatim, 403, b"<html>Access blocked</html>", Credentials),
        (Nominatim, 429, b"Bandwidth limit exceeded", Throttled),
        (Nominatim, 503, b"Query took too long to process.", Unavailable),
        (Photon, 400, {"message": "language eo is not supported, use one of: default, en, de, fr"}, RejectedRequest),
        (Photon, 404, b"<html>404 Not found</html>", RejectedRequest),  # an older server without a structured search
        (Photon, 429, b"", Throttled),
        (Photon, 500, b"", Unavailable),
        (UsCensus, 200, {"errors": ["Benchmark not found"], "status": "400"}, Unavailable),
        (UsCensus, 200, {"status": "Layer query encountered an error: java.lang.RuntimeException"}, Unavailable),
        (UsCensus, 200, {"errors": ["…"], "result": {"addressMatches": []}}, Unavailable),
        (UsCensus, 200, b"<html>Maintenance</html>", Unreadable),
        (UsCensus, 200, {}, Unreadable),
        (UsCensus, 400, {"errors": ["Address cannot be empty and must be short"], "status": "400"}, RejectedRequest),
        (UsCensus, 500, b"", Unavailable),
    ],
)
def test_documented_errors_are_never_an_address_that_was_not_found(
    geocoder: Answering, kind: type[Geocoder], status: int, body: Any, error: type[Exception]
) -> None:
    geocoder.status, geocoder.bodies = status, [body]
    with pytest.raises(error):
        ask(kind, geocoder)


# --- an answer with two addresses

FIRST, SECOND = "Rue des Tanneurs", "Rue du Moulin"
TWO = {"number": "", "street": f"4 {FIRST}, maintenant 12 {SECOND}"}


def house(number: str, street: str, city: str = "Valmont") -> dict[str, Any]:
    properties = {"type": "housenumber", "housenumber": number, "street": street, "postcode": "99001", "city": city}
    return {"geometry": {"type": "Point", "coordinates": [-38, 44]}, "properties": {**properties, "score": 0.9}}


def asked_by_addok(
    geocoder: Answering, another: Another | None, answer: dict[str, str] = TWO, language: str = "fr"
) -> Places:
    loopback = Transport(loopback_http=True, private_networks=LOOPBACK)
    source = Addok(geocoder.url, loopback, language=language, another=another)
    try:
        return source.look_up(Query({**HOUSE, **answer}))
    finally:
        source.close()


def test_both_of_two_addresses_are_asked_for(geocoder: Answering) -> None:
    geocoder.bodies = [{"features": [house("4", FIRST)]}, {"features": [house("12", SECOND)]}]
    places = asked_by_addok(geocoder, lambda _: 0.0)
    assert [query["q"] for _, query in geocoder.asked] == [f"4 {FIRST.lower()} 99001", f"12 {SECOND.lower()} 99001"]
    assert [(place.number, place.street) for place in places.places] == [("4", FIRST), ("12", SECOND)]


@pytest.mark.parametrize("another", [None, lambda _: None])
def test_the_second_is_not_asked_for_where_nobody_pays(geocoder: Answering, another: Another | None) -> None:
    geocoder.bodies = [{"features": [house("4", FIRST)]}]
    places = asked_by_addok(geocoder, another)
    assert [place.street for place in places.places] == [FIRST]
    assert len(geocoder.asked) == 1


@pytest.mark.parametrize("trouble", [b"<html>maintenance</html>", {"features": [{}]}])
def test_trouble_with_the_second_leaves_the_first(geocoder: Answering, trouble: Any) -> None:
    geocoder.bodies = [{"features": [house("4", FIRST)]}, trouble]
    assert [place.street for place in asked_by_addok(geocoder, lambda _: 0.0).places] == [FIRST]
    assert len(geocoder.asked) == 2


@every_geocoder
def test_every_geocoder_asks_for_both(geocoder: Answering, kind: type[Geocoder]) -> None:
    bodies: dict[type[Geocoder], Any] = {Nominatim: [], UsCensus: {"result": {"addressMatches": []}}}
    geocoder.bodies = [bodies.get(kind, {"features": []})]
    loopback = Transport(loopback_http=True, private_networks=LOOPBACK)
    source = kind(geocoder.url, loopback, another=lambda _: 0.0)
    source.look_up(Query({**HOUSE, **TWO}))
    source.close()
    words = ["tanneurs", "moulin"]
    assert {word for word in words for _, query in geocoder.asked if word in str(query).lower()} == set(words)


# --- "4 Haus B", which may be 4 b

LETTERED = {"number": "4 Haus B", "street": "Gerberweg"}
HOUSE_4 = house("4", "Gerberweg")


def test_a_lettered_house_is_asked_for_by_its_letter_as_well(geocoder: Answering) -> None:
    geocoder.bodies = [{"features": [HOUSE_4]}, {"features": [house("4b", "Gerberweg"), HOUSE_4]}]
    places = asked_by_addok(geocoder, lambda _: 0.0, LETTERED, "de")
    assert [query["q"] for _, query in geocoder.asked] == ["4 gerberweg 99001", "4b gerberweg 99001"]
    assert ([place.number for place in places.places], places.lettered) == (["4", "4b"], True)


@pytest.mark.parametrize("found", [b"<html>maintenance</html>", {"features": []}, {"features": [house("4", SECOND)]}])
@pytest.mark.parametrize("another", [None, lambda _: 0.0])
def test_nobody_knows_of_the_letter_where_the_street_did_not_come_back(
    geocoder: Answering, another: Another | None, found: Any
) -> None:
    geocoder.bodies = [{"features": [HOUSE_4]}, found]
    places = asked_by_addok(geocoder, another, LETTERED, "de")
    assert ([place.number for place in places.places], places.lettered) == (["4"], False)
