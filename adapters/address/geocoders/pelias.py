"""Pelias, a geocoder of open data: geocode.earth (with a key), or one's own (https://pelias.io).

Contract: GET {url}/v1/search/structured, https://github.com/pelias/documentation (structured-geocoding.md,
result_quality.md, http-status-codes.md). Errors are GeoJSON, too: 400, 404, 408 and 502 from its index. geocode.earth
(https://geocode.earth/docs/intro/rate_limits) answers 429 for more than its plan allows in a second, and 403 for a
wrong key or an exhausted month. Its key is in the query; no error or log of ours holds a query.

`layer` says what was found, `match_type` whether an address was interpolated. `confidence` is a score from 0 to 1;
results need not be in its order. There is no extent of a street, and no date of the data.
"""

from __future__ import annotations

from adapters.address.geocoders.client import Geocoder
from adapters.address.geocoders.payload import OPENSTREETMAP, PayloadPart, position
from adapters.address.parsed_address import ParsedAddress
from adapters.base import Another, Place, Places, Unavailable
from adapters.http_client.transport import Transport
from config.levels import Level

LEVELS = {
    "address": Level.HOUSENUMBER,
    "street": Level.STREET,
    "postalcode": Level.POSTCODE,
    "locality": Level.MUNICIPALITY,
    "localadmin": Level.MUNICIPALITY,
    "county": Level.MUNICIPALITY,
    "region": Level.MUNICIPALITY,
    "country": Level.MUNICIPALITY,
}
"""By layer; the others are localities."""
CANDIDATES = 20
ATTRIBUTION = f"{OPENSTREETMAP}; OpenAddresses; Who's On First"


class Pelias(Geocoder):
    """A source of type `pelias`. `country` is a code of two letters, `api_key` the key in clear."""

    provider = "pelias"
    path = "/v1/search/structured"

    def __init__(
        self,
        url: str,
        transport: Transport,
        *,
        language: str = "fr",
        country: str | None = None,
        api_key: str | None = None,
        another: Another | None = None,
    ) -> None:
        super().__init__(url, transport, language=language, another=another)
        self._always = {"country": country or "", "size": str(CANDIDATES), "api_key": api_key or ""}

    def _find(self, asked: ParsedAddress, street: str, timeout: float) -> Places:
        parts = {
            "address": f"{asked.number or ''} {street}".strip(),
            "locality": asked.city,
            "postalcode": asked.postcode,
        }
        answer = self._get(parts | self._always, timeout)
        about = answer.member("geocoding")
        if about.value is not None and about.member("errors").value:
            raise Unavailable("the geocoder's answer names an error of its own")
        places = tuple(_place(feature) for feature in answer.member("features").items(CANDIDATES))
        return Places(self.provider, places, attribution=ATTRIBUTION)


def _place(feature: PayloadPart) -> Place:
    properties = feature.member("properties")
    number, street = properties.text("housenumber"), properties.text("street")
    level = LEVELS.get(properties.text("layer") or "", Level.LOCALITY)
    exact = properties.text("match_type") != "interpolated" and properties.text("accuracy") in {None, "point"}
    if level is Level.HOUSENUMBER and not (number and street):
        level = Level.LOCALITY
    elif level is Level.HOUSENUMBER and not exact:
        level = Level.INTERPOLATED
    addressed = level in {Level.HOUSENUMBER, Level.INTERPOLATED, Level.STREET}
    longitude, latitude = position(feature)
    return Place(
        level=level,
        longitude=longitude,
        latitude=latitude,
        number=number if addressed else None,
        street=(street or (properties.text("name") if level is Level.STREET else None)) if addressed else None,
        postcode=properties.text("postalcode"),
        city=properties.text("locality") or properties.text("localadmin") or properties.text("borough"),
        score=properties.member("confidence").number(0, 1),
    )
