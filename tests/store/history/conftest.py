"""A desk at which things were decided."""

from __future__ import annotations

import pytest

from jurat.vocabulary import Reason
from store.requests.request_runner import RequestKind
from tests.store.desk import Desk, attempt, claiming
from tests.store.history.keeper import ACCEPTED, REFUSED, ask


@pytest.fixture
def decided(desk: Desk) -> Desk:
    """p-1 has access by an address and a code, p-2 was refused and then accepted by a reviewer, p-3 waits, p-5 holds a
    number. All verdicts stay for good.
    """
    desk.settle(desk.held("p-1"), ACCEPTED, attempt=attempt())
    (code,) = desk.add_codes()
    desk.settle(desk.held("p-1", "code"), desk.code_valid(code), attempt=attempt())
    desk.settle(desk.held("p-5", "profession"), claiming("900100", desk.fingerprints), attempt=attempt())
    desk.settle(desk.held("p-2"), REFUSED)
    check = desk.one("SELECT id FROM jurat_checks WHERE participant = 'p-2'")
    ask(desk, RequestKind.OPEN, check_id=check)
    ask(desk, RequestKind.DECIDE, check_id=check, reason=Reason.PERSON_ACCEPTED)
    ask(desk, RequestKind.REVOKE, consultation="budget", participant="p-2")
    desk.submit("p-3")
    return desk
