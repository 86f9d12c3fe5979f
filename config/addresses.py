"""The models of address sources: geocoders over HTTP, and address bases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints

from config.durations import duration_default
from config.limits import Concurrency, FileName, LimitedSource, Name, ProxyUrl, SourceKind, Timeout, Url
from config.problems import Fault, matching
from config.secrets import SecretReference

StreetLanguage = Literal["fr", "de", "de-AT", "en", "en-AU", "en-NZ", "es", "it", "nl", "pt"]
"""The language of a town's street names: its abbreviations, articles and kinds of way. With a region where a slash is
known to join a flat to its house number: "1/41" in Australia and New Zealand, "8/2/5" in Austria."""

COUNTRY_PATTERN: Final = r"^[A-Z]{2}$"
EMAIL_PATTERN: Final = r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,253}$"
CITY_CODE_PATTERN: Final = r"^[0-9A-Za-z-]{1,12}$"
"""The official codes of towns: 99901 and 2A004 in France, eight digits in Germany."""

WRITTEN_PATTERN: Final = r"^[^<>\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""What an address may contain: no markup and no control characters."""


Country = Annotated[
    str,
    matching(COUNTRY_PATTERN, "a country is two capital letters, such as FR"),
    Field(json_schema_extra={"pattern": COUNTRY_PATTERN}),
]
"""A country by its two letters of ISO 3166-1."""


class AddressSource(LimitedSource):
    """What all sources of addresses share: the language of the street names in them."""

    kind = SourceKind.ADDRESS

    language: StreetLanguage = "fr"


class GeocoderSource(AddressSource):
    """What all geocoders share: `url` is the base address, reached through `proxy` and trusted by `ca_file`."""

    url: Url
    concurrency: Concurrency | None = 16
    timeout: Timeout = duration_default("8s")
    proxy: ProxyUrl | None = None
    ca_file: FileName | None = None


class AddokSource(GeocoderSource):
    """A geocoder with addok's interface: the French national one (Géoplateforme), or your own.

    `url` is the address before `/search`. If a word has two wrong letters, a lookup sends a second request.
    See https://github.com/addok/addok and https://geoservices.ign.fr/documentation/services/services-geoplateforme/geocodage
    """

    type: Literal["addok"]


class NominatimSource(GeocoderSource):
    """Nominatim, the geocoder of OpenStreetMap: the public server, or your own. `url` is the address before `/search`.

    The public server allows one request a second and one at a time: https://operations.osmfoundation.org/policies/nominatim/
    """

    type: Literal["nominatim"]
    url: Url = "https://nominatim.openstreetmap.org"
    concurrency: Concurrency | None = 1
    country: Country | None = None
    email: Annotated[str, StringConstraints(pattern=EMAIL_PATTERN)] | None = None


class PhotonSource(GeocoderSource):
    """Photon, komoot's geocoder of OpenStreetMap's data: the public server, or your own, from version 1.0 on.

    `url` is the address before `/structured`. See https://github.com/komoot/photon
    """

    type: Literal["photon"]
    url: Url = "https://photon.komoot.io"
    concurrency: Concurrency | None = 1
    country: Country | None = None


class PeliasSource(GeocoderSource):
    """Pelias: geocode.earth with its `api_key` (https://api.geocode.earth), or your own server without one.

    `url` is the address before `/v1`. See https://github.com/pelias/documentation and https://geocode.earth/docs
    """

    type: Literal["pelias"]
    country: Country | None = None
    api_key: SecretReference | None = None


class UsCensusSource(GeocoderSource):
    """The geocoder of the US Census Bureau. `url` is the address before `/locations`.

    See https://geocoding.geo.census.gov/geocoder/Geocoding_Services_API.html
    """

    type: Literal["us-census"]
    url: Url = "https://geocoding.geo.census.gov/geocoder"
    language: StreetLanguage = "en"


class AddressFileSource(AddressSource):
    """Your own address base: a file that each worker reads (`path`), in the CSV format of the Base Adresse Nationale,
    or one that `datasets import-addresses` keeps in the database (`dataset`).
    """

    type: Literal["address-file"]
    path: FileName | None = None
    dataset: Name | None = None

    def faults(self) -> Iterator[Fault]:
        if self.path is None and self.dataset is None:
            yield (), "names no addresses — add path: FILE, or dataset: NAME"
        if self.path is not None and self.dataset is not None:
            yield (), "has both a path and a dataset — remove one of them"


def _text(en: str, fr: str, longest: int, pattern: str = WRITTEN_PATTERN) -> dict[str, Any]:
    titles = {"en": en, "fr": fr}
    return {"type": "string", "minLength": 1, "maxLength": longest, "pattern": pattern, "titles": titles}


def address_properties() -> tuple[Mapping[str, Any], list[str]]:
    """The fields of an address, in the order of the form, and the required ones.

    They are the same for all address sources, so that one criterion can ask several. `city_code` is for platforms whose
    participants choose their town from a list.
    """
    properties = {
        "number": _text("House number", "Numéro", 60),
        "street": _text("Street", "Rue", 200),
        "postcode": _text("Postcode", "Code postal", 20),
        "city": _text("Town", "Commune", 200),
        "city_code": _text("Town code", "Code de la commune", 12, CITY_CODE_PATTERN),
        "country": _text("Country", "Pays", 60),
    }
    return properties, ["street", "postcode"]
