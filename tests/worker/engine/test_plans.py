from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from store.datasets.zones import import_zones
from tests.store.desk import ADMIN, DOCUMENT, Desk, configuration
from tests.worker.engine.works import Works
from worker.engine.plans import Plans


def test_a_plan_is_made_anew_when_a_zone_or_a_configuration_is_new_and_only_then(works: Works) -> None:
    from store.datasets.zones import NewZone

    seen: list[int] = []
    works.plans.listeners.append(lambda plan: seen.append(plan.version))
    assert [works.plans.refresh() for _ in range(2)] == [True, False]
    import_zones(works.desk.engine, [NewZone("port", "Port", "a", b"\0")], ADMIN)
    assert [works.plans.refresh() for _ in range(2)] == [True, False]
    works.desk.apply({**DOCUMENT, "environment": "test", "sources": {**DOCUMENT["sources"], "m": {"type": "manual"}}})
    assert [works.plans.refresh() for _ in range(2)] == [True, False]
    assert seen == [1, 1, 2]
    assert works.steered.closed == 4, "the plan before the one before, which had four sources"
    works.plans.close()
    assert works.steered.closed == 4 + 4 + 5


def test_a_configuration_of_another_version_is_said_once_and_the_one_before_stays(works: Works) -> None:
    assert works.plans.refresh()
    works.desk.sql(
        "INSERT INTO jurat_configs (version, digest, document, applied_by, applied_at)"
        ' VALUES (2, \'x\', \'{"order": {}, "sources": {"new": {"type": "invented-later"}}}\', \'a\', NOW)'
    )
    with capture_logs() as logs:
        assert [works.plans.refresh() for _ in range(3)] == [False] * 3
    plan = works.plans.current()
    assert plan is not None
    assert plan.version == 1
    assert [(line["log_level"], line["config_version"]) for line in logs] == [("error", 2)]
    works.desk.sql("DELETE FROM jurat_configs WHERE version = 2")
    works.desk.publisher.apply(configuration({**DOCUMENT, "consultations": {}}), ADMIN)


def test_a_zone_that_is_missing_or_damaged_is_a_problem_of_the_plan_and_not_of_the_worker(desk: Desk) -> None:
    from store.datasets.zones import NewZone

    document = {
        **DOCUMENT,
        "sources": {**DOCUMENT["sources"], "geo": {"type": "addok", "url": "http://127.0.0.1:1"}},
        "criteria": {**DOCUMENT["criteria"], "near": {"source": "geo", "open": ["zone"]}},
        "consultations": {
            "call": {
                "questions": {
                    "a": {"criterion": "near", "with": {"zone": "missing"}},
                    "b": {"criterion": "near", "with": {"zone": "damaged"}},
                }
            }
        },
    }
    import_zones(desk.engine, [NewZone("damaged", "Damaged", "d", b"no geometry")], ADMIN)
    desk.apply(document)
    plan = desk.plan()
    assert [problem for problem in plan.problems if "missing" in problem]
    assert [problem for problem in plan.problems if "damaged" in problem]
    assert dict(plan.zones) == {}
    plan.close()


def test_a_plan_without_a_database_is_tried_again(works: Works) -> None:
    class Away:
        def newest(self) -> Any:
            raise OperationalError("", {}, Exception())

    with pytest.raises(OperationalError):
        Plans(Away(), lambda *_: None).refresh()  # type: ignore[arg-type]
