"""The bell: the one Celery task. It says that there may be work; what the work is stands in the rows."""

from __future__ import annotations

from collections.abc import Callable

from celery import shared_task

from jurat.ring import TASK
from tasks.crashing import crash_point

_listeners: list[Callable[[], None]] = []


def listen(wake: Callable[[], None]) -> None:
    """Have `wake` called at every bell that reaches this process."""
    _listeners.append(wake)


def forget(wake: Callable[[], None]) -> None:
    """Stop calling `wake`."""
    if wake in _listeners:
        _listeners.remove(wake)


@shared_task(name=TASK, ignore_result=True)
def ring() -> None:
    """Wake the engines of this process. Many bells wake them once."""
    crash_point("bell.heard")
    for wake in tuple(_listeners):
        wake()
    crash_point("bell.rung")
