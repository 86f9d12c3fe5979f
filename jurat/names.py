"""Checks names, and recognises one person's name however it is written."""

from __future__ import annotations

from unicodedata import category, normalize

from jurat.errors import InvalidSubmission, text_expected

LONGEST = 200
"""Most characters of a name, or of another text that people are shown as it is."""

PRINTABLE = f"must be 1 to {LONGEST} printable characters"
"""What is wrong with a text that `is_printable` refuses."""

UNSEEN = (
    *((0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F)),
    *((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x2800, 0x2800), (0x3164, 0x3164), (0xFE00, 0xFE0F)),
    *((0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A)),
    (0xE0000, 0xE0FFF),
)
"""Characters that show nothing: Default_Ignorable_Code_Point of Unicode 16, and the braille pattern without dots."""

_UNSEEN = frozenset(sign for first, last in UNSEEN for sign in range(first, last + 1))


def require_printable(name: str, value: object) -> str:
    """The value of the argument `name`, if people can be shown it. Raises InvalidSubmission, which does not show it."""
    written = require_text(name, value)
    if not is_printable(written):
        raise InvalidSubmission(f"{name} {PRINTABLE}")
    return written


def is_printable(text: str) -> bool:
    """Whether it is 1 to 200 printable characters. `jurat_is_name` is the twin on PostgreSQL."""
    return 0 < len(text) <= LONGEST and text.isprintable()


def require_text(name: str, value: object) -> str:
    """The value of the argument `name`, if it is text. Raises InvalidSubmission, which does not show the value."""
    if not isinstance(value, str):
        raise InvalidSubmission(text_expected(name, value))
    return value


def is_storable(text: str) -> bool:
    """Whether a database can hold it: PostgreSQL takes no NUL, and UTF-8 no half characters (lone surrogates)."""
    return not any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in text)


ERASED = "erased-"
"""How the id of an erased participant begins."""


def is_erased(participant: str) -> bool:
    """Whether the id is that of an erased participant. `jurat_is_erased` is the twin on PostgreSQL."""
    return participant[: len(ERASED)].lower() == ERASED


def person(name: str) -> str:
    """The form in which names are compared: without case, repeated blanks and characters that show nothing."""
    seen = "".join(sign for sign in normalize("NFKC", name) if ord(sign) not in _UNSEEN and category(sign) != "Cf")
    return normalize("NFKC", " ".join(seen.split()).casefold())


def same_person(name: str, *others: str | None) -> bool:
    """Whether a name is also one of `others`."""
    return any(other is not None and person(other) == person(name) for other in others)
