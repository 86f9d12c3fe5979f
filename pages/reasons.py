"""The reasons of verdicts in a few words, as those say them who decide; participants read jurat's own messages."""

from __future__ import annotations

from jurat import Reason
from pages.language import gettext as _


def why(reason: str) -> str:
    """A reason in a few words, as those say it who decide."""
    return _reasons().get(reason) or reason.replace("_", " ")


def _reasons() -> dict[str, str]:
    return {
        Reason.PERSON_ACCEPTED: _("a reviewer accepted it"),
        Reason.PERSON_REFUSED: _("it does not meet the criterion"),
        Reason.INSIDE_ZONE: _("the address is in the area"),
        Reason.RECORD_MATCHES: _("the register confirms it"),
        Reason.CODE_VALID: _("the code is valid"),
        Reason.OUTSIDE_ZONE: _("the address is outside the area"),
        Reason.STATUS_INACTIVE: _("the register does not show the entry as active"),
        Reason.NOT_A_PERSON: _("the number belongs to an organisation"),
        Reason.PROFESSION_NOT_ELIGIBLE: _("the consultation is not open to this profession"),
        Reason.AREA_NOT_ELIGIBLE: _("the consultation is not open to this area"),
        Reason.ACTIVITY_NOT_ELIGIBLE: _("the consultation is not open to this activity"),
        Reason.BIRTH_DATE_DIFFERS: _("the date of birth is different"),
        Reason.TOO_YOUNG: _("the person is too young"),
        Reason.NOT_VALID_AT_DATE: _("the entry was not valid on the date that counts"),
        Reason.CODE_UNKNOWN: _("the code is not on the list"),
        Reason.CODE_USED: _("the code has already been used"),
        Reason.CODE_EXPIRED: _("the code has expired"),
        Reason.CODE_REVOKED: _("the code was withdrawn"),
        Reason.CODE_MALFORMED: _("it does not look like a code"),
        Reason.ADDRESS_NOT_FOUND: _("the address was not found"),
        Reason.HOUSE_NUMBER_NOT_FOUND: _("the street was found, but not the house number"),
        Reason.STREET_LEVEL: _("the street was found, but not the house"),
        Reason.LOCALITY_LEVEL: _("the town was found, but not the street"),
        Reason.POSTCODE_DIFFERS: _("the address was found with a different postcode"),
        Reason.STREET_DIFFERS: _("only a street with a different name was found"),
        Reason.SCORE_TOO_LOW: _("no address close enough was found"),
        Reason.AMBIGUOUS_ADDRESS: _("several addresses match"),
        Reason.NEAR_BORDER: _("the address is too close to the border"),
        Reason.SOURCES_DISAGREE: _("the sources do not agree"),
        Reason.NUMBER_MALFORMED: _("the number cannot be checked as it is written"),
        Reason.RECORD_NOT_FOUND: _("no entry in the register matches"),
        Reason.RECORD_DIFFERS: _("the entry in the register matches only in part"),
        Reason.AMBIGUOUS_RECORD: _("several entries match"),
        Reason.NAME_DIFFERS: _("the name does not match the number"),
        Reason.STATUS_UNKNOWN: _("the register does not say whether the entry is active"),
        Reason.RECORD_NOT_PUBLIC: _("the entry in the register is not public"),
        Reason.REQUIREMENT_MISSING: _("no source has this information: a person decides"),
        Reason.NUMBER_TAKEN: _("the number has already been entered in this consultation"),
        Reason.SOURCE_UNAVAILABLE: _("the source could not be reached in time"),
        Reason.SOURCE_THROTTLED: _("the source received too many requests"),
        Reason.SOURCE_MAINTENANCE: _("the source is under maintenance"),
        Reason.SOURCE_CREDENTIALS: _("the source refused us access"),
        Reason.SOURCE_REJECTED_REQUEST: _("the source did not accept our request"),
        Reason.SOURCE_UNREADABLE: _("the reply from the source could not be read"),
        Reason.SOURCE_BLOCKED: _("the source cannot be used with its current settings"),
        Reason.ANSWER_UNREADABLE: _("the answer could not be opened"),
        Reason.WORKER_LOST: _("the check was interrupted several times"),
        Reason.CONFIGURATION_MISSING: _("the question was changed in the meantime"),
        Reason.DEADLINE_PASSED: _("no source answered in time"),
    }
