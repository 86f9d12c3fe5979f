"""A new consultation: written in three steps, looked at in a fourth, and published from there.

What is sent of a step is kept and answered with the address of the next page. No page answers a form, so that the back
button, reloading and another language show what is kept. Only the person who began a draft sees it.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from examples.platform.web import display_names, figures, store
from examples.platform.web.accounts import member, signed_in_as
from examples.platform.web.composing import (
    ABOUT,
    CHECK,
    CRITERIA,
    LONGEST,
    MOST_OF_ONE,
    MOST_ROUNDS,
    QUESTIONS,
    STEPS,
    Choices,
    Draft,
    in_words,
    sent,
    values_of,
)
from examples.platform.web.figures import reading
from examples.platform.web.parts import parts
from examples.platform.web.publishing import is_changeable, revision_of, taken
from examples.platform.web.store import ADMINISTRATOR
from jurat import InvalidConsultation
from pages.language import LOCALES, quoting, say
from pages.language import gettext as _
from pages.maps import picture

pages = Blueprint("writing", __name__, url_prefix="/new-consultation")

_STEP = f"/<uuid:draft>/<any({', '.join(STEPS)}):step>"
_DOCUMENT = text("SELECT coalesce(document, applied_document) FROM jurat_consultations WHERE name = :name")


class _Overtaken(Exception):
    """Someone else published under this name at the same moment, or voted for what is not there any more."""


@pages.route("", methods=["GET", "POST"])
@signed_in_as(ADMINISTRATOR)
def begin() -> Any:
    """A new draft: empty, or with a consultation that was refused or withdrawn."""
    if request.method != "POST":  # someone who had to sign in first: the button is there
        return redirect(url_for("office.dashboard"), 303)
    values: dict[str, str] = {}
    if name := request.form.get("change"):
        if not is_changeable(name):
            abort(404)
        with reading() as connection:
            kept, document = store.find_consultation(connection, name), connection.scalar(_DOCUMENT, {"name": name})
            values = values_of(name, kept, document)
            if document is None:  # it was withdrawn
                values = store.typed_for(connection, name) or values
    with parts().office.begin() as connection:
        made = store.begin_draft(connection, member().name, values)
    return _to(made, ABOUT)


@pages.get(_STEP)
@signed_in_as(ADMINISTRATOR)
def show(draft: UUID, step: str) -> Any:
    """A step with what is kept; with what is wrong in it, if the author wanted to go on."""
    row = _kept(draft)
    if row.consultation:
        return _published(row.consultation)
    written = Draft(row.typed, _choices())
    if step == CHECK:
        wrong, problems = written.first_problems()
        if problems:
            return _to(draft, wrong, wrong=True)
        return render_template(
            "office/check.html", draft=written, id=draft, steps=STEPS, in_words=in_words, kinds=kinds(),
            display_name=display_names.criterion, seen=row.changed_at.isoformat(),
        )  # fmt: skip
    if step == QUESTIONS and not written.asked:
        return _to(draft, CRITERIA, wrong=True)
    drawn = step == QUESTIONS and any("zone" in each.criterion.open for each in written.asked)
    return render_template(
        "office/new.html", draft=written, id=draft, step=step, steps=STEPS, values=written.values,
        problems=_problems(written, step) if "wrong" in request.args else {}, longest=LONGEST,
        most_of_one=MOST_OF_ONE, most_rounds=MOST_ROUNDS, in_words=in_words, kinds=kinds(),
        display_name=display_names.criterion, picture=picture(parts().client.zones()) if drawn else None,
    )  # fmt: skip


@pages.post(_STEP)
@signed_in_as(ADMINISTRATOR)
def write(draft: UUID, step: str) -> Any:
    """Keep a step, and go one further or one back; from the last one, publish. What was sent last counts."""
    if step == CHECK:
        return _publish(draft)
    wanted = request.form.get("go", "")
    if wanted not in STEPS:
        abort(400)
    with parts().office.begin() as connection:
        row = store.find_draft(connection, draft, member().name, to_change=True) or abort(404)
        values = sent(row.typed, step, request.form)
        if values != row.typed and not row.consultation:
            store.keep_draft(connection, draft, values)
    if row.consultation:
        return _published(row.consultation)
    forward = STEPS.index(wanted) > STEPS.index(step)
    if forward and _problems(Draft(values, _choices()), step):
        return _to(draft, step, wrong=True)
    return _to(draft, wanted)


def _publish(draft: UUID) -> Any:
    row = _kept(draft)
    if row.consultation:
        return _published(row.consultation)
    if request.form.get("seen") != row.changed_at.isoformat():
        flash(_("You changed this consultation in another window. This is the latest version."))
        return _to(draft, CHECK)
    written = Draft(row.typed, _choices())
    name, revision = written.name, revision_of(written.name)
    step, problems = written.first_problems()
    if not problems and (problems := taken(name) or _voted(written)):
        step = ABOUT
    if problems:
        return _to(draft, step, wrong=True)
    try:
        with parts().office.begin() as connection:  # jurat's request and the platform's own rows: all or none
            if not store.publish_draft(connection, draft, row.changed_at, name):
                return _to(draft, CHECK)  # sent twice, or changed at this moment: the page shows which
            asked = parts().client.publish_consultation(connection, name, written.document(), by=member().name)
            proposals, lost = _proposals(connection, written)
            if asked != revision + 1 or lost:
                raise _Overtaken
            store.replace_consultation(
                connection, name, written.by_language("title"), written.by_language("summary"), proposals
            )
    except (IntegrityError, InvalidConsultation, _Overtaken):
        return _to(draft, ABOUT, wrong=True)
    parts().ring()
    return _published(name)


def _kept(draft: UUID) -> Any:
    with reading() as connection:
        return store.find_draft(connection, draft, member().name) or abort(404)


def _to(draft: UUID, step: str, *, wrong: bool = False) -> Any:
    return redirect(url_for("office.writing.show", draft=draft, step=step, wrong=1 if wrong else None), 303)


def _published(name: str) -> Any:
    return redirect(url_for("office.consultation", name=name), 303)


def _problems(draft: Draft, step: str) -> dict[str, str]:
    """What is wrong in a step, by field; once all of it is written, what jurat has against it too."""
    found = draft.problems(step)
    if not found and step == ABOUT:
        found = taken(draft.name) or _voted(draft)
    if not found and step == ABOUT and not draft.first_problems()[1]:
        found = _refused(draft)
    return found


def _voted(draft: Draft) -> dict[str, str]:
    """Proposals that people voted for stay as they are: no vote goes to another one, or is lost."""
    with reading() as connection:
        _new, lost = _proposals(connection, draft)
    titles = ", ".join(say(each["title"]) for each in lost)
    said = _("People have already voted for these proposals, so you cannot change them: %(titles)s")
    return {f"proposals-{LOCALES[0]}": said % {"titles": titles}} if lost else {}


def _proposals(connection: Connection, draft: Draft) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What is voted on, and what is not any more although it has votes."""
    kept = store.find_consultation(connection, draft.name)
    before = kept.proposals if kept else []
    proposals = draft.proposals(before)
    gone = store.voted_for(connection, draft.name) - {each["id"] for each in proposals}
    return proposals, [each for each in before if each["id"] in gone]


def _refused(draft: Draft) -> dict[str, str]:
    with parts().office.connect() as connection, connection.begin() as tried:
        try:
            parts().client.publish_consultation(connection, draft.name, draft.document(), by=member().name)
        except InvalidConsultation as error:
            said = " – ".join(filter(None, (error.problem, error.hint)))
            return {"name": quoting(_("This cannot be published: %(problem)s"), said)}
        finally:
            tried.rollback()  # it was asked, and is not published
    return {}


def _choices() -> Choices:
    with reading() as connection:
        criteria = tuple(figures.criteria(connection))
        lists = tuple(row.list for row in figures.code_lists(connection))
    return Choices(criteria, {zone.name: zone.title for zone in parts().client.zones()}, lists)


def kinds() -> dict[str, str]:
    """What a participant is asked for, by the kind of source."""
    return {
        "address": _("an address, which is looked up and compared with an area on the map"),
        "codes": _("a code that you gave them, for example in a letter"),
        "registry": _("an entry in a register"),
        "list": _("an entry in a list of people"),
        "manual": _("an answer that a member of the team reviews"),
        "simulated": _("nothing: for testing only"),
    }
