"""Explains a verdict rule by rule, with what was found."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from cli.output import count_text, fields_of
from config.levels import Level
from jurat.vocabulary import Outcome

if TYPE_CHECKING:
    from adapters.address.explanation import Reading
    from adapters.address.zones import Zone
    from cli.lookups.address_query import AnsweredAddress, Sighting
    from tasks.rules.residence import Residence

RULES: Final[Mapping[str, tuple[str, str]]] = {
    "readable": ("the text for the house number can be one", "the text for the house number cannot be one"),
    "consistent": ("the answer does not contradict itself", "the answer contradicts itself"),
    "found": ("the source knows places for it", "the source knows no such address"),
    "street": ("a street was found", "only a town or a postcode was found"),
    "name": ("the name of the street is similar enough", "no street that was found has a similar enough name"),
    "postcode": ("its postcode and town are those of the answer", "its postcode or its town is another one"),
    "number": ("the source has a house of this number there", "the source has no house of this number there"),
    "whole_street": (
        "the answer has no number, and the source knows the extent of the whole street",
        "the answer has no number, and the middle of a street decides nothing",
    ),
    "score": ("the source's own score is not below the minimum", "the source's own score is below the minimum"),
    "margin": (
        "the place is farther from the border than the margin",
        "the place is nearer to the border than the margin",
    ),
    "listed": (
        "the zone is a list of addresses, and it is certain whether the house is in it",
        "the zone is a list of addresses, which may have the house in another spelling",
    ),
    "agreed": (
        "every other place that may be meant lies on the same side",
        "another place may be meant that may lie on the other side, or the answer does not name its town",
    ),
}
"""The rules of `tasks.rules.residence` in their order, each with its sentences: if it holds, and if not. Where one does
not hold, later ones are missing in the evidence."""

LEVELS: Final[Mapping[Level, str]] = {
    Level.HOUSENUMBER: "a house",
    Level.INTERPOLATED: "a number interpolated along its street",
    Level.STREET: "a street",
    Level.POSTCODE: "a postcode",
    Level.LOCALITY: "a locality",
    Level.MUNICIPALITY: "a town",
}

_FIELDS: Final = {"number": "number", "street": "street", "postcode": "postcode", "city": "town"}

_WHY: Final[Mapping[str, str]] = {
    "detail": "which says where in the house",
    "named": "a person or a building",
    "town": "the postcode or the town",
    "not_understood": "which does not fit the rest, or is not understood: so nothing is decided",
}

_FIGURES: Final = {
    "name": ("name_similarity", "{:.0%} similar"),
    "score": ("score", "{:.2f}"),
}


def rule_lines(evidence: Mapping[str, Any]) -> list[str]:
    """One line for each rule that was checked, in order: `yes` or `NO`, and what that means."""
    return [
        f"{'yes' if held else 'NO ':3}  {rule_text(rule, evidence, held=held)}" for rule, held in rules_of(evidence)
    ]


def rules_of(evidence: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """The rules in the order in which they are checked, which a database's JSON type does not keep."""
    rules = evidence.get("rules")
    if not isinstance(rules, Mapping):
        return []
    order = {rule: place for place, rule in enumerate(RULES)}
    return sorted(((str(rule), held is True) for rule, held in rules.items()), key=lambda each: order.get(each[0], 99))


def fact_lines(evidence: Mapping[str, Any]) -> Iterator[str]:
    """The other parts of the evidence, `name: value`."""
    for name, value in evidence.items():
        if name not in {"rules", "conflict", "named_zone"} and value is not None:  # which `zone` says as well
            yield f"{name}: {value}"


def rule_text(rule: str, evidence: Mapping[str, Any], *, held: bool) -> str:
    """The sentence for a rule, with the figures of the evidence after it."""
    words = RULES[rule][not held] if rule in RULES else f"rule {rule} {'holds' if held else 'does not hold'}"
    if rule == "margin" and "distance_m" in evidence:
        return f"{words} ({coarse_text(evidence['distance_m'])}, margin {evidence.get('margin_m', 0):g} m)"
    if rule == "consistent" and not held and (conflict := evidence.get("conflict")):
        return f"{words} ({conflict_text(conflict)})"
    name, form = _FIGURES.get(rule, ("", ""))
    value = evidence.get(name)
    return f"{words} ({form.format(value)})" if isinstance(value, int | float) else words


def conflict_text(fields: Sequence[str]) -> str:
    """What is wrong with the fields that are in conflict: two contradict each other, one holds too much."""
    names = [_FIELDS.get(name, name) for name in fields]
    if len(names) == 1:
        return f"the field of the {names[0]} holds a second address, or what nobody understands"
    return f"{' and '.join(names)} do not fit together"


def reading_lines(reading: Reading) -> Iterator[str]:
    """How the answer was read: only for the person who typed it."""
    yield ""
    yield "The answer was read as:"
    number = reading.number or ("none" if reading.readable else "cannot be read")
    yield f"  number: {number}"
    for name in ("street", "postcode", "city"):
        yield f"  {_FIELDS[name]}: {getattr(reading, name) or 'none'}"
    for words, why in reading.left_out:
        yield f"  left out: “{words}”, {_WHY[why]}"
    if nearest := reading.nearest:
        unfit = f"; “{nearest.word}” does not fit" if nearest.word else ""
        yield f"  the street most alike is {nearest.street} ({nearest.likeness:.0%} similar){unfit}"


def coarse_text(distance: float) -> str:
    """A distance from evidence: it is rounded down, and negative outside."""
    if not distance:
        return "less than 5 m"
    return f"at least {abs(distance):,.0f} m {'inside' if distance > 0 else 'outside'}"


def decision_line(title: str, residence: Residence) -> str:
    """What the rule would decide, in one sentence."""
    match residence.outcome:
        case Outcome.ACCEPTED:
            return f"Accepted ({residence.reason}): the address lies in {title}."
        case Outcome.REFUSED:
            return f"Refused ({residence.reason}): the address lies outside of {title}."
    failed = next((rule for rule, held in rules_of(residence.evidence) if not held), None)
    because = rule_text(failed, residence.evidence, held=False) if failed else ""
    because = f" {because[0].upper()}{because[1:]}." if because else ""
    leaning = f" It seems to lie {residence.leaning}, but that is not certain enough." if residence.leaning else ""
    return f"Undetermined for {title} ({residence.reason}).{because}{leaning}"


def sighting_lines(sightings: Sequence[Sighting]) -> list[str]:
    """One line for each candidate, numbered as in the picture; the one that decides comes with its margin."""
    return [f"{number}: {_sighting(each)}" for number, each in enumerate(sightings, 1)]


def _sighting(sighting: Sighting) -> str:
    where = {True: "inside", False: "outside", None: "crossed by the border"}[sighting.inside]
    place = sighting.place
    if sighting.listed:
        where = {True: "listed", False: "not listed", None: "perhaps listed"}[sighting.inside]
    far = where if sighting.inside is None or sighting.listed else f"{metres_text(sighting.distance)} {where}"
    parts = [f"{address_of(sighting)} ({LEVELS[place.level]}), {far}"]
    if place.score is not None:
        parts.append(f"score {place.score:.2f}")
    if sighting.deciding:
        parts.append(f"decides, with a margin of {sighting.margin or 0:g} m")
    elif sighting.counts:
        parts.append("may also be meant")
    else:
        parts.append(f"does not count: {sighting.reason}")
    return ", ".join(parts)


def metres_text(metres: float) -> str:
    """A distance for people, rounded down: `7.4 m`, `120 m`, `2.3 km`."""
    if metres < 10:
        return f"{math.floor(metres * 10) / 10:.1f} m"
    return f"{math.floor(metres)} m" if metres < 1000 else f"{math.floor(metres / 100) / 10:,.1f} km"


def address_of(sighting: Sighting) -> str:
    """The address of a candidate on one line, as the source gives it."""
    place = sighting.place
    street = " ".join(part for part in (place.number, place.street) if part)
    return ", ".join(part for part in (street, place.town) if part) or "no name"


def verdict_lines(title: str, zone: Zone, inquiry: AnsweredAddress, sightings: Sequence[Sighting]) -> list[str]:
    """What the rule would decide, each rule, and each candidate."""
    residence = inquiry.residence(zone)
    lines = [decision_line(title, residence), "", *rule_lines(residence.evidence), ""]
    found = count_text(len(sightings), "candidate") if sightings else "no candidate"
    lines.append(f"{inquiry.source} has {found}{':' if sightings else ''}")
    lines += sighting_lines(sightings)
    if inquiry.places.attribution:
        lines.append(inquiry.places.attribution)
    return lines


def decision_data(residence: Residence) -> dict[str, Any]:
    """What the rule decides for a zone, for programs. Distances are as coarse as in evidence."""
    evidence = residence.evidence
    return {
        "zone": evidence["zone"],
        "version": evidence["zone_version"],
        "outcome": str(residence.outcome),
        "reason": str(residence.reason),
        "leaning": residence.leaning,
        "rules": dict(rules_of(evidence)),
        "distance_m": evidence.get("distance_m"),
        "margin_m": evidence.get("margin_m"),
    }


def candidate_data(sightings: Sequence[Sighting]) -> list[dict[str, Any]]:
    """The candidates, for programs. They show an address, so only for whoever asked."""
    return [
        {
            "address": address_of(each),
            **fields_of(each.place, "level", "score"),
            "inside": each.inside,
            "distance_m": round(each.distance, 1),
            "margin_m": each.margin,
            "counts": each.counts,
            "decides": each.deciding,
            "reason": each.reason,
        }
        for each in sightings
    ]
