from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.registries import report
from bench.registries.__main__ import main
from bench.registries.cost import JSON_MS, XML_MS, costs
from bench.registries.moods import Felt
from bench.registries.payloads import CASES, shown
from bench.registries.shipped import Shipped

FELT = [
    {"preset": "a", "step": "lookup", "mood": "ok", "found": "accepted", "is_right": True},
    {"preset": "b", "step": "login", "mood": "ok", "found": "accepted", "is_right": True},
    {"preset": "b", "step": "lookup", "mood": "ok", "found": "accepted", "is_right": True},
    {"preset": "a", "step": "lookup", "mood": "down", "found": "undetermined/source_unavailable", "is_right": True},
    {"preset": "b", "step": "login", "mood": "down", "found": "undetermined/source_unavailable", "is_right": True},
    {"preset": "b", "step": "lookup", "mood": "down", "found": "refused/record_not_found", "is_right": False},
]
RUN: dict[str, Any] = {
    "at": "2026-11-26T10:00:00+00:00",
    "revision": "abc1234",
    "command": "make bench-registries",
    "machine": "2 cores",
    "foreign_share": 0.01,
    "moods": FELT,
    "offline": [
        {
            "preset": "a",
            "tests": 3,
            "accepted": 1,
            "refused": 1,
            "undetermined": 1,
            "failed": 0,
            "acted": 1234,
            "faults": ["x"],
        }
    ],
    "payloads": [
        {
            "preset": "a",
            "file": "a/b.json",
            "about": "c",
            "expected": "accepted",
            "found": "refused/too_young",
            "is_right": False,
        }
    ],
    "costs": [{"preset": "a", "lookups": 5000, "p50_ms": 0.4, "p99_ms": 0.9, "limit_ms": 0.3, "is_kept": False}],
}


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_moods_with_the_same_reasons_share_a_line_that_names_what_came_to_something_else() -> None:
    shown_lines = report.tables([RUN]).splitlines()
    assert "3 lookups in a bad mood, 1 of them accepted or refused. Each is undetermined, for:" in shown_lines
    table = [cells(line) for line in shown_lines if line.startswith("|")]
    assert table[0] == ["reason", "moods"]
    assert table[2] == ["accepted", "ok"]
    assert table[3] == ["source_unavailable; **WRONG: refused/record_not_found** for b (lookup)", "down"]


def test_each_preset_is_a_line() -> None:
    table = [cells(line) for line in report.tables([RUN]).splitlines() if line.startswith("|")]
    assert table[-1] == ["a", "3", "1,234", "1", "0/1", "0.400", "≤ 0.3 **MISSED**"]


def test_everything_wrong_is_reported() -> None:
    assert report.wrong(RUN) == [
        "b, step lookup, down: refused/record_not_found",
        "a: x",
        "a/b.json, c: refused/too_young and not accepted",
        "a: p50 0.400 ms and not 0.3 ms",
    ]


def test_answers_that_are_not_there_are_left_open() -> None:
    assert "|                  – |" in report.tables([{**RUN, "payloads": []}])


def test_a_busy_machine_is_reported() -> None:
    assert "Other processes" not in report.tables([RUN])
    assert "Other processes had 40% of the machine meanwhile" in report.tables([{**RUN, "foreign_share": 0.4}])


def test_a_verdict_in_a_bad_mood_is_wrong_and_so_is_none_in_the_good_one() -> None:
    assert Felt("a", "lookup", "down", "undetermined/source_unavailable").is_right
    assert not Felt("a", "lookup", "down", "accepted").is_right
    assert not Felt("a", "lookup", "down", "refused/record_not_found").is_right
    assert not Felt("a", "lookup", "ok", "undetermined/source_unavailable").is_right


def test_before_a_run_there_is_nothing_to_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--table", "--file", str(tmp_path / "none.json")]) == 2
    assert "nothing was measured yet" in capsys.readouterr().err


def test_the_last_run_is_shown_and_what_is_wrong_is_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.json"
    file.write_text(json.dumps(RUN), "utf-8")
    assert main(["--table", "--file", str(file)]) == 1
    assert "WRONG a: x" in capsys.readouterr().err


@pytest.mark.bench
def test_a_look_up_is_timed_from_the_typed_answer_to_the_verdict() -> None:
    by_preset = {cost.preset: cost for cost in costs([Shipped.of("us-npi"), Shipped.of("es-census-soap")], 50)}
    assert by_preset["us-npi"].limit_ms == JSON_MS
    assert by_preset["es-census-soap"].limit_ms == XML_MS
    assert all(0 < cost.p50_ms <= cost.p99_ms for cost in by_preset.values())


def test_a_case_needs_its_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        shown(CASES[0], tmp_path)
