"""Faults of the database, and of the way to it."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import make_url

from bench.faults.proxy import Mode
from bench.faults.scenario import Scenario
from bench.faults.stage import Setting, Stage, until
from tests.rigs.servers import PostgreSQL, ServerFailed

_DISK = "160m"
"""PostgreSQL's binaries may lie on it too."""


def _restarts(stage: Stage) -> float | None:
    whole = 16.0 if stage.short else 180.0
    begun = time.monotonic()
    longest = 0.0
    while (gone := (time.monotonic() - begun) / whole) < 1:
        pause = stage.random.uniform(2, 4) if stage.short else stage.random.uniform(5, 20)
        stage.over(pause, begin=gone, end=gone + pause / whole)
        until(lambda: stage.leased() > 0, 2)
        stage.add("held_at_kills", stage.leased())
        stage.postgresql.kill()
        time.sleep(stage.random.uniform(0, 5))
        stage.postgresql.start()
        stage.add("outages")
        took = stage.all_settle()
        if took is None:
            return None
        longest = max(longest, took)
    stage.notes["reclaimed"] = _reclaimed(stage)
    return longest


def _hung(stage: Stage) -> float | None:
    proxy = stage.database_proxy
    assert proxy is not None
    stage.over(2.0, end=0.3)
    until(lambda: stage.leased() > 0, 2)
    stage.notes["held_at_hang"] = stage.leased()
    proxy.mode = Mode.HANG
    stage.over(10.0 if stage.short else 30.0, begin=0.3, end=0.8)
    proxy.mode = Mode.PASS
    took = stage.all_settle()
    stage.pace(1.0)
    stage.drain(120)
    stage.notes["reclaimed"] = _reclaimed(stage)
    stage.notes["reclaimed_beyond"] = stage.notes["reclaimed"] - stage.notes["held_at_hang"]
    return took


def _cut(stage: Stage) -> float | None:
    proxy = stage.database_proxy
    assert proxy is not None
    times = 1 if stage.short else 5
    longest = 0.0
    for number in range(times):
        stage.over(2.0, begin=number / times, end=(number + 1) / times)
        until(lambda: stage.leased() > 0, 2)
        stage.add("cut", proxy.cut())
        took = stage.all_settle()
        if took is None:
            return None
        longest = max(longest, took)
    stage.notes["reclaimed"] = _reclaimed(stage)
    return longest


def _reclaimed(stage: Stage) -> int:
    return stage.scalar("SELECT sum(lost_leases) FROM jurat_checks")


def _behind_pgbouncer(stage: Stage) -> float | None:
    times = 3
    for number in range(times):
        stage.over(2.0, begin=number / times, end=(number + 1) / times)
        unit = stage.ready_unit()
        stage.add("kills", unit.signal(9))
    return stage.all_settle()


def _pgbouncer(stage: Stage, url: str) -> str:
    """PgBouncer in transaction mode before the server; the URL that leads through it."""
    place = make_url(url)
    folder = Path(tempfile.mkdtemp(prefix="jurat-pgbouncer-"))
    stage.stack.callback(shutil.rmtree, folder, ignore_errors=True)
    port = stage.postgresql.port + 1
    (folder / "users").write_text('"postgres" ""\n', encoding="ascii")
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n* = host=127.0.0.1 port={stage.postgresql.port} user=postgres\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\nauth_file = {folder}/users\n"
        f"pool_mode = transaction\ndefault_pool_size = 10\nmax_client_conn = 200\nunix_socket_dir =\n",
        encoding="utf-8",
    )
    folder.chmod(0o755)
    user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([_pgbouncer_binary(), str(settings)], user=user, stdout=log, stderr=log)
    stage.stack.callback(process.wait)
    stage.stack.callback(process.kill)
    return place.set(port=port).render_as_string(hide_password=False)


def _pgbouncer_binary() -> str:
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or ""


def _no_pgbouncer() -> str | None:
    return None if _pgbouncer_binary() else "pgbouncer is not installed (Debian: apt-get install pgbouncer)"


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
        stage.over(8.0, begin=(number + 0.3) / times, end=(number + 0.9) / times)
        stage.add("errors_at_submit", stage.web.errors)
        ballast.unlink()
        if not stage.postgresql.running:
            stage.add("server_gave_up")
        with contextlib.suppress(ServerFailed):
            stage.postgresql.start()
        took = stage.all_settle()
        if took is None:
            return None
        longest = max(longest, took)
    return longest


def _no_mount() -> str | None:
    return None if os.geteuid() == 0 else "only root can mount a small file system"


SCENARIOS = (
    Scenario(
        "postgresql-restarts",
        "PostgreSQL killed and started, again and again",
        _restarts,
        setting=Setting(latency=0.5),
        limits={"recovery_s": 5},
        at_least={"held_at_kills": 3},
    ),
    Scenario(
        "postgresql-hung",
        "PostgreSQL hangs behind the proxy",
        _hung,
        setting=Setting(proxied_database=True),
        limits={"recovery_s": 5, "reclaimed_beyond": 0},
        at_least={"held_at_hang": 1},
    ),
    Scenario(
        "postgresql-cut",
        "connections to PostgreSQL cut without RST",
        _cut,
        setting=Setting(proxied_database=True),
        limits={"recovery_s": 15},
        at_least={"cut": 3},
    ),
    Scenario(
        "pgbouncer",
        "behind PgBouncer in transaction mode, workers killed",
        _behind_pgbouncer,
        setting=Setting(between=_pgbouncer),
        skip=_no_pgbouncer,
        short=False,
    ),
    Scenario(
        "disk-full",
        "the disk under PostgreSQL is full",
        _disk_full,
        setting=Setting(database=_small_disk),
        limits={"recovery_s": 10},
        at_least={"errors_at_submit": 1},
        skip=_no_mount,
        short=False,
    ),
)
