"""The vote, which is what access is for. Access is checked at the moment of the vote."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from examples.platform.web import store
from examples.platform.web.accounts import member, signed_in_as
from examples.platform.web.parts import parts
from examples.platform.web.reading import consultation_or_404
from jurat import AccessState, UnknownConsultation
from pages.language import gettext as _

pages = Blueprint("voting", __name__, url_prefix="/<locale>")
MOST = 3


@pages.route("/consultations/<name>/vote", methods=["GET", "POST"])
@signed_in_as()
def vote(name: str) -> Any:
    """Up to three proposals, for those whose access is granted."""
    found, who = consultation_or_404(name), member()
    try:
        state = parts().client.access(name, who.participant).state
    except UnknownConsultation:  # it is not in force, and the overview says so
        state = None
    if state is not AccessState.GRANTED:
        return redirect(url_for("answering.overview", name=name), 303)
    if request.method != "POST":
        with parts().reads.begin() as connection:
            mine = store.find_vote(connection, name, who.participant)
        return render_template("vote.html", consultation=found, chosen=mine, most=MOST, voted=bool(mine))
    chosen = {proposal["id"] for proposal in found.proposals} & set(request.form.getlist("proposal"))
    if not 1 <= len(chosen) <= MOST:
        problems = {"proposal": _("Choose one, two or three proposals.")}
        return render_template("vote.html", consultation=found, chosen=chosen, most=MOST, problems=problems), 422
    with parts().engine.begin() as connection:
        store.keep_vote(connection, name, who.participant, chosen)
    flash(_("Your vote has been counted. You can change it as long as the consultation is open."))
    return redirect(url_for("reading.consultation", name=name), 303)
