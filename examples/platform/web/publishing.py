"""Consultations that administrators make from criteria: written in three steps, published, mended and withdrawn."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy.exc import IntegrityError

from examples.platform.web import figures, store
from examples.platform.web.accounts import member, signed_in_as
from examples.platform.web.composing import (
    ABOUT,
    LONGEST,
    MOST_OF_ONE,
    MOST_ROUNDS,
    QUESTIONS,
    STEPS,
    Choices,
    Draft,
    in_words,
    typed,
    values_of,
)
from examples.platform.web.figures import reading
from examples.platform.web.language import gettext as _
from examples.platform.web.language import quoting
from examples.platform.web.maps import picture
from examples.platform.web.parts import parts
from examples.platform.web.store import ADMINISTRATOR
from jurat import InvalidConsultation, PublicationState, UnknownConsultation

pages = Blueprint("publishing", __name__)


def state_of(row: Any) -> PublicationState:
    """What became of a publication, from its row in `figures.publications`."""
    if (row.answered_revision or 0) < row.revision:
        return PublicationState.WAITING
    if row.refused is not None:
        return PublicationState.REFUSED
    return PublicationState.WITHDRAWN if row.withdrawn else PublicationState.PUBLISHED


@pages.get("/new-consultation")
@signed_in_as(ADMINISTRATOR)
def new() -> Any:
    """The form, empty, or with a consultation that was refused or withdrawn."""
    values: dict[str, str] = {}
    if name := request.args.get("mend"):
        if not _mendable(name):
            abort(404)
        with parts().reads.begin() as connection:
            kept = store.find_consultation(connection, name)
        with reading() as connection:
            said = sa.text("SELECT coalesce(document, applied_document) FROM jurat_consultations WHERE name = :name")
            values = values_of(name, kept, connection.execute(said, {"name": name}).scalar())
    return _page(Draft(values, _choices()), ABOUT, {})


@pages.post("/new-consultation")
@signed_in_as(ADMINISTRATOR)
def write() -> Any:
    """One step further, one back, or published."""
    draft = Draft(typed(request.form), _choices())
    here, wanted = request.form.get("step", ABOUT), request.form.get("go", "")
    if here not in STEPS or wanted not in (*STEPS, "publish"):
        abort(400)
    if wanted == "publish":
        step, problems = draft.first_problems()
        if problems:
            return _page(draft, step, problems), 422
        return _publish(draft)
    if STEPS.index(wanted) > STEPS.index(here):
        problems = draft.problems(here)
        if here == ABOUT and not problems:
            problems = _taken(draft.name)
        if problems:
            return _page(draft, here, problems), 422
    return _page(draft, wanted, {})


@pages.route("/consultations/<name>/withdraw", methods=["GET", "POST"])
@signed_in_as(ADMINISTRATOR)
def withdraw(name: str) -> Any:
    """Nobody can take part any more, once a worker has taken it out of the configuration."""
    if _publication(name) not in (PublicationState.PUBLISHED, PublicationState.WAITING, PublicationState.REFUSED):
        abort(404)
    with parts().reads.begin() as connection:
        found = store.find_consultation(connection, name)
    if request.method == "GET":
        return render_template("office/withdraw.html", name=name, consultation=found)
    try:
        with parts().office.begin() as connection:
            parts().client.publish_consultation(connection, name, None, by=member().name)
        parts().ring()
    except InvalidConsultation as error:
        flash(quoting(_("It was not withdrawn. %(problem)s"), error.problem))
    return redirect(url_for("office.consultation", name=name), 303)


@pages.post("/consultations/<name>/remove")
@signed_in_as(ADMINISTRATOR)
def remove(name: str) -> Any:
    """Take a consultation that was withdrawn off the platform, with the votes in it."""
    if _publication(name) != PublicationState.WITHDRAWN:
        abort(404)
    with parts().office.begin() as connection:
        connection.execute(sa.delete(store.votes).where(store.votes.c.consultation == name))
        connection.execute(sa.delete(store.consultations).where(store.consultations.c.name == name))
    flash(_("The consultation is off the platform."))
    return redirect(url_for("office.dashboard"), 303)


def _publish(draft: Draft) -> Any:
    name = draft.name
    if problems := _taken(name):
        if _is_sent_twice(draft):
            return redirect(url_for("office.consultation", name=name), 303)
        return _page(draft, ABOUT, problems), 422
    try:
        with parts().office.begin() as connection:  # jurat's request and the platform's own row: both or none
            parts().client.publish_consultation(connection, name, draft.document(), by=member().name)
            connection.execute(sa.delete(store.consultations).where(store.consultations.c.name == name))
            store.keep_consultation(
                connection, name, draft.by_language("title"), draft.by_language("summary"), draft.proposals()
            )
    except InvalidConsultation as error:
        step, field = draft.place_of(error)
        said = " – ".join(filter(None, (error.problem, error.hint)))
        return _page(draft, step, {field: quoting(_("This can not be published: %(problem)s"), said)}), 422
    except IntegrityError:  # somebody else took the name at this moment
        return _page(draft, ABOUT, {"name": _there_is_one()}), 422
    parts().ring()
    return redirect(url_for("office.consultation", name=name), 303)


def _taken(name: str) -> dict[str, str]:
    """Why a new consultation can not have this name."""
    if _publication(name) is not None:
        return {} if _mendable(name) else {"name": _there_is_one()}
    with parts().reads.begin() as connection:
        there = store.find_consultation(connection, name) is not None
    with reading() as connection:  # one that stands in the files of those who run jurat
        there = there or name in figures.titles(connection)
    return {"name": _there_is_one()} if there else {}


def _is_sent_twice(draft: Draft) -> bool:
    """Whether just this was published by this person: a button was pressed twice, or a page sent again."""
    said = sa.text("SELECT document FROM jurat_consultations WHERE name = :name AND published_by = :by")
    with reading() as connection:
        document = connection.execute(said, {"name": draft.name, "by": member().name}).scalar()
    return document is not None and json.loads(document) == draft.document()


def _there_is_one() -> str:
    return _("There is a consultation of this name already. Choose another one.")


def _mendable(name: str) -> bool:
    return _publication(name) in (PublicationState.REFUSED, PublicationState.WITHDRAWN)


def _publication(name: str) -> PublicationState | None:
    try:
        return parts().client.publication(name).state
    except UnknownConsultation:
        return None


def _choices() -> Choices:
    with reading() as connection:
        criteria = tuple(figures.criteria(connection))
        lists = tuple(row.list for row in figures.code_lists(connection))
    return Choices(criteria, frozenset(zone.name for zone in parts().client.zones()), lists)


def _page(draft: Draft, step: str, problems: dict[str, str]) -> str:
    drawn = step == QUESTIONS and any("zone" in each.criterion.open for each in draft.asked)
    return render_template(
        "office/new.html", draft=draft, step=step, steps=STEPS, values=draft.values, problems=problems,
        longest=LONGEST, most_of_one=MOST_OF_ONE, most_rounds=MOST_ROUNDS, in_words=in_words, kinds=kinds(),
        picture=picture(parts().client.zones()) if drawn else None,
    )  # fmt: skip


def kinds() -> dict[str, str]:
    """What a participant is asked for, by the kind of source."""
    return {
        "address": _("an address, which is looked up and compared with an area on the map"),
        "codes": _("a code that you gave them, for example in a letter"),
        "registry": _("an entry in a register"),
        "list": _("an entry in a list of people"),
        "manual": _("anything that a person looks at"),
        "simulated": _("nothing: this is for trying out"),
    }
