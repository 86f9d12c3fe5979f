"""What is reported of a check afterwards, and which verdicts a moved border may affect. On both engines."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any
from uuid import UUID

import pytest

from jurat.vocabulary import Outcome, Reason
from store.explanation import Explanations, NearbyHouse
from tasks.checks import Ended, NextSource, Review, Settle
from tests.store.desk import Desk, attempt
from tests.store.reviews import ReviewDecisions

BOX = (2.0, 45.0, 2.01, 45.01)


@pytest.fixture
def explanations(desk: Desk) -> Explanations:
    return Explanations(desk.engine)


def evidence(distance: int, **more: Any) -> dict[str, Any]:
    base = {"zone": "old-town", "zone_version": 2, "distance_m": distance, "margin_m": 20.0, "houses": 1}
    return {**base, "level": "housenumber", "rules": {"margin": True}, **more}


def inside(desk: Desk, participant: str, distance: int, **more: Any) -> UUID:
    held = desk.held(participant)
    desk.settle(held, Settle(Outcome.ACCEPTED, Reason.INSIDE_ZONE, evidence(distance, **more)))
    return held.id


def near(explanations: Explanations, metres: float, version: int = 2) -> set[UUID]:
    return {row.check for row in explanations.near_border("old-town", version, metres)}


def test_each_look_up_and_each_verdict_is_told_in_order(desk: Desk, explanations: Explanations) -> None:
    held = desk.held("p-secret")
    down = attempt(Ended.FAILED, Reason.SOURCE_UNAVAILABLE, 1.5)
    desk.settle(held, NextSource("ban", Reason.SOURCE_UNAVAILABLE), attempt=down)
    held = desk.claim_one("ban")
    settled = Settle(Outcome.ACCEPTED, Reason.INSIDE_ZONE, evidence(25))
    desk.settle(held, settled, attempt=attempt(reason=Reason.INSIDE_ZONE))
    found = explanations.check(held.id)
    assert (found.consultation, found.question, found.round, found.state) == ("budget", "residence", 1, "settled")
    assert [(each.source, each.result, each.reason) for each in found.attempts] == [
        ("towns", "failed", "source_unavailable"),
        ("ban", "answered", "inside_zone"),
    ]
    assert found.attempts[0].duration_ms == pytest.approx(1500)
    (verdict,) = found.verdicts
    assert (verdict.revision, verdict.outcome, verdict.reason) == (1, "accepted", "inside_zone")
    assert verdict.evidence == evidence(25)
    assert found.access is not None
    assert (found.access.access, found.access.question) == ("incomplete", "accepted")
    assert "p-secret" not in json.dumps(asdict(found), default=str)


def test_a_check_that_is_on_its_way_has_no_verdict(desk: Desk, explanations: Explanations) -> None:
    check = desk.submit()
    found = explanations.check(check.id)
    assert (found.state, found.attempts, found.verdicts, found.review) == ("pending", (), (), None)
    assert found.access is not None
    assert found.access.question == "pending"


def test_a_review_and_its_decision_are_told(desk: Desk, explanations: Explanations) -> None:
    held = desk.held(question="profession")
    desk.settle(held, Review(Reason.NAME_DIFFERS, 3600, {"name": "initial"}))
    review = explanations.check(held.id).review
    assert review is not None
    assert (review.reason, review.evidence, review.decided_at) == ("name_differs", {"name": "initial"}, None)
    ReviewDecisions(desk.engine).decide(held.id, Reason.PERSON_ACCEPTED, "a clerk")
    found = explanations.check(held.id)
    assert found.review is not None
    assert found.review.decided_at is not None
    assert [(each.decided_by, each.reason) for each in found.verdicts] == [("reviewer", "person_accepted")]
    assert "a clerk" not in json.dumps(asdict(found), default=str)


def test_a_check_that_nobody_knows_is_told(explanations: Explanations) -> None:
    with pytest.raises(LookupError, match="there is no check"):
        explanations.check(UUID(int=7))


def test_verdicts_are_found_by_their_distance_on_both_sides(desk: Desk, explanations: Explanations) -> None:
    checks = {distance: inside(desk, f"p{distance}", distance) for distance in (0, 25, -25, 95, -500)}
    assert near(explanations, 0) == {checks[0]}
    assert near(explanations, 24.9) == {checks[0]}
    assert near(explanations, 25) == {checks[0], checks[25], checks[-25]}
    assert near(explanations, 100) == {checks[each] for each in (0, 25, -25, 95)}
    assert near(explanations, 1000) == set(checks.values())
    assert near(explanations, 1000, version=1) == set()
    row = next(row for row in explanations.near_border("old-town", 2, 25) if row.check == checks[-25])
    assert (row.outcome, row.distance_m, row.margin_m, row.question) == ("accepted", -25, 20, "residence")


def test_a_verdict_that_keeps_no_distance_may_be_affected_by_any_change(desk: Desk, explanations: Explanations) -> None:
    held = desk.held("p-1")
    kept = {"zone": "old-town", "zone_version": 2, "rules": {"number": True, "margin": True, "agreed": True}}
    desk.settle(held, Settle(Outcome.ACCEPTED, Reason.INSIDE_ZONE, kept))
    assert near(explanations, 0.1) == {held.id}
    assert near(explanations, 0.1, version=1) == set()
    (row,) = explanations.near_border("old-town", 2, 0.1)
    assert (row.distance_m, row.margin_m) == (None, None)


def test_only_the_newest_verdict_of_a_check_counts(desk: Desk, explanations: Explanations) -> None:
    check = inside(desk, "p-1", 5)
    decisions = ReviewDecisions(desk.engine)
    decisions.reopen(check, "a clerk")
    assert near(explanations, 50) == {check}
    decisions.decide(check, Reason.PERSON_ACCEPTED, "a clerk")
    assert near(explanations, 50) == set()


def test_where_several_houses_were_meant_the_others_may_be_nearer(desk: Desk, explanations: Explanations) -> None:
    check = inside(desk, "p-1", 500, houses=3)
    rough = inside(desk, "p-2", 500, houses=2, margin_m=150.0, level="interpolated")
    assert near(explanations, 19) == {rough}
    assert near(explanations, 20) == {check, rough}


def test_where_several_houses_were_meant_and_none_decided_any_of_them_may_lie_at_the_border(
    desk: Desk, explanations: Explanations
) -> None:
    checks = []
    for participant, houses in (("p-1", 2), ("p-2", 1)):
        held = desk.held(participant)
        undecided = Settle(Outcome.UNDETERMINED, Reason.AMBIGUOUS_ADDRESS, evidence(500, houses=houses))
        desk.settle(held, undecided)
        checks.append(held.id)
    assert near(explanations, 1) == {checks[0]}


def test_the_smallest_margin_of_several_houses_is_what_the_reach_is_compared_with(
    desk: Desk, explanations: Explanations
) -> None:
    doors = inside(desk, "p-1", 500, houses=4, margin_m=200.0, least_margin_m=20.0)
    inside(desk, "p-2", 500, houses=4, margin_m=200.0)
    inside(desk, "p-3", 500, houses=1, margin_m=200.0, least_margin_m=20.0)
    assert near(explanations, 19) == set()
    assert near(explanations, 20) == near(explanations, 199) == {doors}
    (row,) = explanations.near_border("old-town", 2, 20)
    assert row.margin_m == 200


def test_what_was_undetermined_before_a_position_was_looked_at_is_not_listed(
    desk: Desk, explanations: Explanations
) -> None:
    held = desk.held("p-1")
    early = {"zone": "old-town", "zone_version": 2, "rules": {"number": False}}
    desk.settle(held, Settle(Outcome.UNDETERMINED, Reason.HOUSE_NUMBER_NOT_FOUND, early))
    unsure = desk.held("p-2")
    desk.settle(unsure, Settle(Outcome.UNDETERMINED, Reason.NEAR_BORDER, evidence(-5, rules={"margin": False})))
    assert near(explanations, 10_000) == {unsure.id}


def test_pages_leave_nothing_out(desk: Desk, explanations: Explanations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.explanation.PAGE", 2)
    checks = {inside(desk, f"p{number}", 10) for number in range(5)}
    found = [row.check for row in explanations.near_border("old-town", 2, 10)]
    assert len(found) == 5
    assert set(found) == checks


# ------------------------------------------------------------------------------------------------ the local base


def add_dataset(desk: Desk, streets: int = 1, state: str = "active") -> None:
    desk.sql(
        "INSERT INTO jurat_datasets (id, name, version, state, kind, language, digest, data_date, imported_by, "
        "imported_at) VALUES (7, 'towns', 1, :state, 'ban', 'fr', 'd', '2026-11-01', 'ada', NOW)",
        state=state,
    )
    for street in range(streets):
        west = 2.0 + street / 100
        desk.sql(
            "INSERT INTO jurat_dataset_streets (dataset, street, postcode, canonical, name, city, longitude, "
            "latitude, west, south, east, north, numbers) VALUES (7, :street, '00100', 'puits', :name, 'Valmont', "
            ":west, 45.0, :west, 45.0, :east, 45.02, 3)",
            street=street - 1,
            name=f"Rue {street}",
            west=west,
            east=west + 0.009,
        )
        for number in (1, 2, 3):
            desk.sql(
                "INSERT INTO jurat_dataset_houses (dataset, street, number, repetition, line, written, longitude, "
                "latitude) VALUES (7, :street, :number, '', :number, :written, :lon, :lat)",
                street=street - 1,
                number=number,
                written=f"{number}",
                lon=west + 0.002 * number,
                lat=45.0 + 0.005 * number,
            )


@pytest.fixture
def with_datasets(desk: Desk) -> Desk:
    for table in ("jurat_dataset_houses", "jurat_dataset_streets", "jurat_datasets"):
        desk.sql(f"DELETE FROM {table}")
    return desk


def test_the_houses_in_a_box_are_found(with_datasets: Desk, explanations: Explanations) -> None:
    add_dataset(with_datasets)
    assert explanations.has_dataset("towns")
    found = list(explanations.houses("towns", (2.0, 45.0, 2.005, 45.012)))
    assert [(house.number, house.street) for house in found] == [("1", "Rue 0"), ("2", "Rue 0")]
    assert found[0] == NearbyHouse(2.002, 45.005, "1", "Rue 0", "00100", "Valmont")
    assert list(explanations.houses("towns", (3.0, 45.0, 3.1, 45.1))) == []


def test_streets_without_a_house_in_the_box_end_no_page(
    with_datasets: Desk, explanations: Explanations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.explanation.PAGE", 2)
    add_dataset(with_datasets, streets=5)
    assert len(list(explanations.houses("towns", (1.9, 44.9, 2.2, 45.2)))) == 15
    assert [house.street for house in explanations.houses("towns", (2.0, 45.014, 2.2, 45.2))] == [
        f"Rue {n}" for n in range(5)
    ]
    assert [house.number for house in explanations.houses("towns", (2.0459, 45.0, 2.2, 45.2))] == ["3"]


def test_a_base_that_is_not_in_force_has_no_houses(with_datasets: Desk, explanations: Explanations) -> None:
    add_dataset(with_datasets, state="staged")
    assert not explanations.has_dataset("towns")
    assert list(explanations.houses("towns", BOX)) == []
