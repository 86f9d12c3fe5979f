"""Measures whether limits hold and are used, whatever happens to workers, sources and the broker: `make bench-flow`.

    python -m bench.flow                                   everything, some 30 minutes
    python -m bench.flow quota breaker --seconds 60        some of it, shorter
    python -m bench.flow --table                           the last run of each
    python -m bench.flow --write-docs                      the same, into docs/contributors/performance.md

Rows go to a file of JSON lines. Ends with 1 when a figure is missed.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from bench.flow.report import REPORT, latest, page, table
from bench.flow.scenarios import SCENARIOS, Scenario, Size
from bench.rig.machine import Usage
from bench.rig.report import append, missed, now, print_faults, read, stamp
from bench.rig.servers import Rig


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    if options.write_docs or options.table:
        rows = latest(read(options.file))
        return REPORT.show(options, rows, table, page) or print_faults("MISSED", missed(rows))
    measured = []
    with Rig() as rig:
        for scenario in SCENARIOS:
            if options.scenarios and scenario.name not in options.scenarios:
                continue
            print(f"{scenario.name}: {scenario.title} …", file=sys.stderr, flush=True)
            row = _measured(scenario, rig, options)
            append(options.file, row)
            measured.append(row)
            print(table([row]) + "\n", flush=True)
    return print_faults("MISSED", missed(measured))


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.flow", description=(__doc__ or "").splitlines()[0])
    names = [scenario.name for scenario in SCENARIOS]
    usual = Size()
    sizes = ("seconds", "checks", "workers")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"some of: {', '.join(names)}")
    parser.add_argument(
        "--seconds", type=float, default=usual.seconds, help="of the quota and of the outage (default %(default)g)"
    )
    parser.add_argument("--checks", type=int, default=usual.checks, help="that wait (default %(default)d)")
    parser.add_argument("--workers", type=int, default=usual.workers, help="at the quota (default %(default)d)")
    REPORT.add_options(parser)
    options = parser.parse_args(arguments)
    for name in options.scenarios:
        if name not in names:
            parser.error(f"there is no scenario {name!r}; there are: {', '.join(names)}")
    if options.seconds <= 0 or options.checks < 1 or options.workers < 3:
        parser.error("seconds and checks are more than nothing, workers three or more")
    words = ["make bench-flow", *([f'SCENARIO="{" ".join(options.scenarios)}"'] if options.scenarios else [])]
    changed = {name: getattr(options, name) for name in sizes if getattr(options, name) != getattr(usual, name)}
    options.command = " ".join([*words, *(f"{name.upper()}={value:g}" for name, value in changed.items())])
    return options


def _measured(scenario: Scenario, rig: Rig, options: argparse.Namespace) -> dict[str, Any]:
    begun, before = time.monotonic(), Usage.now({})
    row: dict[str, Any] = {
        "scenario": scenario.name,
        "at": now(),
        **stamp(options.command),
        "figures": [],
    }
    try:
        figures = scenario.run(rig, Size(options.seconds, options.checks, options.workers))
        row["figures"] = [figure.as_data() for figure in figures]
    except TimeoutError as error:
        row["why"] = str(error)
    return {
        **row,
        "spent_s": round(time.monotonic() - begun, 1),
        "foreign_share": round((Usage.now({}) - before).foreign_share, 3),
    }


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
