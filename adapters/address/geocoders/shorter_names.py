"""Which spellings and parts of a misspelled street name a strict geocoder may know."""

from __future__ import annotations

from adapters.address.languages import Language, language
from adapters.edit_distance import count_slips

SHORTEST_KIND = 3
"""Letters of a kind of way that is recognised with a slip: "wge" may be "weg"."""


def shorter_names(street: str, code: str) -> list[str]:
    """`street` (see `expand`) with its kinds of way spelled right, and without words that may be misspelled, the
    likeliest first.

    Without the longest word, the longest word alone, the kind of way alone. Of a word with a kind of way written onto
    it the kind is kept ("strasse" of "landstrasse"), even if that is misspelled.
    """
    words = street.split()
    split = [_split(word, language(code)) for word in words]
    kinds = [kind for _, kind in split]
    named = [word for word, kind in zip(words, kinds, strict=True) if word != kind] or words
    longest = max(named, key=len)
    rest = [kind if word == longest else kind or word for word, kind in zip(words, kinds, strict=True)]
    kind = next(filter(None, reversed(kinds)), "")
    texts = (" ".join(map("".join, split)), " ".join(filter(None, rest)), longest, kind)
    return [text for text in dict.fromkeys(texts) if text and text != street]


def _split(word: str, words: Language) -> tuple[str, str]:
    """The name in `word` and the kind of way that it is or ends with, with one slip at most; "" where it has none."""
    name, *exact = words.split_kind(word)
    if exact or name in words.types:
        return (name, exact[0]) if exact else ("", name)
    endings = [
        (count_slips(word[-length:], kind, most=1), -length, -len(kind), kind, word[:-length])
        for kind in words.types
        if len(kind) >= SHORTEST_KIND
        for length in (len(kind) - 1, len(kind), len(kind) + 1)
        if length == len(word) or (kind in words.endings and length < len(word) - 1)
    ]
    slips, *_, kind, name = min(endings, default=(2, 0, 0, "", word))
    return (name, kind) if slips <= 1 else (word, "")
