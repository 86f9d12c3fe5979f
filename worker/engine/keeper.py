"""Renews leases in one background thread; does upkeep and takes new configurations in another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from config.logger import get_logger
from jurat.database import is_away, state_of
from store.queue.claims import Claims
from store.queue.leases import LEASE
from store.queue.quotas import KEPT
from store.upkeep.schedule import EVERY
from store.upkeep.upkeep import Upkeep
from worker.engine.failure_reporter import FailureReporter
from worker.engine.in_flight import InFlight
from worker.engine.lookup_queue import LookupQueue
from worker.engine.plans import Plans
from worker.engine.threads import EngineThread
from worker.engine.wake_schedule import WakeSchedule
from worker.metrics.names import StatementName
from worker.metrics.tallies import Tallies

log = get_logger("jurat.engine")

RENEW_EVERY = LEASE / 3
LOOK_EVERY = 0.5
"""Seconds between two looks for upkeep; a lease that has ended is found within them."""

REFRESH_EVERY = 3.0
OVERDUE_BATCH = 100


class Renewer(EngineThread):
    """Renews the leases of all checks in flight, in one statement."""

    def __init__(
        self, claims: Claims, in_flight: InFlight, longest: Callable[[str], float], tallies: Tallies | None = None
    ) -> None:
        super().__init__("renewer")
        self._tallies = tallies or Tallies()
        self._claims = claims
        self._in_flight = in_flight
        self._longest = longest
        self._next = time.monotonic() + RENEW_EVERY

    def step(self) -> None:
        if self.stopping.wait(min(1.0, max(0.0, self._next - time.monotonic()))) or time.monotonic() < self._next:
            return
        asked = time.monotonic()
        self._next = asked + RENEW_EVERY
        held = self._in_flight.leases(self._longest)
        if not held:
            return
        apart = self._in_flight.apart()
        with self._tallies.time(StatementName.RENEW):
            kept = self._claims.renew(check for check in held if (check.id, check.fence) not in apart)
        kept |= self._claims.renew((check for check in held if (check.id, check.fence) in apart), seconds=KEPT)
        self._in_flight.mark_renewed((check for check in held if check.id in kept), asked)
        if gone := [check for check in held if check.id not in kept]:
            # Others were written meanwhile, or their write will be refused.
            unfinished = {(check.id, check.fence) for check in self._in_flight.unfinished()}
            self._tallies.count_lost(sum((check.id, check.fence) in unfinished for check in gone))
            for check in gone:
                log.info("lease not renewed", **check.log_fields)


PURGE_REST = 3.0
"""The next piece of a purge waits so many times as long as the last one took, to leave the database to others."""


@dataclass(eq=False)
class Keeper(EngineThread):
    """Upkeep, at most as often as is due over all workers, and this worker's look for a new configuration."""

    _upkeep: Upkeep
    _claims: Claims
    _plans: Plans
    _lookups: LookupQueue
    _reporter: FailureReporter
    _wakes: WakeSchedule
    _tallies: Tallies = field(default_factory=Tallies)
    _inquire: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        super().__init__("keeper")
        self._in_flight = self._lookups.in_flight
        self._next_refresh = 0.0
        self._purge: Iterator[int] | None = None
        self._purge_again = 0.0
        self._jobs: Mapping[str, Callable[[], object]] = {
            "leases": self._end_leases,
            "requests": self._upkeep.do_requests,
            "openings": self._upkeep.open_answers,
            "inquiries": self._inquire,
            "consultations": self._apply_publications,
            "overdue": self._end_overdue,
            "figures": lambda: self._upkeep.count_waiting(self._plans.demands()),
            "access": self._upkeep.add_up_access,
            "candidates": self._upkeep.erase_candidates,
            "reviews": self._upkeep.end_reviews,
            "outcomes": self._judge_outcomes,
            "retention": self._upkeep.limit_retention,
            "purge": self._begin_purge,
        }

    def step(self) -> None:
        if time.monotonic() >= self._next_refresh:
            self._next_refresh = time.monotonic() + REFRESH_EVERY
            if self._plans.refresh():
                self._wakes.wake()
        # Before the first wait: a fleet whose workers live for a second each must not look like an outage.
        turns = self._upkeep.turns(EVERY)
        self._tallies.note_answer()
        try:
            with ExitStack() as last_first:  # runs all of them, whatever one raises: none loses the turn that it got
                last_first.callback(self._reporter.report)
                for task in reversed(EVERY):
                    if task in turns:
                        last_first.callback(self._do, task)
        except Exception as error:
            if not is_away(error):  # one lease that the database does not let end stops no purge
                self._purge_until(time.monotonic() + LOOK_EVERY)
            raise
        self._purge_until(time.monotonic() + LOOK_EVERY)

    def _begin_purge(self) -> None:
        self._purge = self._purge or self._upkeep.purge_pieces()

    def _purge_until(self, end: float) -> None:
        """Wait for the next look for upkeep; do some of the purge in that time where one is under way.

        There may be millions of checks to purge, and other upkeep is more urgent.
        """
        while self._purge is not None and not self.stopping.is_set() and (begun := time.monotonic()) < end:
            if begun < self._purge_again:  # other upkeep does not wait for its rest
                self.stopping.wait(min(end, self._purge_again) - begun)
                continue
            self.beat = begun
            try:
                next(self._purge)
            except StopIteration:
                self._purge = None
            except Exception as error:
                # From the beginning once the database is back; whatever else it was, also a piece that took too long,
                # at the next turn.
                disconnected = getattr(error, "connection_invalidated", False) or not state_of(error)
                self._purge = self._upkeep.purge_pieces() if is_away(error) and disconnected else None
                raise
            self._purge_again = time.monotonic() + PURGE_REST * (time.monotonic() - begun)
        self.stopping.wait(max(0.0, end - time.monotonic()))

    def _do(self, task: str) -> None:
        self.beat = time.monotonic()  # a database that hangs holds each of them for a while
        with self._tallies.time(StatementName.UPKEEP):
            self._jobs[task]()

    def _end_leases(self) -> None:
        if ended := self._upkeep.end_leases():
            log.warning("leases ended", checks=len(ended))
            self._wakes.wake()

    def _judge_outcomes(self) -> None:
        for found in self._upkeep.judge_outcomes():
            if jump := found.jump:
                shares = {"reason": jump.reason, "share": round(jump.share, 3), "usual": round(jump.usual, 3)}
                log.error("source suspected: its refusals are held back", source=found.source, **shares)
            else:
                log.info("source no longer suspected", source=found.source)

    def _apply_publications(self) -> None:
        if self._upkeep.apply_publications() and self._plans.refresh():
            self._wakes.wake()

    def _end_overdue(self) -> None:
        # They need no slot, but a thread each: none are claimed while the last ones still wait for one.
        room = OVERDUE_BATCH + self._in_flight.slots - self._in_flight.under_way()
        if room > 0 and self._plans.current() is not None:
            self._lookups.accept(self._claims.claim_overdue(room, self._plans.hours()))
