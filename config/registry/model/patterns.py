"""The shape of a number, `AA999999`: a closed syntax, for a regular expression can take for ever on what is typed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from config.problems import printable, value_error

_MOST_OPTIONAL: Final = 4
"""Each may double the ways to read a number."""

_LONGEST: Final = 40
_KNOWN: Final = re.compile(r"(?:\[[A-Z0-9./ _-]+\]|[A-Z0-9./ _-])+")
_FULL_WIDTH: Final = 0xFEE0
"""From a letter of ASCII to the full-width letter that cleaning takes for it."""

_BETWEEN: Final = r"[\W_]*"
"""What may be around the letters and digits that a participant types: spaces, separators, what no one sees."""


def _check_pattern(text: str) -> str:
    if small := re.search("[a-z]", text):
        raise value_error(f"'{small[0]}' is a small letter — write capital ones, and clean: [alnum, upper]")
    if not _KNOWN.fullmatch(text):
        said = f"'{printable(text)}' is no pattern: A is any letter, 9 any digit, [9] may be missing"
        raise value_error(f"{said} — write it like AA999999, or several of them as a list")
    if text.count("[") > _MOST_OPTIONAL:
        raise value_error(f"has more than {_MOST_OPTIONAL} parts that may be missing — write a list of patterns")
    if not re.search("[A-Z0-9]", re.sub(r"\[[^]]*\]", "", text)):
        raise value_error("everything in it may be missing — take the brackets from one part")
    return text


_ONE: Final = {"type": "string", "minLength": 1, "maxLength": _LONGEST, "pattern": f"^{_KNOWN.pattern}$"}

Patterns = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=_LONGEST), AfterValidator(_check_pattern)], ...],
    BeforeValidator(lambda value: value if isinstance(value, list | tuple) else [value]),
    Field(min_length=1, max_length=10),
    WithJsonSchema({"anyOf": [_ONE, {"type": "array", "minItems": 1, "maxItems": 10, "items": _ONE}]}),
]
"""One pattern, or several, of which a number has one.

In a pattern, `A` is any capital letter from A to Z, `9` any digit, and what is in brackets may be missing; any other
letter or digit is itself.
"""


def cleaned_form(patterns: Sequence[str]) -> re.Pattern[str]:
    """What a cleaned number matches as a whole."""
    return re.compile(_any_of(patterns, {"A": "[A-Z]", "9": "[0-9]"}.get, re.escape))


def typed_form(patterns: Sequence[str], *, required: bool) -> str:
    """A regular expression of JSON Schema for what is typed: it takes what matches once it is cleaned, and more."""
    signs = {"A": rf"{_BETWEEN}[^\W\d_]", "9": rf"{_BETWEEN}\d"}
    return f"^{_any_of(patterns, signs.get, _typed)}{'' if required else '?'}{_BETWEEN}$"


def _any_of(patterns: Sequence[str], sign: Callable[[str], str | None], itself: Callable[[str], str]) -> str:
    def form(one: str) -> str:
        return {"[": "(?:", "]": ")?"}.get(one) or sign(one) or itself(one)

    return f"(?:{'|'.join(''.join(map(form, pattern)) for pattern in patterns)})"


def _typed(one: str) -> str:
    if not one.isalpha():
        return rf"{_BETWEEN}\d" if one.isdigit() else ""
    letters = one + one.lower()
    return f"{_BETWEEN}[{letters}{''.join(chr(ord(letter) + _FULL_WIDTH) for letter in letters)}]"
