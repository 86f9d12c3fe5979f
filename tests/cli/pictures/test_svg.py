"""Pictures as SVG: well-formed whatever a label says, and with all that they must show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from xml.etree import ElementTree as ET

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.base import Place
from cli.lookups.address_query import Sighting
from cli.output import Failure
from cli.pictures.scene import CLOSE_UP_M, Scene, Stored, compose
from cli.pictures.svg import draw
from config.levels import Level
from jurat.vocabulary import Reason
from store.explanation import NearbyHouse

SVG = "{http://www.w3.org/2000/svg}"
METRE = 1 / 111_132.0
HOLED = shapely.Polygon(
    shapely.box(2.0, 45.0, 2.02, 45.02).exterior, [shapely.box(2.008, 45.008, 2.012, 45.012).exterior]
)
TOWN = Stored("Old town", shapely.to_wkb(HOLED))
HARBOUR = Stored("Harbour", shapely.to_wkb(shapely.box(2.02, 45.0, 2.04, 45.02)))
FAR_AWAY = Stored("Far away", shapely.to_wkb(shapely.box(5.0, 45.0, 5.02, 45.02)))


def sighting(longitude: float = 2.01, latitude: float = 45.02 - 12 * METRE, *, deciding: bool = True) -> Sighting:
    place = Place(Level.HOUSENUMBER, longitude, latitude, "8", "Rue du Puits", "00100", "Valmont")
    return Sighting(place, True, 12.0, 20.0, Reason.NEAR_BORDER, deciding, deciding)


def scene(
    sightings: Sequence[Sighting] = (), title: str = "Zone Old town", caption: Sequence[str] = ("near_border",)
) -> Scene:
    houses = [
        NearbyHouse(2.01, 45.02 + off * METRE, str(off), "Rue du Puits", "00100", "Valmont")
        for off in (-30, -8, 9, 400)
    ]
    return compose(title, caption, TOWN, [HARBOUR, FAR_AWAY], sightings, lambda _: houses)


def drawn(picture: Scene) -> ET.Element:
    return ET.fromstring(draw(picture))


def words(root: ET.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def classes(root: ET.Element) -> set[str]:
    return {element.get("class", "").strip() for element in root.iter()}


@settings(max_examples=20)
@given(st.text(), st.text(), st.text())
def test_it_is_well_formed_whatever_the_labels_say(title: str, name: str, number: str) -> None:
    house = NearbyHouse(2.01, 45.02, number, "", "", "")
    picture = compose(title, [name, number], Stored(name, TOWN.wkb), [HARBOUR], [sighting()], lambda _: [house])
    root = drawn(picture)
    assert root.tag == f"{SVG}svg"


def test_labels_are_text_and_never_tags() -> None:
    root = drawn(scene(title="<script>alert('x')</script> & co", caption=["</desc><script/>"]))
    assert not list(root.iter(f"{SVG}script"))
    assert "<script>alert('x')</script> & co" in words(root)


def test_it_says_the_same_to_who_cannot_see_it() -> None:
    root = drawn(scene([sighting()], caption=["Undetermined.", "", "12 m inside"]))
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert title.text == "Zone Old town"
    assert description is not None
    assert description.text == "Undetermined. 12 m inside"
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "title description"
    assert {"Undetermined.", "12 m inside"} <= set(words(root))


def test_near_a_border_it_shows_candidate_circle_margin_distance_and_houses() -> None:
    root = drawn(scene([sighting(), sighting(2.015, 45.01, deciding=False)]))
    shown = classes(root)
    assert {"border", "edge", "neighbour", "circle deciding", "span on", "mark deciding", "mark", "seen"} <= shown
    said = words(root)
    assert "12 m" in said
    assert {"-30", "9"} <= set(said)
    assert "400" not in said
    assert any("margin of 20 m" in each for each in said)
    assert {"N", "20 m", "Overview", "Close-up: 150 m across"} <= set(said)


def test_the_span_ends_on_the_border_at_its_length() -> None:
    picture = scene([sighting()])
    assert picture.span is not None
    (x1, y1), (x2, y2) = picture.span.start, picture.span.end
    assert ((x1 - x2) ** 2 + (y1 - y2) ** 2) ** 0.5 == pytest.approx(12, abs=0.05)
    assert shapely.Point(x2, y2).distance(picture.zone.shape.boundary) < 1e-6


def test_a_zone_with_a_hole_is_filled_by_the_even_odd_rule() -> None:
    root = drawn(scene())
    fills = [path for path in root.iter(f"{SVG}path") if path.get("fill") == "url(#inside)"]
    assert [path.get("fill-rule") for path in fills] == ["evenodd"]
    assert (fills[0].get("d") or "").count("M") == 2
    assert "Close-up" not in " ".join(words(root))


def test_only_what_is_near_is_drawn() -> None:
    assert [area.name for area in scene().neighbours] == ["Harbour"]


def test_a_line_that_is_not_seen_is_not_drawn() -> None:
    inside = sighting(2.003, 45.003)
    for path in drawn(scene([inside])).iter(f"{SVG}path"):
        assert re.match(r"M-?\d", path.get("d") or "")


def test_a_damaged_zone_is_one_sentence_with_its_name() -> None:
    crossing = shapely.Polygon([(2.02, 45.0), (2.04, 45.02), (2.04, 45.0), (2.02, 45.02)])
    for wkb, how in ((HARBOUR.wkb[:-9], "cannot be read"), (shapely.to_wkb(crossing), "crosses itself")):
        harbour = Stored("Harbour", wkb)
        for zone, neighbour in ((harbour, TOWN), (TOWN, harbour)):
            with pytest.raises(Failure, match=f"geometry of the zone Harbour {how}; import the zone again"):
                compose("Zone", [], zone, [neighbour])


def test_the_decision_stands_above_and_the_rule_that_failed_is_bold() -> None:
    root = drawn(
        scene([sighting()], caption=["Undetermined for Old town.", "", "yes  a street was found", "NO   near"])
    )
    written = {element.get("class", ""): element.text for element in root.iter(f"{SVG}text")}
    assert written["headline"] == "Undetermined for Old town."
    assert (written["failed"] or "").split() == ["NO", "near"]
    assert words(root).count("Undetermined for Old town.") == 1


def test_a_street_that_the_border_crosses_has_no_distance() -> None:
    place = Place(Level.STREET, 2.01, 45.0195, None, "Rue du Puits", extent=(2.009, 45.019, 2.011, 45.021))
    picture = scene([Sighting(place, None, 0.0, 150.0, Reason.STREET_LEVEL, True, True)])
    assert picture.span is None
    assert not [each for each in words(drawn(picture)) if "the distance that decides" in each]


def test_the_name_of_a_zone_is_written_where_it_fits_and_no_candidate_stands() -> None:
    picture = scene([sighting(2.01, 45.01 - 500 * METRE)])
    root = drawn(picture)
    (span,) = [each for each in root.iter(f"{SVG}line") if each.get("class") == "span on"]
    names = [each for each in root.iter(f"{SVG}text") if each.get("class") == "area halo"]
    assert names
    marks = [each for each in root.iter(f"{SVG}circle") if (each.get("class") or "").startswith("mark")]
    for name in names:
        left, middle = float(name.get("x", "")), float(name.get("y", "")) - 4
        right = left + 6.4 * len(name.text or "")
        for mark in marks:
            x, y = float(mark.get("cx", "")), float(mark.get("cy", ""))
            assert not (left - 6 < x < right + 6 and abs(y - middle) < 12)
        high, low = sorted(float(span.get(name, "")) for name in ("y1", "y2"))
        assert not (left < float(span.get("x1", "")) < right and high < middle < low)


def test_no_two_labels_overlap() -> None:
    names = ["Old town", *(f"Harbour district {number}" for number in range(30))]
    areas = [shapely.box(2.0, 45.0, 2.02, 45.02), *(shapely.box(2.0, y, 2.02, y + 0.02) for y in [45.0] * 30)]
    stored = [Stored(name, area.wkb) for name, area in zip(names, areas, strict=True)]
    grid = [
        NearbyHouse(2.009 + column * 0.0001, 45.019 + row * 0.0001, f"{row}{column}", "", "", "")
        for row in range(20)
        for column in range(20)
    ]
    root = drawn(compose("Zones", ["near_border"], stored[0], stored[1:], [sighting()], lambda _: grid))
    boxes = []
    for each in root.iter(f"{SVG}text"):
        width = {"area halo": 6.4, "number halo": 5.0, "reach halo": 9.0}.get(each.get("class") or "")
        if width:
            left, base = float(each.get("x", "")), float(each.get("y", ""))
            boxes.append(shapely.box(left, base - 8, left + width * len(each.text or ""), base + 2))
    assert len(boxes) > 40
    assert not [pair for pair in combinations(boxes, 2) if pair[0].intersects(pair[1])]


def test_nothing_is_fetched_and_no_script_runs() -> None:
    text = draw(scene([sighting()]))
    addresses = set(re.findall(r"https?://[^\"' ]+", text))
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<(script|image|use|foreignObject)|href|@import|url\((?!#)", text)


def test_the_close_up_grows_with_the_circle_of_what_decides() -> None:
    assert scene([sighting()]).close_up is not None
    place = Place(Level.INTERPOLATED, 2.01, 45.019, "8", "Rue du Puits", "00100")
    wide = scene([Sighting(place, True, 110.0, 150.0, Reason.NEAR_BORDER, True, True)])
    assert wide.close_up is not None
    assert wide.close_up.side > 300 > CLOSE_UP_M
    near = scene([sighting()]).close_up
    assert near is not None
    assert near.side == CLOSE_UP_M


def test_a_whole_street_is_shown_as_its_box() -> None:
    place = Place(Level.STREET, 2.01, 45.0195, None, "Rue du Puits", extent=(2.009, 45.019, 2.011, 45.0198))
    root = drawn(scene([Sighting(place, True, 22.0, 150.0, Reason.STREET_LEVEL, True, True)]))
    assert "circle deciding" in classes(root)
    assert "the box around its whole street" in words(root)
    assert not [each for each in root.iter(f"{SVG}circle") if each.get("class") == "circle deciding"]


def test_a_candidate_in_another_country_does_not_make_the_zone_a_dot() -> None:
    away = sighting(9.0, 45.0)
    picture = scene([away])
    assert picture.overview.side < 5_000
    assert picture.marks == ()
    assert "too far away to be shown: candidate 1" in words(drawn(picture))


def test_a_zone_over_the_antimeridian_is_one_piece() -> None:
    parts = [shapely.box(179.99, -17.0, 180.0, -16.99), shapely.box(-180.0, -17.0, -179.99, -16.99)]
    islands = Stored("Islands", shapely.to_wkb(shapely.MultiPolygon(parts)))
    place = Place(Level.HOUSENUMBER, -179.995, -16.995)
    picture = compose("Islands", [], islands, [], [Sighting(place, True, 500, 20, Reason.INSIDE_ZONE, True, True)])
    assert picture.overview.side == pytest.approx(1.15 * 2130, rel=0.01)
    assert picture.span is not None
    assert max(map(abs, (*picture.span.start, *picture.span.end))) < 1000
