"""The inputs that a registry asks of a participant, and how they are cleaned."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import partial
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config.problems import Fault, Part, value_error
from config.registry.model.expressions import Expression
from config.registry.model.parts import PartName, Titles, Word
from config.registry.model.patterns import Patterns


class NumberFormat(StrEnum):
    """Formats of numbers with check digits, so that most typing errors are found before the registry is asked.

    All but `gb.company`, `orcid`, `us.npi` and `fr.rpps` are from python-stdnum
    (https://arthurdejong.org/python-stdnum/). `fr.siren` also takes a SIRET and cuts it to its SIREN; `fr.rpps` also
    takes an IDNPS and removes its leading 8; `gb.company` has no check digit, and adds the zeros that people leave out;
    `orcid` also takes an iD as a link (https://orcid.org/…), or without hyphens.
    """

    CH_UID = "ch.uid"
    DK_CVR = "dk.cvr"
    EE_REGISTRIKOOD = "ee.registrikood"
    ES_CIF = "es.cif"
    ES_DNI = "es.dni"
    ES_NIE = "es.nie"
    ES_NIF = "es.nif"
    EU_VAT = "eu.vat"
    FI_YTUNNUS = "fi.ytunnus"
    FR_RPPS = "fr.rpps"
    FR_SIREN = "fr.siren"
    FR_SIRET = "fr.siret"
    FR_TVA = "fr.tva"
    GB_COMPANY = "gb.company"
    GB_VAT = "gb.vat"
    LEI = "lei"
    LUHN = "luhn"
    MOD_11_2 = "iso7064.mod_11_2"
    NO_ORGNR = "no.orgnr"
    ORCID = "orcid"
    SE_ORGNR = "se.orgnr"
    US_NPI = "us.npi"


class CleaningStep(StrEnum):
    """What is done to an input before it is checked and sent.

    `trim` removes surrounding and repeated spaces. `digits` and `alnum` remove spaces and separators and turn digits of
    any script into ASCII; what is left must be digits (or letters and digits), else the number is malformed. `upper`
    and `lower` change the case.
    """

    TRIM = "trim"
    DIGITS = "digits"
    ALNUM = "alnum"
    UPPER = "upper"
    LOWER = "lower"


_UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp"})


def _check_typed(text: str) -> str:
    if any(unicodedata.category(one) in _UNSEEN or (one.isspace() and one != " ") for one in text):
        raise value_error("has a character that no one sees or types — write it in plain letters")
    return text


_Choice = Annotated[Word, Field(max_length=80), AfterValidator(_check_typed)]
"""What a participant picks, in the form that a cleaned answer has."""

_Meant = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(partial(unicodedata.normalize, "NFC"))]
"""What a choice stands for, composed as a record's values are."""


class Input(Part):
    """One part of the participant's answer: a text, a date, or one of a closed list of `values`.

    A participant types or picks a key of `values`; its value is sent and compared. A `date` is YYYY-MM-DD, from 1900 to
    a year ahead. `format` applies only where `format_when` holds, an expression over the inputs by name, as they were
    typed and cleaned (of a choice, the key). `format_after` names the input that precedes this one in the format, as
    the country does in a VAT number: it is added for the check only. `pattern` is the shape that it must have once it
    is cleaned, whatever the format.
    """

    required: bool = True
    type: Literal["text", "date"] = "text"
    max_length: Annotated[int, Field(ge=1, le=1000)] = 120
    values: Annotated[dict[_Choice, _Meant], Field(min_length=1)] | None = None
    clean: tuple[CleaningStep, ...] = ()
    format: NumberFormat | None = None
    format_when: Expression | None = None
    format_after: PartName | None = None
    pattern: Patterns | None = None
    title: Titles | None = None

    @property
    def is_number(self) -> bool:
        """Whether a value that cannot be right is a malformed number, rather than an unreadable answer."""
        has_form = self.format is not None or self.pattern is not None
        return has_form or bool({CleaningStep.DIGITS, CleaningStep.ALNUM} & set(self.clean))

    @property
    def has_check_digits(self) -> bool:
        """Whether a slip in a number shows, as its format has check digits and always applies."""
        return self.format not in {None, NumberFormat.GB_COMPANY} and self.format_when is None

    def faults(self) -> Iterator[Fault]:
        kind = "a date" if self.type == "date" else "a choice"
        given = {"values": self.values, "clean": self.clean, "format": self.format, "pattern": self.pattern}
        if self.type == "text":
            given = {} if self.values is None else {name: given[name] for name in ("clean", "format", "pattern")}
        yield from (((name,), f"{kind} has no {name} — remove it") for name, value in given.items() if value)
        for option in ("format_when", "format_after"):
            if self.format is None and getattr(self, option) is not None:
                yield (option,), "does nothing without a format — add format:"
        if self.pattern is not None and self.type == "text" and self.values is None:
            yield from self._misfits(self.pattern)

    def _misfits(self, patterns: Sequence[str]) -> Iterator[Fault]:
        """Why no number, or only one in capital letters, would match a pattern once it is cleaned."""
        steps, signs = set(self.clean), "".join(patterns)
        has_letters = any(map(str.isalpha, signs))
        if has_letters and CleaningStep.DIGITS in steps:
            yield ("pattern",), "has letters, and clean: [digits] refuses them — write clean: [alnum, upper]"
        elif has_letters and (CleaningStep.UPPER not in steps or CleaningStep.LOWER in steps):
            yield ("pattern",), "a number typed in small letters would be malformed — write clean: [alnum, upper]"
        if {CleaningStep.DIGITS, CleaningStep.ALNUM} & steps and re.search("[./ _-]", signs):
            yield ("pattern",), "has separators, which clean: takes away — write letters and digits alone"
