"""Searches an address base: by the exact name first, then by similar names in the same postcode or town.

The exact search answers nearly all queries, and a batch of them at once. The fuzzy one is bounded: it compares letters
with the streets of one postcode or town, and then examines the best `CANDIDATES` of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rapidfuzz import process
from rapidfuzz.distance import OSA

from adapters.address.base.nearby import MOST_NEARBY, Missing, nearby
from adapters.address.base.streets import AddressBase, House, Match, Names, Street, Wanted
from adapters.address.house_numbers import UNREADABLE, house_of, read_number
from adapters.address.languages import language
from adapters.address.misspellings import MOST_WRONG, letter_runs, letters_wrong, misspelled_similarity
from adapters.address.parsed_address import ParsedAddress, read_answer
from adapters.address.street_names import (
    LONG_WORD,
    THRESHOLD,
    canonical,
    has_initial,
    kindless_similarity,
    name_words,
    similarity,
    with_kinds,
)
from adapters.base import Place, Places, Query

PROVIDER = "address-file"
CANDIDATES = 20
CUTOFF = 0.58
INITIAL_CUTOFF = 0.5
"""The smallest share of letters that names with similar words have in common; less where one letter may be an initial.
"""

FEW_STREETS = 10
"""An area with so few leaves little room for another name that is nearly as close."""


@dataclass(slots=True)
class _SearchCase:
    """One query in progress: `found` are streets with the similarity of their names and their houses of that number.
    `initial` says that the name has an initial, so that streets with just this name are not enough; `literal`, that no
    similar name is. `wrong` is of `letters_wrong`.
    """

    asked: ParsedAddress = field(repr=False)
    wanted: Wanted
    initial: bool
    literal: bool = False
    found: list[tuple[Street, float, Sequence[House]]] = field(default_factory=list)
    unknown: frozenset[str] = field(default=frozenset(), repr=False)
    wrong: int = 0
    near: Sequence[Place] = field(default=(), repr=False)

    @property
    def exact(self) -> bool:
        return not self.initial and any(alike == 1.0 for _, alike, _ in self.found)

    def places(self) -> Iterator[Place]:
        """Every position of the house; the street where it has no such house."""
        return (street.place(house, alike) for street, alike, houses in self.found for house in houses or (None,))

    def missing(self) -> Missing | None:
        """What is to be offered instead: None where something was found in the postcode or town of the answer."""
        there = [(street, houses) for street, _, houses in self.found if self.wanted.is_near(street)]
        number = self.asked.number
        if number == UNREADABLE or any(houses or not number for _, houses in there):
            return None
        return Missing(number, self.wanted, [street for street, _ in there[:MOST_NEARBY]])


def search(queries: Sequence[Query], base: AddressBase, code: str = "fr", names: Names | None = None) -> list[Places]:
    """For each query the houses, else the streets, whose names may be meant; the score is how alike the names are.

    Where the postcode or town has a street with exactly this name, similar ones are not returned. Otherwise similar
    ones are, best first, and then those with this name elsewhere, for the postcode may be wrong. The words that no
    street has are returned, too. `code` is the language of the base; `names` may be a cache of `base.streets`.
    """
    names = names or base.streets
    read = [_cases(read_answer(query.answer, code), code) for query in queries]
    named = [case for cases in read for case in cases if case.wanted.canonical and not case.asked.malformed]
    wanted = [case.wanted for case in named]
    for case, matches in zip(named, base.find_named(wanted) if named else [], strict=True):
        _keep(case, matches, code)
    if missed := [case for case in named if not (case.exact or case.literal)]:
        _search_similar(missed, base, code, names)
    _complete_ranges([case for case in named if case.asked.number and case.asked.number.until], base, code)
    plain = [case for case in named if not (case.asked.conflict or case.literal)]
    missing = [(case, each) for case in plain if (each := case.missing())]
    for (case, _), near in zip(missing, nearby([each for _, each in missing], base, names, code), strict=True):
        case.near = near
    return [
        Places(
            PROVIDER,
            tuple(dict.fromkeys(place for case in cases for place in case.places())),
            base.data_date,
            unknown_words=cases[0].unknown,
            misspelled=frozenset(case.asked.street for case in cases if case.wrong),
            knows_code=_knows_code(cases[0], names),
            lettered=True,
            near=tuple(dict.fromkeys(place for case in cases for place in case.near))[:MOST_NEARBY],
        )
        for cases in read
    ]


def _knows_code(case: _SearchCase, names: Names) -> bool:
    """Whether a street has the town's code of the answer; asked only where those that were found have another."""
    code = case.wanted.city_code
    if code is None or all(street.city_code == code for street, _, _ in case.found):
        return True
    return bool(names(("city_code", code)))


def _cases(asked: ParsedAddress, code: str) -> list[_SearchCase]:
    """What an answer asks for: one house, a street, or each house of a range; and that of each further address and
    reading.
    """
    cases = []
    for each in (asked, *asked.others, *asked.as_written):
        number, name, initial = each.number, canonical(each.street, code), has_initial(each.street, code)
        values = number.values if number else (None,)
        wanted = (each.postcode, each.city_code or None, name)
        written = [one for one in (number, number and house_of(number, code), each.lettered) if one]
        repetitions = dict.fromkeys(one.repetition for one in written) or ("",)
        literal = each in asked.as_written and not asked.conflict
        cases += [
            _SearchCase(each, Wanted(*wanted, value, repetition), initial, literal)
            for value in values
            for repetition in repetitions
        ]
    return cases


def _keep(case: _SearchCase, matches: Sequence[Match], code: str) -> None:
    """Add streets that are similar enough. One canonical name may cover two that are not: "Voie D" and "Voie L"."""
    there = {street.key for street, _, _ in case.found}
    for street, houses in matches:
        alike = similarity(case.asked.street, street.name, code, case.unknown)
        if alike >= THRESHOLD and street.key not in there:
            case.found.append((street, alike, houses))


def _search_similar(cases: Sequence[_SearchCase], base: AddressBase, code: str, names: Names) -> None:
    """For streets without an exact match: find their unknown words, similar names, and the same name elsewhere."""
    words = [_words(case.asked.street, code) for case in cases]
    runs = [letter_runs(case.asked.street, code) for case in cases]
    known = base.known_words(frozenset[str]().union(*words, *runs))
    near: list[list[tuple[Street, float]]] = []
    for case, own, letters in zip(cases, words, runs, strict=True):
        case.unknown = own - known
        case.wrong = letters_wrong(letters, known) if case.asked.number else 0
        near.append(_similar(case, code, names) or _kindless(case, code, names))
    numbered = [
        (street, case.wanted.number, case.wanted.repetition)
        for case, streets in zip(cases, near, strict=True)
        for street, _ in streets
        if case.wanted.number is not None
    ]
    houses = iter(base.houses(numbered) if numbered else [])
    elsewhere = base.find_anywhere([case.wanted for case in cases])
    for case, streets, others in zip(cases, near, elsewhere, strict=True):
        there = {street.key for street, _, _ in case.found}
        for street, alike in streets:
            with_houses = street, alike, next(houses) if case.wanted.number is not None else ()
            case.found += [with_houses] if street.key not in there else []
        case.found.sort(key=lambda found: -found[1])
        _keep(case, others, code)


def _kindless(case: _SearchCase, code: str, names: Names) -> list[tuple[Street, float]]:
    """The streets of the postcode and of the town with just this name, and a kind of way that was not typed."""
    wanted, typed = with_kinds(case.asked.street, code), case.asked.street
    streets = [street for area in case.wanted.areas for name in wanted for street in names(area).get(name, ())]
    alike = {street.key: (street, kindless_similarity(typed, street.name, code)) for street in streets}
    return [(street, likeness) for street, likeness in alike.values() if likeness]


def _complete_ranges(cases: Sequence[_SearchCase], base: AddressBase, code: str) -> None:
    """Add the houses of a range that have a suffix: it may lie across a border where its ends do not."""
    streets = [(street, case.wanted.number or 0) for case in cases for street, _, _ in case.found]
    near = iter(base.houses_near(streets) if streets else [])
    for case in cases:
        case.found = [(street, alike, _of_number(case, next(near), code)) for street, alike, _ in case.found]


def _of_number(case: _SearchCase, houses: Sequence[House], code: str) -> Sequence[House]:
    read = [(house, read_number(house.written, code)) for house in houses]
    return [house for house, number in read if number and number.value == case.wanted.number]


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


def _similar(case: _SearchCase, code: str, names: Names) -> list[tuple[Street, float]]:
    """The streets of the postcode and of the town with similar names; letters are compared first, which is fast."""
    found: dict[int, tuple[Street, float]] = {}
    slipped: dict[int, tuple[Street, float]] = {}
    alike: dict[str, float] = {}
    for area in case.wanted.areas:
        streets = names(area)
        wrong = MOST_WRONG if len(streets) <= FEW_STREETS else case.wrong
        near = process.extract(
            case.wanted.canonical,
            streets.keys(),
            scorer=OSA.normalized_similarity,
            score_cutoff=INITIAL_CUTOFF if case.initial else CUTOFF,
            limit=CANDIDATES,
        )
        for street in (street for name, _, _ in near for street in streets[name]):
            if street.name not in alike:
                alike[street.name] = similarity(case.asked.street, street.name, code, case.unknown)
            if alike[street.name] >= THRESHOLD:
                found[street.key] = street, alike[street.name]
            elif case.wrong and misspelled_similarity(case.asked.street, street.name, code, one_in=wrong):
                slipped[street.key] = street, THRESHOLD
    return list((found or slipped).values())
