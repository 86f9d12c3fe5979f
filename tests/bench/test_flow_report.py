from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from bench.faults.supervisor import ROOT
from bench.faults.table import append
from bench.flow import report
from bench.flow.__main__ import main
from bench.flow.figures import Figure
from bench.flow.scenarios import SCENARIOS

GOOD, BAD = Figure("share used", 98.25, least=97, unit="%"), Figure("failures", 17, most=10)


def row(scenario: str, *figures: Figure, **more: Any) -> dict[str, Any]:
    return {
        "scenario": scenario,
        "at": "2026-11-25T10:00:00+00:00",
        "revision": "abc1234",
        "command": "make bench-flow SECONDS=60",
        "machine": "2 cores",
        "figures": [figure.as_data() for figure in figures],
        **more,
    }


ROWS = [row("quota", GOOD), row("breaker", BAD)]


def test_each_figure_stands_with_its_limit_and_whether_it_was_kept() -> None:
    shown = report.tables(
        [row("quota", GOOD, BAD, Figure("change", -3.5, -20, 20, "%"), Figure("p50", 1234.5, unit="ms"))]
    )
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in shown.splitlines()[2:]]
    assert lines[0] == ["**8 workers at one source, 17/s with a burst of 5**", "", ""]
    assert lines[1:] == [
        ["share used", "98.25 %", "≥ 97 %"],
        ["failures", "17", "**MISSED:** ≤ 10"],
        ["change", "-3.50 %", "-20 to 20 %"],
        ["p50", "1,234 ms", ""],
    ]


def test_what_never_came_is_missed() -> None:
    shown = report.tables([row("breaker", Figure("back after", math.nan, most=2, unit="s"))])
    assert "never s" not in shown
    assert "never" in shown
    assert "**MISSED:** ≤ 2 s" in shown


def test_what_could_not_be_run_is_missed() -> None:
    rows = [row("redis", why="worker0 does not start")]
    assert report.missed(rows) == ["redis: worker0 does not start"]
    assert "**MISSED:** worker0 does not start" in report.tables(rows)


def test_the_last_row_of_each_scenario_counts_in_the_order_of_the_scenarios() -> None:
    latest = report.latest([row("breaker", BAD), row("quota", BAD), row("quota", GOOD)])
    assert [one["scenario"] for one in latest] == ["quota", "breaker"]
    assert report.missed(latest) == ["breaker: failures"]


def test_the_page_gets_the_tables_with_their_commands_and_keeps_the_rest() -> None:
    page = report.filled_in(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", ROWS)
    assert page.startswith(f"before\n{report.BEGIN}\nCommit abc1234, 2026-11-25, by `make bench-flow SECONDS=60`")
    assert page.endswith(f"\n{report.END}\nafter\n")
    assert "old" not in page


def test_a_page_without_marks_or_a_run_without_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="no <!-- made: flow -->"):
        report.filled_in("nothing", ROWS)
    with pytest.raises(ValueError, match="make bench-flow"):
        report.filled_in(f"{report.BEGIN}\n{report.END}", [])


def test_the_page_on_performance_has_the_marks() -> None:
    page = (ROOT / "docs" / "contributors" / "performance.md").read_text("utf-8")
    assert report.filled_in(page, ROWS) != page


def test_what_was_missed_ends_with_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rows.jsonl"
    append(file, ROWS[0])
    assert main(["--table", "--file", str(file)]) == 0
    append(file, ROWS[1])
    assert main(["--table", "--file", str(file)]) == 1
    assert "MISSED breaker: failures" in capsys.readouterr().err


def test_a_scenario_that_nobody_knows_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["qouta"])
    assert ended.value.code == 2
    assert "there is no scenario 'qouta'" in capsys.readouterr().err


def test_every_scenario_has_a_name_of_its_own() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
