"""Reads an uploaded file of zones in a process of its own: `python -m adapters.zone_import.reader`.

The file may be hostile. So this process has little: limits on memory, time and output, an empty folder, an environment
that names nothing, and no network on a Linux that lets it leave it. It takes a `ZoneFileRequest` as JSON on standard
input, reads the file in its folder, and writes the result of `examination.write` to standard output. The
process that started it checks all of that again.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import resource
import sys
from pathlib import Path

MOST_MEMORY = 2 * 1024**3
MOST_SECONDS = 60
MOST_WRITTEN = 256 * 1024 * 1024
"""Bytes of one file that the process writes: an unpacked part of a Shapefile, or its output."""

TOO_MUCH = 3
"""The exit code where its memory or a file's size was not enough."""

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
"""CLONE_NEWUSER and CLONE_NEWNET, for unshare(2). An unprivileged user may leave the network in a user namespace."""


def main() -> int:
    """Carry out the request on standard input. Returns the exit code."""
    restrict()
    try:
        # numpy starts threads, and a process with threads cannot restrict itself.
        from adapters.zone_import.examination import examine, write  # noqa: PLC0415
        from adapters.zone_import.layers import ZoneFileRequest  # noqa: PLC0415

        members = json.loads(sys.stdin.read())
        write(examine(Path(), ZoneFileRequest(**members)), sys.stdout)
        sys.stdout.flush()
    except (MemoryError, OSError):
        return TOO_MUCH
    return 0


def restrict() -> None:
    """Give up all that reading a file does not need."""
    if sys.platform == "linux":
        # Many systems do not allow this; then only the other limits hold. `os.unshare` came with Python 3.12.
        ctypes.CDLL(None).unshare(_NEW_USER | _NEW_NETWORK)
    for limit, most in (
        (resource.RLIMIT_AS, MOST_MEMORY),
        (resource.RLIMIT_CPU, MOST_SECONDS),
        (resource.RLIMIT_FSIZE, MOST_WRITTEN),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(OSError, ValueError):  # macOS has no limit on memory
            resource.setrlimit(limit, (value, value))


if __name__ == "__main__":
    sys.exit(main())
