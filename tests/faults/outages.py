"""Sources that stand still or break down, in the model."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from jurat.vocabulary import Reason, State
from store.queue.breakers import BreakerChanges, SourceFigures
from tasks.rules.source_limits import Breaker, Demand
from tests.faults.machine import WORKERS, LedgerMachine
from tests.faults.persons import SOURCES
from tests.faults.stage import when
from tests.faults.told import CONFIGURATIONS


class Outages(LedgerMachine):
    @rule(source=SOURCES, answered=st.booleans(), failed=st.integers(1, 6))
    def fail(self, source: str, answered: bool, failed: int) -> None:
        """A worker tells what it saw: perhaps an answer, and then failures."""
        before = self.failures.get(source, 0)
        self.failures[source] = failed if answered else before + failed
        opens = source not in self.now.broken and self.failures[source] >= Breaker().failures
        figures = SourceFigures(int(answered), failed, failed, Reason.SOURCE_UNAVAILABLE)
        assert self.desk.sources.record({source: figures}, {}) == BreakerChanges(opened=(source,) if opens else ())
        self._changed({})
        assert self.now.broken.keys() == self.before.broken.keys() | ({source} if opens else set())

    @rule(source=SOURCES)
    def succeed(self, source: str) -> None:
        """The last look-up was answered."""
        self.failures[source] = 0
        closes = source in self.now.broken
        noted = self.desk.sources.record({source: SourceFigures(2, 1)}, {})
        assert noted == BreakerChanges(closed=(source,) if closes else ())
        self._changed({})
        assert self.now.broken.keys() == self.before.broken.keys() - {source}

    @rule(worker=WORKERS, source=SOURCES)
    @when(lambda self: self.now.broken)
    def probe(self, worker: int, source: str) -> None:
        """A source that counts as broken gets one check, when its time has come and nobody looks one up there."""
        if source not in self.now.broken or source not in self.workers[worker].plan.sources:
            return
        due = [check for _, check in self._due(source)]
        if any(row.state == State.LEASED and row.source == source for row in self.now.checks.values()):
            due = []
        demand = [Demand(source, 5)]
        held, last_chances = self.desk.claims.claim(demand, 5)
        if not held and last_chances and (alone := self.desk.claims.claim_alone(demand)):
            held = [alone]
        assert len(held) == bool(due)
        assert all(check.probe and check.id in due for check in held)
        self._took(worker, held)
        assert self.desk.claims.claim(demand, 5).held == []

    @rule(worker=WORKERS, other=WORKERS, seconds=st.sampled_from([0.5, 1, 4]))
    @when(lambda self: self._asked_first())
    def break_down(self, worker: int, other: int, seconds: float) -> None:
        """Two checks wait at a source that fails many times, and then two workers would probe it."""
        source = self._asked_first()
        for participant in ("p-5", "p-6"):
            self.submit(participant, "residence", back=False)
            self.all_holds()
        self.fail(source, answered=False, failed=6)
        self.all_holds()
        for each in (worker, other):
            self.time_passes(seconds)
            self.all_holds()
            self.probe(each, source)
            self.all_holds()

    @rule(worker=WORKERS, upkeep=st.booleans(), seconds=st.sampled_from([61, 3600, 4000]))
    @when(lambda self: self._asked_first())
    def stand_still(self, worker: int, upkeep: bool, seconds: float) -> None:
        """A pause in which deadlines may pass. Upkeep is the first to see to them afterwards, or a claim is."""
        source = self._asked_first()
        self.submit("p-4", "residence", back=False)
        self.all_holds()
        self.pause(source, seconds)
        self.all_holds()
        self.time_passes(seconds)
        self.all_holds()
        self.claim_overdue(worker, 3) if upkeep else self.claim(worker, 3)

    def _asked_first(self) -> str:
        """The source that is asked first where somebody lives, empty where nothing asks for that."""
        question = CONFIGURATIONS[self.applied].questions.get(("budget", "residence"))
        return question.sources[0] if question else ""

    def teardown(self) -> None:
        if self.sound:
            for source in sorted(self.failures):
                self.succeed(source)
        super().teardown()
