from __future__ import annotations

from typing import Any

import pytest
from celery.worker.control import Panel

from worker.remote_control import ALLOWED, allow_questions_alone


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What workers of this process would do, by the name of the command."""
    monkeypatch.setattr(Panel, "data", dict(Panel.data))
    allow_questions_alone()
    return dict(Panel.data) | {name: Panel.data[name] for name in Panel.meta}


def test_no_command_changes_a_worker(commands: dict[str, Any]) -> None:
    assert {Panel.meta[name].type for name in ALLOWED} == {"inspect"}
    assert {name for name in Panel.meta if commands[name].__module__ == "celery.worker.control"} < ALLOWED
    for name in ("shutdown", "cancel_consumer", "pool_shrink", "enable_events", "hello", "memdump", "objgraph"):
        assert commands[name](None, more=1)["error"].startswith("jurat's workers answer")
    assert Panel.data["no command of Celery"](None)["error"]


def test_a_question_is_answered_by_its_old_name_as_well(commands: dict[str, Any]) -> None:
    assert commands["ping"](None) == {"ok": "pong"}
    assert commands["dump_tasks"] is commands["registered"]
