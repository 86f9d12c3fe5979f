"""Tells a misspelled name from that of another street, where a source knows all names of a town. Pure.

"Rue de Glenell" may be the Rue de Grenelle, or a street that the source lacks. But no name of the town has "nell" at
its end, so it is no name: then a second wrong letter is believed, and one in a short word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from adapters.address.languages import ROMAN, Language, fold, language
from adapters.address.street_names import THRESHOLD, canonical, expand
from adapters.edit_distance import count_slips

_RUN = 3
_MOST_SLIPS = 2

MOST_WRONG, SOME_WRONG = 3, 4
"""One letter in so many may be wrong: in three where more runs are in no name than one slip makes as a rule."""


def letter_runs(name: str, code: str = "fr") -> frozenset[str]:
    """The letters of a name in rows of three, and each short word as a whole, with the blanks around it: "Rue Cail" has
    " ru", "rue", "ue ", " rue ", " ca", "cai", "ail" and "il ". Sources store them with `street_names.name_words`.
    """
    words = [f" {word} " for word in language(code).unify_spelling(expand(name, code)).split()]
    runs = {word[start : start + _RUN] for word in words for start in range(len(word) - _RUN + 1)}
    return frozenset(runs.union(word for word in words if len(word) <= _RUN + 2))


def letters_wrong(runs: frozenset[str], known: AbstractSet[str]) -> int:
    """One letter in how many may be wrong in a name with these runs, of which the source has the `known` in its names;
    0 if none: where all are known, or none with a blank, as in a base that was imported before runs were stored.
    """
    if runs <= known or not any(" " in run for run in runs & known):
        return 0
    return MOST_WRONG if len(runs - known) > _RUN else SOME_WRONG


def misspelled_similarity(asked: str, found: str, code: str = "fr", *, one_in: int = MOST_WRONG) -> float:
    """`THRESHOLD` where one or two slips make the name `found` into `asked`, blanks aside, and at most `one_in` so many
    of its letters is wrong without the kind of way; else 0. Figures, Roman numerals, single letters and kinds of way
    are never wrong.
    """
    words, left, right = language(code), canonical(asked, code), canonical(found, code)
    if _figures(left) != _figures(right) or not _may_be_one_kind(left, right, words):
        return 0.0
    one, other = ({*name.split()}.intersection(words.table["directions"]) for name in (left, right))
    if one != other:
        return 0.0  # "McGregor Avenuw E" is not McGregor Avenue
    rest = _parts(right, words).rest
    if any(len(word) == 1 and word not in left.split() for word in rest):
        return 0.0
    most = len("".join(rest)) // one_in
    spelled = ((left, right), (fold(asked), fold(found)))
    return THRESHOLD if any(_is_slip(one, _parts(other, words), most) for one, other in spelled) else 0.0


class _StreetParts(NamedTuple):
    """The kind of way of a name, the other words, and whether the kind leads or follows."""

    kind: str
    rest: Sequence[str]
    leads: bool = True


def _is_slip(asked: str, found: _StreetParts, most: int) -> bool:
    """Whether slips make `asked` of `found`, at most `most` of them beside the kind of way."""
    kind, rest, leads = found
    letters, name = asked.replace(" ", ""), "".join(rest)
    if count_slips(letters, kind + name if leads else name + kind, most=_MOST_SLIPS) > _MOST_SLIPS:
        return False
    ends = range(max(len(kind) - _MOST_SLIPS, 0), len(kind) + _MOST_SLIPS + 1) if kind else (0,)
    for at in ends if leads else [len(letters) - end for end in ends]:
        of_kind, of_name = (letters[:at], letters[at:]) if leads else (letters[at:], letters[:at])
        in_kind, in_name = count_slips(of_kind, kind), count_slips(of_name, name)
        # half of the letters of a kind may be another kind: "tv" and "r"
        if in_name <= most and in_kind + in_name <= _MOST_SLIPS and 2 * in_kind <= max(len(of_kind), len(kind)):
            return True
    return False


def _parts(name: str, words: Language) -> _StreetParts:
    parts = [part for word in name.split() for part in words.split_kind(word)]
    if words.table["kind_position"] != "first" and len(parts) > 1 and words.kinds(parts[-1]):
        return _StreetParts(parts[-1], parts[:-1], leads=False)
    if words.table["kind_position"] != "last" and len(parts) > 1 and words.kinds(parts[0]):
        return _StreetParts(parts[0], parts[1:])
    return _StreetParts("", parts)


def _figures(name: str) -> list[str]:
    return re.findall(r"\d+", name) + [word for word in name.split() if ROMAN.fullmatch(word)]


def _may_be_one_kind(left: str, right: str, words: Language) -> bool:
    at = 0 if words.table["kind_position"] == "first" else -1
    one, other = (words.kinds(name.split()[at]) if name else frozenset[str]() for name in (left, right))
    return bool(one & other) or not (one and other)
