"""How to keep a roster: its commands work as shown, its configuration is taken, its messages are said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapters.file_lines import FileError
from adapters.registry.roster_rows import RosterRows
from adapters.registry_tests.configurations import registry_problems
from bench.rig.data_import import LIKE_PRODUCTION
from bench.roster import REPORT
from cli.registry_lint import lint_here
from config.registry import RosterSource
from config.registry.roster import RosterFile
from tests.docs.pages import ROOT, block, blocks
from tests.docs.terminal import Terminal

FIGURES = ROOT / "docs" / "contributors" / "performance.md"
PAGE = ROOT / "docs" / "administrators" / "keep-a-roster.md"
LIST = next(each.text for each in blocks(PAGE, "sh") if "try-people.csv" in each.text)
ROWS = LIST.partition("<<'END'\n")[2].partition("END\n")[0]
MESSAGES = block(PAGE, "text", "its delimiter is").replace(" \\\n    ", " ").splitlines()


def source(folder: Path) -> RosterSource:
    (folder / "jurat.yaml").write_text(block(PAGE, "yaml"), "utf-8")
    report = lint_here([folder / "jurat.yaml"])
    assert report.problems == ()
    assert registry_problems(report) == []
    found = report.document.sources["physicians"]
    assert isinstance(found, RosterSource)
    return found


@pytest.mark.parametrize(
    ("content", "changes"),
    [
        (ROWS, {"delimiter": ","}),
        (ROWS, {"number": "RefNo"}),
        (ROWS.encode("windows-1252"), {}),
        (ROWS, {"encoding": "windows-1252"}),
        (ROWS.replace(";Suspended", ""), {}),
        (ROWS.replace(";Maëlle", ';"Maëlle'), {}),
        (ROWS.replace("9000 0101", "9,00001E+09"), {}),
    ],
)
def test_each_problem_that_it_shows_is_reported_so(
    content: bytes | str, changes: dict[str, str], tmp_path: Path
) -> None:
    described = source(tmp_path)
    path = tmp_path / "physicians.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    layout = RosterFile.model_validate({**described.file.model_dump(), **changes})
    with path.open("rb") as raw, pytest.raises(FileError) as raised:
        list(RosterRows(raw, path.name, layout, described.number_input))
    assert str(raised.value) in MESSAGES


def test_the_page_tells_what_the_bench_does() -> None:
    text = FIGURES.read_text("utf-8")
    for name, value in LIKE_PRODUCTION.items():
        assert f"`{name}` of {value.removesuffix('MB').removesuffix('GB')} {value[-2:]}" in text
    assert not re.search(r"\d{5,}", text.partition(REPORT.mark)[2].replace(",", "."))


@pytest.mark.slow
def test_the_commands_work_as_shown(terminal: Terminal) -> None:
    (terminal.folder / "try-people.yaml").write_text(block(PAGE, "yaml"), "utf-8")
    terminal.follow(PAGE, instead={"--wait 30": "--wait 100"})
    code, said = terminal.run("bin/jurat datasets list")
    assert code == 0
    assert said.splitlines()[1].split()[:6] == ["physicians", "1", "active", "0", "0", "2"]
