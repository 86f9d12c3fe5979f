"""Accounts for each word of an answer, so that no part of it is ignored.

Number and street are read by patterns, and what these do not know would be lost: "29 boulevard Arago, now 22 rue
Lantiez" would be the first of two addresses. So each word is the number's, the street's, the town's, or one of a closed
list that does not matter (flat, floor, staircase, building, care-of). What is left over contradicts the rest. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from adapters.address.flats import detail_pattern, spell_signs
from adapters.address.house_numbers import RANGE_SIGN, SEPARATORS, HouseNumber, read_number
from adapters.address.languages import Language, fold
from adapters.address.town_names import country_in, same_city

_POSTCODE = re.compile(r"\d{4,6}|[a-z]{1,2}\d[a-z\d]?\d[a-z]{2}")
"""What a postcode looks like, folded and without blanks: of digits, or a British one."""

_MOST_OF_NUMBER = 5
"""Words of a house number at most: "no 8 bis a 10"."""

_Words = list[str | None]
"""The words of a part; None where a word is accounted for."""


@dataclass(frozen=True, slots=True, repr=False)
class Leftovers:
    """What the fields of number and street hold besides these: postcode and town, where they are not in their own
    fields, the fields that are in `conflict`, and what nobody understands as `unread` words.
    """

    postcode: str
    city: str
    conflict: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def leftovers(
    fields: Sequence[str], streets: Iterable[str], number: HouseNumber | None, place: tuple[str, str], words: Language
) -> Leftovers:
    """What is left of `fields` (`plain`, of number and street) without `number`, the parts of the street's name and
    what does not matter. `place` are the postcode and the town as typed.
    """
    postcode, city = place
    conflict: tuple[str, ...] = ()
    unread: list[str] = []
    for field, run, is_door in unused_words(fields, streets, number, words):
        bulk = next((at for at, word in enumerate(run) if word in words.table["city"]["bulk"]), None)
        rest, typed = _without_postcode(run[:bulk], postcode)
        town, against = " ".join(rest), ""
        if bulk is not None:
            typed = ""  # "99092 Valmont Cedex 2": the postcode is that of a post office
        if town and town == country_in(town, words):
            city, rest = f"{city} {town}".strip(), []
        if typed and postcode and typed != fold(postcode).replace(" ", ""):
            against = "postcode"
        elif rest and (is_door or not _is_detail(rest, words, beside_number=field == "number")):
            if any(map(_has_digit, rest)) or _names_way(rest, words):
                against = field
            elif city and not same_city(town, city, words.code):
                against = "city"
            city = city or town
        postcode = postcode or typed.upper()
        if against:
            conflict = conflict or tuple(dict.fromkeys((field, against)))
            unread.append(" ".join(run))
    return Leftovers(postcode, city, conflict, tuple(unread))


def unused_words(
    fields: Sequence[str], streets: Iterable[str], number: HouseNumber | None, words: Language
) -> Iterator[tuple[str, list[str], bool]]:
    """For each run of words that are neither the street's nor the number's the name of the field, the words, and
    whether the house number is but a door's.
    """
    names = sorted((fold(street.replace(RANGE_SIGN, " ")).split() for street in streets), key=len, reverse=True)
    for field, text in zip(("number", "street"), fields, strict=True):
        for part in SEPARATORS.split(text):
            tokens = fold(spell_signs(part, words)).split()
            is_door = field == "street" and _is_door(tokens, number, words)
            for run in [tokens] if is_door else _unread(tokens, names, number, words):
                yield field, run, is_door


def _unread(
    tokens: Sequence[str], names: Iterable[Sequence[str]], number: HouseNumber | None, words: Language
) -> Iterator[list[str]]:
    """The runs of words of one part that are neither the street's nor the number's."""
    left: _Words = list(tokens)
    for name in names:
        for start in range(len(left) - len(name) + 1):
            if left[start : start + len(name)] == name:
                left[start : start + len(name)] = [None] * len(name)
    _mark_number(left, number, words)
    run: list[str] = []
    for word in (*left, None):
        if word is not None:
            run.append(word)
        elif run:
            yield run
            run = []


def _mark_number(left: _Words, number: HouseNumber | None, words: Language) -> None:
    if number is None or not any(word and _has_digit(word) for word in left):
        return
    start = 0
    while start < len(left):
        for length in range(min(_MOST_OF_NUMBER, len(left) - start), 0, -1):
            run = left[start : start + length]
            if None not in run and _is_number(list(map(str, run)), number, words):
                left[start : start + length] = [None] * length
                break
        start += 1


def _is_number(run: Sequence[str], number: HouseNumber, words: Language) -> bool:
    """Whether a run of words is the house number; "12a 3" is what is left of "12a-3"."""
    suffix = number.repetition.rstrip("0123456789")
    addition = number.repetition.removeprefix(suffix)
    whole = " ".join(run)
    if "/" in number.repetition:  # "1/41", "8a/2/5"
        return re.fullmatch(re.sub(r"(?<=\d) (?=[a-z])", " ?", re.sub(r"\W+", " ", str(number))), whole) is not None
    if addition and whole in {f"{number.value}{suffix} {addition}", f"{number.value} {suffix} {addition}"}:
        return True
    return read_number(whole, words.code) == number


def _is_door(tokens: Sequence[str], number: HouseNumber | None, words: Language) -> bool:
    """Whether the house number is a door of a part by itself: "Calle Mayor, 3 dcha"."""
    behind = words.table["noise"]["behind"]
    return number is not None and any(
        " ".join(tokens[length:]) in behind and read_number(" ".join(tokens[:length]), words.code) == number
        for length in range(1, len(tokens))
    )


def _without_postcode(run: list[str], postcode: str) -> tuple[list[str], str]:
    """The words without a postcode at either end ("99 002", "f 99002"), and that postcode, folded."""
    known = fold(postcode).replace(" ", "")
    for length in (3, 2, 1):
        for words, rest in ((run[:length], run[length:]), (run[-length:], run[:-length])):
            country = len(words) > 1 and words[0].isalpha() and len(words[0]) <= 2
            written = {"".join(words), "".join(words[country:])} if len(words) == length else set()
            if known in written:
                return rest, known
            typed = next((code for code in written if length <= 1 + country and _POSTCODE.fullmatch(code)), "")
            if typed:
                return rest, typed
    return run, ""


def _is_detail(run: Sequence[str], words: Language, *, beside_number: bool) -> bool:
    """Whether a run of words says nothing about where the house is."""
    pattern = detail_pattern(words.code, beside_number=beside_number)
    return pattern.fullmatch(" ".join(run)) is not None


def _names_way(run: Sequence[str], words: Language) -> bool:
    """Whether a run of words has a street in it, and is no name with such a word at its end ("Résidence du Parc")."""
    if words.table["kind_position"] == "first":
        return any(words.kinds(word) for word in run[:-1])
    return any(words.kinds(word) for word in run[1:])


def _has_digit(word: str) -> bool:
    return any(character.isdigit() for character in word)
