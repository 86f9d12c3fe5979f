"""Compares street names. Pure. The words of each language are in `names/`.

Names are compared word by word, not letter by letter over the whole: "rue Amélie Corvec" and "rue Amédée Corvec" differ
in two of sixteen letters, but they are two streets. A name is as similar as its least similar word: a `THRESHOLD` of
0.75 allows one wrong letter in a word of four or more. Two are allowed in a word of six or more (`CONFIRMED`), and only
where the source knows no name with the word. Kinds of way (rue, avenue), numbers and Roman numerals must be equal.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from adapters.address.languages import ELIDED, ELISION, ROMAN, VOWELS, Language, fold, language
from adapters.edit_distance import count_slips

THRESHOLD = 0.75
"""Names at least this similar may be one street, misspelled (docs/contributors/how-an-address-is-decided.md)."""

CONFIRMED = 0.66
"""A word with two slips is a misspelling if it is at least this similar (two wrong letters of six) and is in no name
that the source knows. A known word is never taken for a misspelling."""

LONG_WORD = 8
"""Letters that a word must have to be reported as unknown, where the names of only one town are known to lack it."""

SLIP = 0.8
"""The similarity of a particle or a kind of way with one wrong letter: too short for the share of its letters."""

INITIAL = 0.85
"""The similarity of "J." and "Jean", and of a single letter and nothing: "Rue A. Dumas", "Rue Dumas"."""


KINDLESS = 0.8
"""The similarity of a name and the same without its kind of way, where a source knows all names: "Moulin", "Rue du
Moulin"."""

_TELLING = 4
"""Letters of a word that says enough without the kind of way."""


def expand(street: str, code: str = "fr") -> str:
    """`street` folded, with the kind of way spelled correctly and unambiguous abbreviations written out."""
    words = language(code)
    expanded = []
    texts = words.expand_contractions(fold(street)).split()
    kind_at = _kind_at(texts, words)
    for position, word in enumerate(texts):
        senses = words.senses.get(word, frozenset({"".join(words.split_kind(word))}))
        kinds = senses & words.types if position == kind_at else senses - words.types
        candidates = kinds or senses
        if position == kind_at == 0 and word not in words.senses:
            candidates = frozenset(kind for kind in words.types if count_slips(word, kind, most=1) <= 1) or candidates
        expanded.append(next(iter(candidates)) if len(candidates) == 1 and not word.isdigit() else word)
    return " ".join(expanded)


def _kind_at(texts: Sequence[str], words: Language) -> int:
    """The position of the kind of way: first in "Rue …", last in "… Street"; -1 where there is none."""
    if words.table["kind_position"] == "first":
        return 0
    return max((position for position, text in enumerate(texts) if position and words.kinds(text)), default=-1)


def canonical(street: str, code: str = "fr") -> str:
    """One spelling for all names that differ only in abbreviations, number words and particles (see `similarity`).

    A single letter is dropped where it can be an elided article ("d'Amont", also without the apostrophe), and kept
    where it is more likely an initial ("A. Dumas").
    """
    words = language(code)
    spelled = words.unify_spelling(expand(street, code))
    parts = [part for word in spelled.split() for part in words.split_kind(word)]
    kept = [
        _as_digits(word, words)
        for word, following in pairwise([*parts, ""])
        if word not in words.particles or (len(word) == 1 and not _elides(word, following))
    ]
    return " ".join(kept) or spelled


def _as_digits(word: str, words: Language) -> str:
    """A number word or an ordinal as its number: "quatorze" as "14", "2e" as "2"."""
    ordinal = words.ordinal.fullmatch(word)
    return str(ordinal[1] if ordinal else words.numbers.get(word, word))


def _elides(letter: str, following: str) -> bool:
    return not letter.startswith(VOWELS) and following.startswith((*VOWELS, "h"))


def kindless_similarity(asked: str, found: str, code: str = "fr") -> float:
    """`KINDLESS` where `asked` is the whole name `found` but for its kind of way, without any slip; else 0.

    A name that begins with an article ("Le Moulin") is as likely one of its own: a hamlet or a house.
    """
    words = language(code)
    typed, known = (words.expand_contractions(fold(name)).split() for name in (asked, found))
    kind = _kind_apart(known, words)
    if not kind or not _tells(typed, words):
        return 0.0
    rest = known[1:] if kind[0] == 0 else known[:-1]
    if typed[0] in words.particles and typed[0] != rest[0]:
        return 0.0
    whole = f"{kind[1]} {asked}" if kind[0] == 0 else f"{asked} {kind[1]}"
    return KINDLESS if similarity(whole, found, code) == 1.0 else 0.0


def with_kinds(name: str, code: str = "fr") -> frozenset[str]:
    """The canonical names that `kindless_similarity` allows for: `name` with each kind of way."""
    words = language(code)
    if not _tells(words.expand_contractions(fold(name)).split(), words):
        return frozenset()
    place = words.table["kind_position"]
    ahead = [f"{kind} {name}" for kind in words.types if place != "last"]
    behind = [f"{name} {kind}" for kind in words.types if place != "first"]
    return frozenset(canonical(whole, code) for whole in (*ahead, *behind))


def _tells(texts: Sequence[str], words: Language) -> bool:
    """Whether a name says enough though it has no kind of way."""
    long = any(len(word) >= _TELLING and not word.isdigit() for word in texts)
    return long and _kind_apart(texts, words) is None


def _kind_apart(texts: Sequence[str], words: Language) -> tuple[int, str] | None:
    """The kind of way at the end of a name where the language has it, as a word of its own, and at which end."""
    ends = {"first": (0,), "last": (-1,), "either": (0, -1)}[words.table["kind_position"]]
    # Not "Engehaldenstrasse" of "Hintere Engehaldenstrasse": its kind of way is written onto the name.
    kinds = {text for text in (texts[0], texts[-1]) if words.senses.get(text, frozenset()) & words.types}
    return next(((end, texts[end]) for end in ends if len(texts) > 1 and texts[end] in kinds), None)


def name_words(name: str, code: str = "fr") -> frozenset[str]:
    """The words of a name as they are compared: in their first spelling, "lindenstr" as "linden" and "strasse".

    Sources store and look up words in this form (`Places.unknown_words`).
    """
    words = language(code)
    return frozenset(part for word in words.unify_spelling(fold(name)).split() for part in words.split_kind(word))


def has_initial(name: str, code: str = "fr") -> bool:
    """Whether `name` has an initial ("A. Dumas"), and so may mean another street than the one with just this name."""
    words = language(code)

    def may_be_a_name(word: _StreetWord) -> bool:
        senses = words.senses.get(word.text, frozenset())
        if word.opens:  # "R. Dumas" is a rue; "A. Steige" may be the Alte, or that of Anna
            return len(senses) > 1 and not words.kinds(word.text)
        return word.letter or not senses

    return any(
        len(word.text) == 1 and word.leads and may_be_a_name(word)
        for word in _words(name, words)
        if word.text.isalpha() and not word.article
    )


def accents(name: str) -> str:
    """The letters of a name that have an accent, with it, in order: what `similarity` does not see."""
    composed = unicodedata.normalize("NFC", name.casefold())
    return "".join(letter for letter in composed if letter.isalpha() and len(unicodedata.normalize("NFD", letter)) > 1)


_MOST_WORDS = 30
"""Names with more words are no names: the time for a comparison grows with the product of both numbers."""


def similarity(asked: str, found: str, code: str = "fr", unknown: frozenset[str] = frozenset()) -> float:
    """How similar two street names are, from 0 to 1: the similarity of their least similar words.

    Accents, case, abbreviations, particles, number words and split or joined words make little or no difference. A word
    that only one of the names has gives 0. `unknown` are words of `asked` (of its `name_words`) that are in no name
    that the source knows: only these may have two slips, from `CONFIRMED` on.
    """
    words = language(code)
    asked_words, found_words = _words(asked, words, unknown), _words(found, words)
    if not asked_words or not found_words:
        return 0.0
    if asked_words == found_words:
        return 1.0
    if max(len(asked_words), len(found_words)) > _MOST_WORDS:
        return 0.0
    if any(word.letter for word in asked_words):  # "A. Rossi" and "E. Rossi": neither letter may be left out
        found_words = [replace(word, alone=0.0) if word.letter else word for word in found_words]
    return _align(asked_words, found_words, words)


def doubtful_words(asked: str, found: str, code: str = "fr") -> frozenset[str]:
    """The words of `asked` (of its `name_words`) that decide: the names are similar if the source knows none of them.

    These are words with two slips that are at least `CONFIRMED` similar. Empty where the names are similar in any case,
    or in none.
    """
    doubtful = name_words(asked, code)
    if similarity(asked, found, code) >= THRESHOLD or similarity(asked, found, code, doubtful) < THRESHOLD:
        return frozenset()
    for word in sorted(doubtful):
        if similarity(asked, found, code, doubtful - {word}) >= THRESHOLD:
            doubtful -= {word}
    return doubtful


def least_alike(asked: str, found: str, code: str = "fr") -> str:
    """The word (as in `name_words`) that fits none of the other name: one of `asked`, or else of `found`; "" if a name
    has no word.
    """
    words = language(code)
    left, right = _words(asked, words), _words(found, words)
    if not left or not right:
        return ""
    least, unfit = min((max(one.alone, *(_pair(one, each, words) for each in right)), one.text) for one in left)
    _, other = min((max(one.alone, *(_pair(each, one, words) for each in left)), one.text) for one in right)
    return unfit if least < THRESHOLD else other


@dataclass(frozen=True, slots=True)
class _StreetWord:
    """One word of a name. `alone` is its similarity to nothing: 1 for an article, less for a single letter that may be
    an article or an initial, 0 for all others. An article precedes another word: the last letter of "Voie D" is none.
    `leads` says that a word follows, `opens` that it is the first, `onto` that the kind of way after it is written onto
    it, `unknown` that no name of the source has it.
    """

    text: str
    alone: float
    leads: bool
    opens: bool
    onto: bool = field(default=False, compare=False)
    unknown: bool = field(default=False, compare=False)

    @property
    def article(self) -> bool:
        return self.alone == 1.0

    @property
    def letter(self) -> bool:
        return self.alone == INITIAL


def _words(name: str, words: Language, unknown: frozenset[str] = frozenset()) -> list[_StreetWord]:
    folded = words.unify_spelling(fold(ELISION.sub(rf"\1{ELIDED} ", name)))
    compounds = map(words.split_kind, folded.split())
    parts = [(part, place + 1 < len(whole)) for whole in compounds for place, part in enumerate(whole)]
    found = []
    for position, (written, onto) in enumerate(parts):
        following = [part for part, _ in parts[position + 1 : position + 2]]
        text = written[:1] if written[1:] == ELIDED else written
        leads = bool(following) and not following[0][0].isdigit()
        particle = leads and text in words.particles
        alone = 0.0 if not particle else INITIAL if len(written) == 1 else 1.0
        found.append(_StreetWord(text, alone, leads, opens=position == 0, onto=onto, unknown=text in unknown))
    return found


def _align(asked: Sequence[_StreetWord], found: Sequence[_StreetWord], words: Language) -> float:
    """The similarity of the least similar pair in the best alignment of the words of both names, in order."""
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


def _alike(asked: Sequence[_StreetWord], found: Sequence[_StreetWord], words: Language) -> float:
    """How similar two words are; or one word and two that a space may have split; or a word and nothing."""
    if not asked or not found:
        (word,) = asked or found
        return word.alone
    if len(asked) + len(found) > 2:
        return _join(asked, found, words)
    return _pair(asked[0], found[0], words)


def _join(asked: Sequence[_StreetWord], found: Sequence[_StreetWord], words: Language) -> float:
    """How similar words are whose space is missing, extra, in the wrong place, or a letter instead."""
    if len(asked) == len(found):
        return SLIP if "".join(word.text for word in asked) == "".join(word.text for word in found) else 0.0
    blank = "" if max(asked, found, key=len)[0].onto else " "
    left, right = (blank.join(word.text for word in side) for side in (asked, found))
    if abs(len(left) - len(right)) > (1 - CONFIRMED) * max(len(left), len(right)):
        return 0.0  # most pairs end here: too many letters are missing
    same = left.replace(" ", "") == right.replace(" ", "")
    if same and any(side[0].article and len(side[0].text) == 1 and len(side) == 2 for side in (asked, found)):
        return 1.0  # "leglise" for "l'église": a missing apostrophe is no slip
    if any(_allows_no_slip(word.text) for word in (*asked, *found)):
        return 0.0
    one, (name, *kind) = min(asked, found, key=len)[0], max(asked, found, key=len)
    apart = (one, name) if name.onto else (*asked, *found)  # "Birkenwer": its kind of way is no word of its own
    if not same and any(_is_short(word, words) for word in apart):
        is_kind = name.opens and words.kinds(name.text)  # "Ruepla Fayette": a letter in place of the space
        return _likeness(left, right, asked) if is_kind and count_slips(left, right) == 1 else 0.0
    rest = one.text.removeprefix(name.text)
    if name.onto and rest != one.text and count_slips(rest, kind[0].text, most=1) > 1:
        return 0.0  # "Schillerst." is more likely the Schillerstraße than the Schillersteg with two slips
    return _likeness(left, right, asked)


def _is_short(word: _StreetWord, words: Language) -> bool:
    """Whether a short word is one of its own, not cut off another by a slip: "N Orchard St", "Am Schwarzenberg"."""
    known = (len(word.text) <= 3 and word.text in words.senses) or word.text in words.table["directions"]
    return (known or len(word.text) == 1) and not word.article


def _pair(asked: _StreetWord, found: _StreetWord, words: Language) -> float:
    left, right = asked.text, found.text
    left_senses, right_senses = words.meanings(left), words.meanings(right)
    if left_senses & right_senses or (asked.article and found.article):
        return 1.0
    if found.article:
        return SLIP if len(left) + len(right) > 2 and count_slips(left, right) == 1 else 0.0
    left_kinds, right_kinds = words.kinds(left), words.kinds(right)
    if left_kinds and right_kinds and not left_kinds & right_kinds:
        return 0.0  # both are words of their own, one letter apart or not: cour and cours, pont and port
    kind_opens = asked.opens and found.opens and bool(right_kinds)
    if kind_opens and len(right) <= 4:
        return SLIP if any(count_slips(left, kind) == 1 for kind in right_kinds) else 0.0
    if words.are_inflections(left, right) and not (kind_opens and words.table["kind_position"] == "first"):
        return 0.0  # Martin and Martine, saint and sainte: two names, rarely a slip
    if len(left) == 1:
        initial = asked.leads and found.leads and not (asked.opens or asked.article)
        return INITIAL if initial and right.startswith(left) else 0.0
    pairs = [(a, b) for a in left_senses for b in right_senses if not (_allows_no_slip(a) or _allows_no_slip(b))]
    return max((_likeness(a, b, (asked,)) for a, b in pairs), default=0.0)


def _likeness(left: str, right: str, asked: Sequence[_StreetWord]) -> float:
    """The share of letters that are the same, as far as `similarity` allows it for the words `asked`."""
    slips = count_slips(left, right)
    share = 1 - slips / max(len(left), len(right))
    if slips < 2:
        return share
    if slips > 2 or not any(word.unknown for word in asked):
        return min(share, CONFIRMED)
    return max(share, THRESHOLD) if share >= CONFIRMED else share


def _allows_no_slip(word: str) -> bool:
    """Whether one letter more or less always makes it another word: numbers, also Roman ones."""
    return any(character.isdigit() for character in word) or ROMAN.fullmatch(word) is not None
