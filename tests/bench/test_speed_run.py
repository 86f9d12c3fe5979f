"""A whole measurement of jurat's arm, small: real servers, real workers, a real web tier."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.rig.report import read
from bench.speed.__main__ import main
from bench.speed.plan import OF_ITS_OWN, WHOLE, Part
from bench.speed.report import place

pytestmark = [pytest.mark.bench, pytest.mark.long]


def test_every_part_does_every_check_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rows.jsonl"
    small = ["--rounds", "1", "--seconds", "1", "--size", "0.02", "--arms", "jurat-64", "--file", str(file)]
    assert main(small) == 0
    rows = read(file)
    assert [row["part"] for row in rows] == [part.value for part in Part if part not in OF_ITS_OWN]
    assert all(row["ok"] for row in rows)
    assert all(row["rate"] > 0 for row in rows)
    by_part = {row["part"]: row for row in rows}
    assert by_part["at-once"]["given_back"] >= 0
    assert by_part["at-once"]["retried"] == 0
    assert by_part["paced"]["idle_workers"] > 0
    assert capsys.readouterr().out.count("jurat 2 × 64") == len(rows)
    assert main(["--table", "--file", str(file)]) == 0


@pytest.mark.parametrize("arm", ["jurat-64-requests", "bare-64"])
def test_an_arm_that_needs_no_library_of_others_does_every_check_once(arm: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    assert main(["--rounds", "1", "--seconds", "1", "--arms", arm, "--parts", "at-once", "--file", str(file)]) == 0
    assert [row["ok"] for row in read(file)] == [True]


def test_limits_and_processes_are_measured_where_they_are_named_and_beside_busy_loops(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    small = ["--rounds", "1", "--seconds", "1", "--file", str(file), "--busy", "1"]
    arms = ["--arms", "jurat-rate", "jurat-1", "bare-1", "--parts", "limits", "processes"]
    assert main([*small, *arms]) == 0
    rows = read(file)
    assert [(row["part"], row["arm"], row["busy"]) for row in rows] == [
        ("limits", "jurat-rate", 1),
        ("processes", "jurat-1", 1),
        ("processes", "bare-1", 1),
    ]
    assert place(rows).name == "speed-busy"


def test_the_cpu_of_the_steps_is_that_of_the_process(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    assert main(["--rounds", "1", "--seconds", "3", "--parts", "steps", "--file", str(file)]) == 0
    (measured,) = read(file)
    steps = dict(measured["steps"])
    whole = steps.pop(WHOLE)
    assert all(seconds > 0 for seconds in steps.values()), "each step is in the way of a check"
    assert sum(steps.values()) == pytest.approx(whole)
    assert whole == pytest.approx(measured["cpu_workers"], rel=0.5), "which is read at other moments"


def test_an_arm_that_nobody_knows_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--arms", "cellery"])
    assert ended.value.code == 2
    assert "there is no arm 'cellery'" in capsys.readouterr().err
