"""The ledger under a platform, three workers, upkeep and an administrator who do what they please, step by step.

Every step is one transaction of the real ledger on a real database, whose clock stands still between steps. Each rule
says which rows must change and how; all others must stay as they are. Then the invariants are looked at. In the end
everybody is lost, faults end, and every check must come to its one verdict.

Not here yet, for the ledger has no functions for them: a person's decision of a review, and reopening.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import structlog
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from adapters.base import (
    Credentials,
    Finding,
    Found,
    InMaintenance,
    NeedsPerson,
    Query,
    Redemption,
    RejectedRequest,
    Throttled,
    Unavailable,
)
from jurat import AlreadyConfirmed, Check, UnknownQuestion
from jurat.access import Confirmed, standing
from jurat.ids import uuid7
from jurat.words import Outcome, Reason, State
from tasks.checks import Entry, GiveBack, Held, Later, NextSource, Review, Settle
from tasks.ledger import Demand
from tasks.ledger.claiming import LEASE
from tasks.ledger.publishing import Unpublishable
from tasks.plan import Plan, book_of, make_plan
from tasks.running import Running
from tests.faults.invariants import History, broken, wrong_access
from tests.faults.snapshot import CheckRow, Snapshot, VerdictRow, read
from tests.faults.standing_clock import StandingClock
from tests.tasks.desk import ADMIN, DOCUMENT, Desk, configuration

PARTICIPANTS = ("p-1", "p-2", "p-3")
CODES = ("0a" * 32, "0b" * 32)
UNSTORABLE = {"fact": "\0"}
"""Evidence that PostgreSQL can not take: the check ends `source_unreadable` there."""


def _documents() -> tuple[Mapping[str, Any], ...]:
    """Three that differ in all that matters on the way: order and number of sources, rounds, rules, reviews."""
    first = DOCUMENT["consultations"]["budget"]["questions"]
    others = (
        (
            {"lives-in": {"source": ["ban", "towns"]}},
            {"code": {"criterion": "has-code", "rounds": 1}},
            {"any_of": [*first]},
        ),
        (
            {"lives-in": {"source": "towns"}},
            {"residence": {"criterion": "lives-in", "on_undetermined": "review"}},
            None,
        ),
    )
    made = [DOCUMENT]
    for criteria, questions, access in others:
        asked = {**first, **questions}
        if access is None:
            del asked["code"]
        consultation = {"questions": asked, "access": access or {"all_of": ["residence", "profession"]}}
        document = {**DOCUMENT, "criteria": {**DOCUMENT["criteria"], **criteria}}
        made.append({**document, "consultations": {"budget": consultation}})
    made[2] = {
        **made[2],
        "sources": {name: source for name, source in DOCUMENT["sources"].items() if name in ("towns", "rpps")},
        "criteria": {name: each for name, each in made[2]["criteria"].items() if name != "has-code"},
    }
    return tuple(made)


CONFIGURATIONS = tuple(map(configuration, _documents()))

ANSWERS: Mapping[str, Found | Exception] = {
    "accepted": Finding(Outcome.ACCEPTED, Reason.RECORD_MATCHES, {"fact": 1}),
    "refused": Finding(Outcome.REFUSED, Reason.STATUS_INACTIVE),
    "undetermined": Finding(Outcome.UNDETERMINED, Reason.NAME_DIFFERS),
    "mistyped": Finding(Outcome.UNDETERMINED, Reason.AMBIGUOUS_ADDRESS),
    "unstorable": Finding(Outcome.ACCEPTED, Reason.RECORD_MATCHES, UNSTORABLE),
    "a code": Finding(Outcome.ACCEPTED, Reason.CODE_VALID, redemption=Redemption("spring", CODES[0])),
    "another code": Finding(Outcome.ACCEPTED, Reason.CODE_VALID, redemption=Redemption("spring", CODES[1])),
    "a person": NeedsPerson(),
    "down": Unavailable("down"),
    "throttled": Throttled("slow down", retry_after=90.0),
    "maintenance": InMaintenance("closed", retry_after=5000.0),
    "credentials": Credentials("a key is missing"),
    "rejected": RejectedRequest("malformed"),
    "a bug": ZeroDivisionError(),
}


class Told:
    """A source that answers as it is told, and looks whether anybody holds a transaction open meanwhile."""

    def __init__(self, asked: Callable[[], None]) -> None:
        self.answer = "accepted"
        self._asked = asked

    def look_up(self, query: Query) -> Found:
        self._asked()
        answer = ANSWERS[self.answer]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        pass


@dataclass(slots=True)
class Worker:
    """A worker's memory: the plan that it last saw, what it holds, what it has yet to write, and what it wrote."""

    plan: Plan
    held: list[Held] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    wrote: list[Entry] = field(default_factory=list)


WORKERS = st.integers(0, 2)
PLACES = st.integers(0, 50)


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self, desk: Desk, clock: StandingClock) -> None:
        super().__init__()
        structlog.configure(processors=[], logger_factory=structlog.ReturnLoggerFactory())
        self.desk, self.clock = desk, clock
        self.source = Told(self._asked)
        self.running = Running(desk.unseal, clock=lambda: 0.0, jitter=lambda: 0.0)
        self.plans = [self._plan(version) for version in range(len(CONFIGURATIONS))]
        self.applied, self.version = 0, 1
        self.workers = [Worker(self.plans[0]) for _ in range(3)]
        self.history = History()
        self.summed: set[tuple[str, str]] = set()
        """Whose access row was last written under the configuration that is applied now."""
        self.under_way: Held | None = None
        self.before = self.now = read(desk.engine)
        self.sound = True

    def _plan(self, number: int) -> Plan:
        plan = make_plan(number + 1, CONFIGURATIONS[number], self.desk.reading, self.desk.fingerprints, {})
        return replace(plan, sources=dict.fromkeys(plan.sources, self.source))

    def _asked(self) -> None:
        assert self.under_way is not None
        self.history.looked_up.append(self.under_way)
        if self.desk.engine.pool.checkedout():  # type: ignore[attr-defined]  # of the pool that both engines have
            self.history.open_transactions.append(self.under_way)

    def _changed(self, **rows: Mapping[UUID, CheckRow]) -> None:
        """After a step: exactly these rows are different, and these are what they became."""
        self.before, self.now = self.now, read(self.desk.engine)
        assert self.now.checks == {**self.before.checks, **rows.get("to", {})}

    def _due(self, source: str) -> set[UUID]:
        until = self.now.paused.get(source)
        if until is not None and until > self.clock.now:
            return set()
        return {
            check
            for check, row in self.now.checks.items()
            if row.state == State.PENDING and row.source == source and row.due_at and row.due_at <= self.clock.now
        }

    def _overdue(self) -> set[UUID]:
        return {
            check
            for check, row in self.now.checks.items()
            if row.state == State.PENDING and row.deadline_at and row.deadline_at <= self.clock.now
        }

    def _leased(self) -> bool:
        return any(row.state == State.LEASED for row in self.now.checks.values())

    # -- the platform

    @initialize(count=st.integers(1, 3))
    def submit_some(self, count: int) -> None:
        for participant in PARTICIPANTS[:count]:
            for question in ("residence", "profession"):
                self.submit(participant, question, back=False)
                self.all_holds()

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
            confirmed = [Confirmed(State(row.state), *self._said(check)) for _, check, row in earlier]
            if standing(confirmed, asked.rounds)[1] < 1 or earlier[-1][2].state != State.SETTLED:
                refused = AlreadyConfirmed
        check = self._submit(participant, question, back, refused)
        if check is None or back or asked is None:
            self._changed()
            assert self.now == self.before, "I8: nothing is left"
            return
        row = CheckRow(
            *("budget", participant, question, len(earlier) + 1, State.PENDING, asked.sources[0]),
            due_at=self.clock.now,
            deadline_at=self.clock.later(asked.deadline_s),
        )
        if row.key not in self.now.access:
            self.summed.add(row.key)
        self._changed(to={check.id: row})

    def _submit(self, participant: str, question: str, back: bool, refused: type[Exception] | None) -> Check | None:
        given = uuid7()
        with self.desk.engine.connect() as connection:
            transaction = connection.begin()
            try:
                check = self.desk.submit_on(connection, participant, question, id=given)
                assert refused is None, f"it should have been {refused}"
                # The platform asks again, for the answer to its first request was lost on the way.
                again = self.desk.submit_on(connection, participant, question, id=given)
                assert (again.id, again.created, check.created) == (given, False, True)
            except (UnknownQuestion, AlreadyConfirmed) as error:
                assert type(error) is refused
                return None
            finally:
                transaction.rollback() if back else transaction.commit()
        return check

    def _said(self, check: UUID) -> tuple[Outcome | None, Reason | None]:
        verdict = self.now.verdicts.get((check, 1))
        return (Outcome(verdict.outcome), Reason(verdict.reason)) if verdict else (None, None)

    # -- workers

    @precondition(lambda self: any(map(self._due, CONFIGURATIONS[0].sources)))
    @rule(worker=WORKERS, answers=st.lists(st.sampled_from(sorted(ANSWERS)), min_size=1, max_size=3))
    def work(self, worker: int, answers: list[str]) -> None:
        """Nothing goes wrong but what the sources say."""
        mine = self.workers[worker]
        before = len(mine.held)
        self.claim(worker, 2, len(answers))
        self.all_holds()
        for held, answer in zip(mine.held[before:], answers, strict=False):
            self._look_up(mine, held, answer)
        del mine.held[before:]
        if mine.entries:
            self.write(worker)

    @precondition(lambda self: any(map(self._due, CONFIGURATIONS[0].sources)))
    @rule(worker=WORKERS, free=st.integers(1, 3), slots=st.integers(1, 5))
    def claim(self, worker: int, free: int, slots: int) -> None:
        """A bell, or the second is over. Bells that come twice are claims that find less."""
        sources = list(self.workers[worker].plan.sources)
        due = {source: self._due(source) for source in sources}
        held = self.desk.claims.claim([Demand(source, free) for source in sources], slots)
        assert len(held) == min(slots, sum(min(free, len(checks)) for checks in due.values()))
        assert all(check.id in due[check.source] for check in held)
        self._took(worker, held)

    @precondition(lambda self: self._overdue())
    @rule(worker=WORKERS, limit=st.integers(1, 5))
    def claim_overdue(self, worker: int, limit: int) -> None:
        overdue = self._overdue()
        held = self.desk.claims.claim_overdue(limit)
        assert len(held) == min(limit, len(overdue))
        assert all(check.id in overdue and check.overdue for check in held)
        self._took(worker, held)

    def _took(self, worker: int, held: list[Held]) -> None:
        assert len({check.id for check in held}) == len(held)
        until = self.clock.later(LEASE)
        rows = {check.id: self.now.checks[check.id] for check in held}
        self.history.claims += [(check, rows[check.id], self.clock.now) for check in held]
        self.workers[worker].held += held
        self._changed(
            to={
                check: replace(row, state=State.LEASED, fence=row.fence + 1, lease_until=until)
                for check, row in rows.items()
            }
        )

    @precondition(lambda self: any(worker.held for worker in self.workers))
    @rule(worker=WORKERS, place=PLACES, answer=st.sampled_from(sorted(ANSWERS)))
    def look_up(self, worker: int, place: int, answer: str) -> None:
        """Whether its lease still lives or not: a worker that was stopped does not know."""
        mine = self._one_that(lambda each: bool(each.held), worker)
        self._look_up(mine, mine.held.pop(place % len(mine.held)), answer)
        self._changed()

    def _look_up(self, worker: Worker, held: Held, answer: str) -> None:
        self.source.answer, self.under_way = answer, held
        asked = len(self.history.looked_up)
        entry = self.running.run(held, worker.plan)
        assert not (held.overdue and len(self.history.looked_up) > asked), "looked up after its deadline"
        worker.entries.append(entry)

    @precondition(lambda self: any(worker.held for worker in self.workers))
    @rule(worker=WORKERS, place=PLACES)
    def give_back(self, worker: int, place: int) -> None:
        """SIGTERM finds it before its look-up has begun."""
        mine = self._one_that(lambda each: bool(each.held), worker)
        mine.entries.append(Entry(mine.held.pop(place % len(mine.held)), GiveBack(), mine.plan.version))
        self._changed()

    @precondition(lambda self: any(worker.entries for worker in self.workers))
    @rule(worker=WORKERS)
    def write(self, worker: int) -> None:
        """Everything that has finished, in one batch."""
        mine = self._one_that(lambda each: bool(each.entries), worker)
        self._write(mine, mine.entries)
        mine.entries, mine.wrote = [], mine.entries

    @precondition(lambda self: any(worker.wrote for worker in self.workers))
    @rule(worker=WORKERS)
    def write_again(self, worker: int) -> None:
        """The commit's answer was lost, so the writer writes the same once more."""
        mine = self._one_that(lambda each: bool(each.wrote), worker)
        self._write(mine, mine.wrote)

    def _write(self, worker: Worker, entries: list[Entry]) -> None:
        ours = [entry for entry in entries if self._is_ours(entry.held)]
        written = self.desk.settling.write(entries, worker.plan.book)
        self.history.written += [(entry.held.id, entry.held.fence) for entry in written.done]
        # What is written may say something else than what was to be (a code that is spent), but of the same checks.
        assert [entry.held for entry in written.done] == [entry.held for entry in ours]
        assert [entry for entry in entries if entry not in ours] == written.stale
        assert not written.busy
        for entry in ours:
            if isinstance(entry.decision, Settle | Review):
                key = entry.held.consultation, entry.held.participant
                (self.summed.add if worker.plan is self.plans[self.applied] else self.summed.discard)(key)
        self._changed(to={entry.held.id: self._moved(entry) for entry in ours})
        for entry in written.done:
            if isinstance(entry.decision, Settle):
                self._stands_written(entry, entry.decision)
            if isinstance(entry.decision, Later | NextSource) and entry.decision.pause is not None:
                self.desk.keeping.pause(entry.held.source, entry.decision.pause, entry.decision.reason)
        self.now = replace(self.now, paused=read(self.desk.engine).paused)

    def _is_ours(self, held: Held) -> bool:
        row = self.now.checks[held.id]
        return row.state == State.LEASED and row.fence == held.fence

    def _stands_written(self, entry: Entry, decision: Settle) -> None:
        verdict: VerdictRow = self.now.verdicts[entry.held.id, 1]
        said = (verdict.outcome, verdict.reason)
        unread = (Outcome.UNDETERMINED, Reason.SOURCE_UNREADABLE)
        assert said == (decision.outcome, decision.reason) or (decision.evidence == UNSTORABLE and said == unread)

    def _moved(self, entry: Entry) -> CheckRow:
        row = replace(self.now.checks[entry.held.id], lease_until=None)
        match entry.decision:
            case Settle():
                return replace(row, state=State.SETTLED, answered=False, settled_at=self.clock.now)
            case Review():
                return replace(row, state=State.REVIEW)
            case Later(seconds=seconds):
                due = self.clock.later(seconds)
                return replace(row, state=State.PENDING, due_at=due, lookups=row.lookups + 1)
            case NextSource(source=source):
                return replace(row, state=State.PENDING, due_at=self.clock.now, source=source)
            case GiveBack():
                return replace(row, state=State.PENDING, due_at=self.clock.now)

    @precondition(lambda self: any(worker.held or worker.entries for worker in self.workers))
    @rule(worker=WORKERS)
    def renew(self, worker: int) -> None:
        """All that it holds and what it has yet to write, in one statement."""
        mine = self._one_that(lambda each: bool(each.held or each.entries), worker)
        held = mine.held + [entry.held for entry in mine.entries]
        ours = {check.id for check in held if self._is_ours(check)}
        assert self.desk.claims.renew(held) == ours
        until = self.clock.later(LEASE)
        self._changed(to={check: replace(self.now.checks[check], lease_until=until) for check in ours})

    @precondition(lambda self: any(worker.held or worker.entries for worker in self.workers))
    @rule(worker=WORKERS)
    def crash(self, worker: int) -> None:
        """kill -9: what it held is known to the database alone. It starts again with what is applied."""
        mine = self._one_that(lambda each: bool(each.held or each.entries), worker)
        self.workers[self.workers.index(mine)] = Worker(self.plans[self.applied])
        self._changed()

    @precondition(lambda self: any(worker.plan is not self.plans[self.applied] for worker in self.workers))
    @rule()
    def refresh(self) -> None:
        """They see the newest configuration; until now they worked with what they had."""
        for worker in self.workers:
            worker.plan = self.plans[self.applied]
        self._changed()

    def _one_that(self, has: Callable[[Worker], bool], worker: int) -> Worker:
        return next(each for each in self.workers[worker:] + self.workers[:worker] if has(each))

    # -- time and upkeep

    @rule(seconds=st.sampled_from([1, 4, 15, 61, 3600]))
    def time_passes(self, seconds: float) -> None:
        """A second, a part of a lease, a lease, a retry, a deadline."""
        self.clock.move(seconds)
        self._changed()

    @precondition(lambda self: self._leased())
    @rule()
    def lose_leases(self) -> None:
        """Nobody renews for as long as a lease lives."""
        self.time_passes(LEASE)
        self.all_holds()
        self.end_leases()

    @precondition(lambda self: self._leased())
    @rule()
    def end_leases(self) -> None:
        over = {
            check: replace(
                row, state=State.PENDING, due_at=self.clock.now, lease_until=None, lost_leases=row.lost_leases + 1
            )
            for check, row in self.now.checks.items()
            if row.state == State.LEASED and row.lease_until and row.lease_until <= self.clock.now
        }
        assert set(self.desk.keeping.end_leases()) == set(over)
        self._changed(to=over)

    @precondition(lambda self: any(self.now.reviews.values()))
    @rule()
    def leave_reviews(self) -> None:
        """No person decides in time."""
        self.time_passes(14 * 86400)
        self.all_holds()
        self.end_reviews()

    @precondition(lambda self: any(self.now.reviews.values()))
    @rule()
    def end_reviews(self) -> None:
        now = self.clock.now
        over = {
            check: replace(self.now.checks[check], state=State.PENDING, due_at=now, deadline_at=now)
            for check, until in self.now.reviews.items()
            if until is not None and until <= now
        }
        assert self.desk.keeping.end_reviews() == len(over)
        self._changed(to=over)

    # -- the administrator

    @rule(number=st.integers(0, len(CONFIGURATIONS) - 1), force=st.booleans())
    def apply(self, number: int, force: bool) -> None:
        """Another configuration, under which checks on their way may have lost their question or source."""
        new, now = CONFIGURATIONS[number], self.clock.now
        orphans = {
            check: replace(
                row,
                deadline_at=now,
                due_at=now,
                state=State.PENDING if row.state == State.REVIEW else row.state,
            )
            for check, row in self.now.checks.items()
            if row.state != State.SETTLED
            and not (
                ("budget", row.question) in new.questions and (row.state == State.REVIEW or row.source in new.sources)
            )
        }
        if number == self.applied:
            orphans = {}
        try:
            self.version, differs = self.desk.publishing.apply(new, ADMIN, force=force)
        except Unpublishable:
            assert orphans
            assert not force
            self._changed()
            return
        assert force or not orphans
        if differs:
            self.summed.clear()
            self.applied = number
            self.plans[number] = replace(self.plans[number], version=self.version)
        self._changed(to=orphans)

    # -- always

    @invariant()
    def all_holds(self) -> None:
        self.sound = False
        assert broken(self.history, self.before, self.now) == []
        assert wrong_access(self.now, book_of(CONFIGURATIONS[self.applied]), self.summed) == []
        self.sound = True

    def teardown(self) -> None:
        """The faults end: every check that was acknowledged gets its one verdict, whatever it went through."""
        if not self.sound:
            return
        self.workers = [Worker(self.plans[self.applied])]
        for seconds in (61, 61, 61, 3601, 14 * 86400, 61, 3601):
            self.time_passes(seconds)
            self.end_leases()
            self.end_reviews()
            self.claim_overdue(0, 100)
            self.claim(0, 100, 100)
            for held in self.workers[0].held:
                self._look_up(self.workers[0], held, "accepted")
            self.workers[0].held = []
            self.write(0) if self.workers[0].entries else None
            self.all_holds()
        assert {row.state for row in self.now.checks.values()} <= {State.SETTLED}


__all__ = ["CODES", "LedgerMachine", "Snapshot"]
