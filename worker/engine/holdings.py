"""What this process holds at the moment: each check from its claim to its write. The one shared state of the engine."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from tasks.checks import Held
from tasks.ledger.claiming import LEASE

TRUSTED = LEASE - 2.0
"""Seconds after the statement that gave a lease was sent: so long the lease is ours, whatever the database's clock."""

HANGING = 5.0
"""Seconds past its source's timeout after which a look-up is taken to hang."""


@dataclass(slots=True)
class _Holding:
    held: Held
    trusted_until: float
    started: float | None = None
    looked_up: bool = False


class Holdings:
    """Counts slots and knows which leases to renew. Thread-safe; bounded by the slots and what waits to be written."""

    def __init__(self, slots: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.slots = slots
        self._clock = clock
        self._lock = threading.Lock()
        # By fence as well: a look-up that hangs may be held beside a later one of the same check.
        self._all: dict[tuple[UUID, int], _Holding] = {}
        self._busy: Counter[str] = Counter()

    def add(self, claimed: Iterable[Held], asked: float | None = None) -> None:
        """Claimed by a statement sent at `asked` (now, by default): each takes a slot until it is looked up."""
        trusted_until = (self._clock() if asked is None else asked) + TRUSTED
        with self._lock:
            for held in claimed:
                self._all[held.id, held.fence] = _Holding(held, trusted_until)
                self._busy[held.source] += 1

    def renewed(self, kept: Iterable[Held], asked: float) -> None:
        """Renewed by a statement that was sent at `asked`."""
        with self._lock:
            for held in kept:
                if holding := self._all.get((held.id, held.fence)):
                    holding.trusted_until = asked + TRUSTED

    def start(self, held: Held) -> bool:
        """Its look-up begins, if its lease can still be trusted by our own clock: the database may have given it away
        to another worker while this process stood still.
        """
        now = self._clock()
        with self._lock:
            holding = self._all[held.id, held.fence]
            if now >= holding.trusted_until:
                return False
            holding.started = now
            return True

    def looked_up(self, held: Held) -> int:
        """Its look-up has ended and its slot is free; how many slots are free now."""
        with self._lock:
            holding = self._all.get((held.id, held.fence))
            if holding and not holding.looked_up:
                holding.looked_up = True
                self._busy[held.source] -= 1
            return self.slots - self._busy.total()

    def release(self, written: Iterable[Held]) -> None:
        """Written, or no longer ours."""
        with self._lock:
            for held in written:
                holding = self._all.pop((held.id, held.fence), None)
                if holding and not holding.looked_up:
                    self._busy[held.source] -= 1

    def free(self) -> int:
        """Slots for further look-ups."""
        with self._lock:
            return self.slots - self._busy.total()

    def unwritten(self) -> int:
        """Checks that are looked up and not yet written."""
        with self._lock:
            return len(self._all) - self._busy.total()

    def hanging(self, longest: Callable[[str], float]) -> int:
        """How many look-ups have run for more than `longest(source)` seconds."""
        now = self._clock()
        with self._lock:
            return sum(
                holding.started is not None
                and not holding.looked_up
                and now - holding.started > longest(holding.held.source)
                for holding in self._all.values()
            )

    def unfinished(self) -> list[Held]:
        """Everything that is not looked up yet, started or not."""
        with self._lock:
            return [holding.held for holding in self._all.values() if not holding.looked_up]

    def leases(self, longest: Callable[[str], float]) -> list[Held]:
        """The checks whose leases are to be renewed. One whose look-up takes far longer than `longest(source)` seconds
        is left out: its thread hangs, and another worker shall have it.
        """
        now = self._clock()
        with self._lock:
            return [
                holding.held
                for holding in self._all.values()
                if holding.looked_up
                or holding.started is None
                or now - holding.started < longest(holding.held.source) + HANGING
            ]

    def __len__(self) -> int:
        with self._lock:
            return len(self._all)

    def all(self) -> list[Held]:
        """Everything that is held."""
        with self._lock:
            return [holding.held for holding in self._all.values()]
