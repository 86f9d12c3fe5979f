"""A batch whose checks share one request: it is made once, and counts once for its source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest.mock import Mock

import pytest

from adapters.base import Finding, Found, SourceError, Unavailable, Unreadable
from jurat.vocabulary import Outcome, Reason
from tasks.checks import CheckResult, Later
from tests.store.desk import Desk
from tests.tasks.roll import document, number
from tests.tasks.test_check_runner import MATCHES, SECRET, Adapter, run_many

pytestmark = pytest.mark.usefixtures("plain_logs")


class OneRequest(Adapter):
    """Answers a whole batch as the test says."""

    def __init__(self, *found: Found | SourceError) -> None:
        super().__init__(MATCHES)
        self.look_up_many = Mock(return_value=list(found))


def run_batch(desk: Desk, adapter: OneRequest, size: int) -> tuple[list[CheckResult], str]:
    """What became of the checks of a lot for which one request is paid."""
    desk.apply(document())
    lot = [desk.held(f"p-{n}", "profession", answer=number(n)) for n in range(size)]
    entries, logs = run_many(desk, lot, adapter)
    return [entries[f"p-{n}"] for n in range(size)], logs


def counted(entries: Sequence[CheckResult]) -> list[bool | None]:
    return [None if entry.attempt is None else entry.attempt.counted for entry in entries]


@pytest.mark.parametrize("wrong", [KeyError(SECRET), TypeError(SECRET), AssertionError(SECRET)])
def test_what_one_request_is_paid_for_is_not_asked_again_for_a_mistake_of_ours(sqlite: Desk, wrong: Exception) -> None:
    adapter = OneRequest()
    adapter.look_up_many.side_effect = wrong
    entries, logs = run_batch(sqlite, adapter, 3)
    assert adapter.look_up_many.call_count == 1
    assert adapter.asked == []
    assert {entry.decision for entry in entries} == {Later(1.0, Reason.SOURCE_UNREADABLE)}
    assert counted(entries) == [True, False, False]
    assert "Valombre" not in logs
    assert type(wrong).__name__ in logs


@pytest.mark.parametrize("nonsense", [[], [None, None], [MATCHES]])
def test_nonsense_for_one_request_is_not_asked_for_again_either(sqlite: Desk, nonsense: list[Any]) -> None:
    adapter = OneRequest(*nonsense)
    entries, _ = run_batch(sqlite, adapter, 2)
    assert {entry.decision for entry in entries} == {Later(1.0, Reason.SOURCE_UNREADABLE)}
    assert adapter.asked == []


MALFORMED = Finding(Outcome.UNDETERMINED, Reason.NUMBER_MALFORMED)
DOWN, ODD = Unavailable("down"), Unreadable("a field is odd")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([MATCHES, MATCHES], [True, True]),
        ([DOWN, DOWN, DOWN], [True, False, False]),
        ([ODD, MATCHES, ODD], [False, True, False]),
        ([MALFORMED, DOWN, DOWN], [False, True, False]),
        ([MALFORMED, MATCHES, ODD], [True, True, False]),
        ([MALFORMED, MALFORMED], [True, True]),
    ],
)
def test_of_checks_that_shared_a_request_one_failure_counts_and_none_where_somebody_was_answered(
    sqlite: Desk, found: list[Found | SourceError], expected: list[bool]
) -> None:
    entries, _ = run_batch(sqlite, OneRequest(*found), len(found))
    assert counted(entries) == expected
