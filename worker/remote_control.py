"""Limits Celery's remote control to questions: workers say what they do, and no message over the broker changes that.

Anyone who reaches the broker may send a command, such as each platform that rings. Celery's own would end all workers
(`shutdown`), stop them listening (`cancel_consumer`), or write their memory into files (`objgraph`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery.worker.control import Panel, inspect_command

from worker.broker import oddities

ALLOWED = frozenset(
    {"ping", "stats", "report", "conf", "clock", "active_queues", "registered", "active", "reserved", "scheduled"}
    | {"revoked", "query_task", "held", "dropped"}
)
"""Celery's questions that change nothing, and ours."""

Command = Callable[..., Any]


class Questions(dict[str, Command]):
    """The commands that are answered. Every other name leads to a refusal."""

    def __missing__(self, name: str) -> Command:
        return _refuse


def allow_questions_alone() -> None:
    """Have workers of this process, which have not started yet, answer `ALLOWED` alone."""
    aliases = {Panel.meta[name].alias for name in ALLOWED}
    Panel.data = Questions({name: command for name, command in Panel.data.items() if name in ALLOWED | aliases})


def _refuse(_: Any, **__: Any) -> dict[str, str]:
    return {"error": "jurat's workers answer `celery inspect` alone; end one with SIGTERM"}


@inspect_command()
def held(state: Any) -> list[dict[str, Any]]:
    """The checks that this worker holds: `celery -A worker.app inspect held`."""
    engine = state.consumer.controller.jurat_step.engine
    return [{"check": str(check.id), "fence": check.fence, "source": check.source} for check in engine.in_flight.all()]


@inspect_command()
def dropped(_: Any) -> dict[str, int]:
    """How many messages this worker has dropped, of each kind: `celery -A worker.app inspect dropped`."""
    return oddities.counts()
