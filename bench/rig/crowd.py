"""Processes of a web tier that begin at one moment, for the crowds of the benchmarks.

Each runs a module with what to do as JSON on the first line of its standard input. It says `ready`, waits for a line,
and writes what came of it as one line of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, Self

from bench.rig.unit import ROOT

_PATIENCE = 60.0
"""Seconds that the threads of a process have to get ready."""


class Processes:
    """Processes of one module, each with a task of its own. They end with the context."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._processes: list[subprocess.Popen[str]] = []

    def gather(self, tasks: Sequence[Any]) -> None:
        """Start a process for each task, and wait until all are ready.

        Raises RuntimeError when one failed; it has told why on standard error.
        """
        for task in tasks:
            process = subprocess.Popen(
                [sys.executable, "-m", self._module],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self._processes.append(process)
            _say(process, json.dumps(task))
        if any(_read(process) != "ready" for process in self._processes):
            raise RuntimeError("a process of the crowd has failed")

    def go(self) -> list[Any]:
        """Have all of them begin at the same moment; what came of each. Raises as `gather`."""
        for process in self._processes:
            _say(process, "go")
        return [json.loads(_read(process)) for process in self._processes]

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.kill()
            with process:  # waits for it, and closes its pipes
                pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def at_the_word(threads: int, work: Callable[[int, Callable[[], None]], None]) -> None:
    """In such a process: do `work` in so many threads, and return when all have ended.

    `work` is given the number of its thread, and what to call when it is ready: that returns when all are to begin.
    """
    ready, go = threading.Barrier(threads + 1), threading.Event()

    def wait() -> None:
        ready.wait(_PATIENCE)
        go.wait()

    running = [threading.Thread(target=work, args=(number, wait), daemon=True) for number in range(threads)]
    for thread in running:
        thread.start()
    ready.wait(_PATIENCE)
    print("ready", flush=True)
    sys.stdin.readline()
    go.set()
    for thread in running:
        thread.join()


def _say(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _read(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line:
        raise RuntimeError("a process of the crowd has failed")
    return line
