"""Collects the addresses of a file into batches of bounded size: streets, houses and the words of their names.

A street's number is a hash of its name and town, so that the streets of a country need not be kept in memory to find
that of the next house. A street that is in several batches is merged where they are stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from adapters.address.base.rows import Address
from adapters.address.base.streets import number_bit
from adapters.address.languages import fold
from adapters.address.misspellings import letter_runs
from adapters.address.street_names import accents, canonical, name_words

BATCH = 20_000
"""Rows of a batch."""

WORDS_CACHED = 100_000
"""How many words are remembered, so as not to be returned again."""


class StreetsMixed(Exception):
    """Two streets got the same number, as in one of a million imports of a whole country."""


@dataclass(slots=True)
class StreetRow:
    """A street as known so far, with the box around all its positions; `numbers` has its `number_bit`s."""

    street: int
    postcode: str
    canonical: str
    name: str
    city: str
    city_code: str | None
    longitude: float
    latitude: float
    west: float
    south: float
    east: float
    north: float
    hamlet: str = ""
    numbers: int = 0

    def add(self, address: Address) -> None:
        self.west, self.east = min(self.west, address.longitude), max(self.east, address.longitude)
        self.south, self.north = min(self.south, address.latitude), max(self.north, address.latitude)
        if address.number is not None:
            self.numbers |= number_bit(address.number)


class HouseRow(NamedTuple):
    """One position of a house; `line` is its place in the file."""

    street: int
    number: int
    repetition: str
    line: int
    written: str
    longitude: float
    latitude: float
    accuracy: int | None = None


@dataclass(slots=True)
class AddressBatch:
    """The streets and houses of `rows` rows, and new `words` of their names (`street_names.name_words`,
    `misspellings.letter_runs`).
    """

    rows: int = 0
    streets: dict[int, StreetRow] = field(default_factory=dict)
    houses: list[HouseRow] = field(default_factory=list)
    words: set[str] = field(default_factory=set)


def batches(addresses: Iterable[Address], code: str, salt: int = 0, size: int = BATCH) -> Iterator[AddressBatch]:
    """The addresses in batches of `size` rows, the last one smaller. `code` is the language of the street names.

    Raises StreetsMixed where two streets have one number; with another `salt` they will not.
    """
    batch, seen = AddressBatch(), set[str]()
    of_place: dict[tuple[str, str, str, str | None, str], StreetRow] = {}
    for address in addresses:
        batch.rows += 1
        place = (address.street, address.postcode, address.city, address.city_code, address.hamlet)
        street = of_place.get(place)
        if street is None:
            street = of_place[place] = _street(batch, address, code, salt)
            new = (name_words(address.street, code) | letter_runs(address.street, code)) - seen
            batch.words |= new
            seen |= new
        street.add(address)
        if address.number is not None:
            number, suffix, written = address.number, address.repetition, address.written
            x, y, accuracy = address.longitude, address.latitude, address.accuracy
            batch.houses.append(HouseRow(street.street, number, suffix, address.line, written, x, y, accuracy))
        if batch.rows == size:
            yield batch
            batch = AddressBatch()
            of_place.clear()
            if len(seen) > WORDS_CACHED:
                seen.clear()
    if batch.rows:
        yield batch


def _street(batch: AddressBatch, address: Address, code: str, salt: int) -> StreetRow:
    """The street of this address in the batch; names that differ only in case are the same, those with other accents
    are not: Bodastraße, Bödastraße. Each hamlet of a town has its own.
    """
    town = "\0".join(filter(None, (address.city_code or fold(address.city), fold(address.hamlet))))
    number = street_number(salt, address.postcode, fold(address.street) + accents(address.street), town)
    name = _canonical(address.street, code)
    street = batch.streets.get(number)
    if street is None:
        x, y = address.longitude, address.latitude
        place = address.postcode, name, address.street, address.city, address.city_code
        street = batch.streets[number] = StreetRow(number, *place, x, y, x, y, x, y, address.hamlet)
    elif (street.postcode, street.canonical, street.city_code) != (address.postcode, name, address.city_code):
        raise StreetsMixed("two streets got the same number; import the file again, and they get others")
    return street


def street_number(salt: int, postcode: str, name: str, town: str) -> int:
    """63 bits. The first twelve are of the postcode, so that an index has the streets of an area together."""
    key = salt.to_bytes(8, "big")
    near = int.from_bytes(blake2b((postcode or town).encode(), digest_size=2, key=key).digest(), "big") >> 4
    own = blake2b(f"{postcode}\0{name}\0{town}".encode(), digest_size=7, key=key).digest()
    return near << 51 | int.from_bytes(own, "big") >> 5


_canonical = lru_cache(maxsize=1 << 13)(canonical)
