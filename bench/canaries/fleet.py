"""A whole fleet as the pages for operators have it: a login for each part, secrets in files, a broker with a password,
two workers at DEBUG, one of which has mistakes of its own.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import psycopg
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import create_engine, make_url, text

from bench.canaries.echo import EchoSource
from bench.canaries.markers import Marked
from bench.rig import ROOT
from bench.rig.servers import connect, plain
from bench.rig.shell import Shell
from bench.rig.unit import until
from jurat import Client
from jurat.database import parse_url
from jurat.seal import key_to_text
from store.schema import migrations
from store.schema.grants import DatabaseRole
from tests.rigs.logins import Logins
from tests.rigs.receiver import Receiver
from tests.rigs.servers import PostgreSQL, Valkey, free_port
from tests.rigs.warden import process_tree
from tests.rigs.workers import Worker

_ONLY_WITH_PASSWORD = """\
host all postgres 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
"""


class _PostgreSQL(PostgreSQL):
    """Everyone but its superuser logs in with a password."""

    @property
    def data(self) -> Path:
        return self._data

    @property
    def programs(self) -> Path:
        return self._bindir

    @property
    def log(self) -> bytes:
        return self._log.read_bytes()

    def require_passwords(self) -> None:
        (self._data / "pg_hba.conf").write_text(_ONLY_WITH_PASSWORD, encoding="ascii")
        with connect(self.url) as connection:
            connection.execute("SELECT pg_reload_conf()")


class CanaryFleet:
    """Runs until the `with` block ends. `sinks` has, by name, what was seen on its way."""

    def __init__(self, marked: Marked) -> None:
        self.marked = marked
        self.sinks: defaultdict[str, list[bytes]] = defaultdict(list)
        self._stack = ExitStack()
        self.folder: Path
        self.postgresql: _PostgreSQL
        self.valkey: Valkey
        self.logins: Logins
        self.receiver: Receiver
        self.source: EchoSource
        self.workers: list[Worker] = []
        self.endpoints: list[str] = []
        """Where they show health and metrics."""
        self.others: list[subprocess.Popen[bytes]] = []
        self.url = ""

    def __enter__(self) -> Self:
        try:
            self._set_up()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _set_up(self) -> None:
        marked = self.marked
        self.folder = Path(tempfile.mkdtemp(prefix="jurat-canaries-"))
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.postgresql = self._stack.enter_context(_PostgreSQL(durable=True, settings={"max_wal_size": "4GB"}))
        self.valkey = self._stack.enter_context(Valkey(durable=True))
        self.receiver = self._stack.enter_context(Receiver())
        self.source = self._stack.enter_context(EchoSource(marked.person))
        self.url = self.postgresql.databases.create()
        self.owner = create_engine(parse_url(self.url), pool_pre_ping=True)
        self._stack.callback(self.owner.dispose)
        self._secrets()
        self.shell = Shell(self.folder)
        self._stack.callback(self.shell.close)
        migrations.upgrade(self.owner)
        self.logins = self._stack.enter_context(Logins(self.url))
        for role in DatabaseRole:
            password = make_url(self.logins.url(role)).password
            marked.database_passwords.append(str(password))
            self._secret(f"url_{role}", self.logins.url(role))
        self.postgresql.require_passwords()
        with Redis(port=self.valkey.port) as broker:
            broker.config_set("requirepass", marked.broker_password)
        self._watch(self._monitor)
        self._watch(self._look_at_processes)
        self.client = Client(self.logins.url(DatabaseRole.PLATFORM), self.broker_url, key_to_text(marked.seal_key))
        self._stack.callback(self.client.close)
        self.platform, self.accounts = (
            create_engine(parse_url(self.logins.url(role)), hide_parameters=True, pool_pre_ping=True)
            for role in (DatabaseRole.PLATFORM, DatabaseRole.ACCOUNTS)
        )
        self._stack.callback(self.platform.dispose)
        self._stack.callback(self.accounts.dispose)

    @property
    def broker_url(self) -> str:
        return f"redis://:{self.marked.broker_password}@127.0.0.1:{self.valkey.port}/0"

    def _secrets(self) -> None:
        marked = self.marked
        (self.folder / "sources").mkdir()
        self._secret("sources/password", marked.source_password)
        self._secret("unseal", key_to_text(marked.unseal_key))
        self._secret("hash", key_to_text(marked.hash_key))
        self._secret("broker", self.broker_url)
        mistakes = self.folder / "mistakes"
        mistakes.mkdir()
        shutil.copy(Path(__file__).with_name("mistakes.py"), mistakes / "sitecustomize.py")

    def _secret(self, name: str, value: str) -> None:
        file = self.folder / name
        file.write_text(value, encoding="utf-8")
        file.chmod(0o600)

    def environment(self, role: DatabaseRole) -> dict[str, str]:
        """The settings of a part, with its secrets in files; the keys of sources in variables, as the page has them."""
        return {
            "JURAT_DATABASE_URL_FILE": str(self.folder / f"url_{role}"),
            "JURAT_BROKER_URL_FILE": str(self.folder / "broker"),
            "JURAT_UNSEAL_KEYS_FILE": str(self.folder / "unseal"),
            "JURAT_HASH_KEYS_FILE": str(self.folder / "hash"),
            "JURAT_SEAL_KEY": key_to_text(self.marked.seal_key),
            "JURAT_PRIVATE_NETWORKS": "127.0.0.1",
            "JURAT_SOURCE_SECRETS": str(self.folder / "sources"),
            "JURAT_SOURCE_HEADER": self.marked.source_header,
            "JURAT_SOURCE_QUERY": self.marked.source_query,
            "JURAT_ERASURE_JOURNAL": str(self.folder / "erasures"),
            "TMPDIR": str(self.temporary),
        }

    @property
    def temporary(self) -> Path:
        """Where commands and workers put what they need for a moment."""
        place = self.folder / "tmp"
        place.mkdir(exist_ok=True)
        return place

    # -- workers and commands

    def start_workers(self) -> None:
        """One that writes text, and one that writes JSON; both have mistakes. Raises ServerFailed."""
        common = {
            **self.environment(DatabaseRole.WORKER),
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.receiver.url,
            "PYTHONPATH": f"{self.folder / 'mistakes'}:{ROOT}",
            "CANARIES_OBJECTS": str(self.folder / "objects"),
        }
        options = ("--loglevel", "DEBUG", "--concurrency", "4")
        for log in ("text", "json"):
            self.endpoints.append(f"127.0.0.1:{free_port()}")
            self.workers.append(Worker({**common, "JURAT_LOG": log, "JURAT_LISTEN": self.endpoints[-1]}, *options))
        for worker in self.workers:
            self._stack.callback(worker.close)
        with _cores_allowed(), ThreadPoolExecutor(2) as pool:
            list(pool.map(Worker.start, self.workers))
        for worker in self.workers:
            if not worker.says("configuration taken"):
                raise RuntimeError(worker.log)

    def dump(self, sink: str) -> None:
        """What a backup would have now."""
        dump = [str(self.postgresql.programs / "pg_dump"), plain(self.url)]
        self.sinks[sink].append(subprocess.run(dump, capture_output=True, check=True).stdout)

    def command(
        self,
        line: str,
        *words: str,
        sink: str = "",
        role: DatabaseRole = DatabaseRole.ADMIN,
        changed: Mapping[str, str] | None = None,
        stdin: str = "",
    ) -> None:
        """Run `bin/jurat LINE WORDS` as a user with a role; what it says goes to a sink.

        Raises RuntimeError if it has no sink, and fails.
        """
        own = {**self.environment(role), "PLATFORM_SECRET": self.marked.platform_secret, **(changed or {})}
        ran = self.shell.run([*line.split(), *words], own, stdin)
        if sink:
            self.sinks[sink].append(f"$ {line}: {ran.code}\n{ran.said}\n".encode())
        elif ran.code:
            raise RuntimeError(f"{line}: {ran.said[-2000:]}")

    @contextmanager
    def exporter(self) -> Iterator[str]:
        """The exporter, while it runs; where it serves its metrics."""
        address = f"127.0.0.1:{free_port()}"
        with self.program("exporter", sink="exporter", role=DatabaseRole.READER, JURAT_LISTEN=address):
            yield f"http://{address}/metrics"

    @contextmanager
    def program(self, *words: str, sink: str, role: DatabaseRole, **more: str) -> Iterator[None]:
        """`bin/jurat WORDS` in the background."""
        with subprocess.Popen(
            [sys.executable, "-P", "-m", "cli", *words],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **self.environment(role), **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            self.others.append(process)
            try:
                yield
            finally:
                process.terminate()
                said, _ = process.communicate(timeout=30)
                self.sinks[sink].append(said)

    def rows(self, statement: str, **parameters: Any) -> list[Any]:
        """Rows that the owner reads."""
        with self.owner.begin() as connection:
            return list(connection.execute(text(statement), parameters).all())

    # -- what is watched all the time

    def _watch(self, step: Callable[[threading.Event], None]) -> None:
        over = threading.Event()
        thread = threading.Thread(target=step, args=(over,), name=step.__name__, daemon=True)
        thread.start()
        self._stack.callback(thread.join, 5.0)
        self._stack.callback(over.set)

    def _monitor(self, over: threading.Event) -> None:
        broker = Redis(port=self.valkey.port, password=self.marked.broker_password)
        with suppress(RedisError, OSError, ValueError), broker.monitor() as monitor:  # type: ignore[no-untyped-call]
            while not over.is_set() and monitor.connection.can_read(0.2) is not None:
                while monitor.connection.can_read(0):
                    self.sinks["broker"].append(bytes(monitor.connection.read_response()) + b"\n")

    def _look_at_processes(self, over: threading.Event) -> None:
        """Command lines and titles of workers, exporter and servers, and what PostgreSQL says its sessions do."""
        while not over.wait(0.25):
            pids = [each.pid for each in (*self.workers, self.postgresql, self.valkey) if each.running]
            pids += [each.pid for each in self.others if each.poll() is None]
            for pid in pids:
                for member in process_tree(pid):
                    with suppress(OSError):
                        self._see("processes", Path(f"/proc/{member}/cmdline").read_bytes())
            with suppress(psycopg.Error), connect(self.url) as connection:
                for row in connection.execute("SELECT query, application_name FROM pg_stat_activity").fetchall():
                    self._see("activity", repr(row).encode())

    def _see(self, sink: str, data: bytes) -> None:
        if data not in self.sinks[sink]:
            self.sinks[sink].append(data)

    # -- the faults

    def break_down(self) -> None:
        """A worker is killed without warning, and the database starts again under the other one."""
        self.sinks["worker_text"].append(self.workers[0].log.encode())
        self.workers[0].kill()
        self.postgresql.restart()
        with _cores_allowed():
            self.workers[0].start()

    def comes(self, sql: str, wanted: int, seconds: float = 60.0) -> bool:
        """Whether a query counts so many within so many seconds."""
        return until(lambda: self.rows(sql)[0][0] == wanted, seconds, 0.25)


@contextmanager
def _cores_allowed() -> Iterator[None]:
    """A block whose processes may leave core files, as far as this machine lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
