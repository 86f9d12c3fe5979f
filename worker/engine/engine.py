"""The engine: claims due checks, looks them up in bounded threads, writes what came of it. One for each process.

Celery starts and stops it (`worker.celery_step`) and rings it; it works without a broker as well. Its parts are small
threads with queues between them:

    claimer → (delay queue →) lookup threads → writer      renewer      keeper (upkeep, configurations)      heartbeat
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

import structlog

from store.queue.claims import Claims
from store.queue.quotas import KEPT
from store.queue.sources import Sources
from store.upkeep.upkeep import Upkeep
from store.verdicts.verdict_writer import VerdictWriter
from store.workers import Fleet, Member
from tasks.check_runner import CheckRunner
from tasks.checks import CheckResult, ClaimedCheck, GiveBack
from worker.engine.breaker import LocalBreaker
from worker.engine.breaker_watch import BreakerWatch
from worker.engine.claim_buffer import ClaimBuffer
from worker.engine.claimer import Claimer
from worker.engine.delay_queue import ClaimBatch, DelayQueue
from worker.engine.failure_reporter import FailureReporter
from worker.engine.heartbeat import Heartbeat
from worker.engine.in_flight import InFlight
from worker.engine.keeper import Keeper, Renewer
from worker.engine.lookups import LookUp
from worker.engine.plans import LONGEST_LOOK_UP, Plans
from worker.engine.registration import Registrar, strange_keys
from worker.engine.threads import Explain, Outage, in_short
from worker.engine.watchdog import Watchdog
from worker.engine.writer import Writer

log = structlog.get_logger("jurat.engine")

GRACE = 5.0
LAST_WRITE = 2.0
"""Seconds that the quiet threads have to end, whatever took longer before."""


@dataclass(frozen=True, slots=True)
class Stores:
    """The parts of the ledger that the engine uses. Without a `fleet` it is in no register."""

    claims: Claims
    verdict_writer: VerdictWriter
    upkeep: Upkeep
    sources: Sources
    fleet: Fleet | None = None


class Engine:
    """One process's engine.

    Args:
        slots: look-ups at once.
        only: the sources that this worker serves, None for all.
        member: what it says of itself in the register of workers, and in its health file.
        database: tells the health file's reader which database this is.
        explain: says in the log why the database cannot be used.
    """

    def __init__(
        self,
        stores: Stores,
        running: CheckRunner,
        plans: Plans,
        *,
        slots: int,
        only: Collection[str] | None = None,
        member: Member | None = None,
        database: str = "",
        explain: Explain = in_short,
    ) -> None:
        self.plans = plans
        self.in_flight = InFlight(slots)
        self._queue: SimpleQueue[ClaimBatch | None] = SimpleQueue()
        self._giving_back = False
        self._breaker = LocalBreaker(plans.breaker)
        self._delay_queue = DelayQueue(self._queue)
        self._buffer = ClaimBuffer(self._queue, self.in_flight)
        self.claimer = Claimer(
            stores.claims,
            self.in_flight,
            plans.current,
            self._queue,
            self._delay_queue,
            self._buffer,
            self._breaker,
            only,
            plans.longest,
            self._give_back,
        )
        self._reporter = FailureReporter(stores.sources, self._breaker, plans.breaker, self.claimer.wake_in)
        self.writer = Writer(
            stores.verdict_writer,
            self.in_flight,
            self.claimer,
            self._breaker,
            self._reporter,
            lambda held: stores.claims.renew(held, seconds=KEPT),
        )
        self._renewer = Renewer(stores.claims, self.in_flight, plans.longest)
        self._keeper = Keeper(
            stores.upkeep, stores.claims, plans, self._reporter, self.in_flight, self._accept, self.claimer.wake
        )
        self._lookout = BreakerWatch(stores.sources, self._delay_queue, self._breaker)
        beating = (self.claimer, self._delay_queue, self.writer, self._renewer, self._keeper)
        self._registrar: Registrar | None = None
        if stores.fleet is not None and member is not None:
            self._registrar = Registrar(stores.fleet, member, self.in_flight, plans)
        strange = strange_keys(self._registrar)
        self.claimer.strange = strange
        self._heartbeat = Heartbeat(self.in_flight, plans, beating, strange, member, database)
        self._watchdog = Watchdog(
            self.in_flight, beating, lambda: self.writer.handled, plans.longest, self._end_process
        )
        self._look_ups = [
            LookUp(
                number,
                running,
                self.in_flight,
                plans,
                self._queue,
                self._hand_on,
                self._breaker.shut,
                lambda: self._giving_back,
            )
            for number in range(slots)
        ]
        self._outage = Outage(explain)

    def start(self) -> None:
        """Begin to work. Needs neither database nor broker to be there yet."""
        for thread in (
            self._heartbeat,
            self._watchdog,
            self.writer,
            self._renewer,
            self._keeper,
            self._delay_queue,
            self._lookout,
            self.claimer,
            *((self._registrar,) if self._registrar else ()),
            *self._look_ups,
        ):
            thread.outage = self._outage
            thread.start()
        log.info("engine started", slots=self.in_flight.slots)

    def wake(self) -> None:
        """Somebody rang: look for work now."""
        self.claimer.wake()

    def stop_claiming(self) -> None:
        """Take nothing more. What was not started is given back, due at once, at no cost; look-ups run to their end."""
        if self._giving_back:
            return
        self._giving_back = True
        if self._registrar is not None:
            self._registrar.end()
        self.claimer.stop()
        self._keeper.stop()
        self._delay_queue.stop()
        self._lookout.stop()
        self._buffer.flush()
        for _ in self._look_ups:
            self._queue.put(None)

    def stop(self, timeout: float = LONGEST_LOOK_UP + GRACE) -> bool:
        """Stop claiming, let look-ups end, write everything; whether all that was done within `timeout` seconds."""
        end = time.monotonic() + timeout
        self._watchdog.stop()
        self.stop_claiming()
        for claiming in (self.claimer, self._keeper, self._delay_queue, self._lookout):
            claiming.join(end - time.monotonic())
        ended = [thread.join(end - time.monotonic()) for thread in self._look_ups]
        self._give_back_rest()
        self.writer.stop()
        # Time to write what is there, even where a look-up has hung until now.
        clean = self.writer.join(max(end - time.monotonic(), LAST_WRITE)) and all(ended)
        last = [self._renewer, self._heartbeat, *((self._registrar,) if self._registrar else ())]
        for thread in last:
            thread.stop()
        for thread in last:
            thread.join(LAST_WRITE)
        if clean:
            self.plans.close()
        log.info("engine stopped", clean=clean, held=len(self.in_flight))
        return clean

    def drop(self, timeout: float = GRACE) -> None:
        """Give back everything that is not looked up yet, also what was started: those look-ups may be repeated."""
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
        """What was claimed while the threads were ending."""
        self._buffer.flush()
        while True:
            try:
                lot = self._queue.get_nowait()
            except Empty:
                break
            for held in lot or ():
                self.writer.hand_on(CheckResult(held, GiveBack(), 0))
        for _ in self._look_ups:  # those that hung until now end after all
            self._queue.put(None)

    def _accept(self, held: list[ClaimedCheck]) -> None:
        """Checks that upkeep has claimed: they need no look-up, but go the same way."""
        self.in_flight.add(held)
        for check in held:
            self._queue.put((check,))

    def _give_back(self, held: Sequence[ClaimedCheck]) -> None:
        self._hand_on([CheckResult(check, GiveBack(), 0) for check in held])

    def _hand_on(self, entries: Sequence[CheckResult]) -> None:
        self._breaker.saw(entries)
        freed = self.in_flight.looked_up(entry.held for entry in entries)
        self._buffer.freed(entries[0].held.source)
        for entry in entries:
            self.writer.hand_on(entry)
        self.claimer.slot_freed(freed)
