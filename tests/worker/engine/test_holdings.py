from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from tasks.checks import Held
from worker.engine.holdings import HANGING, TRUSTED, Holdings


def held(number: int = 1, fence: int = 1, source: str = "towns") -> Held:
    return Held(UUID(int=number), fence, "budget", "p", "residence", source, b"", "k", 0, 0, 60.0)


def test_a_claimed_check_takes_a_slot_until_it_is_looked_up_and_is_held_until_it_is_written() -> None:
    holdings = Holdings(3)
    check = held()
    holdings.add([check, held(2)])
    assert (holdings.free(), holdings.unwritten(), len(holdings)) == (1, 0, 2)
    holdings.start(check)
    assert holdings.looked_up(check) == 2
    assert (holdings.free(), holdings.unwritten(), len(holdings)) == (2, 1, 2)
    holdings.release([check])
    assert (holdings.free(), holdings.unwritten(), holdings.all()) == (2, 0, [held(2)])


def test_what_is_given_back_without_a_look_up_frees_its_slot() -> None:
    holdings = Holdings(1)
    holdings.add([held()])
    holdings.release([held()])
    assert (holdings.free(), len(holdings)) == (1, 0)


def test_doing_a_thing_twice_frees_no_slot_twice() -> None:
    holdings = Holdings(2)
    holdings.add([held(1), held(2)])
    for _ in range(2):
        holdings.looked_up(held(1))
        holdings.release([held(1)])
    assert holdings.free() == 1


def test_a_look_up_begins_only_while_its_lease_can_be_trusted_by_our_own_clock() -> None:
    now = [100.0]
    holdings = Holdings(3, clock=lambda: now[0])
    holdings.add([held(1), held(2)], asked=now[0])
    now[0] += TRUSTED - 0.1
    assert holdings.start(held(1))
    holdings.renewed([held(2)], asked=now[0])
    now[0] += 0.2
    assert holdings.start(held(2)), "it was renewed"
    holdings.add([held(3)], asked=now[0] - TRUSTED)
    assert not holdings.start(held(3)), "the process stood still after its claim"


def test_a_check_that_is_claimed_again_while_its_first_look_up_hangs_takes_a_slot_of_its_own() -> None:
    holdings = Holdings(4)
    hanging, again = held(fence=1), held(fence=2)
    holdings.add([hanging])
    holdings.start(hanging)
    holdings.add([again])
    assert holdings.free() == 2
    holdings.start(again)
    holdings.looked_up(hanging)
    holdings.release([hanging])
    assert (holdings.free(), holdings.all()) == (3, [again])
    holdings.looked_up(again)
    holdings.release([again])
    assert (holdings.free(), len(holdings)) == (4, 0)


def test_leases_are_renewed_but_for_look_ups_that_hang() -> None:
    now = [0.0]
    holdings = Holdings(9, clock=lambda: now[0])
    waiting, under_way, hanging, unwritten = (held(n) for n in range(4))
    holdings.add([waiting, under_way, hanging, unwritten])
    holdings.start(hanging)
    holdings.start(unwritten)
    now[0] = 15.0
    holdings.looked_up(unwritten)
    holdings.start(under_way)
    now[0] = 15.0 + HANGING
    assert holdings.leases(lambda _: 15.0) == [waiting, under_way, unwritten]


class Accounts(RuleBasedStateMachine):
    """Whatever happens to checks in whatever order, slots and holdings add up."""

    checks = Bundle("checks")

    def __init__(self) -> None:
        super().__init__()
        self.holdings = Holdings(5)
        self.claimed = 0
        self.slots: set[tuple[UUID, int]] = set()
        self.kept: set[tuple[UUID, int]] = set()

    @rule(target=checks, number=st.integers(0, 2), source=st.sampled_from("ab"))
    def claim(self, number: int, source: str) -> Held:
        self.claimed += 1
        check = held(number, fence=self.claimed, source=source)
        self.holdings.add([check])
        self.slots.add((check.id, check.fence))
        self.kept.add((check.id, check.fence))
        return check

    @rule(check=checks)
    def look_up(self, check: Held) -> None:
        self.holdings.looked_up(check)
        self.slots.discard((check.id, check.fence))

    @rule(target=checks, check=consumes(checks))
    def write(self, check: Held) -> object:
        self.holdings.release([replace(check)])
        self.slots.discard((check.id, check.fence))
        self.kept.discard((check.id, check.fence))
        return multiple()

    @invariant()
    def everything_adds_up(self) -> None:
        assert self.holdings.free() == 5 - len(self.slots)
        assert {(check.id, check.fence) for check in self.holdings.all()} == self.kept
        assert self.holdings.unwritten() == len(self.kept) - len(self.slots)


TestAccounts = Accounts.TestCase
