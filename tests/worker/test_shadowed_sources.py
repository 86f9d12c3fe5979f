"""A source with a shadow, in the plan of a worker: both are asked, one decides, and pairs of verdicts are counted."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from adapters.base import Finding
from jurat.vocabulary import Reason
from store.queue.sources import Sources
from tests.adapters.address.servers import Answering
from tests.adapters.registry.described import TESTS, asked, at, description
from tests.store.desk import DOCUMENT, Desk, configuration
from tests.worker.engine.works import soon
from worker.plan_builder import make_plan

SUSPENDED = TESTS[1]["responses"]["lookup"]["json"]
CORVEC = asked("9000010745", "Corvec", "Tugdual")
PAIR = "refused/status_inactive accepted"


def document(url: str, share: float = 1.0, **limits: Any) -> dict[str, Any]:
    """The register, and a new description of it that takes a suspended one for active."""
    record = {**description()["record"], "status": {"active": ["active", "suspended"]}}
    old = at(url, one_person=False, shadow={"source": "new", "share": share})
    new = at(url, one_person=False, record=record, **limits)
    return {**DOCUMENT, "sources": {**DOCUMENT["sources"], "old": old, "new": new}}


def counts(desk: Desk) -> Mapping[str, int]:
    (row,) = [row for row in desk.queries.sources() if row.name == "new"]
    return row.shadow or {}


def test_pairs_of_verdicts_are_counted_and_the_old_one_decides(desk: Desk) -> None:
    with Answering() as registry:
        registry.bodies = [SUSPENDED]
        desk.apply(document(registry.url, daily=2))
        plan = desk.plan()
        for times in (1, 2):
            found = plan.sources["old"].look_up(CORVEC)
            assert isinstance(found, Finding)
            assert found.reason is Reason.STATUS_INACTIVE
            assert soon(lambda times=times: counts(desk) == {PAIR: times})  # type: ignore[misc]
        assert len(registry.asked) == 4
        plan.sources["old"].look_up(CORVEC)
        assert soon(lambda: len(registry.asked) == 5)
        plan.close()
        assert counts(desk) == {PAIR: 2}, "its own day is used up"
        assert desk.one("SELECT used FROM jurat_sources WHERE name = 'new'") == 2
        assert desk.one("SELECT used FROM jurat_sources WHERE name = 'old'") == 0
        desk.apply(document(registry.url, share=0.5))
        assert counts(desk) == {}, "another configuration is counted from zero"


def test_workers_count_at_once(desk: Desk) -> None:
    desk.apply(document("http://127.0.0.1:9"))
    sources = Sources(desk.engine)
    pairs = [("accepted", "accepted"), tuple(PAIR.split(" "))] * 20
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda pair: sources.count_shadow("new", *pair), pairs))
    assert counts(desk) == {"accepted accepted": 20, PAIR: 20}


@pytest.mark.parametrize("missing", ["old", "new"])
def test_a_source_whose_shadow_cannot_be_used_here_goes_on_without(sqlite: Desk, missing: str) -> None:
    with Answering() as registry:
        registry.bodies = [SUSPENDED]
        whole = document(registry.url)
        whole["sources"][missing] = {**whole["sources"][missing], "secrets": {"key": {"env": "NOT_SET"}}}
        plan = make_plan(1, configuration(whole), sqlite.queries, None, {}, purse=sqlite.sources)
        assert len(plan.problems) > 0
        assert not hasattr(plan.sources["old"], "_shadow")
        plan.close()


def test_without_a_purse_there_is_no_shadow(sqlite: Desk) -> None:
    plan = make_plan(1, configuration(document("http://127.0.0.1:9")), sqlite.queries, None, {})
    assert not hasattr(plan.sources["old"], "_shadow")
    plan.close()
