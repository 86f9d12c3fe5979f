"""Reviewers' pages: what no source could decide, and what participants contested.

They read as `jurat_reader` and decide as `jurat_reviewer`. A decision waits for a minute, in which its author takes it
back; a worker carries it out, by the function of `bin/jurat review`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.exceptions import BadRequest

from console import answers
from console.applied import queries
from console.close_up import close_up
from console.findings import reasons_of, sentences_of
from console.forms import form_id, place
from console.identity.roles import Role
from console.identity.sessions import own
from console.parts import parts
from console.people import member, needs
from jurat import InvalidSubmission, LimitReached, NotInReview, Reason, UnknownCheck
from jurat.ids import uuid7
from jurat.messages import message_for
from jurat.names import same_person
from jurat.vocabulary import ACCEPTING, CHOICE, State
from pages.language import gettext as _
from pages.language import locale, quoting, say
from pages.maps import Picture, Point, Shape, picture
from pages.reasons import why
from store.explanation import ExplainedVerdict, Explanations, QueuedRow
from store.requests.pending_decisions import decide_later
from store.requests.pending_decisions import take_back as withdraw_decision
from store.requests.request_rows import CannotBeDone, Request, RequestKind
from store.requests.request_runner import Requests
from store.review_queue import Filters, PageEnd, PendingDecision, QuestionForm, ReviewQueue
from store.schema import grants

pages = Blueprint("reviews", __name__, url_prefix="/<locale>/reviews")

DECIDED = (*ACCEPTING, Reason.NUMBER_TAKEN)
"""Reasons for which nothing ever waits for a person."""


@dataclass(frozen=True, slots=True)
class Coming:
    """A decision that is about to take effect, with the titles of its question. `mine` is one of who looks."""

    row: PendingDecision
    question: str
    message: str
    mine: bool


@dataclass(frozen=True, slots=True)
class TitledReview:
    """A review with the titles of its question."""

    row: QueuedRow
    consultation: str
    question: str
    kind: str
    fields: Mapping[str, Mapping[str, str]]

    def said(self, answer: Mapping[str, Any]) -> list[tuple[str, str]]:
        """An answer as the form shows it: each field's label, and what was typed."""
        names = [
            *(name for name in self.fields if name in answer),
            *(name for name in answer if name not in self.fields and name != CHOICE),  # the finding says it
        ]
        return [(say(dict(self.fields.get(name, {}))) or name, str(answer[name])) for name in names]

    @property
    def why(self) -> str:
        return why(self.row.reason)


@pages.get("/")
@needs(Role.REVIEWER)
def queue() -> str:
    """What waits, what is due first at the top."""
    reviews = _reviews()
    questions = reviews.questions()
    filters = Filters(_named("consultation"), _named("reason"), bool(request.args.get("overdue")))
    after = PageEnd(*place(request.args["due"], request.args.get("check", ""))) if "due" in request.args else None
    page = reviews.page(filters, after)
    shown = [_found(row, questions) for row in page.rows]
    coming = [_coming(row, questions) for row in reviews.decisions_of(member().name)]
    consultations = {each.consultation: say(dict(each.consultation_title)) or each.consultation for each in questions}
    reasons = {str(each): why(each) for each in Reason if each not in DECIDED}
    return render_template(
        "reviews/queue.html", shown=shown, coming=coming, after=page.after, chosen=filters,
        consultations=consultations, reasons=reasons, filtered=filters != Filters(), continued="due" in request.args,
        why=why, deciding=parts().database.may(grants.DatabaseRole.REVIEWER),
    )  # fmt: skip


@pages.get("/<uuid:check>")
@needs(Role.REVIEWER)
def review(check: UUID) -> Any:
    """One answer: what is known of it, and what may be decided."""
    row = _reviews().find(check)
    return _settled(check) if row is None else _page(row, {})


@pages.post("/<uuid:check>")
@needs(Role.REVIEWER)
def decide(check: UUID) -> Any:
    """A decision, which takes effect a minute later. The form brings the id along: sent twice, it is one."""
    reviews, name = _reviews(), member().name
    _may_decide()
    row, reason = reviews.find(check), request.form.get("reason", "")
    if row is not None:
        found = _found(row, reviews.questions(row.consultation))
        if reason not in (Reason.PERSON_ACCEPTED, *reasons_of(found.kind)):
            return _page(row, {"reason": _("Choose whether you accept or refuse this answer.")}), 422
        if reviews.is_own(check, name):
            return _page(row, {"reason": _("This is your own answer. Someone else has to decide.")}), 403
    elif reviews.state(check) is None:
        abort(404)
    asked = Request(form_id(), RequestKind.DECIDE, name, check_id=check, reason=reason)
    return _done(check, lambda: decide_later(parts().database.reviewer, asked), anchor="decision")


@pages.post("/<uuid:check>/take-back")
@needs(Role.REVIEWER)
def take_back(check: UUID) -> Any:
    """A decision taken back by the person who made it, while it has not taken effect."""
    _may_decide()
    decision = form_id()
    return _done(
        check,
        lambda: withdraw_decision(parts().database.reviewer, decision, member().name),
        _("You took your decision back. The answer waits for a decision again."),
    )


@pages.post("/<uuid:check>/answer")
@needs(Role.REVIEWER)
def open_answer(check: UUID) -> Any:
    """Have the answer opened for this session; that is audited."""
    _may_decide()
    if _reviews().is_own(check, member().name):
        abort(403)
    try:
        answers.ask(parts().database, own(), check, member().name)
    except UnknownCheck:
        abort(404)
    except (NotInReview, LimitReached, InvalidSubmission) as error:
        flash(quoting(_("The answer was not opened. %(problem)s"), error))
    return redirect(url_for("reviews.review", check=check, _anchor="answer"), 303)


@pages.post("/<uuid:check>/open")
@needs(Role.REVIEWER)
def open_again(check: UUID) -> Any:
    """Put a settled answer before a person again."""
    _may_decide()
    if _reviews().is_own(check, member().name):
        abort(403)
    asked = Request(form_id(), RequestKind.OPEN, member().name, check_id=check)
    return _done(
        check,
        lambda: Requests(parts().database.reviewer).do(asked),
        _("The review is open again. The current decision applies until there is a new one."),
    )


def _reviews() -> ReviewQueue:
    return ReviewQueue(parts().database.reader)


def _may_decide() -> None:
    if not parts().database.may(grants.DatabaseRole.REVIEWER):
        abort(403)


def _done(check: UUID, act: Callable[[], object], said: str | None = None, anchor: str | None = None) -> Any:
    """Do it and say so, or say why it was not done."""
    try:
        act()
    except CannotBeDone as error:
        flash(quoting(_("This was not done. %(problem)s"), error))
    else:
        if said:
            flash(said)
    return redirect(url_for("reviews.review", check=check, _anchor=anchor), 303)


def _page(row: QueuedRow, problems: Mapping[str, str]) -> str:
    reviews, me = _reviews(), member()
    questions = reviews.questions(row.consultation)
    found, decided = _found(row, questions), reviews.decision(row.check_id)
    before = reviews.verdict(row.check_id)
    evidence = {**(before.evidence if before else {}), **row.evidence}
    named = evidence.get("zone")
    zone = named if isinstance(named, str) else reviews.zone_of(row.consultation, row.question)
    deciding = parts().database.may(grants.DatabaseRole.REVIEWER)
    answer = answers.show(parts().database, own(), row.check_id) if deciding else answers.Shown()
    points = [(each["longitude"], each["latitude"]) for each in answer.opened.places] if answer.opened else []
    drawn = picture(reviews.zones(), points) if zone else None
    shape = drawn.find(zone) if drawn else None
    known = _known(evidence, before.reason if before else row.reason, points, shape)
    return render_template(
        "reviews/review.html", found=found, coming=_coming(decided, questions) if decided else None, id=uuid7(),
        before=before, contests=_contests(row, before), picture=drawn, shape=shape,
        known=known, why=why, refusing=reasons_of(found.kind),
        mine=any(same_person(me.name, word["by_whom"]) for word in row.words), problems=problems,
        deciding=deciding, answer=answer, near=_close_up(shape, points) if shape and points else None,
    )  # fmt: skip


def _known(evidence: Mapping[str, Any], reason: str, points: list[Point], shape: Shape | None) -> list[str]:
    """What neither the reason says nor the list of what the source found."""
    said = {"margin_m"} if reason == Reason.NEAR_BORDER else set()
    said |= {"candidates"} if points and evidence.get("houses") in {None, 1} else set()
    left = {name: value for name, value in evidence.items() if name not in said}
    return sentences_of(left, shape.title if shape else None)


def _settled(check: UUID) -> Any:
    """The page of an answer that does not wait for a person."""
    reviews = _reviews()
    state = reviews.state(check) or abort(404)
    before = reviews.verdict(check)
    message = _message(before.reason, state[0]) if before else ""
    return render_template(
        "reviews/settled.html", check=check, before=before, message=message, id=uuid7(),
        settled=state[2] == State.SETTLED, deciding=parts().database.may(grants.DatabaseRole.REVIEWER),
    )  # fmt: skip


def _close_up(shape: Shape, points: list[Point]) -> Picture | None:
    """Where the first place lies, by the zone itself."""
    zone = queries().zones([shape.name]).get(shape.name)
    return close_up(shape.name, shape.title, zone.geometry, points) if zone else None


def _message(reason: str, consultation: str) -> str:
    """What the participant reads."""
    return message_for(reason, locale(), Explanations(parts().database.reader).own_texts(consultation))


def _contests(row: QueuedRow, before: ExplainedVerdict | None) -> bool:
    return row.contested and before is not None and before.decided_by == "worker"


def _coming(row: PendingDecision, questions: list[QuestionForm]) -> Coming:
    _, title, _, _ = _asked(row.consultation, row.question, questions)
    return Coming(row, title, _message(row.reason, row.consultation), same_person(row.by_whom, member().name))


def _found(row: QueuedRow, questions: list[QuestionForm]) -> TitledReview:
    return TitledReview(row, *_asked(row.consultation, row.question, questions))


def _asked(
    consultation: str, question: str, questions: list[QuestionForm]
) -> tuple[str, str, str, Mapping[str, Mapping[str, str]]]:
    """A question in words; under its own names where it is no longer asked."""
    asked = next((each for each in questions if (each.consultation, each.name) == (consultation, question)), None)
    if asked is None:
        return consultation, question, "", {}
    titles = say(dict(asked.consultation_title)), say(dict(asked.title))
    return titles[0] or consultation, titles[1] or question, asked.kind, asked.fields


def _named(name: str) -> str | None:
    """What a filter asks for. PostgreSQL takes no NUL."""
    value = request.args.get(name) or None
    if value and not value.isprintable():
        raise BadRequest
    return value
