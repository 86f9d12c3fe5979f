"""A process of a web tier whose participants poll: each asks again when `next_poll_ms` says so, and no earlier.

Run as `python -m bench.polls.participants`, with what to do as JSON on its standard input. It connects, confirms the
first answers, says `ready`, waits for a line, polls, and writes what came of it. A participant who has a verdict
leaves, and another one comes and confirms an answer: so there are always as many.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Self
from uuid import UUID

import psycopg

from bench.rig.crowd import at_the_word, take_part
from bench.rig.registry import submission
from jurat import Client

POLL = "SELECT state, outcome, reason, next_poll_ms FROM jurat_results WHERE check_id = %s"
"""The statement of docs/platforms/connect-a-platform.md."""


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


def together(parts: Iterable[Polled]) -> Polled:
    """What came of several in all."""
    whole = Polled()
    for part in parts:
        whole.add(part)
    return whole


def _run(task: Task) -> Polled:
    found = [Polled() for _ in range(task.connections)]

    def poll(thread: int, wait: Callable[[], None]) -> None:
        members = range(thread, task.participants, task.connections)
        with _Desk(task, thread) as desk:
            checks = desk.confirm(len(members))
            wait()
            desk.poll(checks, found[thread])

    at_the_word(task.connections, poll)
    return together(found)


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
        """Confirm answers of so many new participants."""
        indexes = [self._next + number * self._task.connections for number in range(count)]
        self._next += count * self._task.connections
        submissions = [submission(self._task.consultation, self._task.question, index) for index in indexes]
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
    take_part(lambda task: asdict(_run(Task(**task))))
