"""Parses a participant's address: house number, street, postcode and town, without the flat or staircase.

People write "Appt 3, bât B, 8 bis" into the field of the number, and the number into the field of the street. Pure.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from adapters.address.answer_parts import best_names, names_kind, read_fields, split_number, tail_of
from adapters.address.flats import bare_floor, detail_pattern, join_flat, lettered_building, spell_signs
from adapters.address.house_numbers import (
    KILOMETRE_POST,
    RANGE_SIGN,
    SEPARATORS,
    UNREADABLE,
    HouseNumber,
    holds_no_number,
    in_digits,
    is_misjoined,
    means_none,
    occurs_alone,
    plain,
    read_number,
    remove_spoiled,
    repetition,
)
from adapters.address.languages import ELIDED, ELISION, Language, fold, language
from adapters.address.leftovers import Leftovers, leftovers
from adapters.address.street_names import accents

MAX_LETTERS = 300
"""Longer fields are cut here; no field of an address is so long."""

_BEFORE_POSTCODE = re.compile(r"(?<=\w)\s+(?=\d{5}\s+[^\W\d])")
"""Where postcode and town begin in the field of the street, without a comma."""

_FIGURES = re.compile(r"[1-9][0-9]{0,4}")

_NUMBER = r"(?P<number>\d+(?:\s?[^\W\d]{1,9})??)"
_AT_END = {
    "before": re.compile(rf"{_NUMBER}[\s,]+(?P<name>\S.*)", re.DOTALL),
    "after": re.compile(rf"(?P<name>.*[^\s,])[\s,]+{_NUMBER}", re.DOTALL),
}
"""The house number at the end of the street's field where a language has it."""


@dataclass(frozen=True, slots=True, repr=False)
class ParsedAddress:
    """An address as typed, with "" for missing parts. It is personal data: its repr shows nothing.

    `city_code` is the official code of the town, which a platform may fill in (in France INSEE's). `conflict` names the
    fields that contradict each other; one alone has parts that nobody understands. `numbered`: it has a house number,
    even an unreadable one. `malformed`: what it has in place of a number is none. `accents` are those of the street as
    typed (`street_names.accents`), which `street` lacks. `others` are further addresses in an answer with a conflict.
    `as_written` are other readings, which hold where the source has their street: the whole field is its name ("Via 28
    Marzo 1921"). `lettered` is the number that a building with a letter may make of it: "8 b" for "8 Haus B".
    """

    number: HouseNumber | None
    street: str
    postcode: str
    city: str
    city_code: str = ""
    conflict: tuple[str, ...] = ()
    numbered: bool = False
    malformed: bool = False
    accents: str = ""
    lettered: HouseNumber | None = None
    others: tuple[ParsedAddress, ...] = ()
    as_written: tuple[ParsedAddress, ...] = field(default=(), compare=False)


def read_answer(answer: Mapping[str, Any], code: str = "fr") -> ParsedAddress:
    """Parse `number`, `street`, `postcode`, `city` and `city_code` of an answer. Never raises."""
    words = language(code)
    postcode = read_postcode(_text(answer, "postcode"))
    city = _text(answer, "city")
    written = join_flat(in_digits(plain(_text(answer, "number")), code), words)
    whole = _BEFORE_POSTCODE.sub(", ", join_flat(plain(_unescape(_text(answer, "street"))), words))
    given = (
        "" if means_none(written, code) else written,
        _remove_town(whole, postcode, city),
    )
    fields = (KILOMETRE_POST.sub(" ", given[0]), KILOMETRE_POST.sub(" ", given[1]))
    numbers, streets, malformed = read_fields(fields, words)
    malformed = malformed or (not numbers and (bool(given[0]) or fields != given))
    malformed = malformed or holds_no_number(fields[0], code)
    malformed = malformed or (UNREADABLE in numbers and any(map(is_misjoined, fields)))
    malformed = malformed or not all(occurs_alone(number, " ".join(fields)) for number in numbers)
    sound = remove_spoiled(fields[1])
    number, (name, *more) = numbers[0] if numbers else None, best_names(streets, words)
    said = (bare_floor(code).sub(r"\1", fields[0]), KILOMETRE_POST.sub(" ", whole))
    place = (postcode, city)
    left = (
        Leftovers(*place) if malformed or number == UNREADABLE else leftovers(said, [name, *more], number, place, words)
    )
    conflict = ("number", "street") if len(set(numbers)) > 1 else ("street",) if more else left.conflict
    asked = ParsedAddress(
        number=number,
        street=_restore_apostrophes(name, fields),
        postcode=left.postcode,
        city=left.city,
        city_code=re.sub(r"\s", "", _text(answer, "city_code")).upper(),
        conflict=conflict,
        numbered=bool(numbers or given[0]),
        malformed=malformed or (sound != fields[1] and read_fields((fields[0], sound), words)[0] != numbers),
        accents=_accents(fields, name),
        lettered=_lettered(number, said, words),
    )
    others = tuple(_others(asked, numbers, more, left.unread, words)) if conflict else ()
    typed = replace(asked, postcode=postcode, city=city, conflict=(), malformed=False)
    return replace(asked, others=others, as_written=tuple(_as_written(asked, typed, (given[0], whole), words)))


def _as_written(
    asked: ParsedAddress, typed: ParsedAddress, fields: tuple[str, str], words: Language
) -> Iterator[ParsedAddress]:
    """The readings in which the field of the street is a name as it stands, but for a number at its end where that of
    the number is empty; the longest name first. None that is the same as `asked`.
    """
    given, street = fields
    if not street or any(sign.isnumeric() and not sign.isascii() for sign in street):
        return  # folding would turn "1²" into 12
    number = _sole_number(given, words)
    names = dict.fromkeys((street, _without_details(street, words)))
    found: list[tuple[HouseNumber | None, str]] = [(number, name) for name in names] if number else []
    if not given and remove_spoiled(street) == street:
        for name in names:
            found.append((None, name))
            split = _AT_END[words.table["number_position"]].fullmatch(name)
            at_end = read_number(split["number"], words.code) if split else None
            if split and at_end and any(map(str.isdigit, split["name"])):
                found.append((at_end, split["name"]))
            found += _with_number_word(name, words)
    taken = not (asked.conflict or asked.malformed) and (asked.number, fold(asked.street))
    for each, name in found:
        if fold(name) and (each, fold(name)) != taken:
            restored = _restore_apostrophes(fold(name), [name])
            yield replace(typed, number=each, numbered=each is not None, street=restored, accents=accents(name))


def _lettered(number: HouseNumber | None, fields: Iterable[str], words: Language) -> HouseNumber | None:
    building = lettered_building(words.code).search(fold(" ".join(fields)))
    if building is None or number is None or number.repetition or number.until:
        return None
    return replace(number, repetition=repetition(building[1], words.code))


def _with_number_word(name: str, words: Language) -> list[tuple[HouseNumber | None, str]]:
    """The house number in words before or after a street, and the street: "huit rue du Moulin". Not where the kind of
    way comes last, for names begin so: "One Tree Hill Road".
    """
    texts, ahead = name.split(), words.table["number_position"] == "before"
    if words.table["kind_position"] == "last":
        return []
    for length in range(min(4, len(texts) - 1), 0, -1):
        run, rest = (texts[:length], texts[length:]) if ahead else (texts[-length:], texts[:-length])
        spelled = " ".join(run)
        if (digits := in_digits(spelled, words.code)) != spelled:
            return [(HouseNumber(int(digits)), " ".join(rest))]
    return []


def _sole_number(given: str, words: Language) -> HouseNumber | None:
    """The number of its own field, if that has no other: "29", "29 huis"."""
    if _FIGURES.fullmatch(given):
        return HouseNumber(int(given))  # nearly every one: the long way would read the answer again
    alone = read_answer({"number": given}, words.code)
    return None if alone.malformed or alone.street or alone.conflict or alone.number == UNREADABLE else alone.number


def _without_details(street: str, words: Language) -> str:
    """The field of the street without parts that say nothing about where the house is; all of it if several others are
    left.
    """
    pattern = detail_pattern(words.code, beside_number=False)
    parts = [part.strip() for part in SEPARATORS.split(street)]
    kept = [part for part in parts if part and not pattern.fullmatch(fold(spell_signs(part, words)))]
    return kept[0] if len(kept) == 1 else street


def _others(
    asked: ParsedAddress,
    numbers: Iterable[HouseNumber],
    streets: Sequence[str],
    unread: Iterable[str],
    words: Language,
) -> Iterator[ParsedAddress]:
    """The further addresses that an answer with a conflict names: "8 rue du Moulin, maintenant 12 rue Neuve"."""
    another = replace(asked, conflict=(), accents="")
    _, *further = dict.fromkeys(numbers) or (None,)
    in_pairs = len(further) == len(streets)
    for street, number in zip(streets, further if in_pairs else [asked.number] * len(streets), strict=True):
        yield replace(another, street=street, number=number)
    for number in () if streets and in_pairs else further:
        if number != UNREADABLE:
            yield replace(another, number=number)
    for run in unread:
        tail = tail_of(["", *run.split()], words).strip()
        split = split_number(tail, words, ()) or (None, tail)
        if split[0] != UNREADABLE and names_kind(split[1].split(), words):
            yield replace(another, number=split[0], street=split[1])


def read_postcode(text: str) -> str:
    """A postcode in one spelling: without spaces, country ("D-99002") and delivery route ("99002-1234")."""
    compact = re.sub(r"\s", "", text).upper()
    return re.sub(r"^[A-Z]{1,2}-(?=\d)|(?<=^\d{5})-\d{4}$", "", compact)


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value.strip()[:MAX_LETTERS] if isinstance(value, str) else ""


def _unescape(street: str) -> str:
    """`street` with letters and apostrophes that were escaped for HTML: "l&#39;Église"."""

    def letter(match: re.Match[str]) -> str:
        character = html.unescape(match[0])
        return character if character.isalpha() or character in "'’" else match[0]

    return re.sub(r"&#?\w+;", letter, street)


def _accents(fields: Iterable[str], name: str) -> str:
    """The accents of the words of the street, in the first of `fields` that has it."""
    if all(map(str.isascii, fields)):
        return ""
    known = set(name.split())
    typed = (" ".join(word for word in re.findall(r"[^\W_]+", field) if fold(word) in known) for field in fields)
    return next((accents(words) for words in typed if words), "")


def _restore_apostrophes(street: str, fields: Iterable[str]) -> str:
    """`street` with the apostrophes of `fields`, which distinguish "d'Amont" from "D. Amont"."""
    street = re.sub(f"{RANGE_SIGN}+ ", "", street)
    folded = fold(ELISION.sub(rf"\1{ELIDED} ", " ".join(fields)))
    for letter, word in set(re.findall(rf"\b(\w){ELIDED} (\w+)", folded)):
        street = re.sub(rf"\b{letter} {word}\b", f"{letter}'{word}", street)
    return street


def _remove_town(street: str, postcode: str, city: str) -> str:
    """The field of the street without postcode and town, where it has a whole address."""
    if postcode:
        spaced = r"\s?".join(map(re.escape, postcode))
        street = re.sub(rf"[\s,]+{spaced}\b.*$", "", street, flags=re.DOTALL | re.IGNORECASE)
    if city and "," in street and fold(street.rsplit(",", 1)[1]) == fold(city):
        street = street.rsplit(",", 1)[0]
    return street
