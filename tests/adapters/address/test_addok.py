"""The French national geocoder: its conformance, its query, its answers' shape, and a real one where one can run."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from adapters.address.addok import Addok
from adapters.base import Level, Query, RejectedRequest, Unavailable, Unreadable
from adapters.transport import Transport
from tests.adapters.conformance import Case, Conformance, Subject

HOUSE = {"number": "4", "street": "Rue des Tanneurs", "postcode": "99001", "city": "Valmont"}
BODY = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [-37.99, 44.01]},
            "properties": {
                "label": "8bis Rue du Moulin 99002 Valmont",
                "score": 0.95,
                "housenumber": "8bis",
                "id": "99901_0160_00008_bis",
                "type": "housenumber",
                "name": "8bis Rue du Moulin",
                "postcode": "99002",
                "citycode": "99901",
                "city": "Valmont",
                "street": "Rue du Moulin",
                "_type": "address",
            },
        },
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [-37.99, 44.01]},
            "properties": {"type": "street", "name": "Rue du Moulin", "score": 0.6, "postcode": "99002"},
        },
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [-37.98, 44.0]},
            "properties": {"type": "municipality", "name": "Valmont", "score": 0.4, "city": "Valmont"},
        },
    ],
}


def build(url: str) -> Addok:
    return Addok(url, Transport(loopback_http=True))


class TestAddok(Conformance):
    subject = Subject(
        service="geocoder",
        build=build,
        found=Case(Query(HOUSE), lambda found: found.places[0].number == "4"),
        missing=Case(
            Query({**HOUSE, "street": "Zzyzx"}), lambda found: all(place.street != "Zzyzx" for place in found.places)
        ),
        ambiguous=Case(Query({**HOUSE, "street": "Rue Corvec"}), lambda found: len(found.places) > 1),
    )


class Geocoder(ThreadingHTTPServer):
    """Answers every request with `status` and `body`, and keeps what was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.body: Any = BODY
        self.asked: list[tuple[str, dict[str, list[str]]]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Geocoder

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.server.asked.append((parts.path, parse_qs(parts.query)))
        body = self.server.body if isinstance(self.server.body, bytes) else json.dumps(self.server.body).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def geocoder() -> Iterator[Geocoder]:
    server = Geocoder()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def ask(geocoder: Geocoder, **answer: str) -> Any:
    source = build(f"http://127.0.0.1:{geocoder.server_port}/geocodage/")
    try:
        return source.look_up(Query(answer or HOUSE))
    finally:
        source.close()


def test_each_candidate_keeps_what_the_rule_needs(geocoder: Geocoder) -> None:
    places = ask(geocoder)
    assert places.provider == "addok"
    house, street, town = places.places
    assert (house.level, house.number, house.street, house.postcode) == (
        Level.HOUSENUMBER, "8bis", "Rue du Moulin", "99002",
    )  # fmt: skip
    assert (house.longitude, house.latitude, house.score, house.city_code) == (-37.99, 44.01, 0.95, "99901")
    assert (street.level, street.number, street.street) == (Level.STREET, None, "Rue du Moulin")
    assert (town.level, town.street, town.city) == (Level.MUNICIPALITY, None, "Valmont")


@pytest.mark.parametrize(
    ("answer", "query"),
    [
        (HOUSE, "4 rue des tanneurs 99001"),
        (
            {"number": "8 bis", "street": "Bd. du Mal Kerouen", "postcode": "99 001"},
            "8bis boulevard du marechal kerouen 99001",
        ),
        ({"street": "(Rue des Tanneurs)"}, "rue des tanneurs"),
        (
            {"number": "Appt 3, 4", "street": "rue des Tanneurs, 2e étage", "postcode": "99001"},
            "4 rue des tanneurs 99001",
        ),
    ],
)
def test_it_asks_for_the_address_and_nothing_more(geocoder: Geocoder, answer: dict[str, str], query: str) -> None:
    ask(geocoder, **answer)
    assert geocoder.asked == [("/geocodage/search", {"q": [query], "limit": ["20"], "autocomplete": ["0"]})]


def test_a_long_street_is_cut_to_what_the_geocoder_takes(geocoder: Geocoder) -> None:
    ask(geocoder, number="4", street="rue " + "très " * 500, postcode="99001")
    ((_, query),) = geocoder.asked
    assert len(query["q"][0]) <= 200
    assert query["q"][0].endswith("99001")


@pytest.mark.parametrize("street", ["", "  ", "!?", "x"])
def test_what_names_no_street_is_not_asked(geocoder: Geocoder, street: str) -> None:
    assert ask(geocoder, street=street).places == ()
    assert geocoder.asked == []


def test_no_candidate_is_an_answer(geocoder: Geocoder) -> None:
    geocoder.body = {"type": "FeatureCollection", "features": []}
    assert ask(geocoder).places == ()


PROPERTIES = ("features", 0, "properties")
GEOMETRY = ("features", 0, "geometry")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("features",), None, "is no GeoJSON FeatureCollection"),
        (("features",), {"0": 1}, "is no GeoJSON FeatureCollection"),
        (("features", 0), [], "features[0] is no object"),
        (PROPERTIES, None, "features[0].properties is no object"),
        (GEOMETRY, None, "features[0].geometry is no object"),
        ((*GEOMETRY, "type"), "LineString", "is no GeoJSON Point"),
        ((*GEOMETRY, "coordinates"), [1], "is no GeoJSON Point"),
        ((*GEOMETRY, "coordinates"), ["1", "2"], "is no number from -180 to 180"),
        ((*GEOMETRY, "coordinates"), [1, 91], "is no number from -90 to 90"),
        ((*GEOMETRY, "coordinates"), [True, 1], "is no number"),
        ((*PROPERTIES, "type"), "poi", "type is none of housenumber, street, locality, municipality"),
        ((*PROPERTIES, "type"), None, "type is none of"),
        ((*PROPERTIES, "type"), "street", "housenumber does not fit its type"),
        ((*PROPERTIES, "housenumber"), None, "housenumber does not fit its type"),
        ((*PROPERTIES, "housenumber"), 8, "housenumber is no text"),
        ((*PROPERTIES, "postcode"), 99002, "postcode is no text"),
        ((*PROPERTIES, "city"), ["Valmont"], "city is no text"),
        ((*PROPERTIES, "score"), "0.9", "score is no number"),
        ((*PROPERTIES, "score"), 17, "score is no number from 0 to 1.5"),
        ((*PROPERTIES, "score"), None, "score is no number"),
    ],
)
def test_another_shape_is_unreadable_and_says_where(
    geocoder: Geocoder, path: tuple[Any, ...], value: Any, said: str
) -> None:
    body: Any = copy.deepcopy(BODY)
    inside = body
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = value
    geocoder.body = body
    with pytest.raises(Unreadable) as caught:
        ask(geocoder)
    assert said in caught.value.detail


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"code": 400, "message": "Failed parsing query", "detail": ["q: required"]}, RejectedRequest),
        (413, {"title": "Query too long, 319 chars, limit is 200"}, RejectedRequest),
        (404, b"<html><h1>Not Found</h1></html>", RejectedRequest),
        (500, {"code": 500, "message": "An unexpected error has occurred"}, Unavailable),
        (200, b"<html>maintenance</html>", Unreadable),
    ],
)
def test_its_documented_errors(geocoder: Geocoder, status: int, body: Any, error: type[Exception]) -> None:
    geocoder.status, geocoder.body = status, body
    with pytest.raises(error):
        ask(geocoder)
