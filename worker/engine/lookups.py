"""The look-up threads: each takes held checks, runs them outside any transaction, and hands on what came of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from queue import SimpleQueue

from tasks.checks import Entry, GiveBack
from tasks.plan import Plan
from tasks.running import Running
from worker.engine.holdings import Holdings
from worker.engine.starter import Lot
from worker.engine.threads import EngineThread


class LookUp(EngineThread):
    """One slot. Of a lot it does all at once, where the source can, and otherwise one after the other."""

    def __init__(
        self,
        number: int,
        running: Running,
        holdings: Holdings,
        plan: Callable[[], Plan | None],
        queue: SimpleQueue[Lot | None],
        hand_on: Callable[[Sequence[Entry]], None],
        shut: Mapping[str, float],
        giving_back: Callable[[], bool],
    ) -> None:
        super().__init__(f"look-up-{number}")
        self._running = running
        self._holdings = holdings
        self._plan = plan
        self._queue = queue
        self._hand_on = hand_on
        self._shut = shut
        self._giving_back = giving_back

    def step(self) -> None:
        lot = self._queue.get()
        if lot is None:
            self.stopping.set()
            return
        plan = self._plan()
        started = []
        if plan is not None and not self._giving_back():
            # Less than the whole lot where a new plan allows less at once than the one that it was claimed under.
            started = self._holdings.start(lot[: plan.at_once(lot[0].source)], self._shut)
        if len(started) < len(lot):
            begun = {(held.id, held.fence) for held in started}
            self._hand_on([Entry(held, GiveBack(), 0) for held in lot if (held.id, held.fence) not in begun])
        if plan is None or not started:
            return
        if len(started) == 1:
            self._hand_on([self._running.run(started[0], plan)])
        else:
            self._hand_on(self._running.run_many(started, plan))
