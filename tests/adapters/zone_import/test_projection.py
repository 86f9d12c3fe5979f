"""From a coordinate system to WGS 84: what was inside stays inside, and a border stays where it was."""

from __future__ import annotations

import builtins
import functools
import math
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon

from adapters.zone_import.layers import FileProblem, Shape
from adapters.zone_import.projection import CLOSE_M, DEGREE_M, name_of, system_of

known = functools.lru_cache(system_of)

SYSTEMS = {
    "EPSG:2154": ((100_000, 6_100_000), (1_200_000, 7_000_000)),
    "EPSG:32631": ((200_000, 4_500_000), (800_000, 6_500_000)),
    "EPSG:3035": ((3_000_000, 2_000_000), (5_000_000, 3_500_000)),
}


@st.composite
def scenes(draw: st.DrawFn) -> tuple[str, Polygon, np.ndarray[Any, Any]]:
    """A coordinate system, a simple polygon of up to 30 km in it, and points around it."""
    crs = draw(st.sampled_from(sorted(SYSTEMS)))
    low, high = SYSTEMS[crs]
    middle = [draw(st.integers(a, b)) for a, b in zip(low, high, strict=True)]
    reach = draw(st.integers(200, 30_000))
    radii = draw(st.lists(st.floats(0.2, 1), min_size=3, max_size=12))
    angles = [2 * math.pi * number / len(radii) for number in range(len(radii))]
    corners = [
        (middle[0] + reach * radius * math.cos(angle), middle[1] + reach * radius * math.sin(angle))
        for radius, angle in zip(radii, angles, strict=True)
    ]
    seed = draw(st.integers(0, 2**32 - 1))
    points = np.random.default_rng(seed).uniform(-1, 1, (300, 2)) * reach + middle
    return crs, Polygon(corners), points


def distances(shape: Shape, points: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Metres from points, given in degrees, to the border of a shape in degrees."""
    scale = np.array(known("EPSG:4326").scale(float(points[:, 1].mean())))
    border = shapely.transform(shape.boundary, lambda corners: corners * scale)
    return np.asarray(shapely.distance(shapely.points(points * scale), border))


@settings(max_examples=25)
@given(scenes())
def test_a_point_is_inside_after_the_import_exactly_where_it_was_before(
    scene: tuple[str, Polygon, np.ndarray[Any, Any]],
) -> None:
    crs, shape, points = scene
    system = known(crs)
    assert system.to_degrees is not None
    clear = shapely.distance(shapely.points(points), shape.exterior) > 0.1
    moved = system.to_wgs84(shape)
    degrees = system.to_degrees(points)
    before = shapely.intersects_xy(shape, points[clear, 0], points[clear, 1])
    after = shapely.intersects_xy(moved, degrees[clear, 0], degrees[clear, 1])
    assert (before == after).all()


@settings(max_examples=15)
@given(scenes())
def test_a_border_stays_where_it_was(scene: tuple[str, Polygon, np.ndarray[Any, Any]]) -> None:
    crs, shape, _ = scene
    system = known(crs)
    assert system.to_degrees is not None
    along = shapely.get_coordinates(shape.exterior.interpolate(np.linspace(0, 1, 400), normalized=True))
    far = distances(system.to_wgs84(shape), system.to_degrees(along))
    assert far.max() <= 1.1 * CLOSE_M  # the metres of the test are a little off themselves


def test_a_long_edge_is_cut_and_a_short_one_is_not() -> None:
    system = system_of("EPSG:2154")
    short = system.to_wgs84(shapely.box(700_000, 6_600_000, 700_500, 6_600_500))
    assert shapely.get_num_coordinates(short) == 5
    long = system.to_wgs84(shapely.box(700_000, 6_600_000, 745_000, 6_645_000))
    assert 40 < shapely.get_num_coordinates(long) < 400


def test_two_zones_that_share_an_edge_cut_it_in_the_same_places() -> None:
    system = system_of("EPSG:2154")
    left, right = (
        system.to_wgs84(shape)
        for shape in (
            shapely.box(700_000, 6_600_000, 740_000, 6_640_000),
            shapely.box(740_000, 6_600_000, 745_000, 6_640_000),
        )
    )
    assert shapely.intersection(left, right).area == 0
    assert shapely.intersection(left, right).length == pytest.approx(40_000 / DEGREE_M, rel=0.02)


def test_holes_and_parts_are_kept() -> None:
    hole = shapely.box(602_000, 6_502_000, 603_000, 6_503_000).exterior
    holed = Polygon(shapely.box(600_000, 6_500_000, 610_000, 6_510_000).exterior, [hole])
    apart = shapely.box(700_000, 6_500_000, 701_000, 6_501_000)
    moved = system_of("EPSG:2154").to_wgs84(MultiPolygon([holed, apart]))
    assert [len(part.interiors) for part in shapely.get_parts(moved)] == [1, 0]


def test_coordinates_of_wgs84_are_left_alone() -> None:
    shape = shapely.box(1.0, 44.0, 2.123456789012, 45.0)
    assert system_of("OGC:CRS84").to_wgs84(shape) is shape


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("EPSG:2154", "EPSG:2154"),
        ("urn:ogc:def:crs:EPSG::2154", "EPSG:2154"),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", "OGC:CRS84"),
        ("epsg:2154", "EPSG:2154"),
        ("EPSG:2154+5720", None),
        ("EPSG:2154@2020", None),
        ("../../etc/passwd", None),
        ("+proj=longlat", None),
    ],
)
def test_names_of_coordinate_systems(written: str, name: str | None) -> None:
    assert name_of(written) == name


def test_wkt_heights_feet_and_degrees_of_another_datum_are_understood() -> None:
    import pyproj

    written = system_of(pyproj.CRS("EPSG:2154").to_wkt("WKT1_ESRI"))
    assert (written.name, written.degrees) == ("EPSG:2154", False)
    with_heights = pyproj.crs.CompoundCRS("Valmont", ["EPSG:2154", "EPSG:5720"])
    assert system_of(with_heights.to_wkt()).name == "EPSG:2154"
    assert system_of("EPSG:2263").unit_m == pytest.approx(0.3048, rel=1e-4)
    assert system_of("EPSG:4258").degrees


@pytest.mark.parametrize("name", ["EPSG:2296", "EPSG:4008", "EPSG:9006"])
def test_a_system_without_an_exact_way_is_known_and_told_as_such(name: str) -> None:
    with pytest.raises(FileProblem, match=rf"is in {name}, from which no exact way to WGS 84 is known here \(a grid"):
        system_of(name)


def test_a_grid_that_is_not_installed_is_a_note() -> None:
    (note,) = system_of("EPSG:2263").notes
    assert "positions may be off by up to 4 m" in note


def test_a_system_that_names_a_file_of_this_machine_is_refused() -> None:
    import pyproj

    grid = "/etc/hostname"
    plain = pyproj.CRS("EPSG:27572").to_wkt("WKT1_GDAL")
    bound = pyproj.CRS(f"+proj=longlat +ellps=clrk80 +nadgrids={grid} +type=crs")
    heights = f'VERT_CS["h",VERT_DATUM["h",2005,EXTENSION["PROJ4_GRIDS","{grid}"]],UNIT["metre",1],AXIS["Up",UP]]'
    derived = pyproj.CRS("EPSG:2154").to_wkt()
    assert system_of(plain).name == "EPSG:27572"
    for written in (
        bound.to_wkt(),
        f'COMPD_CS["Valmont",{plain},{heights}]',
        plain.replace('UNIT["metre",1', f'extension ("PROJ4","+proj=lcc +nadgrids={grid}"),UNIT["metre",1'),
        derived.replace(
            "Lambert Conic Conformal (2SP)", f"PROJ-based operation method: +proj=hgridshift +grids={grid}"
        ),
    ):
        assert written not in {plain, derived}
        with pytest.raises(FileProblem, match="with files or parameters for PROJ, which are not followed"):
            system_of(written)


def test_a_file_that_names_no_system_is_told_where_to_find_it() -> None:
    with pytest.raises(FileProblem, match=r"does not say its coordinate system.*--crs EPSG:2154"):
        system_of("")
    assert system_of("", "EPSG:2154").name == "EPSG:2154"


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *given: Any) -> Any:
        if name.partition(".")[0] in {"pyproj", "pyogrio"}:
            raise ImportError(name)
        return real(name, *given)

    monkeypatch.setattr(builtins, "__import__", without)
    assert system_of("EPSG:4326").name == "EPSG:4326"
    with pytest.raises(FileProblem, match="pyproj is needed: pip install pyproj"):
        system_of("EPSG:2154")
