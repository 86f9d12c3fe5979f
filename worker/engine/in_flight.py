"""Tracks the checks that this process holds, each from its claim to its write. All threads of the engine share it."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from store.queue.leases import LEASE
from tasks.checks import ClaimedCheck

TRUSTED = LEASE - 2.0
"""Seconds for which a lease is trusted, from when its statement was sent, whatever the database's clock says."""

HANGING = 5.0
"""Seconds past its source's timeout after which a lookup counts as hanging."""


@dataclass(slots=True)
class _Holding:
    held: ClaimedCheck
    asked: float
    trusted_until: float
    latest: float
    slots: int
    started: float | None = None
    looked_up: bool = False
    apart: bool = False


class InFlight:
    """Counts slots and knows which leases to renew. Thread-safe; bounded by the slots and what waits to be written."""

    def __init__(self, slots: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.slots = slots
        self._clock = clock
        self._lock = threading.Lock()
        # By fence as well: a lookup that hangs may still be held during a later one of the same check.
        self._all: dict[tuple[UUID, int], _Holding] = {}
        self._busy: Counter[str] = Counter()
        self._open = 0
        """Checks that are not looked up yet."""
        self._apart = 0
        """Checks that cannot be written for now."""
        self._freed = 0
        self._ended: Counter[str] = Counter()

    def add(
        self,
        claimed: Iterable[ClaimedCheck],
        asked: float | None = None,
        answered: float | None = None,
        sharing: Collection[tuple[UUID, int]] = (),
    ) -> None:
        """Add checks that a statement sent at `asked` and answered at `answered` (now, by default) has claimed. Each
        takes a slot until it is looked up, except those `sharing` the slot of another one (by id and fence).
        """
        now = self._clock()
        asked = now if asked is None else asked
        answered = now if answered is None else answered
        with self._lock:
            for held in claimed:
                latest = answered + held.starts_in + held.late
                slots = 0 if sharing and (held.id, held.fence) in sharing else 1
                self._all[held.id, held.fence] = _Holding(held, asked, asked + TRUSTED, latest, slots)
                self._busy[held.source] += slots
                self._open += 1

    def mark_renewed(self, kept: Iterable[ClaimedCheck], asked: float) -> None:
        """Trust leases again that a statement sent at `asked` has renewed."""
        with self._lock:
            for held in kept:
                if holding := self._all.get((held.id, held.fence)):
                    holding.trusted_until = asked + TRUSTED

    def start(
        self, lot: Iterable[ClaimedCheck], shut: Mapping[str, float] = MappingProxyType({})
    ) -> list[ClaimedCheck]:
        """Begin lookups; returns the checks of `lot` that may be looked up.

        Left out are checks whose lease can no longer be trusted by our own clock: the database may have given it to
        another worker while this process was stopped. So are checks whose start was missed by too much, because a
        worker that was stopped would ask in a burst, and checks that were claimed before their source was `shut`.
        """
        now = self._clock()
        started = []
        with self._lock:
            for held in lot:
                holding = self._all[held.id, held.fence]
                if now >= holding.trusted_until or now > holding.latest:
                    continue
                if shut and holding.asked < shut.get(held.source, -math.inf):
                    continue
                holding.started = now
                started.append(held)
        return started

    def missed_start(self, lot: Iterable[ClaimedCheck], shut: Mapping[str, float] = MappingProxyType({})) -> bool:
        """Whether nothing but its start, which was missed, keeps a lookup from beginning; see `start`."""
        now = self._clock()
        with self._lock:
            holdings = [self._all[held.id, held.fence] for held in lot]
            return all(
                holding.latest < now < holding.trusted_until
                and holding.asked >= shut.get(holding.held.source, -math.inf)
                for holding in holdings
            )

    def move_start(self, lot: Iterable[ClaimedCheck], latest: float) -> None:
        """Let a lookup begin until `latest`, a reading of the clock: another start was paid for."""
        with self._lock:
            for held in lot:
                if holding := self._all.get((held.id, held.fence)):
                    holding.latest = latest

    def mark_looked_up(self, lot: Iterable[ClaimedCheck]) -> int:
        """Free the slots of lookups that have ended; how many slots became free since the last call of `room`."""
        with self._lock:
            for held in lot:
                holding = self._all.get((held.id, held.fence))
                if holding and not holding.looked_up:
                    holding.looked_up = True
                    self._busy[held.source] -= holding.slots
                    self._ended[held.source] += 1
                    self._freed += holding.slots
                    self._open -= 1
            return self._freed

    def room(self, longest: Callable[[str], float]) -> tuple[int, Mapping[str, int]]:
        """How many slots are taken, in all and by source. The figures by source leave out lookups that hang: the
        watchdog allows a few of them, and their source is still to be asked.
        """
        now = self._clock()
        with self._lock:
            self._freed = 0
            taken = Counter(
                holding.held.source
                for holding in self._all.values()
                if holding.slots and not holding.looked_up and not _hangs(holding, now, longest)
            )
            return self._busy.total(), taken

    def busy(self) -> tuple[int, Mapping[str, int]]:
        """How many slots are taken, in all and by source."""
        with self._lock:
            return self._busy.total(), dict(self._busy)

    def ended(self) -> Mapping[str, int]:
        """How many lookups of each source have ended since the process began."""
        with self._lock:
            return dict(self._ended)

    def freed(self) -> int:
        """Slots that became free since the last call of `room`."""
        with self._lock:
            return self._freed

    def release(self, written: Iterable[ClaimedCheck]) -> None:
        """Remove checks that are written, or no longer ours."""
        with self._lock:
            for held in written:
                holding = self._all.pop((held.id, held.fence), None)
                self._apart -= holding is not None and holding.apart
                if holding and not holding.looked_up:
                    self._busy[held.source] -= holding.slots
                    self._freed += holding.slots
                    self._open -= 1

    def put_apart(self, unwritten: Iterable[ClaimedCheck]) -> None:
        """Put looked-up checks apart that cannot be written for now: only their leases are renewed."""
        with self._lock:
            for held in unwritten:
                holding = self._all.get((held.id, held.fence))
                if holding and holding.looked_up and not holding.apart:
                    holding.apart = True
                    self._apart += 1

    def apart(self) -> set[tuple[UUID, int]]:
        """The checks that were put apart, by id and fence."""
        with self._lock:
            return {key for key, holding in self._all.items() if holding.apart} if self._apart else set()

    def unwritten(self) -> int:
        """How many checks are looked up and not yet written, without those put apart."""
        with self._lock:
            return len(self._all) - self._open - self._apart

    def under_way(self) -> int:
        """How many checks are held, without those put apart."""
        with self._lock:
            return len(self._all) - self._apart

    def running(self) -> Mapping[tuple[UUID, int], str]:
        """The source of each lookup that is under way in a slot of its own, by id and fence."""
        with self._lock:
            return {
                key: holding.held.source
                for key, holding in self._all.items()
                if holding.slots > 0 and holding.started is not None and not holding.looked_up
            }

    def unfinished(self) -> list[ClaimedCheck]:
        """Everything that is not looked up yet, started or not."""
        with self._lock:
            return [holding.held for holding in self._all.values() if not holding.looked_up]

    def hold_only_apart(self, longest: Callable[[str], float]) -> bool:
        """Whether all held checks were put apart, or hang in their lookup: another worker gets those."""
        now = self._clock()
        with self._lock:
            return all(
                holding.apart or (not holding.looked_up and _hangs(holding, now, longest))
                for holding in self._all.values()
            )

    def leases(self, longest: Callable[[str], float]) -> list[ClaimedCheck]:
        """The checks whose leases are to be renewed. One whose lookup takes far longer than `longest(source)` seconds
        is left out: its thread hangs, and another worker is to have it.
        """
        now = self._clock()
        with self._lock:
            return [
                holding.held for holding in self._all.values() if holding.looked_up or not _hangs(holding, now, longest)
            ]

    def __len__(self) -> int:
        with self._lock:
            return len(self._all)

    def all(self) -> list[ClaimedCheck]:
        with self._lock:
            return [holding.held for holding in self._all.values()]


def _hangs(holding: _Holding, now: float, longest: Callable[[str], float]) -> bool:
    return holding.started is not None and now - holding.started >= longest(holding.held.source) + HANGING
