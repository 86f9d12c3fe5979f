"""Reads house numbers as people and address bases write them. Pure.

Few characters are allowed, on purpose: folding would make a 1 of "①", of "-1" and of "<b>1</b>". These are no house
numbers, and must not be decided as if they were.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby, pairwise

from adapters.address.languages import ELIDED, Language, fold, language

SEPARATORS = re.compile(r"[,;\n\r\t()|]+")
SIGN = re.compile(r"(\d[a-z]?)\s*([-–—./:\\·•'’]+)\s*(?=\d)", re.IGNORECASE)
RANGE_SIGN = "\ua78f"
"""Replaces a sign between two numbers, which folding would lose; twice where it joins no range: "8.5". It is a letter
that looks like a dot (sinological dot)."""
FLAT_SIGN = RANGE_SIGN * 3
"""Replaces a slash that joins a flat to a number: "4/8" in English."""
RANGE_WIDTH = 12
"""The widest range read as one building with several numbers ("8-10"): the ends of a wider one may be far apart."""

_DASHES = "–—−‐‑-"
_PUNCTUATION = frozenset(f"{_DASHES}/\\.,;:()'’‘`´\"“”«»°#&+|·•№℅\n\r\t")
_ROAD = rf"\b[nN][or]?(?:[º°.]+\s*)?[+{_DASHES}]+\d+"
_SIGNED = re.compile(rf"(?:^|[^\w)\s{_DASHES}])\s*[+{_DASHES}]+\s*\d|{_ROAD}|\b(\d+),\1\b")
_SIGNED_OR_PARTED = re.compile(
    rf"(?:^|(?<=[,;\n\r\t(|]))\s*[+{_DASHES}]+\s*\d+|(?<=\d)\s+[+]+\d+|{_ROAD}|&#\w+;|\b\d+,\s*0+\b|\b0+,\s*\d+"
)
_BEHIND_A_WORD = rf"(?<=[^\s\d,;({_DASHES}])\s+[+{_DASHES}]+\d+"
_SIGNED_OR_FRACTION = re.compile(rf"{_BEHIND_A_WORD}|(?<=\d)\.\d+")
_KM = r"(?<!\bde )(?<!\bdel )(?<!\bdu )(?:km|p\.?\s?k|(?:k|ch)il[oó]m[eèé]tr[eio]|kilometer)s?\b"
_MORE_KM = r"(?:[-–.,/:]\d{1,3}(?!\d)|\s*\+\s*\d+|,?\s+\d{3}\b)*"
KILOMETRE_POST = re.compile(
    rf"\b\d{{1,3}}\s*{_KM}\s*\d{{3}}\b|"
    rf"\b{_KM}(?:[\s.,:]|n[.º°]+)*\d+{_MORE_KM}\s?[a-z]?\b|\b\d{{1,3}}{_MORE_KM}\s*{_KM}(?![\s.:]*\d)",
    re.IGNORECASE,
)
"""A place on a road ("km 12+300"), which is no house number; 4463KM is a Dutch postcode."""
_IN_BRACKETS = re.compile(r"(?<=[^\s(])\s*\(([^()]*)\)?")
_NOTHING = re.compile(rf"[/. {_DASHES}]*")
_UNSEEN = dict.fromkeys(map(ord, "\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"))
"""Invisible characters, but not those that reverse text ("\\u202e"), which make 12 look like 21."""
_MARK = re.compile("(?<=\\b[nN])\\.?\\s?[\N{SUPERSCRIPT ZERO}°º\N{RING ABOVE}]")
_FRACTION = re.compile(r"(?<=\d)(\s?)([\u00bc-\u00be\u2150-\u215e\u2189])")
_DOTTED_ORDINAL = re.compile(r"(?<=\w)\.(?=[º°ª])")
_ORDINAL = re.compile(r"(?<=\d)([º°ª])(?=\w)")
_FRACTION_SLASH = "\N{FRACTION SLASH}"
_MISJOINED = re.compile(
    r"\d[a-z]?\s*[.:\\·•'’°º]+\s*\d|\d\s+(?!\d+\s*/\s*\d)\d|[1-9]\d{5}|[^\W\d]{4}\s+[-+]+\d", re.IGNORECASE
)
_ESCAPED = re.compile(r"&(?:#\w+|[a-z]+);", re.IGNORECASE)


@dataclass(frozen=True, slots=True, repr=False)
class HouseNumber:
    """A house number: its value, its repetition in one spelling ("bis", "ter", "a" or ""), and the end of a range.

    A flat that a slash joins to it is part of the repetition: English "1/41" is 41 "1/", Austrian "8/2/5" is 8 "/2/5".
    """

    value: int
    repetition: str = ""
    until: int | None = None

    def __str__(self) -> str:
        if "/" in self.repetition:
            ahead, _, behind = self.repetition.partition("/")
            is_flat = ahead[:1].isdigit()
            return f"{ahead}/{self.value} {behind}".rstrip() if is_flat else f"{self.value}{ahead}/{behind}"
        return f"{self.value} {self.repetition}".rstrip()

    @property
    def values(self) -> range:
        """The numbers of one side of the street that it stands for."""
        return range(self.value, (self.until or self.value) + 1, 2)


UNREADABLE = HouseNumber(0)
"""Something written as a house number that is none, or more than one ("8-80"): no house has it."""


def read_number(text: str, code: str = "fr") -> HouseNumber | None:
    """A house number as it is written by people and address bases: "8", "8 bis", "8B", "n° 8", "8-10". Else None."""
    text = plain(text)
    if not text.isascii() and any(_is_foreign(each) and _has_digit(each) for each in text):
        return None  # folding would turn "8²" into 82
    match = number_patterns(code).one.fullmatch(fold(with_signs(text, language(code))))
    if match is None:
        return None
    value = int(match["value"])
    until = int(match["until"]) if match["until"] else None
    flats = re.findall(r"\w+", (match["ahead"] or match["doors"] or "").replace(RANGE_SIGN, " "))
    suffix, words = repetition(match["repetition"] or "", code), language(code)
    if match["doors"] and not words.region and len(flats) == 1 and flats[0].isdigit():
        until = int(flats[0])  # "8/10" is one building, "8/5" a house of its own where the source has it
        return HouseNumber(value, suffix, until) if _is_range(value, until) else HouseNumber(value, f"{suffix}{until}")
    if flats:
        joined = [*flats, suffix] if match["ahead"] else [suffix, *flats]
        return None if until else HouseNumber(value, "/".join(joined))
    is_joined = RANGE_SIGN in (match["joint"] or "") and bool(words.table["additions"])
    if until is not None and until < value and is_joined:
        return HouseNumber(value, repetition(f"{match['repetition'] or ''}{until}", code))  # "12-3", "12a-3"
    if until is not None and not _is_range(value, until):
        return None
    return HouseNumber(value, suffix, until)


def _is_range(value: int, until: int) -> bool:
    return value < until <= value + RANGE_WIDTH and (until - value) % 2 == 0


def in_digits(text: str, code: str = "fr") -> str:
    """`text` as digits where all of it is a number word ("vingt-huit"). Ordinals are none: they may be floors."""
    words = language(code)
    if not all(letter.isalpha() or letter in " -" for letter in text):  # as with digits, nothing strange is beside it
        return text
    folded = fold(text)
    return words.cardinals.get(folded) or words.cardinals.get(words.unify_spelling(folded), text)


def repetition(written: str, code: str = "fr") -> str:
    """One spelling of the suffix of a number. "B" and "bis" are the same, for either may be meant by the other."""
    folded = fold(written)
    return str(language(code).table["repetitions"].get(folded, folded))


def same_number(asked: HouseNumber, found: str | None, code: str = "fr") -> bool:
    """Whether a source's house number is the one asked for, or one of the range that was asked for, with any suffix:
    the building from 27 to 29 may be 27 bis as well. Where a slash is known to join a flat, also the flat's house.
    """
    number = read_number(found or "", code)
    if number is None:
        return False
    if asked.until is None:
        return number in {asked, house_of(asked, code)}
    return number.value in asked.values and (number.until or number.value) in asked.values


def house_of(number: HouseNumber, code: str = "fr") -> HouseNumber:
    """The house of a flat that a slash joins to its number: 41 of "1/41", if the region of the language writes it so.
    Elsewhere the same number may be flat 41 of house 1.
    """
    words = language(code)
    if not words.region or "/" not in number.repetition:
        return number
    parts = number.repetition.split("/")
    return replace(number, repetition=parts[-1 if words.table["flat_by_slash"] == "ahead" else 0])


def plain(text: str) -> str:
    """`text` without invisible characters, with digits of any script as ASCII ones, "n⁰", "n°" and "n.º" as "nº",
    "3.ºB" as "3º B", and a fraction after a digit as "1/2".

    A fraction by itself stays as it is: no house has the number "⅓", nor the range 1 to 3.
    """
    if text.isascii():
        return text
    visible = _MARK.sub("º", text.translate(_UNSEEN)).replace("\N{RING ABOVE}", "°")
    digits = "".join(str(unicodedata.decimal(each, each)) for each in visible)
    return _FRACTION.sub(_spell_out, _ORDINAL.sub(r"\1 ", _DOTTED_ORDINAL.sub("", digits)))


def means_none(text: str, code: str = "fr") -> bool:
    """Whether the field says that the house has no number: it is empty, a dash, or "s/n"."""
    if any(map(_is_foreign, text)):
        return False
    return _NOTHING.fullmatch(text) is not None or fold(text) in language(code).table["no_number"]


def holds_no_number(text: str, code: str = "fr") -> bool:
    """Whether the field of the number (`plain`) has parts that no house number has, such as "-1", "²" or "<b>8</b>".

    Also for a number in brackets after something else, "Lilas (8)", a separate suffix, "8 (bis)", which may be a
    flat's, a separate zero, "0,8", and the number of a road, "N-340".
    """
    if any(map(_is_foreign, text)) or _SIGNED.search(text) or _ESCAPED.search(text) or _is_struck_out(text):
        return True
    bracketed = (read_number(match[1], code) for match in _IN_BRACKETS.finditer(text))
    if any(number and (not number.repetition or _is_suffix(number.repetition, code)) for number in bracketed):
        return True
    pieces = [fold(piece) for piece in SEPARATORS.split(text)]
    numbers = [(number, behind) for piece, behind in pairwise(pieces) if (number := read_number(piece, code))]
    return any(piece and not piece.strip("0") for piece in pieces) or any(
        not number.repetition and _is_suffix(behind, code) for number, behind in numbers[:1]
    )


def is_misjoined(text: str) -> bool:
    """Whether digits in `text` (`plain`) are joined by a sign that joins no house numbers, or are too many for one.

    A dot, a colon and a space join none: "8.5", "8:9", "1 234". A fraction is valid: "12 1/2".
    """
    return _MISJOINED.search(text) is not None


def occurs_alone(number: HouseNumber, fields: str) -> bool:
    """Whether the digits of a number occur in `fields` (`plain`) other than after a sign behind a word, as the floor in
    "8 étage -1", or after a dot, as in "appt 3.12".
    """
    digits = re.findall(r"\d+", _SIGNED_OR_FRACTION.sub(" ", fields))
    return number == UNREADABLE or number.value in set(map(int, digits))


def remove_spoiled(street: str) -> str:
    """`street` (`plain`) without digits that `holds_no_number` rules out: they may be a flat's, or part of a name."""
    text = _SIGNED_OR_PARTED.sub(" ", street)
    runs = [" ", *("".join(run) for _, run in groupby(text, _is_numeral)), " "]
    sound = list(runs)
    for position, run in enumerate(runs[1:-1], start=1):
        before, after = runs[position - 1], runs[position + 1]
        beside = (before.rstrip()[-1:], *run, after.lstrip()[:1])
        marked = unicodedata.combining(after[0]) or any(map(_is_foreign, filter(None, beside)))
        if _is_numeral(run[0]) and (marked or _all_foreign(before) or _all_foreign(after)):
            sound[position] = " "
    return "".join(sound[1:-1])


def _spell_out(fraction: re.Match[str]) -> str:
    return f" {unicodedata.normalize('NFKD', fraction[2]).replace(_FRACTION_SLASH, '/')}"


@lru_cache(maxsize=4096)
def _is_foreign(character: str) -> bool:
    """Whether the character occurs neither in house numbers nor in what people write around them."""
    if character in _PUNCTUATION:
        return False
    if character in {RANGE_SIGN, ELIDED}:
        return True
    category = unicodedata.category(character)
    return not (category[0] == "L" or category in {"Nd", "Zs"} or unicodedata.combining(character))


def _all_foreign(text: str) -> bool:
    """Whether all of `text`, between two numbers, is signs that no house number has: "8 ~ 10"."""
    return bool(text.strip()) and all(map(_is_foreign, text.replace(" ", "")))


def _is_suffix(word: str, code: str) -> bool:
    """Whether a word (folded) can be a number's suffix, and not only a flat, floor or staircase ("EG", "A3")."""
    repetitions = language(code).table["repetitions"]
    return word.isalpha() and (len(word) == 1 or word in repetitions or word in repetitions.values())


def _is_numeral(character: str) -> bool:
    return character.isdigit() or (_is_foreign(character) and _has_digit(character))


def _is_struck_out(text: str) -> bool:
    """Whether a digit has a mark of its own, such as the stroke through "8̶"."""
    return any(one.isdigit() and unicodedata.combining(other) for one, other in pairwise(text))


def _has_digit(character: str) -> bool:
    return any(each.isdigit() for each in unicodedata.normalize("NFKD", character))


def with_signs(text: str, words: Language) -> str:
    """`text` with `RANGE_SIGN` for signs between two numbers."""
    ranges, flats = set(words.table["range_signs"]), {"/"} if words.table["flat_by_slash"] else set[str]()

    def named(sign: str) -> str:
        return RANGE_SIGN if set(sign) <= ranges else FLAT_SIGN if set(sign) <= flats else RANGE_SIGN * 2

    return SIGN.sub(lambda match: f"{match[1]} {named(match[2])} ", text)


@dataclass(frozen=True, slots=True)
class NumberPatterns:
    """Patterns for one house number, for `several`, and for numbers joined by a sign or a word `behind` a name."""

    one: re.Pattern[str]
    several: re.Pattern[str]
    behind: re.Pattern[str]


@lru_cache(maxsize=32)
def number_patterns(code: str) -> NumberPatterns:
    """The patterns of a language."""
    words = language(code)
    table, ranges = words.table, "|".join(words.table["range_words"])
    known = "|".join(sorted({*table["repetitions"], *table["repetitions"].values()}, key=len, reverse=True))
    others = "|".join(word for word in (*table["particles"], *table["city"]["ordinals"]) if len(word) > 1)
    mark = rf"(?:(?:{words.marks}) ?)?"
    behind = rf"(?!(?:{ranges}) \d|(?:{others})\b)(?:{known}|[a-z]{{1,2}}\d?)"
    any_one, joint = rf"{mark}\d+(?: ?{behind})?", rf" (?:{ranges}|{RANGE_SIGN}{{1,3}})"
    flat = r"\d{1,4}[a-z]?"
    where = table["flat_by_slash"]
    ahead = rf"(?P<ahead>{flat if where == 'ahead' else '(?!)'}) {FLAT_SIGN} "
    doors = rf"(?P<doors>(?: {FLAT_SIGN} {flat if where == 'doors' else '(?!)'}){{1,2}})"
    return NumberPatterns(
        one=re.compile(
            rf"(?:{ahead})?{mark}0*(?P<value>[1-9]\d{{0,4}})(?: ?(?P<repetition>{behind}))?{doors}?"
            rf"(?:(?P<joint> (?:{ranges}|{RANGE_SIGN}))? 0*(?P<until>[1-9]\d{{0,4}}))?"
        ),
        several=re.compile(rf"{any_one}(?:(?:{joint})? {any_one})+"),
        behind=re.compile(rf"(?<=\S) (?P<numbers>{any_one}(?:{joint} {any_one})+)$"),
    )
