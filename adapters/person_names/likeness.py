"""Decides whether two names may be one: spelled differently, shortened, mistyped, or in another order.

The rules are generous, for they only send a case to review. They never confirm a name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from adapters.edit_distance import count_slips

_GROUPS = Path(__file__).parent / "name-groups"
"""One name a line: its short, foreign and domestic forms; for family names also forms that Chinese and Korean names
take abroad."""

_MOST_WORDS = 6
"""How many words of a name are compared, so that the work is bounded."""

_SLIPS_FROM = (4, 6, 10)
"""The lengths from which one, two, three letters may be wrong."""

_START = 4
"""How many first letters two given names must share: Jean and Jeanne."""

_SHORT_ENDING = re.compile("(?<=...)(?:i|ek|ka|ko|us|in|is|o|a|e|s)$")
"""Endings of short forms: Mandy for Amanda, Gerry for Geraldine."""

_ENDINGS = re.compile(
    "(?<=...)(?:ova|eva|owa|ewa|ovna|owna|iene|aite|iute|yte|ute|ius|as|is|us|ys|os|ou|ne|s?dottir|s?datter|s?son|s?sen)$"
)
"""Endings that differ for women and men, wives and daughters: Novák and Nováková, Jónsson and Jónsdóttir."""

_GLUED = re.compile(
    "(?:abd|abdul|abdel|abu|ait|al|ben|bin|bou|d|da|de|del|dela|delos|den|der|di|do|dos|du|el|fitz|l|la|le|lo|los|mac|"
    "mc|n|o|san|st|ten|ter|van|von)+"
)
"""Prefixes that may be written onto a name: Delatour, Vandenberg, Elkhatib."""

_SERVANT = re.compile("^abd[aeiou]{1,2}(?:[lrsdnzt](?=.))?")
"""Abdul Rahman, Abdurrahman and Abderrahmane: the article, which is assimilated to the next letter."""
_FAITH = re.compile("(?<=..)(?:[aeiu][ld])?d[aeiy]+ne?$")
"""The same at the end: Nur al-Din, Noureddine."""

_CLUSTERS = {
    **dict.fromkeys(("tsch", "tch", "tsh", "sch", "zh", "sh", "cz", "cs", "ts", "tz", "tx", "dz", "dj", "tj"), "s"),
    **dict.fromkeys(("shch", "sht", "sz", "zs", "ck"), "s"),
    **dict.fromkeys(("kh", "ch", "gh", "x"), "x"),
    "ph": "f",
    "gn": "n",
    "ks": "x",
}
_CLUSTER = re.compile("|".join(sorted(_CLUSTERS, key=len, reverse=True)))
_NASALS = {"mp": "b", "mb": "b", "nt": "d", "nd": "d", "ng": "k", "nk": "k"}
"""How Greek writes b, d and g; other languages may transliterate them letter by letter."""
_NASAL = re.compile("|".join(_NASALS))
_CLASSES = str.maketrans("bcdfgjklmnpqrstvwxz", "bcdbccclmnbcrcdbbcc", "aehiouy")
"""Consonants that languages write for each other's. Vowels and h are dropped."""
_ELSEWHERE = str.maketrans("dm", "cn")
"""Letters of another script that languages read differently: d and z in Arabic and Persian, m and n in India."""
_VOWEL_FIRST = re.compile("h*[aeiouy]")
_WEAK = "gjwx"
"""Consonants that are almost silent in some languages: Ihor and Igor, Juri and Yuri, Walid and Oualid."""

_SOUNDS = {
    **dict.fromkeys(("ou", "oo", "uw", "eo", "eu"), "u"),
    **dict.fromkeys(("ee", "ie", "ij", "y", "j"), "i"),
    **dict.fromkeys(("ei", "ey", "ej", "ay", "aj"), "ai"),
    **dict.fromkeys(("ck", "c", "q"), "k"),
    "ph": "f",
    "x": "ks",
    "hs": "ks",
}
_SOUND_PATTERN = re.compile("|".join(sorted(_SOUNDS, key=len, reverse=True)))
_LETTERS = str.maketrans("wz", "vs", "h")
_LIQUIDS = str.maketrans("", "", "abcdefghijkmnopqstuvwxyz0123456789")
_AGAIN = re.compile(r"(.)(?=\1)")


class Word(str):
    """A word of a name, in the letters of `fold`, and its sound, which is computed once."""

    __slots__ = ("_consonants", "_sound")  # faster than cached properties

    _consonants: frozenset[str]
    _sound: str

    def __repr__(self) -> str:
        return "Word(…)"

    @property
    def sound(self) -> str:
        """Its rough sound, with vowels: "Youri", "Juri" and "Yuri" have one."""
        if not hasattr(self, "_sound"):
            sounds = _SOUND_PATTERN.sub(lambda found: _SOUNDS[found[0]], self)
            self._sound = _AGAIN.sub("", sounds.translate(_LETTERS))
        return self._sound

    @property
    def consonants(self) -> frozenset[str]:
        """Its consonants in classes, after "a" where it begins with a vowel. Several where letters are ambiguous."""
        if hasattr(self, "_consonants"):
            return self._consonants
        word = _FAITH.sub("din", _SERVANT.sub("abd", self))
        spellings = {_CLUSTER.sub(lambda found: _CLUSTERS[found[0]], word)}
        if _NASAL.search(word):
            voiced = _NASAL.sub(lambda found: _NASALS[found[0]], word)
            spellings.add(_CLUSTER.sub(lambda found: _CLUSTERS[found[0]], voiced))
        for letter in _WEAK:
            spellings |= {text.replace(letter, "h") for text in spellings if letter in text}
        classes = ((text, _AGAIN.sub("", text.translate(_CLASSES))) for text in spellings)
        self._consonants = frozenset(("a" if _VOWEL_FIRST.match(text) else "") + each for text, each in classes)
        return self._consonants

    @property
    def liquids(self) -> str:
        """Its letters l and r in order; no language writes other letters for them."""
        return _AGAIN.sub("", _FAITH.sub("", _SERVANT.sub("", self)).translate(_LIQUIDS))

    def stem(self) -> Word:
        """The word without an ending that differs for women and men."""
        stem = _ENDINGS.sub("", self)
        return self if stem == self else Word(stem)


def are_similar(left: Sequence[Word], right: Sequence[Word], *, given: bool, foreign: bool) -> bool:
    """Whether two family names, or two `given` ones, may be one.

    `foreign` says that one of them is not in Latin letters, so that it may lack its vowels.
    """
    if not left or not right:
        return False
    shortest = 2 if given else 3
    if any(len(word) >= shortest and word in right for word in left):
        return True
    if given and (_alike(left[0], right[0], given=True, foreign=foreign) or _are_initials(left, right)):
        return True
    if len(left) == len(right) == 1:
        return not given and _alike(left[0], right[0], given=False, foreign=foreign)
    if _alike(_join(left), _join(right), given=given, foreign=foreign):
        return True
    return _all_found(left, right, given=given, foreign=foreign)


def _are_initials(left: Sequence[Word], right: Sequence[Word]) -> bool:
    """Whether one is the initials of the other in one word: JC for Jean-Claude."""
    few, many = sorted((left, right), key=len)
    return len(few) == 1 and len(few[0]) == len(many) and few[0] == "".join(word[0] for word in many)


def are_rearranged(left: Sequence[Word], right: Sequence[Word], *, foreign: bool) -> bool:
    """Whether two whole names have the same words, or one has all words of the other, in another order or with another
    border between family and given names. `left` and `right` are all their words, the family name first.
    """
    ours, theirs = "".join(left), "".join(right)
    if len(ours) == len(theirs) and ours in theirs + theirs:
        return True
    return min(len(left), len(right)) > 1 and _all_found(left, right, given=False, foreign=foreign)


def _join(words: Sequence[Word]) -> Word:
    return words[0] if len(words) == 1 else Word("".join(words))


def _all_found(left: Sequence[Word], right: Sequence[Word], *, given: bool, foreign: bool) -> bool:
    """Whether each word of the shorter name is like one of the longer, and at least one is more than an initial."""
    few, many = sorted((left[:_MOST_WORDS], right[:_MOST_WORDS]), key=len)
    rest, whole = list(many), False
    for word in few:
        found = next((other for other in rest if _alike(word, other, given=given, foreign=foreign)), None)
        if found is None:
            return False
        rest.remove(found)
        whole = whole or min(len(word), len(found)) > 1
    return whole


def _alike(left: Word, right: Word, *, given: bool, foreign: bool) -> bool:
    """Whether two words may be one name."""
    short, long = (left, right) if len(left) <= len(right) else (right, left)
    if _are_grouped(short, long, given=given):
        return True
    if len(short) <= 2 and (given or len(short) <= 1) and long.startswith(short):
        return True
    if len(short) <= 1:
        return False
    if given and ((len(short) >= _START and short[:_START] == long[:_START]) or _is_short_form(short, long)):
        return True
    most = sum(len(short) >= letters for letters in _SLIPS_FROM)
    if len(long) - len(short) <= most and count_slips(short, long, most) <= most:
        return True
    if len(short) > 2 and long.endswith(short) and _GLUED.fullmatch(long, 0, len(long) - len(short)):
        return True
    if _sound_alike(short, long, foreign=foreign):
        return True
    if given:
        return False
    stems = short.stem(), long.stem()
    pairs = {(one, other) for one in (short, stems[0]) for other in (long, stems[1])} - {(short, long)}
    return any(one == other or _sound_alike(one, other, foreign=foreign) for one, other in pairs)


def _is_short_form(left: Word, right: Word) -> bool:
    """Whether one given name is part of the other, apart from an ending."""
    stems = _SHORT_ENDING.sub("", left.sound), _SHORT_ENDING.sub("", right.sound)
    return (len(stems[0]) > 2 and stems[0] in right.sound) or (len(stems[1]) > 2 and stems[1] in left.sound)


def _are_grouped(left: Word, right: Word, *, given: bool) -> bool:
    """Whether a list has one name as a form of the other."""
    groups = _groups("given.txt" if given else "family.txt")
    ours = groups.get(left.sound)
    return ours is not None and not ours.isdisjoint(groups.get(right.sound, ()))


@cache
def _groups(name: str) -> Mapping[str, frozenset[int]]:
    """The lines of a file of groups that have a name, by its sound. Read when the first two names differ."""
    groups: dict[str, set[int]] = defaultdict(set)
    for number, line in enumerate((_GROUPS / name).read_text("ascii").splitlines()):
        for word in line.split():
            groups[Word(word).sound].add(number)
    return {word: frozenset(numbers) for word, numbers in groups.items()}


def _sound_alike(left: Word, right: Word, *, foreign: bool) -> bool:
    """Whether two words have the same consonants; short ones also need nearly the same vowels."""
    if left.liquids != right.liquids:
        return False
    common = left.consonants & right.consonants
    if common:
        slips = 1 if min(len(left.sound), len(right.sound)) < 5 else 2
        return foreign or max(map(len, common)) > 2 or count_slips(left.sound, right.sound, slips) <= slips
    if not foreign:
        return False
    ours, theirs = ({key.lstrip("a").translate(_ELSEWHERE) for key in word.consonants} for word in (left, right))
    return not ours.isdisjoint(theirs)
