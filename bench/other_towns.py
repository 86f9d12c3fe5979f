"""Asks the rule about towns that it has never seen, in many languages and styles of naming: `make bench-towns`.

    python -m bench.other_towns                    100 queries of each kind for each of the towns, in memory
    python -m bench.other_towns --seed 7 --show    other streets and queries, and those that were decided wrongly
    python -m bench.other_towns --write-docs       run nothing, put the last runs into the docs

Each town is an address base of its own, whose positions are up to 15 m from the true ones, asked through the adapter
`address-file` and the rule with nothing changed. Zones are cells that cut the town without regard to its streets. Rows
go to a file of JSON lines. Ends with 1 when a decision was wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bench.addresses import report, zones
from bench.addresses.geocoders import Geocoder, alone
from bench.addresses.queries import ORDINARY, Kind, queries
from bench.addresses.questions import Looked, Tally, direct, questions
from bench.addresses.towns import OFF_M, TOWNS, Town, build, write_base
from bench.rig.report import read

ZONES = 12


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench.other_towns", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--each", type=int, default=100, help="queries of each kind for each town (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of streets, zones and queries (%(default)s)")
    parser.add_argument("--show", action="store_true", help="print the wrong ones")
    report.TOWNS.add_options(parser)
    options = parser.parse_args(arguments)
    if options.table or options.write_docs:
        return report.TOWNS.show(options, read(options.file), report.tables, report.page)
    by_kind = {kind: Tally() for kind in ORDINARY}
    by_town: dict[str, Tally] = {}
    for town in TOWNS:
        by_town[f"{town.name} ({town.style.language})"] = of_town = Tally()
        for kind, tally in ask(town, options.each, options.seed, show=options.show).items():
            by_kind[kind].add(tally)
            of_town.add(tally)
    caption = (
        f"`{{ type: address-file }}`, all else by default: {len(TOWNS)} invented towns with {ZONES} zones each, "
        f"positions up to {OFF_M:g} m from the true ones."
    )
    command = report.command("bench-towns", arguments)
    rows = report.rows_of("other towns, by kind of query", caption, command, by_kind)
    rows += report.rows_of("other towns, by town", caption, command, by_town, "town (language)")
    return report.keep(options, rows)


def ask(town: Town, each: int, seed: int, *, show: bool = False) -> dict[Kind, Tally]:
    """What becomes of `each` queries of every kind about `town`."""
    rows = build(town, seed)
    cells = zones.cut(zones.around([row.point for row in rows]), ZONES, seed)
    asked = questions(list(queries(rows, each, seed, town.style)), cells)
    with tempfile.TemporaryDirectory(prefix="jurat-bench-") as folder:
        base = Path(folder) / "base.csv"
        write_base(base, rows, seed)
        options = {"type": "address-file", "path": str(base), "language": town.style.language}
        with alone(Geocoder(options)) as source:
            return direct(Looked(source), asked, language=town.style.language, show=show)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
