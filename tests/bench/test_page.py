"""The page on faults is filled in from rows, with the worst of the seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.faults import table
from bench.faults.page import filled_in
from bench.faults.scenario import Scenario
from bench.faults.scenarios import ALL

PAGE = "before\n<!-- made: faults -->\nold\n<!-- end -->\nafter\n"
KILL = Scenario("kill", "a kill", lambda stage: None, limits={"recovery_s": 5, "submit_errors": 0})
STOP = Scenario("stop", "a stop", lambda stage: None, at_least={"cut": 3})


def row(scenario: str = "kill", seed: int = 1, **changes: Any) -> dict[str, Any]:
    counts = {"lost": 0, "doubled": 0, "stale": 0, "other": 0, "repeated": 0, "checks": 2000, "submit_errors": 0}
    run = {"scenario": scenario, "seed": seed, "revision": "abc", "at": "2026-01-02T03:04:05+00:00", "short": False}
    return {**counts, **run, "recovery_s": 1.5, "missed": [], **changes}


def line(page: str, name: str) -> list[str]:
    found = next(line for line in page.splitlines() if line.startswith(f"| `{name}`"))
    return [cell.strip() for cell in found.split("|")[1:-1]]


def test_each_scenario_has_the_worst_of_its_seeds() -> None:
    rows = [row(), row(seed=2, recovery_s=4.25, repeated=7), row("stop", recovery_s=None, cut=9)]
    rows.append(row("stop", seed=2, recovery_s=None, cut=4))
    page = filled_in(PAGE, rows, [KILL, STOP])
    assert line(page, "kill") == ["`kill`", "2000", "0", "7", "4.25"]
    assert line(page, "stop")[-1] == "–"
    assert table.others(rows, [KILL, STOP]) == "kill: errors from submit 0 (≤ 0)\nstop: connections cut 4 (≥ 3)"
    assert 'SEED="1 2"' in page
    assert "Every run kept every promise" in page
    assert page.startswith("before\n")
    assert page.endswith("\nafter\n")
    assert "old" not in page


def test_a_row_that_was_made_again_counts_once_and_as_it_came_out_last() -> None:
    page = filled_in(PAGE, [row(lost=3, missed=["lost 3"]), row()], [KILL])
    assert line(page, "kill")[1:3] == ["2000", "0"]
    assert "Missed" not in page


def test_what_was_missed_and_what_was_not_run_is_said() -> None:
    page = filled_in(PAGE, [row(lost=3, missed=["lost 3"])], [KILL, STOP])
    assert "- `kill`, seed 1: lost 3" in page
    assert "Not run: `stop`." in page
    assert "Every run" not in page


@pytest.mark.parametrize(
    ("page", "rows"), [("no marks", [row()]), (PAGE, []), (PAGE, [row(short=True)])], ids=["marks", "rows", "short"]
)
def test_without_marks_or_rows_of_long_runs_the_page_stays(page: str, rows: list[dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match=r"marks|made: faults|no row"):
        filled_in(page, rows, [KILL])


def test_the_real_page_has_the_marks() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "contributors" / "faults.md").read_text("utf-8")
    assert "| `kill` " in filled_in(page, [row()], [KILL])


def test_every_figure_with_a_limit_has_a_name() -> None:
    named = {*table.WORDS, "recovery_s", "repeated"}
    assert {name for scenario in ALL for name in (*scenario.limits, *scenario.at_least)} <= named
