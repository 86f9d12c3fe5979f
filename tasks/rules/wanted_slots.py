"""Decides how many lookups at once a source could use now: what more workers would speed up."""

from __future__ import annotations

import math

from tasks.rules.source_limits import Demand

MARGIN = 1.2
"""A source with a rate gets a fifth more slots than its lookups need on average."""

UNKNOWN_LOOKUP = 1.0
"""Seconds that a lookup is taken to last before any was made."""

MOST_DUE = 1_000
"""What is due counts up to so many."""


def most_slots(demand: Demand, lookup_s: float | None, used: int = 0) -> int | None:
    """How many lookups at once the limits of a source allow, when one takes `lookup_s` seconds on average and `used`
    were made today; None without a limit.
    """
    limits = [] if demand.concurrency is None else [demand.concurrency]
    if demand.interval:
        limits.append(max(1, math.ceil((lookup_s or UNKNOWN_LOOKUP) / demand.interval * MARGIN)))
    if demand.daily is not None:
        limits.append(max(0, demand.daily - used))
    return min(limits, default=None)


def wanted_slots(due: int, leased: int, limit: int | None, *, stopped: bool, broken: bool) -> int:
    """How many lookups at once a source could use. `due` and `leased` are checks, `limit` is from `most_slots`.

    A source that is `stopped` (paused or closed) can use none, a broken one a single lookup. `jurat_wanted_slots` is
    the twin on PostgreSQL, for what scales workers.
    """
    checks = min(due, MOST_DUE) + leased
    if stopped:
        return 0
    if broken:
        return min(1, checks)
    return checks if limit is None else min(checks, limit)
