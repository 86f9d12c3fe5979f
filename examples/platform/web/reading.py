"""What everyone may read: the consultations and what is proposed in them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, render_template

from examples.platform.web import store
from examples.platform.web.accounts import account
from examples.platform.web.parts import parts
from jurat import UnknownConsultation

pages = Blueprint("reading", __name__, url_prefix="/<locale>")


def consultation_or_404(name: str) -> Any:
    """A consultation that is there."""
    with parts().reads.begin() as connection:
        return store.find_consultation(connection, name) or abort(404)


@pages.get("/")
def home() -> str:
    """All consultations."""
    with parts().reads.begin() as connection:
        return render_template("home.html", consultations=store.all_consultations(connection))


@pages.get("/consultations/<name>")
def consultation(name: str) -> str:
    """What is proposed, open for everyone; taking part is for those who may."""
    found, who = consultation_or_404(name), account()
    access, mine = None, None
    try:
        if who:
            access = parts().client.access(name, who.participant)
    except UnknownConsultation:  # published a moment ago, and not in force yet
        pass
    with parts().reads.begin() as connection:
        counted = store.count_votes(connection, name)
        if who:
            mine = store.find_vote(connection, name, who.participant)
    return render_template("consultation.html", consultation=found, access=access, mine=mine, counted=counted)
