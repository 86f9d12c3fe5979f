"""The rule of the autoscaler, on metrics as they may come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from tests.deploy.autoscaler import SYNC, Autoscaler, wanted_pods

SCALED: dict[str, Any] = {
    "minReplicaCount": 2,
    "maxReplicaCount": 9,
    "advanced": {
        "horizontalPodAutoscalerConfig": {
            "behavior": {
                "scaleDown": {
                    "stabilizationWindowSeconds": 60,
                    "policies": [{"type": "Pods", "value": 1, "periodSeconds": 30}],
                }
            }
        }
    },
    "triggers": [{"metricType": "AverageValue", "metadata": {"query": "SELECT 1", "targetQueryValue": "10"}}],
}


def counts(metrics: Iterable[float | None], pods: int) -> list[int]:
    """The counts of pods as a metric goes, one each `SYNC` seconds; None cannot be read."""
    left = list(metrics)

    def read(query: str) -> float:
        assert query == "SELECT 1"
        if (metric := left.pop(0)) is None:
            raise ConnectionError
        return metric

    scaler = Autoscaler(SCALED, read, pods)
    return [scaler.decide(number * SYNC) for number in range(1, len(left) + 1)]


@pytest.mark.parametrize(
    ("metric", "now", "pods"), [(0, 2, 0), (1, 2, 1), (20, 2, 2), (21, 2, 2), (23, 2, 3), (19, 2, 2), (61, 2, 7)]
)
def test_a_metric_is_worth_as_many_pods_as_it_holds_targets(metric: float, now: int, pods: int) -> None:
    assert wanted_pods(metric, 10, now) == pods


def test_it_goes_up_at_once_by_four_or_by_as_many_as_there_are() -> None:
    assert counts([1000, 1000], 2) == [6, 9]
    assert counts([70, 70], 5) == [7, 7]


def test_it_goes_down_after_the_window_by_one_in_each_period() -> None:
    assert counts([60, 10, 10, 10, 10, 10, 10, 10, 10], 2) == [6, 6, 6, 6, 5, 5, 4, 4, 3]


def test_what_comes_back_within_the_window_keeps_the_count() -> None:
    assert counts([60, 0, 0, 60, 0, 0, 0, 0], 2) == [6, 6, 6, 6, 6, 6, 6, 5]


def test_a_metric_that_cannot_be_read_decides_nothing() -> None:
    assert counts([60, *[None] * 9, 0], 2) == [6, *[6] * 9, 5]


def test_it_stays_within_its_bounds() -> None:
    assert counts([0, 1000, 1000, 1000], 2) == [2, 6, 9, 9]
