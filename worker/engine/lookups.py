"""The look-up threads: each takes a held check, runs it outside any transaction, and hands on what came of it."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue

from tasks.checks import Entry, GiveBack, Held
from tasks.plan import Plan
from tasks.running import Running
from worker.engine.holdings import Holdings
from worker.engine.threads import EngineThread


class LookUp(EngineThread):
    """One slot."""

    def __init__(
        self,
        number: int,
        running: Running,
        holdings: Holdings,
        plan: Callable[[], Plan | None],
        queue: SimpleQueue[Held | None],
        hand_on: Callable[[Entry, int], None],
        giving_back: Callable[[], bool],
    ) -> None:
        super().__init__(f"look-up-{number}")
        self._running = running
        self._holdings = holdings
        self._plan = plan
        self._queue = queue
        self._hand_on = hand_on
        self._giving_back = giving_back

    def step(self) -> None:
        held = self._queue.get()
        if held is None:
            self.stopping.set()
            return
        plan = self._plan()
        if plan is not None and not self._giving_back() and self._holdings.start(held):
            entry = self._running.run(held, plan)
        else:
            entry = Entry(held, GiveBack(), 0)
        self._hand_on(entry, self._holdings.looked_up(held))
