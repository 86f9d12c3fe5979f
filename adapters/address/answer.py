"""What a participant's address says: the house number, the street, the postcode, the town, without flat and staircase.

People write "Appt 3, bât B, 8 bis" into the field of the number, and the number into the field of the street. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from adapters.address.matching import Language, fold, language

MAX_LETTERS = 300
"""No field of an address is longer; what is, is read as far as this."""

SEPARATORS = re.compile(r"[,;\n\r\t()|]+")
DASH = re.compile(r"(?<!\d)\s[-–—]\s|\s[-–—]\s(?!\d)")
ELISION = re.compile(r"\b([dl])['’](?=\w)", re.IGNORECASE)
ELIDED = re.compile(r"\b([dl])elided\b")
RANGE_WIDTH = 12
"""The widest span read as one building with several numbers ("8-10"): beyond it the two ends may be far apart."""


@dataclass(frozen=True, slots=True, repr=False)
class HouseNumber:
    """A house number: its value, its repetition in one spelling ("bis", "ter", "a" or ""), and where a range ends."""

    value: int
    repetition: str = ""
    until: int | None = None

    def __str__(self) -> str:
        return f"{self.value} {self.repetition}".rstrip()


@dataclass(frozen=True, slots=True, repr=False)
class Asked:
    """The address that was asked for; "" for what the answer does not say. It is personal: its repr shows nothing.

    `contradictory` says that the answer holds two different house numbers, so that nobody knows which is meant.
    """

    number: HouseNumber | None
    street: str
    postcode: str
    city: str
    contradictory: bool = False


def read_answer(answer: Mapping[str, Any], code: str = "fr") -> Asked:
    """Reads the fields `number`, `street`, `postcode` and `city` of an answer; nothing in them is an error."""
    words = language(code)
    postcode = re.sub(r"^[A-Za-z]{1,2}-(?=\d)|\s", "", _text(answer, "postcode"))
    city = _text(answer, "city")
    numbers: list[HouseNumber] = []
    streets: list[str] = []
    dropped: list[str] = []
    for field in (_text(answer, "number"), _without_town(_text(answer, "street"), postcode, city)):
        for part in _parts(field, words, dropped):
            number = read_number(part, code)
            if number is not None:
                numbers.append(number)
            elif _leading_number(part, words, anything=not numbers):
                number, street = _split(part, words)
                numbers.append(number)
                streets.append(street)
            else:
                streets.append(part)
    return Asked(
        number=numbers[0] if numbers else None,
        street=_best(streets or dropped, words),
        postcode=postcode,
        city=city,
        contradictory=len(set(numbers)) > 1,
    )


def read_number(text: str, code: str = "fr") -> HouseNumber | None:
    """A house number as it is written by people and address bases: "8", "8 bis", "8B", "n° 8", "8-10". Else None."""
    match = _number_pattern(code).fullmatch(fold(text))
    if match is None:
        return None
    value = int(match["value"])
    until = int(match["until"]) if match["until"] else None
    if until is not None and not (value < until <= value + RANGE_WIDTH and (until - value) % 2 == 0):
        return None
    return HouseNumber(value, repetition(match["repetition"] or "", code), until)


def repetition(written: str, code: str = "fr") -> str:
    """One spelling of what stands behind a number: "B" and "bis" are the same, and nobody can tell which was meant."""
    folded = fold(written)
    return str(language(code).table["repetitions"].get(folded, folded))


def same_number(asked: HouseNumber, found: str | None, code: str = "fr") -> bool:
    """Whether a source's house number is the one asked for. A range is answered by its first number or by itself."""
    number = read_number(found or "", code)
    if number is None or number.repetition != asked.repetition:
        return False
    return number.value == asked.value and (number.until is None or number.until == asked.until)


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value.strip()[:MAX_LETTERS] if isinstance(value, str) else ""


@lru_cache(maxsize=32)
def _number_pattern(code: str) -> re.Pattern[str]:
    table = language(code).table
    marks, ranges = "|".join(table["number_marks"]), "|".join(table["range_words"])
    known = "|".join(sorted({*table["repetitions"], *table["repetitions"].values()}, key=len, reverse=True))
    articles = "|".join(word for word in table["particles"] if len(word) > 1)
    return re.compile(
        rf"(?:(?:{marks}) ?)?0*(?P<value>[1-9]\d{{0,4}})"
        rf"(?: ?(?P<repetition>(?!(?:{ranges}) \d|(?:{articles})\b)(?:{known}|[a-z]{{1,2}}\d?)))?"
        rf"(?: (?:(?:{ranges}) )?0*(?P<until>[1-9]\d{{0,4}}))?"
    )


def _parts(text: str, words: Language, dropped: list[str]) -> Iterator[str]:
    """The parts of a field between commas, folded, without what leads to a flat.

    Parts that are nothing else ("Résidence des Lilas") go to `dropped`: some streets are called so.
    """
    begins, inside = _noise_patterns(words.code)
    for folded in _pieces(text, begins):
        rest = ELIDED.sub(r"\1", " ".join(inside.sub(" ", folded).split()))
        if begins.match(rest):
            tail = _tail(rest.split(), words)
            if tail[0].isdigit():
                yield tail
            else:
                dropped.append(tail)
        elif rest:
            yield rest


def _pieces(text: str, noise: re.Pattern[str]) -> Iterator[str]:
    """The pieces of `text`, folded. A dash with blanks parts only noise from an address: "Quai de la Corse - Paoli".

    In a piece, "d'" is "delided", so that "Tour d'Auvergne" is no tower D.
    """
    for part in SEPARATORS.split(text):
        joined = ""
        for piece in DASH.split(part):
            folded = fold(ELISION.sub(r"\1elided ", piece))
            if joined and (noise.match(folded) or noise.match(joined)):
                yield joined
                joined = folded
            else:
                joined = f"{joined} {folded}".strip()
        yield joined


def _tail(tokens: list[str], words: Language) -> str:
    """What begins with a house number or a kind of way: "famille Corvec 8 rue du Moulin" without the family; or all."""
    kinds = [
        position
        for position, token in enumerate(tokens)
        if position and words.kinds(token) and tokens[position - 1] not in words.particles
    ]
    for position in kinds:
        for start in range(max(position - 2, 1), position):
            if tokens[start][0].isdigit():
                return " ".join(tokens[start:])
    return " ".join(tokens[kinds[0] :] if kinds else tokens)


@lru_cache(maxsize=32)
def _noise_patterns(code: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    noise = language(code).table["noise"]
    marks = "|".join(language(code).table["number_marks"])

    def either(*names: str) -> str:
        return "|".join(sorted((word for name in names for word in noise[name]), key=len, reverse=True))

    ending = r"(?:e|er|eme|ieme|ere|nd|nde)"
    floor = rf"\d+(?:{ending}? (?:{either('after_number')})|{ending} (?:{either('after_ordinal')}))\b"
    value = rf"(?: ?(?:(?:{marks}) ?)?\d+(?:e|er|eme)?[a-z]?| [a-z]\d*)(?= |$)"
    behind = rf" (?:{either('behind')})\b"
    begins = re.compile(rf"(?:(?:{either('begins')})\b|{floor})")
    inside = re.compile(
        rf"\b(?:{floor}(?:{behind})?|(?:{either('with_value')})(?:{value}(?:{behind})?|{behind})"
        rf"|^(?:{either('alone', 'behind')})$|(?<=\S )(?:{either('alone')})$)"
    )
    return begins, inside


def _leading_number(part: str, words: Language, *, anything: bool) -> bool:
    """Whether `part` begins with a house number before a street. `anything`: also before a name without kind of way."""
    tokens = part.split()
    if not tokens[0][0].isdigit() or len(tokens) < 2:
        return False
    return anything or any(words.kinds(token) for token in tokens[1:3])


def _split(part: str, words: Language) -> tuple[HouseNumber, str]:
    """The longest beginning that is a house number, and the rest. What can be no number becomes 0: no house has it."""
    tokens = part.split()
    for length in range(min(4, len(tokens) - 1), 0, -1):
        number = read_number(" ".join(tokens[:length]), words.code)
        # "8 q rue" has a repetition, "8 q du Port" a quay
        way_begins = length > 1 and words.kinds(tokens[length - 1]) and not words.kinds(tokens[length])
        if number is not None and not way_begins:
            return number, " ".join(tokens[length:])
    return HouseNumber(0), " ".join(tokens[1:])


def _without_town(street: str, postcode: str, city: str) -> str:
    """A whole address in the field of the street, without its end."""
    if postcode:
        street = re.sub(rf"[\s,]+{re.escape(postcode)}\b.*$", "", street, flags=re.DOTALL)
    if city and "," in street and fold(street.rsplit(",", 1)[1]) == fold(city):
        street = street.rsplit(",", 1)[0]
    return street


def _best(streets: list[str], words: Language) -> str:
    """The part that names a kind of way; all of them when none does."""
    named = [street for street in streets if any(words.kinds(token) for token in street.split()[:1])]
    return named[0] if len(named) == 1 else " ".join(dict.fromkeys(named or streets))
