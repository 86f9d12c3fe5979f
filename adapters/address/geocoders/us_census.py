"""The geocoder of the US Census Bureau (https://geocoding.geo.census.gov/geocoder).

Contract: GET {url}/locations/address, https://geocoding.geo.census.gov/geocoder/Geocoding_Services_API.html. No key.
It knows no houses but the ranges of numbers along the lines of TIGER, and lays a number between the ends of its range:
every place is interpolated, and nobody can tell whether the house stands. A street without a number is not found, so
it is not asked for.

No match is an empty `addressMatches`. Errors come with the status 400 or inside of a body with 200 (`errors`,
`status`); which words they have is not documented, so that whatever is no list of matches is no answer.
"""

from __future__ import annotations

from adapters.address.geocoders.payload import PayloadPart
from adapters.address.parsed_address import read_answer
from adapters.address.street_names import expand
from adapters.base import Place, Places, Query, Unavailable
from adapters.http_client.transport import Transport, raise_for_trouble
from config.levels import Level

BENCHMARK = "Public_AR_Current"
CANDIDATES = 20
NAME = (
    "preQualifier", "preDirection", "preType", "streetName", "suffixType", "suffixDirection", "suffixQualifier",
)  # fmt: skip
"""The parts of a street's name, in order; most are empty."""
ZIP_LETTERS = 5
"""Of a ZIP code; four more name a delivery route, which the service does not know."""


class UsCensus:
    """A source of type `us-census`. `url` is the base, without `/locations`; it owns `transport` and closes it.

    `language` is that of the streets' names.
    """

    def __init__(self, url: str, transport: Transport, *, language: str = "en") -> None:
        self._url = url.rstrip("/") + "/locations/address"
        self._transport = transport
        self._language = language

    def look_up(self, query: Query) -> Places:
        """The places where the answer's number would stand. Without number, street or ZIP code nothing is asked for.

        Raises:
            SourceError: as `transport` says; `Unavailable` also where an answer with the status 200 names an
                error, `Unreadable` for one of another shape than documented.
        """
        asked = read_answer(query.answer, self._language)
        street, code = expand(asked.street, self._language), asked.postcode[:ZIP_LETTERS]
        if not (street and code and asked.number) or asked.malformed:
            return Places("us-census", ())
        params = {"street": f"{asked.number} {street}", "zip": code, "benchmark": BENCHMARK, "format": "json"}
        if asked.city:
            params["city"] = asked.city
        reply = self._transport.send("GET", self._url, params=params, timeout=query.timeout)
        raise_for_trouble(reply)
        answer = PayloadPart(reply.json())
        if answer.member("errors").value or answer.member("status").value:
            raise Unavailable("the geocoder's answer names an error of its own")
        matches = answer.member("result").member("addressMatches").items(CANDIDATES)
        return Places("us-census", tuple(map(_place, matches)), attribution="U.S. Census Bureau", keepable=True)

    def close(self) -> None:
        """Give back connections."""
        self._transport.close()


def _place(match: PayloadPart) -> Place:
    """A match; one whose text cannot be taken apart is a place that decides nothing."""
    components, coordinates = match.member("addressComponents"), match.member("coordinates")
    street = " ".join(part for name in NAME if (part := components.text(name)))
    # `fromAddress` and `toAddress` are the ends of the range: the number itself stands in the whole address alone.
    first = (match.text("matchedAddress") or "").partition(",")[0]
    apart = bool(street) and first.endswith(street)
    return Place(
        level=Level.INTERPOLATED if apart else Level.LOCALITY,
        longitude=coordinates.member("x").degrees(180),
        latitude=coordinates.member("y").degrees(90),
        number=first.removesuffix(street).strip() or None if apart else None,
        street=street if apart else None,
        postcode=components.text("zip"),
        city=components.text("city"),
    )
