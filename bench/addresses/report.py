"""What the address benches counted, as tables in Markdown, and their place in how-an-address-is-decided.md.

Each bench adds rows to one file of JSON lines, a row for each line of a table, and prints whole tables. The page has of
the last run of each part what was decided and what was wrong.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.address_queries import Kind
from bench.addresses.questions import MARGIN_M, Tally
from bench.faults.runner import revision
from bench.faults.supervisor import ROOT
from bench.faults.table import append, read
from bench.speed.machine import processor
from bench.speed.report import markdown, wrapped

FILE = ROOT / "build" / "addresses.jsonl"
PAGE = ROOT / "docs" / "contributors" / "how-an-address-is-decided.md"
BEGIN, END = "<!-- made: addresses -->", "<!-- end -->"

ORDER = ("addok", "address-file", "register", "nominatim", "other towns")
"""In which order the page shows the parts: by the first of these with which their names begin."""

HEADS = (
    *("questions", "decided %", "near_border %", "wrong", "wrong %", "near the border wrong"),
    "reasons of the undetermined",
)

DECIDABLE = (Kind.EXACT, Kind.ABBREVIATED, Kind.ONE_TYPO, Kind.TWO_TYPOS, Kind.NOISE, Kind.NO_NUMBER)
"""Kinds of query that may be decided. A decision about any other is wrong, and counted there."""

Row = Mapping[str, Any]


def rows_of(
    part: str, caption: str, command: str, tallies: Mapping[Any, Tally], head: str = "what was typed"
) -> list[dict[str, Any]]:
    """A row for each tally. `part` names the table, `caption` says what was asked, and `head` what its lines are."""
    common = {
        "run": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": revision(),
        "machine": processor(),
        "part": part,
        "caption": caption,
        "command": command,
        "head": head,
    }
    return [
        {**common, "line": str(line), **vars(tally), "reasons": dict(tally.reasons)} for line, tally in tallies.items()
    ]


def command(target: str, arguments: Sequence[str]) -> str:
    """How a run is made again: the target of the Makefile, with the arguments that change what is counted."""
    shown = " ".join(argument for argument in arguments if argument != "--show")
    return f"make {target}" + (f' ARGS="{shown}"' if shown else "")


def table(rows: Sequence[Row]) -> str:
    """The rows of one part as a table in Markdown."""
    return markdown([rows[0]["head"], *HEADS], [_line(row) for row in rows])


def _share(row: Row, part: str, whole: str) -> float:
    return 100 * float(row[part]) / max(float(row[whole]), 1.0)


def _line(row: Row) -> list[str]:
    told = sorted(row["reasons"].items(), key=lambda pair: -pair[1])
    return [
        row["line"],
        f"{row['asked']:,}",
        f"{_share(row, 'decided', 'far'):.1f}",
        f"{_share(row, 'near', 'asked'):.1f}",
        str(row["wrong"]),
        f"{_share(row, 'wrong', 'asked'):.2f}",
        str(row["wrong_near"]),
        ", ".join(f"{reason} {count:,}" for reason, count in told) or "–",
    ]


def latest(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of the last run of each part, in the order of the page."""
    parts: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        parts[row["part"]][row["run"]].append(row)
    return {part: parts[part][max(parts[part])] for part in sorted(parts, key=_place)}


def _place(part: str) -> tuple[int, str]:
    places = [place for place, name in enumerate(ORDER) if part.startswith(name)]
    return (places[0] if places else len(ORDER)), part


def filled_in(page: str, rows: Sequence[Row]) -> str:
    """The text of a page with the results between its marks made anew.

    Raises ValueError where there are no such marks, or no rows.
    """
    if not rows:
        raise ValueError("nothing was measured yet: `make bench-addresses` first")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} with an {END} after it")
    return f"{before}{BEGIN}\n{summary(latest(rows))}\n{END}{after}"


def summary(parts: Mapping[str, Sequence[Row]]) -> str:
    """Of each part what was decided of each kind of query, and what was wrong; a sentence where its lines are no kinds.

    How the parts were asked is said after them, once for the parts of one run.
    """
    kinds = {str(kind) for kind in Kind}
    by_kind = {part: mine for part, mine in parts.items() if all(row["line"] in kinds for row in mine)}
    made = []
    if by_kind:
        heads = ["decided % of", "questions", "wrong", *map(str, DECIDABLE)]
        made.append(markdown(heads, [_by_kind(part, mine) for part, mine in by_kind.items()]))
    made += [wrapped(_range(part, mine)) for part, mine in parts.items() if part not in by_kind]
    return "\n\n".join([f"Margin {MARGIN_M:g} m.", *made, "\n".join(_runs(parts))])


def _by_kind(part: str, rows: Sequence[Row]) -> list[str]:
    by_line = {row["line"]: row for row in rows}
    asked, wrong = (sum(row[figure] for row in rows) for figure in ("asked", "wrong"))
    shares = (
        f"{_share(by_line[kind], 'decided', 'far'):.1f}" if kind in by_line else "–" for kind in map(str, DECIDABLE)
    )
    return [part.partition(" (")[0], f"{asked:,}", str(wrong), *shares]


def _range(part: str, rows: Sequence[Row]) -> str:
    asked, wrong = (sum(row[figure] for row in rows) for figure in ("asked", "wrong"))
    shares = sorted((_share(row, "decided", "far"), row["line"]) for row in rows)
    (least, fewest), (most, best) = shares[0], shares[-1]
    said = f"{part[0].upper()}{part[1:]}, all kinds of query: {wrong} wrong of {asked:,}; decided from {least:.1f} %"
    return f"{said} ({fewest}) to {most:.1f} % ({best})."


def _runs(parts: Mapping[str, Sequence[Row]]) -> list[str]:
    """One item of a list for each run: whom it asked, what was asked, and how it is done again."""
    runs: dict[tuple[str, ...], dict[str, None]] = defaultdict(dict)
    for part, (first, *_) in parts.items():
        told = (first["caption"], first["revision"], first["run"][:10], first["command"], first["machine"])
        runs[told][part.rpartition(", ")[0] or part] = None
    return [
        wrapped(f"- {'; '.join(mine)}: {caption} Commit {commit}, {day}, by `{command}`, {machine}.", "  ")
        for (caption, commit, day, command, machine), mine in runs.items()
    ]


def write(page: Path, file: Path) -> None:
    """Fill in `page` from the rows in `file`. Raises as `filled_in`."""
    page.write_text(filled_in(page.read_text("utf-8"), read(file)), encoding="utf-8")


def written(bench: str, file: Path) -> int:
    """Fills in docs/contributors/how-an-address-is-decided.md, for the bench of that name: its exit code."""
    try:
        write(PAGE, file)
    except ValueError as error:
        print(f"{bench}: {error}", file=sys.stderr)
        return 2
    return 0


def told(file: Path, rows: Sequence[Row]) -> int:
    """Adds the rows of a run to the file and shows their tables: its exit code, 1 where a decision was wrong."""
    for row in rows:
        append(file, row)
    for part, mine in latest(rows).items():
        print(f"\n{part}. {mine[0]['caption']}\n\n{table(mine)}")
    return 1 if any(row["wrong"] for row in rows) else 0
