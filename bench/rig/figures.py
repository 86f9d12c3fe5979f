"""A measured figure with its limits, and percentiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

_CRUMB = 1e-6


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a table: `value` is to be `least` or more, and `most` or less, where these are given."""

    name: str
    value: float
    least: float | None = None
    most: float | None = None
    unit: str = ""

    @property
    def kept(self) -> bool:
        """Whether it is within its limits; what is not a number is not."""
        if math.isnan(self.value):
            return False
        return (self.least is None or self.value >= self.least - _CRUMB) and (
            self.most is None or self.value <= self.most + _CRUMB
        )

    def as_data(self) -> dict[str, Any]:
        """For a row."""
        value = None if math.isnan(self.value) else round(self.value, 4)
        return {**asdict(self), "value": value, "kept": self.kept}


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie, by the nearest rank; not a number where there are none."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)] if ranked else math.nan
