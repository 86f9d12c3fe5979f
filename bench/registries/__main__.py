"""Shows what the presets decide and what they cost: `make bench-registries`, less than a minute.

    python -m bench.registries                     every preset in every mood, real answers, costs
    python -m bench.registries --lookups 50000    costs over more lookups
    python -m bench.registries --table             the last run
    python -m bench.registries --write-docs        the same, into docs/contributors/how-registries-are-tested.md

The last run is kept in a file of JSON. Ends with 1 when a verdict is wrong, or a figure is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from adapters.registry_tests.examination import examine
from bench.registries.cost import costs
from bench.registries.moods import play
from bench.registries.payloads import FOLDER, all_shown
from bench.registries.report import REPORT, Run, page, tables, wrong
from bench.registries.shipped import NAMES, Shipped
from bench.rig.machine import Usage
from bench.rig.report import now, print_faults, stamp
from jurat.vocabulary import Outcome

LOOKUPS = 20_000


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    runs: list[Run] = []
    if not options.table and not options.write_docs:
        runs = [_run(options.lookups, options.command)]
        options.file.parent.mkdir(parents=True, exist_ok=True)
        options.file.write_text(json.dumps(runs[0], indent=1) + "\n", "utf-8")
    elif options.file.is_file():
        runs = [json.loads(options.file.read_text("utf-8"))]
    return REPORT.show(options, runs, tables, page) or print_faults("WRONG", wrong(runs[0]))


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.registries", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--lookups", type=int, default=LOOKUPS, help="of each preset, for its cost (default %(default)d)"
    )
    REPORT.add_options(parser)
    options = parser.parse_args(arguments)
    if options.lookups < 10:
        parser.error("lookups are 10 or more")
    more = "" if options.lookups == LOOKUPS else f' ARGS="--lookups {options.lookups}"'
    options.command = f"make bench-registries{more}"
    return options


def _run(lookups: int, command: str) -> dict[str, Any]:
    presets = [Shipped.of(name) for name in NAMES]
    before = Usage.now({})
    timed = costs(presets, lookups)
    foreign = (Usage.now({}) - before).foreign_share
    return {
        "at": now(),
        **stamp(command),
        "foreign_share": round(foreign, 3),
        "costs": [{**asdict(cost), "is_kept": cost.is_kept} for cost in timed],
        "moods": _with_right(felt for shipped in presets for felt in play(shipped)),
        "offline": [_examined(shipped) for shipped in presets],
        "payloads": _with_right(all_shown()) if FOLDER.is_dir() else [],
    }


def _with_right(found: Iterable[Any]) -> list[dict[str, Any]]:
    return [{**asdict(each), "is_right": each.is_right} for each in found]


def _examined(shipped: Shipped) -> dict[str, Any]:
    examination = examine(shipped.source, shipped.files.read)
    outcomes = Counter(test.trial.outcome for test in examination.results)
    return {
        "preset": shipped.name,
        "tests": len(examination.results),
        **{outcome.value: outcomes[outcome] for outcome in Outcome},
        "failed": sum(not test.passed for test in examination.results),
        "acted": len(examination.moods),
        "faults": [fault.problem for fault in examination.faults],
    }


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
