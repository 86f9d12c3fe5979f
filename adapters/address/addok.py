"""The French national geocoder (Géoplateforme, https://data.geopf.fr/geocodage) and any addok server.

Contract: GET {url}/search, https://adresse.data.gouv.fr/outils/api-doc/adresse and https://addok.readthedocs.io. The
national service allows 50 calls a second from one address and answers 429 with Retry-After beyond that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.address.answer import read_answer
from adapters.address.matching import expand
from adapters.base import Level, Place, Places, Query, Unreadable
from adapters.transport import Reply, Transport, raise_for_trouble

LEVELS = {
    "housenumber": Level.HOUSENUMBER,
    "street": Level.STREET,
    "locality": Level.LOCALITY,
    "municipality": Level.MUNICIPALITY,
}
CANDIDATES = 20
SHORTEST_QUERY = 3
LONGEST_TEXT = 190
"""Letters of number and street; the geocoder takes 200, with the postcode."""


class Addok:
    """A source of type `addok`. `url` is the base, without `/search`; the source owns `transport` and closes it."""

    def __init__(self, url: str, transport: Transport) -> None:
        self._url = url.rstrip("/") + "/search"
        self._transport = transport

    def look_up(self, query: Query) -> Places:
        """The candidates for the answer's address, best first. An answer without a street is not asked for.

        Raises:
            SourceError: as `adapters.transport` says; `Unreadable` for an answer of another shape than documented.
        """
        asked = read_answer(query.answer)
        words = expand(asked.street)
        # "8bis" in one word: parted, the geocoder reads it as a number only before a way that it knows.
        number = str(asked.number or "").replace(" ", "")
        # The postcode is no filter: a street of this name elsewhere tells a wrong postcode from a misspelled name.
        text = f"{f'{number} {words}'.strip()[:LONGEST_TEXT]} {asked.postcode[:8]}".strip()
        if not words or len(text) < SHORTEST_QUERY:
            return Places("addok", ())
        params = {"q": text, "limit": str(CANDIDATES), "autocomplete": "0"}
        reply = self._transport.send("GET", self._url, params=params, timeout=query.timeout)
        raise_for_trouble(reply)
        return Places("addok", tuple(_places(reply)))

    def close(self) -> None:
        self._transport.close()


def _places(reply: Reply) -> Iterator[Place]:
    document = reply.json()
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list):
        raise Unreadable("the answer is no GeoJSON FeatureCollection")
    for index, feature in enumerate(features[:CANDIDATES]):
        where = f"features[{index}]"
        properties = _mapping(_mapping(feature, where).get("properties"), f"{where}.properties")
        kind = _text(properties, "type", where)
        if kind not in LEVELS:
            raise Unreadable(f"{where}.properties.type is none of {', '.join(LEVELS)}")
        longitude, latitude = _point(feature, where)
        number = _text(properties, "housenumber", where)
        if (number is not None) != (kind == "housenumber"):
            raise Unreadable(f"{where}.properties.housenumber does not fit its type")
        yield Place(
            level=LEVELS[kind],
            longitude=longitude,
            latitude=latitude,
            number=number,
            street=_text(properties, "street", where)
            or (_text(properties, "name", where) if kind == "street" else None),
            postcode=_text(properties, "postcode", where),
            city=_text(properties, "city", where),
            city_code=_text(properties, "citycode", where),
            score=_number(properties.get("score"), f"{where}.properties.score", 0, 1.5),
        )


def _point(feature: Mapping[str, Any], where: str) -> tuple[float, float]:
    geometry = _mapping(feature.get("geometry"), f"{where}.geometry")
    position = geometry.get("coordinates")
    if geometry.get("type") != "Point" or not isinstance(position, list) or len(position) not in {2, 3}:
        raise Unreadable(f"{where}.geometry is no GeoJSON Point")
    path = f"{where}.geometry.coordinates"
    return _number(position[0], path, -180, 180), _number(position[1], path, -90, 90)


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Unreadable(f"{where} is no object")
    return value


def _text(properties: Mapping[str, Any], name: str, where: str) -> str | None:
    value = properties.get(name)
    if value is None or isinstance(value, str):
        return value
    raise Unreadable(f"{where}.properties.{name} is no text")


def _number(value: Any, where: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise Unreadable(f"{where} is no number from {low} to {high}")
    return float(value)
