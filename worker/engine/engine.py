"""Wires the engine together: it claims due checks, looks them up in a fixed number of threads, and writes the results.

Each process has one. Celery starts, stops and rings it (`worker.celery_step`); it works without a broker as well. Its
parts are small threads, with one shared object for each way between them:

    claimer, keeper ── LookupQueue ──▶ lookup threads ── Results ──▶ writer
    all of these    ── WakeSchedule ──▶ claimer                  (there may be work, or room for it)
    writer          ── FailureReporter ──▶ database              (how the sources answer)
    writer          ── Traces ──▶ receiver                       (checks that their platform samples)
    lookup threads  ── LocalBreaker ──▶ claimer, lookup threads  (which sources are in trouble)
    registrar       ── Lacks ──▶ claimer                         (which keys this worker lacks)
    all of these    ── Status ──▶ heartbeat, endpoints           (how this worker is)
    InFlight: what this process holds, Tallies: what it did; known to all of them
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from config.logger import get_logger
from store.queue.claims import Claims
from store.queue.sources import Sources
from store.upkeep.upkeep import Upkeep
from store.verdicts.verdict_writer import VerdictWriter
from store.workers import Fleet, Member
from tasks.check_runner import CheckRunner
from tasks.checks import CheckResult, GiveBack
from worker.engine.claimer import Claimer
from worker.engine.failure_reporter import FailureReporter
from worker.engine.heartbeat import Heartbeat
from worker.engine.in_flight import InFlight
from worker.engine.inquirer import Inquirer
from worker.engine.keeper import Keeper, Renewer
from worker.engine.local_breaker import BreakerWatch, LocalBreaker
from worker.engine.lookup_queue import LookupQueue
from worker.engine.lookups import LookupThread, Results
from worker.engine.plans import LONGEST_LOOK_UP, Plans
from worker.engine.registration import Lacks, Registrar
from worker.engine.status import Status
from worker.engine.threads import Explain, Outage, in_short
from worker.engine.wake_schedule import WakeSchedule
from worker.engine.watchdog import Watchdog
from worker.engine.writer import Writer
from worker.metrics.names import BellKind
from worker.metrics.tallies import Tallies
from worker.traces import Traces

log = get_logger("jurat.engine")

FIRST_PLAN = 1.0
"""Seconds that a start waits for the first plan. It goes on without one: database or configuration may come later."""

GRACE = 5.0
LAST_WRITE = 2.0
"""Seconds that the background threads have to end, whatever took longer before."""


@dataclass(frozen=True, slots=True)
class Stores:
    """The parts of the store that the engine uses. Without a `fleet` it is not in the table of workers."""

    claims: Claims
    verdict_writer: VerdictWriter
    upkeep: Upkeep
    sources: Sources
    fleet: Fleet | None = None


class Engine:
    """One process's engine.

    Args:
        slots: lookups at once.
        only: the sources that this worker serves, None for all.
        member: what it says about itself in the table of workers and in its health file.
        read_keys: reads the keys that open answers again; returns their ids.
        database: identifies the database to readers of the health file.
        explain: says why the database cannot be used, for the log.
        traces: what it traces checks with, None for no traces.
    """

    def __init__(
        self,
        stores: Stores,
        runner: CheckRunner,
        plans: Plans,
        *,
        slots: int,
        only: Collection[str] | None = None,
        member: Member | None = None,
        read_keys: Callable[[], Sequence[str]] | None = None,
        database: str = "",
        explain: Explain = in_short,
        traces: Traces | None = None,
    ) -> None:
        self.plans = plans
        self._traces = traces
        in_flight = self.in_flight = InFlight(slots)
        tallies = self.tallies = Tallies()
        self._outage = Outage(explain, tallies.count_outage)

        # What the threads share, one object for each way between them.
        self._wakes = WakeSchedule()
        self._breaker = LocalBreaker(plans.breaker)
        lookups = self._lookups = LookupQueue(in_flight, self._breaker)
        self._reporter = FailureReporter(stores.sources, self._breaker, self._wakes)
        self.writer = Writer(
            stores.verdict_writer, stores.claims, in_flight, self._reporter, self._wakes, tallies, traces
        )
        self._results = Results(lookups, self._breaker, self.writer, self._wakes)
        unregistered = stores.fleet is None or member is None
        lacks = Lacks(known=unregistered, schema_known=unregistered)

        # The threads that do the work.
        self.claimer = Claimer(
            stores.claims, plans, lookups, self._results, self._breaker, self._wakes, lacks, only, tallies
        )
        self._lookup_threads = [LookupThread(number, runner, plans, lookups, self._results) for number in range(slots)]
        self._breaker_watch = BreakerWatch(stores.sources, lookups.delay_queue, self._breaker)
        self._renewer = Renewer(stores.claims, in_flight, plans.longest, tallies)
        self._inquirer = Inquirer(stores.upkeep.inquiries, plans, only)
        self._keeper = Keeper(
            stores.upkeep, stores.claims, plans, lookups, self._reporter, self._wakes, tallies, self._inquirer.wake
        )

        # What shows whether these are alive, and how this worker is.
        watched = (self.claimer, lookups.delay_queue, self.writer, self._renewer, self._keeper)
        self._watchdog = Watchdog(in_flight, watched, self.writer, plans.longest, self._end_process)
        self.status = Status(
            in_flight, plans, lookups, self.claimer, watched, self._watchdog, lacks, tallies, member, database
        )
        self._heartbeat = Heartbeat(self.status.facts)
        self._registrars: list[Registrar] = []
        if stores.fleet is not None and member is not None:
            self._registrars.append(
                Registrar(stores.fleet, member, in_flight, plans, lacks, self.status.facts, tallies, read_keys)
            )

    def start(self) -> None:
        """Begin to work. Needs neither database nor broker to be there yet."""
        for thread in (
            self._heartbeat,
            self._watchdog,
            self.writer,
            self._renewer,
            self._keeper,
            self._inquirer,
            self._lookups.delay_queue,
            self._breaker_watch,
            self.claimer,
            *self._registrars,
            *self._lookup_threads,
        ):
            thread.outage = self._outage
            thread.start()
        log.info("engine started", slots=self.in_flight.slots)

    def wake(self, kind: BellKind = BellKind.RUNG) -> None:
        """There may be work: look for it now. `kind` is that of the message that says so."""
        self.tallies.count_bell(kind)
        self._wakes.wake()

    def stop_claiming(self) -> None:
        """Claim nothing more. Checks that were not started are given back, due at once, at no cost; lookups go on."""
        if self._lookups.closed:
            return
        self._lookups.closed = True
        for registrar in self._registrars:
            registrar.end()
        self.claimer.stop()
        self._keeper.stop()
        self._inquirer.stop()
        self._breaker_watch.stop()
        self._lookups.flush()
        self._lookups.end(len(self._lookup_threads))

    def stop(self, timeout: float = LONGEST_LOOK_UP + GRACE) -> bool:
        """Stop claiming, let lookups end, write everything; whether all this was done within `timeout` seconds."""
        end = time.monotonic() + timeout
        self._watchdog.stop()
        self.stop_claiming()
        for claiming in (self.claimer, self._keeper, self._lookups.delay_queue, self._breaker_watch):
            claiming.join(end - time.monotonic())
        ended = [thread.join(end - time.monotonic()) for thread in (*self._lookup_threads, self._inquirer)]
        self._give_back_rest()
        self.writer.stop()
        # Time to write what is there, even where a lookup has hung until now.
        clean = self.writer.join(max(end - time.monotonic(), LAST_WRITE)) and all(ended)
        last = [self._renewer, self._heartbeat, *self._registrars]
        for thread in last:
            thread.stop()
        for thread in last:
            thread.join(LAST_WRITE)
        if self._traces:
            self._traces.close()
        if clean:
            self.plans.close()
        log.info("engine stopped", clean=clean, held=len(self.in_flight))
        return clean

    def drop(self, timeout: float = GRACE) -> None:
        """Give back everything that is not looked up yet, started or not: lookups that were started may be repeated."""
        self.stop_claiming()
        for held in self.in_flight.unfinished():
            self.writer.hand_on(CheckResult(held, GiveBack(), 0))
        self.writer.stop()
        self.writer.join(timeout)

    def _end_process(self, code: int) -> None:
        """End this process for its supervisor, within a few seconds, whatever hangs."""
        self.drop()
        os._exit(code)

    def _give_back_rest(self) -> None:
        """Give back what was claimed while the threads were ending."""
        for held in self._lookups.drain():
            self.writer.hand_on(CheckResult(held, GiveBack(), 0))
        self._lookups.end(len(self._lookup_threads))  # those that hung until now end after all
