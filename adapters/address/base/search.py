"""Searches an address base: by the exact name first, then by similar names in the same postcode or town.

The exact step answers nearly all questions, and all those of a batch at once. The fuzzy one is bounded: it compares
with the streets of one postcode or town alone, letter by letter, and looks closer at the best `CANDIDATES` of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rapidfuzz import process
from rapidfuzz.distance import OSA

from adapters.address.base.streets import AddressBase, Area, House, Street, Wanted
from adapters.address.languages import language
from adapters.address.parsed_address import ParsedAddress, read_answer
from adapters.address.street_names import THRESHOLD, canonical, has_initial, name_words, similarity
from adapters.base import Place, Places, Query
from config.levels import Level

PROVIDER = "address-file"
CANDIDATES = 20
CUTOFF = 0.58
INITIAL_CUTOFF = 0.5
"""The share of letters that two names have in common at least where their words are alike; less where one of them may
stand for a whole word."""
LONG_WORD = 8
"""Letters of a word that may be told to be unknown."""

Names = Callable[[Area], Mapping[str, Sequence[Street]]]


@dataclass(slots=True)
class _Case:
    """One question on its way: `found` are streets with how alike their names are and their houses of that number.

    `initial` says that the name has a letter that may stand for a word, so that streets of just this name do not do.
    """

    asked: ParsedAddress = field(repr=False)
    wanted: Wanted
    initial: bool
    found: list[tuple[Street, float, Sequence[House]]] = field(default_factory=list)
    unknown: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def exact(self) -> bool:
        return not self.initial and any(alike == 1.0 for _, alike, _ in self.found)


def search(queries: Sequence[Query], base: AddressBase, code: str = "fr", names: Names | None = None) -> list[Places]:
    """For each query the houses, else the streets, whose names may be meant; the score is how alike the names are.

    A street of just this name in the postcode or town that was asked for leaves no room for similar ones. Where there
    is none, similar ones are returned, best first, and then those of just this name elsewhere: the postcode may be
    wrong and not the name. The words that no street has are told as well. `code` is the language of the base; `names`
    stands in for `base.streets` where somebody remembers them.
    """
    cases = [_case(query, code) for query in queries]
    named = [case for case in cases if case.wanted.canonical and not case.asked.malformed]
    wanted = [case.wanted for case in named]
    for case, matches in zip(named, base.named(wanted) if named else [], strict=True):
        _keep(case, matches, code)
    if missed := [case for case in named if not case.exact]:
        _look_closer(missed, base, code, names or base.streets)
    return [
        Places(
            PROVIDER,
            tuple(place for street, alike, houses in case.found for place in _places(street, alike, houses)),
            base.data_date,
            keepable=True,
            unknown_words=case.unknown,
        )
        for case in cases
    ]


def _case(query: Query, code: str) -> _Case:
    asked = read_answer(query.answer, code)
    number = asked.number
    wanted = Wanted(
        asked.postcode,
        asked.city_code or None,
        canonical(asked.street, code),
        number.value if number else None,
        number.repetition if number else "",
    )
    return _Case(asked, wanted, has_initial(asked.street, code))


def _keep(case: _Case, matches: Sequence[tuple[Street, Sequence[House]]], code: str) -> None:
    """Add streets that are alike enough. One canonical name may stand for two that are not: "Voie D" and "Voie L"."""
    there = {street.key for street, _, _ in case.found}
    for street, houses in matches:
        alike = similarity(case.asked.street, street.name, code, case.unknown)
        if alike >= THRESHOLD and street.key not in there:
            case.found.append((street, alike, houses))


def _look_closer(cases: Sequence[_Case], base: AddressBase, code: str, names: Names) -> None:
    """For questions whose street has no exact match: what is known of its words, similar names, the name elsewhere."""
    words = [_words(case.asked.street, code) for case in cases]
    every = frozenset[str]().union(*words)
    known = base.known_words(every) if every else frozenset[str]()
    near: list[list[Street]] = []
    for case, own in zip(cases, words, strict=True):
        case.unknown = own - known
        near.append(_similar(case, code, names))
    numbered = [
        (street, case.wanted.number, case.wanted.repetition)
        for case, streets in zip(cases, near, strict=True)
        for street in streets
        if case.wanted.number is not None
    ]
    houses = iter(base.houses(numbered) if numbered else [])
    elsewhere = base.anywhere([case.wanted for case in cases])
    for case, streets, others in zip(cases, near, elsewhere, strict=True):
        with_houses = [(street, next(houses) if case.wanted.number is not None else ()) for street in streets]
        _keep(case, with_houses, code)
        case.found.sort(key=lambda found: -found[1])
        _keep(case, others, code)


def _words(street: str, code: str) -> frozenset[str]:
    """The words of a name that can be misspelled ones; an abbreviation or an article is none, nor is a short word: the
    base of a town knows few words, and "Brücken" may be one that stands in no name of it.
    """
    words = language(code)
    return frozenset(
        word
        for word in name_words(street, code)
        if len(word) >= LONG_WORD and word not in words.senses and word not in words.particles
    )


def _similar(case: _Case, code: str, names: Names) -> list[Street]:
    """The streets of the postcode and of the town whose names are alike enough; letters first, for that is quick."""
    found: dict[int, Street] = {}
    for area in _areas(case.wanted):
        streets = names(area)
        near = process.extract(
            case.wanted.canonical,
            streets.keys(),
            scorer=OSA.normalized_similarity,
            score_cutoff=INITIAL_CUTOFF if case.initial else CUTOFF,
            limit=CANDIDATES,
        )
        for name, _, _ in near:
            for street in streets[name]:
                if similarity(case.asked.street, street.name, code, case.unknown) >= THRESHOLD:
                    found[street.key] = street
    return list(found.values())


def _areas(wanted: Wanted) -> Iterator[Area]:
    if wanted.postcode:
        yield "postcode", wanted.postcode
    if wanted.city_code:
        yield "city_code", wanted.city_code


def _places(street: Street, alike: float, houses: Sequence[House]) -> Iterator[Place]:
    """Every position of the house; the street with its extent where it has none of this number."""
    for house in houses:
        yield _place(street, alike, Level.HOUSENUMBER, house.longitude, house.latitude, house.written)
    if not houses:
        yield _place(street, alike, Level.STREET, street.longitude, street.latitude)


def _place(
    street: Street, alike: float, level: Level, longitude: float, latitude: float, number: str | None = None
) -> Place:
    return Place(
        level=level,
        longitude=longitude,
        latitude=latitude,
        number=number,
        street=street.name,
        postcode=street.postcode or None,
        city=street.city or None,
        city_code=street.city_code,
        score=alike,
        extent=street.extent if level is Level.STREET else None,
    )
