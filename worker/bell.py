"""Defines the bell, the one Celery task: it says that there may be work. The rows say what the work is."""

from __future__ import annotations

from collections.abc import Callable

from celery import shared_task

from jurat.ring import TASK
from tasks.crash_points import crash_point
from worker.metrics.names import BellKind

_listeners: list[Callable[[BellKind], None]] = []


def listen(listener: Callable[[BellKind], None]) -> None:
    """Have `listener` called at every bell that reaches this process, and at every other message, with its kind."""
    _listeners.append(listener)


def forget(listener: Callable[[BellKind], None]) -> None:
    """Stop calling `listener`."""
    if listener in _listeners:
        _listeners.remove(listener)


def wake(kind: BellKind = BellKind.RUNG) -> None:
    """Wake the engines of this process. Many bells wake them once."""
    crash_point("bell.heard")
    for listener in tuple(_listeners):
        listener(kind)
    crash_point("bell.rung")


@shared_task(name=TASK, ignore_result=True)
def ring() -> None:
    """The task that a bell's message names. Our own consumer skips it, and Celery's tracing with it."""
    wake()
