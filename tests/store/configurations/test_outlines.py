"""Outlines of zones from the import to a platform's page, on both engines."""

from __future__ import annotations

from datetime import timedelta

import pytest
import shapely

from adapters.zone_import.files import ZoneShape
from jurat import Client, SchemaMissing, Zone
from jurat.database import open_engine
from store.datasets.zones import NewZone, import_zones
from tests.store.desk import ADMIN, Desk


def square(west: float, name: str = "port", title: str = "Le Port") -> NewZone:
    wkb = shapely.to_wkb(shapely.box(west, 44, west + 1, 45))
    return NewZone(name, title, f"{name} {west}", wkb, outline=ZoneShape(name, title, wkb, "", 4).outline)


def drawn(zone: Zone) -> tuple[float, ...]:
    assert zone.outline is not None
    (polygon,) = zone.outline
    return tuple(shapely.Polygon(polygon[0], polygon[1:]).bounds)


def test_a_platform_draws_the_zones_that_are_in_force(desk: Desk) -> None:
    soon = desk.queries.clock() + timedelta(hours=1)
    import_zones(desk.engine, [square(5), square(8, "hill", "La Colline")], ADMIN)
    import_zones(desk.engine, [square(6)], ADMIN)
    import_zones(desk.engine, [square(7)], ADMIN, soon)
    hill, port = desk.client.zones()
    assert [(each.name, each.title) for each in (hill, port)] == [("hill", "La Colline"), ("port", "Le Port")]
    assert (drawn(hill), drawn(port)) == ((8, 44, 9, 45), (6, 44, 7, 45))
    assert desk.sql("SELECT name, version FROM jurat_zone_outlines ORDER BY name") == [("hill", 1), ("port", 2)]
    desk.sql("UPDATE jurat_zones SET in_force_from = NOW WHERE version = 3")
    assert drawn(desk.client.zones()[1]) == (7, 44, 8, 45)


def test_of_two_versions_from_one_time_on_the_later_one_is_drawn(desk: Desk) -> None:
    for west in (5, 6, 7):
        import_zones(desk.engine, [square(west)], ADMIN)
    desk.sql("UPDATE jurat_zones SET in_force_from = NOW(-60)")
    (zone,) = desk.client.zones()
    assert drawn(zone) == (7, 44, 8, 45)


def test_a_zone_without_an_outline_is_there(desk: Desk) -> None:
    import_zones(desk.engine, [NewZone("damaged", "Damaged", "d", b"no geometry")], ADMIN)
    assert desk.client.zones() == [Zone("damaged", "Damaged", None)]


def test_a_database_without_tables_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('empty')}/empty.db"
    open_engine(url).connect().close()
    client = Client(url)
    with pytest.raises(SchemaMissing):
        client.zones()
    client.close()
