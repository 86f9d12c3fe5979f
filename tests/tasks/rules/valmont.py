"""A house in an invented street between two zones, and what the address rule says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import shapely
from shapely import Polygon

from adapters.address.zones import ZoneGeometry
from adapters.base import Place, Places
from config.levels import Level
from jurat.vocabulary import Outcome, Reason
from tasks.rules.residence import Residence, decide_residence

WEST = Polygon([(1.0, 44.0), (1.1, 44.0), (1.1, 44.1), (1.0, 44.1)])
EAST = Polygon([(1.1, 44.0), (1.2, 44.0), (1.2, 44.1), (1.1, 44.1)])
# a degree of longitude at 44.05 degrees is 80,124 m
METRE = 1 / 80_124

ANSWER = {"number": "8", "street": "rue du Moulin", "postcode": "99002", "city": "Valmont"}
HOUSE = Place(Level.HOUSENUMBER, 1.05, 44.05, "8", "Rue du Moulin", "99002", "Valmont", "99901", 0.95)
STREET = replace(HOUSE, level=Level.STREET, number=None)
TOWN_ITSELF = Place(Level.MUNICIPALITY, 1.05, 44.05, postcode="99002", city="Valmont", score=0.9)
ELSEWHERE = 1.15


def zone(shape: shapely.Geometry) -> ZoneGeometry:
    return ZoneGeometry("west", 3, shapely.to_wkb(shape))


WEST_ZONE, EAST_ZONE = zone(WEST), zone(EAST)


def residence(*places: Place, answer: Mapping[str, Any] = ANSWER, provider: str = "addok", **options: Any) -> Residence:
    unknown = frozenset(options.pop("unknown", ()))
    found = Places(provider, places, unknown_words=unknown)
    return decide_residence(answer, found, options.pop("zone", WEST_ZONE), **options)


def decide(
    *places: Place, answer: dict[str, Any] = ANSWER, provider: str = "addok", **options: Any
) -> tuple[Outcome, Reason]:
    found = residence(*places, answer=answer, provider=provider, **options)
    return found.outcome, found.reason


def undetermined(reason: Reason) -> tuple[Outcome, Reason]:
    return Outcome.UNDETERMINED, reason
