"""A request that goes while verdicts of its participant have to stay is found, however long these stay."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from store.requests.request_runner import RequestKind
from tests.store.desk import Desk
from tests.store.history.keeper import ACCEPTED, REFUSED, Keeper, ask, forge
from tests.store.passing import let_pass

EARLY = "it was purged before its time"


def found_gone(desk: Desk, keeper: Keeper, which: str) -> None:
    desk.sql(f"DELETE FROM jurat_requests WHERE {which}")
    assert keeper.found() == [("request", EARLY)]
    keeper.seal()
    assert keeper.found() == [("purge", EARLY)]


@pytest.mark.parametrize("kind", ["reopen", "revoke", "decide", "transfer"])
def test_one_that_rests_on_verdicts_that_stay_for_good_is_found_when_it_goes(
    decided: Desk, tmp_path: Path, kind: str
) -> None:
    decided.settle(decided.claim_one(), REFUSED)
    ask(decided, RequestKind.REOPEN, consultation="budget", participant="p-3", question="residence")
    ask(decided, RequestKind.TRANSFER, consultation="budget", participant="p-3", target="p-4")
    let_pass(decided, 40)
    keeper = Keeper(decided, tmp_path)
    found_gone(decided, keeper, f"kind = '{kind}'")


@pytest.mark.parametrize("retain", [None, 90 * 86_400.0])
def test_one_that_was_sealed_before_the_first_verdict_is_found_when_it_goes(
    decided: Desk, tmp_path: Path, retain: float | None
) -> None:
    ask(decided, RequestKind.REVOKE, consultation="budget", participant="p-3")
    let_pass(decided, 40)
    keeper = Keeper(decided, tmp_path)
    decided.settle(decided.claim_one(), REFUSED, retain=retain)
    assert keeper.seal() == 2, "the verdict, and until when the request stays"
    assert keeper.found() == []
    found_gone(decided, keeper, "participant = 'p-3'")


def test_one_whose_verdicts_got_a_time_later_may_go_with_them(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for participant in ("p-1", "p-2"):
        desk.settle(desk.held(participant), REFUSED)
        ask(desk, RequestKind.REOPEN, consultation="budget", participant=participant, question="residence")
    days_ago = time.time_ns() - 3 * 86_400 * 10**9
    monkeypatch.setattr("store.history.sealer.time.time_ns", lambda: days_ago)
    keeper = Keeper(desk, tmp_path)
    forge(
        desk,
        "UPDATE jurat_verdicts SET retain_until = NOW(-1)",
        """INSERT INTO jurat_unsealed (queued_at, kind, subject)
           SELECT NOW, 'retention', CAST(check_id AS text) || '/1' FROM jurat_verdicts""",
    )
    assert keeper.seal() == 4, "the verdicts' time, and that of the requests"
    monkeypatch.undo()
    assert keeper.found() == []
    desk.upkeep.purge()
    assert desk.one("SELECT count(*) FROM jurat_requests") == 0
    for _ in range(2):
        assert keeper.found() == []
        keeper.seal()


def test_more_verdicts_that_change_nothing_add_no_leaf(decided: Desk, tmp_path: Path) -> None:
    ask(decided, RequestKind.RESTORE, consultation="budget", participant="p-2")
    keeper = Keeper(decided, tmp_path)
    decided.settle(decided.held("p-2", "profession"), ACCEPTED)
    assert keeper.seal() == 1
