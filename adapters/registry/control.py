"""Lets a registry's absence refuse someone only where it says so twice, and has a record that it is known to have.

A registry whose index is empty, or is being filled, says "nobody has this number" about everyone, in its usual form.
And on a kept connection, a "nobody" may be the late answer to someone else's request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, TypeGuard

from adapters.base import Another, Finding, Found, Query, Source, SourceError, Unavailable, Unreadable
from adapters.registry.shapes import AnswerBodies, DriftWatch
from adapters.registry.trace import LookupTrace
from config.registry.model.source import Control
from jurat.vocabulary import Outcome, Reason

_ASKED_AGAIN_S = 30.0
"""Seconds after which a control record that was missing is looked up again."""


def controlled(
    source: Source,
    control: Control | None,
    *,
    another: Another | None = None,
    drifts: DriftWatch | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Source:
    """`source`, whose absences refuse only while the control record is found; without one they never do.

    Another lookup for the record is paid with `another`, from the quota of the source. `drifts` compares its answers
    with the tests.
    """
    further = _Further(source, another, clock, sleep)
    record = None if control is None else _ControlRecord(further, control, drifts)
    return (_ControlledMany if hasattr(source, "look_up_many") else _Controlled)(further, record)


@dataclass(frozen=True, slots=True)
class _Further:
    """Lookups of a source beyond the one that a check has paid for."""

    source: Any
    another: Another | None
    clock: Callable[[], float]
    sleep: Callable[[float], object]

    def look_up(self, query: Query, deadline: float, watch: LookupTrace | None = None) -> Found:
        """Look up until `deadline`. Raises SourceError also where the quota allows it too late."""
        wait = self.another((deadline - self.clock()) / 2) if self.another else 0.0
        if wait is None:
            raise Unavailable("the quota of the source allows no second lookup now, to confirm an absence")
        self.sleep(wait)
        source = self.source.traced(watch) if watch else self.source
        found: Found = source.look_up(replace(query, timeout=deadline - self.clock(), fresh=True))
        return found


class _ControlRecord:
    """A record that the registry is known to have. Thread-safe."""

    def __init__(self, further: _Further, control: Control, drifts: DriftWatch | None) -> None:
        self._further = further
        self._control = control
        self._drifts = drifts
        self._clock = further.clock
        self._lock = Lock()
        self._found = self._forgotten = False
        self._until = 0.0
        """Until when it is not looked up again."""

    def confirm(self, deadline: float) -> None:
        """Return if it was found lately, or is found until `deadline`. Raises SourceError if not."""
        if not self._lock.acquire(timeout=max(0.0, deadline - self._clock())):
            raise Unavailable("the control record was not found in time")
        try:
            if self._clock() >= self._until or (self._found and self._forgotten):
                self._look_up(deadline)
            if not self._found:
                raise Unreadable("the control record is missing, so that nobody's absence proves anything")
        finally:
            self._lock.release()

    def forget(self) -> None:
        """Look it up again before the next absence: the registry failed, and may have lost its records.

        Never waits for the lock, which is held for as long as a lookup takes.
        """
        self._forgotten = True

    def _look_up(self, deadline: float) -> None:
        self._forgotten = False
        query, watch = Query(self._control.input, self._control.require), AnswerBodies()
        try:
            found = self._further.look_up(query, deadline, watch)
        finally:
            if self._drifts:  # also where the answer is unreadable, as one of another shape often is
                self._drifts.compare(watch.bodies, self._control.input)
        self._found = isinstance(found, Finding) and found.outcome is Outcome.ACCEPTED
        self._until = self._clock() + (self._control.every if self._found else _ASKED_AGAIN_S)


class _Controlled:
    """A source that was asked as it is, and whose absences are then checked."""

    def __init__(self, further: _Further, record: _ControlRecord | None) -> None:
        self._further = further
        self._source = further.source
        self._record = record
        self._clock = further.clock

    def look_up(self, query: Query) -> Found:
        """As the source does. Raises SourceError also where it finds nobody, and its control record is missing."""
        deadline = self._clock() + query.timeout
        try:
            found = self._confirmed(self._source.look_up(query), deadline)
            return self._further.look_up(query, deadline) if self._record and is_absence(found) else found
        except SourceError:
            self._forget()
            raise

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _confirmed(self, found: Found, deadline: float) -> Found:
        if not is_absence(found):
            return found
        if self._record is None:
            return replace(found, outcome=Outcome.UNDETERMINED)
        self._record.confirm(deadline)
        return found

    def _forget(self) -> None:
        if self._record is not None:
            self._record.forget()


def is_absence(found: Found | SourceError) -> TypeGuard[Finding]:
    """Whether it refuses because there is no such record."""
    return isinstance(found, Finding) and (found.outcome, found.reason) == (Outcome.REFUSED, Reason.RECORD_NOT_FOUND)


class _ControlledMany(_Controlled):
    """The same of a source that looks up many at once. It refuses only for records that have the number, so that no
    answer to others can refuse, and nobody is looked up twice.
    """

    def look_up_many(self, queries: Sequence[Query]) -> Sequence[Found | SourceError]:
        """As the source does; see `look_up`."""
        deadline = self._clock() + min(query.timeout for query in queries)
        try:
            answers = self._source.look_up_many(queries)
        except SourceError:
            self._forget()
            raise
        if any(isinstance(each, SourceError) for each in answers):
            self._forget()
        return [each if isinstance(each, SourceError) else self._member(each, deadline) for each in answers]

    def _member(self, found: Found, deadline: float) -> Found | SourceError:
        try:
            return self._confirmed(found, deadline)
        except SourceError as error:
            return error
