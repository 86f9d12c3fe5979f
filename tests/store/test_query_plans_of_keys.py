"""What it costs to look for keys that are missing, with tens of thousands of checks there."""

from __future__ import annotations

from uuid import uuid4

import pytest

from store.workers import MOST_ANSWERS, Fleet, Member
from tests.store.desk import Desk
from tests.store.test_query_plans import explained, within

pytestmark = pytest.mark.slow


def test_a_look_for_missing_keys_steps_from_key_to_key(full: Desk) -> None:
    member = Member(uuid4(), "here", "w", "0", "0", 4)
    with explained(full) as found:
        strange = Fleet(full.engine).report(member)
    (count,) = strange.values()
    assert count == MOST_ANSWERS, "of thousands"
    within(found, 500)
    full.sql("DELETE FROM jurat_workers")
    full.sql("DELETE FROM jurat_missing_keys")
