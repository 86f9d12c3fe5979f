"""Searches an address base: by the exact name first, then by similar names in the same postcode or town.

The exact search answers nearly all queries, and a batch of them at once. The fuzzy one is bounded: it compares letters
with the streets of one postcode or town, and then examines the best `CANDIDATES` of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rapidfuzz import process
from rapidfuzz.distance import OSA

from adapters.address.base.streets import AddressBase, Area, House, Street, Wanted
from adapters.address.languages import language
from adapters.address.parsed_address import ParsedAddress, read_answer
from adapters.address.street_names import LONG_WORD, THRESHOLD, canonical, has_initial, name_words, similarity
from adapters.base import Place, Places, Query
from config.levels import Level

PROVIDER = "address-file"
CANDIDATES = 20
CUTOFF = 0.58
INITIAL_CUTOFF = 0.5
"""The smallest share of letters that names with similar words have in common; less where one letter may be an initial.
"""

Names = Callable[[Area], Mapping[str, Sequence[Street]]]


@dataclass(slots=True)
class _Case:
    """One query in progress: `found` are streets with the similarity of their names and their houses of that number.
    `initial` says that the name has an initial, so that streets with just this name are not enough; `literal`, that no
    similar name is.
    """

    asked: ParsedAddress = field(repr=False)
    wanted: Wanted
    initial: bool
    literal: bool = False
    found: list[tuple[Street, float, Sequence[House]]] = field(default_factory=list)
    unknown: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def exact(self) -> bool:
        return not self.initial and any(alike == 1.0 for _, alike, _ in self.found)

    def places(self) -> Iterator[Place]:
        return (place for street, alike, houses in self.found for place in _places(street, alike, houses))


def search(queries: Sequence[Query], base: AddressBase, code: str = "fr", names: Names | None = None) -> list[Places]:
    """For each query the houses, else the streets, whose names may be meant; the score is how alike the names are.

    Where the postcode or town has a street with exactly this name, similar ones are not returned. Otherwise similar
    ones are, best first, and then those with this name elsewhere, for the postcode may be wrong. The words that no
    street has are returned, too. `code` is the language of the base; `names` may be a cache of `base.streets`.
    """
    read = [_cases(read_answer(query.answer, code), code) for query in queries]
    named = [case for cases in read for case in cases if case.wanted.canonical and not case.asked.malformed]
    wanted = [case.wanted for case in named]
    for case, matches in zip(named, base.find_named(wanted) if named else [], strict=True):
        _keep(case, matches, code)
    if missed := [case for case in named if not (case.exact or case.literal)]:
        _search_similar(missed, base, code, names or base.streets)
    return [
        Places(
            PROVIDER,
            tuple(dict.fromkeys(place for case in cases for place in case.places())),
            base.data_date,
            unknown_words=cases[0].unknown,
            knows_code=_knows_code(cases[0], names or base.streets),
        )
        for cases in read
    ]


def _knows_code(case: _Case, names: Names) -> bool:
    """Whether a street has the town's code of the answer; asked only where those that were found have another."""
    code = case.wanted.city_code
    if code is None or all(street.city_code == code for street, _, _ in case.found):
        return True
    return bool(names(("city_code", code)))


def _cases(asked: ParsedAddress, code: str) -> list[_Case]:
    """What an answer asks for: one house, a street, or each house of a range; and that of each further address and
    reading.
    """
    cases = []
    for each in (asked, *asked.others, *asked.as_written):
        number, name, initial = each.number, canonical(each.street, code), has_initial(each.street, code)
        values = number.values if number else (None,)
        wanted = (each.postcode, each.city_code or None, name)
        repetition = number.repetition if number else ""
        literal = each in asked.as_written
        cases += [_Case(each, Wanted(*wanted, value, repetition), initial, literal) for value in values]
    return cases


def _keep(case: _Case, matches: Sequence[tuple[Street, Sequence[House]]], code: str) -> None:
    """Add streets that are similar enough. One canonical name may cover two that are not: "Voie D" and "Voie L"."""
    there = {street.key for street, _, _ in case.found}
    for street, houses in matches:
        alike = similarity(case.asked.street, street.name, code, case.unknown)
        if alike >= THRESHOLD and street.key not in there:
            case.found.append((street, alike, houses))


def _search_similar(cases: Sequence[_Case], base: AddressBase, code: str, names: Names) -> None:
    """For streets without an exact match: find their unknown words, similar names, and the same name elsewhere."""
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
    elsewhere = base.find_anywhere([case.wanted for case in cases])
    for case, streets, others in zip(cases, near, elsewhere, strict=True):
        with_houses = [(street, next(houses) if case.wanted.number is not None else ()) for street in streets]
        _keep(case, with_houses, code)
        case.found.sort(key=lambda found: -found[1])
        _keep(case, others, code)


def _words(street: str, code: str) -> frozenset[str]:
    """The words of a name that may be misspellings: no abbreviations and articles, and no short words, for the base of
    a town knows few words, and may have no name with "Brücken".
    """
    words = language(code)
    return frozenset(
        word
        for word in name_words(street, code)
        if len(word) >= LONG_WORD and word not in words.senses and word not in words.particles
    )


def _similar(case: _Case, code: str, names: Names) -> list[Street]:
    """The streets of the postcode and of the town with similar names; letters are compared first, which is fast."""
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
    """Every position of the house; the street with its extent where it has no such house."""
    for house in houses or (None,):
        at = house or street
        yield Place(
            level=Level.HOUSENUMBER if house else Level.STREET,
            longitude=at.longitude,
            latitude=at.latitude,
            number=house.written if house else None,
            street=street.name,
            postcode=street.postcode or None,
            city=street.city or None,
            city_code=street.city_code,
            score=alike,
            extent=None if house else street.extent,
        )
