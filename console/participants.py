"""Participants' pages: what one has and why, for reviewers and administrators, and what these may do about it.

A participant's id stands in no address: the session remembers whom it found, each under a random handle.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import Engine

from console import explanations
from console.forms import form_id
from console.identity.roles import Role
from console.identity.sessions import own
from console.parts import parts
from console.people import member, needs
from jurat.ids import uuid7
from jurat.names import is_printable
from pages.language import gettext as _
from pages.language import quoting, say
from pages.reasons import why
from store.requests.erasure import traces
from store.requests.participants import Participant, participant_of, read_participant
from store.requests.request_rows import CannotBeDone, Request, RequestKind, ask, is_about_asker
from store.requests.request_runner import Requests
from store.review_queue import ReviewQueue
from store.schema import grants

pages = Blueprint("participants", __name__, url_prefix="/<locale>/participants")

WHO = (Role.REVIEWER, Role.ADMINISTRATOR)

MOST: Final = 50
"""Participants that one session remembers; the oldest gives way."""

KINDS = (RequestKind.REOPEN, RequestKind.REVOKE, RequestKind.RESTORE, RequestKind.TRANSFER, RequestKind.ERASE)
"""What can be done about a participant."""

_LOGINS = {Role.REVIEWER: grants.DatabaseRole.REVIEWER, Role.ADMINISTRATOR: grants.DatabaseRole.ADMIN}
_KEPT = "participants"


@pages.get("/")
@needs(*WHO)
def find() -> str:
    """The form that finds one."""
    return _form("", {})


@pages.post("/")
@needs(*WHO)
def found() -> Any:
    """Remember a participant of whom something is stored."""
    consultation, typed = request.form.get("consultation", ""), request.form.get("participant", "")
    reader = parts().database.reader
    for participant in dict.fromkeys((typed, typed.strip())):
        if not (is_printable(participant) and (seen := traces(reader, participant, consultation or None))):
            continue
        handle = _remember(participant)
        if consultation and seen[0].access is not None:
            return redirect(url_for("participants.show", handle=handle, consultation=consultation), 303)
        return redirect(url_for("participants.overview", handle=handle), 303)
    unknown = _("Nothing is stored about this participant. Check the id.")
    problem = unknown if typed else _("Write the participant's id.")
    return _form(consultation, {"participant": problem}), 422


@pages.post("/of/<uuid:check>")
@needs(*WHO)
def of_check(check: UUID) -> Any:
    """Remember whose answer it is."""
    consultation, participant = participant_of(parts().database.reader, check) or abort(404)
    return redirect(url_for("participants.show", handle=_remember(participant), consultation=consultation), 303)


@pages.get("/<handle>")
@needs(*WHO)
def overview(handle: str) -> Any:
    """Where something is stored about a participant."""
    participant = _participant(handle)
    stored = traces(parts().database.reader, participant)
    if not stored:
        return render_template("participants/gone.html")
    return render_template(
        "participants/overview.html", handle=handle, participant=participant, titles=_titles(), traces=stored,
        acts=_acts(participant, [RequestKind.ERASE]),
    )  # fmt: skip


@pages.get("/<handle>/in/<consultation>")
@needs(*WHO)
def show(handle: str, consultation: str) -> Any:
    """A participant in one consultation: access, questions, answers, and what people did."""
    participant = _participant(handle)
    seen = _read(participant, consultation)
    return render_template(
        "participants/participant.html", handle=handle, participant=participant, consultation=consultation, found=seen,
        titles=_titles(), questions=_questions(consultation), why=why, acts=_acts(participant, _kinds(seen)),
        access=explanations.access(seen.access), states=explanations.states(),
    )  # fmt: skip


@pages.get("/<handle>/in/<consultation>/<uuid:check>")
@needs(*WHO)
def explain(handle: str, consultation: str, check: UUID) -> Any:
    """How an answer was checked and decided, rule by rule."""
    seen = _read(_participant(handle), consultation)
    if all(answer.check_id != check for answer in seen.answers):
        abort(404)
    return render_template(
        "participants/check.html", handle=handle, consultation=consultation, titles=_titles(),
        questions=_questions(consultation), why=why, **explanations.read(parts().database.reader, check),
    )  # fmt: skip


@pages.route("/<handle>/erase", methods=["GET", "POST"], endpoint="erase")
@pages.route("/<handle>/in/<consultation>/<any(reopen, revoke, restore, transfer):act>", methods=["GET", "POST"])
@needs(*WHO)
def act(handle: str, act: str = RequestKind.ERASE, consultation: str | None = None) -> Any:
    """One act: what it means, and what it needs; then it is done at once."""
    kind = RequestKind(act)
    engine = _engine(kind) or abort(403)
    participant = _participant(handle)
    if request.method == "GET":
        return _act_page(kind, handle, participant, consultation, {})
    given = {name: request.form.get(name, "") for name in ("question", "target", "again", "scope")}
    problems = _problems(kind, participant, given)
    asked = Request(
        form_id(), kind, member().name, participant=participant,
        consultation=(given["scope"] or None) if kind is RequestKind.ERASE else consultation,
        question=given["question"] or None, target=given["target"] or None,
    )  # fmt: skip
    if not problems and is_about_asker(asked):
        return _act_page(kind, handle, participant, consultation, {"act": _own()}), 403
    if problems:
        return _act_page(kind, handle, participant, consultation, problems), 422
    return _do(engine, asked, handle)


def _do(engine: Engine, asked: Request, handle: str) -> Any:
    """Have it done. The form brings the id along: sent twice, it is done once.

    An erasure is left to a worker, for these keep the journal of erasures.
    """
    erases = asked.kind is RequestKind.ERASE
    try:
        if erases:
            with engine.begin() as connection:
                ask(connection, asked)
        else:
            Requests(engine).do(asked)
    except CannotBeDone as error:
        flash(quoting(_("This was not done. %(problem)s"), error))
    else:
        flash(_done()[asked.kind])
        if asked.kind is RequestKind.TRANSFER:
            handle = _remember(str(asked.target))
    if erases:
        return redirect(url_for("participants.overview", handle=handle), 303)
    return redirect(url_for("participants.show", handle=handle, consultation=asked.consultation), 303)


def _problems(kind: RequestKind, participant: str, given: Mapping[str, str]) -> dict[str, str]:
    """What is missing in a form; whether it can be done is for `Requests` to say."""
    match kind:
        case RequestKind.REOPEN if not given["question"]:
            return {"question": _("Choose a question.")}
        case RequestKind.TRANSFER if not is_printable(given["target"]):
            return {"target": _("Write the other id.")}
        case RequestKind.TRANSFER if given["again"] != given["target"]:
            return {"again": _("The two ids are different.")}
        case RequestKind.ERASE if given["again"] != participant:
            return {"again": _("This is not the participant's id.")}
    return {}


def _act_page(
    kind: RequestKind, handle: str, participant: str, consultation: str | None, problems: Mapping[str, str]
) -> str:
    database = parts().database
    seen = traces(database.reader, participant) if kind is RequestKind.ERASE else []
    if not seen and kind is RequestKind.ERASE:
        abort(404)
    return render_template(
        f"participants/{kind}.html", handle=handle, participant=participant, consultation=consultation, traces=seen,
        found=_read(participant, consultation) if consultation else None, titles=_titles(), problems=problems,
        questions=_questions(consultation) if consultation else {}, id=uuid7(), given=request.form,
        states=explanations.states(),
    )  # fmt: skip


def _acts(participant: str, kinds: list[RequestKind]) -> dict[str, Any]:
    """What may be done: the acts that this person may do, or why there are none."""
    mine = [kind for kind in kinds if _login(kind)]
    is_own = is_about_asker(Request(uuid7(), RequestKind.ERASE, member().name, participant=participant))
    lacks = {str(role) for kind in mine if (role := _login(kind)) and not parts().database.may(role)}
    ready = [] if is_own else [kind for kind in mine if _login(kind) not in lacks]
    return {"ready": ready, "own": _own() if mine and is_own else None, "lacks": sorted(lacks)}


def _kinds(seen: Participant) -> list[RequestKind]:
    """The acts within a consultation, of which one ends a revocation and another begins it."""
    other = RequestKind.REVOKE if seen.revoked else RequestKind.RESTORE
    return [kind for kind in KINDS if kind not in (other, RequestKind.ERASE)]


def _login(kind: RequestKind) -> grants.DatabaseRole | None:
    """The role of the database in which the person of this request may do it, as the grants say."""
    able = grants.CALLS[grants.ASKS[kind]]
    return next((login for role, login in _LOGINS.items() if login in able and member().has([role])), None)


def _engine(kind: RequestKind) -> Engine | None:
    """The database in that role; None where the person or the login does not have it."""
    role, database = _login(kind), parts().database
    if role is None or not database.may(role):
        return None
    return database.reviewer if role is grants.DatabaseRole.REVIEWER else database.admin


def _read(participant: str, consultation: str) -> Participant:
    return read_participant(parts().database.reader, (consultation, participant)) or abort(404)


def _titles() -> dict[str, str]:
    """The titles of consultations, by name."""
    questions = ReviewQueue(parts().database.reader).questions()
    return {each.consultation: say(dict(each.consultation_title)) or each.consultation for each in questions}


def _questions(consultation: str) -> dict[str, str]:
    """The titles of a consultation's questions, by name."""
    questions = ReviewQueue(parts().database.reader).questions(consultation)
    return {each.name: say(dict(each.title)) or each.name for each in questions}


def _form(consultation: str, problems: Mapping[str, str]) -> str:
    return render_template(
        "participants/find.html", titles=_titles(), consultation=consultation, problems=problems,
        participant=request.form.get("participant", ""),
    )  # fmt: skip


def _remember(participant: str) -> str:
    """The handle of a participant in this session."""
    kept = _kept()
    handle = next((each for each, known in kept.items() if known == participant), None) or secrets.token_urlsafe(16)
    kept[handle] = participant
    while len(kept) > MOST:
        del kept[next(iter(kept))]
    return handle


def _participant(handle: str) -> str:
    """Whom this session knows by a handle."""
    return _kept().get(handle) or abort(404)


def _kept() -> dict[str, str]:
    found: dict[str, str] = own().kept_secrets.setdefault(_KEPT, {})
    return found


def _own() -> str:
    return _("This is your own participation. Someone else has to do this.")


def _done() -> dict[RequestKind, str]:
    return {
        RequestKind.REOPEN: _("One more answer is allowed now."),
        RequestKind.REVOKE: _("Access is revoked."),
        RequestKind.RESTORE: _("Access depends on the answers again."),
        RequestKind.TRANSFER: _("Everything was moved to the other id."),
        RequestKind.ERASE: _("A worker erases them within seconds."),
    }
