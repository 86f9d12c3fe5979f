"""What is decided about many zones as one area, and when the zone of an address is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon, box

from adapters.address.address_lists import content_of
from adapters.address.zone_unions import AreaCache, ZoneUnion
from adapters.address.zones import ZoneGeometry
from adapters.base import Places
from config.levels import Level
from jurat.vocabulary import Outcome, Reason
from tasks.rules.areas import decide_area
from tasks.rules.lasting_evidence import lasting
from tasks.rules.residence import Residence, Side
from tests.tasks.rules.valmont import ANSWER, HOUSE, METRE, STREET

SIDE = 300 * METRE
"""Zones are squares of some 300 m, west to east and south to north."""

COLUMNS, ROWS = 6, 5


def square(column: int, row: int) -> Polygon:
    west, south = 1.0 + column * SIDE, 44.0 + row * SIDE
    return box(west, south, west + SIDE, south + SIDE)


def union(shapes: Mapping[str, shapely.Geometry]) -> ZoneUnion:
    parts = [ZoneGeometry(name, 1, shapely.to_wkb(shape)) for name, shape in shapes.items()]
    return ZoneUnion(parts, [shapely.to_wkb(shape) for shape in shapes.values()])


GRID = {f"ward-{column}-{row}": square(column, row) for column in range(COLUMNS) for row in range(ROWS)}
AREA = union(GRID)


def decide(
    *at: tuple[float, float], area: ZoneGeometry = AREA, answer: dict[str, Any] = ANSWER, **options: Any
) -> Residence:
    """Decide about houses at these columns and rows, which may be fractions."""
    places = [replace(HOUSE, longitude=1.0 + x * SIDE, latitude=44.0 + y * SIDE) for x, y in at]
    return decide_area(answer, Places("addok", tuple(places)), area, **options)


def test_borders_between_zones_do_not_matter_unless_one_is_named() -> None:
    at_border = (2.01, 2.5)
    assert decide(at_border).reason is Reason.INSIDE_ZONE
    named = decide(at_border, name_zone=True)
    assert (named.outcome, named.reason) == (Outcome.UNDETERMINED, Reason.NEAR_BORDER)
    assert named.leaning is Side.INSIDE
    assert named.evidence["rules"]["margin"] is False


def test_a_zone_is_named_only_where_it_is_asked_for() -> None:
    asked, not_asked = decide((2.5, 2.5), name_zone=True), decide((2.5, 2.5))
    assert lasting(asked.evidence)["zone"] == "ward-2-2"
    assert asked.evidence["zone_digest"] == ZoneGeometry("", 1, shapely.to_wkb(square(2, 2))).digest
    for found in (not_asked, decide((2.01, 2.5), name_zone=True), decide((-1, -1), name_zone=True)):
        assert "ward" not in repr(found)
        assert (found.evidence["zone"], found.evidence["zone_digest"]) == (None, AREA.digest)
    assert lasting(not_asked.evidence) == lasting(decide((4.5, 0.5)).evidence)


def test_outside_of_all_it_is_refused_and_near_the_outer_border_undetermined() -> None:
    assert decide((-0.5, 2.5)).reason is Reason.OUTSIDE_ZONE
    assert decide((-0.01, 2.5)).reason is Reason.NEAR_BORDER
    assert decide((0.01, 2.5), name_zone=True).reason is Reason.NEAR_BORDER


def test_an_address_in_one_of_two_zones_is_ambiguous_only_where_one_is_named() -> None:
    answer = {**ANSWER, "city": ""}
    houses = ((1.5, 2.5), (3.5, 2.5))
    twice = Places(
        "addok",
        tuple(
            replace(HOUSE, longitude=1.0 + x * SIDE, latitude=44.0 + y * SIDE, city_code=code)
            for (x, y), code in zip(houses, ("99901", "99902"), strict=True)
        ),
    )
    assert decide_area(answer, twice, AREA).outcome is Outcome.ACCEPTED
    named = decide_area(answer, twice, AREA, name_zone=True)
    assert (named.outcome, named.evidence["zone"]) == (Outcome.UNDETERMINED, None)


def test_zones_that_overlap_accept_and_name_none() -> None:
    both = union({"ward": square(0, 0), "estate": box(1.0, 44.0, 1.0 + 2 * SIDE, 44.0 + SIDE)})
    found = decide((0.5, 0.5), area=both, name_zone=True)
    assert (found.outcome, found.evidence["zone"]) == (Outcome.ACCEPTED, None)
    assert decide((1.5, 0.5), area=both, name_zone=True).evidence["zone"] == "estate"
    assert decide((0.99, 0.5), area=both, name_zone=True).reason is Reason.NEAR_BORDER


def test_a_street_is_accepted_across_zones_and_named_in_one() -> None:
    def street(west: float, east: float, *, name_zone: bool) -> Residence:
        extent = (1.0 + west * SIDE, 44.0 + 2.4 * SIDE, 1.0 + east * SIDE, 44.0 + 2.6 * SIDE)
        place = replace(STREET, longitude=1.0 + west * SIDE, latitude=44.0 + 2.5 * SIDE, extent=extent)
        answer = {name: value for name, value in ANSWER.items() if name != "number"}
        margin = {Level.STREET: 20.0}
        return decide_area(answer, Places("addok", (place,)), AREA, margin, name_zone=name_zone)

    assert street(1.4, 3.6, name_zone=False).outcome is Outcome.ACCEPTED
    assert street(1.4, 3.6, name_zone=True).outcome is Outcome.UNDETERMINED
    assert street(1.4, 1.6, name_zone=True).evidence["zone"] == "ward-1-2"


def test_rounding_between_two_files_is_no_border() -> None:
    """The border of the other zone has a vertex more, which lies beside the line."""
    west = box(1.0, 44.0, 1.0 + SIDE, 44.0 + SIDE)
    x = 1.0 + SIDE
    east = Polygon(
        [(x, 44.0), (x + SIDE, 44.0), (x + SIDE, 44.0 + SIDE), (x, 44.0 + SIDE), (x + 3e-8, 44.0 + SIDE / 3)]
    )
    assert decide((1.0, 0.5), area=union({"west": west, "east": east})).outcome is Outcome.ACCEPTED


def test_a_list_of_addresses_is_joined_with_no_zone() -> None:
    shape, register = shapely.to_wkb(square(0, 0)), content_of([], "fr")
    load = {("roll", 1, "b"): lambda: register, ("ward", 1, "a"): lambda: shape}
    with pytest.raises(ValueError, match="'roll' is a list of addresses, which no other zone joins"):
        AreaCache().union(load)


@pytest.mark.parametrize("split", [-180.0, 179.998])
def test_zones_on_both_sides_of_the_antimeridian(split: float) -> None:
    shapes: dict[str, shapely.Geometry]
    shapes = {"west": box(179.99, -17.0, 180.0, -16.99), "east": box(-180.0, -17.0, -179.99, -16.99)}
    if split > 0:  # a zone that ends before it, while the other crosses it
        crossing = [box(split, -17.0, 180.0, -16.99), box(-180.0, -17.0, -179.99, -16.99)]
        shapes = {"west": box(179.99, -17.0, split, -16.99), "east": shapely.MultiPolygon(crossing)}
    area = union(shapes)
    for longitude, outcome in ((-179.9999, "accepted"), (179.9999, "accepted"), (-179.98, "refused")):
        place = replace(HOUSE, longitude=longitude, latitude=-16.995)
        assert decide_area(ANSWER, Places("addok", (place,)), area).outcome == outcome
    place = replace(HOUSE, longitude=-179.995, latitude=-16.995)
    assert decide_area(ANSWER, Places("addok", (place,)), area, name_zone=True).evidence["zone"] == "east"


def test_an_area_around_the_world_is_cut_in_its_widest_gap() -> None:
    """As a country with islands in every ocean."""
    longitudes = (-177.0, -61.0, 0.0, 0.5, 55.0, 166.0)
    area = union({f"z{n}": box(x - 0.25, 45.0, x + 0.25, 45.5) for n, x in enumerate(longitudes)})
    for x in longitudes:
        assert area.locate(x, 45.2)[0]
        assert not area.locate(x + 1.0, 45.2)[0]
    assert area.locate(0.25, 45.25)[1] > 19_000
    assert [part.name for part in area.near((-177.3, 45.2, -177.3, 45.2), 5_000)] == ["z0"]


@st.composite
def positions(draw: st.DrawFn) -> tuple[float, float]:
    return draw(st.floats(-1, COLUMNS + 1)), draw(st.floats(-1, ROWS + 1))


def clearance(at: tuple[float, float], shapes: Sequence[Polygon]) -> float:
    """Metres to the border of shapes as one, by GEOS, negative outside; columns and rows are not quite 300 m."""
    area, point = shapely.union_all(shapes), shapely.Point(1.0 + at[0] * SIDE, 44.0 + at[1] * SIDE)
    distance = point.distance(area.boundary) / METRE
    return distance if area.contains(point) else -distance


@settings(deadline=None)
@given(positions(), st.sets(st.sampled_from(sorted(GRID)), min_size=1), st.sampled_from([1.0, 20.0, 80.0]))
def test_what_is_accepted_lies_in_the_zones_and_what_is_named_holds_it(
    at: tuple[float, float], chosen: set[str], margin: float
) -> None:
    shapes = {name: GRID[name] for name in sorted(chosen)}
    area, margins = union(shapes), {Level.HOUSENUMBER: margin}
    found, named = decide(at, area=area, margin=margins), decide(at, area=area, margin=margins, name_zone=True)
    alone = {part.name: decide(at, area=part, margin=margins).outcome for part in area.parts}
    accepting = [name for name, outcome in alone.items() if outcome is Outcome.ACCEPTED]
    truly = clearance(at, list(shapes.values()))
    match found.outcome:
        case Outcome.ACCEPTED:
            assert truly > 0
            assert accepting or Outcome.UNDETERMINED in alone.values()  # across a border between two
        case Outcome.REFUSED:
            assert truly < 0
            assert set(alone.values()) == {Outcome.REFUSED}
        case Outcome.UNDETERMINED:
            assert abs(truly) < margin * 1.5
            assert not accepting
    assert found.outcome is not Outcome.UNDETERMINED or named.outcome is Outcome.UNDETERMINED
    assert (named.outcome is Outcome.REFUSED) == (found.outcome is Outcome.REFUSED)
    assert [named.evidence["zone"]] == (accepting if named.outcome is Outcome.ACCEPTED else [None])
    assert (named.outcome is Outcome.ACCEPTED) == bool(accepting)


def test_a_place_is_found_among_a_thousand_zones_at_once() -> None:
    shapes = {f"z-{x}-{y}": square(x, y).segmentize(SIDE / 50) for x in range(32) for y in range(31)}
    area = union(shapes)
    assert len(area.parts) == 992
    assert area.border.bounds == pytest.approx((1.0, 44.0, 1.0 + 32 * SIDE, 44.0 + 31 * SIDE))
    x, y = 1.0 + 7.5 * SIDE, 44.0 + 9.5 * SIDE
    assert [part.name for part in area.near((x, y, x, y), 20.0)] == ["z-7-9"]
    assert area.locate(x, y)[0]
