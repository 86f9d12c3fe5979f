"""The rule by which KEDA and Kubernetes' own autoscaler count pods, with the settings of a ScaledObject.

KEDA hands the metric to a HorizontalPodAutoscaler, which decides: as many pods as the metric is worth, in a tolerance;
on the way down the most of the last minutes, and so many pods in so many seconds. Its documentation has it under
"Horizontal Pod Autoscaling", in the sections on details of the algorithm and on configurable behavior. A metric that
cannot be read decides nothing, where there is no `fallback`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

SYNC: Final = 15.0
"""Seconds between two decisions, unless the cluster says otherwise."""
TOLERANCE: Final = 0.1
"""A metric that is off by less changes nothing."""
UP_SECONDS, UP_PODS, UP_SHARE = 15.0, 4, 1.0
"""Without `scaleUp`, so many pods or so large a share more in so many seconds, whichever is more."""


def wanted_pods(metric: float, target: float, now: int) -> int:
    """How many pods a metric is worth, with the target `AverageValue`, where there are `now`."""
    if abs(1 - metric / (target * now)) <= TOLERANCE:
        return now
    return math.ceil(metric / target)


class Autoscaler:
    """Decides again and again, at times of a clock in seconds. `read` raises OSError where there is no metric."""

    def __init__(self, scaled: Any, read: Callable[[str], float], pods: int) -> None:
        (self._trigger,) = scaled["triggers"]
        assert self._trigger["metricType"] == "AverageValue"
        assert "fallback" not in scaled, "this knows none"
        down = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
        (policy,) = down["policies"]
        assert policy["type"] == "Pods"
        self._window, self._step, self._period = (
            float(down["stabilizationWindowSeconds"]),
            int(policy["value"]),
            float(policy["periodSeconds"]),
        )
        self._least, self._most = int(scaled["minReplicaCount"]), int(scaled["maxReplicaCount"])
        self._read = read
        self._thought = [(0.0, pods)]
        self._changes: list[tuple[float, int]] = []
        self.pods = pods

    def decide(self, at: float) -> int:
        """How many pods there shall be from now on."""
        metadata = self._trigger["metadata"]
        try:
            metric = self._read(metadata["query"])
        except OSError:
            return self.pods
        thought = wanted_pods(metric, float(metadata["targetQueryValue"]), self.pods)
        self._thought = [(then, pods) for then, pods in self._thought if then > at - self._window] + [(at, thought)]
        pods = thought
        if thought < self.pods:
            pods = min(self.pods, max(pods for _, pods in self._thought))
            pods = max(pods, self._before(at, self._period) - self._step)
        elif thought > self.pods:
            before = self._before(at, UP_SECONDS)
            pods = min(pods, max(before + UP_PODS, math.ceil(before * (1 + UP_SHARE))))
        pods = max(self._least, min(self._most, pods))
        if pods != self.pods:
            self._changes.append((at, pods - self.pods))
            self.pods = pods
        return pods

    def _before(self, at: float, seconds: float) -> int:
        """How many pods there were before the changes of the last seconds."""
        return self.pods - sum(change for then, change in self._changes if then > at - seconds)
