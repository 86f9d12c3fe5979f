from __future__ import annotations

import math
from dataclasses import replace
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from store.queue.leases import LEASE
from tasks.checks import ClaimedCheck
from tests.worker.engine.works import free
from worker.engine.in_flight import HANGING, TRUSTED, InFlight


def held(number: int = 1, fence: int = 1, source: str = "towns", **given: Any) -> ClaimedCheck:
    return ClaimedCheck(UUID(int=number), fence, "budget", "p", "residence", source, b"", "k", 0, 0, 60.0, **given)


def test_no_lookup_begins_when_the_database_may_have_ended_its_lease() -> None:
    """A second before: the two clocks need not go alike, and what is looked up is to be written as well."""
    now = [100.0]
    in_flight = InFlight(3, clock=lambda: now[0])
    in_flight.add([held(1)], asked=now[0])
    now[0] += LEASE - 1.0
    assert in_flight.start([held(1)]) == []


def test_a_claimed_check_takes_a_slot_until_it_is_looked_up_and_is_held_until_it_is_written() -> None:
    in_flight = InFlight(3)
    check = held()
    in_flight.add([check, held(2)])
    assert (free(in_flight), in_flight.unwritten(), len(in_flight)) == (1, 0, 2)
    in_flight.start([check])
    assert in_flight.mark_looked_up([check]) == 1
    assert (free(in_flight), in_flight.unwritten(), len(in_flight)) == (2, 1, 2)
    in_flight.release([check])
    assert (free(in_flight), in_flight.unwritten(), in_flight.all()) == (2, 0, [held(2)])


def test_checks_that_share_a_look_up_take_one_slot_and_are_all_held() -> None:
    now = [100.0]
    in_flight = InFlight(3, clock=lambda: now[0])
    lot, alone = [held(1), held(2), held(3)], held(4)
    in_flight.add([*lot, alone], sharing={(check.id, check.fence) for check in lot[1:]})
    assert (free(in_flight), in_flight.busy(), len(in_flight)) == (1, (2, {"towns": 2}), 4)
    assert in_flight.room(lambda _: 10.0) == (2, {"towns": 2})
    assert in_flight.start(lot) == lot
    now[0] += 11.0
    assert in_flight.running() == {(lot[0].id, 1): "towns"}
    assert in_flight.unfinished() == [*lot, alone]
    assert in_flight.mark_looked_up(lot) == 1
    assert (free(in_flight), in_flight.unwritten(), in_flight.ended()) == (2, 3, {"towns": 3})
    in_flight.release(lot)
    assert (free(in_flight), in_flight.unwritten(), len(in_flight)) == (2, 0, 1)


def test_what_is_given_back_without_a_look_up_frees_its_slot() -> None:
    in_flight = InFlight(1)
    in_flight.add([held()])
    in_flight.release([held()])
    assert (free(in_flight), len(in_flight)) == (1, 0)


def test_doing_a_thing_twice_frees_no_slot_twice() -> None:
    in_flight = InFlight(2)
    in_flight.add([held(1), held(2)])
    for _ in range(2):
        in_flight.mark_looked_up([held(1)])
        in_flight.release([held(1)])
    assert free(in_flight) == 1


def test_a_look_up_begins_only_while_its_lease_can_be_trusted_by_our_own_clock() -> None:
    now = [100.0]
    in_flight = InFlight(3, clock=lambda: now[0])
    in_flight.add([held(1), held(2)], asked=now[0])
    now[0] += TRUSTED - 0.1
    assert in_flight.start([held(1)])
    in_flight.mark_renewed([held(2)], asked=now[0])
    now[0] += 0.2
    assert in_flight.start([held(2)]), "it was renewed"
    in_flight.add([held(3)], asked=now[0] - TRUSTED)
    assert not in_flight.start([held(3)]), "the process stood still after its claim"


def test_a_renewed_lease_is_trusted_from_when_the_statement_was_sent() -> None:
    """However late its answer comes: the database may have begun to count at once."""
    now = [100.0]
    in_flight = InFlight(3, clock=lambda: now[0])
    in_flight.add([held(1), held(2), held(3)], asked=now[0])
    asked, now[0] = 105.0, 109.0
    in_flight.mark_renewed([held(1), held(2)], asked=asked)
    now[0] = asked + TRUSTED - 0.01
    assert in_flight.start([held(1), held(3)]) == [held(1)], "the third was not renewed"
    now[0] = asked + TRUSTED
    assert in_flight.start([held(2)]) == []


def test_a_look_up_that_comes_too_late_for_its_start_does_not_begin() -> None:
    now = [100.0]
    in_flight = InFlight(9, clock=lambda: now[0])
    at_once, later, unpaced = held(1, late=0.2), held(2, starts_in=0.5, late=0.2), held(3)
    in_flight.add([at_once, later, unpaced], asked=99.5, answered=100.0)
    now[0] = 100.19
    assert in_flight.start([at_once]) == [at_once]
    now[0] = 100.69
    assert in_flight.start([at_once, later, unpaced]) == [later, unpaced]
    now[0] = 100.71
    assert in_flight.start([later, unpaced]) == [unpaced]


def test_a_look_up_that_only_missed_its_start_may_have_another_one() -> None:
    now = [100.0]
    in_flight = InFlight(9, clock=lambda: now[0])
    missed, other, unpaced = held(1, late=0.2), held(2, late=0.2), held(3)
    in_flight.add([missed, other, unpaced], asked=99.5, answered=100.0)
    assert not in_flight.missed_start([missed]), "not yet"
    now[0] = 101.0
    assert in_flight.missed_start([missed, other])
    assert not in_flight.missed_start([missed, unpaced])
    assert in_flight.missed_start([missed], {"towns": 99.5})
    assert not in_flight.missed_start([missed], {"towns": 99.6}), "its source failed after the claim"
    in_flight.move_start([missed], 101.5)
    assert in_flight.start([missed, other]) == [missed]
    now[0] = 99.5 + TRUSTED
    assert not in_flight.missed_start([other]), "another worker may have it"


def test_what_was_claimed_before_its_source_was_shut_does_not_begin() -> None:
    in_flight = InFlight(9, clock=lambda: 20.2)
    before, after, other = held(1), held(2), held(3, source="ban")
    in_flight.add([before, other], asked=10.0, answered=10.1)
    in_flight.add([after], asked=20.0, answered=20.1)
    assert in_flight.start([before, after, other], {"towns": math.inf}) == [other]
    assert in_flight.start([before, after, other], {"towns": 20.0}) == [after, other]


def test_a_lot_begins_and_ends_together() -> None:
    in_flight = InFlight(5)
    lot = [held(n) for n in range(4)]
    in_flight.add(lot)
    assert in_flight.start(lot) == lot
    assert in_flight.room(lambda _: 9.0) == (4, {"towns": 4})
    assert in_flight.mark_looked_up(lot[:3]) == 3
    assert in_flight.freed() == 3
    assert in_flight.room(lambda _: 9.0) == (1, {"towns": 1})
    assert in_flight.freed() == 0


def test_a_check_that_is_claimed_again_while_its_first_look_up_hangs_takes_a_slot_of_its_own() -> None:
    in_flight = InFlight(4)
    hanging, again = held(fence=1), held(fence=2)
    in_flight.add([hanging])
    in_flight.start([hanging])
    in_flight.add([again])
    assert free(in_flight) == 2
    in_flight.start([again])
    in_flight.mark_looked_up([hanging])
    in_flight.release([hanging])
    assert (free(in_flight), in_flight.all()) == (3, [again])
    in_flight.mark_looked_up([again])
    in_flight.release([again])
    assert (free(in_flight), len(in_flight)) == (4, 0)


def test_leases_are_renewed_but_for_look_ups_that_hang() -> None:
    now = [0.0]
    in_flight = InFlight(9, clock=lambda: now[0])
    waiting, under_way, hanging, unwritten = (held(n) for n in range(4))
    in_flight.add([waiting, under_way, hanging, unwritten])
    in_flight.start([hanging])
    in_flight.start([unwritten])
    now[0] = 15.0
    in_flight.mark_looked_up([unwritten])
    in_flight.start([under_way])
    now[0] = 15.0 + HANGING
    assert in_flight.leases(lambda _: 15.0) == [waiting, under_way, unwritten]


def test_a_look_up_that_hangs_keeps_its_slot_but_counts_no_longer_as_its_sources() -> None:
    now = [0.0]
    in_flight = InFlight(9, clock=lambda: now[0])
    in_flight.add([held(1), held(2), held(3, source="ban")])
    in_flight.start([held(1)])
    now[0] = 15.0 + HANGING - 0.1
    assert in_flight.room(lambda _: 15.0) == (3, {"towns": 2, "ban": 1})
    now[0] = 15.0 + HANGING
    assert in_flight.room(lambda _: 15.0) == (3, {"towns": 1, "ban": 1})


class Accounts(RuleBasedStateMachine):
    """Whatever happens to checks in whatever order, slots and holdings add up."""

    checks = Bundle("checks")

    def __init__(self) -> None:
        super().__init__()
        self.in_flight = InFlight(5)
        self.claimed = 0
        self.slots: set[tuple[UUID, int]] = set()
        self.sharing: set[tuple[UUID, int]] = set()
        self.kept: set[tuple[UUID, int]] = set()

    @rule(target=checks, number=st.integers(0, 2), source=st.sampled_from("ab"))
    def claim(self, number: int, source: str) -> ClaimedCheck:
        self.claimed += 1
        check = held(number, fence=self.claimed, source=source)
        self.in_flight.add([check])
        self.slots.add((check.id, check.fence))
        self.kept.add((check.id, check.fence))
        return check

    @rule(target=checks, number=st.integers(0, 2), source=st.sampled_from("ab"))
    def claim_for_a_slot_of_another(self, number: int, source: str) -> ClaimedCheck:
        self.claimed += 1
        check = held(number, fence=self.claimed, source=source)
        self.in_flight.add([check], sharing={(check.id, check.fence)})
        self.sharing.add((check.id, check.fence))
        self.kept.add((check.id, check.fence))
        return check

    @rule(check=checks)
    def look_up(self, check: ClaimedCheck) -> None:
        self.in_flight.mark_looked_up([check])
        self.slots.discard((check.id, check.fence))
        self.sharing.discard((check.id, check.fence))

    @rule(target=checks, check=consumes(checks))
    def write(self, check: ClaimedCheck) -> object:
        self.in_flight.release([replace(check)])
        self.slots.discard((check.id, check.fence))
        self.sharing.discard((check.id, check.fence))
        self.kept.discard((check.id, check.fence))
        return multiple()

    @invariant()
    def everything_adds_up(self) -> None:
        assert free(self.in_flight) == 5 - len(self.slots)
        assert {(check.id, check.fence) for check in self.in_flight.all()} == self.kept
        assert self.in_flight.unwritten() == len(self.kept) - len(self.slots) - len(self.sharing)


TestAccounts = Accounts.TestCase
