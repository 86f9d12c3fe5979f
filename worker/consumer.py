"""Takes messages from the broker: each is a bell, whatever it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import celery.worker.consumer

from jurat.ring import TASK
from worker.bell import wake
from worker.broker import drop
from worker.metrics.names import BellKind


class Consumer(celery.worker.consumer.Consumer):
    """Rings at once, in the thread that reads, and looks into no message further than the name of its task.

    Celery decodes a message, makes it a request, runs it in the pool and acknowledges it: each step fails on content
    that someone else wrote. A bell has no content and needs no acknowledgement, so this is cheaper.

    It greets no other workers (Mingle) and does not listen to their heartbeats (Gossip): there is nothing to learn from
    them, and after a half-open connection the greeting alone takes six seconds. Whatever its connection raises makes it
    connect again and never ends the process: checks are done without a broker as well.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "without_mingle": True, "without_gossip": True})
        self.connection_errors = (Exception,)

    def create_task_handler(self, promise: Any = None) -> Callable[[Any], None]:
        """What is done with each message of a task queue."""
        return _on_message

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """The message's compression or remote control's content could not be read."""
        drop(BellKind.UNREADABLE)


def _on_message(message: Any) -> None:
    headers = message.headers
    if isinstance(headers, dict) and headers.get("task") == TASK:
        wake()
    else:
        drop(BellKind.FOREIGN)
