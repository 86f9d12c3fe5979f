"""What everyone may read: the consultations and what is proposed in them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, render_template
from sqlalchemy import Connection, text

from examples.platform.web import store
from examples.platform.web.accounts import account
from examples.platform.web.parts import parts
from jurat import UnknownConsultation

pages = Blueprint("reading", __name__, url_prefix="/<locale>")


_CLOSED = text("""
    SELECT c.name FROM platform_consultations c
    WHERE NOT EXISTS (SELECT 1 FROM jurat_questions q WHERE q.consultation = c.name)
      AND NOT EXISTS (SELECT 1 FROM jurat_consultations p
        WHERE p.name = c.name AND p.document IS NOT NULL AND coalesce(p.answered_revision, 0) < p.revision)""")
"""What is not in force, and is not about to be: it was withdrawn, or those who run jurat took it out of their files."""


def closed_ones(connection: Connection) -> set[str]:
    """The names of consultations in which no one can take part any more."""
    return set(connection.execute(_CLOSED).scalars())


def is_closed(name: str) -> bool:
    """Whether no one can take part in a consultation any more. One that waits for a worker opens in a moment."""
    with parts().reads.begin() as connection:
        return name in closed_ones(connection)


def consultation_or_404(name: str) -> Any:
    """A consultation that is there."""
    with parts().reads.begin() as connection:
        return store.find_consultation(connection, name) or abort(404)


@pages.get("/")
def home() -> str:
    """All consultations, the newest first, and those that are closed at the end."""
    with parts().reads.begin() as connection:
        closed, newest_first = closed_ones(connection), reversed(store.all_consultations(connection))
    shown = sorted(newest_first, key=lambda each: each.name in closed)
    return render_template("home.html", consultations=shown, closed=closed)


@pages.get("/consultations/<name>")
def consultation(name: str) -> str:
    """What is proposed, open for everyone; taking part is for those who may."""
    found, who = consultation_or_404(name), account()
    access, mine = None, None
    try:
        if who:
            access = parts().client.access(name, who.participant)
    except UnknownConsultation:  # not in force yet, or not any more
        pass
    with parts().reads.begin() as connection:
        closed = name in closed_ones(connection)
        counted = store.count_votes(connection, name)
        if who:
            mine = store.find_vote(connection, name, who.participant)
    return render_template(
        "consultation.html", consultation=found, closed=closed, access=access, mine=mine, counted=counted
    )
