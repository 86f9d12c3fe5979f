"""Turns the rows that a claim has leased into the checks that a worker gets."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from jurat.vocabulary import Reason
from store.held_rows import id_of
from store.queue import deadlines
from tasks.checks import ClaimedCheck
from tasks.rules.source_limits import Queue


class LeasedRow(NamedTuple):
    """A claimed row; its lookup is to start `start` seconds after the database's clock was read."""

    row: Any
    left: float
    start: float = 0.0
    late: float = math.inf
    probe: bool = False
    stood: float = 0.0
    """Seconds for which it had stood still, as far as its deadline does not tell yet."""

    @property
    def claimed_at(self) -> float:
        """When it was claimed by the database's clock, in seconds since 1970."""
        at: float = self.row[17] - self.row[10]
        return at

    def claimed(self, asked_ago: float = 0.0, read_ago: float = 0.0, *, forsaken: bool = False) -> ClaimedCheck:
        """The check as a worker gets it; the database's clock was read between `asked_ago` and `read_ago` seconds ago.

        Its start counts as if the clock had been read at the last moment, so that it is never early; its lateness as if
        at the first, so that it is never late.
        """
        row = self.row
        starts_in = max(0.0, self.start - read_ago)
        moved_on = row[18] + self.left - row[10]
        age = self.claimed_at - row[16] - max(moved_on, self.stood)  # by the database's clock alone
        return ClaimedCheck(
            id=id_of(row[0]),
            fence=row[1],
            consultation=row[2],
            participant=row[3],
            question=row[4],
            source=row[5],
            sealed=row[6],
            answer_key=row[7],
            lookups=row[8],
            lost_leases=row[9],
            seconds_left=self.left,
            last_reason=Reason(row[11]) if row[11] else None,
            reviewed=bool(row[12]),
            traceparent=row[13],
            starts_in=starts_in,
            late=self.start - asked_ago + self.late - starts_in,
            probe=self.probe,
            leaning=row[19],
            reply_key=row[20],
            forsaken=forsaken,
            priority=row[14],
            waited=max(0.0, self.claimed_at - row[15]),
            submitted=time.monotonic() - age if row[18] < deadlines.ENDED else None,
        )


ALONE = Queue("", "")
"""Takes the place of a queue for the checks that have one chance left."""


def in_turn(order: Sequence[Queue], leased: Sequence[Any]) -> Sequence[Any]:
    """The leased rows of a source in the order in which they start; the oldest of each queue first."""
    if not order or order[0] is ALONE:
        return leased
    by_queue: dict[Queue, deque[Any]] = {}
    for row in sorted(leased, key=lambda row: row[15]):
        by_queue.setdefault(Queue(row[14], row[2]), deque()).append(row)
    return [by_queue[queue].popleft() for queue in order if by_queue.get(queue)]
