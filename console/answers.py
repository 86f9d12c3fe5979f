"""What reviewers read: an answer and a note, which a worker opens for one session at a time.

The key is in the memory of the session that asked, and what it opens is on the page that shows it, and nowhere else.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text

from console.database import Database
from console.identity.sessions import Session
from jurat import Client, NotOpened, OpenedReview, Opening
from jurat.dialects import dialect_of
from jurat.openings import opened_review, reading_opening

MOST: Final = 20
"""Answers that one session can have open; the oldest gives way."""

WAIT_S: Final = 3.0
"""Seconds that a page waits for a worker, which looks each second; then the reader looks again."""

PAUSE_S: Final = 0.1

_KEPT: Final = "answers"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page shows of an answer: nothing was asked for, it `waits` for a worker, it was `opened`, or it was
    `refused`, with a sentence.
    """

    opened: OpenedReview | None = None
    waits: bool = False
    refused: str | None = None


def ask(database: Database, session: Session, check: UUID, name: str) -> None:
    """Ask for an answer, and give a worker a moment. Raises as `Client.open_for_review` does."""
    with database.reviewer.begin() as connection:
        opening = Client().open_for_review(connection, check, by_whom=name)
    kept = _kept(session)
    kept.pop(check, None)
    kept[check] = opening
    while len(kept) > MOST:
        del kept[next(iter(kept))]
    end = time.monotonic() + WAIT_S
    while show(database, session, check).waits and time.monotonic() < end:
        time.sleep(PAUSE_S)


def show(database: Database, session: Session, check: UUID) -> Shown:
    """What this session can read of a check. Once it can no more, its key is forgotten."""
    opening = _kept(session).get(check)
    if opening is None:
        return Shown()
    sql = text(reading_opening(dialect_of(database.reviewer)))
    with database.reviewer.begin() as connection:
        rows = connection.execute(sql, {"id": str(opening.id)}).all()
    try:
        found = opened_review(opening, rows)
    except NotOpened as error:
        del _kept(session)[check]
        return Shown(refused=error.problem)
    return Shown(opened=found, waits=found is None)


def _kept(session: Session) -> dict[UUID, Opening]:
    found: dict[UUID, Opening] = session.kept_secrets.setdefault(_KEPT, {})
    return found
