"""Writes what the address benches counted as tables in Markdown.

Each bench adds rows to one file of JSON lines, a row for each line of a table. The page has the last run of each part.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from bench.addresses.questions import MARGIN_M, Tally
from bench.rig.report import Report, Row, Rows, append, markdown, now, stamp

REPORT, NOMINATIM, TOWNS = (
    Report(target, "contributors/how-an-address-is-decided.md", "addresses", "addresses.jsonl")
    for target in ("bench-addresses", "bench-nominatim", "bench-towns")
)
"""The benches share the rows and the place on the page."""

ORDER = ("addok", "address-file", "dataset", "nominatim", "other towns")
"""In which order the page shows the parts: by the first of these with which their names begin."""

HEADS = (
    *("questions", "decided %", "near_border %", "wrong", "wrong %", "near the border wrong"),
    "reasons of the undetermined",
)


def rows_of(
    part: str, caption: str, command: str, tallies: Mapping[Any, Tally], head: str = "what was typed"
) -> list[dict[str, Any]]:
    """A row for each tally. `part` names the table, `caption` says what was asked, and `head` what its lines are."""
    common = {
        "run": now(),
        **stamp(command),
        "part": part,
        "caption": caption,
        "head": head,
    }
    return [
        {**common, "line": str(line), **vars(tally), "reasons": dict(tally.reasons)} for line, tally in tallies.items()
    ]


def command(target: str, arguments: Sequence[str]) -> str:
    """How a run is made again: the target of the Makefile, with the arguments that change what is counted."""
    shown = " ".join(argument for argument in arguments if argument != "--show")
    return f"make {target}" + (f' ARGS="{shown}"' if shown else "")


def table(rows: Rows) -> str:
    """The rows of one part as a table in Markdown."""
    return markdown([rows[0]["head"], *HEADS], [_line(row) for row in rows])


def _line(row: Row) -> list[str]:
    def share(part: str, whole: str) -> float:
        return 100 * float(row[part]) / max(float(row[whole]), 1.0)

    told = sorted(row["reasons"].items(), key=lambda pair: -pair[1])
    return [
        row["line"],
        f"{row['asked']:,}",
        f"{share('decided', 'far'):.1f}",
        f"{share('near', 'asked'):.1f}",
        str(row["wrong"]),
        f"{share('wrong', 'asked'):.2f}",
        str(row["wrong_near"]),
        ", ".join(f"{reason} {count:,}" for reason, count in told) or "–",
    ]


def latest(rows: Rows) -> dict[str, list[Row]]:
    """The rows of the last run of each part, in the order of the page."""
    parts: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        parts[row["part"]][row["run"]].append(row)
    return {part: parts[part][max(parts[part])] for part in sorted(parts, key=_place)}


def _place(part: str) -> tuple[int, str]:
    places = [place for place, name in enumerate(ORDER) if part.startswith(name)]
    return (places[0] if places else len(ORDER)), part


def sections(rows: Rows) -> str:
    """What the page has of each part."""
    return "\n\n".join(f"### {part[0].upper()}{part[1:]}\n\n{_told(mine)}" for part, mine in latest(rows).items())


def _told(rows: Rows) -> str:
    first = rows[0]
    where = f"Commit {first['revision']}, {first['run'][:10]}, by `{first['command']}`, {first['machine']}"
    return f"{first['caption']} Margin {MARGIN_M:g} m. {where}.\n\n{table(rows)}"


def keep(options: argparse.Namespace, rows: Rows) -> int:
    """Adds the rows of a run to the file and shows their tables: its exit code, 1 where a decision was wrong."""
    for row in rows:
        append(options.file, row)
    for part, mine in latest(rows).items():
        print(f"\n{part}. {mine[0]['caption']}\n\n{table(mine)}")
    return 1 if any(row["wrong"] for row in rows) else 0
