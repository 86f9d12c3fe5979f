"""Rows outlive an interruption, tables are Markdown, and each bench has its place on a page of the docs."""

from __future__ import annotations

import argparse
import importlib
import math
from pathlib import Path

import pytest

from bench.rig import ROOT, report
from bench.rig.figures import Figure
from bench.rig.report import END, Report
from docs.markdown import WIDTH

GOOD, BAD = Figure("share used", 98.25, least=97, unit="%"), Figure("failures", 17, most=10)
REPORT = Report("bench-hats", "hats.md", "hats", "hats.jsonl")


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_rows_are_kept_and_one_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "build" / "rows.jsonl"
    assert report.read(file) == []
    report.append(file, {"scenario": "kill", "lost": 0})
    report.append(file, {"scenario": "sigterm", "lost": 1})
    with file.open("a") as out:
        out.write('{"scenario": "sig')
    assert [row["scenario"] for row in report.read(file)] == ["kill", "sigterm"]


def test_a_row_after_one_that_was_cut_short_is_not_lost(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"scenario": "sig')
    report.append(file, {"scenario": "kill"})
    assert [row["scenario"] for row in report.read(file)] == ["kill"]


def test_each_figure_has_its_limit_and_says_if_it_was_missed() -> None:
    figures = [GOOD, BAD, Figure("change", -3.5, -20, 20, "%"), Figure("p50", 1234.5, unit="ms")]
    lines = report.figure_table(figure.as_data() for figure in figures).splitlines()
    assert [cells(line) for line in lines[2:]] == [
        ["share used", "98.25 %", "≥ 97 %"],
        ["failures", "17", "≤ 10 **MISSED**"],
        ["change", "-3.50 %", "-20 to 20 %"],
        ["p50", "1,234 ms", ""],
    ]
    assert len({line.count("|") for line in lines}) == 1


def test_what_never_came_is_missed() -> None:
    shown = report.figure_table([Figure("back after", math.nan, most=2, unit="s").as_data()])
    assert "never s" not in shown
    assert "never" in shown
    assert "**MISSED**" in shown


def test_columns_of_numbers_are_aligned_to_the_right() -> None:
    assert report.markdown(["what", "ms", "limit"], [["a", "9.5", "≤ 10"], ["b", "–", ""]]).splitlines() == [
        "| what |  ms | limit |",
        "|------|----:|-------|",
        "| a    | 9.5 | ≤ 10  |",
        "| b    |   – |       |",
    ]


def test_on_a_page_a_table_that_is_wider_is_not_padded() -> None:
    table = report.markdown(["what", "ms"], [["a", "1" * 70], ["c" * 70, "2"]])
    assert len({len(line) for line in table.splitlines()}) == 1
    assert report.fitted(table).splitlines() == [
        "| what | ms |",
        "|---|--:|",
        f"| a | {'1' * 70} |",
        f"| {'c' * 70} | 2 |",
    ]


def test_a_page_gets_lines_that_fit() -> None:
    text = report.fitted(f"{'word ' * 40}\n\n- {'word ' * 40}\n| {'cell ' * 4}|")
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "\n  word" in text
    assert text.count("word") == 80


def test_the_head_names_each_commit_day_and_command_once() -> None:
    row = {"revision": "abc1234", "at": "2026-11-25T10:00:00+00:00", "command": "make hats", "machine": "2 cores"}
    said = report.head([row, row, {**row, "command": "make hats N=2"}])
    assert said == "Commit abc1234, 2026-11-25, by `make hats`, `make hats N=2`. 2 cores."


def test_a_page_gets_the_text_in_its_place_and_keeps_the_rest() -> None:
    page = f"before\n<!-- made: hats -->\nold\n{END}\nafter\n"
    assert REPORT.filled_in(page, "new") == f"before\n<!-- made: hats -->\nnew\n{END}\nafter\n"


@pytest.mark.parametrize("page", ["no marks", "<!-- made: hats -->", END])
def test_a_page_without_its_marks_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="the page has no <!-- made: hats -->"):
        REPORT.filled_in(page, "new")


def test_before_a_run_there_is_nothing_to_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert REPORT.show(argparse.Namespace(write_docs=False), [], str, str) == 2
    assert capsys.readouterr().err == "bench-hats: nothing was measured yet: `make bench-hats` first\n"


def test_tables_are_shown_and_go_onto_the_page_behind_a_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report, "ROOT", tmp_path)
    page = tmp_path / "docs" / "hats.md"
    page.parent.mkdir()
    page.write_text("no marks", "utf-8")
    tables, whole = "{0[0][hats]} hats".format, "On {0[0][day]}.\n\n{0[0][hats]} hats".format
    rows = [{"hats": 3, "day": "Monday"}]
    shown, written = argparse.Namespace(write_docs=False), argparse.Namespace(write_docs=True)
    assert REPORT.show(shown, rows, tables, whole) == 0
    assert REPORT.show(written, rows, tables, whole) == 2
    page.write_text(f"{REPORT.mark}\nold\n{END}\n", "utf-8")
    assert REPORT.show(written, rows, tables, whole) == 0
    assert page.read_text("utf-8") == f"{REPORT.mark}\nOn Monday.\n\n3 hats\n{END}\n"
    assert capsys.readouterr().out == "3 hats\n3 hats\n"


def test_rows_are_kept_in_a_folder_that_is_never_committed() -> None:
    parser = argparse.ArgumentParser()
    REPORT.add_options(parser)
    assert parser.parse_args([]).file == ROOT / "build" / "hats.jsonl"


@pytest.mark.parametrize(
    "module",
    [
        "address_dataset",
        "addresses.report",
        "faults.report",
        "flow.report",
        "roster",
        "polls.__main__",
        "registries.report",
        "registry_names",
        "scale.report",
        "speed.report",
        "zone_speed",
    ],
)
def test_each_bench_has_its_place_in_the_docs(module: str) -> None:
    found: Report = importlib.import_module(f"bench.{module}").REPORT
    page = (ROOT / "docs" / found.page).read_text("utf-8")
    assert "\nthe figures\n" in found.filled_in(page, "the figures")
    assert f"\n{found.target}:" in (ROOT / "Makefile").read_text("utf-8")
