"""Asks a real Nominatim what people type, and counts what the rule decides, and what wrongly: `make bench-nominatim`.

    python -m bench.real_nominatim                 Helsinki, as OpenStreetMap has it; build/nominatim the first time
    python -m bench.real_nominatim --seed 7        other queries and zones
    python -m bench.real_nominatim --write-docs    run nothing, put the last runs into the docs
    python -m bench.real_nominatim --extract FILE.osm.pbf --city Vaduz --language de   another extract

The addresses are those of the extract itself, and the zones are cells that cut it without regard to its streets. The
language is one that has no table of words: nothing here was made for it. Adapter and rule alone, in this process. Rows
go to a file of JSON lines. Ends with 1 when a decision was wrong, with 2 when something is missing: nothing is
installed but into build/nominatim, and what this machine lacks is named.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from adapters.base import SourceError
from bench.addresses import report, zones
from bench.addresses.geocoders import Geocoder, alone
from bench.addresses.nominatim import VERSION, NotHere, nominatim
from bench.addresses.queries import queries
from bench.addresses.questions import Looked, direct, questions
from bench.addresses.styles import ENGLISH, FINNISH, FRENCH, GERMAN, ITALIAN, SPANISH
from bench.rig import ROOT
from bench.rig.report import read
from tests.rigs.servers import NoServer, ServerFailed

FOLDER = ROOT / "build" / "nominatim"
CITY = "Helsinki"
STYLES = {"fi": FINNISH, **{style.language: style for style in (ENGLISH, FRENCH, GERMAN, ITALIAN, SPANISH)}}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench.real_nominatim", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--each", type=int, default=500, help="queries of each kind (%(default)s)")
    parser.add_argument("--zones", type=int, default=12, help="cells that the extract is cut into (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn (%(default)s)")
    parser.add_argument("--show", action="store_true", help="print what is wrong: real addresses, for the screen alone")
    parser.add_argument("--extract", type=Path, help="an extract of OpenStreetMap instead of Helsinki")
    parser.add_argument("--city", default=CITY, help="of houses that name none (%(default)s)")
    parser.add_argument("--language", choices=STYLES, default="fi", help="of what people type (%(default)s)")
    parser.add_argument("--folder", type=Path, help="where all of it is (build/nominatim, or of the extract's name)")
    report.NOMINATIM.add_options(parser)
    options = parser.parse_args(arguments)
    if options.table or options.write_docs:
        return report.NOMINATIM.show(options, read(options.file), report.tables, report.page)
    style, extract = STYLES[options.language], options.extract and options.extract.resolve()
    folder = options.folder or (FOLDER.with_name(f"nominatim-{extract.name.split('.')[0]}") if extract else FOLDER)
    try:
        with nominatim(folder.resolve(), options.city, extract) as running:
            source = Geocoder({"type": "nominatim", "url": running.url, "language": style.language})
            cells = zones.cut(zones.around([house.point for house in running.houses]), options.zones, options.seed)
            asked = questions(list(queries(running.houses, options.each, options.seed, style)), cells)
            with alone(source) as one:
                looked = Looked(one)
                tallies = direct(looked, asked, language=source.language, show=options.show)
                took = looked.timings()
    except (NotHere, NoServer, ServerFailed, SourceError) as error:
        return report.NOMINATIM.fail(str(error))
    command = report.command("bench-nominatim", arguments)
    caption = (
        f"{source.described()}. Nominatim {VERSION} with {len(running.houses):,} addresses of {options.city}, from "
        f"OpenStreetMap. {took}."
    )
    place = f" of {options.city}" if extract else ""
    part = f"nominatim{place}, adapter and rule alone, {len(cells)} cells"
    return report.keep(options, report.rows_of(part, caption, command, tallies))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
