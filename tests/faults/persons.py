"""What persons do to the ledger in the model, and the upkeep that follows from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from jurat.vocabulary import Reason, State
from store.configurations.applied_config import AccessTerms
from store.configurations.consultations import Unpublishable
from store.queue.deadlines import ENDED
from store.requests.decisions import ReviewError
from tests.faults.snapshot import CheckRow
from tests.faults.stage import Stage, when
from tests.faults.told import CONFIGURATIONS
from tests.store.desk import ADMIN

CLERK = "a clerk"
PLACES = st.integers(0, 50)
SOURCES = st.sampled_from(sorted(CONFIGURATIONS[0].sources))
WORDS = st.sampled_from([Reason.PERSON_ACCEPTED, Reason.PERSON_REFUSED, Reason.AREA_NOT_ELIGIBLE])


class Persons(Stage):
    # -- reviewers

    @rule(place=PLACES, reason=WORDS)
    @when(lambda self: self._in_state(State.REVIEW))
    def decide(self, place: int, reason: Reason) -> None:
        """In time or not, as long as upkeep has not ended the review."""
        check = self._one_in(place, State.REVIEW)
        row, revision = self.now.checks[check], self.now.last_verdict(check)[0] + 1
        assert self.decisions.decide(check, reason, CLERK) == revision
        self.history.decided.append((check, revision))
        decided = replace(row, state=State.SETTLED, fence=row.fence + 1, answered=False, settled_at=self.clock.now)
        self._changed({check: decided})
        verdict = self.now.verdicts[check, revision]
        assert (verdict.reason, verdict.decided_by) == (reason, "reviewer")
        assert self.now.access[row.key].version == self.version
        assert self.now.audited == self.before.audited + 1

    @rule(place=PLACES)
    @when(lambda self: self._in_state(State.SETTLED))
    def reopen(self, place: int) -> None:
        """Nothing but the check's state changes; where its question is gone, nothing does."""
        check = self._one_in(place, State.SETTLED)
        row = self.now.checks[check]
        if (row.consultation, row.question) not in CONFIGURATIONS[self.applied].questions:
            self._refused(lambda: self.decisions.reopen(check, CLERK))
            return
        self.decisions.reopen(check, CLERK)
        self._changed({check: replace(row, state=State.REVIEW, settled_at=None)})
        assert self.now.verdicts == self.before.verdicts
        assert self.now.reviews[check] == self.clock.later(14 * 86400)
        assert self.now.audited == self.before.audited + 1

    @rule(place=PLACES, reason=WORDS)
    @when(lambda self: self._in_state(State.PENDING, State.LEASED, State.SETTLED))
    def decide_what_is_not_in_review(self, place: int, reason: Reason) -> None:
        """A page that was open for too long."""
        check = self._one_in(place, State.PENDING, State.LEASED, State.SETTLED)
        self._refused(lambda: self.decisions.decide(check, reason, CLERK))

    @rule(place=PLACES)
    @when(lambda self: self._in_state(State.PENDING, State.LEASED, State.REVIEW))
    def reopen_what_is_not_settled(self, place: int) -> None:
        check = self._one_in(place, State.PENDING, State.LEASED, State.REVIEW)
        self._refused(lambda: self.decisions.reopen(check, CLERK))

    def _refused(self, do: Callable[[], object]) -> None:
        with pytest.raises(ReviewError):
            do()
        self._changed({})
        assert self.now == self.before

    def _in_state(self, *states: State) -> list[UUID]:
        return sorted(check for check, row in self.now.checks.items() if row.state in states)

    def _one_in(self, place: int, *states: State) -> UUID:
        checks = self._in_state(*states)
        return checks[place % len(checks)]

    # -- the upkeep of reviews and access

    @rule()
    @when(lambda self: any(self.now.reviews.values()))
    def leave_reviews(self) -> None:
        """No person decides in time."""
        self.clock.move(14 * 86400)
        self.all_holds()
        self.end_reviews()

    @rule()
    @when(lambda self: any(self.now.reviews.values()))
    def end_reviews(self) -> None:
        now = self.clock.now
        over = {
            check: self._undecided(check)
            for check, until in self.now.reviews.items()
            if until is not None and until <= now
        }
        assert self.desk.upkeep.end_reviews() == len(over)
        self._changed(over)
        assert self.now.verdicts == self.before.verdicts

    def _undecided(self, check: UUID) -> CheckRow:
        """What becomes of a check that a person leaves without a decision."""
        row, now = self.now.checks[check], self.clock.now
        if self.now.last_verdict(check)[0]:
            return replace(row, state=State.SETTLED, settled_at=now)
        return replace(row, state=State.PENDING, due_at=now, deadline_at=now, stood_s=ENDED)

    @rule()
    @when(lambda self: self._outdated())
    def add_up_access(self) -> None:
        """After a configuration that changed what answers add up to."""
        assert self.desk.upkeep.add_up_access() == self._outdated()
        self._changed({})
        assert not self._outdated()

    def _outdated(self) -> int:
        return sum(row.version < self.since for row in self.now.access.values())

    # -- the operator

    @rule(source=SOURCES, seconds=st.sampled_from([1, 61, 3600]))
    def pause(self, source: str, seconds: float) -> None:
        """A longer pause that stands is kept, a shorter one is prolonged."""
        until, standing = self.clock.later(seconds), self.now.paused.get(source)
        longer = standing is None or standing < until
        assert (self.desk.sources.pause(source, seconds, "because", CLERK) is not None) == longer
        self._changed({})
        assert self.now.audited == self.before.audited + longer
        assert self.now.paused[source] == (until if longer else standing)

    @rule(source=SOURCES)
    def resume(self, source: str) -> None:
        stands = self._paused(source)
        assert self.desk.sources.resume(source, CLERK) == stands
        self._changed({})
        assert self.now.audited == self.before.audited + stands
        assert not self._paused(source)

    # -- the administrator

    @rule(number=st.integers(0, len(CONFIGURATIONS) - 1), force=st.booleans())
    def apply(self, number: int, force: bool) -> None:
        """Another configuration, under which checks on their way may have lost their question or source."""
        new, old = CONFIGURATIONS[number], CONFIGURATIONS[self.applied]
        orphans = {
            check: self._undecided(check)
            if row.state == State.REVIEW
            else replace(row, deadline_at=self.clock.now, due_at=self.clock.now, stood_s=ENDED)
            for check, row in self.now.checks.items()
            if row.state != State.SETTLED
            and not (
                ("budget", row.question) in new.questions and (row.state == State.REVIEW or row.source in new.sources)
            )
        }
        if number == self.applied:
            orphans = {}
        try:
            self.version, differs = self.desk.publisher.apply(new, ADMIN, force=force)
        except Unpublishable:
            assert orphans
            assert not force
            self._changed({})
            return
        assert force or not orphans
        if differs:
            self.applied = number
            self.plans[number] = replace(self.plans[number], version=self.version)
            if AccessTerms.of(new) != AccessTerms.of(old):
                self.since = self.version
        self._changed(orphans)
