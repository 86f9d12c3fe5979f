"""Decides about an area of one zone or of many, and names the zone that holds an address where that is asked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from adapters.address.zone_unions import ZoneUnion
from adapters.address.zones import Zone
from adapters.base import Places
from config.levels import Level
from jurat.vocabulary import Outcome, Reason
from tasks.rules.margins import margins_of
from tasks.rules.residence import Residence, Side, decide_residence


def decide_area(
    answer: Mapping[str, Any],
    places: Places,
    area: Zone,
    margin: Mapping[Level, float] = MappingProxyType({}),
    *,
    name_zone: bool = False,
    language: str = "fr",
) -> Residence:
    """`decide_residence`, where `area` may be many zones as one. The evidence does not tell which holds the address.

    With `name_zone` it does: then one zone alone has to accept the address. Near the border between two of them it is
    undetermined; where several overlap, it is accepted and none is named.
    """
    whole = decide_residence(answer, places, area, margin, language=language)
    if not isinstance(area, ZoneUnion):
        return whole
    unnamed = {"zone": None, "zone_version": None, "zone_digest": area.digest}
    whole = replace(whole, evidence={**whole.evidence, **unnamed})
    if not name_zone or whole.outcome is not Outcome.ACCEPTED:
        return whole
    reach = max(whole.evidence["margin_m"], *margins_of(places.provider, margin).values())
    around = {
        part.name: part
        for place in places.places
        for part in area.near(place.extent or (place.longitude, place.latitude, place.longitude, place.latitude), reach)
    }
    found = [decide_residence(answer, places, part, margin, language=language) for part in around.values()]
    unclear = [each for each in found if each.outcome is Outcome.UNDETERMINED]
    holding = [each for each in found if each.outcome is Outcome.ACCEPTED]
    if holding and not unclear:
        return whole if len(holding) > 1 else _named(holding[0])
    if not unclear:  # it is in a slit between two zones
        return replace(whole, outcome=Outcome.UNDETERMINED, reason=Reason.NEAR_BORDER, leaning=Side.INSIDE)
    first = min(unclear, key=lambda each: each.reason is not Reason.AMBIGUOUS_ADDRESS)
    return replace(first, evidence={**first.evidence, **unnamed}, leaning=Side.INSIDE)


def _named(residence: Residence) -> Residence:
    """With the name that platforms may read: `jurat_results` shows no other part of the evidence."""
    return replace(residence, evidence={**residence.evidence, "named_zone": residence.evidence["zone"]})
