"""What a registry asks of the participant, and how it is cleaned."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from config.registry.parts import Part, Titles


class NumberFormat(StrEnum):
    """Forms of numbers with check digits, so that most typing errors are found before anything is asked.

    All but `us.npi` and `fr.rpps` are python-stdnum's (https://arthurdejong.org/python-stdnum/).
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
    GB_VAT = "gb.vat"
    LUHN = "luhn"
    MOD_11_2 = "iso7064.mod_11_2"
    NO_ORGNR = "no.orgnr"
    SE_ORGNR = "se.orgnr"
    US_NPI = "us.npi"


class Cleaning(StrEnum):
    """What is done to an input before it is checked and sent.

    `trim`: surrounding and doubled spaces go. `digits` and `alnum`: spaces and separators go, digits of any script
    become ASCII, and what is left must be digits (letters and digits), or the number is malformed. `upper`, `lower`.
    """

    TRIM = "trim"
    DIGITS = "digits"
    ALNUM = "alnum"
    UPPER = "upper"
    LOWER = "lower"


class Input(Part):
    """One part of the participant's answer."""

    required: bool = True
    max_length: Annotated[int, Field(ge=1, le=1000)] = 120
    clean: tuple[Cleaning, ...] = ()
    format: NumberFormat | None = None
    title: Titles | None = None

    @property
    def is_number(self) -> bool:
        """Whether a value that can not be right is a malformed number, rather than an unreadable answer."""
        return self.format is not None or bool({Cleaning.DIGITS, Cleaning.ALNUM} & set(self.clean))
