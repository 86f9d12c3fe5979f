"""Keeps rows in a file of JSON lines, writes tables in Markdown, and puts them on a page of the docs."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.rig import ROOT
from bench.rig.machine import processor
from docs.markdown import WIDTH, wrapped

END = "<!-- end -->"

Row = Mapping[str, Any]
"""One thing that was measured. It has what `stamp` gives, and the figures of its bench."""

Rows = Sequence[Row]

FIGURE_HEADS = ("figure", "value", "limit")
MISSED = "**MISSED**"

_NUMBER = re.compile(r"$|–$|-?\d")


@dataclass(frozen=True, slots=True)
class Report:
    """Where one bench keeps its rows, and where its tables are in the docs."""

    target: str
    """What makes the rows: the target of the Makefile."""
    page: str
    """In the folder `docs`."""
    name: str
    """Of the place on that page, as its mark has it."""
    file: str = ""
    """In the folder `build`; none where rows are not kept."""

    @property
    def mark(self) -> str:
        """Begins the place on the page; `END` ends it."""
        return f"<!-- made: {self.name} -->"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add `--file`, and what can be done instead of a run."""
        usual = ROOT / "build" / self.file
        parser.add_argument("--file", type=Path, default=usual, help=f"where rows are kept (default build/{self.file})")
        parser.add_argument("--table", action="store_true", help="run nothing, show the last run")
        parser.add_argument("--write-docs", action="store_true", help="run nothing, put the last run on the page")

    def show(
        self,
        options: argparse.Namespace,
        rows: Rows,
        tables: Callable[[Rows], str],
        page: Callable[[Rows], str],
    ) -> int:
        """Print the tables of rows, and with `--write-docs` put what `page` makes of them into the docs.

        The exit code: 2 if there are no rows, or no place on the page.
        """
        if not rows:
            return self.fail(f"nothing was measured yet: `make {self.target}` first")
        if options.write_docs:
            try:
                self.write(page(rows))
            except ValueError as error:
                return self.fail(str(error))
        print(tables(rows))
        return 0

    def show_figures(self, options: argparse.Namespace) -> int:
        """Show the figures of the last run, as `show` does. The exit code: also 1 if one of them is missed."""
        rows = read(options.file)[-1:]
        code = self.show(options, rows, _figures, lambda rows: f"{head(rows)}\n\n{_figures(rows)}")
        return code or print_faults("MISSED", missed(rows))

    def fail(self, message: str) -> int:
        """Print on standard error why there is no result. The exit code."""
        print(f"{self.target}: {message}", file=sys.stderr)
        return 2

    def write(self, text: str) -> None:
        """Put the text into its place in the docs, in lines that fit. Raises as `filled_in`."""
        page = ROOT / "docs" / self.page
        page.write_text(self.filled_in(page.read_text("utf-8"), fitted(text)), encoding="utf-8")

    def filled_in(self, page: str, text: str) -> str:
        """A page with the text in its place. Raises ValueError if the page has none."""
        before, begin, rest = page.partition(self.mark)
        _, end, after = rest.partition(END)
        if not begin or not end:
            raise ValueError(f"the page has no {self.mark} with an {END} after it")
        return f"{before}{self.mark}\n{text}\n{END}{after}"


# -- rows


def read(file: Path) -> list[Row]:
    """The rows in `file`; none if there is no file. A last line that an interruption cut short is left out."""
    rows: list[Row] = []
    if file.exists():
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue
    return rows


def append(file: Path, row: Row) -> None:
    """Add a row, on a line of its own even if the last one was cut short."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+b") as out:
        if out.tell():
            out.seek(-1, 2)
            if out.read(1) != b"\n":
                out.write(b"\n")
        out.write(json.dumps(row).encode() + b"\n")


def latest_run(rows: Rows) -> list[Row]:
    """The rows of the run that began last."""
    last = max((row["run"] for row in rows), default=None)
    return [row for row in rows if row["run"] == last]


def now() -> str:
    """The time, as rows have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def stamp(command: str) -> dict[str, str]:
    """What is measured, by which command, on which machine."""
    return {"revision": revision(), "command": command, "machine": processor()}


def revision() -> str:
    """The commit that runs, with a plus if files differ from it; "unknown" outside of a clone."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return described.stdout.strip()


def head(rows: Rows) -> str:
    """Which commit was measured when, by which commands, on which machine."""
    commands = ", ".join(dict.fromkeys(f"`{row['command']}`" for row in rows))
    commits = ", ".join(dict.fromkeys(row["revision"] for row in rows))
    days = ", ".join(dict.fromkeys(row["at"][:10] for row in rows))
    return f"Commit {commits}, {days}, by {commands}. {rows[-1]['machine']}."


# -- tables


def markdown(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table, with columns of numbers aligned to the right."""
    cells = [list(heads), *map(list, lines)]
    columns = list(zip(*cells, strict=True))
    widths = [max(map(len, column)) for column in columns]
    numeric = [all(map(_NUMBER.match, column[1:])) for column in columns]

    def shown(line: Sequence[str]) -> str:
        padded = (
            text.rjust(width) if is_numeric else text.ljust(width)
            for text, width, is_numeric in zip(line, widths, numeric, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    rule = ("-" * (width + 1) + ("-", ":")[is_numeric] for width, is_numeric in zip(widths, numeric, strict=True))
    return "\n".join([shown(heads), f"|{'|'.join(rule)}|", *map(shown, cells[1:])])


def figure_table(figures: Iterable[Row]) -> str:
    """A table of figures, as `Figure.as_data` gives them, with their limits."""
    return markdown(FIGURE_HEADS, map(figure_line, figures))


def _figures(rows: Rows) -> str:
    return figure_table(figure for row in rows for figure in row["figures"])


def figure_line(figure: Row) -> list[str]:
    """A figure below `FIGURE_HEADS`; its limit says if it was missed."""
    missed_it = () if figure["kept"] else (MISSED,)
    return [figure["name"], _value(figure["value"], figure["unit"]), " ".join((_limit(figure), *missed_it)).lstrip()]


def fitted(text: str) -> str:
    """A text for a page: paragraphs and lists are broken at its width, and wider tables are not padded."""
    return "\n".join(_unpadded(line) if line.startswith("|") else wrapped(line) for line in text.splitlines())


def _unpadded(line: str) -> str:
    if len(line) <= WIDTH:
        return line
    if set(line) <= set("|-:"):
        return re.sub("-+(-|:)", r"--\1", line)
    return re.sub(r" *\| *", " | ", line).strip()


def missed(rows: Rows) -> list[str]:
    """The figures of rows that missed their limit, and the scenarios that could not be run."""
    found = []
    for row in rows:
        found += [f"{row['scenario']}: {row['why']}"] if row.get("why") else []
        found += [f"{row['scenario']}: {figure['name']}" for figure in row["figures"] if not figure["kept"]]
    return found


def print_faults(label: str, faults: Sequence[str]) -> int:
    """Print what is wrong on standard error, each behind the label. The exit code."""
    for fault in faults:
        print(f"{label} {fault}", file=sys.stderr)
    return 1 if faults else 0


def _limit(figure: Row) -> str:
    least, most, unit = figure["least"], figure["most"], figure["unit"]
    if least is not None and most is not None:
        return f"{_value(least, '')} to {_value(most, unit)}"
    if least is not None:
        return f"≥ {_value(least, unit)}"
    return "" if most is None else f"≤ {_value(most, unit)}"


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return "never"
    number = f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:,.2f}"
    return f"{number} {unit}".strip()
