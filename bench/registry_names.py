"""Counts how often a stranger's name confirms a record, and compares names in two spellings: `make bench-names`.

    python -m bench.registry_names                 20 times 200 people of all cultures, and 200 of each and of each list
    python -m bench.registry_names --first 100 --show   other people, and the pairs that were taken for one
    python -m bench.registry_names --write-docs    and write the tables into docs/contributors/how-names-are-compared.md

People are invented (tests/adapters/person_names/strangers.py), also those of the national lists of Faker, and those
whose names are written in two ways (tests/adapters/person_names/name-variants.tsv). Ends with 1 when a sample of all
cultures or of a list has more than 2 wrong pairs, all lists together more than 0.3 a sample, or a variant looks like a
stranger's name.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice

from adapters.person_names.comparison import Band, Name, compare
from bench.name_lists import SOURCES, name_list, version
from bench.rig.report import Report, markdown
from tests.adapters.person_names.strangers import (
    CULTURES,
    PEOPLE,
    Person,
    pairs,
    people,
    people_found_by_prefix,
    wrong_acceptances,
)
from tests.adapters.person_names.variants import VARIANTS

REPORT = Report("bench-names", "contributors/how-names-are-compared.md", "registry-names")
BANDS = ("exact", "compatible", "close", "different", "none")
FEW = 60
"""Variants below which a language has no row of its own."""
MOST = 2
"""Wrong pairs that a sample of all cultures, or of a list, may have."""
MOST_ON_AVERAGE = 0.3
"""Wrong pairs that the samples of all lists may have on average."""


@dataclass(slots=True)
class Sample:
    """Samples of 200 people of one kind: how many pairs were taken for one person in each."""

    name: str
    wrong: list[int] = field(default_factory=list)

    @property
    def average(self) -> float:
        return sum(self.wrong) / len(self.wrong)

    def __str__(self) -> str:
        return f"{self.name} {self.average:.1f} ({max(self.wrong)})"


def measure(
    name: str,
    draw: Callable[[int], Sequence[Person]],
    seeds: Iterable[int],
    *,
    show: bool,
    two_surnames: bool = False,
) -> Sample:
    """What `compare` makes of the people of each seed."""
    sample = Sample(name)
    for seed in seeds:
        wrong = wrong_acceptances(draw(seed), two_surnames=two_surnames)
        sample.wrong.append(len(wrong))
        for typed, recorded in wrong if show else ():
            print(f"{name}, seed {seed}: {_shown(typed)} is taken for {_shown(recorded)}")
    return sample


def _shown(name: Name) -> str:
    return f"{name.family}, {name.given}"


def strangers(first: int, seeds: int, each: int, *, show: bool) -> list[Sample]:
    """Samples of all cultures, of people that a search by prefix finds, and of each culture by itself."""
    many, few = range(first, first + seeds), range(first, first + each)
    return [
        measure("all cultures", people, many, show=show),
        measure("given name JO*, family name D*", people_found_by_prefix, many, show=show),
        *(
            measure(
                f"{culture} alone",
                partial(people, cultures=(culture,)),
                few,
                show=show,
                two_surnames=names["surnames"] == 2,
            )
            for culture, names in (CULTURES.items() if each else ())
        ),
    ]


def lists(first: int, each: int, *, show: bool) -> dict[str, Sample]:
    """Samples of each national list, by the list and its source."""
    found = {}
    for locale, source in SOURCES.items() if each else ():
        names = name_list(locale)
        seeds = range(first, first + each)
        sample = measure(locale, names.people, seeds, show=show, two_surnames=names.two_surnames)
        found[source] = sample
    return found


def average(samples: Iterable[Sample]) -> float:
    """Wrong pairs of a sample, over all of them."""
    wrong = [count for sample in samples for count in sample.wrong]
    return sum(wrong) / max(len(wrong), 1)


def variants() -> list[list[str]]:
    """Rows for the languages of the table of variants: how many names are in which band. The last row is for all."""
    counted: dict[str, Counter[str]] = {}
    for variant in VARIANTS:
        band = variant.compared()
        counted.setdefault(variant.language, Counter())["none" if band is None else band.name.lower()] += 1
    rows = {name: found for name, found in counted.items() if found.total() >= FEW}
    others = [found for found in counted.values() if found.total() < FEW]
    rows = dict(sorted(rows.items(), key=lambda pair: -pair[1].total()))
    rows[f"{len(others)} others"] = sum(others, Counter[str]())
    rows["all"] = sum(counted.values(), Counter[str]())
    return [[name, str(found.total()), *(str(found[band]) for band in BANDS)] for name, found in rows.items()]


def microseconds(repeats: int = 3) -> tuple[float, float]:
    """What one comparison takes of a name with itself, and with a stranger's, both in plain letters."""
    plain = [one.recorded for one in people(1) if (one.recorded.family + one.recorded.given).isascii()]
    themselves = [(name, name) for name in plain]
    others = list(islice(((one, other) for one in plain for other in plain if one != other), 5000))
    return tuple(min(_taken(named) for _ in range(repeats)) for named in (themselves, others))  # type: ignore[return-value]


def _taken(named: Sequence[tuple[Name, Name]]) -> float:
    started = time.thread_time()
    for typed, recorded in named:
        compare(typed, [recorded])
    return (time.thread_time() - started) / len(named) * 1e6


def national_lists(samples: Mapping[str, Sample]) -> Iterator[str]:
    """The figures of the lists, and their sources, as Markdown. Nothing if no list was measured."""
    if samples:
        (each,) = {len(sample.wrong) for sample in samples.values()}
        yield (
            f"National lists, as Faker {version()} has them, {_samples(each)} each: on average"
            f" {average(samples.values()):.2f} wrong, and of each list, in all and (at most):"
        )
        rows = [[source, one.name, f"{sum(one.wrong)} ({max(one.wrong)})"] for source, one in samples.items()]
        yield markdown(["country and source", "list", "wrong"], rows)


def _samples(count: int) -> str:
    return "1 sample" if count == 1 else f"{count} samples"


def text(samples: Sequence[Sample], national: Mapping[str, Sample], command: str) -> str:
    """The figures as Markdown."""
    same, other = microseconds()
    by_count = groupby(samples, lambda sample: len(sample.wrong))
    return "\n\n".join(
        (
            f"`{command}`: wrong among the {pairs():,} pairs of {PEOPLE} people, on average and (at most):",
            "\n".join(f"- {_samples(count)} each: {'; '.join(map(str, of_count))}." for count, of_count in by_count),
            *national_lists(national),
            f"In plain letters, a name with itself takes {same:.0f} µs, strangers' names take {other:.0f} µs.",
            f"{len(VARIANTS):,} names in two spellings:",
            markdown(["language", "names", *BANDS], variants()),
        )
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench.registry_names", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--first", type=int, default=1, help="the first seed (%(default)s)")
    parser.add_argument("--seeds", type=int, default=20, help="samples of all cultures together (%(default)s)")
    parser.add_argument("--each", type=int, default=1, help="samples of each culture and list (%(default)s)")
    parser.add_argument("--show", action="store_true", help="print the pairs that were taken for one person")
    parser.add_argument(
        "--write-docs", action="store_true", help="write the tables into docs/contributors/how-names-are-compared.md"
    )
    options = parser.parse_args(arguments)
    samples = strangers(options.first, options.seeds, options.each, show=options.show)
    national = lists(options.first, options.each, show=options.show)
    given = " ".join(each for each in arguments if each not in {"--show", "--write-docs"})
    made = text(samples, national, "make bench-names" + (f' ARGS="{given}"' if given else ""))
    print(made)
    if options.write_docs:
        REPORT.write(made)
    is_well = all(wrong <= MOST for sample in (samples[0], *national.values()) for wrong in sample.wrong)
    is_well = is_well and average(national.values()) <= MOST_ON_AVERAGE
    return 0 if is_well and all(each.compared() is not Band.DIFFERENT for each in VARIANTS) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
