"""Counts the letters in which two words differ."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any


def count_slips(left: str, right: str, most: int | None = None) -> int:
    """Letters that are wrong, missing, extra or swapped with a neighbour; above `most`, only that it is more."""
    return int(_osa().distance(left, right, score_cutoff=most))


@cache
def _osa() -> Any:
    """Optimal string alignment, loaded when the first two words differ."""
    return importlib.import_module("rapidfuzz.distance.OSA")
