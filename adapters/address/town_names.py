"""Compares the names of towns, and what people write beside them: district, country, CEDEX, postcode. Pure."""

from __future__ import annotations

import re

from adapters.address.languages import ROMAN, Language, fold, language
from adapters.address.street_names import THRESHOLD, similarity

_DUTCH_POSTCODE = re.compile(r"\d{4}[a-z]{2}")
_JOINED = re.compile(r"([^\W\d_]{3,})(\d{1,2})\b")
_ROMAN_ORDINAL = re.compile(r"(?<=\s)([IVX]+)([^\W\dA-Z_]+)\b")
"""As in "Paris XIIIe"; the "VIE" of a name is written in letters of one case."""


def same_city(asked: str, found: str, code: str = "fr") -> bool:
    """Whether two names can mean one town: "Paris" and "Paris 1er Arrondissement", "Saint-Cloud" and "St Cloud",
    "Paris, France" and "Paris".
    """
    words = language(code)
    left, right = _town(asked, words)[0], _town(found, words)[0]
    names = (left, left.removesuffix(country_in(left, words)).rstrip())
    return bool(right) and any(name and similarity(name, right, code) >= THRESHOLD for name in names)


def same_district(asked: str, found: str, postcode: str, code: str = "fr") -> bool:
    """Whether what a town's name as typed adds fits the place that was found: a district ("Paris 11e", "PARIS XI") is
    that of its town or the end of its postcode, 75011; a department ("Rouen (76)") begins its postcode; a country has
    such postcodes. A name without these fits all places.
    """
    words = language(code)
    for department in (postcode[:2], postcode[:3]):
        asked = asked.replace(f"({department})", "") if department.isdigit() else asked
    name, numbers = _town(asked, words)
    named, districts = _town(found, words)
    country = country_in(name, words)
    if country and country != country_in(named, words) and not _has_postcode(country, postcode, words):
        return False
    return numbers <= districts or all(postcode.endswith(f"{number:02}") for number in numbers)


def country_in(town: str, words: Language) -> str:
    """The country at the end of a town's name (folded); "" where there is none."""
    every = words.table["city"]["countries"].values()
    return next((each for names in every for each in names if f" {town}".endswith(f" {each}")), "")


def _has_postcode(country: str, postcode: str, words: Language) -> bool:
    forms = words.table["city"]["countries"].items()
    return any(country in names and re.fullmatch(form, postcode) for form, names in forms)


def _town(name: str, words: Language) -> tuple[str, frozenset[int]]:
    """A town's name without what does not count, and the numbers of districts in it."""
    table, kept, numbers = words.table["city"], list[str](), set[int]()
    texts = fold(_JOINED.sub(r"\1 \2", _ROMAN_ORDINAL.sub(lambda word: _as_roman(word, words), name))).split()
    is_bulk = not set(table["bulk"]).isdisjoint(texts)
    for position, word in enumerate(texts):
        if word in table["bulk"] or (is_bulk and re.fullmatch(r"\d{5}", word)):
            continue
        if position and texts[position - 1] in table["bulk"] and re.fullmatch(r"\d{1,2}", word):
            continue  # CEDEX has a postcode and a number of its own, which are no house's
        ordinal = words.ordinal.fullmatch(word)
        digits = ordinal[1] if ordinal else word
        alone = position + 1 == len(texts) and word in {"i", "v", "x"}  # in the middle "i" may be an article
        if kept and (alone or ROMAN.fullmatch(word)):
            digits = str(_value(word))
        if digits.isdigit():
            numbers.add(int(digits))
        elif _DUTCH_POSTCODE.fullmatch(word) or not (
            word in table["dropped"] or word[0].isdigit() or (numbers and word in table["ordinals"])
        ):
            kept.append(word)
    return " ".join(kept), frozenset(numbers)


def _as_roman(word: re.Match[str], words: Language) -> str:
    return word[1] if fold(word[2]) in words.table["city"]["ordinals"] else word[0]


def _value(roman: str) -> int:
    """The value of a Roman numeral below 50."""
    values = [{"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}[letter] for letter in roman]
    return sum(-one if one < max(values[at:]) else one for at, one in enumerate(values))
