"""Reads what processes use of this machine from /proc."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.rigs.warden import process_tree

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_IDLE = (3, 4)
"""Places of idle and iowait in the first line of /proc/stat; eight fields count, guests are in the first two."""


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds, of named parts and of the whole machine; as a difference of two moments, those between them."""

    parts: Mapping[str, float]
    ours: float
    busy: float
    """Of all processes, steal included."""
    whole: float
    """Of all cores, idle included."""

    @classmethod
    def now(cls, parts: Mapping[str, Iterable[int]]) -> Self:
        """Since the start of the machine: for each name the trees of some processes, ended ones included."""
        used = {name: sum(map(cpu_seconds, pids)) for name, pids in parts.items()}
        fields = (_PROC / "stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]
        ticks = [int(field) for field in fields]
        whole = sum(ticks)
        idle = sum(ticks[place] for place in _IDLE)
        return cls(used, cpu_seconds(os.getpid()), (whole - idle) / _TICKS, whole / _TICKS)

    def __sub__(self, before: Usage) -> Usage:
        return Usage(
            {name: used - before.parts.get(name, 0.0) for name, used in self.parts.items()},
            self.ours - before.ours,
            self.busy - before.busy,
            self.whole - before.whole,
        )

    @property
    def foreign_share(self) -> float:
        """The share of the machine's CPU time that went to processes which are not ours."""
        return max(0.0, self.busy - self.ours) / self.whole if self.whole > 0 else 0.0


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process and all its descendants, with those that have ended and were waited for."""
    ticks = 0
    for member in process_tree(pid):
        # After the name in parentheses, which may hold anything, the twelfth field is utime; stime, cutime, cstime.
        with contextlib.suppress(OSError):
            text = (_PROC / str(member) / "stat").read_text(errors="replace")
            ticks += sum(map(int, text.rpartition(")")[2].split()[11:15]))
    return ticks / _TICKS


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes of memory: `rss` counts what processes share once for each of them, `pss` once in all."""

    rss: float
    pss: float

    @classmethod
    def of(cls, pids: Iterable[int]) -> Self:
        """Of the trees of these processes."""
        rss = pss = 0
        for pid in pids:
            for member in process_tree(pid):
                with contextlib.suppress(OSError):
                    text = (_PROC / str(member) / "smaps_rollup").read_text(encoding="ascii", errors="replace")
                    rss += sum(map(int, re.findall(r"^Rss:\s+(\d+)", text, re.MULTILINE)))
                    pss += sum(map(int, re.findall(r"^Pss:\s+(\d+)", text, re.MULTILINE)))
        return cls(rss / 1024, pss / 1024)


def processor() -> str:
    """How many cores of what."""
    text = (_PROC / "cpuinfo").read_text(encoding="utf-8", errors="replace")
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return f"{os.cpu_count()} cores ({found[1].strip() if found else 'unknown'})"
