"""Whether a name that a participant typed is one of the names in a record.

No score: ratios of whole strings put "Petit Claude" and "Marie-Claude Petit" at 100, and "Le Goff" and "Legoff" at 78.
Family and given names are compared apart, by rules that a person would give, and the answer is one of four bands. Only
`exact` and `compatible` may confirm a record, and only one whose number matched; a name is never a key.
"""

from __future__ import annotations

import importlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

LONGEST = 200
"""Characters of a name, folded or not, that are looked at: beyond, it is no name."""


class Band(IntEnum):
    """How alike two names are, from strangers to the same."""

    DIFFERENT = 0
    CLOSE = 1
    COMPATIBLE = 2
    EXACT = 3


@dataclass(frozen=True, slots=True)
class Name:
    """A name of a person in two parts. An empty part is one that nobody gave."""

    family: str
    given: str = ""


_PARTICLES = frozenset({
    "af", "al", "av", "ben", "bin", "bint", "d", "da", "dal", "das", "de", "degli", "dei", "del", "della", "delle",
    "den", "der", "des", "di", "do", "dos", "du", "e", "el", "i", "ibn", "la", "las", "le", "les", "lo", "los", "ten",
    "ter", "und", "van", "vom", "von", "y", "zu", "zum", "zur",
})  # fmt: skip
_SPELLINGS: Mapping[str, str] = {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "æ": "ae"}
_NICKNAMES = tuple(
    frozenset(group.split())
    for group in (
        "robert bob bobby rob", "william bill will liam", "richard dick rick", "margaret peggy maggie", "james jim",
        "john jack", "elizabeth liz beth betty", "catherine kate cathy katherine", "charles charlie", "edward ted ed",
        "francisco paco pancho", "jose pepe", "ignacio nacho", "dolores lola", "concepcion concha", "enrique quique",
        "giuseppe beppe pippo", "luigi gigi", "johannes hans", "friedrich fritz", "josef sepp", "aleksandr sasha",
    )
)  # fmt: skip


_APOSTROPHES = re.compile(r"['`\u2019]")
_ASCII_WORD = re.compile("[a-z0-9]+")
_ANY_WORD = re.compile(r"[^\W_]+")
_WITHHELD = re.compile(r"\[.*\]|\(.*\)|[^\w]*|(?i:non[- ]diffusible|x{3,}|n/?a)")


def fold(text: str) -> tuple[str, ...]:
    """The words of a name in plain lower-case ASCII: "D'Été-Ødegård" gives ("dete", "odegard").

    Marks are dropped before case is folded (else İ leaves a dot behind), other scripts are transliterated. Letters that
    nobody can transliterate stand for themselves.
    """
    plain = text[:LONGEST]
    if not plain.isascii():
        parts = unicodedata.normalize("NFKD", plain)[:LONGEST]
        plain = "".join(part for part in parts if not unicodedata.combining(part))
    ascii_only = _APOSTROPHES.sub("", plain if plain.isascii() else _transliterated(plain)).casefold()
    return tuple(_ASCII_WORD.findall(ascii_only) or _ANY_WORD.findall(plain.casefold()))


def _transliterated(text: str) -> str:
    """Other scripts in ASCII letters. The tables are loaded when the first name needs them."""
    return str(importlib.import_module("anyascii").anyascii(text))


def is_withheld(text: str) -> bool:
    """Whether a registry shows a mark instead of a name: "[NON-DIFFUSIBLE]", "---", "--", nothing."""
    return _WITHHELD.fullmatch(text.strip()) is not None


def compare(typed: Name, recorded: Iterable[Name]) -> Band | None:
    """The best band of `typed` among a record's names; None where the record gives none, or withholds them all.

    Each is as good as the worse of its two parts. Family and given name in the wrong order are at most close, and so is
    a record without a given name where one was typed.
    """
    best: Band | None = None
    for name in recorded:
        if is_withheld(name.family):
            continue
        band = min(_families(typed.family, name.family), _givens(typed.given, name.given))
        if band < Band.CLOSE and typed.given and name.given:
            one_way = min(_families(typed.family, name.given), _givens(typed.given, name.family))
            other_way = min(_givens(typed.family, name.given), _families(typed.given, name.family))
            band = min(Band.CLOSE, max(one_way, other_way))
        best = band if best is None else max(best, band)
    return best


def _families(ours: str, theirs: str) -> Band:
    left, right = fold(ours), fold(theirs)
    if not left or not right:
        return Band.DIFFERENT
    if "".join(left) == "".join(right) or sorted(left) == sorted(right):
        return Band.EXACT
    bare_left, bare_right = _bare(left), _bare(right)
    if bare_left <= bare_right or bare_right <= bare_left:
        return Band.COMPATIBLE
    return Band.CLOSE if _nearly("".join(left), "".join(right)) or _spelled_out(ours, theirs) else Band.DIFFERENT


def _givens(ours: str, theirs: str) -> Band:
    if not ours.strip():
        return Band.EXACT  # not asked for, so that the family name alone is compared
    left, right = fold(ours), fold(theirs)
    if is_withheld(theirs):
        return Band.CLOSE
    if not left or not right:
        return Band.DIFFERENT
    if left[0] == right[0] or "".join(left) == "".join(right):
        return Band.EXACT
    shared = {word for word in left if len(word) > 1} & set(right)
    initial = 1 in (len(left[0]), len(right[0])) and left[0][0] == right[0][0]
    if shared or initial:
        return Band.COMPATIBLE
    if left[0][:4] == right[0][:4] and min(len(left[0]), len(right[0])) >= 4:
        return Band.CLOSE
    if any({left[0], right[0]} <= group for group in _NICKNAMES):
        return Band.CLOSE
    return Band.CLOSE if _nearly(left[0], right[0], shortest=4) or _spelled_out(ours, theirs) else Band.DIFFERENT


def _bare(words: tuple[str, ...]) -> frozenset[str]:
    """The words without particles; all of them where there is nothing else."""
    return frozenset(word for word in words if word not in _PARTICLES) or frozenset(words)


def _nearly(left: str, right: str, *, shortest: int = 5) -> bool:
    return min(len(left), len(right)) >= shortest and _is_one_slip(left, right)


def _is_one_slip(left: str, right: str) -> bool:
    """Whether one letter more, less or other makes one the other: a Levenshtein distance of at most 1."""
    if len(left) > len(right):
        left, right = right, left
    same = 0
    while same < len(left) and left[same] == right[same]:
        same += 1
    if len(left) == len(right):
        return left[same + 1 :] == right[same + 1 :]
    return left[same:] == right[same + 1 :]


def _spelled_out(left: str, right: str) -> bool:
    """Whether one writes Müller where the other writes Mueller."""
    return _spell_out(left) == fold(right) or fold(left) == _spell_out(right)


def _spell_out(text: str) -> tuple[str, ...]:
    composed = unicodedata.normalize("NFC", text[:LONGEST]).casefold()
    return fold("".join(_SPELLINGS.get(character, character) for character in composed))
