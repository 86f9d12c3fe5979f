"""Where a server that may lose all at any time keeps its data: in memory, if this machine has room there."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

NEEDED = 4 << 30
"""Bytes; a server's own log grows to 1 GB, and two may run."""


def memory() -> Path | None:
    """A folder in memory with room for the databases of a test run; None where this machine has none.

    Some hundred databases come and go in a run, each of several hundred files.
    """
    folder = Path("/dev/shm")
    with contextlib.suppress(OSError):
        found = os.statvfs(folder)
        runs = not found.f_flag & os.ST_NOEXEC  # the server's programs may be copied beside its data
        if runs and found.f_bavail * found.f_frsize > NEEDED and os.access(folder, os.W_OK | os.X_OK):
            return folder
    return None
