"""The streets, houses and words of an address base, however it is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol

from adapters.base import Box

Area = tuple[Literal["postcode", "city_code"], str]
"""The streets of one postcode, or of the town that has this official code."""


@dataclass(frozen=True, slots=True, repr=False)
class Street:
    """One street of one town and postcode, with one of its points in WGS 84 degrees.

    `key` tells it from the others of its base, `canonical` is the spelling that it is looked up by (see
    `matching.canonical`). `extent` is the box around all its houses, None where nobody knows whether these are all, or
    too few are known to say where it ends.
    """

    key: int
    name: str
    canonical: str
    postcode: str
    city: str
    city_code: str | None
    longitude: float
    latitude: float
    extent: Box | None = None


@dataclass(frozen=True, slots=True, repr=False)
class House:
    """One position of one house number, `written` as the base has it, in WGS 84 degrees."""

    written: str
    longitude: float
    latitude: float


@dataclass(frozen=True, slots=True, repr=False)
class Wanted:
    """A house that somebody asks for, by the canonical spelling of its street; `number` is None where none was given.

    `city_code` is None where none was given, and then is nobody's. It is personal: its repr shows nothing.
    """

    postcode: str
    city_code: str | None
    canonical: str
    number: int | None
    repetition: str


Match = tuple[Street, Sequence[House]]
"""A street and every position that it has of the house number that was asked for."""


class AddressBase(Protocol):
    """What the search asks of a base. Each method answers for all that it is asked at once."""

    @property
    def data_date(self) -> date | None:
        """The day of its data."""
        ...

    def named(self, wanted: Sequence[Wanted]) -> Sequence[Sequence[Match]]:
        """For each, the streets of just this name in the postcode or in the town of the city code."""
        ...

    def anywhere(self, wanted: Sequence[Wanted]) -> Sequence[Sequence[Match]]:
        """For each, some streets of just this name in any postcode: at most `ELSEWHERE`."""
        ...

    def houses(self, wanted: Sequence[tuple[Street, int, str]]) -> Sequence[Sequence[House]]:
        """For each street, number and repetition, every position of that house."""
        ...

    def streets(self, area: Area) -> Mapping[str, Sequence[Street]]:
        """The streets of an area by their canonical names."""
        ...

    def known_words(self, words: AbstractSet[str]) -> AbstractSet[str]:
        """Those of `words` (of the form of `matching.name_words`) that stand in the name of some street."""
        ...


ELSEWHERE = 20
"""Streets of a name in other postcodes that are told: one is enough to see that the postcode may be wrong."""

FEWEST_NUMBERS = 5
"""A street with fewer different house numbers has no extent: nobody knows how far it goes on."""


def number_bit(number: int) -> int:
    """One bit for a house number. Those of a street, put together with "or" in any order, count at most its different
    numbers, and nearly always five where there are so many. They fit 31 bits, as databases have them.
    """
    return 1 << number % 31


def extent(box: Box, numbers: int) -> Box | None:
    """The extent of a street by the box around all its positions, and by the `number_bit`s of its houses."""
    return box if numbers.bit_count() >= FEWEST_NUMBERS else None
