"""Asks for what persons want done with a participant, and looks at what came of it."""

from __future__ import annotations

from typing import Any

from jurat.ids import uuid7
from store.requests.request_rows import Request, RequestKind, ask
from tasks.checks import ClaimedCheck
from tests.store.desk import REFUSED, Desk

CLERK = "a clerk"


def asking(kind: RequestKind, participant: str = "p-1", **given: Any) -> Request:
    return Request(uuid7(), kind, CLERK, **{"consultation": "budget", "participant": participant, **given})


def wait(desk: Desk, request: Request) -> Request:
    """As a platform asks: the request is stored, and a worker will do it."""
    with desk.engine.begin() as connection:
        assert ask(connection, request)
    return request


def stored(desk: Desk, request: Request) -> tuple[bool, str | None]:
    """Whether it is dealt with, and why it was refused."""
    ((applied_at, refused),) = desk.sql(
        "SELECT applied_at, refused FROM jurat_requests WHERE id = :id", id=desk.id(request.id)
    )
    return applied_at is not None, refused


def participants(desk: Desk, table: str) -> list[str]:
    return [row[0] for row in desk.sql(f"SELECT participant FROM {table} ORDER BY participant")]


def audited(desk: Desk) -> list[tuple[Any, ...]]:
    rows = desk.sql("SELECT actor, action, subject FROM jurat_audit WHERE action <> 'config apply' ORDER BY id")
    return [tuple(row) for row in rows]


def refused(desk: Desk, participant: str = "p-1", question: str = "residence") -> ClaimedCheck:
    held = desk.held(participant, question)
    desk.settle(held, REFUSED)
    return held
