"""A process of a web tier that submits one check after the other, from one thread or several.

Run as `python -m bench.speed.crowd`, with what to do as JSON on its standard input. It connects, says `ready`, waits
for a line, submits, and writes when each commit returned.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from bench.faults.supervisor import ROOT
from bench.speed.plan import Kind
from bench.speed.platforms import Address, open_platform

_PATIENCE = 60.0
"""Seconds that a process has to connect."""


@dataclass(frozen=True, slots=True)
class Task:
    """What one process submits: `count` checks from `first` on, at `rate` a second or, without one, at once."""

    address: Address
    first: int
    count: int
    threads: int = 1
    rate: float | None = None


class Crowd:
    """Processes of a web tier, each with a task of its own."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks

    @property
    def submits(self) -> int:
        """How many checks there will be in all, with those that open connections."""
        return sum(task.count + task.threads for task in self._tasks)

    def submit(self) -> dict[int, float]:
        """Have everything submitted; the time at which each index was committed.

        Raises RuntimeError when a process failed; it has told why on standard error.
        """
        processes = [_start(task) for task in self._tasks]
        try:
            for process in processes:  # all of them begin at the same moment
                _read(process, "ready")
            for process in processes:
                _say(process, "go")
            committed: dict[int, float] = {}
            for process in processes:
                committed.update({int(index): at for index, at in json.loads(_read(process)).items()})
        finally:
            for process in processes:
                process.kill()
                with process:  # waits for it, and closes its pipes
                    pass
        return committed


def _start(task: Task) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.speed.crowd"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    _say(process, json.dumps(asdict(task)))
    return process


def _say(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _read(process: subprocess.Popen[str], wanted: str | None = None) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line or (wanted is not None and line != wanted):
        raise RuntimeError("a process of the crowd has failed")
    return line


def _run(task: Task) -> dict[int, float]:
    platform = open_platform(task.address)
    committed: dict[int, float] = {}
    ready, go = threading.Barrier(task.threads + 1), threading.Event()

    def submit(thread: int) -> None:
        # One submit that is thrown away opens each thread's connections; the index says that it is none of the task.
        platform.submit_one(-1 - task.first - thread)
        ready.wait(_PATIENCE)
        go.wait()
        begun = time.monotonic()
        for number in range(thread, task.count, task.threads):
            if task.rate is not None:
                time.sleep(max(0.0, begun + number / task.rate - time.monotonic()))
            committed[task.first + number] = platform.submit_one(task.first + number).at

    threads = [threading.Thread(target=submit, args=(number,), daemon=True) for number in range(task.threads)]
    for thread in threads:
        thread.start()
    ready.wait(_PATIENCE)
    print("ready", flush=True)
    sys.stdin.readline()
    go.set()
    for thread in threads:
        thread.join()
    platform.close()
    return committed


def _task(line: str) -> Task:
    told = json.loads(line)
    address = Address(**told.pop("address"))
    return Task(Address(Kind(address.kind), address.database_url, address.broker_url, address.seal_key), **told)


if __name__ == "__main__":
    print(json.dumps(_run(_task(sys.stdin.readline()))), flush=True)
