"""Reads an uploaded file of zones in a process of its own: `python -m adapters.zone_import.reader`.

Whoever made the file may want more than to be read. So this process has little: limits on memory, time and what it may
write, an empty folder, an environment that names nothing, and no network on a Linux that lets it leave it. It takes a
`ZoneFileRequest` as JSON on standard input, reads the file of that kind in its folder, and says on standard output what
`zone_examination.say` writes. The process that started it believes none of it unseen.
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
"""Bytes of one file that the process writes: a part of a Shapefile that is unpacked, or what it says."""

TOO_MUCH = 3
"""How the process ends where its memory or a file's size was not enough."""

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
"""CLONE_NEWUSER and CLONE_NEWNET, for unshare(2). Whoever has no rights may leave the network in a user namespace."""


def main() -> int:
    """Do what the request on standard input asks for; the exit code."""
    shut_in()
    try:
        # numpy starts threads, and a process with threads cannot shut itself in.
        from adapters.zone_import.examination import ZoneFileRequest, examine, say  # noqa: PLC0415

        members = json.loads(sys.stdin.read())
        say(examine(Path(), ZoneFileRequest(**members)), sys.stdout)
        sys.stdout.flush()
    except (MemoryError, OSError):
        return TOO_MUCH
    return 0


def shut_in() -> None:
    """Give up what reading a file does not need."""
    if sys.platform == "linux":
        # Many systems do not let everybody do so; the other limits hold alone. `os.unshare` came with Python 3.12.
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
