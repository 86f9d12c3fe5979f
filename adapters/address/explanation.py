"""Shows how an answer was read: the parts that count, and what was left out and why.

For the person who typed it alone: it is the answer, in other words. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any

from adapters.address.flats import detail_pattern, join_flat
from adapters.address.house_numbers import UNREADABLE, in_digits, plain
from adapters.address.languages import language
from adapters.address.leftovers import leftovers, unused_words
from adapters.address.parsed_address import ParsedAddress
from adapters.address.street_names import THRESHOLD, least_alike, similarity
from adapters.base import Places


class Why(StrEnum):
    """Why words of the fields for number and street are neither."""

    DETAIL = "detail"
    """They say where in the house: flat, floor, staircase, door."""
    NAMED = "named"
    """They name a person or a building."""
    TOWN = "town"
    """They are the postcode or the town."""
    NOT_UNDERSTOOD = "not_understood"
    """They contradict the rest, or are none of these: then nothing is decided."""


@dataclass(frozen=True, slots=True, repr=False)
class Nearest:
    """The street whose name is most alike (from 0 to 1), and the `word` that does not fit; if none is alike enough."""

    street: str
    likeness: float
    word: str


@dataclass(frozen=True, slots=True, repr=False)
class Reading:
    """An answer as it was read, with "" for missing parts: personal data, so its repr shows nothing.

    `readable` is whether the house number is one; `left_out` are words of the fields for number and street, each with
    the reason; `conflict` as in `ParsedAddress`.
    """

    number: str
    readable: bool
    street: str
    postcode: str
    city: str
    left_out: tuple[tuple[str, Why], ...]
    conflict: tuple[str, ...]
    nearest: Nearest | None


def explain_reading(answer: Mapping[str, Any], asked: ParsedAddress, places: Places, code: str = "fr") -> Reading:
    """How `answer` is read, as `asked`, before it is compared with the `places` of a source. Never raises."""
    number, readable = asked.number, not asked.malformed and asked.number != UNREADABLE
    to = f"-{number.until}" if number and number.until else ""
    return Reading(
        number=f"{number}{to}" if number and readable else "",
        readable=readable,
        street=asked.street,
        postcode=asked.postcode,
        city=asked.city,
        left_out=tuple(_left_out(answer, asked, code)) if readable else (),
        conflict=asked.conflict,
        nearest=_nearest(asked.street, places, code),
    )


def _left_out(answer: Mapping[str, Any], asked: ParsedAddress, code: str) -> Iterator[tuple[str, Why]]:
    words, place = language(code), [str(answer.get(name) or "") for name in ("postcode", "city")]
    number, street = (join_flat(plain(str(answer.get(name) or "")), words) for name in ("number", "street"))
    fields = [in_digits(number, code), street]
    left = leftovers(fields, [asked.street], asked.number, (place[0], place[1]), words)
    unread = left.unread if asked.conflict else ()
    for field, run, _ in unused_words(fields, [asked.street], asked.number, words):
        text = " ".join(run)
        if text in unread:
            yield text, Why.NOT_UNDERSTOOD
        elif field == "street" and not detail_pattern(code, beside_number=False).fullmatch(text):
            yield text, Why.TOWN
        else:
            yield text, Why.NAMED if _is_named(text, words.table["noise"]) else Why.DETAIL


def _is_named(text: str, noise: Mapping[str, Sequence[str]]) -> bool:
    """Whether words name a person or a building, and are no "building B" with a number or a letter."""
    *_, last = text.split()
    named = any(f"{text} ".startswith(f"{word} ") for word in noise["named"]) and last.isalpha() and len(last) > 1
    return named or last in noise["buildings"]


def _nearest(street: str, places: Places, code: str) -> Nearest | None:
    """The most alike of the streets found, if none is alike enough; by its letters, where none shares all words. All
    that an address base finds are alike enough.
    """
    alike = {
        each.street: similarity(street, each.street, code, places.unknown_words)
        for each in places.places
        if each.street
    }
    if not street or not alike or places.provider == "address-file" or max(alike.values()) >= THRESHOLD:
        return None
    best = max(alike, key=lambda name: (alike[name], SequenceMatcher(None, street, name.casefold()).ratio()))
    return Nearest(best, round(alike[best], 2), least_alike(street, best, code))
