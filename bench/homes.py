"""Counts the homes that verdicts find again: `make bench-homes`.

    python -m bench.homes                three invented towns, a village, and real addresses where they are at hand
    python -m bench.homes --seed 7       other towns, houses and zones
    python -m bench.homes --draws 5      so many sets of six zones for each place

Anyone who may read verdicts and has the public address base can compute the verdict of every house. So this does the
same: each house of a base confirms its own address in six consultations, each about another zone, and the six verdicts
are joined by participant. A home is unique where no other house has the same six verdicts. Zones are of one map, or of
six maps that overlap. "in review" is the evidence that reviewers see until a review ends, "settled" what verdicts keep.
Ends with 1 where verdicts find too many homes.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adapters.address.zones import ZoneGeometry
from adapters.base import Places, Query, Source
from bench.addresses import zones
from bench.addresses.geocoders import NAME, Geocoder, alone
from bench.addresses.queries import Row, read_base
from bench.addresses.towns import TOWNS, Town, build, write_base
from bench.real_addresses import DATA, ZONES
from bench.rig.report import markdown
from config.configuration import Configuration, Question
from config.document import Document
from jurat.ids import uuid7
from tasks.checks import ClaimedCheck, Settle
from tasks.rules.decision import decide
from tasks.rules.residence import decide_residence

JOINED = 6
FEW = 5
MOST_UNIQUE, MOST_FEW = 1.0, 5.0
"""Percent of homes that may be unique, and that may share their verdicts with fewer than `FEW` - 1 others."""

HEADS = ("place", "zones", "homes", "evidence", "unique %", f"fewer than {FEW} %", "half share with at least")
BASE = DATA / "ban-paris-1-10.csv.gz"
Asked = tuple[Mapping[str, str], Places]
"""A home's own address as an answer, and what the source finds for it."""

VILLAGE = replace(TOWNS[0], name="Breton village", streets=20)


@dataclass(frozen=True)
class Groups:
    """How many homes share the same verdicts. `sizes` has the size of its group for each home."""

    sizes: Sequence[int]

    @classmethod
    def of(cls, verdicts: Sequence[str]) -> Groups:
        """The groups of homes, each given by its verdicts."""
        counts = Counter(verdicts)
        return cls(sorted(counts[each] for each in verdicts))

    def below(self, size: int) -> float:
        """Percent of homes in groups smaller than `size`."""
        return 100 * sum(each < size for each in self.sizes) / len(self.sizes)

    @property
    def unique(self) -> float:
        """Percent of homes with verdicts of their own."""
        return self.below(2)

    @property
    def found(self) -> bool:
        """Whether too many homes are found again."""
        return self.unique > MOST_UNIQUE or self.below(FEW) > MOST_FEW

    def cells(self) -> list[str]:
        """For the table."""
        return [f"{self.unique:.2f}", f"{self.below(FEW):.2f}", f"{self.sizes[(len(self.sizes) - 1) // 2]:,}"]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench.homes", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="of towns, zones and draws (%(default)s)")
    parser.add_argument("--draws", type=int, default=1, help="sets of zones for each place (%(default)s)")
    parser.add_argument("--towns", type=int, default=3, help="invented towns, besides a village (%(default)s)")
    options = parser.parse_args(arguments)
    lines: list[list[str]] = []
    found = False
    for place, which, in_review, settled in _measured(options.seed, options.draws, options.towns):
        for name, groups in (("in review", in_review), ("settled", settled)):
            lines.append([place, which, f"{len(groups.sizes):,}", name, *groups.cells()])
        found = found or settled.found
        print(*lines[-2:], sep="\n", file=sys.stderr)
    print(markdown(HEADS, lines))
    return 1 if found else 0


def _measured(seed: int, draws: int, towns: int) -> Iterator[tuple[str, str, Groups, Groups]]:
    for town in (VILLAGE, *random.Random(seed).sample(TOWNS, towns)):
        yield from of_town(town, seed, draws)
    missing = [path.name for path in (BASE, *ZONES) if not path.is_file()]
    if missing:
        print(f"real addresses are left out: there is no {', '.join(missing)} next to the repository", file=sys.stderr)
        return
    shapes = [shape for path in ZONES for shape in zones.read(path)]
    sets = [("real ones", random.Random(seed + draw).sample(shapes, JOINED)) for draw in range(draws)]
    yield from _of_base("Paris 1 to 10", BASE, "fr", sets)


def of_town(town: Town, seed: int, draws: int) -> Iterator[tuple[str, str, Groups, Groups]]:
    """The name, the kind of zones and both groups for each set of zones of an invented town."""
    rows = build(town, seed)
    box = zones.around([row.point for row in rows])
    sets = []
    for draw in range(draws):
        dice = random.Random(f"{seed} {draw}")
        sets.append(("one map", dice.sample(zones.cut(box, 2 * JOINED, seed + draw), JOINED)))
        maps = [zones.cut(box, dice.randint(3, 8), dice.randrange(10**6)) for _ in range(JOINED)]
        sets.append(("six maps", [dice.choice(cells) for cells in maps]))
    with tempfile.TemporaryDirectory(prefix="jurat-bench-") as folder:
        base = Path(folder) / "base.csv"
        write_base(base, rows, seed)
        yield from _of_base(town.name, base, town.style.language, sets)


def _of_base(
    name: str, base: Path, language: str, sets: Sequence[tuple[str, Sequence[zones.Shape]]]
) -> Iterator[tuple[str, str, Groups, Groups]]:
    geocoder = Geocoder({"type": "address-file", "path": str(base), "language": language})
    with alone(geocoder) as source:
        asked = [(answer, _found(source, answer)) for answer in map(_answer, read_base(base))]
    for which, shapes in sets:
        around = [ZoneGeometry(f"{shape.name}-{number}", 1, shape.wkb) for number, shape in enumerate(shapes)]
        in_review, settled = (groups(asked, around, geocoder, review=review) for review in (True, False))
        yield name, which, in_review, settled


def groups(asked: Sequence[Asked], around: Sequence[ZoneGeometry], geocoder: Geocoder, *, review: bool) -> Groups:
    """The groups of homes by their verdicts about all zones `around`; with `review`, by what reviewers see of them."""
    language, question = geocoder.language, _question(geocoder)

    def said(answer: Mapping[str, str], found: Places, zone: ZoneGeometry) -> tuple[Any, ...]:
        if review:
            residence = decide_residence(answer, found, zone, language=language)
            return residence.outcome, residence.reason, residence.evidence
        decision = decide(_HELD, question, found, answer=answer, zone=zone, jitter=0, language=language)
        assert isinstance(decision, Settle)
        return decision.outcome, decision.reason, decision.evidence, str(decision.data_date)

    return Groups.of([json.dumps([said(*one, zone) for zone in around]) for one in asked])


def _answer(row: Row) -> dict[str, str]:
    return {"number": row.number, "street": row.street, "postcode": row.postcode, "city": row.city}


def _found(source: Source, answer: Mapping[str, str]) -> Places:
    found = source.look_up(Query(answer, timeout=60))
    assert isinstance(found, Places)
    return found


def _question(geocoder: Geocoder) -> Question:
    document = Document.model_validate(geocoder.document({"home": "home"}))
    return Configuration.of(document).questions["bench", "home"]


_HELD = ClaimedCheck(uuid7(), 1, "bench", "p-1", "home", NAME, b"", "key", lookups=0, lost_leases=0, seconds_left=3600)

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
