"""Imports a file as `jurat datasets` does, watches its memory, and times lookups in what was imported.

The import runs in a process of its own. Its memory is what Linux calls the high-water mark (VmHWM).
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.base import Query, Source, of_many
from bench.rig import ROOT
from bench.rig.figures import percentile

LIKE_PRODUCTION = {"shared_buffers": "256MB", "max_wal_size": "2GB"}
"""Settings of the PostgreSQL that is imported into."""

MOST_MEMORY_MB = 200.0
SLOWEST_MS = 2.0
"""What an import and a lookup are promised to take."""

TOGETHER = 50
"""Lookups that are made at once."""

_WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Import:
    """One import: how many rows, how long, and the most memory that its process had."""

    rows: int
    seconds: float
    memory_mb: float

    @property
    def rate(self) -> float:
        """Rows a second, with the start of the process."""
        return self.rows / self.seconds

    def cells(self) -> list[str]:
        """For a line of a table below `IMPORT_HEADS`."""
        return [f"{self.rows:,}", f"{self.seconds:.1f}", f"{self.rate:,.0f}", f"{self.memory_mb:.0f}"]


IMPORT_HEADS = ("rows", "seconds", "rows/s", "most memory (MB)")


def run_import(rows: int, command: str, name: str, *words: str | Path, **environment: str) -> Import:
    """Run `datasets COMMAND NAME …` to its end, without a broker.

    Raises SystemExit when it fails; it has said why on standard error.
    """
    started = time.monotonic()
    memory = 0.0
    with subprocess.Popen(
        [ROOT / "bin" / "jurat", "datasets", command, name, *words],
        env={**os.environ, "JURAT_BROKER_URL": "none", **environment},
        stdout=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None:
            memory = max(memory, high_water_mb(process.pid))
            time.sleep(0.02)
    if process.returncode:
        raise SystemExit(f"the import of {rows:,} rows ended with {process.returncode}")
    return Import(rows, time.monotonic() - started, memory)


def high_water_mb(pid: int) -> float:
    """The most memory that a process has had; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


@dataclass(frozen=True, slots=True)
class Lookups:
    """Lookups of one kind among so many rows: milliseconds of each, and of each of those that were made together."""

    kind: str
    rows: int
    p50_ms: float
    p99_ms: float
    together_ms: float
    found: float
    """The share that found what was meant."""

    def cells(self) -> list[str]:
        """For a line of a table whose heads are the kind, the rows, `LOOKUP_HEADS`, and what was found."""
        times = (f"{each:.2f}" for each in (self.p50_ms, self.p99_ms, self.together_ms))
        return [self.kind, f"{self.rows:,}", *times, f"{self.found:.1%}"]


LOOKUP_HEADS = ("p50 (ms)", "p99 (ms)", f"each of {TOGETHER} at once (ms)")


def look_up(
    kind: str, rows: int, source: Source, queries: Sequence[Mapping[str, str]], is_found: Callable[[object], bool]
) -> Lookups:
    """Answers to look up, one at a time and many at once. `is_found` judges what the source gave for one."""
    asked = [Query(answer) for answer in queries]
    many = of_many(source)
    assert many is not None
    for query in asked[:_WARM_UP]:
        source.look_up(query)  # connections, plans
    took: list[float] = []
    found = 0
    for query in asked:
        started = time.perf_counter()
        given = source.look_up(query)
        took.append((time.perf_counter() - started) * 1000)
        found += is_found(given)
    started = time.perf_counter()
    for start in range(0, len(asked), TOGETHER):
        many.look_up_many(asked[start : start + TOGETHER])
    together = (time.perf_counter() - started) * 1000 / len(asked)
    return Lookups(kind, rows, percentile(took, 0.5), percentile(took, 0.99), together, found / len(asked))
