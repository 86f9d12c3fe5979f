"""What a reviewer does in one call: decides a check, or opens it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine

from jurat.ids import uuid7
from jurat.vocabulary import Reason
from store.requests.decisions import WrongReview, decide_check, open_again
from store.requests.request_rows import Request, RequestKind, WrongRequest, ask, mark_applied
from store.requests.reviews import SealedReviews
from store.verdicts.access import AccessRows
from store.verdicts.records import UNSTORABLE


class ReviewDecisions(SealedReviews):
    """The reviewers' writes. Each is one transaction that waits for the lock on the participant's access row."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._access = AccessRows()

    def decide(self, check: UUID, reason: Reason, who: str, evidence: Mapping[str, Any] | None = None) -> int | None:
        """Settle a check in review with a reason of `DECIDING`; returns the verdict's revision, None where a second
        person must decide the same. `evidence` must name no participant.

        If several decide at once, or upkeep ends the review, only one takes effect.

        Raises ReviewError when the check is unknown or not in review, the reason decides nothing, or the evidence
        cannot be stored.
        """
        request = Request(uuid7(), RequestKind.DECIDE, who, check_id=check, reason=reason)
        try:
            with self._engine.begin() as connection:
                _ask(connection, request)
                revision = decide_check(connection, self._access, request, evidence or {})
                mark_applied(connection, request.id)
                return revision
        except UNSTORABLE:
            raise WrongReview("the evidence cannot be stored; expected JSON without NUL and half characters") from None

    def reopen(self, check: UUID, who: str) -> None:
        """Open a settled check for review again; see `open_again`, which may raise ReviewError."""
        request = Request(uuid7(), RequestKind.OPEN, who, check_id=check)
        with self._engine.begin() as connection:
            _ask(connection, request)
            open_again(connection, self._access, request)
            mark_applied(connection, request.id)


def _ask(connection: Connection, request: Request) -> None:
    try:
        ask(connection, request)
    except WrongRequest as why:
        raise WrongReview(str(why)) from None
