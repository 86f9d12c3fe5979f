"""The address rule where no single house decides: whole streets, near ties, leanings, addresses to choose from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from adapters.base import Place
from cli.lookups.verdict_text import RULES
from jurat.vocabulary import COSTS_NO_ROUND, Outcome, Reason
from tasks.rules.candidates import MOST_CANDIDATES
from tasks.rules.residence import Side
from tests.tasks.rules.valmont import (
    ANSWER,
    ELSEWHERE,
    HOUSE,
    METRE,
    STREET,
    TOWN_ITSELF,
    decide,
    residence,
    undetermined,
)

# ------------------------------------------------------------------------------------------------ whole streets

UNNUMBERED = {**ANSWER, "number": ""}


def street(west: float, east: float, **given: Any) -> Place:
    """A street that reaches from `west` to `east`, its own point in the middle."""
    facts = {"longitude": (west + east) / 2, "extent": (west, 44.049, east, 44.051), **given}
    return replace(STREET, **facts)


@pytest.mark.parametrize(
    ("west", "east", "verdict", "leaning"),
    [
        (1.02, 1.06, (Outcome.ACCEPTED, Reason.INSIDE_ZONE), None),
        (1.12, 1.16, (Outcome.REFUSED, Reason.OUTSIDE_ZONE), None),
        (1.06, 1.14, undetermined(Reason.STREET_LEVEL), None),
        (1.06, 1.1 - 140 * METRE, undetermined(Reason.STREET_LEVEL), Side.INSIDE),
        (1.1 + 140 * METRE, 1.14, undetermined(Reason.STREET_LEVEL), Side.OUTSIDE),
    ],
)
def test_a_street_decides_where_all_of_it_lies_on_one_side(
    west: float, east: float, verdict: tuple[Outcome, Reason], leaning: Side | None
) -> None:
    found = residence(street(west, east), answer=UNNUMBERED)
    assert ((found.outcome, found.reason), found.leaning) == (verdict, leaning)


def test_a_street_whose_extent_nobody_knows_does_not_decide() -> None:
    assert decide(STREET, answer=UNNUMBERED) == undetermined(Reason.STREET_LEVEL)
    part, unknown = street(1.02, 1.06), replace(STREET, longitude=1.03)
    assert decide(part, unknown, answer=UNNUMBERED) == undetermined(Reason.STREET_LEVEL)


@pytest.mark.parametrize("number", ["8", "8-80", "12/3/4"])
def test_a_number_that_was_given_and_not_found_never_decides(number: str) -> None:
    found = residence(street(1.02, 1.06), answer={**ANSWER, "number": number})
    assert (found.reason, found.leaning) == (Reason.HOUSE_NUMBER_NOT_FOUND, Side.INSIDE)


@pytest.mark.parametrize(
    "number", ["eight", "?", "-8", "①", "🙂", "()", "8.5", "8:10", "1 234", "888888", "<script>alert(1)</script>"]
)
@pytest.mark.parametrize("places", [(), (HOUSE,), (replace(HOUSE, number="1"),), (street(1.02, 1.06),)])
def test_a_number_that_is_none_decides_nothing_and_costs_no_round(number: str, places: tuple[Place, ...]) -> None:
    found = residence(*places, answer={**ANSWER, "number": number})
    assert (found.outcome, found.reason) == undetermined(Reason.NUMBER_MALFORMED)
    assert (found.leaning, found.evidence["rules"]) == (None, {"readable": False})
    assert found.reason in COSTS_NO_ROUND


@pytest.mark.parametrize("number", ["", "-", "s/n"])
def test_an_address_without_a_number_is_the_whole_street(number: str) -> None:
    found = residence(street(1.02, 1.06), answer={**ANSWER, "number": number})
    assert (found.outcome, found.reason) == (Outcome.ACCEPTED, Reason.INSIDE_ZONE)


def test_a_street_needs_its_score_too() -> None:
    assert decide(street(1.02, 1.06, score=0.4), answer=UNNUMBERED) == undetermined(Reason.SCORE_TOO_LOW)


def test_two_streets_on_both_sides_are_ambiguous() -> None:
    other = street(1.12, 1.16, city="Port-Valmont")
    answer = {**UNNUMBERED, "city": ""}
    found = residence(street(1.02, 1.06), other, answer=answer)
    assert (found.outcome, found.reason) == undetermined(Reason.AMBIGUOUS_ADDRESS)
    assert [each["city"] for each in found.candidates] == ["Valmont", "Port-Valmont"]
    assert "number" not in found.candidates[0]


# ------------------------------------------------------------------------------------------------ near ties


def test_a_street_of_that_name_in_another_town_makes_it_ambiguous() -> None:
    answer = {**ANSWER, "city": ""}
    rival = replace(STREET, city="Port-Valmont", longitude=ELSEWHERE, score=0.61)
    found = residence(HOUSE, rival, answer=answer)
    assert (found.outcome, found.reason) == undetermined(Reason.AMBIGUOUS_ADDRESS)
    assert found.evidence["rules"]["agreed"] is False
    assert found.candidates == (
        {"number": "8", "street": "Rue du Moulin", "postcode": "99002", "city": "Valmont"},
        {"number": "8", "street": "Rue du Moulin", "postcode": "99002", "city": "Port-Valmont"},
    )
    assert decide(HOUSE, replace(rival, longitude=1.06), answer=answer)[0] is Outcome.ACCEPTED
    assert decide(HOUSE, rival)[0] is Outcome.ACCEPTED, "the town that was named is not that one"


def test_scores_are_compared_where_both_are_of_one_level() -> None:
    answer = {**ANSWER, "city": ""}
    rival = replace(HOUSE, number="10", city="Port-Valmont", longitude=ELSEWHERE)
    for score, verdict in (
        (0.91, undetermined(Reason.AMBIGUOUS_ADDRESS)),
        (0.85, (Outcome.ACCEPTED, Reason.INSIDE_ZONE)),
        (None, undetermined(Reason.AMBIGUOUS_ADDRESS)),
    ):
        assert decide(HOUSE, replace(rival, score=score), answer=answer) == verdict


def test_a_street_whose_name_is_less_alike_is_no_rival() -> None:
    answer = {**ANSWER, "street": "rue du Moulin Vert", "city": ""}
    own = replace(HOUSE, street="Rue du Moulim Vert")
    rival = replace(STREET, street="Rue du Moulin Verd", longitude=ELSEWHERE)
    assert decide(own, rival, answer=answer)[0] is Outcome.ACCEPTED
    assert decide(own, replace(rival, street="Rue du Moulix Vert"), answer=answer) == undetermined(
        Reason.AMBIGUOUS_ADDRESS
    )


@pytest.mark.parametrize(("metres", "clear"), [(200, True), (140, False), (0, False), (-140, False), (-200, False)])
def test_a_street_lies_elsewhere_unless_its_point_is_clear_of_the_border(metres: float, *, clear: bool) -> None:
    answer = {**ANSWER, "city": ""}
    rival = replace(STREET, city="Port-Valmont", longitude=1.1 - metres * METRE)
    reached = replace(street(1.05, 1.1 - metres * METRE), city="Port-Valmont")
    for other in (rival, reached):
        assert (decide(HOUSE, other, answer=answer)[0] is Outcome.ACCEPTED) is clear


# ------------------------------------------------------------------------------------------------ leanings, candidates


@pytest.mark.parametrize(("metres", "leaning"), [(15, Side.INSIDE), (-15, Side.OUTSIDE)])
def test_what_is_too_near_to_the_border_leans(metres: float, leaning: Side) -> None:
    near = replace(HOUSE, longitude=1.1 - metres * METRE)
    assert residence(near).leaning is leaning
    second = replace(HOUSE, longitude=1.1 + metres * METRE, score=0.9)
    assert residence(near, second).leaning is None, "nothing agrees"


@pytest.mark.parametrize("score", [0.9, 0.99])
def test_one_address_with_a_position_too_near_to_the_border_is_not_ambiguous(score: float) -> None:
    for metres, leaning in ((15, Side.INSIDE), (-15, None)):
        near = replace(HOUSE, longitude=1.1 - metres * METRE, score=score)
        found = residence(HOUSE, near)
        assert (found.outcome, found.reason) == undetermined(Reason.NEAR_BORDER)
        assert (found.leaning, found.candidates) == (leaning, ())
        assert found.evidence["distance_m"] == metres
    other = replace(HOUSE, longitude=1.1 - 15 * METRE, score=0.9, city="Port-Valmont")
    assert residence(HOUSE, other, answer={**ANSWER, "city": ""}).reason is Reason.AMBIGUOUS_ADDRESS


def test_what_decides_and_what_is_not_sure_of_its_address_leans_nowhere() -> None:
    assert residence(HOUSE).leaning is None
    assert residence(replace(HOUSE, score=0.1)).leaning is None
    assert residence(replace(HOUSE, postcode="99001")).leaning is None


def test_at_most_ten_addresses_are_offered_the_likeliest_first_and_each_once() -> None:
    answer = {**ANSWER, "city": ""}
    towns = [
        replace(HOUSE, city=f"Valmont-{n}", longitude=1.05 if n % 2 else ELSEWHERE, score=0.9 - n / 100)
        for n in range(12)
    ]
    found = residence(*reversed(towns), towns[0], answer=answer)
    assert [each["city"] for each in found.candidates] == [f"Valmont-{n}" for n in range(MOST_CANDIDATES)]


def test_one_address_at_two_places_is_nothing_to_choose_from() -> None:
    found = residence(HOUSE, replace(HOUSE, longitude=ELSEWHERE))
    assert (found.reason, found.candidates, found.leaning) == (Reason.NEAR_BORDER, (), None)


def test_the_candidate_that_is_chosen_decides() -> None:
    answer = {**ANSWER, "city": ""}
    places = (HOUSE, replace(HOUSE, city="Port-Valmont", longitude=ELSEWHERE))
    here, there = residence(*places, answer=answer).candidates
    assert decide(*places, answer=dict(here)) == (Outcome.ACCEPTED, Reason.INSIDE_ZONE)
    assert decide(*places, answer=dict(there)) == (Outcome.REFUSED, Reason.OUTSIDE_ZONE)


def test_the_rules_stand_in_the_evidence_up_to_the_one_that_did_not_hold() -> None:
    for places, number, last in (
        ([], "8", "found"),
        ([TOWN_ITSELF], "8", "street"),
        ([replace(HOUSE, street="Rue du Port")], "8", "name"),
        ([replace(HOUSE, postcode="99001")], "8", "postcode"),
        ([STREET], "8", "number"),
        ([STREET], "", "whole_street"),
        ([replace(HOUSE, score=0.1)], "8", "score"),
    ):
        rules = residence(*places, answer={**ANSWER, "number": number}).evidence["rules"]
        assert [rule for rule, held in rules.items() if not held] == [last]
        assert list(rules)[-1] == last
        assert list(rules) == sorted(rules, key=list(RULES).index)
