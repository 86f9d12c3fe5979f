"""Zones as pictures of one page: a zone among its neighbours, and two versions laid over each other."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from console.parts import parts
from jurat.zones import ZONES, Outline, Zone, zone_from
from pages.maps import Picture, picture
from store.queries import ZoneRow

MOST_ZONES = 12
"""Zones of one picture, so that a page stays light: those that are nearest."""

MOST_READ = 500
"""Where more zones are in force, a picture has no neighbours: all of them would be read for it."""


def map_of(name: str) -> Picture | None:
    """A zone in force among its neighbours; None if it has no outline."""
    with parts().database.reader.begin() as connection:
        count = connection.execute(text("SELECT count(*) FROM jurat_zone_outlines")).scalar_one()
        where = "" if count <= MOST_READ else "WHERE name = :name "
        sql = text(ZONES.replace("ORDER BY", f"{where}ORDER BY"))
        zones = [zone_from(row) for row in connection.execute(sql, {"name": name} if where else {})]
    own = next((each for each in zones if each.name == name and each.outline), None)
    return None if own is None else picture(nearest(own, zones))


def nearest(own: Zone, zones: Sequence[Zone]) -> list[Zone]:
    """A zone, and those others that lie nearest to it."""
    here = _box(own.outline or ())
    others = [each for each in zones if each.name != own.name and each.outline]
    reach = max(here[2] - here[0], here[3] - here[1])
    apart = sorted((_apart(here, _box(each.outline or ())), each.name, each) for each in others)
    return [own, *(each for far, _, each in apart[: MOST_ZONES - 1] if far <= reach)]


def change_map(old: ZoneRow, new: ZoneRow) -> Picture | None:
    """Two versions of a zone, and what one of them has alone; None if nothing of that is large enough to be drawn.

    The shapes are named `before`, `after`, `gained` and `lost`. Raises ValueError if one of them is no polygon.
    """
    import shapely  # noqa: PLC0415 - it is large, and this page alone needs it
    from shapely import MultiPolygon, Polygon  # noqa: PLC0415 - as above

    from adapters.address.borders import polygon_of  # noqa: PLC0415 - as above
    from adapters.zone_import.outlines import outline_of  # noqa: PLC0415 - as above

    before, after = polygon_of(old.geometry), polygon_of(new.geometry)
    drawn = [Zone("before", "", outline_of(old.geometry)), Zone("after", "", outline_of(new.geometry))]
    for name, part in (("gained", shapely.difference(after, before)), ("lost", shapely.difference(before, after))):
        areas = MultiPolygon([each for each in shapely.get_parts(part) if isinstance(each, Polygon) and each.area])
        if not areas.is_empty:
            drawn.append(Zone(name, "", outline_of(shapely.to_wkb(areas))))
    return picture(drawn)


def _box(outline: Outline) -> tuple[float, float, float, float]:
    points = [point for part in outline for ring in part for point in ring]
    across, along = [point[0] for point in points], [point[1] for point in points]
    return min(across), min(along), max(across), max(along)


def _apart(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    return max(one[0] - other[2], other[0] - one[2], one[1] - other[3], other[1] - one[3], 0.0)
