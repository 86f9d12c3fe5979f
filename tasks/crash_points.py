"""Crash points, where tests end a process as a power cut would. Off unless `JURAT_CRASH` is set.

`JURAT_CRASH=write.committed:3` ends the process when it passes `write.committed` the third time. Each point is before
or after a commit, a lookup or a bell; `POINTS` lists all of them, and a test visits each.
"""

from __future__ import annotations

import os
import threading

VARIABLE = "JURAT_CRASH"
EXIT_CODE = 86

POINTS = (
    "bell.heard",
    "bell.rung",
    "claim.made",
    "claim.committed",
    "look_up.begins",
    "look_up.ended",
    "write.made",
    "write.committed",
    "renewal.made",
    "renewal.committed",
    "leases.ended",
    "leases.committed",
    "request.made",
    "request.committed",
    "opening.made",
    "opening.committed",
    "inquiry.taken",
    "inquiry.looked_up",
)


def _armed() -> tuple[str, int]:
    name, _, times = os.environ.get(VARIABLE, "").partition(":")
    if name and name not in POINTS:
        raise SystemExit(f"{VARIABLE} names no crash point; there are {', '.join(POINTS)}")
    return name, int(times or 1)


_NAME, _LEFT = _armed()
_lock = threading.Lock()


def crash_point(name: str) -> None:
    """Passes a crash point, which ends the process if it is the armed one for the last time."""
    global _LEFT  # noqa: PLW0603 - one countdown for the whole process is the point of it
    if name != _NAME:
        return
    with _lock:
        _LEFT -= 1
        if _LEFT == 0:
            os._exit(EXIT_CODE)
