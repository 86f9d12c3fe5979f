"""How far from a border an address decides, by its precision, and how sure a geocoder must be."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from config.levels import Level

DEFAULT_MARGIN_M: Mapping[Level, float] = MappingProxyType(
    {Level.HOUSENUMBER: 20.0, Level.INTERPOLATED: 150.0, Level.STREET: 150.0}
)
"""Metres from the border within which a position decides nothing: the 95 % error of parcel points, and of points
interpolated along a street (Cayo and Talbot 2003). The margin of a street is around its whole extent. A level without a
margin never decides: no margin would make the point of a postcode or a town decisive."""

MARGIN_M: Mapping[str, Mapping[Level, float]] = MappingProxyType(
    {
        **dict.fromkeys(("addok", "address-file", "nominatim", "photon", "pelias"), DEFAULT_MARGIN_M),
        "us-census": MappingProxyType({Level.INTERPOLATED: 150.0}),  # it knows no house, only where one should be
    }
)
"""The margins of each type of source; one that is not listed has `DEFAULT_MARGIN_M`."""

TOUCHING_M = 0.01
"""Metres from the border below which a position is on it, whatever its margin: no position is known more exactly, and
the last digits of a distance are rounding errors."""

SCORE_FLOOR: Mapping[str, float] = MappingProxyType({"addok": 0.5, "pelias": 0.8})
"""The least score of a provider, by type of source; one that is not listed has no useful score."""

NEAR_TIE = 0.05
"""A score or a similarity of names that is so close to the best one does not show which of the two is meant."""

METRES_PER_DEGREE = 111_320.0
"""Of latitude, within 1 %."""


def margins_of(provider: str, override: Mapping[Level, float] = MappingProxyType({})) -> Mapping[Level, float]:
    """The margins in metres by which a type of source decides, by level, those of `override` before its own.

    Levels by which it never decides are not in it, whatever `override` says.
    """
    return {level: override.get(level, own) for level, own in MARGIN_M.get(provider, DEFAULT_MARGIN_M).items()}
