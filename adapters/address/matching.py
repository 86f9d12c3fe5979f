"""How alike two street names are, and whether two towns are the same. Pure. The words of languages are in `names/`.

Names are compared word by word, not letter by letter over the whole: "rue Amélie Corvec" and "rue Amédée Corvec" differ
in two of sixteen letters, but they are two streets. A name is as alike as its least alike word: a `THRESHOLD` of 0.75
allows one wrong letter in a word of four or more, two in one of eight or more. Kinds of way (rue, avenue), numbers and
Roman numerals must be equal.
"""

from __future__ import annotations

import importlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

THRESHOLD = 0.75
"""Names at least this much alike may be the same street with a slip of the pen. Measured: docs/addresses.md."""

SLIP = 0.8
"""How alike a particle or a kind of way is with one letter wrong: words too short for the share of their letters."""

INITIAL = 0.85
"""How alike "J." and "Jean" are."""

TABLES = Path(__file__).parent / "names"
LETTERS = str.maketrans({"œ": "oe", "Œ": "oe", "æ": "ae", "Æ": "ae", "ß": "ss", "ø": "o", "Ø": "o", "ł": "l", "Ł": "l"})
WORD = re.compile(r"[^\W_]+")
ORDINAL = re.compile(r"(\d+)(?:er|e|eme|ieme|ere|nd|nde)")
ROMAN = re.compile(r"(?=[ivxlc]{2,})(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})")


@dataclass(frozen=True)
class Language:
    """The words of one language, folded (see `fold`): `senses` from each written word to what it may stand for."""

    code: str
    types: frozenset[str]
    senses: Mapping[str, frozenset[str]]
    particles: frozenset[str]
    table: Mapping[str, Any]

    def meanings(self, word: str) -> frozenset[str]:
        """What `word` may stand for, itself included, an ordinal as its number."""
        ordinal = ORDINAL.fullmatch(word)
        return self.senses.get(word, frozenset()) | {ordinal[1] if ordinal else word}

    def kinds(self, word: str) -> frozenset[str]:
        """The kinds of way (avenue, place) that `word` may mean; empty when it is no such word."""
        return self.senses.get(word, frozenset({word})) & self.types


@lru_cache(maxsize=32)
def language(code: str) -> Language:
    """The tables of `names/<code>.json`. Raises ValueError for a language that has none."""
    path = TABLES / f"{code}.json"
    if not re.fullmatch(r"[a-z]{2}", code) or not path.is_file():
        known = ", ".join(sorted(file.stem for file in TABLES.glob("*.json")))
        raise ValueError(f"there are no street words for the language {code!r}; known are: {known}")
    table = json.loads(path.read_text(encoding="utf-8"))
    senses: dict[str, set[str]] = {}
    for group in (table["types"], table["words"]):
        for word, abbreviations in group.items():
            for written in (word, *abbreviations):
                senses.setdefault(written, set()).add(word)
    for written, digits in table["numbers"].items():
        senses.setdefault(written, {written}).add(digits)
    return Language(
        code=code,
        types=frozenset(table["types"]),
        senses={written: frozenset(words) for written, words in senses.items()},
        particles=frozenset(table["particles"]),
        table=table,
    )


def fold(text: str) -> str:
    """Lower case without accents: letters and digits as words with one space between them."""
    decomposed = unicodedata.normalize("NFKD", text.translate(LETTERS).casefold())
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(WORD.findall(plain))


def expand(street: str, code: str = "fr") -> str:
    """`street` folded, the kind of way spelled right, abbreviations written out where they can mean but one thing."""
    words = language(code)
    expanded = []
    for position, word in enumerate(fold(street).split()):
        senses = words.senses.get(word, frozenset({word}))
        kinds = senses & words.types if position == 0 else senses - words.types
        candidates = kinds or senses
        if position == 0 and word not in words.senses:
            candidates = frozenset(kind for kind in words.types if _slips(word, kind, most=1) <= 1) or candidates
        expanded.append(next(iter(candidates)) if len(candidates) == 1 and not word.isdigit() else word)
    return " ".join(expanded)


def canonical(street: str, code: str = "fr") -> str:
    """One spelling for all names that `similarity` calls the same for their abbreviations and particles alone."""
    particles = language(code).particles
    expanded = expand(street, code)
    return " ".join(word for word in expanded.split() if word not in particles) or expanded


def similarity(asked: str, found: str, code: str = "fr") -> float:
    """How alike two street names are, from 0 to 1: the likeness of the least alike of their words.

    Accents, case, abbreviations, particles, number words and split or joined words make no difference or little. A word
    that only one of the names has makes 0.
    """
    words = language(code)
    asked_words, found_words = _words(asked, words), _words(found, words)
    if not asked_words or not found_words:
        return 0.0
    return 1.0 if asked_words == found_words else _align(asked_words, found_words, words)


def same_city(asked: str, found: str, code: str = "fr") -> bool:
    """Whether two names can mean one town: "Paris" and "Paris 1er Arrondissement", "Saint-Cloud" and "St Cloud"."""
    dropped = frozenset(language(code).table["city"]["dropped"])

    def core(name: str) -> str:
        return " ".join(word for word in fold(name).split() if word not in dropped and not word[0].isdigit())

    left, right = core(asked), core(found)
    return bool(left and right) and similarity(left, right, code) >= THRESHOLD


@dataclass(frozen=True, slots=True)
class _Word:
    """One word of a name. An article stands before another word: the last letter of "Voie D" is none.

    `leads` says that a word follows, `opens` that it is the first.
    """

    text: str
    article: bool
    leads: bool
    opens: bool


def _words(name: str, words: Language) -> list[_Word]:
    texts = fold(name).split()
    followed = [position + 1 < len(texts) and not texts[position + 1][0].isdigit() for position in range(len(texts))]
    return [
        _Word(text, text in words.particles and leads, leads, opens=position == 0)
        for position, (text, leads) in enumerate(zip(texts, followed, strict=True))
    ]


def _align(asked: Sequence[_Word], found: Sequence[_Word], words: Language) -> float:
    """The best way to lay the words of both names beside each other, in order; its least alike pair."""
    rows, columns = len(asked), len(found)
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    best[0][0] = 1.0
    for i in range(rows + 1):
        for j in range(columns + 1):
            here = best[i][j]
            if here == 0.0:
                continue
            for step_i, step_j in ((1, 0), (0, 1), (1, 1), (2, 1), (1, 2), (2, 2)):
                if i + step_i <= rows and j + step_j <= columns:
                    alike = _alike(asked[i : i + step_i], found[j : j + step_j], words)
                    best[i + step_i][j + step_j] = max(best[i + step_i][j + step_j], min(here, alike))
    return best[rows][columns]


def _alike(asked: Sequence[_Word], found: Sequence[_Word], words: Language) -> float:
    """How alike two words are; or one word and two that a space may have split; or one that stands alone."""
    if not asked or not found:
        (alone,) = asked or found
        return 1.0 if alone.article else 0.0
    if len(asked) + len(found) > 2:
        return _joined(asked, found)
    return _pair(asked[0], found[0], words)


def _joined(asked: Sequence[_Word], found: Sequence[_Word]) -> float:
    """How alike words are whose blank is missing, too many, at the wrong place, or a letter instead."""
    left, right = (" ".join(word.text for word in side) for side in (asked, found))
    same = left.replace(" ", "") == right.replace(" ", "")
    if len(asked) == len(found):
        return SLIP if same else 0.0
    if same and any(side[0].article and len(side[0].text) == 1 and len(side) == 2 for side in (asked, found)):
        return 1.0  # "leglise" for "l'église": a forgotten apostrophe is no slip
    if any(_exact_only(word.text) for word in (*asked, *found)):
        return 0.0
    return 1 - _slips(left, right) / max(len(left), len(right))


def _pair(asked: _Word, found: _Word, words: Language) -> float:
    left, right = asked.text, found.text
    left_senses, right_senses = words.meanings(left), words.meanings(right)
    if left_senses & right_senses or (asked.article and found.article):
        return 1.0
    if found.article:
        return SLIP if len(left) + len(right) > 2 and _slips(left, right) == 1 else 0.0
    left_kinds, right_kinds = words.kinds(left), words.kinds(right)
    if left_kinds and right_kinds:
        return 0.0  # both are words of their own, one letter apart or not: cour and cours, pont and port
    if asked.opens and found.opens and right_kinds and len(right) <= 4:
        return SLIP if any(_slips(left, kind) == 1 for kind in right_kinds) else 0.0
    shorter, longer = sorted((left, right), key=len)
    if shorter[-1] != "e" and longer in {shorter + ending for ending in words.table["feminine"]}:
        return 0.0  # Martin and Martine, saint and sainte: two names, seldom a slip
    if len(left) == 1:
        return INITIAL if asked.leads and found.leads and right.startswith(left) and not asked.opens else 0.0
    pairs = [(a, b) for a in left_senses for b in right_senses if not (_exact_only(a) or _exact_only(b))]
    return max((1 - _slips(a, b) / max(len(a), len(b)) for a, b in pairs), default=0.0)


def _slips(left: str, right: str, most: int | None = None) -> int:
    """Letters that are other, missing, too many or swapped with a neighbour; above `most`, only that it is more."""
    return int(_osa().distance(left, right, score_cutoff=most))


@cache
def _osa() -> Any:
    """Optimal string alignment, loaded when the first two names differ."""
    return importlib.import_module("rapidfuzz.distance.OSA")


def _exact_only(word: str) -> bool:
    """Whether one letter more or less makes it another word for certain: numbers, also Roman ones."""
    return any(character.isdigit() for character in word) or ROMAN.fullmatch(word) is not None
