"""The French national geocoder (Géoplateforme, https://data.geopf.fr/geocodage) and any addok server.

Contract: GET {url}/search, https://geoservices.ign.fr/documentation/services/services-geoplateforme/geocodage and
https://addok.readthedocs.io. The national service allows 50 calls a second from one address, and answers 429 with
Retry-After beyond that. Its data are those of the Base Adresse Nationale (Licence Ouverte 2.0), without their date.
"Not found" is an empty list; 400 (cannot be parsed), 413 (too long) and 404 in HTML (a wrong `url`) are not.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from adapters.address.geocoders.client import Geocoder
from adapters.address.geocoders.further_requests import doubtful_word, is_unknown
from adapters.address.geocoders.payload import PayloadPart, position
from adapters.address.parsed_address import ParsedAddress
from adapters.base import Place, Places, Unreadable
from config.levels import Level

LEVELS = {
    "housenumber": Level.HOUSENUMBER,
    "street": Level.STREET,
    "locality": Level.LOCALITY,
    "municipality": Level.MUNICIPALITY,
}
CANDIDATES = 50
"""The most that it gives: a common word occurs in many names."""
SHORTEST_QUERY = 3
LONGEST_TEXT = 190
"""Letters of number and street; the geocoder accepts 200, with the postcode."""
NATIONAL = "BAN"
"""The attribution where an answer names none, as those of the national service do."""


class Addok(Geocoder):
    """A source of type `addok`.

    Where the one word that does not match has two wrong letters, a lookup sends a second request, if `another` pays for
    it: a search for that word alone finds the streets that have it in their names. Where there are none, it is a
    misspelling (`Places.unknown_words`).
    """

    provider = "addok"
    path = "/search"

    def _find(self, asked: ParsedAddress, street: str, timeout: float) -> Places:
        deadline = time.monotonic() + timeout
        # "8bis" in one word: in two, the geocoder reads it as a number only before a street that it knows.
        number = str(asked.number or "").replace(" ", "")
        # Postcode and town are no filter: a street of this name elsewhere shows that they are wrong, not the name.
        text = f"{f'{number} {street}'.strip()[:LONGEST_TEXT]} {asked.postcode[:8]}".strip()
        if len(text) < SHORTEST_QUERY:
            return Places(self.provider, ())
        places, attribution = self._search({"q": text}, deadline)
        word = doubtful_word(asked, places, self._language)
        unknown = frozenset[str]()
        if word and is_unknown(word, places, self._language) and self._further.pay(deadline):
            named, _ = self._search({"q": word, "type": "street"}, deadline)
            unknown = frozenset({word}) if is_unknown(word, named, self._language) else unknown
        return Places(self.provider, places, attribution=attribution, unknown_words=unknown)

    def _search(self, params: Mapping[str, str], deadline: float) -> tuple[tuple[Place, ...], str]:
        """The candidates, and their attribution."""
        sent = {**params, "limit": str(CANDIDATES), "autocomplete": "0"}
        answer = self._get(sent, deadline - time.monotonic())
        places = tuple(_place(feature) for feature in answer.member("features").items(CANDIDATES))
        named = answer.member("attribution").value
        return places, NATIONAL if named is None else named if isinstance(named, str) else ""


def _place(feature: PayloadPart) -> Place:
    properties = feature.member("properties")
    kind = properties.text("type")
    if kind not in LEVELS:
        raise Unreadable(f"{properties.where}.type is none of {', '.join(LEVELS)}")
    longitude, latitude = position(feature)
    number, city, old = (properties.text(name) for name in ("housenumber", "city", "oldcity"))
    if (number is not None) != (kind == "housenumber"):
        raise Unreadable(f"{properties.where}.housenumber does not fit its type")
    return Place(
        level=LEVELS[kind],
        longitude=longitude,
        latitude=latitude,
        number=number,
        street=properties.text("street") or (properties.text("name") if kind == "street" else None),
        postcode=properties.text("postcode"),
        city=city,
        city_code=properties.text("citycode"),
        hamlet=None if old == city else old,
        score=properties.member("score").number(0, 1.5),
    )
