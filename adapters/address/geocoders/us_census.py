"""The geocoder of the US Census Bureau (https://geocoding.geo.census.gov/geocoder).

Contract: GET {url}/locations/address, https://geocoding.geo.census.gov/geocoder/Geocoding_Services_API.html. No key.
It knows no houses, only the ranges of numbers along the lines of TIGER: every place is interpolated between the ends of
a range, and may not have a house. It does not find a street without a number, so none is sent.

No match is an empty `addressMatches`. Errors come with the status 400, or with 200 and `errors` or `status` in the
body. Their form is not documented, so anything but a list of matches is no answer.
"""

from __future__ import annotations

from adapters.address.geocoders.client import Geocoder
from adapters.address.geocoders.payload import PayloadPart
from adapters.address.parsed_address import ParsedAddress
from adapters.base import Place, Places, Unavailable
from config.levels import Level

BENCHMARK = "Public_AR_Current"
CANDIDATES = 20
NAME = (
    "preQualifier", "preDirection", "preType", "streetName", "suffixType", "suffixDirection", "suffixQualifier",
)  # fmt: skip
"""The parts of a street's name, in order; most are empty."""
ZIP_LETTERS = 5
"""The letters of a ZIP code; four more name a delivery route, which the service does not know."""


class UsCensus(Geocoder):
    """A source of type `us-census`. It needs a house number and a ZIP code, too."""

    provider = "us-census"
    path = "/locations/address"

    def _find(self, asked: ParsedAddress, street: str, timeout: float) -> Places:
        code = asked.postcode[:ZIP_LETTERS]
        if not (code and asked.number):
            return Places(self.provider, ())
        place = {"street": f"{asked.number} {street}", "zip": code, "city": asked.city}
        answer = self._get({**place, "benchmark": BENCHMARK, "format": "json"}, timeout)
        if answer.member("errors").value or answer.member("status").value:
            raise Unavailable("the geocoder's answer names an error of its own")
        matches = answer.member("result").member("addressMatches").items(CANDIDATES)
        return Places(self.provider, tuple(map(_place, matches)), attribution="U.S. Census Bureau")


def _place(match: PayloadPart) -> Place:
    """The place of a match; it decides nothing where the text of the match cannot be split."""
    components, coordinates = match.member("addressComponents"), match.member("coordinates")
    street = " ".join(part for name in NAME if (part := components.text(name)))
    # `fromAddress` and `toAddress` are the ends of the range: only the whole address has the number itself.
    first = (match.text("matchedAddress") or "").partition(",")[0]
    is_split = bool(street) and first.endswith(street)
    return Place(
        level=Level.INTERPOLATED if is_split else Level.LOCALITY,
        longitude=coordinates.member("x").degrees(180),
        latitude=coordinates.member("y").degrees(90),
        number=first.removesuffix(street).strip() or None if is_split else None,
        street=street if is_split else None,
        postcode=components.text("zip"),
        city=components.text("city"),
    )
