"""Folds a name into words of plain lower-case letters, from any alphabet and with any accents."""

from __future__ import annotations

import importlib
import re
import unicodedata

LONGEST = 200
"""The longest name, in characters, folded or not; the rest is ignored."""

_MOST_WORDS = 32

_ASCII_WORD = re.compile("[a-z0-9]+")
_ANY_WORD = re.compile(r"[^\W_]+")
_APOSTROPHES = re.compile("['`]")
_MARKS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u064b-\u065f\u0670]")
"""Accents, and the vowels that Hebrew and Arabic may omit. In other scripts a mark makes another letter: が, か."""

_HAN = re.compile("[\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_NOT_LATIN = re.compile(
    "[\u0370-\u1cff\u1f00-\u1fff\u2c00-\u2c5f\u2c80-\ua71f\ua800-\ufaff\ufb07-\ufdff\ufe70-\ufefc\U00010000-\U0003ffff]"
)

_GREEK = re.compile("[\u03b1-\u03c9]")
_GREEK_PAIRS = (
    (re.compile("ου"), "ou"),
    (re.compile("(?<=[αεη])υ(?=[θκξπσςτφχψ]|\\b)"), "f"),
    (re.compile("(?<=[αεη])υ"), "v"),
    (re.compile("γγ"), "ng"),
)
"""Pairs of Greek letters that the transliteration, letter by letter, would get wrong (ELOT 743)."""
_ARABIC_ARTICLE = re.compile(r"\bال(?=\w{3})")
_AMBIGUOUS = str.maketrans({"ة": "ه", "ى": "ا", "ו": "w"})
"""Letters with several sounds, transliterated by one: the Arabic endings, and the Hebrew v, o and u."""
_SILENT = re.compile(".\u0e4c")
"""Thai letters that are written but not spoken."""

_PASSPORT = (
    *(("ä", "ae"), ("å", "aa"), ("ö", "oe"), ("ø", "oe"), ("ü", "ue"), ("ü", "uxx"), ("ñ", "nxx"), ("ŋ", "n")),
    *(("г", "h"), ("и", "y"), ("є", "ie"), ("ю", "iu"), ("я", "ia"), ("ъ", "ie"), ("ђ", "d"), ("џ", "dz")),
)
"""Letters that passports write otherwise than `fold`: Latin and Cyrillic in section 6 of ICAO Doc 9303, part 3."""
_MOST_WRITTEN = 5


def fold(text: str) -> tuple[str, ...]:
    """The words of a name in plain lower-case ASCII: "D'Été-Ødegård" gives ("dete", "odegard").

    Marks are dropped before case is folded (otherwise İ leaves a dot), other scripts are transliterated. Letters that
    cannot be transliterated are kept.
    """
    plain = text[:LONGEST]
    if not plain.isascii():
        plain = strip_marks(plain)
    ascii_only = plain.lower() if plain.isascii() else _transliterate(plain).lower()
    if "'" in ascii_only or "`" in ascii_only:
        ascii_only = _APOSTROPHES.sub("", ascii_only)
    return tuple((_ASCII_WORD.findall(ascii_only) or _ANY_WORD.findall(plain))[:_MOST_WORDS])


def passport_spellings(text: str, other: str) -> list[tuple[str, ...]]:
    """The words of a name as passports may write them, in the letters of `fold`: "Jörg Öhm" as ("joerg", "oehm").

    Only those that `other`, the letters of another name, could have.
    """
    texts = [unicodedata.normalize("NFC", text[:LONGEST]).casefold()]
    pairs = [pair for pair in _PASSPORT if pair[0] in texts[0] and pair[1] in other]
    for letter, written in pairs[:_MOST_WRITTEN]:
        texts += [each.replace(letter, written) for each in texts]
    return list(map(fold, texts[1:]))


def strip_marks(text: str) -> str:
    """The text without accents and case, each letter in its own script."""
    bare = _MARKS.sub("", unicodedata.normalize("NFKD", text[:LONGEST])[:LONGEST])
    return unicodedata.normalize("NFC", bare).casefold()


def is_chinese(text: str) -> bool:
    """Whether the text has Chinese characters, which have many readings, and most readings many characters."""
    return _HAN.search(text) is not None


def is_foreign(text: str) -> bool:
    """Whether the text has letters that are not Latin."""
    return _NOT_LATIN.search(text) is not None


def _transliterate(text: str) -> str:
    """A text of any script in ASCII letters. The tables are loaded when the first name needs them."""
    if _GREEK.search(text):
        for letters, sound in _GREEK_PAIRS:
            text = letters.sub(sound, text)
    text = _SILENT.sub("", _ARABIC_ARTICLE.sub("al ", text)).translate(_AMBIGUOUS)
    return str(importlib.import_module("anyascii").anyascii(text))[: 2 * LONGEST]
