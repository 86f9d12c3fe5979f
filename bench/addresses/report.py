"""Writes what the address benches counted as tables in Markdown.

Each bench adds rows to one file of JSON lines, a row for each line of a table. The page has the last run of each part.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from bench.addresses.queries import Kind
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


SHOWN = (Kind.EXACT, Kind.ABBREVIATED, Kind.ONE_TYPO, Kind.TWO_TYPOS, Kind.NOISE, Kind.NO_NUMBER)
"""The kinds of query whose share of decisions is on the page."""


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

    reasons = sorted(row["reasons"].items(), key=lambda pair: -pair[1])
    return [
        row["line"],
        f"{row['asked']:,}",
        f"{_decided(row):.1f}",
        f"{share('near', 'asked'):.1f}",
        str(row["wrong"]),
        f"{share('wrong', 'asked'):.2f}",
        str(row["wrong_near"]),
        ", ".join(f"{reason} {count:,}" for reason, count in reasons) or "–",
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


def tables(rows: Rows) -> str:
    """The table of each part."""
    return "\n\n".join(f"{part}. {mine[0]['caption']}\n\n{table(mine)}" for part, mine in latest(rows).items())


def page(rows: Rows) -> str:
    """What the docs have: a line for each part by kind of query, a sentence for one by town, and how each was made."""
    parts = latest(rows)
    by_kind = {part: mine for part, mine in parts.items() if set(SHOWN) <= {row["line"] for row in mine}}
    heads = ("decided % of", "questions", "wrong", *SHOWN)
    machines = ", ".join(dict.fromkeys(row["machine"] for row in rows))
    captions = dict.fromkeys(f"- {part.rpartition(', ')[0]}: {_caption(mine[0])}" for part, mine in parts.items())
    return "\n\n".join(
        (
            f"Margin {MARGIN_M:g} m. {machines}.",
            markdown(heads, [_page_line(part, mine) for part, mine in by_kind.items()]),
            *(_sentence(part, mine) for part, mine in parts.items() if part not in by_kind),
            "\n".join(captions),
        )
    )


def _page_line(part: str, rows: Rows) -> list[str]:
    decided = {row["line"]: f"{_decided(row):.1f}" for row in rows}
    asked, wrong = (sum(row[name] for row in rows) for name in ("asked", "wrong"))
    return [part.partition(" (")[0], f"{asked:,}", str(wrong), *(decided[kind] for kind in SHOWN)]


def _sentence(part: str, rows: Rows) -> str:
    asked, wrong = (sum(row[name] for row in rows) for name in ("asked", "wrong"))
    least, most = (
        f"{_decided(row):.1f} % ({row['line']})" for row in (min(rows, key=_decided), max(rows, key=_decided))
    )
    return f"{part[0].upper()}{part[1:]}: {wrong} wrong of {asked:,}; decided from {least} to {most}."


def _decided(row: Row) -> float:
    return 100 * float(row["decided"]) / max(float(row["far"]), 1.0)


def _caption(row: Row) -> str:
    return f"{row['caption']} Commit {row['revision']}, {row['run'][:10]}, by `{row['command']}`."


def keep(options: argparse.Namespace, rows: Rows) -> int:
    """Add the rows of a run to the file and print their tables. The exit code: 1 if a decision was wrong."""
    for row in rows:
        append(options.file, row)
    print(f"\n{tables(rows)}")
    return 1 if any(row["wrong"] for row in rows) else 0
