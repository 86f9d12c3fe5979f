"""Takes due checks: as many as there are free slots, and no more of a source than it may be asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from queue import SimpleQueue

from tasks.checks import Held
from tasks.ledger import Claims, Demand
from tasks.plan import Plan
from worker.engine.holdings import Holdings
from worker.engine.threads import EngineThread

IDLE = 1.0
"""Seconds between two looks at the database without a bell."""

ONE_BY_ONE = 2.0
"""Seconds after which no further check is looked up alone before all others had their turn."""

UNWRITTEN = 4
"""Times the slots: so many checks may wait to be written before no more are claimed."""


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
        holdings: Holdings,
        plan: Callable[[], Plan | None],
        queue: SimpleQueue[Held | None],
        only: Collection[str] | None,
        longest: Callable[[str], float],
    ) -> None:
        super().__init__("claimer")
        self._claims = claims
        self._holdings = holdings
        self._plan = plan
        self._queue = queue
        self._only = only
        self._longest = longest
        self._changed = threading.Condition()
        self._wake_at = 0.0
        self._more = False
        self._held_back = False
        self._turn = 0
        self._last_chance: _LastChance | None = None
        self._together_until = 0.0

    def wake(self) -> None:
        """There may be work now."""
        self.wake_in(0.0)

    def wake_in(self, seconds: float) -> None:
        """There may be work in so many seconds."""
        with self._changed:
            self._wake_at = min(self._wake_at, time.monotonic() + seconds)
            self._changed.notify()

    def slot_freed(self, free: int) -> None:
        """A look-up has ended. Worth a claim when there was more than could be taken, and not for every single slot."""
        if self._more and free >= max(1, self._holdings.slots // 4):
            self.wake()

    def written(self) -> None:
        """Leases have ended. What held the last claim back may do so no more: a source's concurrency, or the writer."""
        if self._held_back:
            self.wake()

    def stop(self) -> None:
        super().stop()
        self.wake()

    def step(self) -> None:
        with self._changed:
            while (pause := self._wake_at - time.monotonic()) > 0 and not self.stopping.is_set():
                self._changed.wait(pause)
                self.beat = time.monotonic()
            self._wake_at = time.monotonic() + IDLE
        plan = self._plan()
        if plan is None or self.stopping.is_set():
            return
        if self._holdings.unwritten() > UNWRITTEN * self._holdings.slots:
            self._held_back = True
            return
        if self._last_chance is not None and self._alone(plan, self._last_chance):
            return
        free = self._holdings.free()
        if free < 1:
            self._more = True
            self.slot_freed(self._holdings.free())
            return
        demands = self._demands(plan, free)
        asked = time.monotonic()
        held, last_chances = self._claims.claim(demands, free)
        self._more = len(held) == free
        taken = {check.source for check in held}
        # Said before the look-ups begin: one that is written at once must find it.
        self._held_back = any(d.concurrency is not None and d.source in taken for d in demands)
        self._holdings.add(held, asked)
        for check in held:
            self._queue.put(check)
        self.slot_freed(self._holdings.free())  # look-ups may have ended while the claim was under way
        quickest = min((d.interval for d in demands if d.interval is not None and d.source in taken), default=None)
        if quickest is not None:
            self.wake_in(quickest)
        if last_chances and asked >= self._together_until:
            self._last_chance = _LastChance(asked)
            self.wake()

    def _alone(self, plan: Plan, last_chance: _LastChance) -> bool:
        """Give a check that has lost all workers but its last this whole process; whether that is still under way.

        It may be what kills workers, or a neighbour of one that did. Looked up beside nothing else, no neighbour is
        lost with it, and it with none. Others like it follow while that has not taken long; as much time as it took in
        all goes to everything else afterwards.
        """
        self._held_back = True  # each write wakes
        if self._holdings.leases(self._longest):  # but for what hangs: another worker gets that
            return True
        asked = time.monotonic()
        took = asked - last_chance.begun
        if (not last_chance.taken or took < ONE_BY_ONE) and (held := self._claims.claim_alone(self._demands(plan, 1))):
            last_chance.taken = True
            self._holdings.add([held], asked)
            self._queue.put(held)
            return True
        self._together_until = asked + (took if last_chance.taken else max(IDLE, took))
        self._last_chance = None
        return False

    def _demands(self, plan: Plan, free: int) -> list[Demand]:
        """Every served source in turn first, so that none is always last when slots are short."""
        names = [name for name in plan.sources if self._only is None or name in self._only]
        self._turn = (self._turn + 1) % max(1, len(names))
        return [plan.demand(name, free) for name in names[self._turn :] + names[: self._turn]]
