"""Says in words where something lies, for people to see at a glance that it is their town."""

from __future__ import annotations

from collections.abc import Iterable

Box = tuple[float, float, float, float]
"""West, south, east, north, in degrees."""


def in_words(box: Iterable[float]) -> str:
    """`between 2.2 and 2.4 east, 48.8 and 48.9 north`, to a thousandth of a degree: some 100 m."""
    west, south, east, north = (round(degrees, 3) for degrees in box)
    return f"between {_span(west, east, 'east', 'west')}, {_span(south, north, 'north', 'south')}"


def _span(least: float, most: float, above: str, below: str) -> str:
    if least >= 0:
        return f"{least:g} and {most:g} {above}"
    if most <= 0:
        return f"{abs(most):g} and {-least:g} {below}"
    return f"{-least:g} {below} and {most:g} {above}"
