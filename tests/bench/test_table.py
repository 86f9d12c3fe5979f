"""Rows outlive an interruption and are shown as Markdown."""

from __future__ import annotations

from pathlib import Path

from bench.faults import table
from bench.faults.scenarios import ALL, BY_NAME


def test_rows_are_kept_and_one_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "build" / "rows.jsonl"
    assert table.read(file) == []
    table.append(file, {"scenario": "kill", "lost": 0})
    table.append(file, {"scenario": "sigterm", "lost": 1})
    with file.open("a") as out:
        out.write('{"scenario": "sig')
    assert [row["scenario"] for row in table.read(file)] == ["kill", "sigterm"]


def test_a_row_after_one_that_was_cut_short_is_not_lost(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"scenario": "sig')
    table.append(file, {"scenario": "kill"})
    assert [row["scenario"] for row in table.read(file)] == ["kill"]


def test_the_table_is_markdown_with_a_dash_for_what_has_no_meaning() -> None:
    shown = table.markdown(
        [{"title": "nothing", "lost": 0, "recovery_s": None}, {"title": "kill -9", "recovery_s": 1.25}]
    )
    head, rule, nothing, kill = (line.split("|")[1:-1] for line in shown.splitlines())
    assert len(head) == len(rule) == len(nothing) == len(kill) == len(table.COLUMNS)
    assert [cell.strip() for cell in head] == list(table.COLUMNS.values())
    recovery = list(table.COLUMNS).index("recovery_s")
    assert nothing[recovery].strip() == "–"
    assert kill[recovery].strip() == "1.25"


def test_no_two_scenarios_share_a_name() -> None:
    assert len(BY_NAME) == len(ALL)


def test_the_page_on_faults_names_every_scenario() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "contributors" / "faults.md").read_text("utf-8")
    assert [name for name in BY_NAME if f"`{name}`" not in page] == []
