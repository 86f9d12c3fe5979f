"""Looks up what people who run sources ask for, one at a time: beside the slots, so that no check waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from dataclasses import dataclass

from store.requests.inquiries import Inquiries
from tasks.crash_points import crash_point
from tasks.inquiries import look_up
from tasks.plan import Plan
from worker.engine.plans import Plans
from worker.engine.threads import EngineThread


@dataclass(eq=False)
class Inquirer(EngineThread):
    """Begins inquiries for the sources that this worker serves (`_only`, None is all), and seals what comes of them."""

    _inquiries: Inquiries
    _plans: Plans
    _only: Collection[str] | None = None

    def __post_init__(self) -> None:
        super().__init__("inquirer")
        self._woken = threading.Event()

    def wake(self) -> None:
        """There are inquiries, and it is this worker's turn to look."""
        self._woken.set()

    def step(self) -> None:
        plan = self._plans.current()
        if not self._woken.wait(1.0) or plan is None:
            return
        self._woken.clear()
        self._inquiries.erase_over()
        while not self.stopping.is_set() and self._look_up(plan):
            self.beat = time.monotonic()

    def _look_up(self, plan: Plan) -> bool:
        """Whether there was one for this worker."""
        served = [name for name in plan.sources if self._only is None or name in self._only]
        taken = self._inquiries.take({name: plan.demand(name, 1) for name in served if name not in plan.left_to_others})
        if taken is None:
            return False
        if taken.refused:
            found = {"refused": taken.refused}
        else:
            time.sleep(taken.wait)
            found = look_up(plan, taken.source, taken.asked)
        crash_point("inquiry.looked_up")
        self._inquiries.end(taken, found)
        return True
