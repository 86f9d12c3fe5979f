"""Asks a real geocoder what people type, and counts what the rule decides, and what wrongly: `make bench-addresses`.

    python -m bench.real_addresses                         addok, 10,000 queries, 20,000 checks through all of jurat
    python -m bench.real_addresses --direct                adapter and rule alone, each query for both sets of zones
    python -m bench.real_addresses --source address-file   the addresses themselves; `dataset`: from the database
    python -m bench.real_addresses --direct --seed 7       other queries, which no rule was tried on
    python -m bench.real_addresses --write-docs            run nothing, put the last runs into the docs

Real PostgreSQL, Valkey and two worker processes; the geocoder is started where it does not run. Each query is asked for
the zone of its address and for a neighbouring one. "decided" counts the questions whose true point is farther from that
border than the margin. Rows go to a file of JSON lines. Ends with 1 when a decision was wrong.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from adapters.base import SourceError
from bench.addresses import report, zones
from bench.addresses.addok import NoAddok, addok
from bench.addresses.geocoders import Geocoder, alone, geocoder
from bench.addresses.queries import Kind, Typed, queries, read_base
from bench.addresses.questions import Looked, Question, Tally, direct, questions
from bench.addresses.verdicts import verdicts
from bench.rig import ROOT
from bench.rig.report import read
from tests.rigs.servers import NoServer, ServerFailed

DATA = ROOT.parent / "shared" / "data"
ZONES = (DATA / "quartiers-paris-1-10.geojson", DATA / "arrondissements-paris-1-10.geojson")

Tallies = Mapping[Kind, Tally]


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    if options.table or options.write_docs:
        return report.REPORT.show(options, read(options.file), report.tables, report.page)
    if missing := [str(path) for path in (options.base, *options.zones) if not path.is_file()]:
        return report.REPORT.fail(f"there is no {', '.join(missing)}; name others")
    typed = list(queries(read_base(options.base), options.each, options.seed))
    sets = {path.stem: zones.read(path) for path in options.zones}
    source = geocoder(options.source, options.url, options.base)
    try:
        with addok(options.url) if options.source == "addok" else contextlib.nullcontext():
            run = _direct if options.direct else _through_jurat
            tallies, took = run(source, typed, sets, options)
    except (NoAddok, NoServer, ServerFailed, SourceError, subprocess.CalledProcessError, TimeoutError) as error:
        return report.REPORT.fail(str(error))
    caption = f"{source.described()}. {took}."
    way = ", adapter and rule alone" if options.direct else ", through worker processes"
    rows = [
        row
        for name, of_set in tallies.items()
        for row in report.rows_of(
            f"{options.source}{way}, {len(sets[name])} zones ({name})", caption, options.command, of_set
        )
    ]
    return report.keep(options, rows)


def _direct(
    source: Geocoder, typed: Sequence[Typed], sets: Mapping[str, list[zones.Shape]], options: argparse.Namespace
) -> tuple[dict[str, Tallies], str]:
    """Every query for every set of zones, in this process."""
    with alone(source) as one:
        looked = Looked(one)
        tallies: dict[str, Tallies] = {
            name: direct(looked, questions(typed, shapes), language=source.language, show=options.show)
            for name, shapes in sets.items()
        }
        return tallies, looked.timings()


def _through_jurat(
    source: Geocoder, typed: Sequence[Typed], sets: Mapping[str, list[zones.Shape]], options: argparse.Namespace
) -> tuple[dict[str, Tallies], str]:
    """The queries for the sets of zones in turn: each is a check or two, and all go through the same workers."""
    asked: list[tuple[str, Question]] = [
        (name, question)
        for place, (name, shapes) in enumerate(sets.items())
        for question in questions(typed[place :: len(sets)], shapes)
    ]
    shapes = [shape for of_set in sets.values() for shape in of_set]
    found, took = verdicts([question for _, question in asked], shapes, source)
    tallies: dict[str, dict[Kind, Tally]] = {name: collections.defaultdict(Tally) for name in sets}
    for (name, question), (outcome, reason) in zip(asked, found, strict=True):
        if tallies[name][question.typed.kind].count(question, outcome, reason) and options.show:
            print("WRONG", outcome, question.typed, question.zone.name, file=sys.stderr)
    return dict(tallies), took


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.real_addresses", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--direct", action="store_true", help="adapter and rule in this process, without a fleet")
    parser.add_argument("--source", default="addok", choices=["addok", "address-file", "dataset"])
    parser.add_argument("--url", default="http://127.0.0.1:17878", help="the geocoder (%(default)s)")
    parser.add_argument("--base", type=Path, default=DATA / "ban-paris-1-10.csv.gz", help="the addresses to draw from")
    parser.add_argument("--zones", type=Path, nargs="+", default=list(ZONES), help="files of zones, GeoJSON")
    parser.add_argument("--each", type=int, default=1000, help="queries of each kind (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn (%(default)s)")
    parser.add_argument("--show", action="store_true", help="print what is wrong: real addresses, for the screen alone")
    report.REPORT.add_options(parser)
    options = parser.parse_args(arguments)
    if options.each < 1:
        parser.error("--each is more than nothing")
    options.command = report.command("bench-addresses", arguments)
    return options


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
