"""The address rule: decides whether a geocoder's answer shows that a participant lives inside or outside a zone. Pure.

A geocoder always answers something, and its score says how it sorts, not whether it is right. So only a house with the
number, the postcode and the name that were asked for decides, or a street that is on one side as a whole, and only
beyond the margin by which positions may be wrong. docs/contributors/how-an-address-is-decided.md explains each rule.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import combinations
from types import MappingProxyType
from typing import Any

from adapters.address.address_lists import AddressList
from adapters.address.house_numbers import HouseNumber, house_of, read_number
from adapters.address.parsed_address import ParsedAddress, read_answer
from adapters.address.street_names import THRESHOLD
from adapters.address.zones import Zone
from adapters.base import Finding, Place, Places
from config.levels import Level
from jurat.vocabulary import CHOICE, OFFERED, Outcome, Reason
from tasks.rules.candidates import (
    Candidate,
    as_answers,
    as_meant,
    compared,
    in_hamlet,
    likelihood,
    meant_by,
    one_of_each,
    readings,
    suggestions,
)
from tasks.rules.margins import DEFAULT_MARGIN_M, METRES_PER_DEGREE, NEAR_TIE, SCORE_FLOOR, TOUCHING_M, margins_of

BLOCK_M = 150.0
"""Positions of one address that are farther apart may be two houses: then it identifies none."""

APART = 2
"""So many times what the most and the least exact position of a house may be wrong by, they may be apart."""


class Side(StrEnum):
    """Where a position is, once its margin is taken into account."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    BORDER = "border"


@dataclass(frozen=True, slots=True)
class Residence(Finding):
    """What one geocoder's answer shows.

    `leaning` is the side on which the address seems to be where that is not sure enough to decide. `candidates` are the
    addresses that may be meant where several remain or none was found as typed, best first, as answers in the form of
    the question.
    """

    leaning: Side | None = None
    candidates: tuple[Mapping[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class _ZonePosition:
    """Where a place is: `inside` is None where the border crosses it; `distance` is in metres, never negative."""

    inside: bool | None
    distance: float
    margin: float

    @property
    def side(self) -> Side:
        if self.inside is None or self.distance < max(self.margin, TOUCHING_M):
            return Side.BORDER
        return _side(inside=self.inside)

    @property
    def clearance(self) -> float:
        """Metres by which it is beyond its margin; negative within it."""
        return self.distance - self.margin


def decide_residence(
    answer: Mapping[str, Any],
    places: Places,
    zone: Zone,
    margin: Mapping[Level, float] = MappingProxyType({}),
    score_floor: float | None = None,
    language: str = "fr",
) -> Residence:
    """Whether the address in `answer` is in `zone`, by the candidates `places`.

    `margin` overrides `MARGIN_M` by level, in metres; `score_floor` overrides the provider's; `language` is that of the
    source's names. It is accepted (`inside_zone`), refused (`outside_zone`) or undetermined with the first
    rule that did not hold. Its evidence names neither the address nor its position.
    """
    chosen = answer.get(CHOICE) == OFFERED
    asked, *more = as_meant(read_answer(answer, language), places, language, chosen=chosen)
    case = _ResidenceCase(places, zone)
    if more:
        asked = replace(asked, conflict=("number", "street"), others=tuple(more))
    if not case.holds("readable", held=not asked.malformed):
        return case.undetermined(Reason.NUMBER_MALFORMED)
    if not case.holds("consistent", held=not asked.conflict):
        case.evidence["conflict"] = list(asked.conflict)
        return case.undetermined(Reason.AMBIGUOUS_ADDRESS, candidates=readings(asked, places, language))
    candidates = [compared(asked, place, places, language) for place in places.places]
    meant = meant_by(candidates, asked, language)
    meant = one_of_each(in_hamlet(meant, chosen=chosen), asked, language)
    for rule, held, reason in (
        ("found", bool(candidates), Reason.ADDRESS_NOT_FOUND),
        ("street", any(each.place.street is not None for each in candidates), Reason.LOCALITY_LEVEL),
        ("name", any(each.name >= THRESHOLD for each in candidates), Reason.STREET_DIFFERS),
        ("postcode", bool(meant), Reason.POSTCODE_DIFFERS),
    ):
        if not case.holds(rule, held=held):
            return case.undetermined(reason, candidates=suggestions(asked, candidates, places, language, reason))

    margins = margins_of(places.provider, margin)
    # An answer with a number means a house, one without means a street: only such places can decide.
    fitting = [each for each in meant if (each.house if asked.number else each.place.level is Level.STREET)]
    if asked.number and "/" in asked.number.repetition:  # the flat "1/41", where the source has not only house 41
        fitting = [each for each in fitting if "/" in (each.place.number or "")] or fitting
    judged = sorted((each for each in fitting if each.place.level in margins), key=likelihood, reverse=True)
    best = judged[0] if judged else max(meant, key=likelihood)
    case.describe(best, candidates)
    likely = bool(judged) and best.name == max(each.name for each in meant)
    likely = likely and (asked.number is None or _has_ends(asked.number, judged, best, language))
    if asked.number is None:
        # A number that was given but cannot be read cannot be found either.
        whole = likely and not asked.numbered and all(each.place.extent for each in judged)
        if not case.holds("whole_street", held=whole):
            return case.undetermined(Reason.STREET_LEVEL, _leaning(meant, zone))
    elif not case.holds("number", held=likely):
        reason = Reason.HOUSE_NUMBER_NOT_FOUND
        return case.undetermined(
            reason, _leaning(meant, zone), suggestions(asked, candidates, places, language, reason)
        )
    floor = SCORE_FLOOR.get(places.provider) if score_floor is None else score_floor
    if not case.holds("score", held=floor is None or (best.place.score is not None and best.place.score >= floor)):
        return case.undetermined(Reason.SCORE_TOO_LOW)
    return _by_position(case, asked, judged, [each for each in meant if each not in judged], margins)


class _ResidenceCase:
    """One decision in progress: which rules held so far, and the evidence."""

    def __init__(self, places: Places, zone: Zone) -> None:
        self.zone = zone
        self._data_date = places.data_date
        self._rules: dict[str, bool] = {}
        self.evidence: dict[str, Any] = {
            "provider": places.provider,
            "data_date": places.data_date.isoformat() if places.data_date else None,
            "zone": zone.name,
            "zone_version": zone.version,
            "zone_digest": zone.digest,
            "candidates": len(places.places),
            "rules": self._rules,
        }

    def holds(self, rule: str, *, held: bool) -> bool:
        self._rules[rule] = held
        return held

    def describe(self, best: Candidate, candidates: Sequence[Candidate]) -> None:
        score = best.place.score
        others = [each.place.score for each in candidates if each is not best and each.place.score is not None]
        self.evidence |= {
            "level": str(best.place.level),
            # Two digits: someone who asks for every address could find this one by its whole score.
            "score": None if score is None else round(score, 2),
            "next_score": round(max(others), 2) if others else None,
            "name_similarity": round(best.name, 2),
        }

    def decided(self, side: Side) -> Residence:
        inside = (Outcome.ACCEPTED, Reason.INSIDE_ZONE)
        outcome, reason = inside if side is Side.INSIDE else (Outcome.REFUSED, Reason.OUTSIDE_ZONE)
        return Residence(outcome, reason, self.evidence, self._data_date)

    def undetermined(
        self, reason: Reason, leaning: Side | None = None, candidates: tuple[Mapping[str, str], ...] = ()
    ) -> Residence:
        found = (Outcome.UNDETERMINED, reason, self.evidence, self._data_date)
        return Residence(*found, leaning=leaning, candidates=candidates)


def _by_position(
    case: _ResidenceCase,
    asked: ParsedAddress,
    judged: Sequence[Candidate],
    others: Sequence[Candidate],
    margins: Mapping[Level, float],
) -> Residence:
    """Decide by where the places are: those `judged`, the best first, can decide, the `others` cannot."""
    judged = _most_exact(judged)
    houses: dict[tuple[str | None, ...], list[Place]] = {}
    # A range is one building: a house between its ends ("8 a") may be as far from them as they are from each other.
    of_range = 1 if asked.number and asked.number.until else 0
    for each in judged:
        houses.setdefault(each.address[of_range:], []).append(each.place)
    spread = {address: _spread(places) for address, places in houses.items()}
    positions = [_position(each.place, case.zone, margins, spread[each.address[of_range:]]) for each in judged]
    best = judged[0]
    # One address may have several positions: the one nearest to the border counts.
    own = min(
        (position for each, position in zip(judged, positions, strict=True) if each.address == best.address),
        key=lambda position: position.clearance,
    )
    rivals = [each for each in others if _is_rival(each, best) and _elsewhere(each.place, own, case.zone, margins)]
    listed = isinstance(case.zone, AddressList)
    case.evidence |= {"houses": len(judged)} if listed else _measures(own, positions)
    sure = all(each.sure for each in judged)
    clear = case.holds("listed" if listed else "margin", held=own.side is not Side.BORDER)
    agreed = case.holds("agreed", held=sure and not rivals and all(each.side is own.side for each in positions))
    if not clear:
        leans = sure and own.inside is not None and not rivals and all(each.inside is own.inside for each in positions)
        unclear = Reason.SOURCES_DISAGREE if listed else Reason.NEAR_BORDER
        reason = unclear if asked.number else Reason.STREET_LEVEL
        return case.undetermined(reason, _side(inside=bool(own.inside)) if leans else None)
    if not agreed:
        meant = sorted([*judged, *rivals], key=likelihood, reverse=True)
        return case.undetermined(Reason.AMBIGUOUS_ADDRESS, candidates=as_answers(asked, meant))
    return case.decided(own.side)


def _has_ends(number: HouseNumber, judged: Sequence[Candidate], best: Candidate, language: str) -> bool:
    """Whether both ends of a range are houses of the best street: one that is not there may be on another side."""
    street = [each.place.number or "" for each in judged if each.place.street == best.place.street]
    read = filter(None, (read_number(written, language) for written in street))
    written = {number.repetition, house_of(number, language).repetition}
    found = [each for each in read if each.repetition in written]
    return {number.value, number.until or number.value} <= {end for each in found for end in (each.value, each.until)}


def _most_exact(judged: Sequence[Candidate]) -> Sequence[Candidate]:
    """Of positions of one house that differ in how exact they are, the most exact. Two of one kind, one of no known
    kind, and those that are farther apart than exact ones can be may be of two houses: then all count.
    """
    best: dict[tuple[str | None, ...], Place] = {}
    for address in {each.address for each in judged}:
        places = [each.place for each in judged if each.address == address]
        known = {each.accuracy: each for each in places if each.accuracy is not None}
        if len(known) == len(places) and _spread(places) <= min(BLOCK_M, APART * (min(known) + max(known))):
            best[address] = known[min(known)]
    return [each for each in judged if best.get(each.address, each.place) is each.place]


def _is_rival(other: Candidate, best: Candidate) -> bool:
    """Whether `other` is another street than `best`, and not noticeably less likely. The scores of a street and a house
    cannot be compared: there only the names are.
    """
    here, there = best.place, other.place
    if (here.street, here.postcode, here.city) == (there.street, there.postcode, there.city):
        return False
    if here.level is there.level and here.score is not None and there.score is not None:
        return there.score >= here.score - NEAR_TIE
    return other.name >= best.name - NEAR_TIE


def _elsewhere(place: Place, own: _ZonePosition, zone: Zone, margins: Mapping[Level, float]) -> bool:
    """Whether some house of a street may be on another side than the deciding address: unless the whole street, or its
    point if its extent is unknown, is clear of the border on the same side.
    """
    inside, distance = _locate(replace(place, number=None), zone)
    margin = margins.get(Level.STREET, DEFAULT_MARGIN_M[Level.STREET])
    return _ZonePosition(inside, distance, margin).side is not _side(inside=bool(own.inside))


def _leaning(meant: Sequence[Candidate], zone: Zone) -> Side | None:
    """The side on which all streets that may be meant are as a whole; None where that is unknown, or sides differ."""
    if isinstance(zone, AddressList):
        return None
    boxes = [each.place.extent for each in meant if each.place.level is Level.STREET and each.sure]
    sides = {zone.locate_box(box)[0] if box else None for box in boxes}
    if len(boxes) < len(meant) or len(sides) != 1:
        return None
    (inside,) = sides
    return None if inside is None else _side(inside=inside)


def _position(place: Place, zone: Zone, margins: Mapping[Level, float], spread: float) -> _ZonePosition:
    """Where a place is. A house whose positions are `spread` metres apart (a block) has at least that margin, and at
    least the `accuracy` of its position.

    A list has none, but decides neither for one address of two houses, nor that an interpolated house, which nobody
    knows to exist, is not in it.
    """
    if isinstance(zone, AddressList):
        inside, distance = _locate(place, zone)
        known = spread <= BLOCK_M and (inside or place.level is not Level.INTERPOLATED)
        return _ZonePosition(inside if known else None, distance, 0.0)
    if place.level is Level.STREET and not place.extent:
        return _ZonePosition(None, 0.0, margins[place.level])
    inside, distance = _locate(place, zone)
    return _ZonePosition(inside, distance, max(margins[place.level], spread, place.accuracy or 0.0))


def _locate(place: Place, zone: Zone) -> tuple[bool | None, float]:
    if isinstance(zone, AddressList):
        return zone.holds(place), math.inf
    return zone.locate_box(place.extent) if place.extent else zone.locate(place.longitude, place.latitude)


def _spread(places: Sequence[Place]) -> float:
    """Metres between a house's two farthest positions, rounded up: in the evidence it must not reveal the address."""
    houses = [place for place in places if place.level is not Level.STREET]
    across = METRES_PER_DEGREE * math.cos(math.radians(houses[0].latitude)) if houses else 0.0
    widest = max(
        (
            math.hypot((one.longitude - other.longitude) * across, (one.latitude - other.latitude) * METRES_PER_DEGREE)
            for one, other in combinations(houses, 2)
        ),
        default=0.0,
    )
    step = _step(widest)
    return math.ceil(widest / step) * step


def _side(*, inside: bool) -> Side:
    return Side.INSIDE if inside else Side.OUTSIDE


def _measures(own: _ZonePosition, positions: Sequence[_ZonePosition]) -> dict[str, Any]:
    least = min(each.margin for each in positions)
    measures = {"margin_m": own.margin, "distance_m": _coarse(own), "houses": len(positions)}
    return {**measures, "least_margin_m": least} if least < own.margin else measures


def _coarse(position: _ZonePosition) -> int:
    """Metres to the border, negative outside, rounded towards it: too coarse to identify a house."""
    step = _step(position.distance)
    return int((1 if position.inside else -1) * (position.distance // step) * step)


def _step(metres: float) -> int:
    return 5 if metres < 100 else 50 if metres < 1000 else 500
