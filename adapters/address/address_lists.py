"""Answers whether a house is in a zone that is a list of addresses, such as the register of a polling district.

The list is complete: a house that a source knows, and that is not in it, is outside. What may be another spelling of an
address of the list is neither. `adapters.zone_import.address_lists` reads files of them.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from adapters.address.house_numbers import HouseNumber, read_number
from adapters.address.languages import fold, language
from adapters.address.parsed_address import read_postcode
from adapters.address.street_names import THRESHOLD, accents, canonical, name_words, similarity
from adapters.address.town_names import same_city
from adapters.base import Place


class ListedAddress(NamedTuple):
    """One address of a list, each field as it is written; "" where there is none. Without a number it is a street, of
    which nobody knows which houses are meant.
    """

    street: str
    number: str
    postcode: str
    city: str
    city_code: str


def content_of(addresses: Iterable[ListedAddress], code: str) -> bytes:
    """A list as it is stored, the same for the same addresses in any order. `code` is the language of its names."""
    document = {"language": code, "addresses": sorted(set(addresses))}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def is_list(content: bytes) -> bool:
    """Whether the stored content of a zone is a list of addresses, and no geometry: no WKB begins so."""
    return content.startswith(b"{")


def addresses_of(content: bytes) -> frozenset[ListedAddress]:
    """The addresses of a stored list. Raises ValueError where it is damaged."""
    return _read(content)[1]


def _read(content: bytes) -> tuple[str, frozenset[ListedAddress]]:
    try:
        document = json.loads(content)
        code = language(document["language"]).code
        return code, frozenset(ListedAddress(*map(str, each)) for each in document["addresses"])
    except (LookupError, TypeError, ValueError, RecursionError):
        raise ValueError("is no list of addresses") from None


@dataclass(frozen=True, slots=True, eq=False)
class _Listed:
    """An address of the list as it is compared; `number` is None where it is a whole street."""

    address: ListedAddress
    number: HouseNumber | None
    accents: str


class AddressList:
    """One version of a zone that is a list of addresses. Thread-safe. Raises ValueError for other content."""

    def __init__(self, name: str, version: int, content: bytes, digest: str) -> None:
        self.name = name
        self.version = version
        self.digest = digest
        try:
            self._code, addresses = _read(content)
        except ValueError as error:
            raise ValueError(f"the stored zone {name!r} {error}; import the zone again") from None
        self._named: Mapping[str, list[_Listed]] = defaultdict(list)
        self._with_word: Mapping[str, set[str]] = defaultdict(set)
        names = {each.street: canonical(each.street, self._code) for each in addresses}
        for each in addresses:
            number = _number(each.number, self._code)
            self._named[names[each.street]].append(_Listed(each, number, accents(each.street)))
        for street, name_ in names.items():
            for word in self._telling(street):
                self._with_word[word].add(name_)
        self._accented = any(map(accents, names))
        """A register in capitals has no accents; another tells Bodastraße from Bödastraße."""

    def holds(self, place: Place) -> bool | None:
        """Whether the list has this house; None where it may have it in another spelling. Of a street (a place without
        a number) it is False where the list has none of its houses, and else None.
        """
        if not place.street:
            return None
        number = read_number(place.number or "", self._code)
        meant = self._in_town(self._named.get(canonical(place.street, self._code), ()), place)
        own = [each for each, sure in meant if sure and self._same_accents(each, place.street)]
        if not own:  # a street of just this name leaves no room for similar ones
            meant += self._in_town(self._alike(place.street), place)
            own = [each for each, sure in meant if sure and self._is_called(each, place.street)]
        if number and any(each.number == number for each in own):
            return True
        return None if any(_overlap(each.number, number) for each, _ in meant) else False

    def _is_called(self, listed: _Listed, street: str) -> bool:
        """Whether only abbreviations tell the names apart, as in "AV GAL CORVEC"."""
        return self._same_accents(listed, street) and similarity(street, listed.address.street, self._code) == 1.0

    def _same_accents(self, listed: _Listed, street: str) -> bool:
        return not self._accented or listed.accents == accents(street)

    def _in_town(self, listed: Iterable[_Listed], place: Place) -> list[tuple[_Listed, bool]]:
        """Those that may be in the town of `place`, each with whether that is sure.

        A code says it, or a postcode with the town's name. Other towns differ in two of the three, the name among them
        where both have it: one city may have two codes and two postcodes (75056 and 75116, 75016 and 75116).
        """
        found = []
        for each in listed:
            address = each.address
            code = _equal(address.city_code, (place.city_code or "").upper())
            postcode = _equal(address.postcode, read_postcode(place.postcode or ""))
            city = _same_city(address.city, place.city, self._code) if address.city and place.city else None
            if code is None:
                sure, other = bool(postcode and city), city is postcode is False
            else:
                sure, other = code and postcode is not False, not (code or city) and False in {postcode, city}
            if not other:
                found.append((each, sure))
        return found

    def _alike(self, street: str) -> Iterator[_Listed]:
        """The addresses whose street shares a telling word with this one, or is written nearly alike."""
        found: set[str] = set()
        for word in self._telling(street):
            for match, _, _ in _similar(word, self._with_word):
                found |= self._with_word[match]
        found.update(match for match, _, _ in _similar(canonical(street, self._code), self._named))
        return (each for name in found for each in self._named[name])

    def _telling(self, street: str) -> frozenset[str]:
        """The words of a name that tell streets apart: no kinds of way, titles and articles, if it has others."""
        words = name_words(street, self._code)
        table = language(self._code)
        return frozenset(each for each in words if each not in table.senses and each not in table.particles) or words


def _number(written: str, code: str) -> HouseNumber | None:
    """The number of a listed address. A base has repetitions that nobody can ask for; they are houses of the value."""
    value = re.match(r"\d{1,5}", written)
    return read_number(written, code) or (HouseNumber(int(value[0]), fold(written)) if value else None)


_same_city = lru_cache(maxsize=1 << 12)(same_city)


def _equal(one: str, other: str) -> bool | None:
    """Whether both are the same; None where one is missing."""
    return one == other if one and other else None


def _similar(word: str, words: Mapping[str, object]) -> Sequence[tuple[str, float, object]]:
    from rapidfuzz import process  # noqa: PLC0415 - not every worker has lists
    from rapidfuzz.distance import OSA  # noqa: PLC0415

    return process.extract(word, words.keys(), scorer=OSA.normalized_similarity, score_cutoff=THRESHOLD, limit=None)


def _overlap(one: HouseNumber | None, other: HouseNumber | None) -> bool:
    """Whether two numbers may be of one house: 8 and 8 bis, 8-10 and 9; "1/41" and either of 1 and 41; any and none."""
    if one is None or other is None:
        return True
    if "/" in one.repetition + other.repetition:
        return not {*re.findall(r"\d+", str(one))}.isdisjoint(re.findall(r"\d+", str(other)))
    return one.value <= (other.until or other.value) and other.value <= (one.until or one.value)
