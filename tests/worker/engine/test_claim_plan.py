"""What is claimed: a function of values, so that whatever a process may come to hold can be tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.checks import ClaimedCheck
from tasks.rules.source_limits import AHEAD, Demand
from tests.store.desk import DOCUMENT, Desk
from tests.tasks.roll import document
from worker.engine.claim_plan import (
    LEFT,
    MOST_AHEAD,
    RESERVE,
    ClaimPlan,
    ClaimScope,
    claim_plan,
    lone_demands,
    scope_of,
    share,
)

NAMES = ("ban", "codes", "rpps", "towns", "zip")


def limits(name: str) -> st.SearchStrategy[Demand]:
    """A source with one limit, with several, or with none."""
    one: list[dict[str, st.SearchStrategy[Any]]] = [
        {},
        {"concurrency": st.integers(1, 600)},
        {"interval": st.floats(0.0001, 0.01), "burst": st.integers(1, 10), "late": st.floats(0.05, 0.5)},
        {"daily": st.integers(1, 1000)},
        {"batch": st.integers(2, 20)},
    ]
    several = {key: value for limit in one for key, value in limit.items()}
    return st.one_of(*(st.builds(Demand, st.just(name), st.just(0), **limit) for limit in (*one, several)))


@st.composite
def scopes(draw: st.DrawFn) -> ClaimScope:
    slots, names = draw(st.integers(1, 128)), draw(st.lists(st.sampled_from(NAMES), unique=True))
    sources = {name: draw(limits(name)) for name in names}
    paced = any(demand.interval is not None for demand in sources.values())
    most = slots if paced else slots + slots // 4
    has_it_at_hand = draw(st.sets(st.sampled_from(NAMES), max_size=1))  # then one lookup takes any number
    at_once = {name: None if name in has_it_at_hand else demand.batch for name, demand in sources.items()}
    return ClaimScope(sources, slots, most, most if len(names) < 2 else share(slots, len(names)), at_once)


@dataclass
class Situation:
    """What a process holds, and how it goes. Some of what it holds may be of sources that it no longer serves."""

    scope: ClaimScope
    held: Counter[str]
    hanging: Counter[str]
    throughput: dict[str, float]
    room: dict[str, int]
    shut: set[str]
    turn: int
    busy: int = field(init=False)

    def __post_init__(self) -> None:
        self.busy = (self.held + self.hanging).total()

    def plan(self, turn: int | None = None) -> ClaimPlan:
        at = self.turn if turn is None else turn
        return claim_plan(self.scope, self.busy, self.held, self.throughput, self.room, self.shut, at)

    @property
    def reserve(self) -> dict[str, int]:
        """How many checks of each source may wait beyond the slots at most, by what is written of `RESERVE`."""
        return {
            name: min(MOST_AHEAD, int(pace * RESERVE)) if name in self.scope.sources else 0
            for name, pace in self.throughput.items()
        }

    def may_hold(self, name: str) -> int:
        return self.scope.most_of_one + self.reserve.get(name, 0)


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    counts = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 9)).map(Counter[str])
    return Situation(
        draw(scopes()),
        draw(counts),
        draw(st.dictionaries(st.sampled_from(NAMES), st.integers(0, 3)).map(Counter[str])),
        draw(st.fixed_dictionaries(dict.fromkeys(NAMES, st.floats(0, 3000)))),
        draw(st.dictionaries(st.sampled_from(NAMES), st.integers(0, 1200))),
        draw(st.sets(st.sampled_from(NAMES))),
        draw(st.integers(0, 100)),
    )


# ------------------------------------------------------------------------------------------------ one claim


@given(situations())
def test_every_served_source_is_asked_for_once_with_its_limits_and_no_other(situation: Situation) -> None:
    demands = situation.plan().demands
    assert {demand.source: replace(demand, free=0) for demand in demands} == situation.scope.sources
    assert len(demands) == len(situation.scope.sources)


@given(situations())
def test_no_more_is_asked_of_a_source_than_its_share_and_what_is_free_allow(situation: Situation) -> None:
    plan = situation.plan()
    for demand in plan.demands:
        lookups = demand.lookups(demand.free)
        assert demand.free == lookups * demand.batch >= 0, "whole lookups"
        assert lookups <= max(0, plan.free)
        assert lookups == 0 or situation.held[demand.source] + lookups <= situation.may_hold(demand.source)
    assert situation.busy + plan.free <= situation.scope.most + sum(situation.reserve.values())


@given(situations())
def test_nothing_is_asked_of_a_source_that_is_shut(situation: Situation) -> None:
    assert not any(demand.free for demand in situation.plan().demands if demand.source in situation.shut)


@given(situations())
def test_no_slot_stays_free_that_an_open_source_below_its_share_could_use(situation: Situation) -> None:
    plan = situation.plan()
    assert plan.free >= situation.scope.most - situation.busy
    for demand in plan.demands:
        below = situation.scope.most_of_one - situation.held[demand.source]
        if demand.source not in situation.shut:
            assert demand.lookups(demand.free) >= min(below, plan.free)


@given(situations())
def test_nothing_is_claimed_ahead_of_a_source_whose_quota_holds_it_back(situation: Situation) -> None:
    scope = situation.scope
    plan = situation.plan()
    for demand in plan.demands:
        pace = situation.throughput.get(demand.source, 0.0)
        ahead = situation.held[demand.source] + demand.lookups(demand.free) - scope.most_of_one
        slow = demand.interval is not None and pace * demand.step > 0.5
        if slow or demand.daily is not None or scope.at_once[demand.source] != 1:
            assert demand.free == 0 or ahead <= 0


@given(situations())
def test_what_is_claimed_ahead_leaves_others_as_much_of_a_concurrency(situation: Situation) -> None:
    """However many slots there are: what counts is what the leases of all have left."""
    for demand in situation.plan().demands:
        if demand.concurrency is not None and demand.free:
            ahead = situation.held[demand.source] + demand.lookups(demand.free) - situation.scope.most_of_one
            assert ahead <= 0 or LEFT * ahead <= situation.room.get(demand.source, 0)


@given(situations(), st.sampled_from(NAMES), st.integers(0, 600))
def test_more_room_at_a_source_never_lets_a_process_claim_less(situation: Situation, name: str, more: int) -> None:
    """So there is no concurrency at which a process that may do more does less."""
    before = situation.plan()
    situation.room[name] = situation.room.get(name, 0) + more
    after = situation.plan()
    assert after.free >= before.free
    assert all(now.free >= then.free for now, then in zip(after.demands, before.demands, strict=True))
    taken = {demand.source: min(demand.free, 1) for demand in before.demands}
    room = dict.fromkeys(NAMES, 0)
    assert before.backlogged(taken, NAMES, room) <= before.backlogged(taken, NAMES, {**room, name: more})


@given(situations())
def test_each_source_is_first_in_its_turn(situation: Situation) -> None:
    names = list(situation.scope.sources)
    orders = [[demand.source for demand in situation.plan(turn).demands] for turn in range(len(names))]
    assert sorted(order[0] for order in orders) == sorted(names)
    for order in orders:
        first = names.index(order[0])
        assert order == names[first:] + names[:first], "the others follow in their order"


@given(situations())
def test_a_claim_is_worth_it_before_a_whole_share_is_free(situation: Situation) -> None:
    plan = situation.plan()
    assert 1 <= plan.worth <= max(1, situation.scope.most_of_one // 8, sum(situation.reserve.values()) // 2)


@given(situations())
def test_a_process_that_holds_nothing_asks_each_open_source_for_a_single_lookup(situation: Situation) -> None:
    demands = lone_demands(situation.scope, situation.shut, situation.turn)
    assert {demand.source: demand.lookups(demand.free) for demand in demands} == {
        name: int(name not in situation.shut) for name in situation.scope.sources
    }


# ------------------------------------------------------------------------------------------------ shares


def test_several_sources_leave_some_slots_to_each_other() -> None:
    assert share(32, 1) == share(32, 0) == 32
    assert share(32, 2) == 24
    assert share(32, 10) == 23
    assert share(128, 10) == 74
    assert share(4, 2) == 3
    assert share(2, 4) == share(1, 9) == 1
    assert share(4, 4) == 2, "half of them, however many sources there are"


@given(slots=st.integers(1, 300), sources=st.integers(2, 60))
def test_a_source_that_hangs_leaves_room_for_another(slots: int, sources: int) -> None:
    most = share(slots, sources)
    assert 1 <= most <= slots
    assert most < slots or slots == 1


# ------------------------------------------------------------------------------------------------ claim after claim


def check(source: str, starts_in: float = 0.0) -> ClaimedCheck:
    return ClaimedCheck(uuid4(), 1, "vote", "p", "home", source, b"", None, 0, 0, 60.0, starts_in=starts_in)


class Process:
    """Claims again and again, from a backlog that shrinks; what it holds ends when a test says so."""

    def __init__(self, slots: int, backlog: Counter[str], throughput: dict[str, float]) -> None:
        sources = {name: Demand(name, 0) for name in backlog}
        most = slots + slots // 4
        most_of_one = most if len(sources) < 2 else share(slots, len(sources))
        self.scope = ClaimScope(sources, slots, most, most_of_one, dict.fromkeys(sources, 1))
        self.backlog = Counter(backlog)
        self.throughput = throughput
        self.held: Counter[str] = Counter()
        self.backlogged: set[str] = set()
        self.turn = 0

    def claim(self) -> tuple[ClaimPlan, Counter[str]]:
        """One claim, as the database does it: in the order of the demands, until no slot is left."""
        plan = claim_plan(self.scope, self.held.total(), self.held, self.throughput, {}, (), self.turn)
        taken: Counter[str] = Counter()
        for demand in plan.demands:
            left = plan.free - taken.total()
            taken[demand.source] += max(0, min(demand.free, left, self.backlog[demand.source]))
        self.turn += plan.free >= 1
        self.backlog -= taken
        self.held += taken
        self.backlogged = plan.backlogged(taken, self.backlogged, {})
        return plan, taken


backlogs = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 20), min_size=1).map(Counter[str])
paces = st.dictionaries(st.sampled_from(NAMES), st.floats(0, 400))


@given(slots=st.integers(2, 16), backlog=backlogs, pace=paces, data=st.data())
def test_a_source_that_hangs_holds_its_share_and_all_others_come_to_their_end(
    slots: int, backlog: Counter[str], pace: dict[str, float], data: st.DataObject
) -> None:
    hanging = data.draw(st.sampled_from(sorted(backlog)))
    process = Process(slots, backlog, {name: each for name, each in pace.items() if name != hanging})
    for _ in range(backlog.total() + 1):
        process.claim()
        assert process.held[hanging] <= process.scope.most_of_one
        for name in backlog:
            if name != hanging and process.held[name]:
                process.held[name] -= data.draw(st.integers(1, process.held[name]))
    assert {name for name in backlog if process.backlog[name] or process.held[name]} <= {hanging}


@given(slots=st.integers(1, 16), backlog=backlogs, pace=paces, data=st.data())
def test_what_a_claim_leaves_behind_is_known_so_that_a_slot_that_becomes_free_wakes(
    slots: int, backlog: Counter[str], pace: dict[str, float], data: st.DataObject
) -> None:
    process = Process(slots, backlog, pace)
    for _ in range(data.draw(st.integers(1, 6))):
        plan, taken = process.claim()
        if plan.free < 1:
            break
        left = {name for name in backlog if process.backlog[name]}
        assert plan.leaves_more(taken) or not left
        assert {name for name in left if taken[name]} <= process.backlogged <= set(backlog)
        assert all(taken[each.source] for each in plan.demands if each.free and each.source in process.backlogged)
        for name in backlog:
            process.held[name] -= data.draw(st.integers(0, process.held[name]))


@given(situations())
def test_a_claim_that_finds_less_than_it_asked_for_leaves_nothing_behind(situation: Situation) -> None:
    plan = situation.plan()
    nothing: Counter[str] = Counter()
    asked = all(demand.free for demand in plan.demands)
    assert plan.leaves_more(nothing) == (plan.free < 1 or not asked)
    wide = dict.fromkeys(NAMES, situation.scope.slots)
    assert plan.backlogged(nothing, NAMES, wide) == {demand.source for demand in plan.demands if not demand.free}


@pytest.mark.parametrize(
    ("concurrency", "room", "backlogged"),
    [(None, {}, True), (64, {"towns": 8}, True), (64, {"towns": 7}, False), (1024, {}, False)],
)
def test_a_source_that_has_no_room_for_another_process_has_no_backlog_for_each_write_makes_room(
    concurrency: int | None, room: dict[str, int], *, backlogged: bool
) -> None:
    scope = ClaimScope({"towns": Demand("towns", 0, concurrency=concurrency)}, 8, 10, 10, {"towns": 1})
    plan = claim_plan(scope, 0, {}, {}, {}, (), 0)
    assert plan.backlogged({"towns": 10}, (), room) == ({"towns"} if backlogged else set())


@pytest.mark.parametrize(
    ("interval", "starts", "woken"),
    [
        (0.1, (0.0, 0.3), []),  # all starts within reach were handed out with room to spare
        (0.1, (0.0, 0.75), [AHEAD / 2]),
        (2.0, (0.5,), [pytest.approx(0.5 + 2.0 - AHEAD)]),
        (None, (0.0,), []),
        (0.1, (), []),
    ],
)
def test_a_source_with_a_rate_is_asked_again_when_its_next_start_comes_within_reach(
    interval: float | None, starts: Sequence[float], woken: list[float]
) -> None:
    sources = {"towns": Demand("towns", 0, interval=interval, burst=9), "ban": Demand("ban", 0, interval=0.1)}
    plan = claim_plan(ClaimScope(sources, 8, 8, 8, dict.fromkeys(sources, 1)), 0, {}, {}, {}, (), 0)
    assert plan.next_starts([check("towns", starts_in) for starts_in in starts]) == woken


# ------------------------------------------------------------------------------------------------ what a plan allows


def test_a_process_serves_what_it_was_given_but_for_what_is_left_to_others(sqlite: Desk) -> None:
    sqlite.apply(DOCUMENT)
    plan = sqlite.plan()
    assert list(scope_of(plan, None, 16).sources) == list(plan.sources)
    assert list(scope_of(plan, ["towns", "rpps", "not-configured"], 16).sources) == ["towns", "rpps"]
    assert "spring" not in scope_of(replace(plan, left_to_others=frozenset({"spring"})), None, 16).sources
    assert scope_of(plan, ["not-configured"], 16).sources == {}


def test_a_few_more_are_claimed_than_there_are_slots_but_not_where_there_are_start_times(sqlite: Desk) -> None:
    """Or a check whose start has come would find no slot."""
    sqlite.apply(DOCUMENT)
    assert scope_of(sqlite.plan(), None, 16).most == 20
    sqlite.apply({**DOCUMENT, "sources": {**DOCUMENT["sources"], "towns": {"type": "simulated", "rate": "20/s"}}})
    assert scope_of(sqlite.plan(), None, 16).most == 16
    assert scope_of(sqlite.plan(), ["rpps"], 16).most == 20


def test_a_demand_counts_the_checks_of_whole_lookups(sqlite: Desk) -> None:
    sqlite.apply(document(most=20))
    plan = claim_plan(scope_of(sqlite.plan(), ["rpps"], 8), 0, {}, {}, {}, (), 0)
    assert [(demand.batch, demand.free) for demand in plan.demands] == [(20, 200)]
