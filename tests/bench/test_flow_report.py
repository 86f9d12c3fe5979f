from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.flow import report
from bench.flow.__main__ import main
from bench.flow.scenarios import SCENARIOS
from bench.rig.figures import Figure
from bench.rig.report import append, missed

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


def test_what_could_not_be_run_is_missed() -> None:
    rows = [row("redis", why="worker0 does not start")]
    assert missed(rows) == ["redis: worker0 does not start"]
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in report.table(rows).splitlines()]
    assert ["worker0 does not start", "", "**MISSED**"] in lines


def test_the_last_row_of_each_scenario_counts_in_the_order_of_the_scenarios() -> None:
    latest = report.latest([row("breaker", BAD), row("quota", BAD), row("quota", GOOD)])
    assert [one["scenario"] for one in latest] == ["quota", "breaker"]
    assert missed(latest) == ["breaker: failures"]


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
