"""Decides whether a source's results have changed: whether one reason is far more frequent than it usually is. Pure.

A registry that changes quietly still answers, so no breaker opens; only the shares of the reasons show it.
`python -m bench.outcome_shares` measures how often these rules err.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from jurat.vocabulary import ACCEPTING, Reason

RESULTS: Final = frozenset(
    {
        *(Reason.RECORD_MATCHES, Reason.STATUS_INACTIVE, Reason.NOT_A_PERSON, Reason.PROFESSION_NOT_ELIGIBLE),
        *(Reason.AREA_NOT_ELIGIBLE, Reason.ACTIVITY_NOT_ELIGIBLE, Reason.BIRTH_DATE_DIFFERS, Reason.TOO_YOUNG),
        *(Reason.NOT_VALID_AT_DATE, Reason.RECORD_NOT_FOUND, Reason.RECORD_DIFFERS, Reason.AMBIGUOUS_RECORD),
        *(Reason.NAME_DIFFERS, Reason.STATUS_UNKNOWN, Reason.RECORD_NOT_PUBLIC, Reason.REQUIREMENT_MISSING),
        *(Reason.ADDRESS_NOT_FOUND, Reason.HOUSE_NUMBER_NOT_FOUND, Reason.STREET_LEVEL, Reason.LOCALITY_LEVEL),
        *(Reason.POSTCODE_DIFFERS, Reason.STREET_DIFFERS, Reason.SCORE_TOO_LOW, Reason.AMBIGUOUS_ADDRESS),
        *(Reason.INSIDE_ZONE, Reason.OUTSIDE_ZONE, Reason.NEAR_BORDER),
    }
)
"""What a source's answers come to. Failures are the breaker's; a code or a malformed number is the participant's."""

QUIET: Final = ACCEPTING | {Reason.OUTSIDE_ZONE, Reason.NEAR_BORDER}
"""These count as results, and raise nothing: more accepted people are no alarm, and a new zone may be elsewhere."""

WINDOWS: Final = (1, 2, 4, 8, 24)
"""Hours that are looked at, up to now. The longer ones are for sources with few lookups."""

RECENT: Final = WINDOWS[-1]
DAY: Final = 24
USUAL: Final = 7 * DAY
"""The results of the `USUAL` hours before `RECENT` are the usual ones, those of the last `DAY` of them the day's."""

LEAST: Final = 12
"""So many results have the reason, before it can be too frequent; with as few in a day, the day says nothing."""

LEAST_USUAL: Final = 50
"""With fewer usual results, nothing is known of a source."""

MARGIN: Final = 0.2
"""A share may be so much more than it usually is, and than it was the day before: crowds and weekdays change it, and a
slow change is within it every day.
"""

SURE: Final = math.log(100)
"""If the share were within the margin, so many results with the reason would come once in 100 times at most."""

Counts = Mapping[str, int]
"""How many results had each reason."""


@dataclass(frozen=True, slots=True)
class Usual:
    """The usual results of a source, and those of them that are of the last day."""

    week: Counts
    day: Counts

    def share(self, reason: str) -> float:
        return self.week.get(reason, 0) / max(1, sum(self.week.values()))

    def most(self, reason: str) -> float:
        """The share that a reason may have."""
        total = sum(self.day.values())
        day = self.day.get(reason, 0) / total if total >= LEAST else 0.0
        return min(1.0, max(day, _upper(self.week, reason, deviations=2.0)) + MARGIN)


@dataclass(frozen=True, slots=True)
class Jump:
    """`count` of `total` results in the last `hours` had the reason, whose usual share is `usual`."""

    reason: str
    count: int
    total: int
    hours: int
    usual: float

    @property
    def share(self) -> float:
        return self.count / self.total


def find_jump(recent: Mapping[int, Counts], usual: Usual) -> Jump | None:
    """The reason that became too frequent, in the shortest of the windows that shows it; None if none did.

    `recent` has the results by the hours of the window. Reasons in `QUIET` are never found.
    """
    if sum(usual.week.values()) < LEAST_USUAL:
        return None
    for hours, counts in sorted(recent.items()):
        total = sum(counts.values())
        jumps = [
            Jump(reason, count, total, hours, usual.share(reason))
            for reason, count in counts.items()
            if count >= LEAST and reason not in QUIET and _exceeds(count, total, usual.most(reason))
        ]
        if jumps:
            return max(jumps, key=lambda jump: (jump.share, jump.reason))
    return None


def find_return(recent: Mapping[int, Counts], usual: Usual, reason: str) -> int | None:
    """The hours of the shortest window in which a reason that jumped is surely back, while no other has jumped; else
    None. `recent` has only what came after the jump was found.
    """
    if find_jump(recent, usual):
        return None
    most = usual.most(reason)
    return next((hours for hours, counts in sorted(recent.items()) if _upper(counts, reason, 3.0) <= most), None)


def _upper(counts: Counts, reason: str, deviations: float) -> float:
    """The upper end of Wilson's interval of a share: 1 where there is nothing."""
    total, square = sum(counts.values()), deviations**2
    if not total:
        return 1.0
    share = counts.get(reason, 0) / total
    spread = deviations * math.sqrt(share * (1 - share) / total + square / (4 * total**2))
    return min(1.0, (share + square / (2 * total) + spread) / (1 + square / total))


def _exceeds(count: int, total: int, most: float) -> bool:
    """Whether so many results show that the share is more than `most`: Chernoff's bound of the binomial's tail."""
    share = count / total
    if share <= most:
        return False
    rest = 0.0 if share == 1 else (1 - share) * math.log((1 - share) / (1 - most))
    return total * (share * math.log(share / most) + rest) >= SURE
