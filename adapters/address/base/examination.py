"""Examines an uploaded file of addresses, in a process of its own: it may be hostile, and unpack to much."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from adapters.address.base.columns import Layout, own_layout
from adapters.address.base.rows import Address, AddressRows, layout_of
from adapters.apart import given_apart, run_apart
from adapters.base import Box

MOST_SECONDS = 20
MOST_MEMORY = 1 << 30


@dataclass(frozen=True, slots=True)
class Examined:
    """What is in a file, as `AddressRows` counts it; `box` is around all addresses. Or what is wrong with it."""

    rows: int = 0
    houses: int = 0
    box: Box = (0.0, 0.0, 0.0, 0.0)
    unplaced: int = 0
    unnumbered: int = 0
    nameless: int = 0
    problem: str = ""


def extent(addresses: Iterable[Address]) -> tuple[int, Box]:
    """How many of the addresses are houses, and the box around all."""
    houses, west, south, east, north = 0, math.inf, math.inf, -math.inf, -math.inf
    for address in addresses:
        houses += address.number is not None
        west, east = min(west, address.longitude), max(east, address.longitude)
        south, north = min(south, address.latitude), max(north, address.latitude)
    return houses, (west, south, east, north)


def layout_for(path: Path, columns: Mapping[str, str], streets: Sequence[str]) -> Layout:
    """The layout of a file: with these columns, or a known one, and with values that stand for no number. Raises
    ValueError.
    """
    return (own_layout(columns) if columns else layout_of(path)).with_streets(streets)


def examine_apart(
    path: Path, columns: Mapping[str, str], language: str, most: int, streets: Sequence[str] = ()
) -> Examined:
    """What is in a file of at most so many rows. Raises NotEnded."""
    given = {"path": str(path.resolve()), "columns": dict(columns), "streets": list(streets)}
    found = run_apart(__name__, {**given, "language": language, "most": most}, MOST_SECONDS, MOST_MEMORY)
    return Examined(**{**found, "box": tuple(found["box"])})


def examine(path: str, columns: Mapping[str, str], language: str, most: int, streets: Sequence[str] = ()) -> Examined:
    """The same in this process."""
    file = Path(path)
    try:
        rows = AddressRows(file, layout_for(file, columns, streets), language, most)
        houses, box = extent(rows)
    except ValueError as error:
        return Examined(problem=str(error))
    return Examined(rows.rows, houses, box, rows.unplaced, rows.unnumbered, rows.nameless)


def main() -> None:
    """Examine the file that comes by standard input."""
    given: Any = given_apart()
    json.dump(asdict(examine(**given)), sys.stdout)


if __name__ == "__main__":
    main()
