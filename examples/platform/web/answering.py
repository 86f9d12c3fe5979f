"""The access form, from the first question to the last page.

A question is asked, what was typed is shown to be confirmed, and the result follows. A confirmed answer cannot be
changed. Its result is always read again, so that reloading, going back and a second window show the current state.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for

from examples.platform.web import drafts, store
from examples.platform.web.accounts import member, signed_in_as
from examples.platform.web.forms import Question, are_all_needed, questions_of
from examples.platform.web.parts import parts
from examples.platform.web.reading import consultation_or_404
from examples.platform.web.waiting import request_status, wait_for_request, wait_for_verdict
from jurat import (
    AccessRevoked,
    AlreadyConfirmed,
    InvalidAnswer,
    NotContestable,
    NotNeeded,
    Outcome,
    Reason,
    RequestState,
    Result,
    UnknownConsultation,
)
from pages.language import gettext as _
from pages.language import locale

pages = Blueprint("answering", __name__, url_prefix="/<locale>/consultations/<name>")

CONTEST_MS = 1000
"""How often the page looks until a worker has sent a contested verdict to review, which takes a second or so."""

LONGEST_NOTE = 2000
AWAY = "pending.source_away"
"""The key of jurat's text for an answer that waits while its source does not answer."""

NONE_OF_THESE = {"choice": "none"}
"""What an answer says whose participant was offered addresses, and lives at none of them."""

BY_PERSONS = frozenset({Reason.PERSON_ACCEPTED, Reason.PERSON_REFUSED})
TYPING_ERRORS = frozenset({Reason.CODE_UNKNOWN, Reason.CODE_MALFORMED, Reason.NUMBER_MALFORMED})
"""Verdicts that most often follow a typing error. Typing it again helps sooner than a person."""


@pages.get("/access")
@signed_in_as()
def overview(name: str) -> Any:
    """The state of the participant's access, and what comes next."""
    found, questions = consultation_or_404(name), questions_of(name)
    try:
        status = parts().client.participant_status(name, member().participant)
    except UnknownConsultation:
        return render_template("not-yet.html", consultation=found), 404
    missed = [status.results[each] for each in status.access.blocked_by if each in status.results]
    return render_template(
        "access.html", consultation=found, questions=questions, status=status, access=status.access,
        all_needed=are_all_needed(name),
        may_contest=[result.question for result in missed if _contestable(result) and not _contest_of(result.check_id)],
    )  # fmt: skip


@pages.route("/access/<question>", methods=["GET", "POST"])
@signed_in_as()
def ask(name: str, question: str) -> Any:
    """One question. What was typed is looked at here, and confirmed on the next page.

    A page with its own address says what is wrong, so that the back button and the other language find it.
    """
    found, asked = consultation_or_404(name), _question_or_404(name, question)
    status = parts().client.participant_status(name, member().participant)
    if question not in status.access.open + status.access.renewable:
        last = status.results.get(question)
        return _to_result(name, last.check_id) if last else redirect(url_for("answering.overview", name=name), 303)
    values: dict[str, str] = {}
    problems: dict[str, str] = {}
    draft = drafts.kept(name, question)
    declined = NONE_OF_THESE if draft and draft.answer.get("choice") == "none" else {}
    if request.method == "POST":
        values = asked.typed() | declined
        complete = not asked.problems(values)
        try:
            drafts.keep(name, question, values, complete=complete)
            return redirect(
                url_for("answering.confirm" if complete else "answering.ask", name=name, question=question), 303
            )
        except drafts.TooLong:
            problems = {asked.fields[0].name: _("This answer is too long to be checked. Please shorten it.")}
    elif draft and not (declined and draft.answer == declined):
        values = dict(draft.answer)
        problems = {} if draft.complete else asked.problems(values)
    place, count = list(status.access.questions).index(question) + 1, len(status.access.questions)
    sure = count > 1 and question in status.access.open and are_all_needed(name)
    page = render_template(
        "question.html", consultation=found, question=asked, values=values, problems=problems, place=place,
        count=count if sure else 0, left=status.access.rounds_left[question], privacy=status.privacy(locale()),
    )  # fmt: skip
    return page, 422 if request.method == "POST" else 200


@pages.route("/access/<question>/confirm", methods=["GET", "POST"])
@signed_in_as()
def confirm(name: str, question: str) -> Any:
    """What was typed, to be confirmed. Sent twice, it is the same check."""
    found, asked = consultation_or_404(name), _question_or_404(name, question)
    draft = drafts.kept(name, question)
    if draft is None and request.method == "POST" and drafts.is_another():
        flash(_("You have since typed another answer. Please type this one again."))
    if draft is None or not draft.complete:
        return redirect(url_for("answering.ask", name=name, question=question), 303)
    if request.method != "POST":
        return render_template("confirm.html", consultation=found, question=asked, draft=draft)
    if request.form.get("id") != str(draft.id):
        flash(_("You changed this answer in another window. This is the latest version."))
        return redirect(url_for("answering.confirm", name=name, question=question), 303)
    if "code" not in asked.known:
        return _submit(name, question, draft)[0]
    parts().codes.count_one()
    guess = False
    try:
        page, check = _submit(name, question, draft)
        guess = check is not None and _may_be_a_guess(parts().client.result(check))
    finally:
        if not guess:
            parts().codes.was_right()
    return page


def _submit(name: str, question: str, draft: drafts.Draft) -> tuple[Any, UUID | None]:
    """The page that follows, and the check, if one was made of the draft."""
    who = member().participant
    try:
        with parts().engine.begin() as connection:  # the check and the platform's own row: both or none
            check = parts().client.submit(
                connection, consultation=name, participant=who, question=question, answer=draft.answer, id=draft.id,
                reply_key=draft.reply_public_key,
            )  # fmt: skip
            if check.created:
                store.keep_answer(connection, check.id, who, name, question)
    except InvalidAnswer:  # the question asks for something else since, and its form says what
        drafts.keep(name, question, draft.answer, complete=False)
        flash(_("This question has changed. Please check your answer again."))
        return redirect(url_for("answering.ask", name=name, question=question), 303), None
    except NotNeeded:
        drafts.forget()
        flash(_("You do not need to answer this question any more."))
        return redirect(url_for("answering.overview", name=name), 303), None
    except AlreadyConfirmed as error:
        drafts.forget()
        flash(_("You have already confirmed an answer to this question. This is the result."))
        return _to_result(name, error.check_id), None
    except AccessRevoked:
        drafts.forget()
        return redirect(url_for("answering.overview", name=name), 303), None
    parts().ring()
    drafts.keep_reply_key(check.id, draft.reply_key)
    drafts.forget()
    wait_for_verdict(check.id)
    return _to_result(name, check.id), check.id


@pages.get("/answers/<uuid:check>")
@signed_in_as()
def show_result(name: str, check: UUID) -> Any:
    """The result of one answer, and what comes next."""
    found, result = consultation_or_404(name), _own(name, check)
    asked = questions_of(name).get(result.question)
    if asked is None:  # the question is not asked any more, or the consultation is closed: the overview says so
        return redirect(url_for("answering.overview", name=name), 303)
    status = parts().client.participant_status(name, member().participant)
    newest = status.results[result.question].check_id == check
    again = newest and result.question in status.access.open
    candidates = _candidates(check) if again and result.reason == Reason.AMBIGUOUS_ADDRESS else []
    problem = {"candidate-0": _("Choose one of these addresses, or say that yours is not there.")}
    mistyped = again and result.reason in TYPING_ERRORS
    contest = _contest_of(check)
    asked_for = request_status(contest) if contest else None
    waits = asked_for is not None and asked_for.state is RequestState.WAITING
    return render_template(
        "result.html", consultation=found, question=asked, result=result, status=status, access=status.access,
        message=_message(name, result), contact=status.contact(locale()), again=again, mistyped=mistyped,
        candidates=candidates, problems=problem if candidates and "wrong" in request.args else {},
        contested=contest, asked_for=asked_for, by_person=result.settled and result.reason in BY_PERSONS,
        decided_before=parts().client.message(result.reason, locale(), name) if result.reason else "",
        may_contest=newest and _contestable(result) and not contest and not mistyped,
        follow_ms=result.next_poll_ms or (CONTEST_MS if waits else 0),
    )  # fmt: skip


@pages.post("/answers/<uuid:check>/choose")
@signed_in_as()
def choose(name: str, check: UUID) -> Any:
    """One of the addresses that may be meant becomes the answer to confirm. With none of them, one is typed again."""
    result, candidates = _own(name, check), _candidates(check)
    chosen = request.form.get("candidate", "")
    known = _question_or_404(name, result.question).known
    if chosen == "none":
        drafts.keep(name, result.question, NONE_OF_THESE, complete=False)
        return redirect(url_for("answering.ask", name=name, question=result.question), 303)
    if chosen not in map(str, range(len(candidates))):
        return redirect(url_for("answering.show_result", name=name, check=check, wrong=1), 303)
    address = {key: value for key, value in candidates[int(chosen)].items() if key in known} | {"choice": "offered"}
    drafts.keep(name, result.question, address, complete=True)
    return redirect(url_for("answering.confirm", name=name, question=result.question), 303)


@pages.route("/answers/<uuid:check>/contest", methods=["GET", "POST"])
@signed_in_as()
def contest(name: str, check: UUID) -> Any:
    """Ask a person to review a verdict."""
    found, result = consultation_or_404(name), _own(name, check)
    asked, problems = _question_or_404(name, result.question), {}
    note = request.form.get("note", "").strip().replace("\r\n", "\n")
    newest = parts().client.participant_status(name, member().participant).results[result.question].check_id == check
    if not newest or not _contestable(result) or _contest_of(check):
        return _to_result(name, check)
    if request.method == "POST":
        if not 1 <= len(note) <= LONGEST_NOTE or "\0" in note:
            problems["note"] = _("Tell the team what is wrong, in 2,000 characters or fewer.")
        else:
            try:
                with parts().engine.begin() as connection:
                    asked_for = parts().client.contest(connection, check, note=note)
                    store.keep_contest(connection, check, asked_for)
            except NotContestable:
                if not _contest_of(check):  # else the form was sent twice
                    flash(_("This answer cannot be reviewed again. Please contact the team."))
            else:
                parts().ring()
                wait_for_request(asked_for)
                flash(_("The team has received your message. You will see their decision here."))
            return _to_result(name, check)
    page = render_template(
        "contest.html", consultation=found, question=asked, result=result, note=note, problems=problems,
        message=_message(name, result), longest=LONGEST_NOTE,
    )  # fmt: skip
    return page, 422 if problems else 200


def _question_or_404(name: str, question: str) -> Question:
    return questions_of(name).get(question) or abort(404)


def _to_result(name: str, check: UUID) -> Any:
    return redirect(url_for("answering.show_result", name=name, check=check), 303)


def _own(name: str, check: UUID) -> Result:
    """The result of a check of the participant who is signed in; 404 for any other check."""
    whose = name, member().participant
    results = parts().client.results([check])
    return next((result for result in results if (result.consultation, result.participant) == whose), None) or abort(
        404
    )


def _may_be_a_guess(result: Result) -> bool:
    """Whether nobody has such a code, or that is not known yet: under ever new accounts, codes could be tried out."""
    return not result.settled or result.reason is Reason.CODE_UNKNOWN


def _message(name: str, result: Result) -> str:
    client = parts().client
    if result.settled and result.reason:
        return client.message(result.reason, locale(), name)
    if result.source_away:
        return client.message(AWAY, locale(), name)
    return client.state_message(result.state, locale(), name)


def _contestable(result: Result) -> bool:
    """Whether a person may be asked to review it: a source decided, and did not accept."""
    return result.settled and result.outcome is not Outcome.ACCEPTED and result.reason not in BY_PERSONS


def _contest_of(check: UUID) -> UUID | None:
    """The participant's contest of a verdict, if there is one."""
    with parts().reads.begin() as connection:
        row = store.find_answer(connection, check, member().participant)
    return row.contest if row else None


def _candidates(check: UUID) -> list[dict[str, str]]:
    """The addresses that may be meant, if this browser submitted the answer."""
    key = drafts.reply_key(check)
    return [] if key is None else parts().client.candidates(check, key)
