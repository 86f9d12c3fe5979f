"""Consultations that a platform publishes at a desk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jurat import PublicationState
from tests.store.desk import DOCUMENT, Desk

WHO = "Iris of the town"

CHOOSABLE: Mapping[str, Any] = {
    **DOCUMENT,
    "sources": {
        **DOCUMENT["sources"],
        "own": {"type": "codes"},
        "geo": {"type": "addok", "url": "https://ban.example"},
    },
    "criteria": {
        **DOCUMENT["criteria"],
        "own-code": {"source": "own", "open": ["list"]},
        "near": {"source": "geo", "open": ["zone"]},
    },
}
SUMMER = {
    "title": {"en": "Summer call", "fr": "Appel d'été"},
    "contact": "Write to us",
    "questions": {
        "work": {"criterion": "is-physician", "rounds": 2, "deadline": "2d", "on_undetermined": "review"},
        "address": {"criterion": "lives-in"},
    },
    "access": {"any_of": ["address", "work"]},
    "retain": "90d",
}


def publish(desk: Desk, name: str = "summer", document: Any = SUMMER, by: str = WHO) -> int:
    with desk.engine.begin() as connection:
        return desk.client.publish_consultation(connection, name, document, by=by)


def force(desk: Desk, name: str, document: str) -> None:
    """Past all that is looked at at once, as only the owner of the tables can on PostgreSQL."""
    desk.sql(
        "INSERT INTO jurat_consultations (name, document, published_by, published_at) "
        "VALUES (:name, :document, 'x', NOW)"
        " ON CONFLICT (name) DO UPDATE SET document = excluded.document, revision = jurat_consultations.revision + 1",
        name=name,
        document=document,
    )


def refused(desk: Desk, name: str = "summer") -> str:
    desk.upkeep.apply_publications()
    said = desk.client.publication(name)
    assert said.state is PublicationState.REFUSED
    assert said.refused
    return said.refused


def questions(desk: Desk, consultation: str = "summer") -> list[tuple[Any, ...]]:
    rows = desk.sql(
        "SELECT question, criterion, rounds, deadline_s FROM jurat_questions "
        "WHERE consultation = :name ORDER BY position",
        name=consultation,
    )
    return [tuple(row) for row in rows]
