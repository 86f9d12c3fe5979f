"""The scene of a picture as data: areas, houses and candidates in metres around one point. Loads shapely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from adapters.address.address_lists import is_list
from adapters.address.borders import metres_per_degree
from adapters.base import Box
from cli.lookups.address_query import Sighting, geometry_of
from cli.lookups.verdict_text import metres_text
from cli.pictures.window import Window
from store.known_addresses import Houses
from store.queries import ZoneRow

CLOSE_UP_M = 150.0
"""The side of the close-up; more where the circle or the box of the deciding candidate would not fit."""

FAR = 4.0
"""Candidates farther from the zone's middle than so many of its sides are not drawn: the zone would become a dot."""

MOST_HOUSES = 600
MOST_NEIGHBOURS = 60


class Plane:
    """Metres east and north of a point, in the plane that touches the ellipsoid there. It is as exact as
    `ZoneGeometry.locate`.
    """

    def __init__(self, longitude: float, latitude: float) -> None:
        self._origin = (longitude, latitude)
        self._scale = metres_per_degree(latitude)

    def point(self, longitude: float, latitude: float) -> tuple[float, float]:
        """A point in degrees, in metres, the short way round."""
        east = (longitude - self._origin[0] + 180) % 360 - 180
        return east * self._scale[0], (latitude - self._origin[1]) * self._scale[1]

    def shape(self, geometry: Polygon | MultiPolygon) -> Polygon | MultiPolygon:
        """A geometry in degrees, in metres, by the whole turn that brings it nearest."""
        west, _, east, _ = geometry.bounds
        turns = 360 * round((self._origin[0] - (west + east) / 2) / 360)

        def moved(points: NDArray[np.float64]) -> NDArray[np.float64]:
            return (points - self._origin + (turns, 0)) * self._scale

        return shapely.transform(geometry, moved)

    def box(self, window: Window) -> Box:
        reach = window.side / 2
        across, along = reach / self._scale[0], reach / self._scale[1]
        longitude = self._origin[0] + window.x / self._scale[0]
        latitude = self._origin[1] + window.y / self._scale[1]
        return longitude - across, latitude - along, longitude + across, latitude + along


@dataclass(frozen=True, slots=True)
class Area:
    """A zone by its name for people."""

    name: str
    shape: Polygon | MultiPolygon


@dataclass(frozen=True, slots=True)
class CandidateMark:
    """A candidate of the geocoder. `radius` is the possible error of its position, None if it never decides; `extent`
    is the box around a whole street (west, south, east, north). `counts`: it may be what is meant.
    """

    label: str
    x: float
    y: float
    radius: float | None
    counts: bool
    deciding: bool
    extent: Box | None = None


@dataclass(frozen=True, slots=True)
class DistanceLine:
    """The distance that decides, from the candidate to the border, with its length as text."""

    start: tuple[float, float]
    end: tuple[float, float]
    text: str


@dataclass(frozen=True, slots=True)
class DrawnHouse:
    """An address of the local base."""

    x: float
    y: float
    number: str
    inside: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """All that is drawn. `margin` is that of the deciding candidate in metres, 0 without one; `beyond` has the labels
    of candidates that are too far away.
    """

    title: str
    caption: tuple[str, ...]
    zone: Area
    neighbours: tuple[Area, ...]
    margin: float
    marks: tuple[CandidateMark, ...]
    beyond: tuple[str, ...]
    span: DistanceLine | None
    houses: tuple[DrawnHouse, ...]
    overview: Window
    close_up: Window | None


@dataclass(frozen=True, slots=True)
class Stored:
    """A zone as it is stored: its name for people, and its WKB in WGS 84."""

    name: str
    wkb: bytes

    def geometry(self) -> Polygon | MultiPolygon:
        """In degrees. Raises Failure if it is damaged."""
        return geometry_of(self.name, self.wkb)


def scene_of(
    row: ZoneRow, zones: Mapping[str, ZoneRow], caption: Sequence[str], sightings: Sequence[Sighting], houses: Houses
) -> Scene:
    """The scene of a version of a zone, among the other zones that have a border. Raises what `compose` raises."""
    neighbours = [
        Stored(other.title, other.geometry)
        for name, other in zones.items()
        if name != row.name and not is_list(other.geometry)
    ]
    title = f"Zone {row.title} ({row.name}, version {row.version})" if sightings else f"Zone {row.title}"
    return compose(title, caption, Stored(row.title, row.geometry), neighbours, sightings, houses)


def compose(
    title: str,
    caption: Sequence[str],
    zone: Stored,
    neighbours: Iterable[Stored] = (),
    sightings: Sequence[Sighting] = (),
    houses: Houses = lambda _: (),
) -> Scene:
    """The scene of a zone and of an address's candidates, if any. Raises Failure if one of the zones is damaged."""
    geometry = zone.geometry()
    plane = _plane(geometry, sightings)
    shape = plane.shape(geometry)
    marks = tuple(_marks(plane, sightings))
    shown = _shown(shape, marks)
    overview = _overview(shape, shown)
    focus = next((mark for mark in shown if mark.deciding), next(iter(shown), None))
    close_up = _close_up(focus) if focus else None
    deciding = next((sighting for sighting in sightings if sighting.deciding), None)
    return Scene(
        title=title,
        caption=tuple(caption),
        zone=Area(zone.name, shape),
        neighbours=tuple(_neighbours(plane, neighbours, overview)),
        margin=(deciding.margin or 0.0) if deciding else 0.0,
        marks=shown,
        beyond=tuple(mark.label for mark in marks if mark not in shown),
        span=_span(shape, next((mark for mark in shown if mark.deciding), None), deciding),
        houses=tuple(islice(_houses(plane, shape, houses, close_up), MOST_HOUSES)) if close_up else (),
        overview=overview,
        close_up=close_up,
    )


def _plane(geometry: Polygon | MultiPolygon, sightings: Sequence[Sighting]) -> Plane:
    """Around the candidate that the close-up shows, where distances must be right."""
    chosen = next((each for each in sightings if each.deciding), next(iter(sightings), None))
    west, south, east, north = geometry.bounds
    middle = Plane((west + east) / 2, (south + north) / 2)
    if chosen is None:
        return middle
    x, y = middle.point(chosen.place.longitude, chosen.place.latitude)
    near = max(abs(x), abs(y)) <= _reach(middle.shape(geometry))
    return Plane(chosen.place.longitude, chosen.place.latitude) if near else middle


def _reach(shape: Polygon | MultiPolygon) -> float:
    """How many metres from the middle of a zone things are drawn."""
    west, south, east, north = shape.bounds
    return FAR * max(east - west, north - south)


def _marks(plane: Plane, sightings: Sequence[Sighting]) -> Iterator[CandidateMark]:
    for number, each in enumerate(sightings, 1):
        x, y = plane.point(each.place.longitude, each.place.latitude)
        extent: Box | None = None
        if each.place.extent:
            west, south, east, north = each.place.extent
            extent = (*plane.point(west, south), *plane.point(east, north))
        yield CandidateMark(str(number), x, y, each.margin, each.counts, each.deciding, extent)


def _shown(shape: Polygon | MultiPolygon, marks: Sequence[CandidateMark]) -> tuple[CandidateMark, ...]:
    west, south, east, north = shape.bounds
    x, y, reach = (west + east) / 2, (south + north) / 2, _reach(shape)
    return tuple(mark for mark in marks if max(abs(mark.x - x), abs(mark.y - y)) <= reach)


def _overview(shape: Polygon | MultiPolygon, marks: Sequence[CandidateMark]) -> Window:
    """The whole zone, and the candidates that may be meant, or else all candidates."""
    meant = [mark for mark in marks if mark.counts] or marks
    boxes = [shape.bounds, *((mark.x, mark.y, mark.x, mark.y) for mark in meant)]
    west, south = min(box[0] for box in boxes), min(box[1] for box in boxes)
    east, north = max(box[2] for box in boxes), max(box[3] for box in boxes)
    side = max(1.15 * max(east - west, north - south), CLOSE_UP_M)
    return Window((west + east) / 2, (south + north) / 2, side)


def _close_up(mark: CandidateMark) -> Window:
    """The surroundings of a candidate, as far as its possible error; for a street, its whole box."""
    if mark.extent is None:
        return Window(mark.x, mark.y, max(CLOSE_UP_M, 2.4 * (mark.radius or 0)))
    west, south, east, north = mark.extent
    side = max(CLOSE_UP_M, 1.3 * max(east - west, north - south))
    return Window((west + east) / 2, (south + north) / 2, side)


def _span(shape: Polygon | MultiPolygon, mark: CandidateMark | None, sighting: Sighting | None) -> DistanceLine | None:
    if mark is None or sighting is None or not sighting.distance:
        return None
    place = shapely.box(*mark.extent) if mark.extent else shapely.Point(mark.x, mark.y)
    start, end = shapely.get_coordinates(shapely.shortest_line(place, shape.boundary)).tolist()
    return DistanceLine((start[0], start[1]), (end[0], end[1]), metres_text(sighting.distance))


def _neighbours(plane: Plane, stored: Iterable[Stored], window: Window) -> Iterator[Area]:
    frame = window.frame()
    areas = (Area(each.name, plane.shape(each.geometry())) for each in stored)
    return islice((area for area in areas if area.shape.intersects(frame)), MOST_NEIGHBOURS)


def _houses(plane: Plane, shape: Polygon | MultiPolygon, houses: Houses, window: Window) -> Iterator[DrawnHouse]:
    shapely.prepare(shape)
    for row in houses(plane.box(window)):
        x, y = plane.point(row.longitude, row.latitude)
        if window.holds(x, y):
            yield DrawnHouse(x, y, row.number, bool(shapely.intersects_xy(shape, x, y)))
