"""Decides when a check that has one chance left gets a whole process to itself.

Such a check has lost all workers but its last. It may be what kills workers, or a neighbour of one that did. Looked up
with nothing else around it, it takes no neighbour along, and no neighbour takes it along.
"""

from __future__ import annotations

from worker.engine.wake_schedule import IDLE

ONE_BY_ONE = 2.0
"""Seconds after which no further check is looked up alone before all others had their turn."""


class LastChances:
    """From `begin` to `end` nothing else is claimed. As much time as that took goes to everything else afterwards.

    Times are readings of one clock, in seconds. For the claimer's thread alone.
    """

    def __init__(self) -> None:
        self._begun: float | None = None
        self._taken = False
        self._together_until = 0.0

    @property
    def pending(self) -> bool:
        """Whether nothing but last chances is claimed now."""
        return self._begun is not None

    def begin(self, asked: float) -> bool:
        """A claim sent at `asked` saw such checks; whether it is their turn now."""
        if asked < self._together_until:
            return False
        self._begun, self._taken = asked, False
        return True

    def may_take(self, now: float) -> bool:
        """Whether another one may be claimed: the first always, the others while that has not taken long."""
        return self._begun is not None and (not self._taken or now - self._begun < ONE_BY_ONE)

    def mark_taken(self) -> None:
        self._taken = True

    def end(self, now: float) -> None:
        """It is the turn of all others."""
        took = 0.0 if self._begun is None else now - self._begun
        self._together_until = now + (took if self._taken else max(IDLE, took))
        self._begun = None
