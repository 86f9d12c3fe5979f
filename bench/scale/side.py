"""One of the two databases, with a worker, upkeep and a platform, each on a connection of its own."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from uuid import UUID, uuid4

from sqlalchemy import text

from bench.scale import months as by_month
from bench.scale import shape
from bench.scale.filler import Filler, filled_with
from bench.scale.server import connect, exists, recreate, url_of
from bench.scale.shape import BATCH, Size
from jurat import Client
from jurat.database import bounded, open_engine
from jurat.seal import Seal, generate, key_to_text
from jurat.vocabulary import Outcome, Reason
from store.configurations.publisher import ConfigPublisher
from store.monitoring.fleet_reader import FleetReader
from store.queue.claims import Claims
from store.schema import migrations
from store.upkeep.schedule import EVERY
from store.upkeep.upkeep import Upkeep
from store.verdicts.verdict_writer import VerdictWriter
from store.workers import Fleet, Member
from tasks.checks import Attempt, CheckResult, ClaimedCheck, Decision, Ended, GiveBack, Settle
from tests.rigs.servers import PostgreSQL

ACCEPTED = Settle(
    Outcome.ACCEPTED, Reason.RECORD_MATCHES, {"matched": "number", "name": "exact", "professions": ["10"]}
)
_ATTEMPT = Attempt(Ended.ANSWERED, Reason.RECORD_MATCHES, 0.2)
_RETAIN = 400 * 86_400.0

_WORKER = Member(uuid4(), "bench", "worker", "0", "0", BATCH, config_version=1, ready=True)

_KNOWN = 20_000
"""Random checks and participants that a platform asks for."""

_POLL = text(
    "SELECT state, outcome, reason, revision, decided_at, next_poll_ms FROM jurat_results WHERE check_id = :id"
)


class Side:
    """A database called `name`, filled with `size`, unless `kept` and it is filled already. With `months`, its verdicts
    and attempts are in so many partitions.
    """

    def __init__(
        self,
        server: PostgreSQL,
        name: str,
        size: Size,
        say: Callable[[str], None],
        *,
        kept: bool = False,
        months: int = 0,
    ) -> None:
        self.name, self.size, self.months = name, size, months
        self.url = url_of(server, name)
        _, public = generate()
        ready = kept and _is_filled(server, name, size)
        if not ready:
            recreate(server, name)
            self._make_tables()
        self.connection = connect(server, name)
        self.filler = Filler(self.connection, Seal(public), say)
        if not ready:
            self.filler.fill(size)
        self.engine = bounded(open_engine(self.url, pool_size=1))
        self.platform = open_engine(self.url, pool_size=1)
        self.claims, self.verdict_writer = Claims(self.engine), VerdictWriter(self.engine)
        self.upkeep = Upkeep(self.engine)
        self.fleet = Fleet(self.engine)
        self.fleet_reader = FleetReader(self.engine)
        self.client = Client(self.url, seal_key=key_to_text(public))
        self.held: list[ClaimedCheck] = []
        self._pending = self.filler.some(size, "pending", min(_KNOWN, size.pending))
        self._settled = self.filler.some(size, "settled", min(_KNOWN, size.settled))
        self._people = self.filler.participants(size, min(_KNOWN, size.people))
        self._gone = 0
        self._submits = 0
        self._claims = 0

    def _make_tables(self) -> None:
        engine = open_engine(self.url)
        if self.months:
            by_month.make_tables(engine, self.months)
        else:
            migrations.upgrade(engine)
        ConfigPublisher(engine).apply(shape.configuration(), "bench")
        engine.dispose()

    def close(self) -> None:
        """Give back all connections."""
        self.client.close()
        self.engine.dispose()
        self.platform.dispose()
        self.connection.close()

    # -- a worker

    def claim(self, count: int = BATCH) -> None:
        """Take so many over several sources."""
        self._claims += 1
        demands = shape.demands(-(-count // len(shape.SOURCES)), self._claims)
        self.held = self.claims.claim(demands, count).held
        if len(self.held) != count:
            raise RuntimeError(f"{self.name}: {len(self.held)} checks were claimed instead of {count}")

    def renew(self) -> None:
        """Prolong the leases of what is held."""
        if len(self.claims.renew(self.held)) != len(self.held):
            raise RuntimeError(f"{self.name}: a lease was lost")

    def settle(self) -> None:
        """End what is held with verdicts."""
        self._write(ACCEPTED, _ATTEMPT)
        self._gone += len(self.held)

    def give_back(self) -> None:
        """Return what is held, as if it had not been begun."""
        self._write(GiveBack(), None)

    def _write(self, decision: Decision, attempt: Attempt | None) -> None:
        written = self.verdict_writer.write([CheckResult(held, decision, 1, attempt, _RETAIN) for held in self.held])
        if len(written.done) != len(self.held):
            raise RuntimeError(f"{self.name}: {len(written.done)} of {len(self.held)} checks were written")

    def refill(self) -> None:
        """As many new pending checks as were settled and not submitted, each with the same history as those before."""
        if self._gone > 0:
            self.filler.add(self.size, self._gone)
            self._gone = 0

    # -- a platform

    def submit(self) -> None:
        """A participant's first answer, with the commit."""
        self._submits += 1
        with self.platform.begin() as connection:
            self.client.submit(
                connection,
                consultation=shape.consultation(self._submits % shape.CONSULTATIONS),
                participant=f"new-{random.getrandbits(64):x}",
                question=random.choice(list(shape.SOURCES)),
                answer={"word": "accept"},
            )
        self._gone -= 1

    def result_pending(self) -> None:
        """Poll for a random check that was pending in the beginning."""
        self.client.result(random.choice(self._pending))

    def result_settled(self) -> None:
        """Poll for a random one that is settled, however old."""
        if not self.client.result(random.choice(self._settled)).settled:
            raise RuntimeError(f"{self.name}: a settled check is not settled")

    def results_pending(self) -> None:
        """Poll for many at once that were pending in the beginning."""
        self._results(random.choices(self._pending, k=BATCH))

    def results(self) -> None:
        """Poll for many at once, half of them settled, however old."""
        self._results(random.choices(self._settled, k=BATCH // 2) + random.choices(self._pending, k=BATCH // 2))

    def _results(self, checks: list[UUID]) -> None:
        wanted = list(dict.fromkeys(checks))
        if len(self.client.results(wanted)) != len(wanted):
            raise RuntimeError(f"{self.name}: a check is not there")

    def poll(self) -> None:
        """The contract's statement, as a platform in another language sends it."""
        check: UUID = random.choice(self._pending)
        with self.platform.connect() as connection:
            connection.execute(_POLL, {"id": check}).one()

    def access(self) -> None:
        """What a random participant's answers add up to."""
        self.client.access(*random.choice(self._people))

    # -- upkeep

    def end_leases(self) -> None:
        """Look for leases that are over; none is."""
        if self.upkeep.end_leases():
            raise RuntimeError(f"{self.name}: a lease was over")

    def end_reviews(self) -> None:
        """Look for reviews that are overdue; none is."""
        if self.upkeep.end_reviews():
            raise RuntimeError(f"{self.name}: a review was overdue")

    def count_waiting(self) -> None:
        """Keep the figures of all sources."""
        self.upkeep.count_waiting()

    def report(self) -> None:
        """Say that a worker lives, as it does every ten seconds."""
        self.fleet.report(_WORKER)

    def read_fleet(self) -> None:
        """Read the fleet, as the exporter does for each scrape. A worker has just kept the figures."""
        self.fleet_reader.observe()

    def read_fleet_alone(self) -> None:
        """The same while no worker lives, so that what waits has to be counted."""
        with self.engine.begin() as connection:
            connection.execute(text("DELETE FROM jurat_workers"))
        self.fleet_reader.observe()

    def turns(self) -> None:
        """Look for every piece of upkeep, as if the turn of each had come."""
        self.upkeep.turns(dict.fromkeys(EVERY, 0.0))

    def claim_overdue(self) -> None:
        """Look for deadlines that have passed; none has."""
        if self.claims.claim_overdue(100, {}):
            raise RuntimeError(f"{self.name}: a deadline has passed")

    def add_up_access(self) -> None:
        """Look for access rows that are out of date; none is."""
        if self.upkeep.add_up_access():
            raise RuntimeError(f"{self.name}: an access row was out of date")

    def purge(self) -> None:
        """Look for verdicts past their time; there is none."""
        if self.upkeep.purge():
            raise RuntimeError(f"{self.name}: a verdict was past its time")

    # -- what PostgreSQL says

    def backends(self) -> list[int]:
        """The processes that serve this side's connections."""
        found = self.connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'", (self.name,)
        )
        return [row[0] for row in found]

    def state(self) -> Mapping[str, int]:
        """Rows of jurat_checks as PostgreSQL estimates them, dead ones, its autovacuums, bytes of the database."""
        self.connection.execute("SELECT pg_stat_clear_snapshot()")
        row = self.connection.execute(
            "SELECT n_live_tup, n_dead_tup, autovacuum_count, pg_database_size(current_database()) "
            "FROM pg_stat_user_tables WHERE relname = 'jurat_checks'"
        ).fetchone()
        return dict(zip(("rows", "dead", "autovacuums", "bytes"), row or (0, 0, 0, 0), strict=True))


def _is_filled(server: PostgreSQL, name: str, size: Size) -> bool:
    if not exists(server, name):
        return False
    with connect(server, name) as connection:
        return filled_with(connection) == size
