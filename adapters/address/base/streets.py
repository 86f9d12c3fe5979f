"""The streets, houses and words of an address base, however it is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol

from adapters.base import Box, Place
from config.levels import Level

Area = tuple[Literal["postcode", "city_code"], str]
"""The streets of one postcode, or of the town that has this official code."""


@dataclass(frozen=True, slots=True, repr=False)
class Street:
    """One street of one town and postcode, with one of its points in WGS 84 degrees.

    `key` identifies it in its base; it is looked up by `canonical` (see `street_names.canonical`). `extent` is the box
    around all its houses, None where more may exist, or too few are known to say where it ends.
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
    hamlet: str = ""

    def place(self, house: House | None = None, alike: float | None = None) -> Place:
        """A house of the street, or the street with its extent; `alike` is how alike its name is."""
        at = house or self
        return Place(
            level=Level.HOUSENUMBER if house else Level.STREET,
            longitude=at.longitude,
            latitude=at.latitude,
            number=house.written if house else None,
            street=self.name,
            postcode=self.postcode or None,
            city=self.city or None,
            city_code=self.city_code,
            hamlet=self.hamlet or None,
            score=alike,
            extent=None if house else self.extent,
            accuracy=house.accuracy if house else None,
        )


@dataclass(frozen=True, slots=True, repr=False)
class House:
    """One position of one house number, `written` as the base has it, in WGS 84 degrees. `accuracy` is by how many
    metres it may be wrong, None where the base does not say.
    """

    written: str
    longitude: float
    latitude: float
    accuracy: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Wanted:
    """A house to look up, by the canonical spelling of its street; number and city code are None where not given.

    It is personal data: its repr shows nothing.
    """

    postcode: str
    city_code: str | None
    canonical: str
    number: int | None
    repetition: str

    @property
    def areas(self) -> tuple[Area, ...]:
        """Where names are compared."""
        postcode: tuple[Area, ...] = (("postcode", self.postcode),) if self.postcode else ()
        return (*postcode, ("city_code", self.city_code)) if self.city_code else postcode

    def is_near(self, street: Street) -> bool:
        """Whether a street is in one of the areas."""
        by_code = self.city_code is not None and street.city_code == self.city_code
        return by_code or (bool(self.postcode) and street.postcode == self.postcode)


Match = tuple[Street, Sequence[House]]
"""A street and every position of the house number that was asked for."""


class AddressBase(Protocol):
    """An address base as the search needs it. Each method takes a batch."""

    @property
    def data_date(self) -> date | None:
        """The date of its data."""

    def find_named(self, wanted: Sequence[Wanted]) -> Sequence[Sequence[Match]]:
        """For each, the streets with exactly this name in the postcode or in the town of the city code."""

    def find_anywhere(self, wanted: Sequence[Wanted]) -> Sequence[Sequence[Match]]:
        """For each, at most `ELSEWHERE` streets with exactly this name in any postcode."""

    def houses(self, wanted: Sequence[tuple[Street, int, str]]) -> Sequence[Sequence[House]]:
        """For each street, number and repetition, every position of that house."""

    def houses_near(self, wanted: Sequence[tuple[Street, int]]) -> Sequence[Sequence[House]]:
        """For each street and number, the positions of houses whose numbers are at most `NEAR_NUMBERS` away."""

    def streets(self, area: Area) -> Mapping[str, Sequence[Street]]:
        """The streets of an area by their canonical names."""

    def known_words(self, words: AbstractSet[str]) -> AbstractSet[str]:
        """Those of `words` (as `street_names.name_words` gives them) that are in the name of any street."""


Names = Callable[[Area], Mapping[str, Sequence[Street]]]
"""`AddressBase.streets`, or a cache of it."""

ELSEWHERE = 20
"""Streets with a name in other postcodes that are reported: one is enough to show that the postcode may be wrong."""

NEAR_NUMBERS = 30
"""How far from the number that was asked for are those of its neighbours."""

FEWEST_NUMBERS = 5
"""A street with fewer different house numbers has no extent: its end is not known."""


def number_bit(number: int) -> int:
    """One of 31 bits for a house number. The bits of a street, combined with "or", are at most as many as its different
    numbers, and nearly always five where it has five.
    """
    return 1 << number % 31


def extent(box: Box, numbers: int) -> Box | None:
    """The extent of a street by the box around all its positions, and by the `number_bit`s of its houses."""
    return box if numbers.bit_count() >= FEWEST_NUMBERS else None
