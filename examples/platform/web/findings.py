"""What jurat found, in a reviewer's words: reasons, and the facts of the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from examples.platform.web.language import day, number, percent
from examples.platform.web.language import gettext as _
from jurat import Reason
from jurat.vocabulary import REFUSING


def reasons_of(kind: str) -> list[Reason]:
    """With what a person may refuse an answer to a question of this kind; the one that fits all comes last."""
    own = (each for each in Reason if each in REFUSING and each is not Reason.PERSON_REFUSED and _kind_of(each) == kind)
    return [*own, Reason.PERSON_REFUSED]


def _kind_of(reason: Reason) -> str:
    if reason is Reason.OUTSIDE_ZONE:
        return "address"
    return "codes" if reason.startswith("code_") else "registry"


def why(reason: str) -> str:
    """A reason in a few words, as those say it who decide."""
    return _reasons().get(reason) or reason.replace("_", " ")


def facts_of(evidence: Mapping[str, Any], area: str | None) -> list[tuple[str, str]]:
    """The facts that have a meaning for a person, with labels; what is for machines alone is left out.

    `area` is how people call the zone.
    """
    known = {**evidence, **({"zone": area} if area else {})}
    facts = [
        (label, said)
        for name, label in _labels().items()
        if name in known and (said := _value(name, known[name])) is not None
    ]
    rules = evidence.get("rules")
    if isinstance(rules, dict):
        named = _rules()
        failed = [named.get(rule, rule.replace("_", " ")) for rule, held in rules.items() if held is False]
        facts += [(_("Why it was not decided automatically"), ", ".join(failed))] if failed else []
    return facts


def _value(name: str, value: Any) -> str | None:
    if value is None or isinstance(value, dict | list):
        return None
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if name.endswith("_m") and isinstance(value, int | float):
        return _("%(metres)s m") % {"metres": number(round(value))}
    if name in ("score", "next_score", "name_similarity") and isinstance(value, int | float):
        return percent(value)
    if name == "data_date" and isinstance(value, str):
        return day(value)
    return _words().get(str(value), str(value))


def _labels() -> dict[str, str]:
    return {
        "zone": _("Area"),
        "zone_version": _("Version of the area"),
        "distance_m": _("Distance to the border"),
        "margin_m": _("Minimum distance for an automatic decision"),
        "provider": _("Source of the result"),
        "data_date": _("Date of the data"),
        "candidates": _("Addresses found"),
        "houses": _("Possible houses among them"),
        "level": _("Precision of the result"),
        "score": _("How sure the source is"),
        "next_score": _("How sure it is of the second-best address"),
        "name_similarity": _("Similarity of the street name"),
        "leaning": _("According to another source"),
        "list": _("List of codes"),
        "records": _("Entries found"),
        "status": _("Status in the register"),
        "name": _("The name"),
        "rule": _("Rule that decided"),
        "http_status": _("Response code of the source"),
        "simulated": _("For testing only"),
    }


def _words() -> dict[str, str]:
    return {
        "housenumber": _("the house"),
        "interpolated": _("a place along the street"),
        "street": _("the street"),
        "postcode": _("the postcode"),
        "locality": _("the town or district"),
        "municipality": _("the town"),
        "inside": _("inside the area"),
        "outside": _("outside the area"),
        "address-file": _("the list of addresses"),
        "active": _("active"),
        "inactive": _("not active"),
        "unknown": _("not known"),
        "equal": _("is the same"),
        "differs": _("is different"),
    }


def _rules() -> dict[str, str]:
    """What it means that a rule of the evidence does not hold."""
    return {
        "found": _("the address was not found"),
        "readable": _("the house number cannot be read"),
        "consistent": _("the parts of the answer do not match"),
        "street": _("the street was not found"),
        "name": _("the street name is different"),
        "postcode": _("the postcode is different"),
        "number": _("the house number was not found"),
        "whole_street": _("only part of the street is known"),
        "score": _("the source is not sure enough"),
        "margin": _("the house is too close to the border"),
        "agreed": _("the possible houses are on both sides of the border"),
    }


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
        Reason.NEAR_BORDER: _("the address is too close to the border for the map to decide"),
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
