"""Breaks the database, and the way to it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bench.faults.proxy import Mode
from bench.faults.scenario import Scenario
from bench.faults.stage import Setting, Stage
from bench.rig.unit import until
from store.queue.leases import LEASE
from tests.rigs.pgbouncer import PgBouncer, pgbouncer_binary
from tests.rigs.servers import NoServer, PostgreSQL

_UNDER_WAY = 0.1
"""Seconds in which the server ends the statements that it has already got."""

_DISK = "160m"
"""PostgreSQL's binaries may lie on it too."""


def _restarts(stage: Stage) -> float | None:
    whole = 12.0 if stage.short else 180.0
    begun = time.monotonic()
    longest = 0.0
    while (gone := (time.monotonic() - begun) / whole) < 1:
        pause = stage.random.uniform(2, 4) if stage.short else stage.random.uniform(5, 20)
        stage.over(pause, begin=gone, end=gone + pause / whole)
        until(lambda: stage.leased() > 0, 5)
        stage.postgresql.kill()
        stage.gone()
        time.sleep(stage.random.uniform(0, 5))
        stage.postgresql.start()
        longest = max(longest, stage.all_settle())
    return longest


def _hung(stage: Stage) -> float | None:
    proxy = stage.database_proxy
    assert proxy is not None
    stage.over(2.0, end=0.3)
    until(lambda: stage.leased() > 0, 5)
    proxy.mode = Mode.HANG
    time.sleep(_UNDER_WAY)
    stage.gone()
    stage.over(10.0 if stage.short else 75.0, begin=0.3, end=0.8)
    proxy.mode = Mode.PASS
    return stage.all_settle()


def _read_only(stage: Stage) -> float | None:
    stage.over(2.0, end=0.3)
    until(lambda: stage.leased() > 0, 5)
    stage.gone()
    _takes_writes(stage, "off")
    stage.over(5.0 if stage.short else 30.0, begin=0.3, end=0.8)
    _takes_writes(stage, "on")
    recovery = stage.all_settle()
    stage.notes["said_away"] = sum(unit.said('"event": "database away"') for unit in stage.units)
    return recovery


def _takes_writes(stage: Stage, on: str) -> None:
    """Set on the server itself, which passes it on to all its connections."""
    administrator = stage.service.database.execution_options(isolation_level="AUTOCOMMIT")
    with administrator.connect() as connection:
        connection.execute(text("SET default_transaction_read_only = off"))
        reads_only = "off" if on == "on" else "on"
        connection.execute(text(f"ALTER SYSTEM SET default_transaction_read_only = {reads_only}"))
        connection.execute(text("SELECT pg_reload_conf()"))


def _cut(stage: Stage) -> float | None:
    proxy = stage.database_proxy
    assert proxy is not None
    times = 1 if stage.short else 5
    longest = 0.0
    for number in range(times):
        stage.over(2.0, begin=number / times, end=(number + 1) / times)
        until(lambda: stage.leased() > 0, 5)
        stage.add("cut", proxy.cut())
        time.sleep(_UNDER_WAY)
        stage.gone()
        longest = max(longest, stage.all_settle() + _UNDER_WAY)
    return longest


def _behind_pgbouncer(stage: Stage) -> float | None:
    times = 3
    for number in range(times):
        stage.over(2.0, begin=number / times, end=(number + 1) / times)
        until(lambda: stage.leased() > 0, 5)
        stage.kill(stage.ready_unit(others=1))
    return stage.all_settle()


def _pgbouncer(stage: Stage, url: str) -> str:
    """PgBouncer in transaction mode before the server; the URL that leads through it."""
    return stage.stack.enter_context(PgBouncer(url, size=10)).through(url)


def _no_pgbouncer() -> str | None:
    try:
        pgbouncer_binary()
    except NoServer as error:
        return str(error)
    return None


def _small_disk(stack: ExitStack) -> PostgreSQL:
    """A server whose files lie on a file system of its own, with little room."""
    mount = Path(tempfile.mkdtemp(prefix="jurat-disk-"))
    stack.callback(shutil.rmtree, mount, ignore_errors=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK},mode=755", "tmpfs", mount], check=True)
    stack.callback(lambda: subprocess.run(["umount", "-l", mount], check=False))
    before, tempfile.tempdir = tempfile.tempdir, str(mount)
    try:
        settings = {"max_wal_size": "64MB", "min_wal_size": "32MB"}
        return stack.enter_context(PostgreSQL(durable=True, settings=settings))
    finally:
        tempfile.tempdir = before


def _disk_full(stage: Stage) -> float | None:
    ballast = stage.postgresql.folder.parent / "ballast"
    longest = 0.0
    times = 1 if stage.short else 3
    for number in range(times):
        stage.over(2.0, begin=number / times, end=(number + 0.3) / times)
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as full:
            while True:
                full.write(bytes(1 << 16))
        stage.over(4.0, begin=(number + 0.3) / times, end=(number + 0.6) / times)  # statement after statement fails
        _use_up_log(stage)
        stage.add("server_gave_up", not stage.postgresql.running)
        stage.gone()
        stage.over(4.0, begin=(number + 0.6) / times, end=(number + 0.9) / times)
        ballast.unlink()
        stage.postgresql.kill()
        stage.postgresql.start()
        longest = max(longest, stage.all_settle())
    stage.notes["said_away"] = sum(unit.said('"event": "database away"') for unit in stage.units)
    return longest


def _use_up_log(stage: Stage) -> None:
    """Write to the server's log until it needs a new file for it, for which there is no room: it gives up then."""
    end = time.monotonic() + 30
    while stage.postgresql.running and time.monotonic() < end:
        with contextlib.suppress(DBAPIError), stage.service.database.begin() as connection:
            connection.execute(text("SELECT pg_logical_emit_message(true, 'fill', repeat('x', 1000000))"))
        time.sleep(0.05)


def _no_mount() -> str | None:
    return None if os.geteuid() == 0 else "only root can mount a small file system"


_QUIET = {"stampede": 0, "tracebacks": 0}

SCENARIOS = (
    Scenario(
        "postgresql-restarts",
        "PostgreSQL killed and started, again and again",
        _restarts,
        setting=Setting(latency=0.5),
        limits={"recovery_s": 5, **_QUIET},
        at_least={"held_at_outages": 3},
    ),
    Scenario(
        "postgresql-hung",
        "PostgreSQL hangs behind the proxy",
        _hung,
        setting=Setting(proxied_database=True),
        limits={"recovery_s": 5, **_QUIET},
        at_least={"held_at_outages": 1},
    ),
    Scenario(
        "postgresql-read-only",
        "PostgreSQL takes no writes",
        _read_only,
        limits={"recovery_s": 5, **_QUIET},
        at_least={"held_at_outages": 1, "said_away": 1},
    ),
    Scenario(
        "postgresql-cut",
        "connections to PostgreSQL cut without RST",
        _cut,
        setting=Setting(proxied_database=True),
        limits={"recovery_s": 15, **_QUIET},
        at_least={"cut": 3, "held_at_outages": 1},
    ),
    Scenario(
        "pgbouncer",
        "behind PgBouncer in transaction mode, workers killed",
        _behind_pgbouncer,
        setting=Setting(between=_pgbouncer),
        # Killed under full load, a slot has a lookup under way and one whose verdict waits to be written.
        limits={"repeated_a_slot": 2, "leased_again_s": LEASE + 2},
        at_least={"leases_cut": 1},
        undetermined=frozenset({"worker_lost"}),
        skip=_no_pgbouncer,
        short=False,
    ),
    Scenario(
        "disk-full",
        "the disk under PostgreSQL is full",
        _disk_full,
        setting=Setting(database=_small_disk),
        limits={"recovery_s": 10, **_QUIET},
        at_least={"submit_errors": 1, "server_gave_up": 1, "said_away": 1},
        skip=_no_mount,
        short=False,
    ),
)
