"""Patterns for parts of an address that do not say where it is: flats, floors, staircases, care-of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial

from adapters.address.languages import Language, fold, language

CARE_OF = re.compile(r"(?:(?<=\d)|(?<=\d[a-z]))\s+(?=c\s?/\s?o\b)", re.IGNORECASE)

CUT = "\n"
"""Marks the place where a flat was removed."""


@lru_cache(maxsize=32)
def noise_patterns(code: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Patterns for a part that begins with a flat or a person, and for flats inside a part."""
    words = language(code)
    table, noise = words.table, words.table["noise"]
    number_behind = table["number_position"] == "after"

    either = partial(_either, noise)
    ending = rf"(?:{either('floor_ordinals')})"
    nth = _nth(words)
    lone = r"(?! \d| [a-z]\b)" if number_behind else ""  # "Hauptstraße 8 OG 2" is house 8, on the floor above 1
    behind_nth = either("after_number", "after_ordinal")
    floor = rf"(?:(?:\d+{ending}|{nth}) (?:{behind_nth})|\d+ (?:{either('after_number')})\b{lone})\b"
    if grounds := [word for word in noise["alone"] if word.partition(" ")[0] in noise["after_number"] and " " in word]:
        floor = rf"(?!\d+ (?:{'|'.join(grounds)})\b){floor}"  # "Via Roma 8 piano terra" is house 8, and no floor 8
    if noise["bare_floors"]:  # "3º B", "2º piso 1ª"
        door = rf"(?: (?:\d+{ending}?|[a-z])(?= |$))?"
        floor = rf"(?:{floor}{door}|\d+(?:{either('bare_floors')}){door}(?=$| (?:{either('with_value')})\b))"
    value = rf"(?: ?(?:(?:{words.marks}) ?)?\d+{ending}?[a-z]?| [a-z]\d*)(?= |$)"
    behind = rf" (?:{either('behind')})\b"
    by_itself = rf"(?:^|(?<=\S ))(?:{either('alone')})(?:{behind})?$|^(?:{either('behind')})$"
    if number_behind:
        of_floor = "".join(letter for letter in noise["floor_ordinals"] if len(letter) == 1) or "0"
        by_itself += rf"|(?:(?<=\d )|(?<=\d [a-z] )|(?<=\d[a-z] )(?<!\d[{of_floor}] ))(?:{either('behind')})$"
    begins = re.compile(rf"(?:(?:{either('begins')})\b|{floor})")
    inside = re.compile(
        rf"\b(?:{floor}(?:{behind})?|(?:{either('with_value')})(?:{value}(?:{behind})?|{behind})"
        rf"|(?:{either('after_number')}) (?:{either('floor_words')})\b"
        rf"|(?:{either('lettered')}) [a-h](?= |$)|{by_itself})"
    )
    return begins, inside


def _either(noise: Mapping[str, Sequence[str]], *names: str) -> str:
    """A pattern for any word of these lists, the longest first."""
    return "|".join(sorted((word for name in names for word in noise[name]), key=len, reverse=True)) or "(?!)"


def _nth(words: Language) -> str:
    """A pattern for an ordinal without digits, after a number or by itself: "8 II. OG", "IIIe étage", "segundo"."""
    noise = words.table["noise"]
    written = "|".join([*noise["floor_words"], rf"[ivx]{{2,4}}(?:{'|'.join(noise['floor_ordinals'])})?"])
    return rf"(?:(?:^|(?<=\d )|(?<=\d [a-z] )|(?<=\d[a-z] ))(?:{written}))"


@lru_cache(maxsize=32)
def flat_patterns(code: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Patterns for a floor between two numbers, either of which may be its own ("8 étage 2"), and for a letter after a
    number and a flat ("8 appt 3 B"): it is the flat's, unless it may begin a street ("8 Apt 3 E Main St").
    """
    words = language(code)
    table = words.table
    known = "|".join({*table["repetitions"], *table["repetitions"].values()})
    ways = "|".join({*table["directions"], *(word for word in words.senses if len(word) == 1 and words.kinds(word))})
    way = rf"(?!(?:{ways}) \S)" if ways else ""
    where = "^" if table["number_position"] == "before" else "(?!)"
    between = (
        rf"{where}(\d+(?: ?[a-z])?) (?:{'|'.join(table['noise']['after_number'])}) (?:(?:{words.marks}) ?)?(\d+)\b"
    )
    directions = "|".join(table["directions"])
    stays = rf"(?!(?:{directions})$)" if directions else ""  # "8 Main St Apt 3 N" may be in Main St N
    letter = rf"(\d(?: ?(?:{known}|[a-z]))?) *{CUT} *{way}(?:{known}|[a-z])(?= |$)|{CUT} *{stays}[a-z]$"
    return re.compile(between), re.compile(letter)


def join_flat(text: str, words: Language) -> str:
    """`text` with a slash for the word of a flat before its house, where the region writes it so: "Unit 1, 41" as
    "1/41".
    """
    if not words.region or words.table["flat_by_slash"] != "ahead":
        return text
    flat = rf"\b(?:{_either(words.table['noise'], 'flats')})\.?\s*(\d{{1,4}}[a-z]?)"
    return re.sub(rf"{flat}(?:\s*[/,]\s*|\s+)(?=\d+[a-z]?\b)", r"\1/", text, flags=re.IGNORECASE)


@lru_cache(maxsize=32)
def lettered_building(code: str) -> re.Pattern[str]:
    """A pattern for a building with a letter (folded), which may be a house of its own: "Haus B"."""
    return re.compile(rf"\b(?:{_either(language(code).table['noise'], 'lettered')}) ([a-h])(?= |$)")


@lru_cache(maxsize=32)
def bare_floor(code: str) -> re.Pattern[str]:
    """A pattern for floor and door after a number in its own field, where people omit the "º": "8 3B", "8 3 izq."."""
    noise = language(code).table["noise"]
    floor = rf"\s+1?\d\s?(?:[a-h]|(?:{'|'.join(noise['behind'])})\.?)$" if noise["bare_floors"] else "(?!)"
    return re.compile(rf"^(\d{{1,4}}){floor}", re.IGNORECASE)


def spell_signs(text: str, words: Language) -> str:
    """`text` with words for signs of the language: "Main St #4" as "Main St unit 4", "Rathausg." as "Rathausgasse"."""
    if dotted := "".join(words.table["dotted"]):
        text = re.sub(
            rf"\b([^\W\d_]{{3,}})([{dotted}])\.", lambda word: _spell_kind(word, words), text, flags=re.IGNORECASE
        )
    for sign, word in words.table["noise"]["signs"].items():
        with_value = "|".join(words.table["noise"]["with_value"])
        text = re.sub(rf"\b({with_value})\.?\s*{sign}", r"\1 ", text, flags=re.IGNORECASE)
        text = re.sub(rf"(?<=\S)\s*{re.escape(sign)}", word, text)
    return text


def _spell_kind(word: re.Match[str], words: Language) -> str:
    """`word` with the kind of way that one letter and a dot stand for; "Aufg." and "Abg." as they are."""
    folded = fold(word[0])
    known = folded in words.senses or any(folded in listed for listed in words.table["noise"].values())
    return word[0] if known else f"{word[1]}{words.table['dotted'][word[2].lower()]} "


@lru_cache(maxsize=32)
def detail_pattern(code: str, *, beside_number: bool) -> re.Pattern[str]:
    """A pattern for words (folded) that as a whole say nothing about where a house is: the closed list of a language.

    Flats, floors, doors and staircases with their numbers, and people and buildings with their names. `beside_number`,
    in the field of the number, also a floor or a door without such a word: "8, 2ème gauche", "8 (D1)".
    """
    words = language(code)
    noise, repetitions = words.table["noise"], words.table["repetitions"]
    either = partial(_either, noise)
    ending = rf"(?:{either('floor_ordinals')})"
    suffix = rf"(?: ?(?:{'|'.join({*repetitions, *repetitions.values()})}|[a-z]))?"
    value = rf"(?:(?:{words.marks}) ?)?(?:\d{{1,4}}{ending}?{suffix}|[a-z]\d{{0,4}}|[ivx]{{2,4}})"
    bare = rf"(?:\d{{1,2}} ?{ending}|{either('floor_words')})(?: (?:\d{{1,2}}{ending}|[a-z]))?"
    kinds = "|".join(word for word in words.senses if words.kinds(word))
    follows = r"(?= \S)" if words.table["kind_position"] == "first" else ""
    onto = rf"|\w*(?:{'|'.join(words.endings)})\b" if words.endings else ""
    name = rf"(?!(?:{kinds})\b{follows}{onto})[^\W\d_]+"
    ordinals = "|".join([*noise["floor_words"], rf"[ivx]{{1,4}}{ending}?"])
    items = [
        rf"(?:\d{{1,3}} ?{ending}? ?|(?:{ordinals}) )(?:{either('after_number', 'after_ordinal')})(?: [a-z])?",
        rf"(?:{either('lettered')}) [a-h]|(?:{either('after_number')}) (?:{either('floor_words')})",
        rf"(?:{either('with_value')})(?: {value}| ?\d+{suffix})?",
        either("alone", "behind"),
        rf"(?:{either('named')})(?: {name}){{0,4}}",
        rf"(?:{name} ){{1,3}}(?:{either('buildings')})",
    ]
    if beside_number:
        items += [bare, r"[a-z]\d{1,3}"]
    elif noise["bare_floors"]:
        items.append(bare)
    item = "|".join(f"(?:{each})" for each in items)
    return re.compile(rf"(?:{item})(?: (?:{item}))*")
