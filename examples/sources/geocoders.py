"""The invented town as other geocoders answer about it: Nominatim, Photon, Pelias and the US Census Bureau.

    GET /moods/ok/nominatim/search?street=4 rue des Tanneurs&postalcode=99001&format=jsonv2
    GET /moods/ok/photon/structured?street=rue des Tanneurs&housenumber=4&postcode=99001
    GET /moods/ok/pelias/v1/search/structured?address=4 rue des Tanneurs&postalcode=99001
    GET /moods/ok/us-census/locations/address?street=4 rue des Tanneurs&zip=99001&format=json

Each answers in its documented form, as far as its author read it; none is the real engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from examples.sources.answer import Answer
from examples.sources.geocoder import Hit, find

_ALIKE = 0.9
"""These are stricter than addok: what is less alike is not found."""
_WAY_DEGREES = 0.001

_Service = Callable[[str, str, Mapping[str, str], Path], Answer]


def nominatim(method: str, path: str, query: Mapping[str, str], town: Path) -> Answer:
    """https://nominatim.org/release-docs/latest/api/Search/. A street is two ways, each with its own box."""
    if (method, path) != ("GET", "search"):
        return Answer({"error": {"code": 404, "message": "Page not found"}}, 404)
    if not query.get("street"):
        return Answer({"error": {"code": 400, "message": "Nothing to search for."}}, 400)
    hits = _found(query["street"], query.get("city"), town)
    return Answer([result for hit in hits for result in _nominatim(hit)])


def photon(method: str, path: str, query: Mapping[str, str], town: Path) -> Answer:
    """https://github.com/komoot/photon/blob/master/docs/api-v1.md."""
    if (method, path) != ("GET", "structured"):
        return Answer({"message": "Not found"}, 404)
    hits = _found(f"{query.get('housenumber', '')} {query.get('street', '')}", query.get("city"), town)
    return Answer({"type": "FeatureCollection", "features": [_photon(hit) for hit in hits]})


def pelias(method: str, path: str, query: Mapping[str, str], town: Path) -> Answer:
    """https://github.com/pelias/documentation/blob/master/structured-geocoding.md."""
    if (method, path) != ("GET", "v1/search/structured"):
        return Answer({"error": "not found: invalid path"}, 404)
    features = [_pelias(hit) for hit in _found(query.get("address", ""), query.get("locality"), town)]
    return Answer({"geocoding": {"version": "0.2"}, "type": "FeatureCollection", "features": features})


def us_census(method: str, path: str, query: Mapping[str, str], town: Path) -> Answer:
    """https://geocoding.geo.census.gov/geocoder/Geocoding_Services_API.html. It knows numbers only."""
    if (method, path) != ("GET", "locations/address"):
        return Answer({"errors": ["no such page"], "status": "404"}, 404)
    hits = _found(query.get("street", ""), query.get("city"), town)
    matches = [_us_census(hit) for hit in hits if hit.house is not None]
    return Answer({"result": {"input": {"benchmark": {"id": "4"}}, "addressMatches": matches}})


SERVICES: Mapping[str, _Service] = {
    "nominatim": nominatim,
    "photon": photon,
    "pelias": pelias,
    "us-census": us_census,
}
"""By their name in the path."""


def _found(text: str, city: str | None, town: Path) -> list[Hit]:
    hits = find(text, town, lambda street: city is None or street.city.casefold() == city.casefold())
    return [hit for hit in hits if hit.score >= _ALIKE - (0.1 if hit.house is None else 0)]


def _nominatim(hit: Hit) -> Iterator[dict[str, Any]]:
    place = hit.house or hit.street.middle
    address = {"road": hit.street.name, "city": hit.street.city, "postcode": hit.street.postcode, "country_code": "xx"}
    for part in (0, 1) if hit.house is None else (0,):
        south = place.latitude + part * _WAY_DEGREES
        size = _WAY_DEGREES if hit.house is None else 0.0001
        yield {
            "osm_type": "way" if hit.house is None else "node",
            "lat": f"{south + size / 2:.7f}" if hit.house is None else f"{place.latitude:.7f}",
            "lon": f"{place.longitude:.7f}",
            "category": "highway" if hit.house is None else "place",
            "type": "residential" if hit.house is None else "house",
            "place_rank": 26 if hit.house is None else 30,
            "importance": 1e-05,
            "address": address if hit.house is None else {"house_number": hit.house.number, **address},
            "boundingbox": [
                f"{edge:.7f}" for edge in (south, south + size, place.longitude - size, place.longitude + size)
            ],
        }


def _photon(hit: Hit) -> dict[str, Any]:
    street, house = hit.street, hit.house
    shared = {"postcode": street.postcode, "city": street.city, "countrycode": "XX", "osm_type": "W"}
    if house is not None:
        own = {"type": "house", "osm_key": "building", "housenumber": house.number, "street": street.name}
        return _feature(hit, {**own, **shared})
    west, south = street.middle.longitude - _WAY_DEGREES, street.middle.latitude - _WAY_DEGREES
    extent = [west, south + 2 * _WAY_DEGREES, west + 2 * _WAY_DEGREES, south]
    return _feature(hit, {"type": "street", "osm_key": "highway", "name": street.name, "extent": extent, **shared})


def _pelias(hit: Hit) -> dict[str, Any]:
    street, house = hit.street, hit.house
    own = {"layer": "street", "match_type": "fallback", "accuracy": "centroid", "confidence": 0.8}
    if house is not None:
        exact = {"layer": "address", "match_type": "exact", "accuracy": "point", "confidence": 1}
        own = {**exact, "housenumber": house.number}
    return _feature(hit, {**own, "street": street.name, "postalcode": street.postcode, "locality": street.city})


def _us_census(hit: Hit) -> dict[str, Any]:
    place, name, town = hit.house or hit.street.middle, hit.street.name.upper(), hit.street.city.upper()
    components = dict.fromkeys(
        ("preQualifier", "preDirection", "preType", "suffixType", "suffixDirection", "suffixQualifier"), ""
    )
    return {
        "matchedAddress": f"{place.number} {name}, {town}, XX, {hit.street.postcode}",
        "coordinates": {"x": place.longitude, "y": place.latitude},
        "tigerLine": {"side": "L", "tigerLineId": "1"},
        "addressComponents": {
            **components, "streetName": name, "fromAddress": "1", "toAddress": "99",
            "city": town, "state": "XX", "zip": hit.street.postcode,
        },
    }  # fmt: skip


def _feature(hit: Hit, properties: Mapping[str, Any]) -> dict[str, Any]:
    place = hit.house or hit.street.middle
    geometry = {"type": "Point", "coordinates": [place.longitude, place.latitude]}
    return {"type": "Feature", "geometry": geometry, "properties": dict(properties)}
