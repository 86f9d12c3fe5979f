"""What `db verify` finds at a desk, and what persons do there."""

from __future__ import annotations

from uuid import UUID

from jurat.ids import uuid7
from jurat.vocabulary import Outcome, Reason
from store.requests.request_runner import Request, RequestKind, Requests
from store.verification import verify_access, verify_checks, verify_configured
from tasks.checks import Settle
from tests.store.desk import Desk

ACCEPTED, REFUSED = Settle(Outcome.ACCEPTED, Reason.INSIDE_ZONE), Settle(Outcome.REFUSED, Reason.OUTSIDE_ZONE)

AGAIN = """
    INSERT INTO jurat_verdicts (check_id, revision, outcome, reason, evidence, decided_by, config_version, source,
      fence, decided_at)
    SELECT check_id, revision + 1, '{}', '{}', '{{}}', '{}', config_version, source, fence + {}, NOW FROM jurat_verdicts
    WHERE check_id = :id ORDER BY revision DESC LIMIT 1"""


def found(desk: Desk) -> list[str]:
    problems = verify_checks(desk.engine) + verify_configured(desk.engine)
    for each in verify_access(desk.engine):
        problems += each.found
    return [each.what for each in problems]


def person(desk: Desk, kind: RequestKind, check: UUID, who: str = "a clerk", reason: Reason | None = None) -> None:
    Requests(desk.engine).do(Request(uuid7(), kind, who, check_id=check, reason=reason))


def contested(desk: Desk) -> UUID:
    """The check of p-2, contested."""
    check = UUID(str(desk.one("SELECT id FROM jurat_checks WHERE participant = 'p-2'")))
    with desk.engine.begin() as connection:
        desk.client.contest(connection, check, note="I moved in May.")
    desk.upkeep.do_requests()
    assert found(desk) == []
    return check
