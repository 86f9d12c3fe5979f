"""Runs the worker processes of each arm, on a database of their own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
import requests

from bench.rig import ROOT, registry
from bench.rig.fleet import Fleet, Verdict
from bench.rig.servers import Rig, connect, plain
from bench.speed.plan import STEPS_EVERY, STEPS_FILE, Arm, Kind
from bench.speed.platforms import CONSULTATION, QUESTIONS, Address, index_of
from bench.speed.rivals import bare
from bench.speed.rivals.ledger import LATE, OWN_CLIENT, TABLES, VERDICTS, Place
from tests.rigs import warden

REGISTRY = "professionals"
"""What the source is asked as."""

_START = 60.0
"""Seconds that workers have to start."""

_RIVALS = "bench.speed.rivals"
_AS_IS, _WITH_REQUESTS, _TIMED = "worker.app", "bench.speed.with_requests", "bench.speed.steps"


@dataclass(frozen=True, slots=True)
class Repeats:
    """What workers did more than once, until now: checks that they claimed and gave back, and lookups after the first.

    As a difference of two moments, between them.
    """

    given_back: int
    retried: int

    def __sub__(self, before: Repeats) -> Repeats:
        return Repeats(self.given_back - before.given_back, self.retried - before.retried)


class Workers(ABC):
    """Workers that run. `pids` are the processes that were started; they may have others below them."""

    def __init__(self, arm: Arm, rig: Rig, database_url: str, seal_key: str = "") -> None:
        self.arm = arm
        self.database_url = database_url
        broker_url = rig.valkey.url if arm.bell else None
        self.address = Address(arm.kind, plain(database_url), broker_url, seal_key)
        self._database = connect(database_url)

    @property
    @abstractmethod
    def pids(self) -> list[int]:
        """Of the processes that were started, as far as they run."""

    @abstractmethod
    def start(self) -> None:
        """Start the workers; they may need a moment after that. Raises TimeoutError."""

    @abstractmethod
    def ended(self) -> int:
        """How many of them have ended without being asked to."""

    @abstractmethod
    def verdicts(self) -> list[Verdict]:
        """All that are committed."""

    def repeats(self) -> Repeats | None:
        """What they did more than once, by the database. None where it does not know."""
        return None

    def steps(self) -> Counter[str]:
        """Seconds of CPU of each step of a check, and of all else, until now; nothing where they are not timed."""
        return Counter()

    def close(self) -> None:
        """End them at once, whatever they do."""
        self._database.close()

    def stop(self) -> None:
        """Stop all processes in their tracks, none of them inside a transaction."""
        end = time.monotonic() + _START
        while time.monotonic() < end:
            self._signal(signal.SIGSTOP)
            time.sleep(0.02)
            busy = self._database.execute(_IN_TRANSACTION).fetchone()
            if busy is not None and busy[0] == 0:
                return
            self.go_on()
            time.sleep(0.05)
        raise TimeoutError(f"{self.arm.name}: its workers are never at rest")

    def go_on(self) -> None:
        """Let them go on after `stop`."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        warden.signal_all([member for pid in self.pids for member in warden.process_tree(pid)], number)


_IN_TRANSACTION = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
      AND state <> 'idle'"""


class Scraper:
    """Asks the workers at `ports` for their metrics once a second, as Prometheus would, only more often."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.ports = ports
        self.scrapes = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._scrape, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End it. Raises RuntimeError where it never had an answer, so that nothing was measured."""
        self._ending.set()
        if self._thread.ident is None:
            return
        self._thread.join()
        if not self.scrapes:
            raise RuntimeError("no worker showed its metrics")

    def _scrape(self) -> None:
        accept = {"Accept": "application/openmetrics-text;version=1.0.0"}
        while not self._ending.wait(1.0):
            for port in self.ports:
                with suppress(requests.RequestException):  # a worker that was stopped in its tracks
                    self.scrapes += requests.get(f"http://127.0.0.1:{port}/metrics", headers=accept, timeout=5).ok


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


class Sealer:
    """Seals the history every five seconds, in a process of its own."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._heads = folder / "heads"
        self._words = ("--key", str(folder / "history"), "--heads", str(self._heads), "--every", "5")
        self._environment = {**environment, "PYTHONPATH": str(ROOT)}
        for words in (("key", str(folder / "history")), ("begin",)):
            subprocess.run(self._command(*words), env=self._environment, check=True, capture_output=True)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command("seal", *self._words), env=self._environment, stderr=subprocess.DEVNULL
        )

    def close(self) -> None:
        """End it. Raises RuntimeError if it sealed nothing, so that nothing was measured."""
        if self._process is None:
            return
        self._process.terminate()
        self._process.wait()
        if self._heads.read_bytes().count(b"\n") < 2:
            raise RuntimeError("nothing was sealed")

    @staticmethod
    def _command(*words: str) -> list[str]:
        return [sys.executable, "-P", "-m", "cli", "history", *words]


class _Jurat(Workers):
    """All of it: sealed answers, fences, quotas, attempts, access, and a line in a log file for each verdict."""

    def __init__(self, arm: Arm, rig: Rig, database_url: str) -> None:
        self._fleet = Fleet(database_url, rig.valkey.url, rig.folder / database_url.rpartition("/")[2])
        super().__init__(arm, rig, database_url, self._fleet.seal_key)
        limits = {"rate": arm.rate, "concurrency": arm.concurrency}
        self._apply(_document(rig.source.url(REGISTRY), {name: most for name, most in limits.items() if most}))
        self._scraper = Scraper([_free_port() for _ in range(arm.processes)]) if arm.scraped else None
        folder = rig.folder / database_url.rpartition("/")[2]
        self._sealer = Sealer(folder, {**os.environ, "JURAT_DATABASE_URL": database_url}) if arm.sealed else None
        ports = self._scraper.ports if self._scraper else [None] * arm.processes
        for port in ports:
            environment = {"JURAT_LISTEN": f"127.0.0.1:{port}"} if port else {}
            if arm.timed:
                environment[STEPS_FILE] = str(folder / f"steps{len(self._fleet.units)}.json")
            application = _WITH_REQUESTS if arm.other_client else _TIMED if arm.timed else _AS_IS
            self._fleet.add(arm.slots, environment=environment, application=application)

    def _apply(self, document: Mapping[str, Any]) -> None:
        """Apply a configuration as an administrator does. Raises RuntimeError where it is refused."""
        file = self._fleet.folder / "jurat.yaml"
        file.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML
        command = [sys.executable, "-P", "-m", "cli", "config", "apply", str(file)]
        environment = {**os.environ, **self._fleet.environment, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"`config apply` ended with {done.returncode}:\n{done.stderr}")

    @property
    def pids(self) -> list[int]:
        return [unit.pid for unit in self._fleet.units if unit.pid is not None]

    def start(self) -> None:
        self._fleet.start(_START)
        for beside in (self._scraper, self._sealer):
            if beside:
                beside.start()

    def ended(self) -> int:
        return sum(unit.ends.total() for unit in self._fleet.units)

    def verdicts(self) -> list[Verdict]:
        rows = self._database.execute(_VERDICTS).fetchall()
        return [Verdict(index_of(participant, question), outcome, at) for participant, question, outcome, at in rows]

    def repeats(self) -> Repeats:
        row = self._database.execute(_REPEATS).fetchone()
        assert row is not None
        return Repeats(*row)

    def steps(self) -> Counter[str]:
        if not self.arm.timed:
            return Counter()
        time.sleep(2 * STEPS_EVERY)
        sums = Counter[str]()
        for file in self._fleet.folder.glob("steps*.json"):
            sums.update(json.loads(file.read_text(encoding="utf-8")))
        return sums

    def close(self) -> None:
        for beside in (self._scraper, self._sealer):
            if beside:
                beside.close()
        self._fleet.close()
        super().close()


_VERDICTS = """
    SELECT c.participant, c.question, v.outcome, extract(epoch FROM pg_xact_commit_timestamp(v.xmin))::float8
    FROM jurat_verdicts v JOIN jurat_checks c ON c.id = v.check_id"""

_REPEATS = """
    SELECT coalesce(sum(c.fence) - sum(a.attempts), 0)::int, coalesce(sum(a.attempts) - count(*), 0)::int
    FROM jurat_checks c
    JOIN (SELECT check_id, count(*) AS attempts FROM jurat_attempts GROUP BY check_id) a ON a.check_id = c.id"""
"""Of all checks that were looked up. Each claim has a fence of its own, and each lookup that was made an attempt."""


def _document(source_url: str, limits: Mapping[str, Any]) -> dict[str, Any]:
    source = registry.description(source_url, timeout="10s", tests=registry.tests(), **limits)
    return {
        "environment": "test",
        "sources": {"registry": source},
        "criteria": {"is-physician": {"source": "registry"}},
        "consultations": {
            CONSULTATION: {
                "questions": {name: {"criterion": "is-physician", "deadline": "1d"} for name in QUESTIONS},
                "access": {"all_of": list(QUESTIONS)},
            }
        },
    }


class _Rival(Workers):
    """Plain tasks, and a row for each verdict."""

    def __init__(self, arm: Arm, rig: Rig, database_url: str) -> None:
        super().__init__(arm, rig, database_url)
        self._database.execute(TABLES)
        _add_tables(arm.kind, self._database)
        place = Place(plain(database_url), rig.valkey.url, rig.source.url(REGISTRY), arm.slots)
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), **place.environment()}
        self._environment["PYTHONWARNINGS"] = "ignore::RuntimeWarning:celery.platforms"  # may run as root
        self._environment |= {LATE: str(int(arm.late)), OWN_CLIENT: str(int(arm.other_client))}
        self._processes: list[subprocess.Popen[bytes]] = []
        self._folder = rig.folder

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._processes if process.poll() is None]

    def start(self) -> None:
        for number, command in enumerate(_commands(self.arm)):
            with (self._folder / f"{self.arm.name}-{number}.log").open("wb") as log:
                self._processes.append(
                    subprocess.Popen(
                        [sys.executable, "-P", "-m", *command],
                        cwd=ROOT,
                        env=self._environment,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
                )

    def ended(self) -> int:
        return sum(process.poll() is not None for process in self._processes)

    def verdicts(self) -> list[Verdict]:
        return [Verdict(int(index), outcome, at) for index, outcome, at in self._database.execute(VERDICTS)]

    def close(self) -> None:
        self._signal(signal.SIGKILL)
        for process in self._processes:
            process.wait()
        super().close()


def _add_tables(kind: Kind, database: psycopg.Connection[Any]) -> None:
    """Those that a queue in PostgreSQL has."""
    match kind:
        case Kind.PROCRASTINATE | Kind.PGQUEUER:
            import_module(f"{_RIVALS}.on_{kind}").add_tables(database)
        case Kind.BARE:
            database.execute(bare.INDEX)


def _commands(arm: Arm) -> list[list[str]]:
    """The modules to run, with their arguments: one for each process that we start."""
    match arm.kind:
        case Kind.CELERY:
            plainly = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"]
            worker = ["celery", "-A", f"{_RIVALS}.on_celery", "worker", "-P", arm.pool, "-c", str(arm.slots), *plainly]
            return [[*worker, "-n", f"{arm.name}-{number}@%h"] for number in range(arm.processes)]
        case Kind.DRAMATIQ:
            return [["dramatiq", f"{_RIVALS}.on_dramatiq", "-p", str(arm.processes), "-t", str(arm.slots)]]
        case Kind.TASKIQ:
            at_once = ["-w", str(arm.processes), "--max-async-tasks", str(arm.slots), "--log-level", "WARNING"]
            return [["taskiq", "worker", f"{_RIVALS}.on_taskiq:broker", *at_once]]
        case Kind.PROCRASTINATE | Kind.PGQUEUER:
            return [[f"{_RIVALS}.on_{arm.kind}"]] * arm.processes
        case Kind.BARE:
            return [[f"{_RIVALS}.bare"]] * arm.processes
        case Kind.JURAT:
            raise ValueError("jurat's workers are started in their own way")


@contextmanager
def workers(arm: Arm, rig: Rig, *, started: bool = True) -> Iterator[Workers]:
    """The workers of an arm on a new database, until the `with` block ends."""
    with ExitStack() as stack:
        database_url = stack.enter_context(rig.database())
        made = (_Jurat if arm.kind is Kind.JURAT else _Rival)(arm, rig, database_url)
        stack.callback(made.close)
        if started:
            made.start()
        yield made
