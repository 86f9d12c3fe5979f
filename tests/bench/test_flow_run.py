"""A whole measurement of the flow, small: real servers, real workers of which some are killed, real sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.flow.__main__ import main
from bench.rig.report import read

pytestmark = pytest.mark.bench


def measured(tmp_path: Path, *options: str) -> dict[str, dict[str, Any]]:
    """The figures of one scenario by their names, whether they are kept or not: this machine may be busy."""
    file = tmp_path / "rows.jsonl"
    assert main([*options, "--file", str(file)]) in (0, 1)
    (row,) = read(file)
    assert "why" not in row
    return {figure["name"]: figure for figure in row["figures"]}


UNDER_WAY = 0.5
"""Seconds that a busy machine may take a request on its way. Those behind it arrive with it; none was too many."""


def test_a_quota_holds_although_workers_are_killed(tmp_path: Path) -> None:
    figures = measured(tmp_path, "quota", "--seconds", "6", "--workers", "3")
    above = figures["most requests beyond rate × window, in any window"]
    assert above["most"] == 5
    assert 0 < above["value"] <= 5 + 17 * UNDER_WAY, "each worker with a quota of its own would be far above"
    assert figures["workers killed"]["value"] == 2


def test_a_source_that_is_down_loses_nothing(tmp_path: Path) -> None:
    figures = measured(tmp_path, "breaker", "--seconds", "5", "--checks", "400")
    assert figures["failures before the breaker opens"]["value"] >= 5, "it opened by failures"
    for name in ("checks lost or undetermined", "all settled", "probes while it is open"):
        assert figures[name]["kept"], name
