"""A process of a web tier that submits one check after the other, from one thread or several.

Run as `python -m bench.speed.submitters`, with what to do as JSON on its standard input. It connects, says `ready`,
waits for a line, submits, and writes when each commit returned.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from bench.rig.crowd import Processes, at_the_word
from bench.speed.plan import Kind
from bench.speed.platforms import Address, open_platform


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
        committed: dict[int, float] = {}
        with Processes("bench.speed.submitters") as processes:
            processes.gather([asdict(task) for task in self._tasks])
            for times in processes.go():
                committed.update({int(index): at for index, at in times.items()})
        return committed


def _run(task: Task) -> dict[int, float]:
    platform = open_platform(task.address)
    committed: dict[int, float] = {}

    def submit(thread: int, wait: Callable[[], None]) -> None:
        # One submit that is thrown away opens each thread's connections; the index says that it is none of the task.
        platform.submit_one(-1 - task.first - thread)
        wait()
        begun = time.monotonic()
        for number in range(thread, task.count, task.threads):
            if task.rate is not None:
                time.sleep(max(0.0, begun + number / task.rate - time.monotonic()))
            committed[task.first + number] = platform.submit_one(task.first + number).at

    at_the_word(task.threads, submit)
    platform.close()
    return committed


def _task(line: str) -> Task:
    told = json.loads(line)
    address = Address(**told.pop("address"))
    return Task(Address(Kind(address.kind), address.database_url, address.broker_url, address.seal_key), **told)


if __name__ == "__main__":
    print(json.dumps(_run(_task(sys.stdin.readline()))), flush=True)
