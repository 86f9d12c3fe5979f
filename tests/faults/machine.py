"""The ledger under a platform, three workers, upkeep, reviewers and administrators who do what they please.

Every step is one transaction of the real ledger on a real database, whose clock stands still between steps. Each rule
says which rows must change and how; all others must stay as they are. Then the invariants are looked at. In the end
everybody is lost, faults end, and every check must come to its one verdict.

The rules of reviewers, administrators and of the upkeep behind them are in `persons.py`, those of sources that stand
still or break down in `outages.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import cycle
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from jurat import AlreadyConfirmed, Check, NotNeeded, UnknownQuestion
from jurat.access import ended, question_status
from jurat.vocabulary import Outcome, Reason, State
from store.configurations.applied_config import AccessTerms
from store.queue.leases import LEASE
from tasks.checks import MOST_LOST_LEASES, CheckResult, ClaimedCheck, GiveBack, Later, NextSource, Review, Settle
from tasks.rules.source_limits import Breaker, Demand
from tests.faults.persons import Persons
from tests.faults.snapshot import CheckRow, read
from tests.faults.stage import Worker, first, when
from tests.faults.told import ANSWERS, CONFIGURATIONS, UNSTORABLE

PARTICIPANTS = tuple(f"p-{number}" for number in range(1, 7))
WORKERS = st.integers(0, 2)
PLACES = st.integers(0, 50)
SAID = st.lists(st.sampled_from(sorted(ANSWERS)), min_size=1, max_size=3)


class LedgerMachine(Persons):
    # -- the platform

    @initialize(count=st.integers(1, 3), worker=WORKERS)
    def begin(self, count: int, worker: int) -> None:
        """Some have answered, and a worker has taken it."""
        for participant in PARTICIPANTS[:count]:
            for question in ("residence", "profession"):
                self.submit(participant, question, back=False)
                self.all_holds()
        self.claim(worker, 3)

    @rule(
        participant=st.sampled_from(PARTICIPANTS),
        question=st.sampled_from(["residence", "profession", "code"]),
        back=st.booleans(),
    )
    def submit(self, participant: str, question: str, back: bool) -> None:
        """A participant confirms an answer; with `back` the platform's transaction is rolled back."""
        asked = CONFIGURATIONS[self.applied].questions.get(("budget", question))
        earlier = sorted(
            (row.round, check, row)
            for check, row in self.now.checks.items()
            if (row.participant, row.question) == (participant, question)
        )
        refused: type[Exception] | None = None
        if asked is None:
            refused = UnknownQuestion
        elif earlier:
            confirmed = [self.now.confirmed(check) for _, check, _ in earlier]
            if (
                question_status(confirmed, asked.terms, self.clock.now).left < 1
                or earlier[-1][2].state != State.SETTLED
            ):
                refused = AlreadyConfirmed
        check = self._submit(participant, question, back, refused)
        if check is None or back or asked is None:
            self._changed({})
            assert self.now == self.before, "I8: something is left"
            return
        row = CheckRow(
            *("budget", participant, question, len(earlier) + 1, State.PENDING, asked.sources[0]),
            due_at=self.clock.now,
            deadline_at=self.clock.later(asked.deadline_s),
        )
        self.submitted[check.id] = self.clock.now
        self._changed({check.id: row})

    def _is_ended(self, participant: str, question: str) -> bool:
        row, rule = self.now.access["budget", participant], AccessTerms.of(CONFIGURATIONS[self.applied]).rules["budget"]
        return question in ended(rule, {name for name, state in row.questions.items() if state == "accepted"})

    def _submit(self, participant: str, question: str, back: bool, refused: type[Exception] | None) -> Check | None:
        given = next(self.ids)
        self.clock.move(0.001)
        with self.desk.engine.connect() as connection:
            transaction = connection.begin()
            try:
                check = self.desk.submit_on(connection, participant, question, id=given)
                assert refused is None, f"it should have been {refused}"
                # The platform asks again, for the answer to its first request was lost on the way.
                again = self.desk.submit_on(connection, participant, question, id=given)
                assert (again.id, again.created, check.created) == (given, False, True)
            except (UnknownQuestion, AlreadyConfirmed) as error:
                # Where the row is older than the configuration, such an answer may be taken as well.
                over = isinstance(error, NotNeeded) and self._is_ended(participant, question)
                if type(error) is not refused and not over:
                    raise
                return None
            finally:
                transaction.rollback() if back else transaction.commit()
        return check

    # -- workers

    @rule(worker=WORKERS, answers=SAID)
    @when(lambda self: any(map(self._due, CONFIGURATIONS[0].sources)))
    def work(self, worker: int, answers: list[str]) -> None:
        """Nothing goes wrong but what the sources say."""
        mine = self.workers[worker]
        before = len(mine.held)
        self.claim(worker, 2)
        self.all_holds()
        for held, answer in zip(mine.held[before:], answers, strict=False):
            self._look_up(mine, held, answer)
        del mine.held[before:]
        if mine.entries:
            self.write(worker)

    @rule(worker=WORKERS, free=st.integers(1, 3))
    @when(lambda self: any(map(self._due, CONFIGURATIONS[0].sources)))
    def claim(self, worker: int, free: int) -> None:
        """A bell, or the second is over. Bells that come twice are claims that find less. Checks that have one chance
        left are taken one by one after the others. A source in doubt gives no more than it may fail.
        """
        shared, most, alone, last_ones = {}, Counter[str](), set(), 0
        for source in self.workers[worker].plan.sources:
            if source in self.now.broken:
                continue
            due = self._due(source)
            last = {check for _, check in due if self.now.checks[check].lost_leases == MOST_LOST_LEASES - 1}
            left = self._may_fail(source)
            shared[source] = first([each for each in due if each[1] not in last], free)
            most[source] = min(len(shared[source]), left)
            alone |= last
            last_ones += min(len(last), left - most[source])
        demands = [Demand(source, max(1, len(checks))) for source, checks in shared.items()]
        held, last_chances = self.desk.claims.claim(demands, sum(map(len, shared.values())))
        assert all(check.id in shared[check.source] for check in held)
        assert Counter(check.source for check in held) == most
        assert last_chances == bool(alone)
        one_by_one = []
        while (one := self.desk.claims.claim_alone(demands)) is not None:
            one_by_one.append(one)
        assert {check.id for check in one_by_one} <= alone
        assert len(one_by_one) == last_ones
        held += one_by_one
        self._took(worker, held)

    def _may_fail(self, source: str) -> int:
        """How many look-ups more may be under way at a source."""
        breaker, failures = Breaker(), self.failures.get(source, 0)
        if failures < breaker.doubt:
            return 1000
        under_way = sum(row.state == State.LEASED and row.source == source for row in self.now.checks.values())
        return max(0, max(1, breaker.failures - failures) - under_way)

    @rule(worker=WORKERS, limit=st.integers(1, 5))
    @when(lambda self: self._passed())
    def claim_overdue(self, worker: int, limit: int) -> None:
        """Deadlines of checks whose sources stood still are moved on, the others are over."""
        overdue = first(self._overdue(), limit)
        moved = {check: self._moved_on(check) for _, check in self._passed() if self._more(check)}
        held = self.desk.claims.claim_overdue(len(overdue), {})
        assert {check.id for check in held} == set(overdue)
        assert all(check.overdue for check in held)
        self._took(worker, held, moved)

    def _took(self, worker: int, held: list[ClaimedCheck], others: Mapping[UUID, CheckRow] | None = None) -> None:
        held.sort(key=lambda check: check.id)
        assert len({check.id for check in held}) == len(held)
        until = self.clock.later(LEASE)
        rows = {check.id: self.now.checks[check.id] for check in held}
        self.history.claims += [(check, rows[check.id], self.clock.now) for check in held]
        self.workers[worker].held += held
        leased = {
            check: replace(self._moved_on(check), state=State.LEASED, fence=row.fence + 1, lease_until=until)
            for check, row in rows.items()
        }
        self._changed({**leased, **(others or {})})
        assert all(check.overdue == self._is_over(check.id) for check in held)

    def _is_over(self, check: UUID) -> bool:
        deadline = self.now.checks[check].deadline_at
        return deadline is not None and deadline <= self.clock.now

    @rule(worker=WORKERS, place=PLACES, answer=st.sampled_from(sorted(ANSWERS)))
    @when(lambda self: any(worker.held for worker in self.workers))
    def look_up(self, worker: int, place: int, answer: str) -> None:
        """Whether its lease still lives or not: a worker that was stopped does not know."""
        mine = self._one_that(lambda each: bool(each.held), worker)
        self._look_up(mine, mine.held.pop(place % len(mine.held)), answer)

    def _look_up(self, worker: Worker, held: ClaimedCheck, answer: str) -> None:
        self.source.answer, self.under_way = answer, held
        asked = len(self.history.looked_up)
        entry = self.running.run(held, worker.plan)
        assert not (held.overdue and len(self.history.looked_up) > asked), "looked up after its deadline"
        worker.entries.append(entry)

    @rule(worker=WORKERS, place=PLACES)
    @when(lambda self: any(worker.held for worker in self.workers))
    def give_back(self, worker: int, place: int) -> None:
        """SIGTERM finds it before its look-up has begun."""
        mine = self._one_that(lambda each: bool(each.held), worker)
        mine.entries.append(CheckResult(mine.held.pop(place % len(mine.held)), GiveBack(), mine.plan.version))

    @rule(worker=WORKERS)
    @when(lambda self: any(worker.entries for worker in self.workers))
    def write(self, worker: int) -> None:
        """Everything that has finished, in one batch."""
        mine = self._one_that(lambda each: bool(each.entries), worker)
        self._write(mine.entries)
        mine.entries, mine.wrote = [], mine.entries

    @rule(worker=WORKERS)
    @when(lambda self: any(worker.wrote for worker in self.workers))
    def write_again(self, worker: int) -> None:
        """A writer that does not read again writes the same once more."""
        mine = self._one_that(lambda each: bool(each.wrote), worker)
        self._write(mine.wrote)

    @rule(worker=WORKERS)
    @when(lambda self: any(worker.wrote or worker.entries for worker in self.workers))
    def read_again(self, worker: int) -> None:
        """The commit's answer was lost, whether it went through or not."""
        mine = self._one_that(lambda each: bool(each.wrote or each.entries), worker)
        found = self.desk.verdict_writer.read_again(mine.wrote + mine.entries)
        self._changed({})
        assert all(self._is_ours(entry.held) for entry in found.busy)
        done = [(entry.held.id, entry.held.fence) for entry in found.done]
        assert set(done) <= set(self.history.written)
        for entry in found.stale:
            # One that was lost later on, and never looked up, leaves no trace of what stood before.
            later = self.now.checks[entry.held.id].lost_leases > entry.held.lost_leases and entry.attempt is None
            assert (entry.held.id, entry.held.fence) not in self.history.written or later
            assert not self._is_ours(entry.held)
        for entry in found.done:
            if isinstance(entry.decision, Settle):
                self._stands_written(entry, entry.decision)

    def _write(self, entries: list[CheckResult]) -> None:
        ours = [entry for entry in entries if self._is_ours(entry.held)]
        written = self.desk.verdict_writer.write(entries)
        self.history.written += [(entry.held.id, entry.held.fence) for entry in written.done]
        # What is written may say something else than what was to be (a code that is spent), but of the same checks.
        assert [entry.held for entry in written.done] == [entry.held for entry in ours]
        assert [entry for entry in entries if entry not in ours] == written.stale
        assert not written.busy
        self._changed({entry.held.id: self._moved(entry) for entry in ours})
        for entry in written.done:
            if isinstance(entry.decision, Settle | Review):
                row = self.now.access[entry.held.consultation, entry.held.participant]
                assert row.version == self.version, "added up by an old plan"
            if isinstance(entry.decision, Settle):
                self._stands_written(entry, entry.decision)
            if isinstance(entry.decision, Later | NextSource) and entry.decision.pause is not None:
                self.desk.sources.pause(entry.held.source, entry.decision.pause, entry.decision.reason)
        stand = read(self.desk.engine)
        self.now = replace(self.now, paused=stand.paused, pauses=stand.pauses)

    def _stands_written(self, entry: CheckResult, decision: Settle) -> None:
        verdict = self.now.verdicts[entry.held.id, 1]
        said = (verdict.outcome, verdict.reason)
        unread = (Outcome.UNDETERMINED, Reason.SOURCE_UNREADABLE)
        assert said == (decision.outcome, decision.reason) or (decision.evidence == UNSTORABLE and said == unread)

    @rule(worker=WORKERS, answers=SAID)
    @when(lambda self: any(worker.held for worker in self.workers))
    def finish(self, worker: int, answers: list[str]) -> None:
        """All that it holds, under whatever fences, is looked up and written in one batch."""
        mine = self._one_that(lambda each: bool(each.held), worker)
        for held, answer in zip(mine.held, cycle(answers), strict=False):
            self._look_up(mine, held, answer)
        mine.held = []
        self.write(self.workers.index(mine))

    @rule(worker=WORKERS)
    @when(lambda self: any(worker.held or worker.entries for worker in self.workers))
    def renew(self, worker: int) -> None:
        """All that it holds and what it has yet to write, in one statement."""
        mine = self._one_that(lambda each: bool(each.held or each.entries), worker)
        held = mine.held + [entry.held for entry in mine.entries]
        ours = {check.id for check in held if self._is_ours(check)}
        assert self.desk.claims.renew(held) == ours
        until = self.clock.later(LEASE)
        self._changed({check: replace(self.now.checks[check], lease_until=until) for check in ours})

    @rule(worker=WORKERS)
    @when(lambda self: any(worker.held or worker.entries for worker in self.workers))
    def crash(self, worker: int) -> None:
        """kill -9: what it held is known to the database alone. It starts again with what is applied."""
        mine = self._one_that(lambda each: bool(each.held or each.entries), worker)
        self.workers[self.workers.index(mine)] = Worker(self.plans[self.applied])

    @rule()
    @when(lambda self: any(worker.plan is not self.plans[self.applied] for worker in self.workers))
    def refresh(self) -> None:
        """They see the newest configuration; until now they worked with what they had."""
        for worker in self.workers:
            worker.plan = self.plans[self.applied]

    def _one_that(self, has: Callable[[Worker], bool], worker: int) -> Worker:
        return next(each for each in self.workers[worker:] + self.workers[:worker] if has(each))

    # -- time and upkeep

    @rule(seconds=st.sampled_from([1, 4, 15, 61, 3600]))
    def time_passes(self, seconds: float) -> None:
        """A second, a part of a lease, a lease, a retry, a deadline."""
        self.clock.move(seconds)

    @rule()
    @when(lambda self: self._leased())
    def lose_leases(self) -> None:
        """Nobody renews for as long as a lease lives."""
        self.time_passes(LEASE)
        self.all_holds()
        self.end_leases()

    @rule(worker=WORKERS, loser=WORKERS, then=st.sampled_from(["renews", "finishes"]), answers=SAID)
    @when(lambda self: self._leased())
    def change_hands(self, worker: int, loser: int, then: str, answers: list[str]) -> None:
        """Leases are lost, who lost them or somebody else takes the checks again, and the loser goes on as if nothing
        had happened.
        """
        self.lose_leases()
        self.all_holds()
        self.claim(worker, 3)
        self.all_holds()
        self.renew(loser) if then == "renews" else self.finish(loser, answers)

    @rule()
    @when(lambda self: self._leased())
    def end_leases(self) -> None:
        over = {
            check: replace(row, state=State.PENDING, lease_until=None, lost_leases=row.lost_leases + 1)
            for check, row in self.now.checks.items()
            if row.state == State.LEASED and row.lease_until and row.lease_until <= self.clock.now
        }
        assert set(self.desk.upkeep.end_leases()) == set(over)
        self._changed(over)

    def teardown(self) -> None:
        """The faults end: every check that was acknowledged gets its one verdict, whatever it went through."""
        if not self.sound:
            return
        self.workers = [Worker(self.plans[self.applied])]
        # A check whose deadline had moved on is overdue after the first fortnight, and its review after the second.
        for seconds in (61, 61, 61, 3601, 14 * 86400, 61, 14 * 86400, 61):
            self.clock.move(seconds)
            for task in (self.end_leases, self.end_reviews, self._work_off, self.add_up_access):
                task()
                self.all_holds()
            if all(row.state == State.SETTLED for row in self.now.checks.values()):
                return
        raise AssertionError(f"I1: these never came to an end: {self.now.checks}")

    def _work_off(self) -> None:
        (worker,) = self.workers
        self.claim_overdue(0, 100)
        self.all_holds()
        self.claim(0, 100)
        self.all_holds()
        while worker.held:
            self._look_up(worker, worker.held.pop(), "accepted")
        if worker.entries:
            self.write(0)
