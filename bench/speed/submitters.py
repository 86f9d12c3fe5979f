"""A process of a web tier that submits one check after the other, from one thread or several.

Run as `python -m bench.speed.submitters`, with what to do as JSON on its standard input. It connects, says `ready`,
waits for a line, submits, and writes when each commit returned.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.rig.crowd import Crowd, at_the_word, take_part
from bench.speed.platforms import Address, open_platform


@dataclass(frozen=True, slots=True)
class Task:
    """What one process submits: `count` checks from `first` on, at `rate` a second or, without one, at once."""

    address: Address
    first: int
    count: int
    threads: int = 1
    rate: float | None = None


def crowd(tasks: Sequence[Task]) -> tuple[dict[int, float], int]:
    """Submit everything. Returns when each index was committed, and how many submits there were in all.

    Raises RuntimeError when a process failed; it has said why on standard error.
    """
    committed: dict[int, float] = {}
    with Crowd("bench.speed.submitters", tasks) as processes:
        processes.gather()
        for times in processes.go():
            committed.update({int(index): at for index, at in times.items()})
    return committed, sum(task.count + task.threads for task in tasks)


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


if __name__ == "__main__":
    take_part(lambda task: _run(Task(**{**task, "address": Address(**task["address"])})))
