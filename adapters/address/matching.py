"""How alike two street names are, and whether two towns are the same. Pure; the words of a language are data (`names/`).

Names are compared word by word, not letter by letter over the whole: "rue Amélie Corvec" and "rue Amédée Corvec" differ in
two of sixteen letters, but they are two streets. A name is as alike as its least alike word, so a single letter may be
wrong in a word of four or more, two in one of eight or more, when `THRESHOLD` is 0.75. Kinds of way (rue, avenue), numbers
and Roman numerals must be equal.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from rapidfuzz.distance import OSA

THRESHOLD = 0.75
"""Names at least this much alike may be the same street with a slip of the pen. Measured: docs/addresses.md."""

SLIP = 0.8
"""How alike a particle or a kind of way is with one letter wrong: words too short for the share of their letters."""

INITIAL = 0.85
"""How alike "J." and "Jean" are."""

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

    def kinds(self, word: str) -> frozenset[str]:
        """The kinds of way (avenue, place) that `word` may mean; empty when it is no such word."""
        return self.senses.get(word, frozenset({word})) & self.types


@lru_cache(maxsize=32)
def language(code: str) -> Language:
    """The tables of `names/<code>.json`. Raises ValueError for a language that has none."""
    path = Path(__file__).parent / "names" / f"{code}.json"
    if not re.fullmatch(r"[a-z]{2}", code) or not path.is_file():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.json")))
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
    """`street` folded, with the abbreviations written out that can mean one thing only, and the kind of way spelled right."""
    words = language(code)
    expanded = []
    for position, word in enumerate(fold(street).split()):
        senses = words.senses.get(word, frozenset({word}))
        kinds = senses & words.types if position == 0 else senses - words.types
        candidates = kinds or senses
        if position == 0 and word not in words.senses:
            candidates = (
                frozenset(kind for kind in words.types if OSA.distance(word, kind, score_cutoff=1) <= 1) or candidates
            )
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
    asked_words, found_words = fold(asked).split(), fold(found).split()
    if not asked_words or not found_words:
        return 0.0
    if asked_words == found_words:
        return 1.0
    return _align(tuple(asked_words), tuple(found_words), language(code))


def same_city(asked: str, found: str, code: str = "fr") -> bool:
    """Whether two names of towns can mean the same one: "Paris" and "Paris 1er Arrondissement", "Saint-Cloud" and "St Cloud"."""
    dropped = frozenset(language(code).table["city"]["dropped"])

    def core(name: str) -> str:
        return " ".join(word for word in fold(name).split() if word not in dropped and not word[0].isdigit())

    left, right = core(asked), core(found)
    return bool(left and right) and similarity(left, right, code) >= THRESHOLD


def _align(asked: Sequence[str], found: Sequence[str], words: Language) -> float:
    """The best way to lay the words of both names beside each other, in order; its least alike pair."""
    rows, columns = len(asked), len(found)
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    best[0][0] = 1.0
    for i in range(rows + 1):
        for j in range(columns + 1):
            here = best[i][j]
            if here == 0.0:
                continue
            for step_i, step_j in ((1, 0), (0, 1), (1, 1), (2, 1), (1, 2)):
                if i + step_i > rows or j + step_j > columns:
                    continue
                alike = _alike(asked[i : i + step_i], found[j : j + step_j], words, first=i == 0 and j == 0)
                reached = min(here, alike)
                if reached > best[i + step_i][j + step_j]:
                    best[i + step_i][j + step_j] = reached
    return best[rows][columns]


def _alike(asked: Sequence[str], found: Sequence[str], words: Language, *, first: bool) -> float:
    """How alike two words are; or one word and two that a space may have split; or one that stands alone."""
    if not asked or not found:
        (alone,) = asked or found
        return 1.0 if alone in words.particles else 0.0
    if len(asked) != len(found):
        return _joined(asked, found, words)
    (left,), (right,) = asked, found
    return _pair(left, right, words, first=first)


def _joined(asked: Sequence[str], found: Sequence[str], words: Language) -> float:
    left, right = "".join(asked), "".join(found)
    if _exact_only(left) or _exact_only(right):
        return 0.0
    edits = OSA.distance(left, right)
    # "leglise" for "l'église": a forgotten apostrophe is no slip
    apostrophe = any(word in words.particles and len(word) == 1 for word in (asked[0], found[0]))
    return 1 - (edits + (not apostrophe)) / max(len(left), len(right))


def _pair(left: str, right: str, words: Language, *, first: bool) -> float:
    if left == right:
        return 1.0
    left_senses = words.senses.get(left, frozenset({left}))
    right_senses = words.senses.get(right, frozenset({right}))
    if left_senses & right_senses:
        return 1.0
    left_number, right_number = ORDINAL.fullmatch(left), ORDINAL.fullmatch(right)
    if (left_number or right_number) and (left_number or [left] * 2)[1] == (right_number or [right] * 2)[1]:
        return 1.0
    if left in words.particles and right in words.particles:
        return 1.0
    if right in words.particles and len(left) <= 3 and OSA.distance(left, right) == 1:
        return SLIP
    left_kinds, right_kinds = words.kinds(left), words.kinds(right)
    if left_kinds and right_kinds:
        return 0.0  # both are words of their own, one letter apart or not: cour and cours, pont and port
    if first and right_kinds and len(right) <= 4:
        return SLIP if any(OSA.distance(left, kind) == 1 for kind in right_kinds) else 0.0
    if len(left) == 1 and not first and right.startswith(left) and not right.isdigit():
        return INITIAL
    pairs = [
        (a, b) for a in {left, *left_senses} for b in {right, *right_senses} if not (_exact_only(a) or _exact_only(b))
    ]
    return max((1 - OSA.distance(a, b) / max(len(a), len(b)) for a, b in pairs), default=0.0)


def _exact_only(word: str) -> bool:
    return any(character.isdigit() for character in word) or ROMAN.fullmatch(word) is not None
