"""Compares the name of an organisation that a participant typed with those in a record.

All words of a name must agree, in their order: a part of it, such as "Bakery", may be a part of many. Only the legal
form may be written otherwise, or missing on one side. Two forms are two organisations: Lantern Ltd, Lantern PLC.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from adapters.person_names.comparison import Band, is_withheld
from adapters.person_names.letters import is_foreign
from adapters.person_names.likeness import Word, are_similar
from adapters.person_names.parts import NamePart, are_other_characters, part_of, written_alike
from adapters.person_names.word_lists import LEGAL_FORMS

_AND = dict.fromkeys(("und", "et", "og", "och"), "and")
_MOST_WORDS = 8
"""The words of the longest legal form: G.m.b.H. & Co. K.G."""
_NOTHING = NamePart("", ())


class _Organisation(NamedTuple):
    name: str
    words: tuple[str, ...]
    form: frozenset[str]
    """What its legal form stands for; empty where it has none."""

    def __repr__(self) -> str:
        return "_Organisation(…)"


def compare_organisations(typed: str, recorded: Iterable[str]) -> Band | None:
    """The best band of `typed` among a record's names; None where the record has none, or withholds them all.

    `exact` has the same legal form, `compatible` has one on one side alone, `close` has another or a word in common.
    """
    ours = _part_of(typed)
    bands = (_band(ours, _part_of(name)) for name in recorded if not is_withheld(name))
    return max(bands, default=None)


def _part_of(text: str) -> NamePart:
    return part_of(text.replace("&", " and ").replace("+", " and "))


def _band(ours: NamePart, theirs: NamePart) -> Band:
    ours, theirs = written_alike(ours, theirs, _NOTHING), written_alike(theirs, ours, _NOTHING)
    left, right = _organisation(ours), _organisation(theirs)
    if left.name and left.name == right.name and not are_other_characters(ours, theirs):
        if bool(left.form) is not bool(right.form):
            return Band.COMPATIBLE
        return Band.CLOSE if left.form and left.form.isdisjoint(right.form) else Band.EXACT
    foreign = is_foreign(ours.text) or is_foreign(theirs.text)
    words = (tuple(map(Word, each.words)) for each in (left, right))
    return Band.CLOSE if are_similar(*words, given=False, foreign=foreign) else Band.DIFFERENT


def _organisation(part: NamePart) -> _Organisation:
    """The name without its legal form, which is at the end or, as in SAS Lavoir, at the beginning."""
    words, form = part.words, frozenset[str]()
    for count in range(min(_MOST_WORDS, len(words) - 1), 0, -1):
        if form := LEGAL_FORMS.get("".join(words[-count:]), form):
            words = words[:-count]
            break
        if form := LEGAL_FORMS.get("".join(words[:count]), form):
            words = words[count:]
            break
    words = tuple(_AND.get(word, word) for word in words)
    return _Organisation("".join(words), words, form)
