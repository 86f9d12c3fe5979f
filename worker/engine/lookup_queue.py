"""Takes claimed checks to the lookup threads: at once, at their start time, or when a slot is free for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import MappingProxyType

from store.queue.claims import Start
from tasks.checks import ClaimedCheck
from worker.engine.claim_buffer import ClaimBuffer
from worker.engine.claim_plan import ClaimScope
from worker.engine.delay_queue import ClaimBatch, DelayQueue
from worker.engine.in_flight import InFlight
from worker.engine.local_breaker import LocalBreaker


class LookupQueue:
    """The way from claimer and upkeep to the lookup threads; `delay_queue` is a thread of its own. Thread-safe."""

    def __init__(self, in_flight: InFlight, breaker: LocalBreaker) -> None:
        self.in_flight = in_flight
        self.ready: SimpleQueue[ClaimBatch | None] = SimpleQueue()
        self.delay_queue = DelayQueue(self.ready)
        self.buffer = ClaimBuffer(self.ready, in_flight)
        self.closed = False
        """Whether no lookup may begin any more: what waits is given back."""
        self._breaker = breaker
        self._missed: SimpleQueue[ClaimBatch] = SimpleQueue()

    def add(
        self,
        scope: ClaimScope,
        held: Sequence[ClaimedCheck],
        asked: float,
        answered: float,
        hanging: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Have checks looked up, each at its start. They were claimed in `scope` by a statement sent at `asked` and
        answered at `answered`; `hanging` is how many lookups of each source hang.

        A source that can do many at once gets all of its own together, but no more than one lookup may ask for: those
        were claimed one after the other, and have one start.
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
        batches: list[ClaimBatch] = []
        for source, checks in together.items():
            most = scope.at_once[source] or len(checks)
            batches += (checks[first : first + most] for first in range(0, len(checks), most))
        sharing = {
            (check.id, check.fence) for batch in batches if scope.at_once[batch[0].source] for check in batch[1:]
        }
        self.in_flight.add(held, asked, answered, sharing)
        for check in later:
            self.delay_queue.add((check,), answered + check.starts_in)
        for batch in batches:
            if batch[0].starts_in > 0:
                self.delay_queue.add(batch, answered + batch[0].starts_in)
            else:
                self.ready.put(batch)
        self.buffer.add(singles, scope.most, scope.most_of_one, hanging)

    def accept(self, held: Sequence[ClaimedCheck]) -> None:
        """Checks that upkeep has claimed: they need no lookup, but go the same way."""
        self.in_flight.add(held)
        for check in held:
            self.ready.put((check,))

    def begin(self, batch: ClaimBatch) -> list[ClaimedCheck]:
        """Lookups begin; those checks of `batch` that may be looked up now. See `InFlight.start`."""
        return [] if self.closed else self.in_flight.start(batch, self._breaker.shut)

    def has_missed(self, batch: ClaimBatch) -> bool:
        """Whether a lookup that may not begin has only missed its start. Then it is kept for `take_missed`."""
        if self.closed or not self.in_flight.missed_start(batch, self._breaker.shut):
            return False
        self._missed.put(batch)
        return True

    def take_missed(self) -> Mapping[str, Sequence[ClaimBatch]]:
        """Takes out, by source, the lookups that have missed their start."""
        missed: dict[str, list[ClaimBatch]] = {}
        with suppress(Empty):
            while True:
                batch = self._missed.get_nowait()
                missed.setdefault(batch[0].source, []).append(batch)
        return missed

    def move(self, batch: ClaimBatch, start: Start) -> None:
        """Have a lookup that missed its start begin at another one."""
        self.in_flight.move_start(batch, start.latest)
        self.delay_queue.add(batch, start.at)

    def flush(self) -> None:
        """Hand everything that waits to the lookup threads, which give it back once this is closed."""
        self.delay_queue.stop()
        self.buffer.flush()

    def end(self, threads: int) -> None:
        """Have so many lookup threads end, behind what is in the queue."""
        for _ in range(threads):
            self.ready.put(None)

    def drain(self) -> list[ClaimedCheck]:
        """Takes out what no lookup thread has taken."""
        self.buffer.flush()
        left = [check for batches in self.take_missed().values() for batch in batches for check in batch]
        while True:
            try:
                left += self.ready.get_nowait() or ()
            except Empty:
                return left
