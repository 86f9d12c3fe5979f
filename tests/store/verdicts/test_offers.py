"""So many addresses are offered to a participant in an hour, and no more."""

from __future__ import annotations

from dataclasses import replace

from jurat.vocabulary import Outcome, Reason, State
from store.verdicts.offers import MOST_OFFERS, OFFER_WINDOW_S
from tasks.checks import ClaimedCheck, Review, Settle
from tests.store.desk import Desk
from tests.store.passing import let_pass

ELSEWHERE = Settle(Outcome.UNDETERMINED, Reason.POSTCODE_DIFFERS)
OFFER = Settle(Outcome.UNDETERMINED, Reason.AMBIGUOUS_ADDRESS, candidates=b"sealed", otherwise=ELSEWHERE)


def last(desk: Desk, participant: str, decision: Settle = OFFER) -> ClaimedCheck:
    """The check of the answer after `MOST_OFFERS` that were offered addresses, decided like them."""
    for _ in range(MOST_OFFERS):
        held = desk.held(participant)
        desk.settle(held, decision)
        assert desk.verdicts(held.id) == [("undetermined", "ambiguous_address")]
    held = desk.held(participant)
    desk.settle(held, decision)
    return held


def test_one_offer_too_many_is_decided_without_it_and_costs_the_round(desk: Desk) -> None:
    held = last(desk, "p-1")
    assert desk.verdicts(held.id) == [("undetermined", "postcode_differs")]
    assert desk.row(held.id, "candidates, candidates_until") == (None, None)
    assert desk.client.access("budget", "p-1").rounds_left["residence"] == 0


def test_the_others_are_offered_addresses_all_the_same(desk: Desk) -> None:
    last(desk, "p-1")
    other = desk.held("p-2")
    desk.settle(other, OFFER)
    assert desk.verdicts(other.id) == [("undetermined", "ambiguous_address")]


def test_it_may_be_a_person_who_decides_then(desk: Desk) -> None:
    review = Review(Reason.POSTCODE_DIFFERS, 60.0)
    held = last(desk, "p-1", replace(OFFER, otherwise=review))
    assert desk.row(held.id, "state") == State.REVIEW


def test_an_hour_later_there_are_offers_again(desk: Desk) -> None:
    for _ in range(MOST_OFFERS):
        desk.settle(desk.held("p-1"), OFFER)
    let_pass(desk, (OFFER_WINDOW_S + 1) / 86_400)
    held = desk.held("p-1")
    desk.settle(held, OFFER)
    assert desk.verdicts(held.id) == [("undetermined", "ambiguous_address")]
