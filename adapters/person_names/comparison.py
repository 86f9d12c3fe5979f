"""Compares the name that a participant typed with the names in a record.

Not by a score: ratios of whole strings rate "Petit Claude" and "Marie-Claude Petit" at 100, "Le Goff" and "Legoff" at
78. Family and given names are compared separately, by explicit rules, and the result is one of four bands. Only `exact`
and `compatible` may confirm a record, and only one whose number matched; a name is never a key.

Each sign of another person's name counts as doubt, and the doubts of both parts add up: Valombre is compatible with
Valombre Sardel where the given names are the same, but not where they are only partly the same.
docs/contributors/how-names-are-compared.md has examples.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from adapters.person_names.letters import LONGEST, fold, is_chinese, is_foreign, strip_marks
from adapters.person_names.likeness import Word, are_rearranged, are_similar
from adapters.person_names.parts import NamePart, are_other_characters, part_of, written_alike
from adapters.person_names.word_lists import (
    BETWEEN_NAMES,
    COMMON,
    COMMON_SURNAMES,
    FOREWORDS,
    GENERATIONS,
    GIVEN_PARTICLES,
    NUMERALS,
    PARTICLES,
    SHARED_BY_MANY,
    SHORTENED,
    SHORTENED_GIVEN,
    TITLES,
)


class Band(IntEnum):
    """How similar two names are."""

    DIFFERENT = 0
    CLOSE = 1
    COMPATIBLE = 2
    EXACT = 3


@dataclass(frozen=True, slots=True)
class Name:
    """A person's name in two parts. An empty part was not given.

    `suffix` is what some registries write apart: Jr, III, degrees. Only generations in it are compared.
    """

    family: str = field(repr=False)
    given: str = field(default="", repr=False)
    suffix: str = field(default="", repr=False)


class _Doubt(IntEnum):
    """How much speaks against two family names, or two given ones, being one. A whole name may have doubts of 2."""

    NONE = 0
    """The same letters."""
    LITTLE = 1
    """Particles, order, or further given names."""
    MUCH = 2
    """One of two family names; an initial; a given name that is not the first."""
    TOO_MUCH = 3


class _NameParts(NamedTuple):
    family: NamePart
    given: NamePart
    suffix: NamePart


_OUTSIDE_FAMILY = PARTICLES | TITLES | GENERATIONS.keys()
_OUTSIDE_GIVEN = GIVEN_PARTICLES | TITLES | GENERATIONS.keys()
_NO_NAMES = _OUTSIDE_FAMILY | FOREWORDS
_HYPHEN = re.compile("[-\u058a\u05be\u2010-\u2015\u2212\ufe63\uff0d]")
_SYLLABLE = re.compile("[^aeiouy]*[aeiouy]*[^aeiouy]*")
_WITHHELD = re.compile(
    r"\[.*\]|\(.*\)|[\W_]*|.*[*#\u2022\u25cf\u2588]{2}.*|n/a|non[- ]diffus[ai]ble", re.DOTALL | re.IGNORECASE
)
_WITHHELD_WORD = re.compile("x{3,}|fnu|lnu|nmn|unknown|inconnue?|withheld|redacted", re.IGNORECASE)


def is_withheld(text: str) -> bool:
    """Whether a registry has a mark instead of a name: "[NON-DIFFUSIBLE]", "---", "D*****", "FNU", nothing."""
    text = text[:LONGEST].strip()
    return (_WITHHELD_WORD if text.isalpha() else _WITHHELD).fullmatch(text) is not None


def compare(typed: Name, recorded: Iterable[Name], *, two_surnames: bool = False) -> Band | None:
    """The best band of `typed` among a record's names; None where the record has none, or withholds them all.

    `two_surnames` says that people of the registry's country have two surnames and go by one, even by García: else one
    of two confirms only where it is uncommon.

    The same words in the same order are compatible, wherever the border between family and given names is. Family and
    given name in the wrong order are at most close, and so is a record without a given name where one was
    typed. Where none was typed, only the family name is compared: at most close where the record has a given name, or
    a mark in its place. Where several were typed, a short form in the record (Iris, I.) counts only as far as its
    fuller forms do (Iris Anne): otherwise Iris Rose would pass by it. A suffix of one name holds for those without.
    """
    ours = _NameParts(part_of(typed.family), part_of(typed.given), part_of(typed.suffix))
    known = [name for name in recorded if not is_withheld(name.family)]
    givens = [part_of(name.given) for name in known]
    any_suffix = part_of(" ".join(name.suffix for name in known))
    several = len(_given_words(ours.given)) > 1
    best: Band | None = None
    for name, given in zip(known, givens, strict=True):
        forms = [given, *(each for each in givens if several and _is_short_for(given, each))]
        suffix = own if (own := part_of(name.suffix)).words else any_suffix
        for family in _family_names(part_of(name.family)):
            band = min(_band(ours, _NameParts(family, form, suffix), best, two_surnames=two_surnames) for form in forms)
            if band is Band.EXACT:
                return band
            best = band if best is None or band > best else best
    return best


def _is_short_for(short: NamePart, full: NamePart) -> bool:
    """Whether given names are the beginning of others, or have initials of them: Iris, I., Iris A. and Iris Anne."""
    few, many = _given_words(short), _given_words(full)
    return (
        few != many
        and len(few) <= len(many)
        and all(word == other or word == other[0] for word, other in zip(few, many, strict=False))
    )


def _family_names(recorded: NamePart) -> Iterator[NamePart]:
    """The family name, and both names where a field has two: "DUPONT (MARTIN)", "Dupont née Martin"."""
    yield recorded
    if "(" in recorded.text:
        yield from filter(lambda part: part.words, map(part_of, re.split("[()]", recorded.text)))
    elif not BETWEEN_NAMES.isdisjoint(recorded.words[1:-1]):
        middle = next(at for at, word in enumerate(recorded.words) if at and word in BETWEEN_NAMES)
        yield from (part_of(" ".join(words)) for words in (recorded.words[:middle], recorded.words[middle + 1 :]))


def _band(ours: _NameParts, theirs: _NameParts, best: Band | None, *, two_surnames: bool) -> Band:
    """The band of two names. Where that of others, `best`, is close already, names that are only close are different:
    to tell them apart costs most, and would change nothing.
    """
    ours, theirs = (
        _NameParts(
            written_alike(one.family, other.family, other.given),
            written_alike(one.given, other.given, other.family),
            one.suffix,
        )
        for one, other in ((ours, theirs), (theirs, ours))
    )
    of_family, of_given = _doubt_of_family(ours.family, theirs.family), _doubt_of_given(ours, theirs)
    if of_family + of_given <= _Doubt.MUCH and _may_be_of_one_generation(ours, theirs):
        alone = not ours.given.text.strip()
        if alone and theirs.given.text.strip():
            return Band.CLOSE
        if of_family is _Doubt.NONE and (of_given is _Doubt.NONE or alone):
            return Band.EXACT
        if alone and sorted(ours.family.words) == sorted(theirs.family.words):
            return Band.EXACT  # a whole name, in any order
        needs_rare_family = of_given is _Doubt.MUCH or (of_family is _Doubt.MUCH and not two_surnames)
        if _is_telling(ours, theirs, needs_rare_family=needs_rare_family):
            return Band.EXACT if of_family is _Doubt.NONE and of_given is _Doubt.LITTLE else Band.COMPATIBLE
    if _has_another_border(ours, theirs) and _may_be_of_one_generation(ours, theirs):
        return Band.COMPATIBLE
    return Band.CLOSE if not best and _may_be_one(ours, theirs, of_family, of_given) else Band.DIFFERENT


def _has_another_border(ours: _NameParts, theirs: _NameParts) -> bool:
    """Whether both have the same words in the same order, but another border between family and given names."""
    parts = ours.family, ours.given, theirs.family, theirs.given
    if not all(part.words for part in parts) or any(is_chinese(part.text) for part in parts):
        return False
    family, given, their_family, their_given = (part.words for part in parts)
    return family + given == their_family + their_given or given + family == their_given + their_family


def _may_be_one(ours: _NameParts, theirs: _NameParts, of_family: _Doubt, of_given: _Doubt) -> bool:
    """Whether a reviewer should look: each part may be the other's, or the words are the same in another order."""
    foreign = any(not part.text.isascii() and is_foreign(strip_marks(part.text)) for part in (*ours, *theirs))
    family, their_family = (tuple(map(Word, _family_words(each.family))) for each in (ours, theirs))
    given, their_given = (tuple(map(Word, _given_words(each.given))) for each in (ours, theirs))
    has_particles = len(family) < len(ours.family.words) or len(their_family) < len(theirs.family.words)
    may_be_family = (
        of_family < _Doubt.TOO_MUCH
        or _is_unreadable(ours.family, theirs.family)
        or _is_part_of(ours.family.words, theirs.family.words)
        or are_similar(family, their_family, given=False, foreign=foreign)
        or (has_particles and are_similar(_glue(ours.family), _glue(theirs.family), given=False, foreign=foreign))
    )
    if may_be_family and (
        of_given < _Doubt.TOO_MUCH
        or is_withheld(theirs.given.text)
        or _is_unreadable(ours.given, theirs.given)
        or are_similar(given, their_given, given=True, foreign=foreign)
    ):
        return True
    return are_rearranged(family + given, their_family + their_given, foreign=foreign)


def _glue(part: NamePart) -> tuple[Word, ...]:
    """All words with particles as one word: Ben Abdellah is also written Benabdallah."""
    return (Word("".join(part.words)),)


def _doubt_of_family(ours: NamePart, theirs: NamePart) -> _Doubt:
    if not ours.words or not theirs.words or are_other_characters(ours, theirs):
        return _Doubt.TOO_MUCH
    if ours.words == theirs.words or "".join(ours.words) == "".join(theirs.words):
        return _Doubt.NONE
    left, right = _family_words(ours), _family_words(theirs)
    if "".join(left) == "".join(right) or sorted(left) == sorted(right):
        return _Doubt.LITTLE
    return _Doubt.MUCH if _is_contained(*sorted((left, right), key=len)) else _Doubt.TOO_MUCH


def _doubt_of_given(ours: _NameParts, theirs: _NameParts) -> _Doubt:
    left, right = ours.given, theirs.given
    if not left.text.strip():
        return _Doubt.LITTLE  # not asked for, so only the family name is compared
    if not left.words or not right.words or are_other_characters(left, right):
        return _Doubt.TOO_MUCH
    if left.words == right.words or "".join(left.words) == "".join(right.words):
        return _Doubt.NONE
    few, many, text = _given_words(left), _given_words(right), right.text
    if len(few) > len(many):
        few, many, text = many, few, left.text
    if "".join(few) == "".join(many):
        return _Doubt.NONE
    places = _places(few, many)
    is_syllabic = len(many) > 1 and all(map(_is_syllabic, (ours.family.words, theirs.family.words, few, many)))
    if not places or is_syllabic or _is_torn(places, many, text):
        return _Doubt.TOO_MUCH
    if places[0] == 0 and few[0] == many[0] and len(few[0]) > 1:
        # Two letters are half of a name: Jo is not Jo Ann.
        return _Doubt.TOO_MUCH if len("".join(few)) == 2 else _Doubt.LITTLE
    if places[0] == 0:
        return _Doubt.MUCH
    found = {word for word, place in zip(few, places, strict=True) if len(word) > 1 and word == many[place]}
    return _Doubt.MUCH if found - SHARED_BY_MANY else _Doubt.TOO_MUCH


def _is_telling(ours: _NameParts, theirs: _NameParts, *, needs_rare_family: bool) -> bool:
    """Whether a word or a whole part that both share is less common than García and María. An initial, a given name
    that is not the first, and one of two surnames need a family name that is not even in the longer list.
    """
    family = _agreed(_family_words(ours.family), _family_words(theirs.family))
    if needs_rare_family:
        return not family <= COMMON_SURNAMES
    return not family | _agreed(_given_words(ours.given), _given_words(theirs.given)) <= COMMON


def _agreed(left: Sequence[str], right: Sequence[str]) -> set[str]:
    """The words that both have, or all as one word, without those that are no names by themselves."""
    whole = "".join(left)
    agreed = [whole] if whole == "".join(right) else [word for word in left if word in right]
    return {word for word in agreed if len(word) > 1 and word not in _NO_NAMES}


def _family_words(part: NamePart) -> tuple[str, ...]:
    """The words without particles, titles and generations; all of them where there are no others."""
    words = part.words
    if len(words) > 1 and not _OUTSIDE_FAMILY.isdisjoint(words):
        last = len(words) - 1 if len(words[-1]) == 1 else None
        words = tuple(word for at, word in enumerate(words) if word not in _OUTSIDE_FAMILY or at == last) or words
    return tuple(SHORTENED.get(word, word) for word in words)


def _given_words(part: NamePart) -> tuple[str, ...]:
    """The words without titles, generations, and particles between them; all of them where there are no others."""
    words = part.words
    if len(words) > 1 and not _OUTSIDE_GIVEN.isdisjoint(words):
        first, *middle, last = words
        kept = [word for word in middle if word not in _OUTSIDE_GIVEN]
        ends = [[word] if word not in _OUTSIDE_GIVEN or word in GIVEN_PARTICLES else [] for word in (first, last)]
        words = (*ends[0], *kept, *ends[1]) or words
    return tuple(SHORTENED_GIVEN.get(word, word) for word in words) if len(words) > 1 else words


def _is_contained(few: Sequence[str], many: Sequence[str]) -> bool:
    """Whether the other family name has each word of one, or its initial, and at least one is a name by itself."""
    rest, initials, named = list(many), [], False
    for word in few:
        if word in rest:
            rest.remove(word)
            named = named or (len(word) > 1 and word not in _NO_NAMES)
        else:
            initials.append(word)
    for word in initials:
        found = next((other for other in rest if _is_initial(word, other)), None)
        if found is None:
            return False
        rest.remove(found)
    return named


def _places(few: Sequence[str], many: Sequence[str]) -> list[int]:
    """The positions of the words of one given name, or their initials, in the other; empty if one is missing."""
    places, start = [], 0
    for word in few:
        place = next((at for at in range(start, len(many)) if word == many[at] or _is_initial(word, many[at])), None)
        if place is None:
            return []
        places.append(place)
        start = place + 1
    return places


def _is_initial(word: str, other: str) -> bool:
    return min(len(word), len(other)) == 1 and word[0] == other[0]


def _is_torn(places: Sequence[int], words: Sequence[str], text: str) -> bool:
    """Whether only a part of a hyphenated name was found: Jean is not Jean-Pierre."""
    if not _HYPHEN.search(text):
        return False
    found = {words[place] for place in places}
    return any(0 < sum(word in found for word in bound) < len(bound) for bound in map(fold, text.split()))


def _is_syllabic(words: Sequence[str]) -> bool:
    """Whether all words have one syllable, as in Chinese, Korean and Vietnamese names: Kim Min Jun is not Kim Min."""
    return all(len(word) > 1 and _SYLLABLE.fullmatch(word) for word in words)


def _may_be_of_one_generation(ours: _NameParts, theirs: _NameParts) -> bool:
    """Whether the names may be of one person by their generations: Jr, III, Filho."""
    left, right = map(_generations, (ours, theirs))
    return not left or not right or not left.isdisjoint(right)


def _generations(parts: _NameParts) -> set[str]:
    """What the words of a name say of its generation. Alone in a suffix, I and V are numbers; elsewhere initials."""
    named = {GENERATIONS[word] for part in parts for word in part.words if word in GENERATIONS}
    return named | {NUMERALS[word] for word in parts.suffix.words if word in NUMERALS}


def _is_part_of(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether one has all words of the other, including particles: Das and Das Gupta."""
    return bool(left and right) and (set(left) <= set(right) or set(right) <= set(left))


def _is_unreadable(ours: NamePart, theirs: NamePart) -> bool:
    """Whether only one is in Chinese characters, which Mandarin, Cantonese and Japanese read differently."""
    return bool(ours.words and theirs.words) and is_chinese(ours.text) != is_chinese(theirs.text)
