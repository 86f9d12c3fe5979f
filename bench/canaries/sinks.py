"""Collects what is in each place at the end: logs, files, the database's own files, memory."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from bench.canaries.fleet import CanaryFleet
from bench.rig.servers import connect
from bench.rig.unit import until, waited
from tests.rigs.workers import Worker

_CORE_PATTERN: Final = Path("/proc/sys/kernel/core_pattern")
_EMPTY: Final = bytes(4096)

Sink = tuple[str, bytes]


def collected(fleet: CanaryFleet) -> Iterator[Sink]:
    """All sinks of a fleet, in parts. Ends its first worker, by SIGABRT."""
    text, json = fleet.workers
    yield from ((name, part) for name, parts in fleet.sinks.items() for part in parts)
    yield "worker_text", text.log.encode()
    yield "worker_json", json.log.encode()
    yield from _files("broker_file", [fleet.valkey.folder])
    yield from _files("journal", [fleet.folder / "erasures"])
    yield from _temporary(fleet)
    yield from (("environment", _read(f"/proc/{worker.pid}/environ")) for worker in fleet.workers)
    yield from (("traces", body) for body in fleet.receiver.bodies)
    for mood, sent in fleet.source.received.items():
        yield ("geocoder" if mood in {"inside", "outside"} else "registry"), sent
    yield "objects", objects(fleet, json)
    yield from memory(json.pid)
    yield from database(fleet)
    yield from cores(text)


def objects(fleet: CanaryFleet, worker: Worker) -> bytes:
    """All texts that the objects of a worker hold: what is in its memory and will not be overwritten."""
    file = fleet.folder / "objects"
    os.kill(worker.pid, signal.SIGUSR2)
    waited(file.exists, 60, "the worker does not say what its objects hold")
    return file.read_bytes()


def memory(pid: int) -> Iterator[Sink]:
    """What a process could read and write there. Needs root."""
    with Path(f"/proc/{pid}/mem").open("rb") as file:
        for line in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
            begin, end, rights = re.match(r"(\w+)-(\w+) (\S+)", line).groups()  # type: ignore[union-attr]
            if rights.startswith("rw"):
                with suppress(OSError, ValueError, OverflowError):
                    file.seek(int(begin, 16))
                    pages = file.read(int(end, 16) - int(begin, 16)).split(_EMPTY)
                    yield "memory", b"\0".join(filter(None, pages))


def database(fleet: CanaryFleet) -> Iterator[Sink]:
    """The files of the database as they are on disk, its log, and a dump."""
    fleet.dump("dump")
    yield "dump", fleet.sinks["dump"][-1]
    with connect(fleet.url) as connection:
        connection.execute("CHECKPOINT")
    data = fleet.postgresql.data
    yield from _files("tables", [data / "base"])
    yield from _files("wal", [data / "pg_wal"])
    yield "database_log", fleet.postgresql.log


def cores(worker: Worker) -> Iterator[Sink]:
    """What a worker leaves that aborts, where cores were allowed when it was started."""
    pattern = _CORE_PATTERN.read_text(encoding="utf-8").strip()
    places = [worker.folder] + ([Path(pattern).parent] if pattern.startswith("/") else [])
    before = {path for place in places for path in place.glob("*core*")}
    os.kill(worker.pid, signal.SIGABRT)
    until(lambda: not worker.running, 30)
    new = [path for place in places for path in place.glob("*core*") if path not in before]
    yield "cores", b""
    yield from _files("cores", new)


def _temporary(fleet: CanaryFleet) -> Iterator[Sink]:
    """What is in the folders that workers and commands write to, but for logs and what was put there."""
    given = {"server.log"}
    places = [worker.folder for worker in fleet.workers] + [fleet.temporary]
    yield "temporary", b""
    files = (path for place in places for path in place.rglob("*") if path.is_file() and path.name not in given)
    yield from _files("temporary", files)


def _files(sink: str, places: Iterable[Path]) -> Iterator[Sink]:
    for place in places:
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file():
                yield sink, _read(path)


def _read(path: str | Path) -> bytes:
    with suppress(OSError):
        return Path(path).read_bytes()
    return b""
