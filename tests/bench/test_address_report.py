"""What counts as decided and as wrong, and how it comes onto the page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
import shapely

from adapters.address.zones import ZoneGeometry
from bench.addresses import report
from bench.addresses.queries import ORDINARY, Kind, Row, Typed
from bench.addresses.questions import Question, Tally, questions
from bench.addresses.zones import around, cut
from jurat.vocabulary import Outcome, Reason

BOX = shapely.box(2.0, 45.0, 2.1, 45.1)
ZONE = ZoneGeometry("old-town", 1, shapely.to_wkb(BOX))
INSIDE, OUTSIDE, AT_THE_BORDER = (2.05, 45.05), (2.2, 45.05), (2.0999, 45.05)
"""The last is about 8 m from the border, inside."""


def question(*points: tuple[float, float], kind: Kind = Kind.EXACT) -> Question:
    """Asked about the first of `points`, all of which were meant."""
    row = Row("8", "Rue du Moulin", "99001", "Valmont", *(points or (INSIDE,))[0])
    return Question(Typed(kind, {}, row, points), ZONE)


@pytest.mark.parametrize(
    ("points", "outcome", "wrong"),
    [
        ((INSIDE,), Outcome.ACCEPTED, False),
        ((INSIDE,), Outcome.REFUSED, True),
        ((OUTSIDE,), Outcome.ACCEPTED, True),
        ((OUTSIDE,), Outcome.REFUSED, False),
        ((OUTSIDE,), Outcome.UNDETERMINED, False),
        ((), Outcome.ACCEPTED, True),
        ((), Outcome.REFUSED, True),
        ((), Outcome.UNDETERMINED, False),
        ((INSIDE, OUTSIDE), Outcome.ACCEPTED, True),
        ((INSIDE, OUTSIDE), Outcome.REFUSED, True),
        ((INSIDE, AT_THE_BORDER), Outcome.ACCEPTED, False),
    ],
)
def test_a_decision_is_wrong_where_any_point_that_was_meant_is_on_the_other_side_or_nothing_was_meant(
    points: tuple[tuple[float, float], ...], outcome: Outcome, wrong: bool
) -> None:
    assert question(*points).is_wrong(outcome) is wrong


def test_what_is_nearer_to_the_border_than_the_margin_does_not_count_as_decided() -> None:
    tally = Tally()
    tally.count(question(INSIDE), Outcome.ACCEPTED, Reason.INSIDE_ZONE)
    tally.count(question(AT_THE_BORDER), Outcome.UNDETERMINED, Reason.NEAR_BORDER)
    assert (tally.asked, tally.far, tally.decided, tally.near, tally.wrong) == (2, 1, 1, 1, 0)
    assert tally.reasons == {"near_border": 1}


def test_wrong_decisions_near_the_border_are_counted_on_their_own_as_well() -> None:
    tally = Tally()
    assert tally.count(question(AT_THE_BORDER), Outcome.REFUSED, Reason.OUTSIDE_ZONE)
    assert tally.count(question(OUTSIDE), Outcome.ACCEPTED, Reason.INSIDE_ZONE)
    assert (tally.wrong, tally.wrong_near) == (2, 1)


def test_what_is_offered_counts_where_the_address_that_was_meant_is_among_it() -> None:
    asked, tally = question(INSIDE), Tally()
    meant = asked.typed.row.answer
    for candidates in ((), ({**meant, "number": "99"},), ({**meant, "number": "99"}, meant)):
        tally.count(asked, Outcome.UNDETERMINED, Reason.STREET_DIFFERS, candidates)
    assert (tally.asked, tally.offered) == (3, 1)


def test_tallies_add_up() -> None:
    one, other = Tally(asked=2, far=1, reasons=Tally().reasons), Tally(asked=3, decided=1)
    one.reasons["street_level"] += 2
    other.reasons["street_level"] += 1
    one.add(other)
    assert (one.asked, one.far, one.decided, one.reasons["street_level"]) == (5, 1, 1, 3)


def test_each_query_is_asked_for_its_own_zone_and_for_a_neighbouring_one() -> None:
    shapes = cut((2.0, 45.0, 2.1, 45.1), 9, seed=1)
    typed = [
        Typed(Kind.EXACT, {}, Row("8", "Rue du Moulin", "99001", "Valmont", 2.005 + step / 100, 45.05), ())
        for step in range(9)
    ]
    asked = questions(typed, shapes)
    assert len(asked) == 18
    for own, neighbour in zip(asked[::2], asked[1::2], strict=True):
        assert own.typed is neighbour.typed
        assert own.zone.locate(*own.typed.row.point)[0]
        assert not neighbour.zone.locate(*own.typed.row.point)[0]


def test_borders_go_through_the_places_that_are_named() -> None:
    village = [(2.01 + step / 10_000, 45.01) for step in range(10)]
    cells = cut((2.0, 45.0, 3.0, 46.0), 20, 1, village)
    assert all(shapely.from_wkb(cell.wkb).intersects(shapely.LineString(village)) for cell in cells)
    assert len(cells) == 10


@pytest.mark.parametrize("count", [1, 2, 3, 12])
def test_cells_cover_the_box_without_overlap_and_are_the_same_for_the_same_seed(count: int) -> None:
    box = (2.0, 45.0, 2.1, 45.2)
    cells = cut(box, count, seed=5)
    geometries = shapely.from_wkb([cell.wkb for cell in cells])
    assert len(cells) == count
    assert shapely.union_all(geometries).symmetric_difference(shapely.box(*box)).area == pytest.approx(0, abs=1e-12)
    assert sum(shapely.area(geometries)) == pytest.approx(0.02)
    assert cells == cut(box, count, seed=5)
    assert count == 1 or cells != cut(box, count, seed=6)


def test_the_box_around_points_is_a_little_wider() -> None:
    assert around([(2.0, 45.0), (3.0, 47.0)]) == pytest.approx((1.95, 44.9, 3.05, 47.1))


# -------------------------------------------------------------------------------------------------------------- report


def rows(part: str = "addok, 40 zones", command: str = "make bench-addresses", **tally: Any) -> list[dict[str, Any]]:
    given: dict[str, Any] = {"asked": 2000, "far": 1600, "decided": 1584, "near": 200} | tally
    return report.rows_of(part, "Caption.", command, {Kind.EXACT: Tally(**given)})


def test_a_line_has_shares_of_what_they_are_shares_of() -> None:
    (row,) = rows(wrong=2, wrong_near=1, reasons=Tally().reasons)
    cells = [cell.strip() for cell in report.table([row]).splitlines()[2].split("|")[1:-1]]
    assert cells == ["exact", "2,000", "99.0", "10.0", "2", "0.10", "1", "–"]


def test_reasons_are_sorted_by_how_often_they_came() -> None:
    tally = Tally(asked=3)
    tally.reasons.update({"street_level": 1, "near_border": 2})
    assert "near_border 2, street_level 1" in report.table(report.rows_of("addok", "", "", {Kind.EXACT: tally}))


def test_the_page_has_the_latest_run_of_each_part_in_their_order() -> None:
    tallies = {kind: Tally(asked=100, far=50, decided=45, wrong=1) for kind in ORDINARY}
    old, new = (report.rows_of("addok, 40 zones", "Caption.", "make it", tallies) for _ in range(2))
    for row in old:
        row |= {"run": "2026-01-01T00:00:00+00:00", "asked": 7}
    towns = report.rows_of(
        "other towns, by town", "Towns.", "make it", {"Grid": Tally(3, 2, 1), "Hill": Tally(3, 2, 2)}
    )
    shown = report.page([*towns, *new, *old])
    assert "| addok, 40 zones |     1,000 |    10 |  90.0 |" in shown
    assert "\nOther towns, by town: 0 wrong of 6; decided from 50.0 % (Grid) to 100.0 % (Hill).\n" in shown
    assert shown.index("- addok: Caption. Commit") < shown.index("- other towns: Towns. Commit")


def test_a_run_is_kept_and_fails_when_a_decision_was_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "addresses.jsonl"
    options = argparse.Namespace(file=file)
    assert report.keep(options, rows()) == 0
    assert report.keep(options, rows(wrong=1)) == 1
    assert len(file.read_text(encoding="utf-8").splitlines()) == 2
    assert "Caption." in capsys.readouterr().out


def test_a_command_says_what_changes_what_is_counted() -> None:
    assert report.command("bench-towns", []) == "make bench-towns"
    assert report.command("bench-towns", ["--show", "--seed", "7"]) == 'make bench-towns ARGS="--seed 7"'


@pytest.mark.parametrize(("kind", "wrong"), [(Kind.RANGE, True), (Kind.TWO_ADDRESSES, False)])
def test_the_houses_of_a_range_must_be_far_from_the_border_as_well(kind: Kind, wrong: bool) -> None:
    assert question(INSIDE, AT_THE_BORDER, kind=kind).is_wrong(Outcome.ACCEPTED) is wrong
