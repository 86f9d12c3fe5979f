"""Ends servers and removes their folder when the process that started them is gone, however it went.

Run as `python warden.py FOLDER` with a pipe on standard input, whose other end the starting process holds. The pipe
closes when that process ends, also by SIGKILL, when no code of its own can clean up any more. FOLDER then holds one
`<pid>.server` for each server still running; the file's text is the signal that this server leaves nothing behind on.

A death signal set in the child (PR_SET_PDEATHSIG) is less: it fires when the starting *thread* ends, a stopped server
never hears a gentle one, SIGKILL leaves PostgreSQL's shared memory, nobody removes the folder, and only Linux has it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path

GRACE = 3.0
"""Seconds that a server has between its own signal and SIGKILL."""


def process_tree(pid: int) -> list[int]:
    """`pid` and all its descendants, parents first. PostgreSQL's backends each lead a process group of their own.

    Without /proc `pid` alone: a backend notices the end of its postmaster unless it is stopped.
    """
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name in parentheses may hold anything; after it stand the state and the parent.
            parent = int(status.read_text(errors="replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(status.parent.name))
    tree = [pid]
    for member in tree:
        tree.extend(children.get(member, ()))
    return tree


def signal_all(pids: list[int], number: int) -> None:
    """Send a signal to each that is still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def alive(pid: int) -> bool:
    """Whether the process runs or may run again; a zombie does not."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] != "Z"
        return not Path("/proc/self").exists()
    return False


def end(pid: int, number: int) -> None:
    """End a server and its children: wake what is stopped, ask with `number`, and kill what stays."""
    tree = process_tree(pid)
    signal_all(tree, signal.SIGCONT)
    signal_all([pid], number)
    deadline = time.monotonic() + GRACE
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    signal_all(tree, signal.SIGKILL)


def main(folder: Path) -> None:
    """Wait for the starting process to end, then leave nothing of what it started."""
    sys.stdin.buffer.read()
    for server in folder.glob("*.server"):
        end(int(server.stem), int(server.read_text(encoding="ascii")))
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
