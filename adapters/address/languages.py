"""The words of addresses in each language: kinds of ways, articles, short forms. Read from the tables in `names/`.

The keys of a table:

- `kind_position`: the kind of way comes `first` ("Rue …"), `last` ("… Street"), or `either` ("Straße des …",
  "Lindenweg").
- `number_position`: the number comes `before` or `after` the street; elsewhere only where a kind of way shows it.
- `types`: kinds of way with abbreviations. `suffixes`: those written onto the name ("Lindenstr."); `dotted` by one
  letter ("Rathausg.").
- `words`: titles, saints and the like; an abbreviation may mean several.
- `contractions`: "V.le" is "v le".
- `phrases`: "za" is "zone artisanale".
- `letters`: two ways to write one letter: "ue" is "ü", but not in "neue".
- `directions`: words that begin a street after a number ("8 N Main St") and are never dropped.
- `particles`: optional articles; not prepositions that tell streets apart ("Am Berg", "Zum Berg").
- `numbers`: ordinals and Roman numerals as digits. `cardinals`: the words from one on.
- `feminine`: endings that make another name: `{"o": ["a"]}` parts Mario and Maria, `{"": ["e"]}` Martin and Martine.
- `repetitions`: suffixes in one spelling: French "8 B" is "8 bis", Italian "8/R" is "8 rosso".
- `no_number`: "s/n", "sans numéro", "néant". `number_marks`: "n°", "Nr.".
- `range_words` ("8 bis 10"), `range_signs` ("8-10"): they join two numbers. `additions`: a lower one is a suffix (Dutch
  "12-3"). `flat_by_slash`: flats are `ahead` of the number or `doors` behind it; `regions` where that is sure, also by
  `flats` ("Unit 1, 41").
- `noise`: flats, floors, staircases, people: words `with_value` ("flat 2"), `behind` such ("left"), `alone`, words a
  part `begins` with, those `named` after ("chez"), `buildings` ("… House"), `lettered` ("Haus B", but no "Haus 3");
  `floor_ordinals`, `floor_words`, `bare_floors`, `signs`.
- `city`: words of a town's name that do not count (`dropped`), endings of ordinals, words that begin what a post office
  adds (`bulk`: "Cedex 9"), and countries, named as in CLDR, by the form of their postcodes.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

TABLES = Path(__file__).parent / "names"
LETTERS = str.maketrans({"œ": "oe", "Œ": "oe", "æ": "ae", "Æ": "ae", "ß": "ss", "ø": "o", "Ø": "o", "ł": "l", "Ł": "l"})
WORD = re.compile(r"[^\W_]+")
POSSESSIVE = re.compile(r"(?<=\w)['’]s\b")
ELISION = re.compile(r"(?<!\w)([^\W\d_])['’]\s?(?=\w)")
ELIDED = "\ua78c"
"""Replaces an apostrophe, which folding would lose, to distinguish "d'Amont" from "D. Amont". It is a letter that looks
like one (saltillo)."""
VOWELS = tuple("aeiouy")
ROMAN = re.compile(r"(?=[ivxlc]{2,})(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})")


@dataclass(frozen=True)
class Language:
    """The words of one language, folded (see `fold`): `senses` maps each written word to its possible meanings.

    `endings` are the kinds of way that are written onto a name ("Lindenstr."), from each spelling to the kind.
    `spellings` map the second spelling of letters and phrases to the first ("ue" to "ü").
    `region` is "AU" for "en-AU": a slash is known to join a flat there.
    `marks` is a pattern for the marks before a house number, such as "no." and "№".
    `numbers` and `cardinals` map number words to digits: those in names, and those that may be a house number.
    docs/contributors/how-an-address-is-decided.md explains the keys of `table`.
    """

    code: str
    region: str
    types: frozenset[str]
    senses: Mapping[str, frozenset[str]]
    particles: frozenset[str]
    endings: Mapping[str, str]
    spellings: Mapping[str, str]
    marks: str
    numbers: Mapping[str, str]
    cardinals: Mapping[str, str]
    table: Mapping[str, Any]
    ordinal: re.Pattern[str]
    kind_ending: re.Pattern[str] | None
    respelling: re.Pattern[str] | None

    def meanings(self, word: str) -> frozenset[str]:
        """The possible meanings of `word`, itself included, an ordinal as its number."""
        ordinal = self.ordinal.fullmatch(word)
        return self.senses.get(word, frozenset()) | {ordinal[1] if ordinal else word}

    def kinds(self, word: str) -> frozenset[str]:
        """The kinds of way (avenue, place) that `word` may mean or ends with; empty when there are none."""
        return self.senses.get(word, frozenset(self.split_kind(word)[-1:])) & self.types

    def split_kind(self, word: str) -> list[str]:
        """`word` without the kind of way written onto it, and that kind: "lindenstr" gives "linden", "strasse"."""
        match = self.kind_ending.fullmatch(word) if self.kind_ending and word not in self.senses else None
        return [match[1], self.endings[match[2]]] if match else [word]

    def unify_spelling(self, folded: str) -> str:
        """`folded` in the first of several spellings: "mueller" as "muller", "rond point" as "rondpoint"."""
        return self.respelling.sub(lambda match: self.spellings[match[0]], folded) if self.respelling else folded

    def expand_contractions(self, folded: str) -> str:
        """`folded` with contractions of two words written out: "v le" (from "V.le") as "viale"."""
        for written, word in self.table["contractions"].items():
            folded = re.sub(rf"\b{written}\b", word, folded)
        return folded

    def are_inflections(self, left: str, right: str) -> bool:
        """Whether one word is the feminine of the other, or another inflection that is a name of its own."""
        return any(
            other == one.removesuffix(plain) + ending
            for plain, endings in self.table["feminine"].items()
            for ending in endings
            for one, other in ((left, right), (right, left))
            if one.endswith(plain) and not one.endswith(ending)
        )


@lru_cache(maxsize=1)
def codes() -> list[str]:
    """The languages that have tables, and their regions."""
    regions = {file.stem: json.loads(file.read_text(encoding="utf-8"))["regions"] for file in TABLES.glob("*.json")}
    return sorted([*regions, *(f"{spoken}-{region}" for spoken, found in regions.items() for region in found)])


@lru_cache(maxsize=32)
def language(code: str) -> Language:
    """Read the tables of `names/<code>.json`, for "en-AU" those of "en". Raises ValueError where there are none."""
    spoken, _, region = code.partition("-")
    path = TABLES / f"{spoken}.json"
    table = json.loads(path.read_text(encoding="utf-8")) if spoken.isalpha() and path.is_file() else {}
    if not table or (code != spoken and region not in table["regions"]):
        raise ValueError(f"there are no street words for the language {code!r}; known are: {', '.join(codes())}")
    senses: dict[str, set[str]] = {}
    for group in (table["types"], table["words"]):
        for word, abbreviations in group.items():
            for written in (word, *abbreviations):
                senses.setdefault(written, set()).add(word)
    cardinals = {words: str(value) for value, words in enumerate(table["cardinals"], start=1)}
    numbers = {**table["numbers"], **cardinals}
    for written, digits in numbers.items():
        senses.setdefault(written, {written}).add(digits)
    endings = {written: kind for kind, short in table["suffixes"].items() for written in (kind, *short)}
    several = {words: digits for words, digits in cardinals.items() if " " in words}
    phrases = {**table["contractions"], **table["phrases"], **several}
    patterns = []
    if phrases:
        patterns.append(rf"\b(?:{_either(phrases)})\b")
    if table["letters"]:  # "ue" is no "ü" in "neue", "Bauer" and "Quelle"
        patterns.append(rf"(?<![aeiouq])(?:{_either(table['letters'])})")
    return Language(
        code=code,
        region=region,
        types=frozenset(table["types"]),
        senses={written: frozenset(words) for written, words in senses.items()},
        particles=frozenset(table["particles"]),
        endings=endings,
        spellings={**phrases, **table["letters"]},
        marks="|".join(table["number_marks"]),
        numbers=numbers,
        cardinals=cardinals,
        table=table,
        ordinal=re.compile(rf"(\d+)(?:{_either(table['city']['ordinals'])})"),
        kind_ending=re.compile(rf"([a-z]{{2,}}?)({_either(endings)})") if endings else None,
        respelling=re.compile("|".join(patterns)) if patterns else None,
    )


def _either(words: Iterable[str]) -> str:
    """A pattern for any of `words`, the longest first."""
    return "|".join(sorted(words, key=lambda word: (-len(word), word)))


def fold(text: str) -> str:
    """The words of a text in lower case without accents, with one space between them; "King's" is one word."""
    plain = text.casefold()
    if not plain.isascii():
        decomposed = unicodedata.normalize("NFKD", text.translate(LETTERS).casefold())
        plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(WORD.findall(POSSESSIVE.sub("s", plain)))
