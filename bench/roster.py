"""Times imports of rosters into PostgreSQL and SQLite, and lookups in them: `make bench-rosters`.

    python -m bench.roster [--rows 1000000] [--lookups 2000] [--seed 1] [--write-docs]

All people are invented. The import is `bin/jurat datasets import-roster` in a process of its own, whose memory is what
Linux calls its high-water mark (VmHWM); the lookups are those of a worker's source, to the verdict.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.base import Finding
from adapters.fingerprints import Fingerprints
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
from config.lint import lint
from jurat.database import open_engine
from jurat.seal import key_from_text
from jurat.vocabulary import Outcome
from store.queries import Queries
from store.schema.migrations import upgrade
from tests.rigs.servers import PostgreSQL
from worker.plan_builder import make_plan

REPORT = Report("bench-rosters", "contributors/performance.md", "rosters")

FEWEST_A_SECOND = 40_000

CONFIGURATION = """\
environment: test
sources:
  members:
    type: roster
    dataset: members
    max_age: 3650d
    file: { encoding: utf-8, delimiter: ";", number: Ref No, keep: [Surname, Given name, Status, Valid until] }
    inputs:
      number: { clean: [digits], format: luhn }
      family_name: { clean: [trim] }
      given_name: { clean: [trim] }
    record:
      fields:
        names: '{family: Surname, given: "Given name"}'
        status: Status
        until: { value: '"Valid until"', date: "%d/%m/%Y" }
      status: { active: [Registered], inactive: [Suspended] }
    rules:
      - { check: equals, field: number, input: number }
      - { check: name, family: family_name, given: given_name }
      - { check: status, is: active }
      - { check: valid_at, until: until }
"""
HEADER = "Ref No;Surname;Given name;Status;Valid until;Town;Street;E-mail\n"
_KEY = "Y" * 43 + "="

_STARTS, _MIDDLES, _ENDS = ("Val", "Cor", "Sar", "Bré", "Mon"), ("am", "et", "or", "il"), ("bre", "vec", "del", "nay")
_GIVEN = ("Iris", "Tugdual", "Maëlle", "Solène", "Odilon", "Lazare")


@dataclass(frozen=True, slots=True)
class Person:
    """One invented person; the same number gives the same person always."""

    number: str
    family: str
    given: str

    @classmethod
    def of(cls, index: int) -> Person:
        family = _STARTS[index % 5] + _MIDDLES[index // 5 % 4] + _ENDS[index // 20 % 4]
        return cls(with_check_digit(900_000_000 + index), family, _GIVEN[index // 80 % 6])

    def row(self) -> str:
        """A row of the file, with columns that are not kept."""
        end = f"31/12/{2100 + int(self.number) % 40}"
        return (
            f"{self.number};{self.family};{self.given};Registered;{end};Valmont;12 rue des Tanneurs;"
            f"{self.given}.{self.family}@post.example\n"
        )


def with_check_digit(number: int) -> str:
    """The number with Luhn's digit behind it."""
    digits = [int(digit) for digit in reversed(str(number))]
    total = sum(sum(divmod(digit * 2, 10)) if place % 2 == 0 else digit for place, digit in enumerate(digits))
    return f"{number}{-total % 10}"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the larger list")
    parser.add_argument("--lookups", type=int, default=2_000, help="in each list")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write-docs", action="store_true", help=f"fill in docs/{REPORT.page}")
    given = parser.parse_args(arguments)
    imports: dict[str, list[Import]] = {}
    lookups: list[Lookups] = []
    with (
        PostgreSQL(durable=True, settings=LIKE_PRODUCTION) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        urls = {"PostgreSQL": server.databases.create(), "SQLite": f"sqlite:///{folder}/jurat.db"}
        for engine, url in urls.items():
            imports[engine] = list(measure(engine, url, given, Path(folder), lookups))
    text = tables(imports, lookups)
    print(text)
    if given.write_docs:
        REPORT.write(text)
    return 0 if keeps_promises(imports, lookups) else 1


def measure(name: str, url: str, given: argparse.Namespace, folder: Path, lookups: list[Lookups]) -> Iterator[Import]:
    """Import each size, and look people up in it."""
    engine = open_engine(url)
    upgrade(engine)
    configuration = folder / "jurat.yaml"
    configuration.write_text(CONFIGURATION, "utf-8")
    linted = lint([configuration]).configuration
    assert linted is not None
    for people in sorted({max(1, given.rows // 10), given.rows}):
        file = folder / "members.csv"
        write_roster(file, people)
        words = (file, "--source", "members", "--config", configuration)
        yield run_import(people, "import-roster", "members", *words, JURAT_DATABASE_URL=url, JURAT_HASH_KEYS=_KEY)
        lookups.append(ask(name, linted, Queries(engine), people, given))
    engine.dispose()


def write_roster(file: Path, people: int) -> None:
    """Write the file row by row."""
    with file.open("w", encoding="utf-8") as stream:
        stream.write(HEADER)
        stream.writelines(Person.of(index).row() for index in range(people))


def ask(engine: str, configuration: Configuration, reading: Queries, people: int, given: argparse.Namespace) -> Lookups:
    """Look people up, one at a time and many at once."""
    plan = make_plan(1, configuration, reading, Fingerprints([key_from_text(_KEY, "the key")]), {})
    dice = random.Random(given.seed)
    queries = [answer(Person.of(dice.randrange(people))) for _ in range(given.lookups)]
    looked_up = look_up(engine, people, plan.sources["members"], queries, is_accepted)
    plan.close()
    return looked_up


def is_accepted(found: object) -> bool:
    """Whether the person was found, with the same name."""
    return isinstance(found, Finding) and found.outcome is Outcome.ACCEPTED


def answer(person: Person) -> Mapping[str, str]:
    """What the person types."""
    number = f"{person.number[:4]} {person.number[4:]}"
    return {"number": number, "family_name": person.family.upper(), "given_name": person.given}


def tables(imports: Mapping[str, Sequence[Import]], lookups: Sequence[Lookups]) -> str:
    """Both tables, in Markdown."""
    lines = [[engine, *each.cells()] for engine, several in imports.items() for each in several]
    imported = markdown(("imported into", *IMPORT_HEADS), lines)
    asked = markdown(("looked up in", "people", *LOOKUP_HEADS, "accepted"), [each.cells() for each in lookups])
    return f"{imported}\n\n{asked}"


def keeps_promises(imports: Mapping[str, Sequence[Import]], lookups: Sequence[Lookups]) -> bool:
    """Whether the import into PostgreSQL is as quick and small as promised, and everyone is found soon."""
    quick = imports["PostgreSQL"][-1].rate >= FEWEST_A_SECOND
    small = all(each.memory_mb <= MOST_MEMORY_MB for several in imports.values() for each in several)
    return quick and small and all(each.p50_ms <= SLOWEST_MS and each.found == 1 for each in lookups)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
