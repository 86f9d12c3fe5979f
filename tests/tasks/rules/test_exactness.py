"""Positions of one house that differ in how exact they are: the most exact one decides, with its own margin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.address.base.file import AddressFile
from adapters.base import Place, Query
from config.levels import Level
from jurat.vocabulary import Outcome, Reason
from tasks.rules.residence import decide_residence
from tests.tasks.rules.valmont import ANSWER, EAST_ZONE, HOUSE, METRE, WEST_ZONE, decide, residence, undetermined

NEAR_BORDER = undetermined(Reason.NEAR_BORDER)


def at(metres: float, accuracy: float | None = None) -> Place:
    """The house, so many metres inside the zone in the west."""
    return replace(HOUSE, longitude=1.1 - metres * METRE, accuracy=accuracy)


def test_an_entrance_decides_where_the_parcel_lies_beyond_the_border() -> None:
    entrance, parcel = at(30, 10), at(-8, 20)
    for places in ((entrance, parcel), (parcel, entrance)):
        assert decide(*places) == (Outcome.ACCEPTED, Reason.INSIDE_ZONE)
        assert decide(*places, zone=EAST_ZONE) == (Outcome.REFUSED, Reason.OUTSIDE_ZONE)
    assert decide(at(30), at(-8)) == NEAR_BORDER, "nothing says which is better"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (at(30, 10), at(-8, 10)),  # two entrances: one house or two, both count
        (at(30, 10), at(-8)),  # of the other, nobody knows what it is
        (at(30, 10), at(-125, 20)),  # so far apart, there may be two houses
        (at(15, 10), at(-8, 20)),  # the question's margin still holds
        (at(100, 150), at(90, 200)),  # and that of the more exact one
    ],
)
def test_in_doubt_every_position_counts(one: Place, other: Place) -> None:
    for zone in (WEST_ZONE, EAST_ZONE):
        assert decide(one, other, zone=zone) == NEAR_BORDER
        assert decide(other, one, zone=zone) == NEAR_BORDER


def test_a_position_never_has_a_smaller_margin_than_the_question() -> None:
    for accuracy in (None, 0, 10, 20):
        assert decide(at(21, accuracy))[0] is Outcome.ACCEPTED
        assert decide(at(19, accuracy)) == NEAR_BORDER
    assert decide(at(149, 150)) == NEAR_BORDER
    assert residence(at(160, 150)).evidence["margin_m"] == 150
    small = {Level.HOUSENUMBER: 5.0}
    assert decide(at(12, 10), margin=small)[0] is Outcome.ACCEPTED
    assert decide(at(12, 20), margin=small) == NEAR_BORDER


@given(st.lists(st.tuples(st.floats(-300, 300), st.sampled_from([None, 10, 20, 150])), min_size=1, max_size=4))
def test_what_a_base_says_of_its_positions_never_turns_a_side(positions: list[tuple[float, int | None]]) -> None:
    """Where the most exact position and the decision without kinds agree, kinds do not change the side."""
    plain = decide(*(at(metres) for metres, _ in positions))[0]
    told = decide(*(at(metres, accuracy) for metres, accuracy in positions))[0]
    if plain is not Outcome.UNDETERMINED:
        assert told in {plain, Outcome.UNDETERMINED}
    sides = {metres > 0 for metres, _ in positions}
    if told is Outcome.ACCEPTED:
        assert True in sides
    if told is Outcome.REFUSED:
        assert False in sides


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("entrée", "parcelle"), Outcome.ACCEPTED),
        (("entrance", "building"), Outcome.ACCEPTED),
        (("parcelle", "entrée"), Outcome.UNDETERMINED),
        (("parcelle", "parcelle"), Outcome.UNDETERMINED),
        (("", ""), Outcome.UNDETERMINED),
        (("entrée", "gate"), Outcome.UNDETERMINED),
    ],
)
def test_a_base_with_kinds_of_positions(tmp_path: Path, kinds: tuple[str, str], expected: Outcome) -> None:
    lines = ["numero;rep;nom_voie;code_postal;nom_commune;lon;lat;type_position"]
    for metres, kind in zip((30, -8), kinds, strict=True):
        lines.append(f"8;;Rue du Moulin;99002;Valmont;{1.1 - metres * METRE};44.05;{kind}")
    path = tmp_path / "base.csv"
    path.write_text("\n".join(lines))
    found = AddressFile(path).look_up(Query(ANSWER))
    assert decide_residence(ANSWER, found, WEST_ZONE).outcome is expected
