"""The results in docs/contributors/faults.md, written from the rows of the long runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.faults import table
from bench.faults.scenario import Scenario
from bench.faults.table import Row

_BEGIN, _END = "<!-- made: faults -->", "<!-- end -->"


def filled_in(page: str, rows: Sequence[Row], scenarios: Sequence[Scenario]) -> str:
    """The text of a page with the results between its marks made anew.

    Raises ValueError where there are no such marks, or no row of a long run.
    """
    long = [row for row in table.latest(rows) if not row["short"]]
    if not long:
        raise ValueError("there is no row of a long run: `make faults` first")
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"the page has no {_BEGIN} with an {_END} after it")
    return f"{before}{_BEGIN}\n{_results(long, scenarios)}\n{_END}{after}"


def write(file: Path, rows: Sequence[Row], scenarios: Sequence[Scenario]) -> None:
    """Fill in the page in `file`. Raises as `filled_in`."""
    file.write_text(filled_in(file.read_text("utf-8"), rows, scenarios), encoding="utf-8")


def _results(rows: Sequence[Row], scenarios: Sequence[Scenario]) -> str:
    seeds = sorted({row["seed"] for row in rows})
    days = sorted({row["at"][:10] for row in rows})
    commits = ", ".join(sorted({row["revision"] for row in rows}))
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    missed = [f"- `{row['scenario']}`, seed {row['seed']}: {'; '.join(row['missed'])}" for row in rows if row["missed"]]
    left = [f"`{one.name}`" for one in scenarios if one.name not in {row["scenario"] for row in rows}]
    command = f'make faults SEED="{" ".join(map(str, seeds))}"'
    parts = [
        f"Commit {commits}, {when}, by `{command}`. Each line has the worst of its runs.",
        table.summary(rows, scenarios),
        "Not run: " + ", ".join(left) + "." if left else "",
        "Every run kept every promise and every figure." if not missed else "Missed:\n\n" + "\n".join(missed),
    ]
    return "\n\n".join(part for part in parts if part)
