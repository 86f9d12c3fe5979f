"""What a participant typed, cleaned and checked before anything is asked."""

from __future__ import annotations

import importlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from config.registry.inputs import Cleaning, Input, NumberFormat
from jurat.words import Reason

_SEPARATORS = re.compile(r"[\s\-_./,'·\u2010-\u2015\u2212]+")
_NUMBER = re.compile(r"[0-9A-Za-z.+-]{1,40}")
_SPACE = re.compile(r"\s")
_NPI = re.compile("[12][0-9]{9}")
_RPPS = re.compile("8?([0-9]{11})")

_Step = Callable[[str], str | None]


class Malformed(Exception):
    """An input can not be what it should be. `reason` is `number_malformed` or `answer_unreadable`."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Cleaner:
    """One input of a description, compiled. Thread-safe."""

    def __init__(self, field: Input) -> None:
        self._required = field.required
        self._max_length = field.max_length
        self._fault = Reason.NUMBER_MALFORMED if field.is_number else Reason.ANSWER_UNREADABLE
        self._steps: tuple[_Step, ...] = tuple(_STEPS[step] for step in field.clean)
        if field.format is not None:
            self._steps += (partial(compact, field.format),)

    def typed(self, value: Any) -> str | None:
        """What a participant typed, as it is sent and compared; None where it was not given and need not be.

        Raises:
            Malformed: it is missing, too long, of another type, or fails its check digit.
        """
        if value is None or value == "":
            if self._required:
                raise Malformed(Reason.ANSWER_UNREADABLE)
            return None
        text = self.text(value) if isinstance(value, str) and len(value) <= self._max_length else None
        if text is None:
            raise Malformed(self._fault)
        return text

    def text(self, value: str) -> str | None:
        """`value` cleaned, None when it can not be right. A record's own number is cleaned the same way."""
        text: str | None = _visible(value).strip()
        for step in self._steps:
            if text is None:
                return None
            text = step(text)
        return text or None


def clean(answer: Mapping[str, Any], inputs: Mapping[str, Cleaner]) -> dict[str, str]:
    """The answer as it is sent and compared, without inputs that are not required and were not given.

    Raises:
        Malformed: an input can not be what it should be.
    """
    return {name: text for name, field in inputs.items() if (text := field.typed(answer.get(name))) is not None}


def compact(form: NumberFormat, text: str) -> str | None:
    """The number as its registry writes it, without separators; None when its form or check digit is wrong."""
    plain = _ascii_digits(text)
    if not plain.isascii():
        return None
    number = _compactors()[form](plain)
    return number if number is not None and _NUMBER.fullmatch(number) else None


def _visible(text: str) -> str:
    """The text without characters that nobody sees (zero-width ones, controls); every kind of space is a space."""
    if text.isascii() and text.isprintable():
        return text
    return unicodedata.normalize("NFC", "".join(map(_seen, text)))


def _seen(character: str) -> str:
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in {"Cc", "Cf"} else character


def _trim(text: str) -> str:
    return " ".join(text.split())


def _only(text: str, *, wanted: Callable[[str], bool]) -> str | None:
    """The text without separators and with plain digits, None where something else is left."""
    bare = text if text.isascii() and wanted(text) else _SEPARATORS.sub("", _ascii_digits(text))
    return bare if bare.isascii() and wanted(bare) else None


def _ascii_digits(text: str) -> str:
    """The text with digits of any script as ASCII ones, and without mere forms of letters, such as full-width ones."""
    if text.isascii():
        return text
    plain = unicodedata.normalize("NFKC", text)
    return "".join(str(unicodedata.decimal(character, character)) for character in plain)


_STEPS: Mapping[Cleaning, _Step] = {
    Cleaning.TRIM: _trim,
    Cleaning.UPPER: str.upper,
    Cleaning.LOWER: str.lower,
    Cleaning.DIGITS: partial(_only, wanted=str.isdigit),
    Cleaning.ALNUM: partial(_only, wanted=str.isalnum),
}


@cache
def _compactors() -> Mapping[NumberFormat, _Step]:
    own: dict[NumberFormat, _Step] = {NumberFormat.US_NPI: _npi, NumberFormat.FR_RPPS: _rpps}
    return {form: own.get(form) or partial(_stdnum, form) for form in NumberFormat}


@cache
def _loaded(module: str) -> Any:
    """A module of python-stdnum, loaded when the first number of its form is checked."""
    return importlib.import_module(f"stdnum.{module}")


def _stdnum(form: NumberFormat, text: str) -> str | None:
    try:
        return str(_loaded(form).validate(_SPACE.sub("", text)))
    except ValueError:  # stdnum.exceptions.ValidationError is one
        return None


def _npi(text: str) -> str | None:
    """US National Provider Identifier: ten digits, Luhn with the prefix 80840 (45 CFR 162.406)."""
    number = _SEPARATORS.sub("", text)
    return number if _NPI.fullmatch(number) and _loaded("luhn").is_valid("80840" + number) else None


def _rpps(text: str) -> str | None:
    """French RPPS: eleven digits. An IDNPS is an RPPS with an 8 before it. Not all pass Luhn, so that is not asked."""
    found = _RPPS.fullmatch(_SEPARATORS.sub("", text))
    return found[1] if found else None
