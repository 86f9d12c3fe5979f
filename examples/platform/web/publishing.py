"""Shows the state of published consultations, withdraws them, and removes them from the platform."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for

from examples.platform.web import figures, store
from examples.platform.web.accounts import member, signed_in_as
from examples.platform.web.figures import reading
from examples.platform.web.parts import parts
from examples.platform.web.store import ADMINISTRATOR
from jurat import InvalidConsultation, PublicationState, UnknownConsultation
from pages.language import gettext as _
from pages.language import quoting

pages = Blueprint("publishing", __name__)

WITHDRAWING = "withdrawing"
"""In addition to the values of `PublicationState`: what waits is a withdrawal."""


def state_of(row: Any) -> str:
    """What became of a publication, from its row in `figures.publications`."""
    if (row.answered_revision or 0) < row.revision:
        return WITHDRAWING if row.withdrawn else PublicationState.WAITING
    if row.refused is not None:
        return PublicationState.REFUSED
    return PublicationState.WITHDRAWN if row.withdrawn else PublicationState.PUBLISHED


@pages.route("/consultations/<name>/withdraw", methods=["GET", "POST"])
@signed_in_as(ADMINISTRATOR)
def withdraw(name: str) -> Any:
    """Withdraw a consultation: no one can take part once a worker has taken it out of the configuration."""
    there = redirect(url_for("office.consultation", name=name), 303)
    state = _state(name) or abort(404)
    if state in (PublicationState.WITHDRAWN, WITHDRAWING):  # pressed twice, or in another window
        return there
    with parts().reads.begin() as connection:
        found = store.find_consultation(connection, name)
    if request.method != "POST":
        return render_template("office/withdraw.html", name=name, consultation=found)
    try:
        with parts().office.begin() as connection:
            parts().client.publish_consultation(connection, name, None, by=member().name)
        parts().ring()
    except InvalidConsultation as error:
        flash(quoting(_("The consultation was not withdrawn. %(problem)s"), error.problem))
    return there


@pages.route("/consultations/<name>/remove", methods=["GET", "POST"])
@signed_in_as(ADMINISTRATOR)
def remove(name: str) -> Any:
    """Take a consultation that was withdrawn off the platform, with the votes in it."""
    with reading() as connection:
        found, votes = store.find_consultation(connection, name), store.votes_in(connection, name)
    if found is None or _state(name) != PublicationState.WITHDRAWN:
        abort(404)
    if request.method != "POST":
        return render_template("office/remove.html", consultation=found, votes=votes)
    with parts().office.begin() as connection:
        store.remove_consultation(connection, name)
    flash(_("The consultation has been removed from the platform."))
    return redirect(url_for("office.dashboard"), 303)


def revision_of(name: str) -> int:
    """How often something was asked for this consultation."""
    try:
        return parts().client.publication(name).revision
    except UnknownConsultation:
        return 0


def taken(name: str) -> dict[str, str]:
    """Why a new consultation cannot have this name."""
    there = _("A consultation with this name already exists. Choose another name.")
    if _state(name) is not None:
        return {} if is_changeable(name) else {"name": there}
    with parts().reads.begin() as connection:
        ours = store.find_consultation(connection, name) is not None
    with reading() as connection:  # one that is in the files of those who run jurat
        return {"name": there} if ours or name in figures.titles(connection) else {}


def is_changeable(name: str) -> bool:
    """Whether a consultation may be changed and published again. One that was removed may not: people who had
    access to it would have access to the next one of its name.
    """
    with reading() as connection:
        ours = store.find_consultation(connection, name) is not None
    state = _state(name)
    return state == PublicationState.REFUSED or (ours and state == PublicationState.WITHDRAWN)


def _state(name: str) -> str | None:
    with reading() as connection:
        row = figures.publication(connection, name)
    return state_of(row) if row else None
