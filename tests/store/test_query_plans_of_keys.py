"""What it costs to look for keys that are missing, with tens of thousands of checks there."""

from __future__ import annotations

from uuid import uuid4

import pytest

from store.workers import HEADS, Fleet, Member
from tests.store.desk import Desk
from tests.store.test_query_plans import _full, explained, full, within

__all__ = ["_full", "full"]

pytestmark = pytest.mark.slow


def test_who_looks_for_keys_that_are_missing_reads_the_heads_of_the_queues_alone(full: Desk) -> None:
    member = Member(uuid4(), "here", "w", "0", "0", 4)
    with explained(full) as found:
        strange = Fleet(full.engine).report(member)
    (count,) = strange.values()
    assert 2 * HEADS <= count < 3 * HEADS, "those at the heads, and those that are held"
    within(found, 500)
    full.sql("DELETE FROM jurat_workers")
    full.sql("DELETE FROM jurat_missing_keys")
