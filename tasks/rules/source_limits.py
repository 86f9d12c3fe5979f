"""Decides the limits of a source: how much may be taken, when lookups may start, whose turn it is, and for how
long it took no work. Pure: `store` reads and writes the database's clock and rows.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import merge
from itertools import count, islice, takewhile
from typing import NamedTuple

from config.hours import Hours
from config.limits import LEAST_LATE, TRAVEL
from jurat.vocabulary import Priority

AHEAD = 0.8
"""Seconds: a claim hands out start times up to so far ahead, so that no thread waits for a quota. A new check waits as
long behind a crowd: with its own turn and the claim, less than a second."""

BULK_SHARE = 8
"""One lookup in so many is a bulk one where interactive ones wait as well."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """After `failures` in a row a source is broken, and gets one lookup in `probe` seconds until one succeeds."""

    failures: int = 5
    probe: float = 1.0

    @property
    def doubt(self) -> int:
        """After so many failures in a row a source is in doubt: at most as many lookups run as failures are left until
        it counts as broken, so that a crowd of them does not fail together.
        """
        return math.ceil(self.failures / 2)


LATE = 0.2
"""Seconds that a lookup may start after its time, where its source's limits do not leave less."""


@dataclass(frozen=True, slots=True)
class Demand:
    """How much of one source a worker can take now, and the source's limits over all workers. None is no limit.

    Args:
        free: checks that this process can take of it.
        concurrency: lookups at once.
        interval: seconds between two paid starts in the long run.
        burst: how many may start at once.
        late: seconds that a lookup may start after its time; a later one pays again. It is taken out of the burst,
            and so is `TRAVEL` where there is room, so that the source never gets more than it allows.
        daily: lookups in a day of `hours`, or of UTC.
        batch: checks that one lookup asks for, at the price of one.
        raised: by how much `late` exceeds what other claims of the source count on; see `raise_lateness`.
    """

    source: str
    free: int
    concurrency: int | None = None
    interval: float | None = None
    burst: int = 1
    late: float = LATE
    daily: int | None = None
    hours: Hours | None = None
    breaker: Breaker = Breaker()
    batch: int = 1
    raised: float = 0.0

    @property
    def limited(self) -> bool:
        """Whether other workers count: then the source's row is locked while its checks are claimed."""
        return self.concurrency is not None or self.interval is not None or self.daily is not None

    @property
    def tolerance(self) -> float:
        """Seconds that a start may be before its time at an even pace: the burst, less the lateness."""
        if self.interval is None:
            raise ValueError("without a rate any number may start at once")
        return max(0.0, (self.burst - 1) * self.interval - self.late - TRAVEL)

    @property
    def step(self) -> float:
        """Seconds between two starts in the long run: `interval`, or more if the burst has no room for the lateness."""
        if self.interval is None:
            raise ValueError("without a rate there is no interval")
        return self.interval + max(0.0, self.late - (self.burst - 1) * self.interval)

    def lookups(self, checks: int) -> int:
        """How many lookups ask for so many checks, where each asks for as many as it may."""
        return -(-checks // self.batch)


def raise_lateness(demand: Demand, unsure: float) -> Demand:
    """The demand of a worker that knows the database's time to `unsure` seconds. Its lateness is raised for this claim
    where these leave less than half of it, or less than `LEAST_LATE`.
    """
    late = unsure + min(demand.late, max(LEAST_LATE, demand.late / 2))
    return demand if late <= demand.late else replace(demand, late=late, raised=late - demand.late)


def price(demand: Demand, taken: int) -> float:
    """By how many seconds `taken` checks move their source's next paid start: by `demand.step` for each lookup. Where
    the lateness is raised, lookups of other claims, which count on less, keep so much more distance.
    """
    return demand.lookups(taken) * demand.step + demand.raised if taken else 0.0


def starts(ahead: float, demand: Demand, most: int, lead: float = 0.0) -> list[float]:
    """In how many seconds the lookup of each of up to `most` checks of a source with a rate may start, within `AHEAD`:
    none before `lead`, and where that is long, within half of `AHEAD` behind it.

    The source's next paid start is `ahead` seconds away; what is taken moves it by its `price`. `demand.batch` checks
    in a row share a lookup. This is the generic cell rate algorithm (ITU-T I.371), whose tolerance is the burst less
    the lateness: in every window of W seconds at most W / interval + burst start, if each starts at its time or up to
    `demand.late` later.
    """
    paid = range(demand.lookups(most))
    offered = (max(0.0, max(lead, ahead) + number * demand.step - demand.tolerance) for number in paid)
    begin = list(takewhile(lambda start: start <= max(AHEAD, lead + AHEAD / 2), offered))
    return begin if demand.batch == 1 else [start for start in begin for _ in range(demand.batch)][:most]


def next_start(ahead: float, demand: Demand) -> float:
    """In how many seconds the next lookup of a source may start, however far that is; see `starts`."""
    return 0.0 if demand.interval is None else max(0.0, max(0.0, ahead) - demand.tolerance)


class Queue(NamedTuple):
    """The due checks of one consultation and priority at one source."""

    priority: str
    consultation: str


def turns(waiting: Mapping[Queue, int], most: int, after: Mapping[str, str], dice: float) -> list[Queue]:
    """The queues from which at most `most` checks are taken, in the order in which they start.

    Consultations take turns within a priority, whatever their backlogs, beginning behind the one in `after` (which was
    served last, by priority). Bulk queues get one check in `BULK_SHARE`; `dice`, evenly from 0 to 1, decides which one,
    so that they also get their share where each call takes a single check.
    """
    bulk = {queue: due for queue, due in waiting.items() if queue.priority == Priority.BULK}
    others = {queue: due for queue, due in waiting.items() if queue not in bulk}
    slow = ((BULK_SHARE * (number + dice), queue) for number, queue in enumerate(_round_robin(bulk, after)))
    pace = BULK_SHARE / (BULK_SHARE - 1)
    quick = ((pace * number, queue) for number, queue in zip(count(1), _round_robin(others, after), strict=False))
    return [queue for _, queue in islice(merge(quick, slow, key=lambda turn: turn[0]), most)]


def _round_robin(waiting: Mapping[Queue, int], after: Mapping[str, str]) -> Iterator[Queue]:
    left = dict(waiting)
    order = sorted(left, key=lambda queue: (queue.consultation <= after.get(queue.priority, ""), queue))
    while order:
        yield from order
        for queue in order:
            left[queue] -= 1
        order = [queue for queue in order if left[queue] > 0]


Span = tuple[datetime, datetime]
"""From the first moment to before the second."""


def standstill(begin: datetime, end: datetime, hours: Hours | None, pauses: Iterable[Span]) -> float:
    """How many seconds from `begin` to `end` a source took no work: it was closed or paused. Pauses do not overlap."""
    if end <= begin:
        return 0.0
    seconds = hours.closed_seconds(begin, end) if hours else 0.0
    for pause in pauses:
        first, last = max(pause[0], begin), min(pause[1], end)
        if first < last:
            seconds += (last - first).total_seconds() - (hours.closed_seconds(first, last) if hours else 0.0)
    return seconds


def standstill_since(now: datetime, hours: Hours | None, pauses: Sequence[Span]) -> datetime:
    """Since when a source has taken no work, to the millisecond; `now` when it does."""

    def took_none_for(milliseconds: int) -> bool:
        begin = now - timedelta(milliseconds=milliseconds)
        return standstill(begin, now, hours, pauses) >= milliseconds / 1000 - 0.0005

    return now - timedelta(milliseconds=_last_true(took_none_for))


def _last_true(holds: Callable[[int], bool], limit: int = 10 * 366 * 86_400_000) -> int:
    """The greatest number up to which `holds` is true; it is false from some number on."""
    over = 1
    while over < limit and holds(over):
        over *= 2
    sure = over // 2
    return sure + bisect_left(range(sure + 1, over), True, key=lambda number: not holds(number))
