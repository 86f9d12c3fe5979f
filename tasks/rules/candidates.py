"""The candidates of an address: places that a source found, how they compare with the answer, and which are offered.

Pure. Every address that is offered exists, as far as the source knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

from adapters.address.house_numbers import same_number
from adapters.address.misspellings import misspelled_similarity
from adapters.address.parsed_address import ParsedAddress, read_postcode
from adapters.address.street_names import (
    THRESHOLD,
    accents,
    has_initial,
    kindless_similarity,
    similarity,
)
from adapters.address.town_names import same_city, same_district
from adapters.base import Place, Places
from config.levels import Level
from jurat.vocabulary import Reason

OF_ONE_TOWN = frozenset({"address-file"})
"""Types of source that may have the addresses of only one town. They do not know whether another town of the same
postcode has such a street too, so they decide only where the answer names the town."""

MOST_CANDIDATES = 10
"""Addresses of an ambiguous answer that are offered for choice at most."""

MOST_SUGGESTIONS = 5
"""Addresses at most that are offered where none was found as typed: more would be a list to pick a zone from."""

_HOUSES = frozenset({Level.HOUSENUMBER, Level.INTERPOLATED})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place, and how it compares with the answer. `code` is None where answer or place has no code of the town,
    `city` means that nothing contradicts the town, `sure` that no other town can be meant. `town` is its name for that
    as the answer has it, if it names one.
    """

    place: Place
    town: str | None
    name: float
    postcode: bool
    code: bool | None
    city: bool
    sure: bool
    number: bool

    @property
    def house(self) -> bool:
        return self.number and self.place.level in _HOUSES

    @property
    def address(self) -> tuple[str | None, ...]:
        place = self.place
        return place.number, place.street, place.postcode, place.city, place.city_code, place.hamlet


def compared(asked: ParsedAddress, place: Place, places: Places, language: str) -> Candidate:
    """How `place` compares with the answer. A town that the answer does not name is no difference."""
    code = asked.city_code == place.city_code.upper() if asked.city_code and place.city_code else None
    code = None if code is False and not places.knows_code else code
    postcode = read_postcode(place.postcode or "")
    named = next(
        (
            town
            for town in towns_of(place)
            if same_city(asked.city, town, language) and same_district(asked.city, town, postcode, language)
        ),
        None,
    )
    name = similarity(asked.street, place.street, language, places.unknown_words) if place.street else 0.0
    if name < THRESHOLD and place.street and places.provider in OF_ONE_TOWN:  # they know all names of the town
        name = max(name, kindless_similarity(asked.street, place.street, language))
        if asked.street in places.misspelled:
            name = max(name, misspelled_similarity(asked.street, place.street, language))
    return Candidate(
        place=place,
        town=named or place.city,
        name=name,
        postcode=bool(asked.postcode) and asked.postcode == postcode,
        code=code,
        city=bool(code) or named is not None or (not asked.city and code is None),
        sure=bool(code) or named is not None or places.provider not in OF_ONE_TOWN,
        number=asked.number is not None and same_number(asked.number, place.number, language),
    )


def towns_of(place: Place) -> list[str]:
    """What people write as the town of a place: the town, its hamlet, or both in any order."""
    names = [name for name in (place.city, place.hamlet) if name]
    return names + [" ".join(both) for both in permutations(names, 2)]


def meant_by(candidates: Sequence[Candidate], asked: ParsedAddress, language: str) -> list[Candidate]:
    """The candidates that may be meant. An exact name excludes similar ones, even with another postcode: then the
    postcode is wrong and not the name. With an initial it does not exclude similar ones in its own town: "A. Dumas"
    may be written in full. Nor are names exact that lack the accents typed, where one has them: Bödastraße is not
    Bodastraße.

    If some street of such a name has the postcode of the answer, one without it is not meant, and never one of another
    town by its code.
    """
    alike = [each for each in candidates if each.name >= THRESHOLD]
    by_postcode = any(each.postcode for each in alike)
    here = [
        each for each in alike if each.city and (each.postcode if by_postcode else each.code) and each.code is not False
    ]
    if not any(each.name == 1.0 for each in alike):
        return here
    exact = [each for each in here if each.name == 1.0]
    if asked.accents:
        exact = [each for each in exact if accents(each.place.street or "") == asked.accents] or exact
    return here if exact and has_initial(asked.street, language) else exact


def in_hamlet(meant: Sequence[Candidate], *, chosen: bool) -> Sequence[Candidate]:
    """Those of `meant` in the hamlet that the answer names, even if the town's code fits the others as well. A town
    that was `chosen` is the town itself, and none of its hamlets. All of them if none is so.
    """
    named = [each for each in meant if each.place.hamlet and each.town != each.place.city]
    return named or [each for each in meant if not (chosen and each.place.hamlet)] or meant


def one_of_each(meant: Sequence[Candidate], asked: ParsedAddress, language: str) -> list[Candidate]:
    """`meant` without streets that lack the house where one of the same name and town has it: a base may have a street
    in two spellings, "Rua República" and "Rua da Republica", each with some of its houses. Not without one that has
    just the accents typed, where the other has not: Bodastraße is not Bödastraße.
    """
    houses = [each.place for each in meant if each.house]

    def is_respelled(place: Place) -> bool:
        town = place.postcode, place.city, place.city_code
        as_typed = accents(place.street or "") == asked.accents
        return any(
            (house.postcode, house.city, house.city_code) == town
            and (not as_typed or accents(house.street or "") == asked.accents)
            and similarity(house.street or "", place.street or "", language) == 1.0
            for house in houses
        )

    return [each for each in meant if each.house or not is_respelled(each.place)]


def as_meant(asked: ParsedAddress, places: Places, language: str, *, chosen: bool = False) -> list[ParsedAddress]:
    """The readings of an answer that may be meant: those of which the source has the street by exactly its name, if one
    of these takes the field of the street as it stands; else just `asked`. One that was `chosen` is meant as it stands.

    If `asked` contradicts itself, a street with the same figures and a name alike is enough ("Wolld 10"), if it has the
    house; and so are those of the other readings. "8 Haus B" may be 8 b, unless the source knows that there is none.
    """

    def found(reading: ParsedAddress) -> list[Candidate]:
        return meant_by([compared(reading, place, places, language) for place in places.places], reading, language)

    def exists(reading: ParsedAddress) -> bool:
        return any(each.name == 1.0 for each in found(reading))

    written = [each for each in asked.as_written if exists(each)]
    if not written and asked.conflict:
        alike = [each for each in (*asked.as_written, asked, *asked.others) if found(each)]
        if any(each.house for reading in alike[:1] if reading in asked.as_written for each in found(reading)):
            return alike
    if not written and asked.lettered and not chosen:
        beside = replace(asked, number=asked.lettered)
        return [asked] if places.lettered and not any(each.house for each in found(beside)) else [asked, beside]
    if not written or chosen:
        return written[:1] or [asked]
    rest = [each for each in (asked, *asked.others) if not asked.malformed and exists(each)]
    if asked.number is None and not asked.malformed and not rest and found(asked):
        rest = [asked]  # "Seven Oak Drive" may be Seven Oaks Drive as well as 7 Oak Drive
    return list({(each.number, each.street): each for each in (*written, *rest)}.values())


def likelihood(candidate: Candidate) -> tuple[float, float]:
    """What sorts candidates: the likeness of the name, and then the source's score."""
    return candidate.name, candidate.place.score or 0.0


def readings(asked: ParsedAddress, places: Places, language: str) -> tuple[Mapping[str, str], ...]:
    """The addresses of an answer that contradicts itself which the source knows, to choose from or to confirm; else
    those that may have been meant by the whole field of the street.
    """
    found: list[Candidate] = []
    for each in (asked, *asked.others, *asked.as_written):
        meant = meant_by([compared(each, place, places, language) for place in places.places], each, language)
        found += [one for one in meant if (one.house if each.number else one.place.level is Level.STREET)]
    near = (suggestions(each, (), places, language, Reason.AMBIGUOUS_ADDRESS) for each in asked.as_written)
    return as_answers(asked, sorted(found, key=likelihood, reverse=True), confirm=True) or next(filter(None, near), ())


def suggestions(
    asked: ParsedAddress, candidates: Sequence[Candidate], places: Places, language: str, reason: Reason
) -> tuple[Mapping[str, str], ...]:
    """The addresses that may have been meant where nothing was found as typed, for `reason`: houses that exist, and
    streets only for an answer without a number. None is in another town than the answer, by both postcode and name.
    """
    near = [compared(asked, place, places, language) for place in places.near]
    other_number = reason is Reason.HOUSE_NUMBER_NOT_FOUND
    level = Level.HOUSENUMBER if asked.number else Level.STREET
    found = [
        each
        for each in (*candidates, *near)
        if each.place.level is level
        and (each.city or each.postcode)
        and (each.number or asked.number is None or (other_number and each.name >= THRESHOLD))
    ]
    # In the town that was named; how unlike the other names are says less than the source.
    found.sort(key=lambda each: (each.name >= THRESHOLD, each.city), reverse=True)
    return as_answers(asked, found, confirm=True)[:MOST_SUGGESTIONS]


def as_answers(
    asked: ParsedAddress, candidates: Sequence[Candidate], *, confirm: bool = False
) -> tuple[Mapping[str, str], ...]:
    """The addresses of `candidates`, best first, as the participant could have written them, each once, with its hamlet
    as the town where that tells them apart, and with the town's code where nothing else identifies the town. A single
    one is no choice, unless it names a town that the answer does not, or is there to `confirm`.
    """
    found: list[tuple[dict[str, str], str | None, str | None]] = []
    for each in candidates:
        place = each.place
        fields = {
            "number": place.number or (str(asked.number) if asked.number else None),
            "street": place.street,
            "postcode": place.postcode or asked.postcode,
            "city": each.town,
        }
        answer = {name: value for name, value in fields.items() if value}
        if (answer, place.city_code, place.hamlet) not in found:
            found.append((answer, place.city_code, place.hamlet))
    alike = [answer for answer, *_ in found]
    answers = [
        (answer | {"city": hamlet} if hamlet and alike.count(answer) > 1 else answer, code)
        for answer, code, hamlet in found
    ]
    plain = [answer for answer, _ in answers]
    offered = tuple(
        {**answer, "city_code": code} if code and ("city" not in answer or plain.count(answer) > 1) else answer
        for answer, code in answers[:MOST_CANDIDATES]
    )
    if not offered:
        return ()
    names_town = not all(each.sure for each in candidates) and bool({"city", "city_code"} & offered[0].keys())
    return offered if confirm or names_town or len(offered) > 1 else ()
