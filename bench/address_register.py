"""Imports address bases of three sizes into PostgreSQL and looks addresses up: time, memory, and whether they grow.

    python -m bench.address_register [--rows 1000000] [--look-ups 2000] [--seed 1] [--write-docs]

The addresses are 42,485 real ones of Paris. The larger bases are the same rows again and again, each time in invented
towns with postcodes of their own, and with an invented word in each street's name, for real towns add names and words.
The import is `bin/jurat registers import` in a process of its own, whose memory is what Linux calls its high-water mark
(VmHWM); the look-ups are those of a worker's source.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import itertools
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from adapters.base import Query, of_many
from bench.speed.figures import percentile
from bench.speed.report import markdown, wrapped
from config.configuration import Configuration
from config.document import Document
from config.levels import Level
from jurat.database import open_engine
from store.queries import Queries
from store.schema.migrations import upgrade
from tasks.plan import Plan
from tests.rigs.servers import PostgreSQL
from worker.plan_builder import make_plan

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data" / "ban-paris-1-10.csv.gz"
PAGE = ROOT / "docs" / "contributors" / "performance.md"
BEGIN, END = "<!-- made: address-register -->", "<!-- end -->"

FRANCE = 26_000_000
TOGETHER = 50
MOST_MEMORY_MB = 200.0
SLOWEST_MS = 2.0
LIKE_PRODUCTION = {"shared_buffers": "256MB", "max_wal_size": "2GB"}

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Import:
    """One import: how many rows, how long, and the most memory that its process had."""

    rows: int
    seconds: float
    memory_mb: float

    @property
    def rate(self) -> float:
        """Rows a second, the start of the process left in."""
        return self.rows / self.seconds


@dataclass(frozen=True, slots=True)
class LookUps:
    """Look-ups of one kind in one base; milliseconds of each, and of each of those that were made together."""

    base: int
    kind: str
    p50_ms: float
    p99_ms: float
    together_ms: float
    found: float


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the largest base")
    parser.add_argument("--look-ups", type=int, default=2_000, help="of each kind in each base")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write-docs", action="store_true", help=f"fill in {PAGE.relative_to(ROOT)}")
    given = parser.parse_args(arguments)
    if not DATA.is_file():
        print(f"{DATA} is not there: this bench needs the data beside the repository", file=sys.stderr)
        return 2
    with gzip.open(DATA, "rt", encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter=";"))
    with PostgreSQL(durable=True, settings=LIKE_PRODUCTION) as server, tempfile.TemporaryDirectory() as folder:
        url = server.databases.create()
        imports, look_ups = measure(url, rows, given, Path(folder))
    print(tables(imports, look_ups))
    if given.write_docs:
        text = tables(imports, [each for each in look_ups if each.base == imports[-1].rows])
        PAGE.write_text(filled_in(PAGE.read_text("utf-8"), text), encoding="utf-8")
    return 0 if keeps_promises(imports, look_ups) else 1


def measure(
    url: str, rows: Sequence[Row], given: argparse.Namespace, folder: Path
) -> tuple[list[Import], list[LookUps]]:
    """Import each size, and look addresses up in the smallest and in the largest."""
    engine = open_engine(url)
    upgrade(engine)
    imports: list[Import] = []
    look_ups: list[LookUps] = []
    copies = max(1, given.rows // len(rows))
    sizes = sorted({1, max(1, copies // 4), copies})
    for size in sizes:
        file = DATA if size == 1 else folder / "base.csv"
        if size > 1:
            write_base(file, rows, size)
        imports.append(run_import(url, file, len(rows) * size))
        if size in (sizes[0], sizes[-1]):
            source_plan = plan(Queries(engine))
            look_ups += ask(source_plan, rows, size, given)
            source_plan.close()
    engine.dispose()
    return imports, look_ups


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
    """A word that stands in this street's name in this copy alone, always the same: rows and look-ups must agree."""
    return "".join(random.Random(f"{copy} {street}").choices("aeioubcdfglmnprst", k=8))


def run_import(url: str, file: Path, rows: int) -> Import:
    """Run the command to its end, and watch its memory."""
    environment = {**os.environ, "JURAT_DATABASE_URL": url, "JURAT_BROKER_URL": "none"}
    command = [str(ROOT / "bin" / "jurat"), "registers", "import", "paris", str(file), "--data-date", "2026-11-01"]
    started = time.monotonic()
    memory = 0.0
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            memory = max(memory, high_water_mb(process.pid))
            time.sleep(0.02)
    if process.returncode:
        raise SystemExit(f"the import of {rows:,} rows ended with {process.returncode}")
    return Import(rows, time.monotonic() - started, memory)


def high_water_mb(pid: int) -> float:
    """The most memory that a process has had; 0 where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def plan(reading: Queries) -> Plan:
    """A worker's sources, of which `towns` is the register."""
    document: dict[str, Any] = {
        "environment": "test",
        "sources": {"towns": {"type": "address-file", "register": "paris"}},
        "criteria": {"lives-in": {"source": "towns", "open": ["zone"]}},
        "consultations": {},
    }
    return make_plan(1, Configuration.of(Document.model_validate(document)), reading, None, {})


def ask(made: Plan, rows: Sequence[Row], copies: int, given: argparse.Namespace) -> Iterator[LookUps]:
    """Each kind, one at a time and many at once."""
    source = made.sources["towns"]
    many = of_many(source)
    assert many is not None
    dice = random.Random(given.seed)
    numbered = [row for row in rows if row["numero"].strip("0")]
    for kind, spoil in (("exact", exact), ("one typo", misspelled), ("no such street", invented)):
        chosen = [moved(dice.choice(numbered), dice.randrange(copies)) for _ in range(given.look_ups)]
        queries = [Query(spoil(row, dice)) for row in chosen]
        for query in queries[:20]:
            source.look_up(query)  # connections, plans
        took: list[float] = []
        found = 0
        for query in queries:
            started = time.perf_counter()
            places = source.look_up(query)
            took.append((time.perf_counter() - started) * 1000)
            found += any(place.level is Level.HOUSENUMBER for place in places.places)  # type: ignore[union-attr]
        started = time.perf_counter()
        for start in range(0, len(queries), TOGETHER):
            many.look_up_many(queries[start : start + TOGETHER])
        together = (time.perf_counter() - started) * 1000 / len(queries)
        base = len(rows) * copies
        yield LookUps(base, kind, percentile(took, 0.5), percentile(took, 0.99), together, found / len(queries))


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
    """The same in a street that nobody has."""
    return {**exact(row, dice), "street": f"rue {''.join(dice.choices('bcdfglmnprst', k=9))}"}


def tables(imports: Sequence[Import], look_ups: Sequence[LookUps]) -> str:
    """Both tables, in Markdown."""
    largest = imports[-1]
    imported = markdown(
        ("rows", "seconds", "rows/s", "most memory (MB)", ""),
        [
            (f"{each.rows:,}", f"{each.seconds:.1f}", f"{each.rate:,.0f}", f"{each.memory_mb:.0f}", "")
            for each in imports
        ],
    )
    asked = markdown(
        ("what was typed", "rows", "p50 (ms)", "p99 (ms)", f"each of {TOGETHER} at once (ms)", "house found"),
        [
            (
                each.kind,
                f"{each.base:,}",
                f"{each.p50_ms:.2f}",
                f"{each.p99_ms:.2f}",
                f"{each.together_ms:.2f}",
                f"{each.found:.1%}",
            )
            for each in look_ups
        ],
    )
    said = wrapped(
        f"At the pace of the largest, all of France ({FRANCE:,} rows) takes {FRANCE / largest.rate / 60:.0f} minutes. "
        "In the invented towns each street has a word of its own in its name."
    )
    return f"{imported}\n\n{said}\n\n{asked}"


def keeps_promises(imports: Sequence[Import], look_ups: Sequence[LookUps]) -> bool:
    """Whether memory stays within its bound, and look-ups of every kind in the real base within theirs."""
    real = [each for each in look_ups if each.base == imports[0].rows]
    within = all(each.memory_mb <= MOST_MEMORY_MB for each in imports)
    return within and all(each.p50_ms <= SLOWEST_MS for each in real)


def filled_in(page: str, text: str, mark: str = BEGIN) -> str:
    """The text of a page with the figures between its marks made anew. Raises ValueError where it has no such marks."""
    before, begin, rest = page.partition(mark)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {mark} with an {END} after it")
    return f"{before}{mark}\n\n{text}\n\n{END}{after}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
