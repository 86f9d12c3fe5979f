"""Reviewers' pages: what no source could decide, and what participants contested.

The answer itself is sealed for the workers and cannot be opened here: a reviewer opens it with
`bin/jurat review show ID --answer`, which leaves a row with their name in the audit. What `parts().office` needs on
PostgreSQL is in `office.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import NotFound

from examples.platform.web import figures
from examples.platform.web.accounts import member, signed_in_as
from examples.platform.web.figures import reading
from examples.platform.web.findings import facts_of, reasons_of, why
from examples.platform.web.language import gettext as _
from examples.platform.web.language import locale, say
from examples.platform.web.maps import picture
from examples.platform.web.parts import parts
from examples.platform.web.store import ADMINISTRATOR, REVIEWER
from examples.platform.web.waiting import request_status, uuid_or_400, wait_for_request
from jurat import Reason, RequestState, UnknownCheck
from jurat.database import state_of
from jurat.queries import read_json
from jurat.times import instant

pages = Blueprint("reviewing", __name__, url_prefix="/<locale>/reviews")

_COLUMNS = "check_id, consultation, question, reason, evidence, opened_at, due_at, contested, document, words"
_QUEUE = text(f"SELECT {_COLUMNS} FROM jurat_review_queue ORDER BY due_at, check_id")  # noqa: S608 - our own names
_ONE = f"SELECT {_COLUMNS} FROM jurat_review_queue WHERE check_id = {{}}"  # noqa: S608 - our own names
_BEFORE = """
    SELECT decided_by, reason, evidence FROM jurat_verdicts WHERE check_id = {} ORDER BY revision DESC LIMIT 1"""
_KIND = text("""
    SELECT c.kind FROM jurat_questions q JOIN jurat_criteria c ON c.name = q.criterion
    WHERE q.consultation = :consultation AND q.question = :question""")

_REQUEST = "SELECT check_id, by_whom FROM jurat_requests WHERE kind IN ('decide', 'open') AND id = {}"

_DECIDE = {
    "postgresql": """
        SELECT jurat_decide(check_id => CAST(:check_id AS uuid), reason => :reason, by_whom => :by_whom,
          id => CAST(:id AS uuid))""",
    "sqlite": """
        INSERT INTO jurat_requests (id, kind, check_id, reason, by_whom, asked_at)
        VALUES (:id, 'decide', :check_id, :reason, :by_whom, strftime('%Y-%m-%d %H:%M:%f', 'now'))
        ON CONFLICT DO NOTHING""",
}
_OPEN = {
    "postgresql": """
        SELECT jurat_open_review(check_id => CAST(:check_id AS uuid), by_whom => :by_whom, id => CAST(:id AS uuid))""",
    "sqlite": """
        INSERT INTO jurat_requests (id, kind, check_id, by_whom, asked_at)
        VALUES (:id, 'open', :check_id, :by_whom, strftime('%Y-%m-%d %H:%M:%f', 'now')) ON CONFLICT DO NOTHING""",
}


@pages.get("/")
@signed_in_as(REVIEWER, ADMINISTRATOR)
def queue() -> str:
    """What waits for review, the earliest due date first."""
    with reading() as connection:
        titles = figures.titles(connection)
        waiting = [_row(row, titles) for row in connection.execute(_QUEUE)]
    return render_template("reviews/queue.html", waiting=waiting)


@pages.get("/<uuid:check>")
@signed_in_as(REVIEWER, ADMINISTRATOR)
def review(check: UUID) -> Any:
    """One answer: what is known of it, and what may be decided."""
    with reading() as connection:
        found = _find(connection, check)
        if found is None:
            return _gone(check)
        return _page(connection, found, {})


@pages.post("/<uuid:check>")
@signed_in_as(REVIEWER, ADMINISTRATOR)
def decide(check: UUID) -> Any:
    """A decision: chosen, then confirmed, because it is final."""
    reason, request_id, own = request.form.get("reason", ""), request.form.get("id", ""), _is_own(check)
    with reading() as connection:
        found = _find(connection, check)
        if found is None:
            return _gone(check)
        kind = _kind(connection, found)
        if reason not in (Reason.PERSON_ACCEPTED, *reasons_of(kind)):
            return _page(connection, found, {"reason": _("Choose whether you accept or refuse this answer.")}), 422
        if own:
            return _page(connection, found, {"reason": _("This is your own answer. Someone else has to decide.")}), 403
    if not request_id:
        message = parts().client.message(reason, locale(), found["consultation"])
        return render_template("reviews/confirm.html", found=found, reason=reason, message=message, id=uuid4())
    return _ask(check, _DECIDE, {"reason": reason}, uuid_or_400(request_id))


@pages.post("/<uuid:check>/open")
@signed_in_as(REVIEWER, ADMINISTRATOR)
def open_again(check: UUID) -> Any:
    """Send a decided answer to review again."""
    if _is_own(check):
        abort(403)
    return _ask(check, _OPEN, {}, uuid_or_400(request.form.get("id", "")))


@pages.get("/<uuid:check>/said/<uuid:asked_for>")
@signed_in_as(REVIEWER, ADMINISTRATOR)
def outcome(check: UUID, asked_for: UUID) -> Any:
    """What came of a decision."""
    asked = request_status(asked_for)
    with reading() as connection:
        request_ = _first(connection, _REQUEST, asked_for)
        found = _find(connection, check)
    if asked is None or request_ is None or UUID(str(request_.check_id)) != check:
        raise NotFound
    result = parts().client.result(check)
    state = "done"
    if asked.state is RequestState.WAITING:
        state = "waiting"
    elif asked.state is RequestState.REFUSED:
        state = "refused"
    elif found is not None:
        first = any(word["by_whom"] == request_.by_whom for word in found["words"])
        state = "second" if asked.kind == "decide" and first else "open"
    message = parts().client.message(result.reason, locale(), result.consultation) if result.reason else ""
    return render_template(
        "reviews/outcome.html", check=check, asked=asked, state=state, result=result, message=message
    )


def _is_own(check: UUID) -> bool:
    """Whether the reviewer would decide about their own answer."""
    try:
        return parts().client.result(check).participant == member().participant
    except UnknownCheck:
        raise NotFound from None


def _ask(check: UUID, statements: Mapping[str, str], more: dict[str, str], request_id: UUID) -> Any:
    given = {"check_id": str(check), "by_whom": member().name, "id": str(request_id), **more}
    try:
        with parts().office.begin() as connection:
            connection.execute(text(statements[connection.dialect.name]), given)
    except DBAPIError as error:
        match state_of(error):
            case "JU007":
                raise NotFound from None
            case "JU009":
                flash(
                    _("This answer no longer needs a decision. Someone else has decided, or the time limit has passed.")
                )
            case "JU004" | "JU005":
                flash(_("jurat did not accept this, so nothing was decided. Please decide again."))
            case _:
                raise
        return redirect(url_for("reviewing.queue"), 303)
    parts().ring()
    wait_for_request(request_id)
    return redirect(url_for("reviewing.outcome", check=check, asked_for=request_id), 303)


def _page(connection: Connection, found: dict[str, Any], problems: dict[str, str]) -> str:
    kind, before = _kind(connection, found), _before(connection, UUID(found["check"]))
    evidence = {**(before["evidence"] if before else {}), **found["evidence"]}
    zone = figures.zone_of(connection, found["consultation"], found["question"], evidence)
    drawn = picture(parts().client.zones()) if zone else None
    shape = drawn.find(zone) if drawn else None
    facts = facts_of(evidence, shape.title if shape else None)
    return render_template(
        "reviews/review.html", found=found, problems=problems, refusing=reasons_of(kind), facts=facts,
        mine=next((word for word in found["words"] if word["by_whom"] == member().name), None),
        picture=drawn, shape=shape, why=why, before=before,
    )  # fmt: skip


def _gone(check: UUID) -> Any:
    """The page of an answer that does not wait for a person."""
    try:
        result = parts().client.result(check)
    except UnknownCheck:
        raise NotFound from None
    message = parts().client.message(result.reason, locale(), result.consultation) if result.reason else ""
    return render_template("reviews/gone.html", check=check, result=result, message=message, id=uuid4())


def _find(connection: Connection, check: UUID) -> dict[str, Any] | None:
    row = _first(connection, _ONE, check)
    return _row(row, figures.titles(connection)) if row else None


def _before(connection: Connection, check: UUID) -> dict[str, Any] | None:
    """The verdict that counts while a person looks at an answer again; None where there was none yet.

    The answer was erased with it. What a participant wrote who contests it is kept until a person decides.
    """
    row = _first(connection, _BEFORE, check)
    if row is None:
        return None
    return {"reason": row.reason, "evidence": read_json(row.evidence) or {}, "by_person": row.decided_by != "worker"}


def _first(connection: Connection, statement: str, own: UUID) -> Any:
    """The first row of what asks for one id, which is a text on SQLite."""
    mark = "CAST(:id AS uuid)" if connection.dialect.name == "postgresql" else ":id"
    return connection.execute(text(statement.format(mark)), {"id": str(own)}).first()


def _row(row: Any, titles: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the queue, in words."""
    title, questions = titles.get(row.consultation, ({}, {}))
    due = instant(row.due_at)
    return {
        "check": str(row.check_id),
        "consultation": row.consultation,
        "question": row.question,
        "title": say(title) or row.consultation,
        "asked": say(questions.get(row.question)) or row.question,
        "reason": row.reason,
        "why": why(row.reason),
        "evidence": read_json(row.evidence) or {},
        "since": instant(row.opened_at),
        "due": due,
        "overdue": due <= datetime.now(UTC),
        "contested": bool(row.contested),
        "document": row.document,
        "words": read_json(row.words) or [],
    }


def _kind(connection: Connection, found: Mapping[str, Any]) -> str:
    given = {"consultation": found["consultation"], "question": found["question"]}
    return str(connection.execute(_KIND, given).scalar() or "")
