"""A process of a web tier whose participants poll: each asks again when `next_poll_ms` says so, and no earlier.

Run as `python -m bench.polling.crowd`, with what to do as JSON on its standard input. It connects, confirms the first
answers, says `ready`, waits for a line, polls, and writes what came of it. A participant who has a verdict leaves, and
another one comes and confirms an answer: so there are always as many.
"""

from __future__ import annotations

import heapq
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Self
from uuid import UUID

import psycopg

from bench.faults.source import FAMILY, GIVEN, number_of
from bench.faults.supervisor import ROOT
from jurat import Client, Submission

POLL = "SELECT state, outcome, reason, next_poll_ms FROM jurat_results WHERE check_id = %s"
"""The statement of docs/how-to/connect-a-platform.md."""

_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Task:
    """What one process does: `participants` of its own, over `connections` that they share, for so many seconds.

    `poll_url` and `submit_url` are those of psycopg; `first` is the number of its first answer.
    """

    poll_url: str
    submit_url: str
    seal_key: str
    consultation: str
    question: str
    first: int
    participants: int
    connections: int
    seconds: float


@dataclass(slots=True)
class Polled:
    """What came of it: milliseconds of each poll as the web tier saw them, and how late each was begun."""

    took_ms: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)
    asked: int = 0
    """Participants who polled at all."""
    settled: int = 0

    def add(self, other: Polled) -> None:
        self.took_ms += other.took_ms
        self.late_ms += other.late_ms
        self.asked += other.asked
        self.settled += other.settled


class Crowd:
    """Processes of a web tier, each with a task of its own."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks
        self._processes: list[subprocess.Popen[str]] = []

    def gather(self) -> None:
        """Have the first answers confirmed. Raises RuntimeError when a process failed."""
        for task in self._tasks:
            process = subprocess.Popen(
                [sys.executable, "-m", "bench.polling.crowd"],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self._processes.append(process)
            _say(process, json.dumps(asdict(task)))
        for process in self._processes:
            if _read(process) != "ready":
                raise RuntimeError("a process of the crowd has failed")

    def poll(self) -> Polled:
        """Have all of them poll from the same moment on; what came of it. Raises as `gather`."""
        for process in self._processes:
            _say(process, "go")
        whole = Polled()
        for process in self._processes:
            whole.add(Polled(**json.loads(_read(process))))
        return whole

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.kill()
            with process:  # waits for it, and closes its pipes
                pass


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


def _run(task: Task) -> Polled:
    ready, go = threading.Barrier(task.connections + 1), threading.Event()
    found = [Polled() for _ in range(task.connections)]

    def poll(thread: int) -> None:
        members = range(thread, task.participants, task.connections)
        with _Desk(task, thread) as desk:
            checks = desk.confirm(len(members))
            ready.wait(_PATIENCE)
            go.wait()
            desk.poll(checks, found[thread])

    threads = [threading.Thread(target=poll, args=(number,), daemon=True) for number in range(task.connections)]
    for thread in threads:
        thread.start()
    ready.wait(_PATIENCE)
    print("ready", flush=True)
    sys.stdin.readline()
    go.set()
    whole = Polled()
    for thread, polled in zip(threads, found, strict=True):
        thread.join()
        whole.add(polled)
    return whole


class _Desk:
    """The participants of one thread: one connection to poll with, and one to confirm answers with."""

    def __init__(self, task: Task, thread: int) -> None:
        self._task = task
        self._next = task.first + thread
        self._client = Client(seal_key=task.seal_key)
        self._polling = psycopg.connect(task.poll_url, autocommit=True, prepare_threshold=None)
        self._submitting = psycopg.connect(task.submit_url, autocommit=True, prepare_threshold=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._polling.close()
        self._submitting.close()

    def confirm(self, count: int) -> list[UUID]:
        """Answers of so many participants who come now."""
        submissions = []
        for _ in range(count):
            number = number_of(self._next)
            self._next += self._task.connections
            answer = {"number": number, "family_name": FAMILY, "given_name": GIVEN}
            submissions.append(Submission(self._task.consultation, f"p-{number}", self._task.question, answer))
        with self._submitting.transaction():
            return [check.id for check in self._client.submit_many(self._submitting, submissions)]

    def poll(self, checks: Sequence[UUID], polled: Polled) -> None:
        """Poll until the time is over; each participant for the first time at once."""
        begun = time.monotonic()
        end = begun + self._task.seconds
        waiting = [(begun, check, True) for check in checks]
        heapq.heapify(waiting)
        while (now := time.monotonic()) < end:
            due, check, first = waiting[0]
            if due > now:
                time.sleep(min(due, end) - now)
                continue
            asked = time.perf_counter()
            row = self._polling.execute(POLL, (check,)).fetchone()
            polled.took_ms.append((time.perf_counter() - asked) * 1000)
            polled.late_ms.append((now - due) * 1000)
            polled.asked += first
            assert row is not None
            if row[0] == "settled":
                polled.settled += 1
                (check,), first, next_poll = self.confirm(1), True, 0
            else:
                first, next_poll = False, row[3]
            heapq.heapreplace(waiting, (time.monotonic() + next_poll / 1000, check, first))


if __name__ == "__main__":
    print(json.dumps(asdict(_run(Task(**json.loads(sys.stdin.readline()))))), flush=True)
