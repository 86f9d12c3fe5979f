"""Nominatim, the geocoder of OpenStreetMap: the public server, or one's own (https://nominatim.org).

Contract: GET {url}/search, https://nominatim.org/release-docs/latest/api/Search/ and .../api/Output/. The public server
(https://nominatim.openstreetmap.org) has a policy, https://operations.osmfoundation.org/policies/nominatim/: at most
one request a second over all users of an application, its own User-Agent, no bulk, attribution. Other use gets 403 or
429. A query that takes too long ends with 503. Errors are JSON, or plain text with 400 for a wrong parameter.

It is strict where addok is lax: it finds no misspelled street (https://github.com/osm-search/Nominatim/issues/4111),
but a street by some of its words. And it gives a house with another postcode and, without a town, a house in another
town. It has no score (`importance` is fame), and its answers have no date. A house has the rank 30 and a house number;
a shop without a number has only the rank.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import permutations, takewhile

from adapters.address.geocoders.client import Geocoder
from adapters.address.geocoders.further_requests import agrees, doubtful_word, is_unknown
from adapters.address.geocoders.payload import OPENSTREETMAP, PayloadPart, merge_streets
from adapters.address.geocoders.shorter_names import shorter_names
from adapters.address.languages import fold
from adapters.address.parsed_address import ParsedAddress
from adapters.address.street_names import LONG_WORD, THRESHOLD, name_words, similarity
from adapters.address.town_names import same_city
from adapters.base import Another, Box, Place, Places, SourceError
from adapters.http_client.transport import Transport
from config.levels import Level

CANDIDATES = 40
"""The most that it gives: one street is many ways."""
WAYS = ("road", "pedestrian", "footway", "path", "square", "place")
"""The keys of an address that may have its street; `place` is one after which its houses are named."""
TOWNS = ("city", "town", "village", "municipality")
PARTS_OF_TOWNS = (
    "city_district", "district", "borough", "suburb", "subdivision", "quarter", "neighbourhood", "hamlet",
    "isolated_dwelling",
)  # fmt: skip
"""People write these as their town, too."""
LARGER = ("county", "state_district", "state", "region", "province", "postcode", "country")
"""What is no town, even if it is called as one."""
MOST_SPELLINGS = 4
"""Requests with another spelling or a part of the street's name. With those for all of it and the last one, a lookup
sends seven at most."""
RANK_HOUSE = 30
RANKS_OF_WAYS = range(26, 28)
RANK_TOWN = 16
"""Up to this rank places are towns and larger."""
SAME_DEGREES = 2e-7
"""Positions have seven digits."""


@dataclass(frozen=True, slots=True, repr=False)
class _FoundPlaces:
    """The places of one search or several; `cut` where there may be more."""

    places: Sequence[Place]
    cut: bool
    unknown: frozenset[str] = frozenset()


class Nominatim(Geocoder):
    """A source of type `nominatim`. `country` is a code of two letters, `email` a contact for the administrators.

    Where no street is alike, a lookup sends further requests, if `another` pays for them.
    """

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
        another: Another | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        super().__init__(url, transport, language=language, another=another, sleep=sleep)
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
        deadline = time.monotonic() + timeout
        found = self._search(asked, street, deadline)
        if not self._likely(asked, found.places):
            # A further request may help, but the lookup has an answer without it.
            with suppress(SourceError):
                found = self._ask_again(asked, street, deadline) or found
        places = merge_streets(found.places, cut=found.cut, one_town=bool(asked.city))
        return Places(self.provider, places, attribution=OPENSTREETMAP, unknown_words=found.unknown)

    def _ask_again(self, asked: ParsedAddress, street: str, deadline: float) -> _FoundPlaces | None:
        """What other spellings of the street find; None where that is no street that may be meant.

        A misspelled street is found by the rest of its words, among all houses of that number. If that list is cut off,
        one that is more alike may be missing.
        """
        if fold(asked.street) != street:
            if not self._further.pay(deadline):
                return None
            found = self._search(asked, asked.street, deadline)
            if self._likely(asked, found.places):
                return found
        for spelling in self._shorter(asked, street):
            if not self._further.pay(deadline):
                return None
            found = self._search(asked, spelling, deadline, layer="address")
            if not found.cut and self._likely(asked, found.places, doubtful=True):
                return self._confirmed(asked, street, found, deadline)
        return None

    def _shorter(self, asked: ParsedAddress, street: str) -> list[str]:
        """Without a number, or in the whole country, they would find far too much."""
        within = asked.number and (asked.city or asked.postcode)
        return shorter_names(street, self._language)[:MOST_SPELLINGS] if within else []

    def _confirmed(
        self, asked: ParsedAddress, street: str, found: _FoundPlaces, deadline: float
    ) -> _FoundPlaces | None:
        """`found` with the streets of the typed name in any town, and the typed word that no street here has; None
        where nobody pays for asking that.
        """
        doubtful = doubtful_word(asked, found.places, self._language, parts=True)
        word = doubtful if doubtful and len(doubtful) >= LONG_WORD else None
        if word is None and not self._likely(asked, found.places):
            return found  # nothing can be decided by them
        if not self._further.pay(deadline):
            return None
        anywhere = replace(asked, number=None, city="" if asked.postcode else asked.city)
        named = self._search(anywhere, word or street, deadline)
        here = [place for place in named.places if agrees(asked, place) or self._is_in(asked.city, place)]
        alike = [place for place in named.places if self._likely(asked, [place])]
        unknown = frozenset({word} if word and is_unknown(word, here, self._language) else ())
        return _FoundPlaces([*found.places, *alike], cut=named.cut, unknown=unknown)

    def _is_in(self, city: str, place: Place) -> bool:
        return bool(city and place.city) and same_city(city, place.city or "", self._language)

    def _likely(self, asked: ParsedAddress, places: Sequence[Place], *, doubtful: bool = False) -> bool:
        """Whether the street of one of `places` may be the one meant; if `doubtful`, even with two slips in a word."""
        unknown = name_words(asked.street, self._language) if doubtful else frozenset[str]()
        return any(
            place.street and similarity(asked.street, place.street, self._language, unknown) >= THRESHOLD
            for place in places
        )

    def _search(self, asked: ParsedAddress, street: str, deadline: float, **only: str) -> _FoundPlaces:
        text = f"{asked.number or ''} {street}".strip()
        parts = {"street": text, "city": asked.city, "postalcode": asked.postcode, **only}
        results = self._get(parts | self._always, deadline - time.monotonic()).items(CANDIDATES)
        places = [place for result in results for place in _places(result, asked, self._language)]
        return _FoundPlaces(places, cut=len(results) == CANDIDATES)


def _places(result: PayloadPart, asked: ParsedAddress, code: str) -> Iterator[Place]:
    """One place, or several where one building has several numbers ("8;10")."""
    rank = int(result.member("place_rank").number(0, RANK_HOUSE))
    longitude, latitude = result.member("lon").degrees(180), result.member("lat").degrees(90)
    box = result.member("boundingbox").box(south=0, north=1, west=2, east=3)
    address = result.member("address")
    numbers = address.text("house_number") if rank == RANK_HOUSE else None
    level = _level(result, rank, numbers, (longitude, latitude, longitude, latitude), box)
    names = [name for key in WAYS if (name := address.text(key))]
    street = names[0] if names and (numbers or level is Level.STREET) else None
    towns = _towns(result, street)
    # A village in a commune has the names of both, and people write either, or both as one.
    named = (*towns, *map("-".join, permutations(towns, 2)))
    city = next((name for name in named if same_city(asked.city, name, code)), towns[0] if towns else None)
    # Of a street that is named after a larger town, other ways may be in the next one.
    whole = level is Level.STREET and city in {address.text(key) for key in TOWNS}
    for number in (numbers or "").split(";"):
        yield Place(
            level=level,
            longitude=longitude,
            latitude=latitude,
            number=number.strip() or None,
            street=street,
            postcode=address.text("postcode"),
            city=city,
            extent=box if whole else None,
        )


def _towns(result: PayloadPart, street: str | None) -> list[str]:
    """The names that the town may have, the most likely first.

    An address has one place of each kind: where that is the village, the municipality is in `display_name` alone,
    between the street and what is larger than a town.
    """
    address = result.member("address")
    towns, parts, larger = (
        [name for key in keys if (name := address.text(key))] for keys in (TOWNS, PARTS_OF_TOWNS, LARGER)
    )
    shown = (result.text("display_name") or "").split(", ")
    behind = shown[len(shown) - shown[::-1].index(street) :] if street in shown else []
    between = list(takewhile(lambda name: name not in larger, behind))
    return list(dict.fromkeys([*towns, *parts, *between]))


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
