"""A part of a name, as written and as words, and the spelling that another name has of it."""

from __future__ import annotations

import re
from typing import NamedTuple

from adapters.person_names.letters import fold, is_chinese, passport_spellings, strip_marks


class NamePart(NamedTuple):
    """A family name, given names, or the name of an organisation: as written, and its words. No repr shows them."""

    text: str
    words: tuple[str, ...]

    def __repr__(self) -> str:
        return "NamePart(…)"


def part_of(text: str) -> NamePart:
    """The part with its words in the letters of `fold`."""
    return NamePart(text, fold(text))


def written_alike(part: NamePart, same: NamePart, other: NamePart) -> NamePart:
    """The part as a passport writes it, where the `same` part of another name, or its `other` one, has it so."""
    if part.text.isascii():
        return part
    spellings = passport_spellings(part.text, "".join(same.words + other.words))
    if not spellings:
        return part
    whole = "".join(same.words)
    known = ({whole, *same.words}, set(other.words))
    spellings = [part.words, *(words for words in spellings if len(words) == len(part.words))]
    found = next((words for words in spellings if "".join(words) == whole), None)
    words = (
        next((word for among in known for word in each if word in among), each[0])
        for each in zip(*spellings, strict=True)
    )
    return NamePart(part.text, found or tuple(words))


def are_other_characters(ours: NamePart, theirs: NamePart) -> bool:
    """Whether both are in Chinese characters, and differ: 伟 and 薇 are both read "wei"."""
    if ours.text.isascii() or theirs.text.isascii() or not (is_chinese(ours.text) and is_chinese(theirs.text)):
        return False
    left, right = (re.sub(r"[\W_]", "", strip_marks(part.text)) for part in (ours, theirs))
    return left != right
