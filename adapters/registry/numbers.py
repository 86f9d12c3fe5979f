"""Cleans and checks what a participant typed, before any source is asked."""

from __future__ import annotations

import importlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from typing import Any

from adapters.base import Unreadable
from adapters.registry.expressions import Expression, holds
from config.registry.model.inputs import CleaningStep, Input, NumberFormat
from config.registry.model.patterns import cleaned_form
from jurat.vocabulary import Reason

_SEPARATORS = re.compile(r"[\s\-_./,'·\u2010-\u2015\u2212]+")
_SIGN = re.compile(r"\s*[+\-\u2010-\u2015\u2212]")
_NUMBER = re.compile(r"[0-9A-Za-z.+-]{1,40}")
_SPACE = re.compile(r"\s")
_NO_CHARACTER = re.compile("[\ud800-\udfff\ufffe\uffff]")
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EARLIEST = "1900-01-01"
AHEAD = timedelta(days=366)
"""How far ahead a date may be that a participant types: a later one means something else, or no date."""
_NPI = re.compile("[12][0-9]{9}")
_RPPS = re.compile("8?([0-9]{11})")
_LEI_LENGTH = 20
_GB_COMPANY = re.compile("([A-Z]{2}|R)?([0-9]+)((?(1)[A-Z]{0,3}))")
_GB_COMPANY_LENGTH = 8
_ORCID = re.compile(r"(?:https?://(?:www\.)?orcid\.org/)?((?:[0-9]{4}[\s-]*){3}[0-9]{3}[0-9X])/?", re.IGNORECASE)

_Step = Callable[[str], str | None]


class Malformed(Exception):
    """The input named `input` cannot be right. `reason` is `number_malformed` or `answer_unreadable`.

    `failed` is the check that it failed, as the description has it. Neither holds what was typed.
    """

    def __init__(self, reason: Reason, failed: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.failed = failed
        self.input = ""


class Cleaner:
    """One input of a description, compiled. Dates are plausible up to a year after `today`. Thread-safe."""

    def __init__(self, field: Input, *, today: Callable[[], date] = lambda: datetime.now(UTC).date()) -> None:
        self._required = field.required
        self._max_length = field.max_length
        self._fault = Reason.NUMBER_MALFORMED if field.is_number else Reason.ANSWER_UNREADABLE
        self._values = field.values
        self._today = today if field.type == "date" else None
        self._steps: tuple[_Step, ...] = (
            (_day,) if field.type == "date" else tuple(_STEPS[each] for each in field.clean)
        )
        self._format = field.format
        self._cleaning = f"clean: [{', '.join(field.clean)}]" if field.clean else ""
        self._after_cleaning = f" after {self._cleaning}" if self._cleaning else ""
        self._form = None if field.format is None else partial(compact, field.format)
        self._form_holds = None if field.format_when is None else Expression(field.format_when)
        self._form_after = field.format_after
        self._pattern = None if field.pattern is None else cleaned_form(field.pattern)
        self._patterns = " or ".join(field.pattern or ())

    def clean(self, value: Any) -> str | None:
        """What a participant typed, cleaned; of a choice, the key. None where an optional input was not given.

        Spaces and invisible characters alone count as not given. Raises Malformed where it is missing, too long, of
        another type, or cannot be right.
        """
        if value is None or value == "":
            if self._required:
                raise Malformed(Reason.ANSWER_UNREADABLE, "missing")
            return None
        short = isinstance(value, str) and len(value) <= self._max_length
        if short and not self._required and _visible(value) == "":
            return None
        text = self._apply_steps(value) if short else None
        if not short:
            raise Malformed(self._fault, f"no text of at most {self._max_length} characters")
        if text is None:
            raise Malformed(self._fault, f"not fit for {self._cleaning}" if self._cleaning else "no day, or empty")
        if self._pattern is not None and not self._pattern.fullmatch(text):
            raise Malformed(self._fault, f"not {self._patterns}" + self._after_cleaning)
        if self._values is not None and text not in self._values:
            raise Malformed(self._fault, "none of its values")
        if self._today is not None and not _EARLIEST <= text <= (self._today() + AHEAD).isoformat():
            raise Malformed(self._fault, "no day from 1900 on to a year ahead")
        return text

    def format(self, text: str, answer: Mapping[str, str]) -> str:
        """A cleaned input as it is sent and compared; `answer` has all cleaned inputs.

        Raises Malformed where it does not have the format that it needs given the other inputs.
        """
        if self._values is not None:
            return self._values[text]
        if self._form is None:
            return text
        before = "" if self._form_after is None else answer.get(self._form_after, "")
        whole = before + text.removeprefix(before)
        try:
            applies = self._form_holds is None or holds(self._form_holds.evaluate(answer))
            formed = self._form(whole) if applies else whole
        except Unreadable:
            formed = None
        if formed is None:
            raise Malformed(self._fault, f"not {self._format}" + self._after_cleaning)
        return formed.removeprefix(before)

    def clean_record_value(self, value: str) -> str | None:
        """A record's `value`, cleaned in the same way; None when it cannot be right.

        Where the format depends on other inputs, a value without it stays as it is.
        """
        text = self._apply_steps(value)
        if text is not None and self._pattern is not None and not self._pattern.fullmatch(text):
            return None
        if text is None or self._form is None or self._form_after is not None:
            return text
        return self._form(text) or (text if self._form_holds is not None else None)

    def _apply_steps(self, value: str) -> str | None:
        text: str | None = _visible(value)
        for step in self._steps:
            if text is None:
                return None
            text = step(text)
        return text or None


def clean(answer: Mapping[str, Any], inputs: Mapping[str, Cleaner]) -> dict[str, str]:
    """The answer as it is sent and compared, without optional inputs that were not given.

    Raises Malformed where an input cannot be right.
    """
    name, cleaned, formatted = "", dict[str, str](), dict[str, str]()
    try:
        for name, field in inputs.items():
            if (text := field.clean(answer.get(name))) is not None:
                cleaned[name] = text
        for name, text in cleaned.items():
            formatted[name] = inputs[name].format(text, cleaned)
    except Malformed as malformed:
        malformed.input = name
        raise
    return formatted


def compact(form: NumberFormat, text: str) -> str | None:
    """The number as its registry writes it, without separators; None when its format or check digit is wrong."""
    plain = _ascii_digits(text)
    if not plain.isascii() or _SIGN.match(plain):
        return None
    number = _compactors()[form](plain)
    return number if number is not None and _NUMBER.fullmatch(number) else None


def _visible(text: str) -> str | None:
    """The text without invisible characters (zero-width ones, controls) and without spaces around it. Every kind of
    space becomes a plain one. None where it holds code points that no request can carry.
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    if _NO_CHARACTER.search(text):
        return None
    return unicodedata.normalize("NFC", "".join(map(_visible_character, text))).strip()


def _visible_character(character: str) -> str:
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in {"Cc", "Cf"} else character


def _only(text: str, *, wanted: Callable[[str], bool]) -> str | None:
    """The text without separators and with ASCII digits; None where anything but `wanted` is left."""
    if _SIGN.match(text):
        return None
    bare = text if text.isascii() and wanted(text) else _SEPARATORS.sub("", _ascii_digits(text))
    return bare if bare.isascii() and wanted(bare) else None


def parse_day(text: Any) -> date | None:
    """A day of the calendar as YYYY-MM-DD; None for anything else."""
    if isinstance(text, str) and _DAY.fullmatch(text):
        with suppress(ValueError):
            return date.fromisoformat(text)
    return None


def _day(text: str) -> str | None:
    return None if (day := parse_day(_ascii_digits(text))) is None else day.isoformat()


def _ascii_digits(text: str) -> str:
    """The text with digits of any script as ASCII ones, and with compatibility forms of letters as plain letters.
    Number characters that are no digits ("①", "²", "½") are left as they are, so that they are not taken for digits.
    """
    if text.isascii():
        return text
    return "".join(map(_ascii_digit, text))


def _ascii_digit(character: str) -> str:
    if unicodedata.category(character) == "No":
        return character
    plain = unicodedata.normalize("NFKC", character)
    return "".join(str(unicodedata.decimal(each, each)) for each in plain)


_STEPS: Mapping[CleaningStep, _Step] = {
    CleaningStep.TRIM: lambda text: " ".join(text.split()),
    CleaningStep.UPPER: str.upper,
    CleaningStep.LOWER: str.lower,
    CleaningStep.DIGITS: partial(_only, wanted=str.isdigit),
    CleaningStep.ALNUM: partial(_only, wanted=str.isalnum),
}


@cache
def _compactors() -> Mapping[NumberFormat, _Step]:
    own = {
        NumberFormat.US_NPI: _npi,
        NumberFormat.FR_RPPS: _rpps,
        NumberFormat.FR_SIREN: _siren,
        NumberFormat.GB_COMPANY: _gb_company,
        NumberFormat.LEI: _lei,
        NumberFormat.ORCID: _orcid,
    }
    return {form: own.get(form) or partial(_stdnum, form) for form in NumberFormat}


@cache
def _load_stdnum(module: str) -> Any:
    """A module of python-stdnum, loaded when the first number of its format is checked."""
    return importlib.import_module(f"stdnum.{module}")


def _stdnum(form: NumberFormat, text: str) -> str | None:
    try:
        return str(_load_stdnum(form).validate(_SPACE.sub("", text)))
    except ValueError:  # stdnum.exceptions.ValidationError is one
        return None


def _npi(text: str) -> str | None:
    """US National Provider Identifier: ten digits, Luhn with the prefix 80840 (45 CFR 162.406)."""
    number = _SEPARATORS.sub("", text)
    return number if _NPI.fullmatch(number) and _load_stdnum("luhn").is_valid("80840" + number) else None


def _rpps(text: str) -> str | None:
    """French RPPS: eleven digits. An IDNPS is an RPPS with an 8 before it. Luhn is not checked: not all pass it."""
    found = _RPPS.fullmatch(_SEPARATORS.sub("", text))
    return found[1] if found else None


def _siren(text: str) -> str | None:
    """French SIREN: nine digits. The SIRET of an establishment is a SIREN with five more."""
    number = _SEPARATORS.sub("", text)
    valid = _stdnum(NumberFormat.FR_SIRET if len(number) == 14 else NumberFormat.FR_SIREN, number)
    return valid[:9] if valid else None


def _gb_company(text: str) -> str | None:
    """UK company number: eight digits, or letters before the digits, as in SC123456 or R0123456, and some behind them.
    People leave zeros out at the beginning of the digits. New letters come, so there is no list of them.
    """
    found = _GB_COMPANY.fullmatch(_SEPARATORS.sub("", text).upper())
    if found is None:
        return None
    before, digits, behind = found.groups(default="")
    number = before + digits.zfill(_GB_COMPANY_LENGTH - len(before + behind)) + behind
    return number if len(number) == _GB_COMPANY_LENGTH else None


def _lei(text: str) -> str | None:
    """Legal Entity Identifier: twenty letters and digits (ISO 17442). python-stdnum does not look at the length."""
    number = _stdnum(NumberFormat.LEI, text)
    return number if number is not None and len(number) == _LEI_LENGTH else None


def _orcid(text: str) -> str | None:
    """ORCID iD: sixteen digits in groups of four, the last of which may be an X (ISO 7064, MOD 11-2)."""
    found = _ORCID.fullmatch(text.strip())
    number = _stdnum(NumberFormat.MOD_11_2, _SEPARATORS.sub("", found[1]).upper()) if found else None
    return number and "-".join(number[at : at + 4] for at in range(0, 16, 4))
