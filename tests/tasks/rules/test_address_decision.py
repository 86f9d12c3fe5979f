"""What becomes of a check by its address."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from adapters.address.zones import ZoneGeometry
from adapters.base import (
    Place,
    Places,
    Throttled,
    Unavailable,
)
from config.levels import Level
from jurat.vocabulary import Outcome, Reason
from tasks.checks import Later, NextSource, Review, Settle
from tests.tasks.rules.decided import after, held, question

ADDRESS = {"number": "4", "street": "rue des Tanneurs", "postcode": "99001"}
TOWN = ZoneGeometry("old-town", 3, shapely.to_wkb(shapely.box(2.0, 48.0, 2.1, 48.1)))


def places(longitude: float, **given: Any) -> Places:
    facts: dict[str, Any] = {"number": "4", "street": "Rue des Tanneurs", "postcode": "99001", "score": 0.97, **given}
    return Places("addok", (Place(Level.HOUSENUMBER, longitude, 48.05, **facts),))


@pytest.mark.parametrize(
    ("longitude", "outcome", "reason"),
    [
        (2.05, Outcome.ACCEPTED, Reason.INSIDE_ZONE),
        (2.2, Outcome.REFUSED, Reason.OUTSIDE_ZONE),
        (2.1, Outcome.UNDETERMINED, Reason.NEAR_BORDER),
    ],
)
def test_an_address_is_compared_with_the_zone_of_the_question(
    longitude: float, outcome: Outcome, reason: Reason
) -> None:
    decision = after(places(longitude), asked=question(zone="old-town"), zone=TOWN, answer=ADDRESS)
    assert isinstance(decision, Settle)
    assert (decision.outcome, decision.reason) == (outcome, reason)
    assert decision.evidence["zone_version"] == 3


def test_the_margin_of_the_criterion_is_used() -> None:
    asked = question(zone="old-town", margins={"housenumber": 50_000.0})
    decision = after(places(2.05), asked=asked, zone=TOWN, answer=ADDRESS)
    assert isinstance(decision, Settle)
    assert decision.reason is Reason.NEAR_BORDER


def test_an_address_without_evidence_is_asked_of_the_next_source() -> None:
    decision = after(places(2.05, number="5"), asked=question("first", "second"), zone=TOWN, answer=ADDRESS)
    assert decision == NextSource("second", Reason.HOUSE_NUMBER_NOT_FOUND)


@given(st.booleans(), st.sampled_from([("first",), ("first", "second")]))
def test_an_address_without_an_imported_zone_is_neither_accepted_nor_refused(
    review: bool, sources: tuple[str, ...]
) -> None:
    decision = after(places(2.05), asked=question(*sources, zone="old-town", review=review), answer=ADDRESS)
    assert isinstance(decision, Settle | Later | Review | NextSource)
    assert decision.reason is Reason.CONFIGURATION_MISSING
    assert not (isinstance(decision, Settle) and decision.outcome is not Outcome.UNDETERMINED)


LEANINGS = {"inside": 2.05, "outside": 2.2}
"""Where a house is that decides for each side."""


@pytest.mark.parametrize(("leaning", "longitude"), [("outside", 2.05), ("inside", 2.2)])
@pytest.mark.parametrize("sources", [("first",), ("first", "second")])
@pytest.mark.parametrize("review", [True, False])
def test_two_sources_that_contradict_each_other_decide_nothing_and_no_third_is_asked(
    leaning: str, longitude: float, sources: tuple[str, ...], review: bool
) -> None:
    asked = question(*sources, zone="old-town", review=review)
    decision = after(places(longitude), held(leaning=leaning), asked, zone=TOWN, answer=ADDRESS)
    assert isinstance(decision, Review if review else Settle)
    assert decision.reason is Reason.SOURCES_DISAGREE
    assert decision.evidence.get("leaning") == (leaning if review else None)
    assert not isinstance(decision, Settle) or decision.outcome is Outcome.UNDETERMINED


@pytest.mark.parametrize("leaning", [None, "inside", "outside"])
def test_a_source_that_sees_it_where_the_one_before_did_decides(leaning: str | None) -> None:
    decision = after(places(LEANINGS[leaning or "inside"]), held(leaning=leaning), zone=TOWN, answer=ADDRESS)
    assert isinstance(decision, Settle)
    assert decision.outcome is (Outcome.REFUSED if leaning == "outside" else Outcome.ACCEPTED)


NEAR = 1 / 7_500
"""Ten metres of longitude at this latitude, more or less."""


@pytest.mark.parametrize(("longitude", "leaning"), [(2.1 - NEAR, "inside"), (2.1 + NEAR, "outside")])
def test_what_a_source_saw_without_being_sure_goes_on_to_the_next(longitude: float, leaning: str) -> None:
    asked = question("first", "second", "third", zone="old-town")
    decision = after(places(longitude), asked=asked, zone=TOWN, answer=ADDRESS)
    assert decision == NextSource("second", Reason.NEAR_BORDER, leaning=leaning)
    second = held(source="second", leaning=leaning)
    for found in (places(2.05, number="5"), Unavailable("down"), Throttled("later", retry_after=5)):
        decision = after(found, second, asked, zone=TOWN, answer=ADDRESS)
        assert isinstance(decision, NextSource)
        assert (decision.source, decision.leaning) == ("third", leaning)


def test_two_sources_that_lean_to_different_sides_contradict_each_other() -> None:
    asked = question("first", "second", "third", zone="old-town")
    check = held(source="second", leaning="inside")
    decision = after(places(2.1 + NEAR), check, asked, zone=TOWN, answer=ADDRESS)
    assert isinstance(decision, Settle)
    assert decision.reason is Reason.SOURCES_DISAGREE


def two_towns() -> Places:
    here, there = (places(longitude, city=city).places[0] for longitude, city in ((2.05, "Valmont"), (2.2, "Brévan")))
    return Places("addok", (here, there))


def test_the_candidates_of_an_ambiguous_address_are_sealed_and_nothing_else_is_told_of_them() -> None:
    seen: list[Any] = []

    def seal(candidates: Any) -> bytes:
        seen.append(candidates)
        return b"sealed"

    asked = question("first", "second", zone="old-town", review=True)
    decision = after(two_towns(), asked=asked, zone=TOWN, answer=ADDRESS, seal=seal)
    assert isinstance(decision, Settle)
    assert (decision.reason, decision.candidates) == (Reason.AMBIGUOUS_ADDRESS, b"sealed")
    assert [each["city"] for each in seen[0]] == ["Valmont", "Brévan"]
    assert "Valmont" not in repr(decision)
    after(places(2.05), zone=TOWN, answer=ADDRESS, seal=seal)
    after(places(2.1), zone=TOWN, answer=ADDRESS, seal=seal)
    assert len(seen) == 1, "where one address remains there is nothing to choose"
    decision = after(two_towns(), asked=asked, zone=TOWN, answer=ADDRESS)
    assert isinstance(decision, Settle)
    assert decision.candidates is None


def elsewhere() -> Places:
    """A house as asked, under another postcode."""
    return Places("addok", (replace(places(2.05).places[0], postcode="99003"),))


def test_where_nothing_was_found_as_typed_the_participant_chooses_before_a_person_is_asked() -> None:
    for asked, then in ((question(zone="z"), Settle), (question(zone="z", review=True), Review)):
        decision = after(elsewhere(), asked=asked, zone=TOWN, answer=ADDRESS, seal=lambda _: b"sealed")
        assert isinstance(decision, Settle)
        assert (decision.reason, decision.candidates) == (Reason.AMBIGUOUS_ADDRESS, b"sealed")
        assert decision.evidence["rules"]["postcode"] is False
        assert isinstance(decision.otherwise, then)
        assert decision.otherwise.reason is Reason.POSTCODE_DIFFERS
        assert after(elsewhere(), asked=asked, zone=TOWN, answer=ADDRESS) == decision.otherwise, "no key, no offer"


def test_the_next_source_is_asked_before_the_participant() -> None:
    asked = question("first", "second", zone="z")
    decision = after(elsewhere(), asked=asked, zone=TOWN, answer=ADDRESS, seal=lambda _: b"sealed")
    assert isinstance(decision, NextSource)
    last = after(elsewhere(), held(source="second"), asked, zone=TOWN, answer=ADDRESS, seal=lambda _: b"sealed")
    assert isinstance(last, Settle)
    assert last.reason is Reason.AMBIGUOUS_ADDRESS


@pytest.mark.parametrize("choice", ["offered", "none"])
def test_nothing_more_is_offered_after_a_choice_and_the_verdict_records_it(choice: str) -> None:
    answer = {**ADDRESS, "choice": choice}
    decision = after(elsewhere(), zone=TOWN, answer=answer, seal=lambda _: b"sealed")
    assert isinstance(decision, Settle)
    assert (decision.reason, decision.candidates) == (Reason.POSTCODE_DIFFERS, None)
    assert decision.evidence["chosen"] is (choice == "offered")
    accepted = after(places(2.05), zone=TOWN, answer=answer)
    assert isinstance(accepted, Settle)
    assert (accepted.outcome, accepted.evidence["chosen"]) == (Outcome.ACCEPTED, choice == "offered")


def test_a_person_decides_for_who_is_at_none_of_the_addresses() -> None:
    asked = question(zone="z", review=True)
    decision = after(two_towns(), asked=asked, zone=TOWN, answer={**ADDRESS, "choice": "none"})
    assert isinstance(decision, Review)
    assert decision.reason is Reason.AMBIGUOUS_ADDRESS
    assert isinstance(after(two_towns(), zone=TOWN, answer={**ADDRESS, "choice": "none"}), Settle)


def test_names_are_read_in_the_language_of_their_source() -> None:
    with pytest.raises(ValueError, match="no street words for the language"):
        after(places(2.05), zone=TOWN, answer=ADDRESS, language="xx")
