"""Schedules when the claimer looks for work next: at a bell, at a time, or when what held it back may be over."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Collection

IDLE = 1.0
"""Seconds between two looks at the database without a bell."""

GRAIN = 0.01
"""Seconds by which the times to wake at differ at least."""

SELDOM, SLOW, MOST_SELDOM = 10.0, 0.1, 5.0
"""Where answers wait that are not for us, a claim reads past all of them. One that took longer than `SLOW` seconds and
found nothing delays the next one by so many times as long as it took, and by `MOST_SELDOM` seconds at most."""


class WakeSchedule:
    """Everyone who finds work, or makes room for it, wakes the claimer here. Thread-safe.

    The claimer reports what the last claim left behind (`claim_ended`); that decides whether it is woken by slots that
    become free and leases that end.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._idle_until = 0.0
        self._times: set[float] = set()
        """Further times to look at; at most `2 * IDLE / GRAIN` of them."""
        self._not_before = 0.0
        self._more = False
        """Whether slots that become free wake, `_worth` of them together."""
        self._worth = 1
        self._held_back = False
        """Whether a write makes room for what the last claim had to leave."""
        self._writes = 0
        self._writes_before = 0
        self.backlogged: Collection[str] = frozenset()
        """The sources of which there was more than could be taken, where no write makes room for it."""

    # -------------------------------------------------------------------------------------------- for those who wake

    def wake(self) -> None:
        self.wake_in(0.0)

    def wake_in(self, seconds: float) -> None:
        if seconds > 2 * IDLE:
            return  # one of its regular looks will be near enough to that
        with self._changed:
            at = math.ceil((self._clock() + seconds) / GRAIN) * GRAIN if seconds > 0 else 0.0
            self._times.add(at)
            self._changed.notify()

    def slot_freed(self, freed: int) -> None:
        """`freed` lookups have ended since the last claim. Enough of them wake, if more was due than could be taken."""
        if self._more and freed >= self._worth:
            self.wake()

    def write_ended(self) -> None:
        """Leases have ended: that makes room for what a source's concurrency, or the writer, held back."""
        self._writes += 1
        if self._held_back:
            self.wake()

    # ------------------------------------------------------------------------------------------------ for the claimer

    def wakes_at(self) -> float:
        """When it looks next, as a reading of the clock."""
        return max(self._not_before, min([self._idle_until, *self._times]))

    def wait(self, stopping: threading.Event) -> bool:
        """Wait for the next look, `IDLE` seconds at most; whether it is time, or `stopping` is set."""
        with self._changed:
            pause = self.wakes_at() - self._clock()
            if pause > 0 and not stopping.is_set():
                self._changed.wait(min(pause, IDLE))
                if self.wakes_at() > self._clock() and not stopping.is_set():
                    return False
            now = self._clock()
            self._times = {at for at in self._times if at > now}
            self._idle_until = now + IDLE
            return True

    def wait_for_write(self) -> None:
        """Nothing is claimed for now: each write wakes."""
        self._held_back = True

    def wait_for_slots(self, worth: int) -> None:
        """Nothing is claimed, because no slot is free: `worth` of them wake."""
        self._more, self._worth = True, worth

    def claim_begins(self, worth: int) -> None:
        """A claim begins. It is unknown yet whether it leaves anything behind."""
        self._worth = worth
        self._held_back, self._writes_before = False, self._writes

    def claim_ended(self, *, more: bool, held_back: bool, backlogged: Collection[str]) -> None:
        """A claim has ended: whether there may be more for free slots, and whether leases held it back."""
        self._held_back = held_back
        if held_back and self._writes != self._writes_before:
            self.wake()  # a write came before it was known that there was more
        self._more, self.backlogged = more, backlogged

    def claim_found_nothing(self, asked: float, answered: float) -> None:
        """A claim read past answers that are not for us and found nothing: one that took long delays the next."""
        if answered - asked > SLOW:
            self._not_before = answered + min(MOST_SELDOM, SELDOM * (answered - asked))
