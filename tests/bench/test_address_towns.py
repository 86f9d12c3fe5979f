"""Invented towns are towns: many streets and houses, each at its place, and in a base near it."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.address.zones import ZoneGeometry
from bench.addresses.queries import ORDINARY, Kind, queries, read_base
from bench.addresses.towns import METRES_PER_DEGREE, OFF_M, TOWNS, Town, build, write_base
from bench.addresses.zones import around, cut
from bench.other_towns import ask

BY_NAME = pytest.mark.parametrize("town", TOWNS, ids=lambda town: town.name)


@BY_NAME
def test_a_town_has_streets_and_houses_in_each_of_its_postcodes(town: Town) -> None:
    rows = build(town, 1)
    for postcode in town.postcodes:
        mine = [row for row in rows if row.postcode == postcode]
        assert len({row.street for row in mine}) >= 10
        assert len(mine) >= 100


@BY_NAME
def test_a_town_gives_every_kind_of_query(town: Town) -> None:
    made = [one.kind for one in queries(build(town, 1), 5, 1, town.style)]
    assert {kind: made.count(kind) for kind in ORDINARY} == dict.fromkeys(ORDINARY, 5)


def test_the_same_seed_builds_the_same_town_and_another_one_another() -> None:
    assert build(TOWNS[0], 1) == build(TOWNS[0], 1) != build(TOWNS[0], 2)


def test_a_base_has_each_house_beside_its_true_place_by_less_than_the_margin(tmp_path: Path) -> None:
    rows = build(TOWNS[0], 1)
    write_base(tmp_path / "base.csv", rows, 1)
    written = read_base(tmp_path / "base.csv")
    assert [(row.number, row.street, row.postcode) for row in written] == [
        (row.number, row.street, row.postcode) for row in rows
    ]
    off = [METRES_PER_DEGREE * abs(one.latitude - other.latitude) for one, other in zip(rows, written, strict=True)]
    assert OFF_M / 2 < max(off) <= OFF_M


def test_houses_of_a_town_lie_in_the_zones_that_cut_it() -> None:
    rows = build(TOWNS[0], 1)
    zones = [ZoneGeometry(cell.name, 1, cell.wkb) for cell in cut(around([row.point for row in rows]), 5, 1)]
    assert all(sum(zone.locate(*row.point)[0] for zone in zones) == 1 for row in rows[:200])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Town whose streets share words", "German town"])
def test_the_rule_decides_exact_addresses_of_a_town_that_it_has_never_seen_and_none_wrongly(name: str) -> None:
    (town,) = (town for town in TOWNS if town.name == name)
    tallies = ask(town, 10, seed=1)
    assert sum(tally.wrong for tally in tallies.values()) == 0
    assert tallies[Kind.EXACT].decided >= tallies[Kind.EXACT].far * 0.9
    assert tallies[Kind.INVENTED].decided == 0
