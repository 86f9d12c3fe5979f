"""An engine with its parts within reach, and a source that a test steers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from adapters.base import Finding, Found, Query, Source, SourceError
from adapters.fingerprints import Fingerprints
from config.configuration import Configuration
from jurat.vocabulary import Outcome, Reason
from store.queries import Queries
from store.queue.claims import Claims
from store.queue.sources import Sources
from store.upkeep.upkeep import Upkeep
from store.verdicts.verdict_writer import VerdictWriter
from tasks.check_runner import CheckRunner
from tasks.checks import CheckResult, ClaimedCheck, GiveBack
from tasks.plan import Plan
from tests.store.desk import Desk
from worker.engine.engine import Engine, Stores
from worker.engine.in_flight import InFlight
from worker.engine.plans import Plans
from worker.plan_builder import make_plan

MATCHES = Finding(Outcome.ACCEPTED, Reason.RECORD_MATCHES)

PATIENCE = 60.0
"""Seconds for what a quick machine does at once: it distinguishes what never comes from what comes late."""

SELDOM = 10.0
"""Seconds between two looks of a claimer that no one wakes, where a test shows who does: several of them are more than
its patience."""


def soon(condition: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """Whether `condition` comes to hold within so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return bool(condition())
        time.sleep(0.01)
    return True


def free(in_flight: InFlight) -> int:
    """Slots for further lookups."""
    return in_flight.slots - in_flight.busy()[0]


class Steered:
    """Replaces every source. Accepts, unless `found` says otherwise; `hold` makes lookups wait for `let_go`."""

    def __init__(self) -> None:
        self.found: Found | Exception = MATCHES
        self.asked: list[Query] = []
        self.closed = 0
        self.at_once = 0
        self.most_at_once = 0
        self._open = threading.Event()
        self._open.set()
        self._lock = threading.Lock()

    def hold(self) -> None:
        self._open.clear()

    def let_go(self) -> None:
        self._open.set()

    def look_up(self, query: Query) -> Found:
        with self._lock:
            found = self.found  # what is said later is for those that ask later
            self.asked.append(query)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self._open.wait(2 * PATIENCE)
        with self._lock:
            self.at_once -= 1
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        self.closed += 1


class Handed(list[CheckResult]):
    """Stands for what takes the results of lookups."""

    def hand_on(self, results: Sequence[CheckResult]) -> None:
        self.extend(results)

    def give_back(self, checks: Sequence[ClaimedCheck]) -> None:
        self.hand_on([CheckResult(check, GiveBack(), 0) for check in checks])


class Works:
    """An engine on the database of `desk`, all of whose sources are `steered` but those in `others`."""

    def __init__(self, desk: Desk, steered: Steered, *, slots: int = 4, only: Collection[str] | None = None) -> None:
        self.desk = desk
        self.steered = steered
        self.fingerprints: Fingerprints | None = desk.fingerprints
        self.others: dict[str, Source] = {}
        self.configure(slots=slots, only=only)
        self._started = False

    def configure(self, *, slots: int = 4, only: Collection[str] | None = None) -> None:
        """Make the engine again, before it is started."""
        queries = Queries(self.desk.engine)

        def make(version: int, configuration: Configuration) -> Plan:
            plan = make_plan(version, configuration, queries, self.fingerprints, {})
            return replace(plan, sources={**dict.fromkeys(plan.sources, self.steered), **self.others})

        stores = Stores(
            Claims(self.desk.engine),
            VerdictWriter(self.desk.engine),
            Upkeep(self.desk.engine, unseal=self.desk.unseal),
            Sources(self.desk.engine),
        )
        self.plans = Plans(queries, make)
        self.engine = Engine(stores, CheckRunner(self.desk.unseal), self.plans, slots=slots, only=only)

    def start(self) -> None:
        self._started = True
        self.engine.start()
        assert self.plans.taken.wait(PATIENCE)

    def stop(self, timeout: float = PATIENCE) -> bool:
        started, self._started = self._started, False
        return self.engine.stop(timeout) if started else True

    def close(self) -> None:
        """End it, so that nothing of it is left for the next test."""
        self.steered.let_go()
        self.stop()
        for thread in threading.enumerate():
            if thread.name.startswith("jurat-"):
                thread.join(PATIENCE)

    @property
    def settled(self) -> int:
        count: int = self.desk.one("SELECT count(*) FROM jurat_checks WHERE state = 'settled'")
        return count

    def settles(self, count: int, seconds: float = PATIENCE) -> bool:
        """Whether so many checks are settled soon."""
        return soon(lambda: self.settled >= count, seconds)

    def fails_with(self, error: SourceError | Exception) -> None:
        self.steered.found = error
