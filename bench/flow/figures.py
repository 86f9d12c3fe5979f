"""What is made of the times at which a source was asked, and whether that is within its limit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

_CRUMB = 1e-6


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: `value` is to be `least` or more, and `most` or less, where these are given."""

    name: str
    value: float
    least: float | None = None
    most: float | None = None
    unit: str = ""

    @property
    def kept(self) -> bool:
        """Whether it is within its limits; what is not a number is not."""
        if math.isnan(self.value):
            return False
        return (self.least is None or self.value >= self.least - _CRUMB) and (
            self.most is None or self.value <= self.most + _CRUMB
        )

    def as_data(self) -> dict[str, Any]:
        """For a row."""
        value = None if math.isnan(self.value) else round(self.value, 4)
        return {**asdict(self), "value": value, "kept": self.kept}


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


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie, by the nearest rank; not a number where there are none."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)] if ranked else math.nan
