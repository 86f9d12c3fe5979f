"""Finds the known addresses near a place, and those that change sides of a border. It asks no geocoder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from adapters.address.zones import ZoneGeometry
from adapters.base import Box
from config.addresses import AddressFileSource
from config.configuration import Question
from config.sources import SourceModel
from store.explanation import Explanations, NearbyHouse

Houses = Callable[[Box], Iterable[NearbyHouse]]
"""The addresses of the local base in a box of degrees."""


def local_base(
    sources: Mapping[str, SourceModel], questions: Iterable[Question], zone: str
) -> AddressFileSource | None:
    """The first `address-file` source, those for the zone first; None without one."""
    asked = [name for each in questions if each.is_about(zone) for name in each.sources]
    models = (sources[name] for name in [*asked, *sources])
    return next((model for model in models if isinstance(model, AddressFileSource)), None)


def in_dataset(explanations: Explanations, dataset: str, box: Box) -> Iterator[NearbyHouse]:
    """The houses of a dataset in a box."""
    for part in parts_of(box):
        yield from explanations.houses(dataset, part)


def moved(
    houses: Iterable[NearbyHouse], before: ZoneGeometry, after: ZoneGeometry
) -> Iterator[tuple[NearbyHouse, bool]]:
    """The houses that change sides, each with whether it comes in."""
    for house in houses:
        at = (house.longitude, house.latitude)
        was, now = before.border.holds(*at), after.border.holds(*at)
        if was != now:
            yield house, now


def parts_of(box: Box) -> list[Box]:
    """A box with longitudes from -180 to 180, as in address bases: in two parts if it crosses the antimeridian."""
    west, south, east, north = box
    turns = 360 * round((west + east) / 720)
    west, east = west - turns, east - turns
    if west < -180:
        return [(west + 360, south, 180.0, north), (-180.0, south, east, north)]
    if east > 180:
        return [(west, south, 180.0, north), (-180.0, south, east - 360, north)]
    return [(west, south, east, north)]
