"""Makes figures out of the times at which a source was asked: bursts, shares of a quota, full rates."""

from __future__ import annotations

import math
from collections.abc import Sequence


def most_above(times: Sequence[float], rate: float) -> float:
    """By how many the requests in any window of time exceed `rate` × window: the burst that the source saw.

    `times` are in seconds, in order, `rate` is requests a second. 0 where there are none.
    """
    most, base = 0.0, -math.inf
    for count, at in enumerate(times):
        base = max(base, rate * at - count)
        most = max(most, base - rate * at + count + 1)
    return most


def share_used(times: Sequence[float], rate: float, seconds: float) -> float:
    """The share of what `rate` allows in `seconds` from the first request on that was used; 0 where there is none."""
    if not times:
        return 0.0
    return sum(at - times[0] < seconds for at in times) / (rate * seconds)


def most_in(times: Sequence[float], seconds: float) -> int:
    """The most requests in any window that is shorter than `seconds`."""
    most = first = 0
    for last, at in enumerate(times):
        while at - times[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def full_rate_after(times: Sequence[float], begin: float, rate: float, *, share: float = 0.95) -> float:
    """How many seconds after `begin` the two seconds begin in which at least `share` of `rate` was used; not a number
    where there are none.
    """
    window = 2.0
    for at in (begin, *(at for at in times if at > begin)):
        if sum(at <= other < at + window for other in times) >= share * rate * window:
            return at - begin
    return math.nan
