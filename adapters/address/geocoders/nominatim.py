"""Nominatim, the geocoder of OpenStreetMap: the public server, or one's own (https://nominatim.org).

Contract: GET {url}/search, https://nominatim.org/release-docs/latest/api/Search/ and .../api/Output/. The public server
(https://nominatim.openstreetmap.org) has a policy, https://operations.osmfoundation.org/policies/nominatim/: at most
one request a second over all users of an application, its own User-Agent, no bulk, attribution. Whoever breaks it gets
403 or 429. A query that takes too long ends with 503. Errors are JSON, or plain text with 400 for a wrong parameter.

It is strict where addok is lax: a misspelled street is not found. But it answers a house whose postcode is another one
and, without a town, a house in another town. It has no score (`importance` is fame), and no date of its data in an
answer. What is found carries its rank: a house has 30 and a house number, which a shop without one has not.
"""

from __future__ import annotations

from collections.abc import Iterator

from adapters.address.geocoders.payload import OPENSTREETMAP, PayloadPart, whole_streets
from adapters.address.parsed_address import ParsedAddress, read_answer
from adapters.address.street_names import expand, same_city
from adapters.base import Box, Place, Places, Query
from adapters.http_client.transport import Transport, raise_for_trouble
from config.levels import Level

CANDIDATES = 40
"""As many as it gives at most: one street is many ways."""
WAYS = ("road", "pedestrian", "footway", "path", "square", "place")
"""Where an address has its street, by the kind of way; `place` is one by whose name its houses go."""
TOWNS = ("city", "town", "village", "municipality")
RANK_HOUSE = 30
RANKS_OF_WAYS = range(26, 28)
RANK_TOWN = 16
"""Up to this rank places are towns and larger."""
SAME_DEGREES = 2e-7
"""Positions have seven digits."""


class Nominatim:
    """A source of type `nominatim`. `url` is the base, without `/search`; the source owns `transport` and closes it.

    `language` is that of the streets' names, `country` two letters to search within, `email` whom the server's
    administrators may write to.
    """

    def __init__(
        self,
        url: str,
        transport: Transport,
        *,
        language: str = "fr",
        country: str | None = None,
        email: str | None = None,
    ) -> None:
        self._url = url.rstrip("/") + "/search"
        self._transport = transport
        self._language = language
        self._always = {
            "format": "jsonv2",
            "addressdetails": "1",
            "dedupe": "0",
            "limit": str(CANDIDATES),
            "accept-language": language,
            **({"countrycodes": country.lower()} if country else {}),
            **({"email": email} if email else {}),
        }

    def look_up(self, query: Query) -> Places:
        """The candidates for the answer's address, best first. An answer without a street is not asked for,
        nor one whose house number is none.

        Raises:
            SourceError: as `transport` says; `Unreadable` for an answer of another shape than documented.
        """
        asked = read_answer(query.answer, self._language)
        street = expand(asked.street, self._language)
        if not street or asked.malformed:
            return Places("nominatim", ())
        parts = {"street": f"{asked.number or ''} {street}".strip(), "city": asked.city, "postalcode": asked.postcode}
        params = {name: text for name, text in parts.items() if text} | self._always
        reply = self._transport.send("GET", self._url, params=params, timeout=query.timeout)
        raise_for_trouble(reply)
        results = PayloadPart(reply.json()).items(CANDIDATES)
        places = [place for result in results for place in _places(result, asked, self._language)]
        whole = whole_streets(places, cut=len(results) == CANDIDATES)
        return Places("nominatim", whole, attribution=OPENSTREETMAP, keepable=True)

    def close(self) -> None:
        """Give back connections."""
        self._transport.close()


def _places(result: PayloadPart, asked: ParsedAddress, code: str) -> Iterator[Place]:
    """What one result is: one place, or several where one building has several numbers ("8;10")."""
    rank = int(result.member("place_rank").number(0, RANK_HOUSE))
    longitude, latitude = result.member("lon").degrees(180), result.member("lat").degrees(90)
    box = result.member("boundingbox").box(south=0, north=1, west=2, east=3)
    address = result.member("address")
    numbers = address.text("house_number") if rank == RANK_HOUSE else None
    level = _level(result, rank, numbers, (longitude, latitude, longitude, latitude), box)
    names = [name for key in WAYS if (name := address.text(key))]
    towns = [name for key in TOWNS if (name := address.text(key))]
    # A village in a commune has the names of both, and people write the one or the other.
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
        laid = kind == ("place", "house") and result.text("osm_type") == "way" and _is_made(box, point)
        return Level.INTERPOLATED if laid else Level.HOUSENUMBER
    if kind[1] in {"postcode", "postal_code"}:
        return Level.POSTCODE
    if rank in RANKS_OF_WAYS:
        return Level.STREET
    return Level.MUNICIPALITY if rank <= RANK_TOWN else Level.LOCALITY


def _is_made(box: Box | None, point: Box) -> bool:
    """Whether `box` was made around the point: a square of degrees with the point in its middle, as no building has it.

    Then a house that is a way in OpenStreetMap is no building's outline, but a number laid along a line.
    """
    if box is None:
        return True
    west, south, east, north = (edge - middle for edge, middle in zip(box, point, strict=True))
    return max(abs(west + east), abs(south + north), abs(east - north)) <= SAME_DEGREES
