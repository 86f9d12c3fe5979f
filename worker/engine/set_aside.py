"""Sets results aside that cannot be written for now, so that nothing else waits for them.

A result is busy while a transaction of a platform locks its participant's row, for as long as the platform likes. Or
the database refuses it, for example by a trigger of the platform's own, until someone fixes that. Each is tried again
after a pause that grows, and its lease is renewed meanwhile. Once that lasts, it no longer counts against anything: not
against claims, the concurrency of its source, or its breaker.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from jurat.vocabulary import Outcome, Reason
from store.held_rows import Claim, claim_of
from tasks.checks import CheckResult, Settle

MOST = 5000
"""Results that one process keeps: some megabytes, and leases that it can renew without harm to others. Further ones are
given back, and looked up again."""

BUSY_REST, BUSY_LONGEST = 0.02, 1.0
"""The first and the longest pause in seconds of a busy entry. Another worker holds a row for milliseconds."""

LASTING = 0.3
"""From so many seconds on, the pause of a busy entry shows that its row is locked for longer."""

FAILED_REST, FAILED_LONGEST = 1.0, 60.0
"""The first and the longest pause in seconds where the database refuses an entry."""

AT_ONCE = 8
"""Refused entries that are tried in one step: each costs a transaction of its own."""

CALM = 200
"""Entries that are tried in a second at most: the longest pause grows with their number."""


@dataclass(slots=True)
class _ResultSetAside:
    entry: CheckResult
    failed: bool
    at: float
    pause: float
    deadline: float
    lasting: bool = False


class SetAside:
    """Results that wait for another try. Only the writer's thread uses it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[Claim, _ResultSetAside] = {}
        self._next = 0.0

    def __len__(self) -> int:
        return len(self._kept)

    def failed(self) -> int:
        return sum(kept.failed for kept in self._kept.values())

    def refused(self, entry: CheckResult) -> bool:
        kept = self._kept.get(claim_of(entry))
        return kept is not None and kept.failed

    def keep(self, entries: Iterable[CheckResult], *, failed: bool) -> tuple[list[CheckResult], list[CheckResult]]:
        """Keep these for another try. Returns those known to last only now, and those not kept because of `MOST`."""
        now = self._clock()
        rest, longest = (FAILED_REST, FAILED_LONGEST) if failed else (BUSY_REST, BUSY_LONGEST)
        longest += len(self._kept) / CALM
        lasting, beyond = [], []
        for entry in entries:
            key = claim_of(entry)
            before = self._kept.get(key)
            if before is None and len(self._kept) >= MOST:
                beyond.append(entry)
                continue
            pause = rest if before is None or before.failed != failed else min(longest, 2 * before.pause)
            deadline = now + max(entry.held.seconds_left, FAILED_LONGEST) if before is None else before.deadline
            kept = self._kept[key] = _ResultSetAside(entry, failed, now + pause, pause, deadline)
            kept.lasting = failed or pause >= LASTING or (before is not None and before.lasting)
            if kept.lasting and not (before and before.lasting):
                lasting.append(entry)
        self._reckon()
        return lasting, beyond

    def due(self, most: int) -> tuple[list[CheckResult], list[CheckResult]]:
        """What is to be tried now: up to `most` busy entries, and some that the database refuses.

        A refused one whose deadline has passed gets that as its verdict.
        """
        now = self._clock()
        if not self._kept or now < self._next:
            return [], []
        due = sorted((kept for kept in self._kept.values() if kept.at <= now), key=lambda kept: kept.at)
        busy = [kept.entry for kept in due if not kept.failed][:most]
        return busy, [_or_overdue(kept, now) for kept in due if kept.failed][:AT_ONCE]

    def seconds(self, most: float) -> float:
        """In how many seconds something is due; `most` where that is longer, or nothing is kept."""
        return max(0.0, min(most, self._next - self._clock())) if self._kept else most

    def drop(self, entries: Iterable[CheckResult]) -> set[Claim]:
        """Drop entries that are written, or lost; returns those that were known to last."""
        dropped = {}
        for key in map(claim_of, entries):
            if kept := self._kept.pop(key, None):
                dropped[key] = kept.lasting
        if dropped:
            self._reckon()
        return {key for key, lasting in dropped.items() if lasting}

    def all(self) -> Sequence[CheckResult]:
        return [kept.entry for kept in self._kept.values()]

    def _reckon(self) -> None:
        self._next = min((kept.at for kept in self._kept.values()), default=0.0)


def _or_overdue(kept: _ResultSetAside, now: float) -> CheckResult:
    decision = kept.entry.decision
    if now < kept.deadline or (isinstance(decision, Settle) and decision.outcome is Outcome.UNDETERMINED):
        return kept.entry
    return replace(kept.entry, decision=Settle(Outcome.UNDETERMINED, Reason.DEADLINE_PASSED))
