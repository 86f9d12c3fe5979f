"""Says what jurat found in sentences that a reviewer understands: no figures of machines, and no guess."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jurat import Reason
from jurat.vocabulary import REFUSING
from pages.language import day, ngettext, number
from pages.language import gettext as _

FAR = 4
"""So many times the distance that an automatic decision needs is far from a border."""

DOUBTFUL, CLOSE = 0.7, 0.05
"""A source's score below which it doubts; and between two addresses that are as likely. That it is sure goes without
saying."""

_HOUSE = "housenumber"


def reasons_of(kind: str) -> list[Reason]:
    """With what a person may refuse an answer to a question of this kind; the one that fits all comes last."""
    own = (each for each in Reason if each in REFUSING and each is not Reason.PERSON_REFUSED and _kind_of(each) == kind)
    return [*own, Reason.PERSON_REFUSED]


def _kind_of(reason: Reason) -> str:
    if reason is Reason.OUTSIDE_ZONE:
        return "address"
    return "codes" if reason.startswith("code_") else "registry"


def sentences_of(evidence: Mapping[str, Any], area: str | None) -> list[str]:
    """What is known, in sentences; what has no meaning for a person is left out. `area` is how people call the zone."""
    return [*_address(evidence, area or _("the area")), *_registry(evidence), *_origin(evidence)]


def rules_of(evidence: Mapping[str, Any]) -> list[tuple[bool, str]]:
    """The rules that were checked, in their order: whether each holds, and what that means."""
    rules, words = evidence.get("rules"), _rules()
    if not isinstance(rules, Mapping):
        return []
    known = [(rules[rule] is True, said[rules[rule] is not True]) for rule, said in words.items() if rule in rules]
    return known + [(held is True, str(rule)) for rule, held in rules.items() if rule not in words]


def fields() -> dict[str, str]:
    """The fields of an address, as people call them."""
    return {"number": _("house number"), "street": _("street"), "postcode": _("postcode"), "city": _("town")}


def _conflict(evidence: Mapping[str, Any]) -> Iterator[str]:
    """Which fields do not fit together; or the one that holds too much."""
    if isinstance(conflict := evidence.get("conflict"), list) and conflict:
        named = {"fields": ", ".join(fields().get(str(each), str(each)) for each in conflict)}
        if len(conflict) > 1:
            yield _("These do not fit together: %(fields)s.") % named
        else:
            yield _("This field holds a second address, or what nobody understands: %(fields)s.") % named


def _address(evidence: Mapping[str, Any], area: str) -> Iterator[str]:
    level, places = str(evidence.get("level")), list(_position(evidence, area))
    if (said := _levels().get(level)) and not (places and level == _HOUSE):  # they speak of the house then
        yield said
    yield from places
    yield from _certainty(evidence)
    yield from _conflict(evidence)
    if isinstance(chosen := evidence.get("chosen"), bool):
        yield (
            _("The participant chose this address from those that were offered.")
            if chosen
            else _("The participant was offered addresses, and lives at none of them.")
        )
    match evidence.get("leaning"):
        case "inside":
            yield _("Another source places the address inside %(area)s.") % {"area": area}
        case "outside":
            yield _("Another source places the address outside %(area)s.") % {"area": area}
    rules, named = evidence.get("rules"), _rules()
    if evidence.get("distance_m") is None and isinstance(rules, dict) and rules.get("margin"):
        yield named["margin"][0]
    if isinstance(rules, dict) and rules.get("listed"):
        yield named["listed"][0]
    for rule, held in rules.items() if isinstance(rules, dict) else ():
        if held is False and rule in named and rule not in _SAID_OTHERWISE:
            yield named[rule][1]


def _position(evidence: Mapping[str, Any], area: str) -> Iterator[str]:
    distance, margin = evidence.get("distance_m"), evidence.get("margin_m")
    if not isinstance(distance, int | float) or not isinstance(margin, int | float):
        return
    place = _("The house") if evidence.get("level") == _HOUSE else _("The place")
    given = {"place": place, "area": area, "margin": number(round(margin))}
    inside, far = distance > 0, abs(distance) >= FAR * margin
    if abs(distance) < margin:
        yield _("%(place)s is less than %(margin)s metres from the border.") % given
    elif inside and far:
        yield _("%(place)s is far inside %(area)s.") % given
    elif inside:
        yield _("%(place)s is more than %(margin)s metres inside %(area)s.") % given
    elif far:
        yield _("%(place)s is far outside %(area)s.") % given
    else:
        yield _("%(place)s is more than %(margin)s metres outside %(area)s.") % given


def _certainty(evidence: Mapping[str, Any]) -> Iterator[str]:
    found, houses = evidence.get("candidates"), evidence.get("houses")
    if isinstance(found, int) and found > 1:
        yield ngettext("%(count)s address was found.", "%(count)s addresses were found.", found) % {
            "count": number(found)
        }
    if isinstance(houses, int) and houses > 1:
        yield ngettext(
            "%(count)s of them may be the house.", "%(count)s of them may be the house that is meant.", houses
        ) % {"count": number(houses)}
    score, other = evidence.get("score"), evidence.get("next_score")
    if isinstance(score, int | float):
        if isinstance(other, int | float) and other >= score - CLOSE:
            yield _("The source finds another address as likely.")
        elif score < DOUBTFUL:
            yield _("The source is not sure of this address.")
    alike = evidence.get("name_similarity")
    if isinstance(alike, int | float) and alike < 1:
        yield _("The street has a similar name, but not the same.")


def _registry(evidence: Mapping[str, Any]) -> Iterator[str]:
    records = evidence.get("records")
    if isinstance(records, int):
        yield (
            ngettext("The register has one entry.", "The register has %(count)s entries.", records)
            % {"count": number(records)}
            if records
            else _("The register has no entry.")
        )
    said = {
        ("status", "active"): _("The entry is active."),
        ("status", "inactive"): _("The entry is not active."),
        ("status", "unknown"): _("The register does not say whether the entry is active."),
        ("name", "equal"): _("The name is the same."),
        ("name", "differs"): _("The name is different."),
    }
    for (name, value), sentence in said.items():
        if evidence.get(name) == value:
            yield sentence
    if isinstance(listed := evidence.get("list"), str):
        yield _("The code was looked for in the list %(list)s.") % {"list": listed}
    if evidence.get("persons") == 2:
        yield _("Two persons decided the same.")


def _origin(evidence: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(when := evidence.get("data_date"), str):
        yield _("Data from %(when)s.") % {"when": day(when)}
    if evidence.get("simulated"):
        yield _("This was looked up in a source for tests.")


def _levels() -> dict[str, str]:
    return {
        _HOUSE: _("The house was found."),
        "interpolated": _("The street was found, and where the house must be along it."),
        "street": _("The street was found, but not the house."),
        "postcode": _("Only the postcode was found."),
        "locality": _("Only the town or district was found."),
        "municipality": _("Only the town was found."),
    }


_SAID_OTHERWISE = ("score", "margin")
"""Rules of which other sentences say what was found."""


def _rules() -> dict[str, tuple[str, str]]:
    """The rules in the order in which they are checked: what it means that one holds, and that it does not."""
    return {
        "readable": (_("The house number can be read."), _("The house number cannot be read.")),
        "consistent": (_("The parts of the answer match."), _("The parts of the answer do not match.")),
        "found": (_("The address was found."), _("The address was not found.")),
        "street": (_("The street was found."), _("The street was not found.")),
        "name": (_("The name of the street is similar enough."), _("Only streets with different names were found.")),
        "postcode": (_("The postcode is the same."), _("The postcode is different.")),
        "number": (_("The house number was found."), _("The house number was not found.")),
        "whole_street": (_("The whole street is known."), _("Only a part of the street is known.")),
        "score": (_("The source is sure enough."), _("The source is not sure enough.")),
        "margin": (_("The place is far enough from the border."), _("The place is too close to the border.")),
        "listed": (_("The list of addresses is clear about it."), _("The list may have it in another spelling.")),
        "agreed": (
            _("The houses that may be meant are on the same side of the border."),
            _("The houses that may be meant are on both sides of the border."),
        ),
    }
