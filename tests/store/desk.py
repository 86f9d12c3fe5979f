"""One database with everybody who works on it: administrators, a platform, and a worker's side of the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from uuid import UUID

from sqlalchemy import Connection, event, text

from adapters.base import NumberClaim, Redemption
from adapters.fingerprints import Fingerprints
from config.configuration import Configuration
from config.document import Document
from config.networks import LOOPBACK
from jurat import Check, Client, Result, batches, database
from jurat.batches import run
from jurat.codes import clean, generate
from jurat.database import bounded, open_engine
from jurat.seal import Unseal, key_to_text
from jurat.seal import generate as generate_keys
from jurat.vocabulary import Outcome, Reason
from store.configurations.applied_config import AccessTerms
from store.configurations.publisher import ConfigPublisher
from store.dialects import dialect_of
from store.queries import Queries
from store.queue.claims import Claims
from store.queue.sources import Sources
from store.requests.code_lists import add_codes
from store.upkeep.upkeep import Upkeep
from store.verdicts.access import lock_statements
from store.verdicts.verdict_writer import VerdictWriter, WriteOutcome
from tasks.checks import Attempt, CheckResult, ClaimedCheck, Decision, Ended, Review, Settle
from tasks.plan import Plan
from tasks.rules.source_limits import Demand
from worker.plan_builder import make_plan

PRIVATE_KEY, PUBLIC_KEY = generate_keys()
HASH_KEY = bytes(range(32))
ADMIN = "an administrator"

TABLES = (
    "jurat_openings",
    "jurat_inquiries",
    *("jurat_claims", "jurat_verdicts", "jurat_reviews", "jurat_attempts", "jurat_checks", "jurat_access"),
    *("jurat_questions", "jurat_configs", "jurat_zones", "jurat_codes", "jurat_sources", "jurat_audit", "jurat_upkeep"),
    "jurat_outcomes",
    *("jurat_requests", "jurat_criteria", "jurat_consultations", "jurat_pauses", "jurat_datasets"),
    *("jurat_dataset_streets", "jurat_dataset_houses", "jurat_dataset_words"),
    *("jurat_workers", "jurat_missing_keys", "jurat_history", "jurat_unsealed", "jurat_leaves", "jurat_tree_heads"),
    "jurat_hash_key",
)

EMPTYING = f"""
DO $$
DECLARE
    tables CONSTANT text[] := '{{{", ".join(TABLES)}}}';
    name text;
    guards text[];
    guard text;
    filled boolean;
BEGIN
    FOREACH name IN ARRAY tables LOOP
        EXECUTE 'SELECT EXISTS (SELECT FROM ' || name || ')' INTO filled;
        CONTINUE WHEN NOT filled;
        guards := ARRAY( -- of a DELETE
            SELECT tgname FROM pg_trigger WHERE tgrelid = name::regclass AND tgenabled = 'A' AND tgtype & 8 > 0);
        FOREACH guard IN ARRAY guards LOOP
            EXECUTE 'ALTER TABLE ' || name || ' DISABLE TRIGGER ' || guard;
        END LOOP;
        EXECUTE 'DELETE FROM ' || name;
        FOREACH guard IN ARRAY guards LOOP
            EXECUTE 'ALTER TABLE ' || name || ' ENABLE ALWAYS TRIGGER ' || guard;
        END LOOP;
    END LOOP;
END $$"""
"""Empties every table of PostgreSQL in one statement: what is done before each test should not take longer than it."""

DOCUMENT: Mapping[str, Any] = {
    "environment": "test",
    "sources": {
        "towns": {"type": "simulated"},
        "ban": {"type": "simulated"},
        "rpps": {"type": "simulated"},
        "spring": {"type": "codes", "list": "spring"},
    },
    "criteria": {
        "lives-in": {"source": ["towns", "ban"]},
        "is-physician": {"source": "rpps"},
        "has-code": {"source": "spring"},
    },
    "consultations": {
        "budget": {
            "questions": {
                "residence": {"criterion": "lives-in"},
                "profession": {"criterion": "is-physician", "rounds": 2, "on_undetermined": "review"},
                "code": {"criterion": "has-code", "rounds": 3},
            },
            "access": {"all_of": ["residence", {"any_of": ["profession", "code"]}]},
        }
    },
}


NUMBER_TAKEN = Review(Reason.NUMBER_TAKEN, 14 * 86_400.0, {"version": 1})


def claiming(number: str, fingerprints: Fingerprints, namespace: str = "luhn") -> Settle:
    """An acceptance that rests on a number."""
    claim = NumberClaim(namespace, fingerprints.all(namespace, number))
    return Settle(Outcome.ACCEPTED, Reason.RECORD_MATCHES, claim=claim, if_taken=NUMBER_TAKEN)


def configuration(document: Mapping[str, Any] = DOCUMENT) -> Configuration:
    return Configuration.of(Document.model_validate(document))


class Desk:
    """All sides of one database. `configuration` is what was applied last."""

    def __init__(self, url: str, document: Mapping[str, Any] = DOCUMENT, *, applied: bool = False) -> None:
        self.url = url
        self.engine = bounded(open_engine(url, pool_size=16))
        self.postgresql = self.engine.dialect.name == "postgresql"
        self.claims = Claims(self.engine, dice=lambda: 0.5, keys=Unseal([PRIVATE_KEY]).key_ids)
        self.verdict_writer = VerdictWriter(self.engine)
        self.upkeep = Upkeep(self.engine, unseal=Unseal([PRIVATE_KEY]))
        self.sources = Sources(self.engine)
        self.publisher = ConfigPublisher(self.engine)
        self.queries = Queries(self.engine)
        self.fingerprints = Fingerprints([HASH_KEY])
        self.unseal = Unseal([PRIVATE_KEY])
        self.client = Client(url, seal_key=key_to_text(PUBLIC_KEY))
        if applied:  # to the template that this database is a copy of
            self._know(document)
        else:
            self.apply(document)

    def _know(self, document: Mapping[str, Any]) -> None:
        self.configuration = configuration(document)
        self.terms = AccessTerms.of(self.configuration)

    def apply(self, document: Mapping[str, Any], *, force: bool = False) -> int:
        self._know(document)
        return self.publisher.apply(self.configuration, ADMIN, force=force)[0]

    def plan(self) -> Plan:
        version = self.queries.config_version()
        assert version is not None
        return make_plan(
            version,
            self.configuration,
            self.queries,
            self.fingerprints,
            {},
            purse=self.sources,
            private_networks=LOOPBACK,
        )

    # -- the platform

    def submit(self, participant: str = "p-1", question: str = "residence", **given: Any) -> Check:
        with self.engine.begin() as connection:
            return self.submit_on(connection, participant, question, **given)

    def submit_on(self, connection: Connection, participant: str, question: str, **given: Any) -> Check:
        answer = given.pop("answer", {"code": "7"} if question == "code" else {"word": "accept"})
        given = {"consultation": "budget", "participant": participant, "question": question, "answer": answer, **given}
        return self.client.submit(connection, **given)

    def submit_many(self, count: int, question: str = "residence", first: int = 0, **given: Any) -> list[Check]:
        """Of the participants `p-0` and so on, or from `first` on."""
        answer = {"code": "7"} if question == "code" else {"word": "accept"}
        rows = [
            {"consultation": "budget", "participant": f"p-{n}", "question": question, "answer": answer, **given}
            for n in range(first, first + count)
        ]
        with self.engine.begin() as connection:
            return self.client.submit_many(connection, rows)

    def result(self, check: UUID) -> Result:
        return self.client.result(check)

    # -- the worker

    def claim(
        self, source: str = "towns", free: int = 10, slots: int | None = None, **limits: Any
    ) -> list[ClaimedCheck]:
        return self.take([Demand(source, free, **limits)], free if slots is None else slots)

    def take(self, demands: Sequence[Demand], slots: int) -> list[ClaimedCheck]:
        """What workers could claim: together, and then what must be alone, each by a worker that holds nothing else."""
        held, last_chances = self.claims.claim(demands, slots)
        while last_chances and len(held) < slots and (alone := self.claims.claim_alone(demands)):
            held.append(alone)
        return held

    def claim_one(self, source: str = "towns") -> ClaimedCheck:
        (held,) = self.claim(source, 1)
        return held

    def held(self, participant: str = "p-1", question: str = "residence", **given: Any) -> ClaimedCheck:
        """A new check of that answer, claimed. Nothing else may be due at its source."""
        check = self.submit(participant, question, **given)
        (held,) = self.claim(self.configuration.questions["budget", question].sources[0], 1)
        assert held.id == check.id
        return held

    def write(self, *entries: CheckResult) -> WriteOutcome:
        return self.verdict_writer.write(entries)

    def write_on(self, connection: Connection, *entries: CheckResult) -> WriteOutcome:
        """In another transaction, all but its end."""
        keys = {(entry.held.consultation, entry.held.participant) for entry in entries}
        run(connection, *lock_statements(dialect_of(connection), keys))
        outcome, last = self.verdict_writer._write_rows(connection, entries, keys)
        run(connection, *last)
        return outcome

    def settle(self, held: ClaimedCheck, decision: Decision | None = None, **given: Any) -> WriteOutcome:
        return self.write(entry(held, decision, **given))

    def look_up(self, held: ClaimedCheck, decision: Settle | Review, **given: Any) -> WriteOutcome:
        """Settle it with the lookup that says so, as workers do."""
        return self.settle(held, decision, attempt=attempt(reason=decision.reason), **given)

    # -- codes

    def add_codes(self, count: int = 1, code_list: str = "spring") -> list[str]:
        codes = [generate() for _ in range(count)]
        add_codes(self.engine, code_list, [self.fingerprint(code, code_list) for code in codes], ADMIN)
        return codes

    def fingerprint(self, code: str, code_list: str = "spring") -> str:
        cleaned = clean(code)
        assert cleaned is not None
        return self.fingerprints.newest(code_list, cleaned)

    def code_valid(self, code: str) -> Settle:
        return Settle(
            Outcome.ACCEPTED, Reason.CODE_VALID, redemption=Redemption("spring", self.fingerprint(code, "spring"))
        )

    # -- the database itself

    def sql(self, statement: str, **parameters: Any) -> list[Any]:
        """Rows of a statement on a plain transaction; `NOW` in it is the database's clock, `NOW(-20)` 20 s ago."""
        with self.engine.begin() as connection:
            result = connection.execute(text(self.clock(statement)), parameters)
            return list(result) if result.returns_rows else []

    def one(self, statement: str, **parameters: Any) -> Any:
        ((value,),) = self.sql(statement, **parameters)
        return value

    def clock(self, statement: str) -> str:
        head, *parts = statement.split("NOW")
        for part in parts:
            seconds, rest = part[1:].split(")", 1) if part.startswith("(") else ("0", part)
            if self.postgresql:
                head += f"statement_timestamp() + make_interval(secs => {seconds})" + rest
            else:
                head += f"strftime('%Y-%m-%d %H:%M:%f', 'now', '{seconds} seconds')" + rest
        return head

    def row(self, check: UUID, columns: str) -> Any:
        (row,) = self.sql(f"SELECT {columns} FROM jurat_checks WHERE id = :id", id=self.id(check))
        return row[0] if len(row) == 1 else tuple(row)

    def id(self, check: UUID) -> Any:
        """An id as a parameter of plain SQL."""
        return check if self.postgresql else str(check)

    def verdicts(self, check: UUID) -> list[tuple[str, str]]:
        return [
            (row[0], row[1])
            for row in self.sql(
                "SELECT outcome, reason FROM jurat_verdicts WHERE check_id = :id ORDER BY revision", id=self.id(check)
            )
        ]

    def access(self, participant: str = "p-1") -> str:
        return self.client.access("budget", participant).state

    def set_back(self, column: str, seconds: float, where: str = "true") -> None:
        """Move a time of every check so far into the past, as if that long had gone by."""
        self.sql(f"UPDATE jurat_checks SET {column} = NOW({-seconds}) WHERE {where}")

    @contextmanager
    def statements(self) -> Iterator[list[str]]:
        """The statements that run meanwhile, without BEGIN, COMMIT and pings."""
        seen: list[str] = []

        def see(_: Any, __: Any, statement: str, *___: Any) -> None:
            # A connection that was kept for long forgets its plans when it is taken next: that is no one's statement.
            if "BEGIN" not in statement and not statement.startswith("DISCARD"):
                seen.append(statement)

        with listening(self.engine, "before_cursor_execute", see):
            yield seen

    @contextmanager
    def round_trips(self) -> Iterator[list[int]]:
        """How many statements travel together meanwhile, by round trip. On PostgreSQL."""
        trips: list[int] = []
        original = batches.travel

        def travel(connection: Connection, statements: Sequence[batches.Statement]) -> list[batches.Rows]:
            trips.append(len(statements))
            return original(connection, statements)

        with patch.object(batches, "travel", travel), patch.object(database, "travel", travel):
            yield trips

    def clear(self) -> None:
        """Empty every table, on PostgreSQL alone. Only its owner can: the guards are down for one statement.

        The worker starts again as well.
        """
        self.claims = Claims(self.engine, dice=lambda: 0.5, keys=Unseal([PRIVATE_KEY]).key_ids)
        self.verdict_writer = VerdictWriter(self.engine)
        self.upkeep = Upkeep(self.engine, unseal=Unseal([PRIVATE_KEY]))
        self.sources = Sources(self.engine)
        with self.engine.begin() as connection:
            connection.exec_driver_sql(EMPTYING)

    def close(self) -> None:
        self.client.close()
        self.engine.dispose()


@contextmanager
def listening(engine: Any, name: str, listener: Callable[..., Any]) -> Iterator[None]:
    event.listen(engine, name, listener)
    try:
        yield
    finally:
        event.remove(engine, name, listener)


ACCEPTED = Settle(Outcome.ACCEPTED, Reason.RECORD_MATCHES)
REFUSED = Settle(Outcome.REFUSED, Reason.STATUS_INACTIVE)
UNDETERMINED = Settle(Outcome.UNDETERMINED, Reason.NAME_DIFFERS)
UNAVAILABLE = Settle(Outcome.UNDETERMINED, Reason.SOURCE_UNAVAILABLE)


def entry(held: ClaimedCheck, decision: Decision | None = None, **given: Any) -> CheckResult:
    """What the ledger writes about `held`: `decision`, or that it was accepted."""
    return CheckResult(held, decision or ACCEPTED, given.pop("config_version", 1), **given)


def attempt(ended: Ended = Ended.ANSWERED, reason: Reason = Reason.RECORD_MATCHES, duration: float = 0.25) -> Attempt:
    return Attempt(ended, reason, duration)


def ids(checks: Sequence[Check] | Sequence[ClaimedCheck]) -> set[UUID]:
    return {check.id for check in checks}
