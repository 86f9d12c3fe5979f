"""Nominatim, the geocoder of OpenStreetMap: the public server, or one's own (https://nominatim.org).

Contract: GET {url}/search, https://nominatim.org/release-docs/latest/api/Search/ and .../api/Output/. The public server
(https://nominatim.openstreetmap.org) has a policy, https://operations.osmfoundation.org/policies/nominatim/: at most
one request a second over all users of an application, its own User-Agent, no bulk, attribution. Other use gets 403 or
429. A query that takes too long ends with 503. Errors are JSON, or plain text with 400 for a wrong parameter.

It is strict where addok is lax: it does not find a misspelled street. But it gives a house with another postcode and,
without a town, a house in another town. It has no score (`importance` is fame), and its answers have no date. A house
has the rank 30 and a house number; a shop without a number has only the rank.
"""

from __future__ import annotations

from collections.abc import Iterator

from adapters.address.geocoders.client import Geocoder
from adapters.address.geocoders.payload import OPENSTREETMAP, PayloadPart, merge_streets
from adapters.address.parsed_address import ParsedAddress
from adapters.address.street_names import same_city
from adapters.base import Box, Place, Places
from adapters.http_client.transport import Transport
from config.levels import Level

CANDIDATES = 40
"""The most that it gives: one street is many ways."""
WAYS = ("road", "pedestrian", "footway", "path", "square", "place")
"""The keys of an address that may have its street; `place` is one after which its houses are named."""
TOWNS = ("city", "town", "village", "municipality")
RANK_HOUSE = 30
RANKS_OF_WAYS = range(26, 28)
RANK_TOWN = 16
"""Up to this rank places are towns and larger."""
SAME_DEGREES = 2e-7
"""Positions have seven digits."""


class Nominatim(Geocoder):
    """A source of type `nominatim`. `country` is a code of two letters, `email` a contact for the administrators."""

    provider = "nominatim"
    path = "/search"

    def __init__(
        self,
        url: str,
        transport: Transport,
        *,
        language: str = "fr",
        country: str | None = None,
        email: str | None = None,
    ) -> None:
        super().__init__(url, transport, language=language)
        self._always = {
            "format": "jsonv2",
            "addressdetails": "1",
            "dedupe": "0",
            "limit": str(CANDIDATES),
            "accept-language": language,
            "countrycodes": (country or "").lower(),
            "email": email or "",
        }

    def _find(self, asked: ParsedAddress, street: str, timeout: float) -> Places:
        parts = {"street": f"{asked.number or ''} {street}".strip(), "city": asked.city, "postalcode": asked.postcode}
        results = self._get(parts | self._always, timeout).items(CANDIDATES)
        places = [place for result in results for place in _places(result, asked, self._language)]
        merged = merge_streets(places, cut=len(results) == CANDIDATES)
        return Places(self.provider, merged, attribution=OPENSTREETMAP)


def _places(result: PayloadPart, asked: ParsedAddress, code: str) -> Iterator[Place]:
    """One place, or several where one building has several numbers ("8;10")."""
    rank = int(result.member("place_rank").number(0, RANK_HOUSE))
    longitude, latitude = result.member("lon").degrees(180), result.member("lat").degrees(90)
    box = result.member("boundingbox").box(south=0, north=1, west=2, east=3)
    address = result.member("address")
    numbers = address.text("house_number") if rank == RANK_HOUSE else None
    level = _level(result, rank, numbers, (longitude, latitude, longitude, latitude), box)
    names = [name for key in WAYS if (name := address.text(key))]
    towns = [name for key in TOWNS if (name := address.text(key))]
    # A village in a commune has the names of both, and people write either.
    towns.sort(key=lambda name: not same_city(asked.city, name, code))
    for number in (numbers or "").split(";"):
        yield Place(
            level=level,
            longitude=longitude,
            latitude=latitude,
            number=number.strip() or None,
            street=names[0] if names and (numbers or level is Level.STREET) else None,
            postcode=address.text("postcode"),
            city=towns[0] if towns else None,
            extent=box if level is Level.STREET else None,
        )


def _level(result: PayloadPart, rank: int, numbers: str | None, point: Box, box: Box | None) -> Level:
    kind = result.text("category"), result.text("type")
    if numbers is not None:
        is_line = kind == ("place", "house") and result.text("osm_type") == "way" and _is_around(box, point)
        return Level.INTERPOLATED if is_line else Level.HOUSENUMBER
    if kind[1] in {"postcode", "postal_code"}:
        return Level.POSTCODE
    if rank in RANKS_OF_WAYS:
        return Level.STREET
    return Level.MUNICIPALITY if rank <= RANK_TOWN else Level.LOCALITY


def _is_around(box: Box | None, point: Box) -> bool:
    """Whether `box` is a square of degrees with the point in its middle, which no building's outline is. Then a house
    that is a way in OpenStreetMap is a number interpolated along a line.
    """
    if box is None:
        return True
    west, south, east, north = (edge - middle for edge, middle in zip(box, point, strict=True))
    return max(abs(west + east), abs(south + north), abs(east - north)) <= SAME_DEGREES
