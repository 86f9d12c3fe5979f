"""Takes the results of lookups: frees their slots, then hands them to the writer."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.checks import CheckResult, ClaimedCheck, GiveBack
from worker.engine.local_breaker import LocalBreaker
from worker.engine.lookup_queue import LookupQueue
from worker.engine.wake_schedule import WakeSchedule
from worker.engine.writer import Writer


class Results:
    """The way from the lookup threads to the writer. Thread-safe."""

    def __init__(self, lookups: LookupQueue, breaker: LocalBreaker, writer: Writer, wakes: WakeSchedule) -> None:
        self._lookups = lookups
        self._breaker = breaker
        self._writer = writer
        self._wakes = wakes

    def hand_on(self, results: Sequence[CheckResult]) -> None:
        """Lookups of one source have ended, or were not begun."""
        self._breaker.count_results(results)
        freed = self._lookups.in_flight.mark_looked_up(result.held for result in results)
        self._lookups.buffer.freed(results[0].held.source)
        for result in results:
            self._writer.hand_on(result)
        self._wakes.slot_freed(freed)

    def give_back(self, checks: Sequence[ClaimedCheck]) -> None:
        """Have checks that were not looked up given back, due at once and at no cost."""
        self.hand_on([CheckResult(check, GiveBack(), 0) for check in checks])
