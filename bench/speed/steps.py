"""jurat's worker with a clock around each step of a check: how much CPU each takes.

The application of `celery -A bench.speed.steps worker`. A step's CPU is its thread's, without that of the steps inside
it. Each second the sums go to the file that `STEPS_FILE` names, as JSON: seconds of CPU by step.
"""

from __future__ import annotations

import functools
import json
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adapters.http_client.transport import Transport
from adapters.registry.adapter import RegistryAdapter
from bench.speed.plan import STEPS_EVERY, STEPS_FILE, WHOLE
from jurat import batches, database
from jurat.seal import Unseal
from store.queue.claims import Claims
from store.verdicts.verdict_writer import VerdictWriter
from tasks.check_runner import CheckRunner
from worker.app import app as app  # noqa: PLC0414 - what Celery looks for
from worker.engine.claimer import Claimer
from worker.engine.lookups import LookupThread
from worker.engine.writer import Writer

STEPS: tuple[tuple[Any, str, str], ...] = (
    (Claimer, "step", "claimer: what to claim, and to whom it goes"),
    (Claims, "claim", "claim: what is due, starts, rows to checks"),
    (LookupThread, "step", "lookup thread: queues, locks, slots"),
    (CheckRunner, "_prepare", "answer: read and checked"),
    (Unseal, "open", "answer: opened with the key"),
    (CheckRunner, "run", "decision"),
    (RegistryAdapter, "look_up", "registry's description: request and reply"),
    (Transport, "send", "one HTTP exchange"),
    (Writer, "_follow_up", "log line, tallies, slots"),
    (Writer, "step", "writer: results taken and let go"),
    (VerdictWriter, "write", "verdict, attempt, access: JSON and history"),
)
"""The class and method of each step, and what it does."""

_TRAVEL = {"claim": "claim: psycopg", "write": "verdict, attempt, access: psycopg"}
"""What round trips to the database are called in a step."""

_REST = "heartbeat, bells, upkeep and all else"


_threads: list[dict[str, float]] = []
"""The sums of each thread, by step."""


class _Thread(threading.local):
    """The steps that a thread is in: the method, and the CPU that steps inside it have taken. And its sums."""

    def __init__(self) -> None:
        self.stack: list[tuple[str, list[float]]] = []
        self.sums: dict[str, float] = defaultdict(float)
        _threads.append(self.sums)


_here = _Thread()


def timed(method: str, name: Callable[[], str | None], function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with a clock around it. It counts for `name`, and for nothing where that is None."""

    @functools.wraps(function)
    def run(*arguments: Any, **options: Any) -> Any:
        step = name()
        if step is None:
            return function(*arguments, **options)
        stack, inside = _here.stack, [0.0]
        stack.append((method, inside))
        begun = time.thread_time()
        try:
            return function(*arguments, **options)
        finally:
            used = time.thread_time() - begun
            stack.pop()
            if stack:
                stack[-1][1][0] += used
            _here.sums[step] += used - inside[0]

    return run


def _travel() -> str | None:
    return _TRAVEL.get(_here.stack[-1][0]) if _here.stack else None


def _keep(file: Path) -> None:
    """Write what was counted, with the CPU of the whole process, once a second."""
    while True:
        names = [*(name for _, _, name in STEPS), *_TRAVEL.values()]
        sums = {name: sum(each.get(name, 0.0) for each in _threads) for name in names}
        whole = time.process_time()
        rest = whole - sum(sums.values())
        written = file.with_suffix(".new")
        written.write_text(json.dumps({**sums, _REST: rest, WHOLE: whole}), encoding="utf-8")
        written.replace(file)
        time.sleep(STEPS_EVERY)


def _begin() -> None:
    for owner, method, name in STEPS:
        setattr(owner, method, timed(method, lambda name=name: name, getattr(owner, method)))  # type: ignore[misc]
    travel = timed("travel", _travel, batches.travel)
    for module in (batches, database):
        vars(module)["travel"] = travel
    threading.Thread(target=_keep, args=[Path(os.environ[STEPS_FILE])], name="steps", daemon=True).start()


_begin()
