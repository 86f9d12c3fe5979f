"""The places that a source found for an address, sealed for the reviewer who decides: the map shows where it lies.

They are sealed for the key of the answer itself, and so tell nobody more than that. Evidence holds none.
"""

from __future__ import annotations

from adapters.base import Place, Places
from jurat.answers import canonical, pad
from jurat.seal import Unopenable, Unseal

MOST = 10
"""Places that a reviewer sees, the best first."""

DECIMALS = 6
"""Decimals of a coordinate in degrees: a tenth of a metre."""

LONGEST = 150
"""Characters of an address: a source may say anything."""


def seal_places(found: Places, unseal: Unseal, key: str | None) -> bytes | None:
    """The places, sealed for the worker's key of that id; None if there are none, or the key is not here any more."""
    if not found.places:
        return None
    try:
        return unseal.close(pad(canonical({"places": shown_places(found)})), key)
    except (Unopenable, ValueError):  # it cannot be said in UTF-8: then the map shows the zone alone
        return None


def shown_places(found: Places) -> list[dict[str, object]]:
    """The places as a person sees them, the best first."""
    return [_shown(place) for place in found.places[:MOST]]


def _shown(place: Place) -> dict[str, object]:
    house = " ".join(word for word in (place.number, place.street) if word)
    return {
        "longitude": round(place.longitude, DECIMALS),
        "latitude": round(place.latitude, DECIMALS),
        "address": ", ".join(part for part in (house, place.town) if part)[:LONGEST],
    }
