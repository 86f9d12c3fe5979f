"""Times imports of address bases of three sizes into PostgreSQL, and lookups in them: `make bench-datasets`.

    python -m bench.address_dataset [--rows 1000000] [--lookups 2000] [--seed 1] [--write-docs]

The addresses are 42,485 real ones of Paris. The larger bases are the same rows again and again, each time in invented
towns with postcodes of their own, and with an invented word in each street's name, for real towns add names and words.
The import is `bin/jurat datasets import-addresses` in a process of its own, whose memory is what Linux calls its
high-water mark (VmHWM); the lookups are those of a worker's source.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import itertools
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from adapters.base import Places
from bench.rig import ROOT
from bench.rig.data_import import (
    IMPORT_HEADS,
    LIKE_PRODUCTION,
    LOOKUP_HEADS,
    MOST_MEMORY_MB,
    SLOWEST_MS,
    Import,
    Lookups,
    look_up,
    run_import,
)
from bench.rig.report import Report, markdown
from config.configuration import Configuration
from config.document import Document
from config.levels import Level
from jurat.database import open_engine
from store.queries import Queries
from store.schema.migrations import upgrade
from tasks.plan import Plan
from tests.rigs.servers import PostgreSQL
from worker.plan_builder import make_plan

DATA = ROOT.parent / "shared" / "data" / "ban-paris-1-10.csv.gz"
REPORT = Report("bench-datasets", "contributors/performance.md", "address-datasets")

FRANCE = 26_000_000

Row = Mapping[str, str]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the largest base")
    parser.add_argument("--lookups", type=int, default=2_000, help="of each kind in each base")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write-docs", action="store_true", help=f"fill in docs/{REPORT.page}")
    given = parser.parse_args(arguments)
    if not DATA.is_file():
        print(f"{DATA} is not there: this bench needs the data next to the repository", file=sys.stderr)
        return 2
    with gzip.open(DATA, "rt", encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter=";"))
    with PostgreSQL(durable=True, settings=LIKE_PRODUCTION) as server, tempfile.TemporaryDirectory() as folder:
        url = server.databases.create()
        imports, lookups = measure(url, rows, given, Path(folder))
    text = tables(imports, lookups)
    print(text)
    if given.write_docs:
        REPORT.write(text)
    return 0 if keeps_promises(imports, lookups) else 1


def measure(
    url: str, rows: Sequence[Row], given: argparse.Namespace, folder: Path
) -> tuple[list[Import], list[Lookups]]:
    """Import each size, and look addresses up in the smallest and in the largest."""
    engine = open_engine(url)
    upgrade(engine)
    imports: list[Import] = []
    lookups: list[Lookups] = []
    copies = max(1, given.rows // len(rows))
    sizes = sorted({1, max(1, copies // 4), copies})
    for size in sizes:
        file = DATA if size == 1 else folder / "base.csv"
        if size > 1:
            write_base(file, rows, size)
        words = (file, "--data-date", "2026-11-01")
        imports.append(run_import(len(rows) * size, "import-addresses", "paris", *words, JURAT_DATABASE_URL=url))
        if size in (sizes[0], sizes[-1]):
            source_plan = plan(Queries(engine))
            lookups += ask(source_plan, rows, size, given)
            source_plan.close()
    engine.dispose()
    return imports, lookups


def write_base(file: Path, rows: Sequence[Row], copies: int) -> None:
    """The rows as they are, and so many times less one in towns of their own. Written row by row."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys(), delimiter=";")
        writer.writeheader()
        for copy, row in itertools.product(range(copies), rows):
            writer.writerow(moved(row, copy))


def moved(row: Row, copy: int) -> dict[str, str]:
    """The row in the invented towns of this number; 0 are the real ones."""
    if not copy:
        return dict(row)
    district = row["code_postal"][-2:]
    return {
        **row,
        "nom_voie": f"{row['nom_voie']} {new_word(row['nom_voie'], copy)}",
        "code_postal": f"Z{copy:04}{district}",
        "code_insee": f"Y{copy:04}{district}",
        "nom_commune": f"Valmont {copy} {district}",
    }


@cache
def new_word(street: str, copy: int) -> str:
    """A word that is in this street's name in this copy alone, always the same: rows and lookups must agree."""
    return "".join(random.Random(f"{copy} {street}").choices("aeioubcdfglmnprst", k=8))


def plan(reading: Queries) -> Plan:
    """A worker's sources, of which `towns` is the dataset."""
    document: dict[str, Any] = {
        "environment": "test",
        "sources": {"towns": {"type": "address-file", "dataset": "paris"}},
        "criteria": {"lives-in": {"source": "towns", "open": ["zone"]}},
        "consultations": {},
    }
    return make_plan(1, Configuration.of(Document.model_validate(document)), reading, None, {})


def ask(made: Plan, rows: Sequence[Row], copies: int, given: argparse.Namespace) -> Iterator[Lookups]:
    """Look up addresses of each kind, one at a time and many at once."""
    dice = random.Random(given.seed)
    numbered = [row for row in rows if row["numero"].strip("0")]
    for kind, spoil in (("exact", exact), ("one typo", misspelled), ("no such street", invented)):
        chosen = [moved(dice.choice(numbered), dice.randrange(copies)) for _ in range(given.lookups)]
        queries = [spoil(row, dice) for row in chosen]
        yield look_up(kind, len(rows) * copies, made.sources["towns"], queries, is_house)


def is_house(found: object) -> bool:
    """Whether a house is among the places that were found."""
    return isinstance(found, Places) and any(place.level is Level.HOUSENUMBER for place in found.places)


def exact(row: Row, _: random.Random) -> dict[str, str]:
    """The address as the base has it."""
    return {
        "number": f"{row['numero']} {row['rep']}".strip(),
        "street": row["nom_voie"],
        "postcode": row["code_postal"],
        "city": row["nom_commune"],
    }


def misspelled(row: Row, dice: random.Random) -> dict[str, str]:
    """The same with a letter missing in the longest word of the street."""
    longest = max(row["nom_voie"].split(), key=len)
    place = dice.randrange(1, max(2, len(longest)))
    return {**exact(row, dice), "street": row["nom_voie"].replace(longest, longest[:place] + longest[place + 1 :])}


def invented(row: Row, dice: random.Random) -> dict[str, str]:
    """The same in a street that does not exist."""
    return {**exact(row, dice), "street": f"rue {''.join(dice.choices('bcdfglmnprst', k=9))}"}


def tables(imports: Sequence[Import], lookups: Sequence[Lookups]) -> str:
    """Both tables, in Markdown."""
    imported = markdown(IMPORT_HEADS, [each.cells() for each in imports])
    asked = markdown(("what was typed", "rows", *LOOKUP_HEADS, "house found"), [each.cells() for each in lookups])
    return (
        f"{imported}\n\nAt the pace of the largest, all of France ({FRANCE:,} rows) takes "
        f"{FRANCE / imports[-1].rate / 60:.0f} minutes. In the invented towns each street has a word of its own in its "
        f"name.\n\n{asked}"
    )


def keeps_promises(imports: Sequence[Import], lookups: Sequence[Lookups]) -> bool:
    """Whether memory stays within its bound, and lookups of every kind in the real base within theirs."""
    real = [each for each in lookups if each.rows == imports[0].rows]
    within = all(each.memory_mb <= MOST_MEMORY_MB for each in imports)
    return within and all(each.p50_ms <= SLOWEST_MS for each in real)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
