"""Takes due checks: as many as there are free slots, and no more of a source than it may be asked."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from types import MappingProxyType

from store.queue.claims import Claims
from tasks.checks import ClaimedCheck
from tasks.plan import Plan
from tasks.rules.rate_limits import AHEAD, Demand
from worker.engine.breaker import LocalBreaker
from worker.engine.claim_buffer import ClaimBuffer
from worker.engine.delay_queue import ClaimBatch, DelayQueue
from worker.engine.in_flight import InFlight
from worker.engine.threads import EngineThread
from worker.engine.throughput import Throughput

RESERVE = 0.25
"""Seconds of work that are claimed ahead of the slots, at the pace of late: a claim then takes many checks, and no slot
waits for it."""

MOST_AHEAD = 256
"""Checks of one source that are claimed ahead at the most."""

IDLE = 1.0
"""Seconds between two looks at the database without a bell."""

GRAIN = 0.01
"""Seconds by which the times to wake at differ at least."""

ONE_BY_ONE = 2.0
"""Seconds after which no further check is looked up alone before all others had their turn."""

SELDOM, SLOW, MOST_SELDOM = 10.0, 0.1, 5.0
"""Where answers wait that are not for us, a claim passes them all. One that took longer than `SLOW` seconds and found
nothing has the next one wait so many times as long as it took, and `MOST_SELDOM` seconds at the most."""

WIDE = 4
"""Times the slots: a concurrency from that on is not what holds a process back."""

UNWRITTEN = 4
"""Times the slots: so many checks may wait to be written before no more are claimed."""


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a plan means for this process: the sources that it serves, how many look-ups it may hold that have not ended
    yet, how many of them of one source, and how many checks one of them may ask for at once.
    """

    plan: Plan
    names: Sequence[str]
    most: int
    most_of_one: int
    at_once: Mapping[str, int | None]


@dataclass(slots=True)
class _LastChance:
    """Claiming stands still from `begun` on, until nothing else is held here and checks were looked up one by one."""

    begun: float
    taken: bool = False


class Claimer(EngineThread):
    """Wakes by a bell, by a slot that became free or a lease that ended while there was more work, by a retry that is
    due, or each second.
    """

    def __init__(
        self,
        claims: Claims,
        in_flight: InFlight,
        plan: Callable[[], Plan | None],
        queue: SimpleQueue[ClaimBatch | None],
        delay_queue: DelayQueue,
        buffer: ClaimBuffer,
        breaker: LocalBreaker,
        only: Collection[str] | None,
        longest: Callable[[str], float],
        give_back: Callable[[Sequence[ClaimedCheck]], None],
    ) -> None:
        super().__init__("claimer")
        self._claims = claims
        self._in_flight = in_flight
        self._plan = plan
        self._queue = queue
        self._delay_queue = delay_queue
        self._buffer = buffer
        self._throughput = Throughput(in_flight)
        self._breaker = breaker
        self._only = only
        self._longest = longest
        self._give_back = give_back
        self._changed = threading.Condition()
        self._look_at = 0.0
        self._times: set[float] = set()
        """When to look besides; at most `2 * IDLE / GRAIN` of them."""
        self._more = False
        self._scope: _Scope | None = None
        self._held_back = False
        """Whether a write makes room for what the last claim had to leave."""
        self._writes = 0
        self._worth = 1
        self.backlogged: Collection[str] = frozenset()
        """The sources of which there was more than could be taken, where no write makes room for it."""
        self._turn = 0
        self._last_chance: _LastChance | None = None
        self._together_until = 0.0
        self._not_before = 0.0
        self.strange: Callable[[], Collection[str]] = tuple
        """Gives the keys of waiting answers that are not for this worker."""

    def wake(self) -> None:
        """There may be work now."""
        self.wake_in(0.0)

    def wake_in(self, seconds: float) -> None:
        """There may be work in so many seconds."""
        if seconds > 2 * IDLE:
            return  # one of its looks will be near enough to that
        with self._changed:
            at = math.ceil((time.monotonic() + seconds) / GRAIN) * GRAIN if seconds > 0 else 0.0
            self._times.add(at)
            self._changed.notify()

    def wakes_at(self) -> float:
        """When it looks next, as a reading of `time.monotonic`."""
        return max(self._not_before, min([self._look_at, *self._times]))

    def slot_freed(self, freed: int) -> None:
        """Look-ups have ended, `freed` of them since the last claim. Worth a claim when there was more than could be
        taken, and not for every single slot.
        """
        if self._more and freed >= self._worth:
            self.wake()

    def written(self) -> None:
        """Leases have ended. What held the last claim back may do so no more: a source's concurrency, or the writer."""
        self._writes += 1
        if self._held_back:
            self.wake()

    def stop(self) -> None:
        super().stop()
        self.wake()

    def step(self) -> None:
        with self._changed:
            while (pause := self.wakes_at() - time.monotonic()) > 0 and not self.stopping.is_set():
                self._changed.wait(min(pause, IDLE))  # and show that it is alive
                self.beat = time.monotonic()
            now = time.monotonic()
            self._times = {at for at in self._times if at > now}
            self._look_at = now + IDLE
        plan = self._plan()
        if plan is None or self.stopping.is_set():
            return
        if self._in_flight.unwritten() > UNWRITTEN * self._in_flight.slots:
            self._held_back = True
            return
        if self._last_chance is not None and self._alone(plan, self._last_chance):
            return
        if stale := self._buffer.stale():
            self._give_back(stale)
        scope = self._scope = self._scope_of(plan)
        ahead = self._ahead(scope)
        busy, of_source = self._in_flight.room(self._longest)
        hanging = self._hanging(of_source)
        free = scope.most + sum(ahead.values()) - busy
        self._worth = max(1, scope.most_of_one // 8, sum(ahead.values()) // 2)
        if free < 1:
            self._more = True
            self.slot_freed(self._in_flight.freed())
            return
        demands = self._demands(scope, free, of_source, ahead)
        self._held_back, writes = False, self._writes
        asked = time.monotonic()
        held, last_chances = self._claims.claim(demands, free)
        answered = time.monotonic()
        if not held and answered - asked > SLOW and self.strange():
            self._not_before = answered + min(MOST_SELDOM, SELDOM * (answered - asked))
        self._held_back = bool(self._claims.cut)
        if self._held_back and self._writes != writes:
            self.wake()  # one came while nobody knew that there was more
        taken = Counter(check.source for check in held)
        full = sum(d.look_ups(taken[d.source]) for d in demands) >= free
        self._more = full or any(taken[d.source] == d.free for d in demands)
        self.backlogged = {d.source for d in demands if self._has_more(d, taken[d.source], full=full)}
        self._hand_out(scope, held, asked, answered, hanging)
        self.slot_freed(self._in_flight.freed())  # look-ups may have ended while the claim was under way
        self._wake_for_quotas(demands, held)
        if last_chances and asked >= self._together_until:
            self._last_chance = _LastChance(asked)
            self.wake()

    def _hand_out(
        self,
        scope: _Scope,
        held: Sequence[ClaimedCheck],
        asked: float,
        answered: float,
        hanging: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Have checks looked up, each at its start. A source that can do many at once gets all of its own together, but
        no more than one look-up may ask for: those were claimed one after the other, and have one start.
        """
        together: dict[str, list[ClaimedCheck]] = {}
        later, singles = [], []
        for check in held:
            most = scope.at_once.get(check.source, 1)
            if most != 1 and (most or check.starts_in <= 0):
                together.setdefault(check.source, []).append(check)
            elif check.starts_in > 0:
                later.append(check)
            else:
                singles.append(check)
        lots = [lot for source, checks in together.items() for lot in _in_lots(checks, scope.at_once[source])]
        sharing = {(check.id, check.fence) for lot in lots if scope.at_once[lot[0].source] for check in lot[1:]}
        self._in_flight.add(held, asked, answered, sharing)
        for check in later:
            self._delay_queue.add((check,), answered + check.starts_in)
        for lot in lots:
            if lot[0].starts_in > 0:
                self._delay_queue.add(lot, answered + lot[0].starts_in)
            else:
                self._queue.put(lot)
        self._buffer.add(singles, scope.most, scope.most_of_one, hanging)

    def _wake_for_quotas(self, demands: Sequence[Demand], held: Sequence[ClaimedCheck]) -> None:
        """Where a rate and nothing else kept a claim from taking more, the next is worth it once some more start times
        come within reach.
        """
        last: dict[str, float] = {}
        for check in held:
            last[check.source] = max(check.starts_in, last.get(check.source, 0.0))
        for demand in demands:
            if demand.interval is not None and demand.source in last:
                beyond = last[demand.source] + demand.step - AHEAD
                if beyond > 0:
                    self.wake_in(max(beyond, AHEAD / 2))

    def _alone(self, plan: Plan, last_chance: _LastChance) -> bool:
        """Give a check that has lost all workers but its last this whole process; whether that is still under way.

        It may be what kills workers, or a neighbour of one that did. Looked up beside nothing else, no neighbour is
        lost with it, and it with none. Others like it follow while that has not taken long; as much time as it took in
        all goes to everything else afterwards.
        """
        self._held_back = True  # each write wakes
        if not self._in_flight.hold_only_apart(self._longest):
            return True
        asked = time.monotonic()
        took = asked - last_chance.begun
        if not last_chance.taken or took < ONE_BY_ONE:
            scope = self._scope_of(plan)
            if held := self._claims.claim_alone(self._demands(scope, 1, {}, {})):
                last_chance.taken = True
                self._hand_out(scope, [held], asked, time.monotonic())
                return True
        self._together_until = asked + (took if last_chance.taken else max(IDLE, took))
        self._last_chance = None
        return False

    def _scope_of(self, plan: Plan) -> _Scope:
        if self._scope is not None and self._scope.plan is plan:
            return self._scope
        ours = [name for name in plan.sources if self._only is None or name in self._only]
        names = [name for name in ours if name not in plan.left_to_others]
        slots = self._in_flight.slots
        # A few more than can be looked up at once, so that no slot waits for a claim. Not where there are start times:
        # every check that has one must find a slot then.
        paced = any(plan.demand(name, 0).interval is not None for name in names)
        most = slots if paced else slots + slots // 4
        at_once = {name: plan.at_once(name) for name in plan.sources}
        return _Scope(plan, names, most, most if len(names) < 2 else share(slots, len(names)), at_once)

    def _hanging(self, without: Mapping[str, int]) -> dict[str, int]:
        """How many look-ups of each source hang: they are held, and not `without` those that hang."""
        return {source: count - without.get(source, 0) for source, count in self._in_flight.busy()[1].items()}

    def _ahead(self, scope: _Scope) -> dict[str, int]:
        """How many checks of each source are worth claiming beyond the slots. None of one whose quota holds it back:
        other workers may have a slot for them.
        """
        ahead = {}
        for name, throughput in self._throughput.look().items():
            if name not in scope.names or scope.at_once[name] != 1:
                continue
            demand, seconds = scope.plan.demand(name, 0), RESERVE
            if demand.daily is not None or self._is_tight(demand):
                continue
            if demand.interval is not None:
                if 2 * throughput * demand.step > 1:
                    continue
                seconds = min(seconds, demand.late / 2)  # later it would be given back
            ahead[name] = min(MOST_AHEAD, int(throughput * seconds))
        return ahead

    def _has_more(self, demand: Demand, taken: int, *, full: bool) -> bool:
        """Whether there is more of a source than could be taken; as before where nobody has asked."""
        if demand.free < 1:
            return demand.source in self.backlogged
        return taken > 0 and (full or taken == demand.free) and not self._is_tight(demand)

    def _is_tight(self, demand: Demand) -> bool:
        return demand.concurrency is not None and demand.concurrency < WIDE * self._in_flight.slots

    def _demands(self, scope: _Scope, free: int, busy: Mapping[str, int], ahead: Mapping[str, int]) -> list[Demand]:
        """Every served source in turn first, so that none is always last when slots are short.

        None gets all slots: one that hangs would leave none to the others.
        """
        self._turn = (self._turn + 1) % max(1, len(scope.names))
        return [
            scope.plan.demand(
                name,
                0
                if self._breaker.is_shut(name)
                else max(0, min(free, scope.most_of_one + ahead.get(name, 0) - busy.get(name, 0))),
            )
            for name in (*scope.names[self._turn :], *scope.names[: self._turn])
        ]


def _in_lots(checks: Sequence[ClaimedCheck], most: int | None) -> Sequence[Sequence[ClaimedCheck]]:
    """The checks in their order, at most `most` in each lot; all in one without it."""
    return [checks] if most is None else [checks[first : first + most] for first in range(0, len(checks), most)]


def share(slots: int, sources: int) -> int:
    """How many of a process's `slots` one of so many sources may have at once: something is kept for each other one, up
    to half of them in all.
    """
    if sources < 2:
        return slots
    return max(1, slots - min((sources - 1) * max(1, slots // (2 * sources)), slots // 2))
