"""What must hold of the address rule for any zone, any position and any street, whatever they look like."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

import pytest
import shapely
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import DamerauLevenshtein
from shapely import Polygon

from adapters.address.borders import metres_per_degree
from adapters.address.languages import fold
from adapters.address.zones import ZoneGeometry
from adapters.base import Box, Place, Places
from config.levels import Level
from jurat.vocabulary import Outcome, Reason
from tasks.rules.residence import decide_residence

Point = tuple[float, float]

LONGITUDE, LATITUDE = 2.0, 46.0
NORTH = 111_141.0
"""Metres in a degree of latitude at `LATITUDE`, near enough to draw a scene."""
EAST = 77_465.0
REACH = 1_500.0
"""Scenes are drawn within this many metres."""
BLUR = 0.05
"""Metres by which two ways to measure a distance may differ: nothing is asked of what lies so near to a threshold."""

ANSWER = {"number": "8", "street": "rue du Moulin", "postcode": "99002", "city": "Valmont"}
HOUSE = Place(Level.HOUSENUMBER, LONGITUDE, LATITUDE, "8", "Rue du Moulin", "99002", "Valmont", "99901", 0.95)

METRES = st.floats(-REACH, REACH)
POINTS = st.tuples(METRES, METRES)
MARGINS = st.sampled_from([1.0, 20.0, 150.0])


@st.composite
def rings(draw: st.DrawFn) -> list[Point]:
    """The corners of a zone around the scene's middle, in metres: a star of any shape, so that no edges cross."""
    corners = draw(st.integers(3, 12))
    radii = draw(st.lists(st.floats(150.0, REACH), min_size=corners, max_size=corners))
    return [
        (radius * math.cos(2 * math.pi * step / corners), radius * math.sin(2 * math.pi * step / corners))
        for step, radius in enumerate(radii)
    ]


def degrees(point: Point, shift: Point = (0.0, 0.0)) -> Point:
    return LONGITUDE + point[0] / EAST + shift[0], LATITUDE + point[1] / NORTH + shift[1]


def zone_of(shape: Polygon) -> ZoneGeometry:
    return ZoneGeometry("zone", 1, shapely.to_wkb(shape))


def drawn(ring: Sequence[Point], shift: Point = (0.0, 0.0)) -> Polygon:
    return Polygon([degrees(corner, shift) for corner in ring])


def house_at(point: Point) -> Place:
    return replace(HOUSE, longitude=point[0], latitude=point[1])


def decided(zone: ZoneGeometry, margin: float, *places: Place, number: str = "8") -> tuple[Outcome, Reason]:
    margins = MappingProxyType({Level.HOUSENUMBER: margin, Level.STREET: margin})
    finding = decide_residence({**ANSWER, "number": number}, Places("nominatim", places), zone, margins)
    return finding.outcome, finding.reason


# ------------------------------------------------------------------------------------------------------- complement


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    west, south = draw(POINTS)
    width, height = draw(st.tuples(st.floats(1.0, 800.0), st.floats(1.0, 800.0)))
    return *degrees((west, south)), *degrees((west + width, south + height))


@given(rings(), st.lists(POINTS, min_size=1, max_size=3), st.none() | boxes(), MARGINS)
def test_nobody_is_accepted_for_a_zone_and_for_all_that_is_not_the_zone(
    ring: list[Point], points: list[Point], extent: Box | None, margin: float
) -> None:
    shape = drawn(ring)
    others = Polygon([(1.0, 45.0), (3.0, 45.0), (3.0, 47.0), (1.0, 47.0)], [shape.exterior.coords])
    if extent is None:
        places, number = [house_at(degrees(point)) for point in points], "8"
    else:
        places, number = [replace(HOUSE, level=Level.STREET, number=None, extent=extent)], ""
    here, there = (decided(zone_of(each), margin, *places, number=number)[0] for each in (shape, others))
    event(str(here))
    assert {here, there} in ({Outcome.UNDETERMINED}, {Outcome.ACCEPTED, Outcome.REFUSED})


# -------------------------------------------------------------------------------------------------- further inside


@given(rings(), st.floats(0.0, 2 * math.pi), st.floats(0.0, 1.0), st.floats(0.0, 1.0), MARGINS)
def test_moving_further_inside_never_turns_accepted_into_anything_else(
    ring: list[Point], direction: float, out: float, inwards: float, margin: float
) -> None:
    zone = zone_of(drawn(ring))
    here = (out * REACH * math.cos(direction), out * REACH * math.sin(direction))
    further = (here[0] * (1 - inwards), here[1] * (1 - inwards))
    (inside, near), (still_inside, far) = (zone.locate(*degrees(point)) for point in (here, further))
    if not (inside and still_inside and far >= near):
        return
    if decided(zone, margin, house_at(degrees(here)))[0] is Outcome.ACCEPTED:
        event("accepted")
        assert decided(zone, margin, house_at(degrees(further)))[0] is Outcome.ACCEPTED


# --------------------------------------------------------------------------------------------------- another place


@given(rings(), POINTS, st.floats(-170.0, 170.0), st.floats(-0.0001, 0.0001), MARGINS)
def test_a_scene_that_is_moved_is_decided_in_the_same_way(
    ring: list[Point], point: Point, east: float, north: float, margin: float
) -> None:
    moved = (east, north)
    here, there = zone_of(drawn(ring)), zone_of(drawn(ring, moved))
    distance = here.locate(*degrees(point))[1]
    assume(distance > BLUR and abs(distance - margin) > BLUR)
    before = decided(here, margin, house_at(degrees(point)))
    event(str(before[1]))
    assert decided(there, margin, house_at(degrees(point, moved))) == before
    assert there.locate(*degrees(point, moved))[1] == pytest.approx(distance, rel=1e-4)


@given(rings(), POINTS, st.floats(-60.0, 70.0), MARGINS)
def test_a_scene_that_is_drawn_at_another_latitude_is_decided_in_the_same_way(
    ring: list[Point], point: Point, latitude: float, margin: float
) -> None:
    def at(point: Point, latitude: float) -> Point:
        across, along = metres_per_degree(latitude)
        return LONGITUDE + point[0] / across, latitude + point[1] / along

    here, there = (zone_of(Polygon([at(corner, each) for corner in ring])) for each in (LATITUDE, latitude))
    inside, distance = here.locate(*at(point, LATITUDE))
    # A degree of longitude is not the same at the upper and the lower end of a scene.
    assume(distance > 1 and abs(distance - margin) > 1 + 0.002 * distance)
    still_inside, found = there.locate(*at(point, latitude))
    assert still_inside is inside
    assert found == pytest.approx(distance, rel=0.002, abs=0.5)
    before = decided(here, margin, house_at(at(point, LATITUDE)))
    event(str(before[1]))
    assert decided(there, margin, house_at(at(point, latitude))) == before


@given(rings(), POINTS, MARGINS)
@pytest.mark.parametrize("crs", ["EPSG:2154", "EPSG:32631"])
def test_a_scene_that_is_drawn_in_metres_is_decided_as_in_degrees(
    crs: str, ring: list[Point], point: Point, margin: float
) -> None:
    """What is inside, and how far, is what plain geometry says in the metric system where the scene was drawn."""
    pyproj = pytest.importorskip("pyproj")
    to_metres = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    to_degrees = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    x, y = to_metres.transform(LONGITUDE, LATITUDE)
    # Edges of at most 25 m: one that is straight in metres is as good as straight in degrees.
    shape = shapely.segmentize(Polygon([(x + dx, y + dy) for dx, dy in ring]), 25.0)
    here = (x + point[0], y + point[1])
    longitudes, latitudes = to_degrees.transform(*zip(*shape.exterior.coords, strict=True))
    zone = zone_of(Polygon(list(zip(longitudes, latitudes, strict=True))))
    house = house_at(to_degrees.transform(*here))

    inside, plain = bool(shape.contains(shapely.Point(here))), shape.exterior.distance(shapely.Point(here))
    scale = 0.002 * plain + BLUR  # a metric system is not to scale everywhere: by less than 2 in 1,000 here
    assume(plain > scale and abs(plain - margin) > scale)
    if plain < margin:
        expected = (Outcome.UNDETERMINED, Reason.NEAR_BORDER)
    elif inside:
        expected = (Outcome.ACCEPTED, Reason.INSIDE_ZONE)
    else:
        expected = (Outcome.REFUSED, Reason.OUTSIDE_ZONE)
    event(str(expected[1]))
    assert decided(zone, margin, house) == expected
    assert zone.locate(house.longitude, house.latitude)[1] == pytest.approx(plain, abs=scale)


# ------------------------------------------------------------------------------------------------- written numbers

NUMBER_PARTS = st.sampled_from(
    ["8", "10", "1", "bis", "B", " ", "-", "/", ",", ".", "(", ")", "n°", "²", "①", "½", "🙂", "<b>", "+", "−", "?",
     "８", "</b>", "\u200b", "\ufe0f\u20e3", "\x00", "\n", "Appt 3", "rue du Moulin", "*", "huit", "s/n", "\ua78f"]
)  # fmt: skip
WRITTEN = st.text(max_size=8) | st.lists(NUMBER_PARTS, max_size=5).map("".join)
ORDINARY = frozenset(chr(code) for code in range(0x20, 0x7F)) - frozenset("!<=>?@[]{}*~^$%_") | frozenset("\t\n\r")
PUNCTUATION = frozenset("°º−–—‐‑’‘`´“”«»·•№℅")
NO_NUMBER = frozenset({"", "-", "--", "/", "//", ".", "s n", "sn", "sans numero", "ss n"})


@pytest.mark.slow
@settings(max_examples=500)
@given(WRITTEN, st.sampled_from(["rue du Moulin", "8 rue du Moulin"]))
def test_a_house_decides_only_for_a_number_that_is_written_as_numbers_are(number: str, street: str) -> None:
    """An oracle of its own: the digits are there by themselves, with nothing around them that no number has."""
    answer = {**ANSWER, "number": number, "street": street}
    whole = replace(HOUSE, level=Level.STREET, number=None, extent=(LONGITUDE, LATITUDE, LONGITUDE, LATITUDE))
    for places in ([replace(HOUSE, number=each) for each in ("1", "2", "8", "8bis", "8b", "10", "1e3")], [whole]):
        finding = decide_residence(answer, Places("nominatim", places), INSIDE)
        event(str(finding.reason))
        if finding.outcome is Outcome.UNDETERMINED:
            continue
        plain = "".join(str(unicodedata.decimal(each, each)) for each in number.strip())
        strange = {each for each in plain if each not in ORDINARY and unicodedata.category(each)[0] not in "LZ"}
        assert {each for each in strange if unicodedata.category(each) not in {"Cf", "Mn"}} <= PUNCTUATION
        none = fold(plain) in NO_NUMBER or not plain.strip(" \t\n\r-–—−‐‑/.")
        in_words = fold(plain).removeprefix("n ") == "huit"
        assert none or in_words or re.search(r"\d", plain) or "rue du moulin" in fold(plain)
        assert not re.match(r"\s*[-+−–—‐‑]\s*\d", plain)


# ------------------------------------------------------------------------------------------------- invented streets

KINDS = ("Rue", "Avenue", "Boulevard", "Place", "Impasse", "Quai")
NAMES = (
    "des Tanneurs", "du Moulin", "Amélie Corvec", "du Maréchal Kerouen", "Saint-Elme", "des Sardiniers", "de l'Étale",
    "du Phare", "des Imprimeurs", "de la Vigie", "Lucien Brancourt", "des Tonneliers", "du Vieux Marché", "de Brévan",
)  # fmt: skip
BASE = tuple(f"{KINDS[position % len(KINDS)]} {name}" for position, name in enumerate(NAMES))
KNOWN = frozenset(word for street in BASE for word in fold(street).split())
SMALL = frozenset({"de", "des", "du", "la", "l"})
INSIDE = zone_of(drawn([(-REACH, -REACH), (REACH, -REACH), (REACH, REACH), (-REACH, REACH)]))
HOUSES = tuple(replace(HOUSE, street=street) for street in BASE)
LETTERS = st.sampled_from("abcdefghijklmnopqrstuvwxyz")


def content(street: str) -> list[str]:
    return [word for word in fold(street).split() if word not in SMALL]


def allowed(one: str, other: str) -> int:
    """The slips that the rule may forgive in a word: two, or a quarter of its letters."""
    return max(2, max(len(one), len(other)) // 4)


def is_invented(street: str, typos: int) -> bool:
    """Whether `street` is another one than each of the base, by more than slips and `typos` explain.

    The unrestricted distance is a metric, and no greater than the rule's own, so that n typos bring two words no nearer
    than by n.
    """
    words = content(street)
    for known in BASE:
        others = content(known)
        if len(words) != len(others):
            continue
        apart = [DamerauLevenshtein.distance(a, b) - allowed(a, b) for a, b in zip(words, others, strict=True)]
        if max(apart) <= typos:
            return False
    return True


@st.composite
def typed(draw: st.DrawFn, text: str, most: int) -> tuple[str, int]:
    """`text` with up to `most` letters wrong, missing, too many or swapped, and how many they are."""
    count = draw(st.integers(0, most))
    for _ in range(count):
        places = [place for place, letter in enumerate(text[:-1]) if letter.isalpha() and text[place + 1].isalpha()]
        place = draw(st.sampled_from(places))
        before, letter, after = text[:place], text[place], text[place + 1 :]
        match draw(st.sampled_from(["other", "missing", "more", "swapped"])):
            case "other":
                text = before + draw(LETTERS) + after
            case "missing":
                text = before + after
            case "more":
                text = before + letter + draw(LETTERS) + after
            case _:
                text = before + after[0] + letter + after[1:]
    return text, count


INVENTED = st.one_of(
    st.builds("{} {}".format, st.sampled_from(KINDS), st.sampled_from(NAMES)),
    st.builds("{} des {}".format, st.sampled_from(KINDS), st.text("abcdeilnorstu", min_size=5, max_size=12)),
)


def asked_for(street: str, provider: str) -> Outcome:
    """What becomes of an answer with this street where the source offers every house of the base, all inside."""
    unknown = frozenset(fold(street).split()) - KNOWN if provider == "addok" else frozenset()
    found = Places(provider, HOUSES, unknown_words=unknown)
    return decide_residence({**ANSWER, "street": street}, found, INSIDE).outcome


@pytest.mark.parametrize("street", BASE)
def test_the_streets_of_the_base_are_accepted(street: str) -> None:
    assert asked_for(street, "addok") is asked_for(street, "nominatim") is Outcome.ACCEPTED


@pytest.mark.slow
@settings(max_examples=250)
@given(st.data(), INVENTED, st.sampled_from(["addok", "nominatim"]))
def test_typos_never_turn_an_invented_street_into_one_that_is_accepted(
    data: st.DataObject, street: str, provider: str
) -> None:
    written, typos = data.draw(typed(street, 2))
    assume(is_invented(street, typos))
    event(f"{typos} typos")
    assert asked_for(street, provider) is Outcome.UNDETERMINED
    assert asked_for(written, provider) is Outcome.UNDETERMINED
