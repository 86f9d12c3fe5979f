"""Starts processes of a web tier, and has them begin at the same moment.

Each runs a module, which ends with `take_part`: with its task as JSON on the first line of its standard input. It says
`ready`, waits for a line, and writes what came of it as one line of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Self

from bench.rig import ROOT

_PATIENCE = 60.0
"""Seconds that the threads of a process have to get ready."""


class Crowd:
    """Processes of one module, each with a task of its own, which is a dataclass. They end with the context."""

    def __init__(self, module: str, tasks: Sequence[Any]) -> None:
        self._module = module
        self._tasks = tasks
        self._processes: list[subprocess.Popen[str]] = []

    def gather(self) -> None:
        """Start a process for each task, and wait until all are ready.

        Raises RuntimeError when one failed; it has said why on standard error.
        """
        for task in self._tasks:
            process = subprocess.Popen(
                [sys.executable, "-m", self._module],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self._processes.append(process)
            _say(process, json.dumps(asdict(task)))
        if any(_read(process) != "ready" for process in self._processes):
            raise RuntimeError("a process of the crowd has failed")

    def go(self) -> list[Any]:
        """Start all of them at the same moment. Returns the result of each. Raises as `gather`."""
        for process in self._processes:
            _say(process, "go")
        return [json.loads(_read(process)) for process in self._processes]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            with process:  # waits for it, and closes its pipes
                pass


def take_part(run: Callable[[Mapping[str, Any]], Any]) -> None:
    """All that such a process does: `run` is given its task and returns its result."""
    print(json.dumps(run(json.loads(sys.stdin.readline()))), flush=True)


def at_the_word(threads: int, work: Callable[[int, Callable[[], None]], None]) -> None:
    """In such a process: run `work` in so many threads, and return when all have ended.

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
