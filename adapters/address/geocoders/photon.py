"""Photon, komoot's geocoder of OpenStreetMap's data: the public server, or one's own.

Contract: GET {url}/structured, https://github.com/komoot/photon/blob/master/docs/api-v1.md. The structured search came
with version 1.0; an older server answers 404. The public server (https://photon.komoot.io) needs no key: "please be
fair - extensive usage will be throttled", and nothing is guaranteed. No language is sent, for a server answers 400 for
one that it does not have: names come in the local language.

It has no score. `osm_value: house_number` is a number that was interpolated when Photon's index was made.
"""

from __future__ import annotations

from collections.abc import Iterator

from adapters.address.geocoders.client import Geocoder
from adapters.address.geocoders.payload import OPENSTREETMAP, PayloadPart, merge_streets, position
from adapters.address.parsed_address import ParsedAddress
from adapters.base import Another, Place, Places
from adapters.http_client.transport import Transport
from config.levels import Level

LEVELS = {
    "house": Level.HOUSENUMBER,
    "street": Level.STREET,
    "locality": Level.LOCALITY,
    "district": Level.LOCALITY,
    "city": Level.MUNICIPALITY,
}
"""By layer; no one lives at the others (county, state, country, other)."""
CANDIDATES = 40


class Photon(Geocoder):
    """A source of type `photon`. `country` is a code of two letters."""

    provider = "photon"
    path = "/structured"

    def __init__(
        self,
        url: str,
        transport: Transport,
        *,
        language: str = "fr",
        country: str | None = None,
        another: Another | None = None,
    ) -> None:
        super().__init__(url, transport, language=language, another=another)
        # Without `dedupe=0` only one of the ways of a street comes, and its extent is not known.
        self._always = {"countrycode": country or "", "limit": str(CANDIDATES), "dedupe": "0"}

    def _find(self, asked: ParsedAddress, street: str, timeout: float) -> Places:
        parts = {
            "street": street,
            "housenumber": str(asked.number or ""),
            "postcode": asked.postcode,
            "city": asked.city,
        }
        features = self._get(parts | self._always, timeout).member("features").items(CANDIDATES)
        places = [place for feature in features for place in _places(feature)]
        merged = merge_streets(places, cut=len(features) == CANDIDATES)
        return Places(self.provider, merged, attribution=OPENSTREETMAP)


def _places(feature: PayloadPart) -> Iterator[Place]:
    """None, one place, or several where one building has several numbers ("8;10")."""
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
