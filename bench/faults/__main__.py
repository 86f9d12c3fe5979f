"""Breaks a running fleet in every way that we know and counts what was lost: `make faults`, `make faults-short`.

    python -m bench.faults                              every scenario with seed 1
    python -m bench.faults kill sigstop --seed 7        two of them with another seed
    python -m bench.faults --short --checks 300         those that end soon
    python -m bench.faults --short --jobs 3             three of them at once
    python -m bench.faults --table                      show the results so far, with every measured limit
    python -m bench.faults --write-docs                 put them into docs/contributors/faults.md

Rows go to a file of JSON lines. A scenario that is there with the same seed, size and commit is not run again.
Ends with 1 when a promise was broken or a figure missed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import product
from typing import Any

from bench.faults.report import REPORT, results, summary, table
from bench.faults.runner import run_named
from bench.faults.scenarios import ALL, BY_NAME
from bench.rig import ROOT
from bench.rig.report import Row, append, read, revision

SHORT_CHECKS = 300
SHORT_SLACK = 3.0
"""What ends soon runs on machines that do other things as well: its limits of time are so many times as long."""


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    if options.table or options.write_docs:
        rows = read(options.file)
        if options.write_docs:
            try:
                REPORT.write(results(rows, ALL))
            except ValueError as error:
                return REPORT.fail(str(error))
        print(summary(rows, ALL))
        return 0
    if options.fresh:
        options.file.unlink(missing_ok=True)
    bad = sum(bool(row["missed"]) for row in _rows(options))
    print(table(read(options.file)))
    return 1 if bad else 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.faults", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("scenario", nargs="*", metavar="SCENARIO", help=f"one of: {', '.join(BY_NAME)} (default: all)")
    parser.add_argument("--seed", type=int, nargs="+", default=[1], help="of what is random; several give a run each")
    parser.add_argument("--checks", type=int, help="submits in each scenario (default 2000 or its own, short 300)")
    parser.add_argument("--short", action="store_true", help="fewer and shorter faults")
    parser.add_argument("--slack", type=float, help="how many times as long a limit of time is (default 1, short 3)")
    parser.add_argument("--fresh", action="store_true", help="forget the rows in the file")
    parser.add_argument("--jobs", type=int, default=1, help="how many scenarios run at once, each in its own process")
    REPORT.add_options(parser)
    parser.set_defaults(file=None)
    options = parser.parse_args(arguments)
    options.file = options.file or ROOT / "build" / ("faults-short.jsonl" if options.short else REPORT.file)
    for name in options.scenario:
        if name not in BY_NAME:
            parser.error(f"there is no scenario {name!r}; there are: {', '.join(BY_NAME)}")
    return options


def _rows(options: argparse.Namespace) -> list[Row]:
    """The row of each chosen scenario and seed, from the file where it has it, else run now."""
    file = options.file
    chosen = [BY_NAME[name] for name in options.scenario] or [one for one in ALL if one.short or not options.short]
    slack = options.slack or (SHORT_SLACK if options.short else 1.0)
    given: dict[str, Any] = {"short": options.short, "slack": slack, "kept": file.parent / "faults-logs"}
    now = revision()
    rows: list[Row] = []
    pool = ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn"))
    try:
        begun = []
        for seed, scenario in product(options.seed, chosen):
            checks = options.checks or (SHORT_CHECKS if options.short else scenario.checks)
            key = (scenario.name, seed, checks, now)
            kept = [row for row in read(file) if (row["scenario"], row["seed"], row["wanted"], row["revision"]) == key]
            if kept:
                _say(f"{scenario.name}, seed {seed}: in {file} already")
                rows.append(kept[-1])
            elif reason := scenario.skip():
                _say(f"{scenario.name}: skipped, {reason}")
            else:
                begun.append(pool.submit(run_named, scenario.name, checks=checks, seed=seed, **given))
        for done in as_completed(begun):
            row = done.result()
            append(file, row)
            verdict = "; ".join(row["missed"]) or "kept every promise"
            _say(f"{row['scenario']}, seed {row['seed']}: {verdict} ({row['spent_s']:.0f} s)")
            rows.append(row)
    finally:
        pool.shutdown(cancel_futures=True)
    return rows


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
