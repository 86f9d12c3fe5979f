"""Levels of precision: from the house to the town."""

from __future__ import annotations

from enum import StrEnum


class Level(StrEnum):
    """How precisely a geocoder places an address. A margin may be configured for each."""

    HOUSENUMBER = "housenumber"
    INTERPOLATED = "interpolated"
    STREET = "street"
    POSTCODE = "postcode"
    LOCALITY = "locality"
    MUNICIPALITY = "municipality"
