"""Whose request goes first: revocations do not wait behind erasures, no one's order changes, and an older worker leaves
alone what it cannot know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from jurat.ids import uuid7
from store.requests import request_runner as module
from store.requests.request_rows import CannotBeDone, Request, RequestKind
from store.requests.request_runner import Requests
from tests.store.desk import DOCUMENT, REFUSED, Desk
from tests.store.requests.asked import CLERK, asking, stored
from tests.store.requests.test_request_runner import asked


@pytest.fixture
def requests(desk: Desk) -> Requests:
    return Requests(desk.engine)


@pytest.mark.parametrize("kind", [RequestKind.REVOKE, RequestKind.RESTORE, RequestKind.REOPEN])
def test_what_is_asked_about_access_does_not_wait_behind_many_erasures(
    desk: Desk, requests: Requests, monkeypatch: pytest.MonkeyPatch, kind: RequestKind
) -> None:
    monkeypatch.setattr(module, "SHARE", 1)
    desk.settle(desk.held("p-1"), REFUSED)
    if kind is RequestKind.RESTORE:
        requests.do(asking(RequestKind.REVOKE))
    many = [Request(uuid7(), RequestKind.ERASE, CLERK, participant=f"n-{number}") for number in range(5)]
    request = asking(kind, question="residence") if kind is RequestKind.REOPEN else asking(kind)
    asked(desk, *many, request)
    assert requests.apply_waiting(2) == 2
    assert stored(desk, request) == (True, None)
    assert requests.apply_waiting() == len(many) - 1


def test_but_nobody_overtakes_what_was_asked_before_about_the_same_participant(desk: Desk, requests: Requests) -> None:
    desk.settle(desk.held("p-1"), REFUSED)
    desk.submit("p-2", "code")
    moved = asking(RequestKind.TRANSFER, target="p-9")
    late, early = asking(RequestKind.REVOKE, "p-9"), asking(RequestKind.REVOKE, "p-2")
    erased = Request(uuid7(), RequestKind.ERASE, CLERK, participant="p-2")
    asked(desk, moved, late, early, erased)
    while requests.apply_waiting():
        pass
    assert [stored(desk, each) for each in (moved, late, early, erased)] == [(True, None)] * 4
    assert desk.client.access("budget", "p-9").state == "blocked"


def test_nor_what_another_worker_is_just_doing(postgresql: Desk) -> None:
    desk, requests = postgresql, Requests(postgresql.engine)
    desk.settle(desk.held("p-1"))
    moved, revoked = asking(RequestKind.TRANSFER, target="p-9"), asking(RequestKind.REVOKE, "p-9")
    asked(desk, moved, revoked)
    with desk.engine.begin() as other:
        other.exec_driver_sql("SELECT 1 FROM jurat_requests WHERE kind = 'transfer' FOR UPDATE")
        assert requests.apply_waiting() == 0
    assert requests.apply_waiting() + requests.apply_waiting() == 2
    assert stored(desk, revoked) == (True, None)


def test_an_erasure_reads_no_more_where_much_was_asked(postgresql: Desk) -> None:
    """Of the plan, not of the clock: no table of requests is read from end to end."""
    desk = postgresql
    desk.sql(
        "INSERT INTO jurat_requests (id, kind, participant, by_whom, asked_at) SELECT gen_random_uuid(), 'erase', "
        "'n-' || n, 'platform', NOW(-60) + n * interval '1 ms' FROM generate_series(1, 20000) n"
    )
    desk.sql("ANALYZE jurat_requests")
    before = int(desk.one("SELECT seq_tup_read FROM pg_stat_all_tables WHERE relname = 'jurat_requests'"))
    assert Requests(desk.engine).apply_waiting(20) == 20
    desk.sql("SELECT pg_stat_force_next_flush()")
    desk.engine.dispose()  # each connection tells what it read when it ends
    read = int(desk.one("SELECT seq_tup_read FROM pg_stat_all_tables WHERE relname = 'jurat_requests'")) - before
    assert read <= 2 * 20_000, "a page of what waits, and not again for each"


# ------------------------------------------------------------------------------------------------ an older worker


def by_a_newer_jurat(desk: Desk) -> None:
    """What was applied last has an option that this version does not know."""
    ((version, document),) = desk.sql("SELECT version, document FROM jurat_configs ORDER BY version DESC LIMIT 1")
    newer: Mapping[str, Any] = {**(json.loads(document) if isinstance(document, str) else document), "newer": 1}
    if desk.postgresql:
        changed = "UPDATE jurat_configs SET document = CAST(:document AS jsonb) WHERE version = :version"
    else:
        changed = "UPDATE jurat_configs SET document = :document WHERE version = :version"
    desk.sql(changed, document=json.dumps(newer), version=version)


def test_a_worker_that_cannot_read_the_last_configuration_refuses_nothing_for_good(desk: Desk) -> None:
    desk.apply({**DOCUMENT, "consultations": {"other": {"questions": {"code": {"criterion": "has-code"}}}}})
    desk.apply(DOCUMENT)
    held = desk.held("p-1")
    desk.settle(held, REFUSED)
    by_a_newer_jurat(desk)
    older = Requests(desk.engine)
    revoked, erased = asking(RequestKind.REVOKE), Request(uuid7(), RequestKind.ERASE, CLERK, participant="p-2")
    asked(desk, revoked, erased)
    with desk.engine.begin() as connection:
        contest = desk.client.contest(connection, held.id, note="look again")
    assert older.apply_waiting() == 1, "an erasure needs no configuration"
    assert stored(desk, erased) == (True, None)
    assert stored(desk, revoked) == (False, None)
    assert desk.one("SELECT applied_at FROM jurat_requests WHERE id = :id", id=desk.id(contest)) is None
    with pytest.raises(CannotBeDone, match="a newer version of jurat has applied the configuration"):
        older.do(asking(RequestKind.REVOKE))
    desk.apply({**DOCUMENT, "environment": "test"}, force=True)
    assert Requests(desk.engine).apply_waiting() in (0, 2)
