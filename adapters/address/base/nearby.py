"""Finds houses that may have been meant where an address base has none as typed. They are offered, and decide nothing.

Every one of them exists. Where the street is known, they are houses of it: that number where the street goes on under
another postcode, the same number with or without a suffix, then the nearest on the same side. Where it is not,
they have the number in a street of the same postcode or town whose name is alike, or has a word in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from heapq import nlargest
from itertools import chain, islice

from rapidfuzz import process
from rapidfuzz.distance import OSA

from adapters.address.base.streets import AddressBase, Match, Names, Street, Wanted
from adapters.address.house_numbers import HouseNumber, read_number
from adapters.address.languages import language
from adapters.address.town_names import same_city
from adapters.base import Place

MOST_NEARBY = 10
"""Houses that are offered for one answer at most."""

OF_ONE_STREET = 4
"""Houses of the street that was named."""

STREETS_ALIKE = 30
"""Streets with names alike that are searched for the house."""

LEAST_ALIKE = 0.6
"""The smallest share of letters that names which are alike have in common, kinds of way aside."""

LEAST_ALIKE_WHOLE = 0.7
"""The same with kinds of way: one that is misspelled in a compound, "Morgenstrrasse", is not known for one."""

TELLING_WORD = 5
ONE_WORD = 0.75
"""How alike names count that have a word of so many letters in common."""


@dataclass(frozen=True, slots=True, repr=False)
class Missing:
    """A house that was not found, and the streets of its postcode or town whose names fit."""

    number: HouseNumber | None
    wanted: Wanted
    there: Sequence[Street]


def nearby(missing: Sequence[Missing], base: AddressBase, names: Names, code: str) -> list[list[Place]]:
    """For each, at most `MOST_NEARBY` houses, best first; streets where no number was typed."""
    known = [each for each in missing if each.there and each.number]
    of_streets = [(street, each.wanted.number or 0) for each in known for street in each.there]
    numbers = iter(base.houses_near(of_streets) if known else [])
    borders = iter(base.find_anywhere([_as_found(each) for each in known]) if known else [])
    alike = [[] if each.there else _alike(each.wanted, names, code) for each in missing]
    wanted = [
        (street, each.wanted.number, each.wanted.repetition)
        for each, streets in zip(missing, alike, strict=True)
        for street in streets
        if each.wanted.number is not None
    ]
    houses = iter(base.houses(wanted) if wanted else [])
    nearest: list[list[Place]] = []
    for each, streets in zip(missing, alike, strict=True):
        if each.there and each.number:
            own = [(street, next(numbers)) for street in each.there]
            places = chain(_across(each, next(borders), code), _neighbours(each.number, own, code))
        elif each.number:
            own = [(street, next(houses)) for street in streets]
            places = chain(street.place(house) for street, at in own for house in at[:1])
        else:
            places = chain(street.place() for street in streets)
        nearest.append(list(islice(places, MOST_NEARBY)))
    return nearest


def _as_found(each: Missing) -> Wanted:
    return replace(each.wanted, canonical=each.there[0].canonical)


def _neighbours(asked: HouseNumber, found: Sequence[Match], code: str) -> Iterator[Place]:
    """The houses of each street that are next to the number asked."""

    def distance(written: str) -> tuple[bool, int, int, str]:
        number = read_number(written, code) or asked
        apart = abs(number.value - asked.value)
        return apart > 0, apart % 2, apart, number.repetition

    for street, houses in found:
        by_number = {house.written: house for house in houses}
        for written in sorted(by_number, key=distance)[:OF_ONE_STREET]:
            yield street.place(by_number[written])


def _across(each: Missing, found: Sequence[Match], code: str) -> Iterator[Place]:
    """The house where a street of the town goes on under another postcode, and maybe in another district."""
    for street, houses in found:
        if street not in each.there and any(same_city(own.city, street.city, code) for own in each.there):
            yield from (street.place(house) for house in houses[:1])


def _alike(wanted: Wanted, names: Names, code: str) -> list[Street]:
    """The streets of the postcode and the town whose names are most alike."""
    areas = [names(area) for area in wanted.areas]
    every = list(dict.fromkeys(chain(*areas)))
    bare = _bare(wanted.canonical, code)
    shares = dict.fromkeys(_sharing(bare, every, code), ONE_WORD)
    cores = [_bare_of_base(name, code) for name in every]
    for typed, known, least in ((bare, cores, LEAST_ALIKE), (wanted.canonical, every, LEAST_ALIKE_WHOLE)):
        for _, share, at in process.extract(typed, known, scorer=_LETTERS, score_cutoff=least, limit=STREETS_ALIKE):
            shares[every[at]] = max(share, shares.get(every[at], 0.0))
    whole = {name: share + _LETTERS(wanted.canonical, name) for name, share in shares.items()}
    best = nlargest(STREETS_ALIKE, whole, key=whole.__getitem__)
    return list({street.key: street for name in best for area in areas for street in area.get(name, ())}.values())


def _sharing(bare: str, names: Sequence[str], code: str) -> Iterator[str]:
    """The names that have a long word of this one, which is no title."""
    titles = language(code).senses
    for word in (word for word in bare.split() if len(word) >= TELLING_WORD and word not in titles):
        yield from (name for name in names if word in name and word in name.split())


def _bare(canonical: str, code: str) -> str:
    """A name without its kind of way."""
    kinds = language(code).types
    return " ".join(word for word in canonical.split() if word not in kinds) or canonical


_LETTERS = OSA.normalized_similarity
_bare_of_base = lru_cache(maxsize=1 << 15)(_bare)
"""Only names of the base are remembered, never those that were typed."""
