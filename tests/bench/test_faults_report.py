"""Rows are shown as Markdown, and the docs have the worst of the seeds."""

from __future__ import annotations

from typing import Any

import pytest

from bench.faults.report import COLUMNS, WORDS, results, summary, table
from bench.faults.scenario import Scenario
from bench.faults.scenarios import ALL, BY_NAME
from bench.rig import ROOT

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
    shown, page = summary(rows, [KILL, STOP]), results(rows, [KILL, STOP])
    assert line(shown, "kill") == ["`kill`", "2", "2000", *"0000", "7", "4.25", "errors from submit 0 (≤ 0)"]
    assert line(shown, "stop")[-2:] == ["–", "connections cut 4 (≥ 3)"]
    assert line(page, "kill") == ["`kill`", "2000", "0", "7", "4.25"]
    assert 'SEED="1 2"' in page
    assert "Every run kept every promise" in page


def test_a_row_that_was_made_again_counts_once_and_as_it_came_out_last() -> None:
    page = results([row(lost=3, missed=["lost 3"]), row()], [KILL])
    assert line(page, "kill")[1:3] == ["2000", "0"]
    assert "Missed" not in page


def test_what_was_missed_and_what_was_not_run_is_said() -> None:
    page = results([row(lost=3, other=1, missed=["lost 3"])], [KILL, STOP])
    assert line(page, "kill")[2] == "4"
    assert "- `kill`, seed 1: lost 3" in page
    assert "Not run: `stop`." in page
    assert "Every run" not in page


@pytest.mark.parametrize("rows", [[], [row(short=True)]], ids=["none", "short"])
def test_without_rows_of_long_runs_there_are_no_results(rows: list[dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="no row of a long run"):
        results(rows, [KILL])


def test_every_figure_with_a_limit_has_a_name() -> None:
    named = {*WORDS, "recovery_s", "repeated"}
    assert {name for scenario in ALL for name in (*scenario.limits, *scenario.at_least)} <= named


def test_the_table_is_markdown_with_a_dash_for_what_has_no_meaning() -> None:
    shown = table([{"title": "nothing", "lost": 0, "recovery_s": None}, {"title": "kill -9", "recovery_s": 1.25}])
    head, rule, nothing, kill = (line.split("|")[1:-1] for line in shown.splitlines())
    assert len(head) == len(rule) == len(nothing) == len(kill) == len(COLUMNS)
    assert [cell.strip() for cell in head] == list(COLUMNS.values())
    recovery = list(COLUMNS).index("recovery_s")
    assert nothing[recovery].strip() == "–"
    assert kill[recovery].strip() == "1.25"


def test_no_two_scenarios_share_a_name() -> None:
    assert len(BY_NAME) == len(ALL)


def test_the_page_on_reliability_names_every_scenario() -> None:
    page = (ROOT / "docs" / "contributors" / "faults.md").read_text("utf-8")
    assert [name for name in BY_NAME if f"`{name}`" not in page] == []
