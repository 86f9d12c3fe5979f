"""Sets up everything that one scenario needs, all of it real: database, broker, registry, workers, web tier.

A stage only sets up and measures. What is broken, and when, is in the modules `on_…`.
"""

from __future__ import annotations

import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import create_engine, make_url

from bench.faults import moves
from bench.faults.database_dump import dump
from bench.faults.history import Dump, History
from bench.faults.proxy import Proxy
from bench.faults.rabbitmq import RabbitMQ
from bench.faults.web_tier import CONSULTATION, QUESTIONS, WebTier
from bench.rig.fleet import Fleet
from bench.rig.registry import description
from bench.rig.source import Registry, SourceThread
from bench.rig.unit import OURS, Program, Unit, until, waited
from jurat.database import parse_url
from jurat.seal import generate, key_to_text
from store.verification import Discrepancy, verify_access, verify_checks
from tests.migrations.releases import made_by_program
from tests.rigs.servers import PostgreSQL, Valkey, free_port
from worker.service import Service

TIMEOUT = 5.0
"""Seconds that a lookup may take, unless a setting says otherwise."""
AHEAD = 20
"""Submits beyond the pace, so that the workers always have something to lose."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How a stage is set: sizes, what is between its parts, and how the source behaves."""

    workers: int = 3
    needs_all: bool = False
    """Whether two of them will not do where it has to be short."""
    strange: int = 0
    """So many of them have a private key of their own that opens nothing."""
    slots: int = 8
    broker: bool = True
    rabbitmq: bool = False
    """Whether RabbitMQ is the broker, not Valkey."""
    proxied_broker: bool = False
    proxied_database: bool = False
    latency: float = 0.2
    slow_repeats: float | None = None
    concurrency: int = 16
    """Of the second source, over all workers. The leases of killed ones count until they end."""
    timeout: str = f"{TIMEOUT:g}s"
    started: bool = True
    """Whether the workers run from the beginning."""
    batch: int = 1
    listens: bool = False
    """Whether the workers show their metrics, at `Stage.targets`."""
    prefixes: tuple[tuple[str, ...], ...] = ()
    """The words before the command of each worker."""
    environment: Mapping[str, str] = field(default_factory=dict)
    database: Callable[[ExitStack], PostgreSQL] | None = None
    """Makes the database's server, where it is a special one."""
    released: Callable[[Path], Program] | None = None
    """Lays the last release into a folder. It makes the tables, and is that of all workers but the last."""
    everywhere: Callable[[Stage, str], str] | None = None
    """Gives the database's URL for everyone, where it is not that of one server."""
    between: Callable[[Stage, str], str] | None = None
    """Puts something between the workers and the database's URL, and gives the new one."""


class Stage:
    """A running fleet with `checks` to be submitted, until the `with` block ends."""

    def __init__(self, setting: Setting, checks: int, seed: int, *, short: bool) -> None:
        self.setting = setting
        self.workers = min(setting.workers, _FEWEST) if short and not setting.needs_all else setting.workers
        self.short = short
        self.checks = checks
        self.random = random.Random(seed)
        self.seed = seed
        self.notes: dict[str, float] = {}
        """What a scenario wants to have in its row."""
        self.earlier: list[Dump] = []
        self.kills: list[moves.Kill] = []
        self.outages: list[float] = []
        """When the database went away, each time."""
        self.troubles: list[tuple[float, float]] = []
        """When what the web tier must not notice began and ended, on the monotonic clock."""
        self.stack = ExitStack()
        self.folder: Path
        self.postgresql: PostgreSQL
        self.valkey: Valkey
        self.registry: Registry
        self.source: SourceThread
        self.fleet: Fleet
        self.service: Service
        self.web: WebTier
        self.released = OURS
        self.rabbitmq: RabbitMQ | None = None
        self.broker_proxy: Proxy | None = None
        self.database_proxy: Proxy | None = None
        self.targets = [f"127.0.0.1:{free_port()}" for _ in range(self.workers if setting.listens else 0)]

    def __enter__(self) -> Self:
        try:
            self._set_up()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def _set_up(self) -> None:
        setting = self.setting
        self.folder = Path(tempfile.mkdtemp(prefix="jurat-faults-"))
        self.stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.postgresql = (
            setting.database(self.stack) if setting.database else self.stack.enter_context(PostgreSQL(durable=True))
        )
        self.valkey = self.stack.enter_context(Valkey())
        self.registry = Registry(setting.latency, jitter=0.5, slow_repeats=setting.slow_repeats)
        self.source = self.stack.enter_context(SourceThread({_REGISTRY: self.registry}))
        url, broker = self.postgresql.databases.create(), self._broker()
        url = setting.everywhere(self, url) if setting.everywhere else url
        place = parse_url(self._between(url))
        self.fleet = self.stack.enter_context(self._fleet(url, broker))
        self.service = self.fleet.service
        with self.service.database.begin() as connection:
            moves.watch(connection)
        self.apply()
        for number in range(self.workers):
            named = place.update_query_dict({"application_name": f"worker{number}"})
            own = {**setting.environment, "JURAT_DATABASE_URL": named.render_as_string(hide_password=False)}
            if self.targets:
                own["JURAT_LISTEN"] = self.targets[number]
            if number < setting.strange:
                own["JURAT_UNSEAL_KEYS"] = key_to_text(generate()[0])
            self.fleet.add(
                setting.slots,
                prefix=setting.prefixes[number] if number < len(setting.prefixes) else (),
                environment=own,
                program=self.released if number < self.workers - 1 else OURS,
            )
        engine = create_engine(parse_url(url), pool_pre_ping=True, connect_args=_BOUNDED)
        self.stack.callback(engine.dispose)
        self.web = WebTier(self.fleet.client, engine, self.folder, self.seed, setting.batch)
        self.stack.callback(self.web.close)
        self.web.start()
        if setting.started:
            self.start_workers()

    def _fleet(self, url: str, broker: str) -> Fleet:
        if self.setting.released is None:
            return Fleet(url, broker, self.folder)
        self.released = self.setting.released(self.folder / "released")
        return Fleet(
            url, broker, self.folder, partial(made_by_program, self.released.folder, python=self.released.python)
        )

    @property
    def units(self) -> list[Unit]:
        """The workers."""
        return self.fleet.units

    def _between(self, url: str) -> str:
        if self.setting.proxied_database:
            self.database_proxy = self.stack.enter_context(Proxy(self.postgresql.port))
            url = make_url(url).set(port=self.database_proxy.port).render_as_string(hide_password=False)
        return self.setting.between(self, url) if self.setting.between else url

    def _broker(self) -> str:
        if not self.setting.broker:
            return "none"
        if self.setting.rabbitmq:
            self.rabbitmq = self.stack.enter_context(RabbitMQ())
            return self.rabbitmq.url
        if not self.setting.proxied_broker:
            return self.valkey.url
        self.broker_proxy = self.stack.enter_context(Proxy(self.valkey.port))
        return f"redis://127.0.0.1:{self.broker_proxy.port}/0"

    def apply(self, more: Mapping[str, Mapping[str, Any]] | None = None, **limits: Any) -> int:
        """Apply the configuration, with `more` in its sections; `limits` change its second source. Its version."""
        url, timeout = self.source.url(_REGISTRY), self.setting.timeout
        document: dict[str, Any] = {
            "environment": "test",
            "sources": {
                "registry": description(url, timeout=timeout),
                "licences": description(url, timeout=timeout, **{"concurrency": self.setting.concurrency, **limits}),
            },
            "criteria": {"is-physician": {"source": "registry"}, "has-licence": {"source": "licences"}},
            "consultations": {
                CONSULTATION: {
                    "questions": {
                        "profession": {"criterion": "is-physician", "deadline": "1d"},
                        "licence": {"criterion": "has-licence", "deadline": "1d"},
                    },
                    "access": {"all_of": list(QUESTIONS)},
                }
            },
        }
        for section, entries in (more or {}).items():
            document[section] |= entries
        return self.fleet.apply(document)

    def start_workers(self) -> None:
        """Start them and wait until each has its engine. Raises TimeoutError with the end of a log."""
        self.fleet.start(_START)

    # -- while it runs

    def throughput(self, share: float) -> None:
        """Allow the web tier this share of all checks."""
        self.web.allow(min(self.checks, int(self.checks * share) + AHEAD))

    def over(self, seconds: float, step: float = 0.1, *, begin: float = 0.0, end: float = 1.0) -> None:
        """Wait so many seconds, while the pace changes from one share to another."""
        begun = time.monotonic()
        while (gone := time.monotonic() - begun) < seconds:
            self.throughput(begin + (end - begin) * gone / seconds)
            time.sleep(min(step, seconds - gone))
        self.throughput(end)

    def ready_unit(self, others: int = 0) -> Unit:
        """A worker that runs, chosen at random; waits until it and so many others do.

        Raises TimeoutError.
        """
        end = time.monotonic() + 60
        while time.monotonic() < end:
            ready = [unit for unit in self.units if unit.ready]
            if len(ready) > others:
                return self.random.choice(ready)
            time.sleep(0.05)
        raise TimeoutError("workers do not come up again")

    def kill(self, unit: Unit) -> None:
        """End a worker's process by SIGKILL; it is started again."""
        if unit.signal(signal.SIGKILL):
            self.kills.append(moves.Kill(unit.name, time.time()))

    def gone(self) -> None:
        """Note that an outage of the database begins now."""
        self.outages.append(time.time())

    @contextmanager
    def trouble(self) -> Iterator[None]:
        """A block in which something is broken that the web tier must not notice."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.troubles.append((begun, time.monotonic()))

    def scalar(self, statement: str, **parameters: Any) -> int:
        """One number from the database."""
        return self.fleet.scalar(statement, **parameters)

    def column(self, statement: str, **parameters: Any) -> list[Any]:
        """One column of rows from the database."""
        return self.fleet.column(statement, **parameters)

    def clock(self) -> float:
        """The time of the database."""
        (seconds,) = self.column("SELECT CAST(extract(epoch FROM clock_timestamp()) AS float8)")
        return float(seconds)

    def leased(self) -> int:
        """How many checks workers hold at the moment."""
        return self.scalar("SELECT count(*) FROM jurat_checks WHERE state = 'leased'")

    def settled(self) -> int:
        return self.scalar("SELECT count(*) FROM jurat_verdicts")

    def submit_seconds(self) -> list[float]:
        """Seconds that submits with their ring took in trouble, or all submits if there was none."""
        made = list(self.web.seconds)
        during = [
            took for at, took in made if any(at <= end and begin <= at + took for begin, end in self.troubles)
        ]  # fmt: skip
        return sorted(during if self.troubles else [took for _, took in made])

    def remember(self) -> None:
        """Dump the database now: what it holds must be there until the end."""
        self.earlier.append(dump(self.service.database, CONSULTATION))

    def add(self, name: str, value: float = 1) -> None:
        """Count something in the notes."""
        self.notes[name] = round(self.notes.get(name, 0) + value, 3)

    def most(self, name: str, value: float) -> None:
        """Keep the largest of something in the notes."""
        self.notes[name] = round(max(self.notes.get(name, 0), value), 3)

    # -- after the fault

    def all_settle(self, seconds: float = 90.0) -> float:
        """How many seconds from now until every worker has written another verdict.

        Submits go on until then, so that each has something to do. Raises TimeoutError.
        """
        begun = time.monotonic()
        next_ones = begun
        before = [unit.said(_SETTLED) for unit in self.units]

        def all_did() -> bool:
            nonlocal next_ones
            if time.monotonic() >= next_ones:
                next_ones = time.monotonic() + _TRICKLE
                self.web.allow(len(self.web.submits) + len(self.units) * 2)
            return all(unit.said(_SETTLED) > count for unit, count in zip(self.units, before, strict=True))

        return waited(all_did, seconds, "not every worker settles something")

    def consuming(self, seconds: float = 90.0) -> float:
        """How many seconds from now until every worker waits at the broker for bells. Raises TimeoutError."""

        def all_wait() -> bool:
            try:
                with Redis(port=self.valkey.port, socket_timeout=1.0) as connection:
                    return int(connection.info("clients")["blocked_clients"]) >= len(self.units)
            except RedisError:
                return False

        return waited(all_wait, seconds, "not every worker waits at the broker")

    def emptied(self, queue: str, seconds: float = 60.0) -> float:
        """How many seconds from now until no message waits in a queue at Valkey. Raises TimeoutError."""

        def empty() -> bool:
            with Redis(port=self.valkey.port, socket_timeout=5.0) as connection:
                return int(connection.llen(queue)) == 0

        return waited(empty, seconds, f"messages stay in {queue}")

    def rate(self) -> float:
        """Verdicts a second when all checks are submitted at once.

        Raises TimeoutError when not everything is settled in five minutes.
        """
        begun = time.monotonic()
        if self.drain(300) is None:
            raise TimeoutError("not everything was settled in 300 s")
        return self.settled() / (time.monotonic() - begun)

    def calm(self, window: float = 8.0, seconds: float = 60.0) -> float:
        """How many seconds from now until the last end of a worker that `window` seconds without any follow.

        Raises TimeoutError when workers go on ending.
        """
        begun = last = time.monotonic()
        ended = sum(unit.ends.total() for unit in self.units)
        while time.monotonic() - last < window:
            if time.monotonic() - begun > seconds:
                raise TimeoutError(f"workers go on ending after {seconds:g} s")
            time.sleep(0.1)
            if (now := sum(unit.ends.total() for unit in self.units)) != ended:
                ended, last = now, time.monotonic()
        return last - begun

    def drain(self, seconds: float) -> float | None:
        """Wait for everything to be submitted and settled; returns the seconds that it took, None if not in time."""
        begun = time.monotonic()
        self.web.allow(self.checks)
        try:
            self.web.finish(seconds)
        except TimeoutError:
            return None
        if until(lambda: self.fleet.unsettled() == 0, seconds - (time.monotonic() - begun)):
            return time.monotonic() - begun
        return None

    def history(self, undetermined: frozenset[str]) -> History:
        """What is known now. Call it when nothing runs any more."""
        return History(
            submits=tuple(self.web.submits),
            dump=dump(self.service.database, CONSULTATION),
            earlier=tuple(self.earlier),
            asked=dict(self.registry.counts),
            undetermined=undetermined,
            contradictions=tuple((str(each.check), each.what) for each in self._verified()),
        )

    def _verified(self) -> Iterator[Discrepancy]:
        yield from verify_checks(self.service.database)
        for page in verify_access(self.service.database):
            yield from page.found


_REGISTRY = "professionals"
"""What the source is asked as."""
_FEWEST = 2
"""Workers that still stand in each other's way. To start one takes as long as a hundred checks."""
_START = 60.0
"""Seconds that workers have to start."""
_SETTLED = '"event": "settled"'
_TRICKLE = 0.25
"""Seconds between two small lots of submits while we wait for every worker to show itself."""
_BOUNDED = {"connect_timeout": 3, "prepare_threshold": None}
