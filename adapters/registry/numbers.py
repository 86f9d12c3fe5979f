"""What a participant typed, cleaned and checked before anything is asked."""

from __future__ import annotations

import importlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from config.registry.inputs import Cleaning, Input, NumberFormat
from jurat.words import Reason

_SEPARATORS = re.compile(r"[\s\-_./,'·\u2010-\u2015\u2212]+")
_WANTED = {Cleaning.DIGITS: re.compile("[0-9]+"), Cleaning.ALNUM: re.compile("[0-9A-Za-z]+")}


class Malformed(Exception):
    """An input can not be what it should be. `reason` is `number_malformed` or `answer_unreadable`."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def clean(answer: Mapping[str, Any], inputs: Mapping[str, Input]) -> dict[str, str]:
    """The answer as it is sent and compared, without inputs that are not required and were not given.

    Raises:
        Malformed: an input is missing, too long, of another type, or fails its check digit.
    """
    cleaned = {}
    for name, field in inputs.items():
        value = answer.get(name)
        if value is None or value == "":
            if field.required:
                raise Malformed(Reason.ANSWER_UNREADABLE)
            continue
        if not isinstance(value, str) or len(value) > field.max_length:
            raise Malformed(_fault(field))
        text = clean_text(value, field)
        if text is None:
            raise Malformed(_fault(field))
        cleaned[name] = text
    return cleaned


def clean_text(value: str, field: Input) -> str | None:
    """`value` as `field` cleans it; None when it can not be right. A record's own number is cleaned the same way."""
    text = unicodedata.normalize("NFC", "".join(map(_visible, value))).strip()
    for step in field.clean:
        match step:
            case Cleaning.TRIM:
                text = " ".join(text.split())
            case Cleaning.UPPER:
                text = text.upper()
            case Cleaning.LOWER:
                text = text.lower()
            case Cleaning.DIGITS | Cleaning.ALNUM:
                text = _SEPARATORS.sub("", _ascii_digits(unicodedata.normalize("NFKC", text)))
                if not _WANTED[step].fullmatch(text):
                    return None
    if field.format is None:
        return text or None
    return compact(field.format, text)


def compact(form: NumberFormat, text: str) -> str | None:
    """The number as its registry writes it, without separators; None when its form or check digit is wrong."""
    plain = _ascii_digits(unicodedata.normalize("NFKC", text))
    if not plain.isascii():
        return None
    number = _compactors()[form](plain)
    return number if number is not None and re.fullmatch(r"[0-9A-Za-z.+-]{1,40}", number) else None


def _fault(field: Input) -> Reason:
    return Reason.NUMBER_MALFORMED if field.is_number else Reason.ANSWER_UNREADABLE


def _visible(character: str) -> str:
    """Characters that nobody sees (zero-width ones, controls) go; every kind of space is a space."""
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in {"Cc", "Cf"} else character


def _ascii_digits(text: str) -> str:
    return "".join(str(unicodedata.decimal(character, character)) for character in text)


@cache
def _compactors() -> Mapping[NumberFormat, Callable[[str], str | None]]:
    own: dict[NumberFormat, Callable[[str], str | None]] = {NumberFormat.US_NPI: _npi, NumberFormat.FR_RPPS: _rpps}
    return {form: own.get(form) or _stdnum(form) for form in NumberFormat}


def _stdnum(form: NumberFormat) -> Callable[[str], str | None]:
    """python-stdnum's check, loaded when the first number of this form is checked."""

    def check(text: str) -> str | None:
        module = importlib.import_module(f"stdnum.{form}")
        try:
            return str(module.validate(re.sub(r"\s", "", text)))
        except ValueError:  # stdnum.exceptions.ValidationError is one
            return None

    return check


def _npi(text: str) -> str | None:
    """US National Provider Identifier: ten digits, Luhn with the prefix 80840 (45 CFR 162.406)."""
    number = _SEPARATORS.sub("", text)
    luhn = importlib.import_module("stdnum.luhn")
    return number if re.fullmatch("[12][0-9]{9}", number) and luhn.is_valid("80840" + number) else None


def _rpps(text: str) -> str | None:
    """French RPPS: eleven digits. An IDNPS is an RPPS with an 8 before it. Not all pass Luhn, so that is not asked."""
    number = _SEPARATORS.sub("", text)
    if re.fullmatch("8[0-9]{11}", number):
        number = number[1:]
    return number if re.fullmatch("[0-9]{11}", number) else None
