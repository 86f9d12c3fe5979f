"""Breaks a running fleet in every way that we know and counts what was lost: `make faults`, `make faults-short`.

    python -m bench.faults                              every scenario with seed 1
    python -m bench.faults kill sigstop --seed 7        two of them with another seed
    python -m bench.faults --short --checks 300         those that end soon
    python -m bench.faults --table                      show what is in the file

Rows go to a file of JSON lines. A scenario that stands there with the same seed, size and commit is not run again.
Ends with 1 when a promise was broken or a figure missed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.faults import table
from bench.faults.runner import revision, run
from bench.faults.scenarios import ALL, BY_NAME
from bench.faults.supervisor import ROOT


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench.faults", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("scenario", nargs="*", metavar="SCENARIO", help=f"one of: {', '.join(BY_NAME)} (default: all)")
    parser.add_argument("--seed", type=int, nargs="+", default=[1], help="of what is random; several give a run each")
    parser.add_argument("--checks", type=int, help="submits in each scenario (default 2000, short 300)")
    parser.add_argument("--short", action="store_true", help="fewer and shorter faults")
    parser.add_argument("--file", type=Path, help="where rows are kept (default build/faults.jsonl)")
    parser.add_argument("--anew", action="store_true", help="forget the rows in the file")
    parser.add_argument("--table", action="store_true", help="run nothing, show the file")
    options = parser.parse_args(arguments)
    for name in options.scenario:
        if name not in BY_NAME:
            parser.error(f"there is no scenario {name!r}; there are: {', '.join(BY_NAME)}")
    file: Path = options.file or ROOT / "build" / ("faults-short.jsonl" if options.short else "faults.jsonl")
    if options.anew:
        file.unlink(missing_ok=True)
    checks = options.checks or (300 if options.short else 2000)
    chosen = [BY_NAME[name] for name in options.scenario] or [one for one in ALL if one.short or not options.short]
    now = revision()
    bad = 0
    for seed in () if options.table else options.seed:
        for scenario in chosen:
            key = (scenario.name, seed, checks, now)
            if any((row["scenario"], row["seed"], row["wanted"], row["revision"]) == key for row in table.read(file)):
                print(f"{scenario.name}, seed {seed}: in {file} already", file=sys.stderr)
                continue
            if reason := scenario.skip():
                print(f"{scenario.name}: skipped, {reason}", file=sys.stderr)
                continue
            print(f"{scenario.name}, seed {seed} …", file=sys.stderr, flush=True)
            row = run(scenario, checks=checks, seed=seed, short=options.short, kept=file.parent / "faults-logs")
            table.append(file, {**row, "wanted": checks})
            verdict = "; ".join(row["missed"]) or "kept every promise"
            print(f"    {verdict} ({row['spent_s']:.0f} s)", file=sys.stderr, flush=True)
            bad += bool(row["missed"])
    print(table.markdown(table.read(file)))
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
