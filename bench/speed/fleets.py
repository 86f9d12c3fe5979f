"""The worker processes of each arm, on a database of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench.faults.source import description
from bench.faults.supervisor import ROOT, Unit
from bench.speed.plan import Arm, Kind
from bench.speed.platforms import CONSULTATION, QUESTION, Address
from bench.speed.rig import Rig, plain
from bench.speed.rivals.ledger import LATE, TABLES, Place
from config.configuration import Configuration
from config.document import Document
from config.settings import Settings
from jurat.seal import generate, key_to_text
from store.schema import migrations
from tests.rigs import warden
from worker.bootstrap import open_service

LIMITS = {"rate": "20000/s", "concurrency": 512}
"""jurat's quotas are on, and above what is reached: they cost what they cost."""

_START = 60.0
"""Seconds that workers have to start."""

_RIVALS = "bench.speed.rivals"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One verdict: whose, what it says, and when it was committed, by the database's clock."""

    index: int
    outcome: str
    at: float


class Fleet(ABC):
    """Workers that run. `pids` are the processes that were started; they may have others below them."""

    _VERDICTS: str
    """Gives the participant, the outcome and the commit's time of every verdict."""

    def __init__(self, arm: Arm, rig: Rig, database_url: str, seal_key: str = "") -> None:
        self.arm = arm
        self._rig = rig
        self.database_url = database_url
        broker_url = rig.valkey.url if arm.bell else None
        self.address = Address(arm.kind, plain(database_url), broker_url, seal_key)
        self._database = psycopg.connect(plain(database_url), autocommit=True)

    @property
    @abstractmethod
    def pids(self) -> list[int]:
        """Of the processes that were started, as far as they run."""

    @abstractmethod
    def start(self) -> None:
        """Start the workers; they may need a moment after that. Raises TimeoutError."""

    @abstractmethod
    def ended(self) -> int:
        """How many of them have ended, though nobody asked them to."""

    def close(self) -> None:
        """End them at once, whatever they do."""
        self._database.close()

    def verdicts(self) -> list[Verdict]:
        """All that are committed."""
        rows = self._database.execute(self._VERDICTS).fetchall()
        return [Verdict(int(row[0].removeprefix("p-")), row[1], float(row[2])) for row in rows]

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


class _Jurat(Fleet):
    """All of it: sealed answers, fences, quotas, attempts, access, and a line in a log file for each verdict."""

    _VERDICTS = """
        SELECT c.participant, v.outcome, extract(epoch FROM pg_xact_commit_timestamp(v.xmin))
        FROM jurat_verdicts v JOIN jurat_checks c ON c.id = v.check_id"""

    def __init__(self, arm: Arm, rig: Rig, database_url: str) -> None:
        private, public = generate()
        super().__init__(arm, rig, database_url, key_to_text(public))
        keys = {"unseal_keys": key_to_text(private), "hash_keys": key_to_text(os.urandom(32))}
        service = open_service(
            Settings.model_validate({**keys, "database_url": database_url, "broker_url": rig.valkey.url})
        )
        migrations.upgrade(service.database)
        service.publisher.apply(Configuration.of(Document.model_validate(_document(rig.source.url))), "bench")
        service.close()
        environment = {f"JURAT_{name.upper()}": value for name, value in keys.items()}
        environment |= {"JURAT_DATABASE_URL": database_url, "JURAT_BROKER_URL": rig.valkey.url}
        environment["JURAT_PRIVATE_NETWORKS"] = "127.0.0.1"
        self._folder = rig.folder / arm.name
        self._folder.mkdir(exist_ok=True)
        self._units = [Unit(f"worker{n}", self._folder, environment, arm.slots) for n in range(arm.processes)]
        self._started = False

    @property
    def pids(self) -> list[int]:
        return [unit.pid for unit in self._units if unit.pid is not None]

    def start(self) -> None:
        self._started = True
        for unit in self._units:
            unit.log.unlink(missing_ok=True)
            unit.start()
        end = time.monotonic() + _START
        while not all(unit.ready for unit in self._units):
            if time.monotonic() > end:
                raise TimeoutError(f"{self.arm.name}: its workers do not start; see {self._folder}")
            time.sleep(0.05)

    def ended(self) -> int:
        return sum(unit.ends.total() for unit in self._units)

    def close(self) -> None:
        for unit in self._units:
            if self._started:
                unit.kill()
        super().close()


def _document(source_url: str) -> dict[str, Any]:
    return {
        "environment": "test",
        "sources": {"register": description(source_url, timeout="10s", **LIMITS)},
        "criteria": {"is-physician": {"source": "register"}},
        "consultations": {
            CONSULTATION: {
                "questions": {QUESTION: {"criterion": "is-physician", "deadline": "1d"}},
                "access": {"all_of": [QUESTION]},
            }
        },
    }


class _Rival(Fleet):
    _VERDICTS = """
        SELECT c.participant, v.outcome, extract(epoch FROM pg_xact_commit_timestamp(v.xmin))
        FROM bench_verdicts v JOIN bench_checks c ON c.id = v.check_id"""

    def __init__(self, arm: Arm, rig: Rig, database_url: str) -> None:
        super().__init__(arm, rig, database_url)
        self._database.execute(TABLES)
        place = Place(plain(database_url), rig.valkey.url, rig.source.url, arm.slots)
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), **place.environment()}
        self._environment["PYTHONWARNINGS"] = "ignore::RuntimeWarning:celery.platforms"  # may run as root
        self._environment[LATE] = str(int(arm.late))
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

    def close(self) -> None:
        self._signal(signal.SIGKILL)
        for process in self._processes:
            process.wait()
        super().close()


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
        case Kind.JURAT:
            raise ValueError("jurat's workers are started in their own way")


@contextmanager
def fleet(arm: Arm, rig: Rig, *, started: bool = True) -> Iterator[Fleet]:
    """The workers of an arm on a new database, until the `with` block ends."""
    with ExitStack() as stack:
        database_url = stack.enter_context(rig.database())
        made = (_Jurat if arm.kind is Kind.JURAT else _Rival)(arm, rig, database_url)
        stack.callback(made.close)
        if started:
            made.start()
        yield made


def logs(rig: Rig) -> list[Path]:
    """What workers have written."""
    return sorted(rig.folder.rglob("*.log"))
