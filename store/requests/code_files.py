"""Reads a file of codes that were made elsewhere: one a line, in UTF-8. Spaces, hyphens and case do not count."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from jurat.codes import clean
from store.requests.code_lists import CODE, FREE_CODE

MOST_CODES = 100_000
"""Codes of one file, or generated at once."""

LARGEST_FILE = 10 << 20

SAFE = 10**9
"""So many guesses for one hit are enough: one client tries some 100,000 a day, with ever new accounts."""

_MANY = 10
"""With so many codes, a character that they share is part of their form and takes no guess."""


class WrongCodes(ValueError):
    """A file of codes is refused. Each of `lines` has a line, a column and a sentence, and no code; line 0 is the whole
    file.
    """

    def __init__(self, *lines: tuple[int, int, str]) -> None:
        super().__init__(f"{len(lines):,} problems")
        self.lines = lines


def codes_in(content: bytes, *, checked: bool) -> list[str]:
    """The cleaned codes of a file. With `checked`, jurat generated them. Raises WrongCodes."""
    if len(content) > LARGEST_FILE:
        raise WrongCodes((0, 0, f"is larger than {LARGEST_FILE >> 20} MiB; split it"))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = content[: error.start].count(b"\n") + 1
        raise WrongCodes((where, 1, "this is not UTF-8 text; save the file as UTF-8")) from None
    first: dict[str, int] = {}
    problems: list[tuple[int, int, str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        written = line.strip()
        if not written:
            continue
        if len(problems) == MOST_CODES:  # the problems of a large file would take hundreds of megabytes
            break
        column = len(line) - len(line.lstrip()) + 1
        code = clean(written, checked=checked)
        if code is None:
            problems.append((number, column, f"this is no code: {CODE if checked else FREE_CODE} are expected"))
        elif code in first:
            problems.append((number, column, f"this is the same code as in line {first[code]}; remove one"))
        else:
            first[code] = number
    if not first and not problems:
        raise WrongCodes((0, 0, "holds no codes"))
    if len(first) > MOST_CODES:
        raise WrongCodes((0, 0, f"more than {MOST_CODES:,} codes; split the file"))
    if problems:
        raise WrongCodes(*problems)
    return list(first)


def guesses_needed(codes: Sequence[str]) -> int:
    """How many guesses find one of `codes` on average, for someone who knows their form: its length and where digits
    and letters are. Of several forms the easiest counts.
    """
    by_length: dict[int, list[str]] = {}
    for code in codes:
        by_length.setdefault(len(code), []).append(code)
    return min(prod(map(_choices, zip(*alike, strict=True))) // len(alike) for alike in by_length.values()) or 1


def _choices(column: tuple[str, ...]) -> int:
    """How many characters may be at one place, judged by those that are."""
    seen = set(column)
    if len(seen) == 1 and len(column) >= _MANY:
        return 1
    digits, letters = (any(map(test, seen)) for test in (str.isdigit, str.isalpha))
    return 10 * digits + 26 * letters
