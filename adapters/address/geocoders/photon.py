"""Photon, komoot's geocoder of OpenStreetMap's data: the public server, or one's own.

Contract: GET {url}/structured, https://github.com/komoot/photon/blob/master/docs/api-v1.md. The structured search came
with version 1.0; an older server answers 404. The public server (https://photon.komoot.io) needs no key: "please be
fair - extensive usage will be throttled", and nothing is guaranteed. No language is asked for, since a server answers
400 for one that it does not have: names come as they are on the spot.

It has no score. `osm_value: house_number` is a number that was laid along a line when Photon's index was made.
"""

from __future__ import annotations

from collections.abc import Iterator

from adapters.address.geocoders.payload import OPENSTREETMAP, PayloadPart, position, whole_streets
from adapters.address.parsed_address import read_answer
from adapters.address.street_names import expand
from adapters.base import Place, Places, Query
from adapters.http_client.transport import Transport, raise_for_trouble
from config.levels import Level

LEVELS = {
    "house": Level.HOUSENUMBER,
    "street": Level.STREET,
    "locality": Level.LOCALITY,
    "district": Level.LOCALITY,
    "city": Level.MUNICIPALITY,
}
"""By layer; the others (county, state, country, other) are no places that people live at."""
CANDIDATES = 40


class Photon:
    """A source of type `photon`. `url` is the base, without `/structured`; it owns `transport` and closes it.

    `language` is that of the streets' names, `country` two letters to search within.
    """

    def __init__(self, url: str, transport: Transport, *, language: str = "fr", country: str | None = None) -> None:
        self._url = url.rstrip("/") + "/structured"
        self._transport = transport
        self._language = language
        self._country = country or ""

    def look_up(self, query: Query) -> Places:
        """The candidates for the answer's address, best first. An answer without a street is not asked for,
        nor one whose house number is none.

        Raises:
            SourceError: as `transport` says; `Unreadable` for an answer of another shape than documented.
        """
        asked = read_answer(query.answer, self._language)
        parts = {
            "street": expand(asked.street, self._language),
            "housenumber": str(asked.number or ""),
            "postcode": asked.postcode,
            "city": asked.city,
            "countrycode": self._country,
        }
        if not parts["street"] or asked.malformed:
            return Places("photon", ())
        params = {name: text for name, text in parts.items() if text}
        # Without `dedupe=0` only one of the ways of a street comes, and nobody knows how far the street goes.
        params |= {"limit": str(CANDIDATES), "dedupe": "0"}
        reply = self._transport.send("GET", self._url, params=params, timeout=query.timeout)
        raise_for_trouble(reply)
        features = PayloadPart(reply.json()).member("features").items(CANDIDATES)
        places = [place for feature in features for place in _places(feature)]
        whole = whole_streets(places, cut=len(features) == CANDIDATES)
        return Places("photon", whole, attribution=OPENSTREETMAP, keepable=True)

    def close(self) -> None:
        """Give back connections."""
        self._transport.close()


def _places(feature: PayloadPart) -> Iterator[Place]:
    """What one feature is: nothing, one place, or several where one building has several numbers ("8;10")."""
    properties = feature.member("properties")
    numbers, key = properties.text("housenumber"), properties.text("osm_key")
    # The documentation's own example has no `type`.
    layer = properties.text("type") or ("house" if numbers else "street" if key == "highway" else "other")
    level = LEVELS.get(layer)
    if level is None:
        return
    if level is Level.HOUSENUMBER and not numbers:
        level = Level.LOCALITY  # a shop or a monument
    elif level is Level.HOUSENUMBER and properties.text("osm_value") == "house_number":
        level = Level.INTERPOLATED
    longitude, latitude = position(feature)
    extent = properties.member("extent").box(west=0, north=1, east=2, south=3)
    street = properties.text("name") if level is Level.STREET else properties.text("street") if numbers else None
    for number in (numbers or "").split(";"):
        yield Place(
            level=level,
            longitude=longitude,
            latitude=latitude,
            number=number.strip() or None,
            street=street,
            postcode=properties.text("postcode"),
            city=properties.text("city"),
            extent=extent if level is Level.STREET else None,
        )
