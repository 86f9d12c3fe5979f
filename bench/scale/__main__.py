"""Compares what everything costs with 1 M pending and 10 M settled checks and with 1,000 of each: `make bench-scale`.

    python -m bench.scale                                    everything: 10 minutes, 15 GB of disk
    python -m bench.scale --pending 20000 --settled 200000   a first look
    python -m bench.scale --keep build/scale                 keep the filled server there, or use the one that is there
    python -m bench.scale --months 16                        what partitions by month would cost (decision 0032)
    python -m bench.scale --table                            what came of the last run
    python -m bench.scale --write-docs                       the same, into the docs

Rows go to a file of JSON lines. Ends with 1 when a figure is missed.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.rig.report import append, latest_run, now, read, stamp
from bench.rig.servers import version
from bench.scale import limits
from bench.scale.measure import blocks, churn, measure
from bench.scale.report import LIMITS, REPORT, kept, limits_page, page, row_of, rows_of, tables
from bench.scale.server import open_server
from bench.scale.shape import SMALL, Size
from bench.scale.side import Side
from tests.rigs.servers import NoServer, ServerFailed

WARM_UP = 5
"""Rounds before those that count: caches and connections are warm then, as far as they can be."""

EXPLAINED = 5
"""Rounds whose blocks are counted."""

PURGED = 100
"""One settled check in so many is purged in the end."""


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    if options.write_docs or options.table:
        rows = latest_run(read(options.file))
        if options.write_docs and rows:
            LIMITS.write(limits_page(rows))
        return REPORT.show(options, rows, tables, page)
    try:
        measured = _run(options)
    except (NoServer, ServerFailed) as error:
        return REPORT.fail(str(error))
    for row in measured:
        append(options.file, row)
    print(tables(measured))
    return 0 if all(map(kept, measured)) else 1


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.scale", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pending", type=int, default=1_000_000, help="checks in the large one (default 1,000,000)")
    parser.add_argument("--settled", type=int, default=10_000_000, help="checks in the large one (default 10,000,000)")
    parser.add_argument("--rounds", type=int, default=200, help="of everything on both, in each stage (default 200)")
    parser.add_argument("--settles", type=int, default=50_000, help="between the two stages (default 50,000)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the filled server is kept and looked for")
    parser.add_argument("--months", type=int, default=0, help="partitions of verdicts and attempts in the large one")
    parser.add_argument("--purge", action="store_true", help="a kept server too, which is then filled again next time")
    parser.add_argument("--plans", type=Path, metavar="FILE", help="where the plans of all statements go")
    REPORT.add_options(parser)
    options = parser.parse_args(arguments)
    try:
        options.size = Size(options.pending, options.settled)
    except ValueError as error:
        parser.error(str(error))
    if options.rounds < 1 or options.settles < 0 or options.months < 0:
        parser.error("rounds are more than nothing, and settles and months not less")
    if options.months and options.keep:
        parser.error("no server with partitions is kept")
    options.command = f"make bench-scale PENDING={options.pending} SETTLED={options.settled}"
    if extra := [f"--months {options.months}"] * bool(options.months) + ["--purge"] * options.purge:
        options.command += f' ARGS="{" ".join(extra)}"'
    return options


def _run(options: argparse.Namespace) -> list[dict[str, Any]]:
    with open_server(options.keep) as server:
        small = Side(server, "jurat_small", SMALL, _saying("small"))
        kept, months = options.keep is not None, options.months
        large = Side(server, "jurat_large", options.size, _saying("large"), kept=kept, months=months)
        sides = (small, large)
        try:
            common = {
                "run": now(),
                **stamp(options.command),
                "pending": options.pending,
                "settled": options.settled,
                "small": SMALL.pending,
                "gigabytes": large.state()["bytes"] / 1e9,
                "rounds": options.rounds,
                "versions": {"Python": platform.python_version(), "PostgreSQL": version(large.connection)},
            }
            for side in sides:
                side.filler.settle_down()
            rows = _stage("After a vacuum", sides, common, options)
            if options.settles:
                begun = time.monotonic()
                churn(large, options.settles)
                _saying("large")(f"{options.settles:,} settled in {time.monotonic() - begun:.0f} s")
                rows += _stage(f"After {options.settles:,} settles more", sides, common, options)
            if purged := options.settled // PURGED if options.purge or not kept else 0:
                large.filler.use_up()
            return [*rows, row_of(common, limits.figures(large, purged))]
        finally:
            for side in sides:
                side.close()


def _stage(
    name: str, sides: tuple[Side, Side], common: dict[str, Any], options: argparse.Namespace
) -> list[dict[str, Any]]:
    begun = time.monotonic()
    series = measure(sides, options.rounds, WARM_UP)
    touched = blocks(sides, EXPLAINED, options.plans)
    state = "; ".join(f"{kind}: {_text(side.state())}" for kind, side in zip(("small", "large"), sides, strict=True))
    print(f"{name}: {options.rounds} rounds in {time.monotonic() - begun:.0f} s; {state}", file=sys.stderr, flush=True)
    return rows_of({**common, "state": f"In the end {state}."}, name, series, touched)


def _text(state: Mapping[str, int]) -> str:
    return (
        f"{state['rows']:,} checks and {state['dead']:,} dead rows of theirs, {state['bytes'] / 1e9:.2f} GB, "
        f"{state['autovacuums']} autovacuum{'s' * (state['autovacuums'] != 1)} of them so far"
    )


def _saying(side: str) -> Callable[[str], None]:
    begun = time.monotonic()
    return lambda words: print(f"{time.monotonic() - begun:6.0f} s  {side}: {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
