"""A registry that changes quietly: its workers notice, hold its refusals back, and refuse again once it is well."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from adapters.base import Finding
from jurat.vocabulary import Outcome, Reason
from store.upkeep.schedule import EVERY
from tasks.rules.outcome_shares import LEAST
from tests.store.desk import DOCUMENT
from tests.store.queue.test_outcomes import settle_in
from tests.worker.engine.works import Works, soon

DIFFERS = Finding(Outcome.UNDETERMINED, Reason.NAME_DIFFERS)
INACTIVE = Finding(Outcome.REFUSED, Reason.STATUS_INACTIVE)
ALONE = {
    **DOCUMENT,
    "criteria": {**DOCUMENT["criteria"], "lives-in": {"source": "rpps"}},
}
"""One source for a question with review and for one without."""


def suspects(works: Works) -> frozenset[str]:
    plan = works.plans.current()
    assert plan is not None
    return plan.suspects


def test_a_jump_holds_refusals_back_until_a_person_says_that_it_is_right(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EVERY, "outcomes", 1.0)
    desk = works.desk
    desk.apply(ALONE)
    settle_in(desk, "rpps")
    works.steered.found = DIFFERS
    desk.submit_many(LEAST, "profession")
    with capture_logs() as logs:
        works.start()
        in_review = "SELECT count(*) FROM jurat_checks WHERE state = 'review'"
        assert soon(lambda: desk.one(in_review) == LEAST)
        assert soon(lambda: desk.one("SELECT sum(results) FROM jurat_outcomes") == 1000 + LEAST)
        assert soon(lambda: suspects(works) == {"rpps"})
    (line,) = [line for line in logs if line["event"].startswith("source suspected")]
    assert (line["source"], line["reason"], line["share"], line["usual"]) == ("rpps", "name_differs", 1.0, 0.03)
    works.steered.found = INACTIVE
    reviewed, undetermined = desk.submit("p-80", "profession"), desk.submit("p-81", "residence")
    assert works.settles(1)
    assert desk.verdicts(undetermined.id) == [("undetermined", "source_unreadable")]
    assert soon(lambda: desk.row(reviewed.id, "state") == "review")
    assert desk.sql("SELECT reason FROM jurat_attempts ORDER BY started_at DESC LIMIT 1")[0][0] == "status_inactive"
    assert desk.client.access("budget", "p-81").rounds_left["residence"] == 1
    assert desk.sources.trust("rpps", "the clerk")
    assert soon(lambda: not suspects(works))
    refused = desk.submit("p-82", "profession")
    assert works.settles(2)
    assert desk.verdicts(refused.id) == [("refused", "status_inactive")]
