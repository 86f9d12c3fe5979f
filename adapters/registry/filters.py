"""Applies the filters of placeholders: `{number|digits}`, `{birth_date|date:%d/%m/%Y}`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from config.registry.model.templates import Filter, Placeholder

_CODE = re.compile("%[Yymd]")
_SLICES = {"%Y": slice(0, 4), "%y": slice(2, 4), "%m": slice(5, 7), "%d": slice(8, 10)}
_ISO_LENGTH = 10


def add_filters(placeholder: Placeholder, encode: Callable[[str], str]) -> Callable[[str], str]:
    """A function that applies the filters of `placeholder` to a value in order, then `encode`.

    It raises ValueError where a filter cannot be applied.
    """
    steps = [_step(each, placeholder.date_format) for each in placeholder.filters if each is not Filter.XML]
    if not steps:
        return encode

    def write(value: str) -> str:
        # An optional input that was not given stays empty.
        for step in steps if value else ():
            value = step(value)
        return encode(value)

    return write


def _step(each: Filter, date_format: str) -> Callable[[str], str]:
    match each:
        case Filter.DIGITS:
            return _digits
        case Filter.UPPER:
            return str.upper
        case Filter.LOWER:
            return str.lower
        case Filter.DATE:
            return _date_writer(date_format)
        case Filter.XML:
            return str


def _digits(value: str) -> str:
    """The digits of a value, of any script, as ASCII digits."""
    found = "".join(str(unicodedata.decimal(character, "")) for character in value)
    if not found:
        raise ValueError("no digits")
    return found


def _date_writer(date_format: str) -> Callable[[str], str]:
    """A function that formats a YYYY-MM-DD date. Slicing is several times faster than strptime and strftime."""
    literals, codes = _CODE.split(date_format), [_SLICES[code] for code in _CODE.findall(date_format)]

    def write(value: str) -> str:
        if len(value) != _ISO_LENGTH:
            raise ValueError("no date")
        return literals[0] + "".join(value[part] + literal for part, literal in zip(codes, literals[1:], strict=True))

    return write
