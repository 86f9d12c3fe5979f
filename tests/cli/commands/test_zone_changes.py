from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.cli.commands.test_zones import SQUARE, WIDER, collection
from tests.cli.commands.valmont import sql
from tests.cli.shell import Shell, is_one_sentence


@pytest.fixture
def moved(town: Shell) -> Shell:
    """The old town has become twice as wide."""
    town.write("wider.geojson", json.dumps(collection(("old-town", WIDER))))
    ran = town("zones", "import", "wider.geojson", "--overlapping")
    assert ran.code == 0, ran.err
    return town


@pytest.mark.slow
def test_a_difference_counts_the_addresses_that_move(moved: Shell) -> None:
    ran = moved("zones", "diff", "old-town", "--json", "--out", "moved.csv")
    assert ran.code == 0
    document: Mapping[str, Any] = ran.json
    assert (document["from"], document["to"], document["entered"], document["left"]) == (1, 2, 1, 0)
    assert document["area_after_m2"] == pytest.approx(2 * document["area_before_m2"], rel=1e-3)
    assert document["shift_m"] == pytest.approx(745, rel=0.01)
    assert document["lost_m2"] == 0
    with (moved.folder / "moved.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["moves"], row["street"], row["postcode"]) == ("in", "Rue du Puits", "00100")
    back = moved("zones", "diff", "old-town", "--from", "2", "--to", "1")
    assert back.code == 0
    assert "addresses: 0 come in, 1 go out" in back.out


def test_a_list_that_is_there_already_is_not_overwritten(moved: Shell) -> None:
    moved.write("moved.csv", "mine")
    ran = moved("zones", "diff", "old-town", "--out", "moved.csv")
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert (moved.folder / "moved.csv").read_text() == "mine"


def test_a_zone_with_one_version_has_no_difference(town: Shell) -> None:
    ran = town("zones", "diff", "old-town")
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert "no version before 1" in ran.err
    assert "did you mean" in town("zones", "diff", "old-toun").err


def add_verdict(shell: Shell, participant: str, distance: int) -> str:
    ran = shell("submit", "budget", participant, "residence", *("--field", "street=x", "--field", "postcode=1"))
    check = ran.out.strip()
    evidence = {"zone": "old-town", "zone_version": 1, "distance_m": distance, "margin_m": 20, "houses": 1}
    sql(
        shell,
        "INSERT INTO jurat_verdicts (check_id, revision, outcome, reason, evidence, decided_by, config_version, "
        "source, fence, decided_at) VALUES (:id, 1, 'refused', 'outside_zone', :evidence, 'worker', 1, 'towns', 1, "
        "'2026-11-25 10:00:00.000')",
        id=check,
        evidence=json.dumps(evidence),
    )
    return check


def test_verdicts_that_the_moved_border_may_concern_are_listed(moved: Shell) -> None:
    near, far = add_verdict(moved, "p-1", -500), add_verdict(moved, "p-2", -1500)
    ran = moved("zones", "affected", "old-town", "--from", "1", "--to", "2")
    assert ran.code == 0
    assert near in ran.out
    assert "refused  outside_zone  -500 m" in ran.out
    assert far not in ran.out
    assert "1 verdict may change" in ran.err
    document = moved("zones", "affected", "old-town", "--from", "1", "--to", "2", "--json").json
    assert [each["check"] for each in document["verdicts"]] == [near]
    none = moved("zones", "affected", "old-town", "--from", "2", "--to", "1")
    assert (none.code, none.out) == (0, "")


@pytest.mark.slow
def test_who_is_in_a_hole_that_was_cut_is_listed_however_far_the_border_was(town: Shell) -> None:
    hole = [[2.004, 48.003], [2.004, 48.007], [2.006, 48.007], [2.006, 48.003], [2.004, 48.003]]
    document = collection(("old-town", SQUARE))
    document["features"][0]["geometry"]["coordinates"].append(hole)
    town.write("holed.geojson", json.dumps(document))
    assert town("zones", "import", "holed.geojson").code == 0
    inmost, beyond = add_verdict(town, "p-1", 350), add_verdict(town, "p-2", 400)
    ran = town("zones", "affected", "old-town", "--from", "1", "--to", "2", "--json")
    assert [each["check"] for each in ran.json["verdicts"]] == [inmost]  # its rim was at most 334 m from the border
    assert beyond not in ran.out
    told = town("zones", "diff", "old-town", "--json").json
    assert told["shift_m"] == pytest.approx(334, rel=0.015)
    assert told["reach_m"] == ran.json["reach_m"] == pytest.approx(373, rel=0.015)


def test_an_unknown_version_is_told(moved: Shell) -> None:
    ran = moved("zones", "affected", "old-town", "--from", "1", "--to", "9")
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert "has no version 9; it has 1, 2" in ran.err
