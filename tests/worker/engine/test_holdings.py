from __future__ import annotations

import math
from dataclasses import replace
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from tasks.checks import Held
from tasks.ledger.leasing import LEASE
from worker.engine.holdings import HANGING, TRUSTED, Holdings


def held(number: int = 1, fence: int = 1, source: str = "towns", **given: Any) -> Held:
    return Held(UUID(int=number), fence, "budget", "p", "residence", source, b"", "k", 0, 0, 60.0, **given)


def test_a_claimed_check_takes_a_slot_until_it_is_looked_up_and_is_held_until_it_is_written() -> None:
    holdings = Holdings(3)
    check = held()
    holdings.add([check, held(2)])
    assert (holdings.free(), holdings.unwritten(), len(holdings)) == (1, 0, 2)
    holdings.start([check])
    assert holdings.looked_up([check]) == 1
    assert (holdings.free(), holdings.unwritten(), len(holdings)) == (2, 1, 2)
    holdings.release([check])
    assert (holdings.free(), holdings.unwritten(), holdings.all()) == (2, 0, [held(2)])


def test_checks_that_share_a_look_up_take_one_slot_and_are_all_held() -> None:
    now = [100.0]
    holdings = Holdings(3, clock=lambda: now[0])
    lot, alone = [held(1), held(2), held(3)], held(4)
    holdings.add([*lot, alone], sharing={(check.id, check.fence) for check in lot[1:]})
    assert (holdings.free(), holdings.busy(), len(holdings)) == (1, (2, {"towns": 2}), 4)
    assert holdings.room(lambda _: 10.0) == (2, {"towns": 2})
    assert holdings.start(lot) == lot
    now[0] += 11.0
    assert holdings.running() == {(lot[0].id, 1): "towns"}
    assert holdings.unfinished() == [*lot, alone]
    assert holdings.looked_up(lot) == 1
    assert (holdings.free(), holdings.unwritten(), holdings.ended()) == (2, 3, {"towns": 3})
    holdings.release(lot)
    assert (holdings.free(), holdings.unwritten(), len(holdings)) == (2, 0, 1)


def test_what_is_given_back_without_a_look_up_frees_its_slot() -> None:
    holdings = Holdings(1)
    holdings.add([held()])
    holdings.release([held()])
    assert (holdings.free(), len(holdings)) == (1, 0)


def test_doing_a_thing_twice_frees_no_slot_twice() -> None:
    holdings = Holdings(2)
    holdings.add([held(1), held(2)])
    for _ in range(2):
        holdings.looked_up([held(1)])
        holdings.release([held(1)])
    assert holdings.free() == 1


def test_a_look_up_begins_only_while_its_lease_can_be_trusted_by_our_own_clock() -> None:
    now = [100.0]
    holdings = Holdings(3, clock=lambda: now[0])
    holdings.add([held(1), held(2)], asked=now[0])
    now[0] += TRUSTED - 0.1
    assert holdings.start([held(1)])
    holdings.renewed([held(2)], asked=now[0])
    now[0] += 0.2
    assert holdings.start([held(2)]), "it was renewed"
    holdings.add([held(3)], asked=now[0] - TRUSTED)
    assert not holdings.start([held(3)]), "the process stood still after its claim"


def test_no_lookup_begins_when_the_database_may_have_ended_its_lease() -> None:
    """A second before: the two clocks need not go alike, and what is looked up is to be written as well."""
    now = [100.0]
    holdings = Holdings(3, clock=lambda: now[0])
    holdings.add([held(1)], asked=now[0])
    now[0] += LEASE - 1.0
    assert holdings.start([held(1)]) == []


def test_a_renewed_lease_is_trusted_from_when_the_statement_was_sent() -> None:
    """However late its answer comes: the database may have begun to count at once."""
    now = [100.0]
    holdings = Holdings(3, clock=lambda: now[0])
    holdings.add([held(1), held(2), held(3)], asked=now[0])
    asked, now[0] = 105.0, 109.0
    holdings.renewed([held(1), held(2)], asked=asked)
    now[0] = asked + TRUSTED - 0.01
    assert holdings.start([held(1), held(3)]) == [held(1)], "the third was not renewed"
    now[0] = asked + TRUSTED
    assert holdings.start([held(2)]) == []


def test_a_look_up_that_comes_too_late_for_its_start_does_not_begin() -> None:
    now = [100.0]
    holdings = Holdings(9, clock=lambda: now[0])
    at_once, later, unpaced = held(1, late=0.2), held(2, starts_in=0.5, late=0.2), held(3)
    holdings.add([at_once, later, unpaced], asked=99.5, answered=100.0)
    now[0] = 100.19
    assert holdings.start([at_once]) == [at_once]
    now[0] = 100.69
    assert holdings.start([at_once, later, unpaced]) == [later, unpaced]
    now[0] = 100.71
    assert holdings.start([later, unpaced]) == [unpaced]


def test_what_was_claimed_before_its_source_was_shut_does_not_begin() -> None:
    holdings = Holdings(9, clock=lambda: 20.2)
    before, after, other = held(1), held(2), held(3, source="ban")
    holdings.add([before, other], asked=10.0, answered=10.1)
    holdings.add([after], asked=20.0, answered=20.1)
    assert holdings.start([before, after, other], {"towns": math.inf}) == [other]
    assert holdings.start([before, after, other], {"towns": 20.0}) == [after, other]


def test_a_lot_begins_and_ends_together() -> None:
    holdings = Holdings(5)
    lot = [held(n) for n in range(4)]
    holdings.add(lot)
    assert holdings.start(lot) == lot
    assert holdings.room(lambda _: 9.0) == (4, {"towns": 4})
    assert holdings.looked_up(lot[:3]) == 3
    assert holdings.freed() == 3
    assert holdings.room(lambda _: 9.0) == (1, {"towns": 1})
    assert holdings.freed() == 0


def test_a_check_that_is_claimed_again_while_its_first_look_up_hangs_takes_a_slot_of_its_own() -> None:
    holdings = Holdings(4)
    hanging, again = held(fence=1), held(fence=2)
    holdings.add([hanging])
    holdings.start([hanging])
    holdings.add([again])
    assert holdings.free() == 2
    holdings.start([again])
    holdings.looked_up([hanging])
    holdings.release([hanging])
    assert (holdings.free(), holdings.all()) == (3, [again])
    holdings.looked_up([again])
    holdings.release([again])
    assert (holdings.free(), len(holdings)) == (4, 0)


def test_leases_are_renewed_but_for_look_ups_that_hang() -> None:
    now = [0.0]
    holdings = Holdings(9, clock=lambda: now[0])
    waiting, under_way, hanging, unwritten = (held(n) for n in range(4))
    holdings.add([waiting, under_way, hanging, unwritten])
    holdings.start([hanging])
    holdings.start([unwritten])
    now[0] = 15.0
    holdings.looked_up([unwritten])
    holdings.start([under_way])
    now[0] = 15.0 + HANGING
    assert holdings.leases(lambda _: 15.0) == [waiting, under_way, unwritten]


def test_a_look_up_that_hangs_keeps_its_slot_but_counts_no_longer_as_its_sources() -> None:
    now = [0.0]
    holdings = Holdings(9, clock=lambda: now[0])
    holdings.add([held(1), held(2), held(3, source="ban")])
    holdings.start([held(1)])
    now[0] = 15.0 + HANGING - 0.1
    assert holdings.room(lambda _: 15.0) == (3, {"towns": 2, "ban": 1})
    now[0] = 15.0 + HANGING
    assert holdings.room(lambda _: 15.0) == (3, {"towns": 1, "ban": 1})


class Accounts(RuleBasedStateMachine):
    """Whatever happens to checks in whatever order, slots and holdings add up."""

    checks = Bundle("checks")

    def __init__(self) -> None:
        super().__init__()
        self.holdings = Holdings(5)
        self.claimed = 0
        self.slots: set[tuple[UUID, int]] = set()
        self.sharing: set[tuple[UUID, int]] = set()
        self.kept: set[tuple[UUID, int]] = set()

    @rule(target=checks, number=st.integers(0, 2), source=st.sampled_from("ab"))
    def claim(self, number: int, source: str) -> Held:
        self.claimed += 1
        check = held(number, fence=self.claimed, source=source)
        self.holdings.add([check])
        self.slots.add((check.id, check.fence))
        self.kept.add((check.id, check.fence))
        return check

    @rule(target=checks, number=st.integers(0, 2), source=st.sampled_from("ab"))
    def claim_for_a_slot_of_another(self, number: int, source: str) -> Held:
        self.claimed += 1
        check = held(number, fence=self.claimed, source=source)
        self.holdings.add([check], sharing={(check.id, check.fence)})
        self.sharing.add((check.id, check.fence))
        self.kept.add((check.id, check.fence))
        return check

    @rule(check=checks)
    def look_up(self, check: Held) -> None:
        self.holdings.looked_up([check])
        self.slots.discard((check.id, check.fence))
        self.sharing.discard((check.id, check.fence))

    @rule(target=checks, check=consumes(checks))
    def write(self, check: Held) -> object:
        self.holdings.release([replace(check)])
        self.slots.discard((check.id, check.fence))
        self.sharing.discard((check.id, check.fence))
        self.kept.discard((check.id, check.fence))
        return multiple()

    @invariant()
    def everything_adds_up(self) -> None:
        assert self.holdings.free() == 5 - len(self.slots)
        assert {(check.id, check.fence) for check in self.holdings.all()} == self.kept
        assert self.holdings.unwritten() == len(self.kept) - len(self.slots) - len(self.sharing)


TestAccounts = Accounts.TestCase
