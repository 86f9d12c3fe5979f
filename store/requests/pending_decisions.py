"""Decisions that take effect a minute later: until a worker does, the person who made one takes it back."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Engine, text

from jurat.names import same_person
from store.dialects import dialect_of
from store.requests.decisions import ReviewError, WrongReview
from store.requests.request_rows import COLUMNS, Request, WrongRequest, ask, request_of
from store.verdicts.records import add_audit_row

WAIT_S = 60.0
"""Seconds for which a decision waits to be taken back."""

NEAR_S = 15.0
"""A review that ends sooner than so many seconds after that is decided at once: it would end without the decision."""

TAKEN_BACK = "the person who made this decision took it back"
"""Why it was not carried out, as its request says then."""

WAITS = "d.kind = 'decide' AND d.applied_at IS NULL"
"""SQL for a request `d` that is a decision which a worker has yet to carry out."""


def decide_later(engine: Engine, request: Request) -> None:
    """Store a decision that takes effect after `WAIT_S`. The same id is the same decision, and stored once.

    Raises CannotBeDone where the check is not in review, or another decision about it waits; nothing is stored then.
    """
    dialect = dialect_of(engine)
    with engine.begin() as connection:
        given = {"id": str(request.id), "check": str(request.check_id)}
        known = connection.execute(
            text(f"SELECT {COLUMNS} FROM jurat_requests WHERE id = {dialect.uuid()}"), given
        ).first()
        if known is not None:
            if request_of(known) != request:
                raise WrongRequest(f"the id {request.id} belongs to another request; make a new one")
            return
        # Who decides the same check meanwhile waits for this lock, and sees our decision then.
        ends = f"""
            SELECT due_at <= {dialect.now(str(WAIT_S + NEAR_S))} FROM jurat_reviews
            WHERE check_id = {dialect.uuid("check")} AND decided_at IS NULL {dialect.row_lock("FOR UPDATE")}"""
        review = connection.execute(text(ends), given).first()
        if review is None:
            raise ReviewError(f"check {request.check_id} is not in review: it was decided, or no one did in time")
        other = f"SELECT 1 FROM jurat_requests d WHERE d.check_id = {dialect.uuid('check')} AND {WAITS}"
        if connection.execute(text(other), given).first():
            raise ReviewError(f"another decision about check {request.check_id} is about to take effect")
        ask(connection, request, wait=None if review[0] else WAIT_S)


def take_back(engine: Engine, decision: UUID, who: str) -> None:
    """Have a decision not carried out. Only who made it may do that, and only before a worker carries it out.

    Raises ReviewError; then nothing was changed.
    """
    dialect = dialect_of(engine)
    with engine.begin() as connection:
        # A worker holds the row from before it looks until it has committed: one of us comes first.
        sql = f"""
            SELECT check_id, by_whom, reason, applied_at, refused FROM jurat_requests
            WHERE id = {dialect.uuid()} AND kind = 'decide' {dialect.row_lock("FOR UPDATE")}"""
        row = connection.execute(text(sql), {"id": str(decision)}).first()
        if row is None:
            raise WrongReview(f"there is no decision {decision}")
        check, by_whom, reason, applied_at, refused = row
        if not same_person(by_whom, who):
            raise ReviewError("only the person who made a decision takes it back")
        if refused == TAKEN_BACK:
            return
        if applied_at is not None:
            raise ReviewError("it has taken effect, or could not; see what is known of the check now")
        mark = f"UPDATE jurat_requests SET applied_at = {dialect.now()}, refused = :why WHERE id = {dialect.uuid()}"
        connection.execute(text(mark), {"id": str(decision), "why": TAKEN_BACK})
        add_audit_row(connection, who, "review take back", str(check), {"reason": reason, "request": str(decision)})
