"""The engine: claims due checks, looks them up in bounded threads, writes what came of it. One for each process.

Celery starts and stops it (`worker.celery_step`) and rings it; it works without a broker as well. Its parts are small
threads with queues between them:

    claimer → (starter →) look-up threads → writer      renewer      keeper (upkeep, new configurations)      pulse
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
from store.upkeep.upkeep import Keeping
from store.verdicts.verdict_writer import Settling
from store.workers import Fleet, Member
from tasks.check_runner import Running
from tasks.checks import Entry, GiveBack, Held
from worker.engine.breaker import Gate
from worker.engine.breaker_watch import Lookout
from worker.engine.claim_buffer import Reserve
from worker.engine.claimer import Claimer
from worker.engine.delay_queue import Lot, Starter
from worker.engine.failure_reporter import Notes
from worker.engine.heartbeat import Pulse
from worker.engine.in_flight import Holdings
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
class Ledgers:
    """The parts of the ledger that the engine uses. Without a `fleet` it is in no register."""

    claims: Claims
    settling: Settling
    keeping: Keeping
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
        ledgers: Ledgers,
        running: Running,
        plans: Plans,
        *,
        slots: int,
        only: Collection[str] | None = None,
        member: Member | None = None,
        database: str = "",
        explain: Explain = in_short,
    ) -> None:
        self.plans = plans
        self.holdings = Holdings(slots)
        self._queue: SimpleQueue[Lot | None] = SimpleQueue()
        self._giving_back = False
        self._gate = Gate(plans.breaker)
        self._starter = Starter(self._queue)
        self._reserve = Reserve(self._queue, self.holdings)
        self.claimer = Claimer(
            ledgers.claims,
            self.holdings,
            plans.current,
            self._queue,
            self._starter,
            self._reserve,
            self._gate,
            only,
            plans.longest,
            self._give_back,
        )
        self._notes = Notes(ledgers.keeping, self._gate, plans.breaker, self.claimer.wake_in)
        self.writer = Writer(
            ledgers.settling,
            self.holdings,
            self.claimer,
            self._gate,
            self._notes,
            lambda held: ledgers.claims.renew(held, seconds=KEPT),
        )
        self._renewer = Renewer(ledgers.claims, self.holdings, plans.longest)
        self._keeper = Keeper(
            ledgers.keeping, ledgers.claims, plans, self._notes, self.holdings, self._accept, self.claimer.wake
        )
        self._lookout = Lookout(ledgers.keeping, self._starter, self._gate)
        beating = (self.claimer, self._starter, self.writer, self._renewer, self._keeper)
        self._registrar: Registrar | None = None
        if ledgers.fleet is not None and member is not None:
            self._registrar = Registrar(ledgers.fleet, member, self.holdings, plans)
        strange = strange_keys(self._registrar)
        self.claimer.strange = strange
        self._pulse = Pulse(self.holdings, plans, beating, strange, member, database)
        self._watchdog = Watchdog(self.holdings, beating, lambda: self.writer.handled, plans.longest, self._end_process)
        self._look_ups = [
            LookUp(
                number,
                running,
                self.holdings,
                plans,
                self._queue,
                self._hand_on,
                self._gate.shut,
                lambda: self._giving_back,
            )
            for number in range(slots)
        ]
        self._outage = Outage(explain)

    def start(self) -> None:
        """Begin to work. Needs neither database nor broker to be there yet."""
        for thread in (
            self._pulse,
            self._watchdog,
            self.writer,
            self._renewer,
            self._keeper,
            self._starter,
            self._lookout,
            self.claimer,
            *((self._registrar,) if self._registrar else ()),
            *self._look_ups,
        ):
            thread.outage = self._outage
            thread.start()
        log.info("engine started", slots=self.holdings.slots)

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
        self._starter.stop()
        self._lookout.stop()
        self._reserve.flush()
        for _ in self._look_ups:
            self._queue.put(None)

    def stop(self, timeout: float = LONGEST_LOOK_UP + GRACE) -> bool:
        """Stop claiming, let look-ups end, write everything; whether all that was done within `timeout` seconds."""
        end = time.monotonic() + timeout
        self._watchdog.stop()
        self.stop_claiming()
        for claiming in (self.claimer, self._keeper, self._starter, self._lookout):
            claiming.join(end - time.monotonic())
        ended = [thread.join(end - time.monotonic()) for thread in self._look_ups]
        self._give_back_rest()
        self.writer.stop()
        # Time to write what is there, even where a look-up has hung until now.
        clean = self.writer.join(max(end - time.monotonic(), LAST_WRITE)) and all(ended)
        last = [self._renewer, self._pulse, *((self._registrar,) if self._registrar else ())]
        for thread in last:
            thread.stop()
        for thread in last:
            thread.join(LAST_WRITE)
        if clean:
            self.plans.close()
        log.info("engine stopped", clean=clean, held=len(self.holdings))
        return clean

    def drop(self, timeout: float = GRACE) -> None:
        """Give back everything that is not looked up yet, also what was started: those look-ups may be repeated."""
        self.stop_claiming()
        for held in self.holdings.unfinished():
            self.writer.hand_on(Entry(held, GiveBack(), 0))
        self.writer.stop()
        self.writer.join(timeout)

    def _end_process(self, code: int) -> None:
        """End this process for its supervisor, within a few seconds, whatever hangs."""
        self.drop()
        os._exit(code)

    def _give_back_rest(self) -> None:
        """What was claimed while the threads were ending."""
        self._reserve.flush()
        while True:
            try:
                lot = self._queue.get_nowait()
            except Empty:
                break
            for held in lot or ():
                self.writer.hand_on(Entry(held, GiveBack(), 0))
        for _ in self._look_ups:  # those that hung until now end after all
            self._queue.put(None)

    def _accept(self, held: list[Held]) -> None:
        """Checks that upkeep has claimed: they need no look-up, but go the same way."""
        self.holdings.add(held)
        for check in held:
            self._queue.put((check,))

    def _give_back(self, held: Sequence[Held]) -> None:
        self._hand_on([Entry(check, GiveBack(), 0) for check in held])

    def _hand_on(self, entries: Sequence[Entry]) -> None:
        self._gate.saw(entries)
        freed = self.holdings.looked_up(entry.held for entry in entries)
        self._reserve.freed(entries[0].held.source)
        for entry in entries:
            self.writer.hand_on(entry)
        self.claimer.slot_freed(freed)
