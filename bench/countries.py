"""Asks the rule about real towns of other countries, whose lists lie in a folder: `make bench-countries`.

    python -m bench.countries                         Paris, and every set of bench/addresses/sets.toml that is there
    python -m bench.countries --folder DIR --only Bern --show    one town; and what was decided wrongly
    python -m bench.countries --last                  the sets as well that are left untouched until the last run

Nothing of the lists is part of the project: `sets.toml` says where each is from. The adapter `address-file` and the
rule alone, with nothing changed; zones are cells that cut the towns without regard to their streets. Half of the ranges
lie across a border. Ends with 1 when a decision was wrong, with 2 when no set is there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_args

import shapely

from bench.addresses import zones
from bench.addresses.geocoders import Geocoder, alone
from bench.addresses.lists import listed_questions
from bench.addresses.queries import MIX, OF_HAMLETS, TRAPS, Kind, Row, Typed, queries, read_base
from bench.addresses.questions import Looked, Question, Tally, direct, questions
from bench.addresses.sets import read_sets, write_rows
from bench.addresses.styles import STYLES
from bench.addresses.traps import traps
from bench.rig import ROOT
from bench.rig.report import markdown
from config.addresses import StreetLanguage
from jurat.vocabulary import Reason

PARIS = ROOT.parent / "shared" / "data" / "ban-paris-1-10.csv.gz"
RANGES = 20
"""So many ranges are made for each that is asked, to find some across a border."""

Tallies = Mapping[Kind, Tally]


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    found: dict[str, tuple[Tallies, Tally]] = {}
    for name, language, rows in _towns(options):
        found[f"{name} ({language})"] = one = ask(language, rows, options)
        print(
            f"{name}: {len(rows):,} addresses, {sum(tally.wrong for tally in one[0].values())} wrong", file=sys.stderr
        )
    if not found:
        print(f"bench-countries: no set is in {options.folder}; bench/addresses/sets.toml has them", file=sys.stderr)
        return 2
    print("\n\n".join(tables(found)))
    return 1 if any(tally.wrong for of_kinds, of_mix in found.values() for tally in (*of_kinds.values(), of_mix)) else 0


def ask(language: str, rows: list[Row], options: argparse.Namespace) -> tuple[Tallies, Tally]:
    """What becomes of the queries about a town: by kind, and of all of the mix."""
    style, each, seed = STYLES[language], options.each, options.seed
    points = sorted({row.point for row in rows})
    cells = zones.cut(zones.around(points), options.zones, seed, points)  # across villages, not between them
    trapped = [one for one in traps(rows, each, seed, style) if one.kind is not Kind.RANGE]
    ranges = list(traps(rows, each * RANGES, seed, style, [Kind.RANGE]))
    typed = [*queries(rows, dict.fromkeys(OF_HAMLETS, each), seed, style), *trapped, *half_torn(ranges, cells, each)]
    counts = {kind: options.mix * share // 100 for kind, share in MIX.items()}
    with tempfile.TemporaryDirectory(prefix="jurat-bench-") as folder:
        base = Path(folder) / "base.csv"
        write_rows(base, rows)
        with alone(Geocoder({"type": "address-file", "path": str(base), "language": language})) as source:
            looked = Looked(source)
            asked: Sequence[Question] = questions(typed, cells)
            mix: Sequence[Question] = questions(list(queries(rows, counts, seed + 1, style)), cells)
            if options.lists:
                asked, mix = (listed_questions(each, rows, cells, language) for each in (asked, mix))
            by_kind = direct(looked, asked, language=language, show=options.show)
            mixed = Tally()
            for tally in direct(looked, mix, language=language, show=options.show).values():
                mixed.add(tally)
            return by_kind, mixed


def half_torn(ranges: Sequence[Typed], cells: Sequence[zones.Shape], count: int) -> list[Typed]:
    """`count` ranges, of which half, if there are so many, have houses in several cells."""
    tree = shapely.STRtree(shapely.from_wkb([cell.wkb for cell in cells]))

    def is_torn(one: Typed) -> bool:
        return len(set(tree.query(shapely.points(one.points), "intersects")[1].tolist())) > 1

    torn = [one for one in ranges if is_torn(one)][: count // 2]
    return torn + [one for one in ranges if not is_torn(one)][: count - len(torn)]


def tables(found: Mapping[str, tuple[Tallies, Tally]]) -> Iterator[str]:
    """What was decided of each ordinary kind, what wrongly of each kind, and the reasons in the mix."""

    def of_kinds(kinds: Sequence[Kind], head: str, cell: str) -> str:
        lines = [
            [
                town,
                *(cell.format(tally, share=decided(tally)) if (tally := by_kind.get(kind)) else "–" for kind in kinds),
            ]
            for town, (by_kind, _) in found.items()
        ]
        return f"{head}\n\n{markdown(['town', *kinds], lines)}"

    yield of_kinds(OF_HAMLETS, "Decided %, of those farther from the border than the margin:", "{share:.1f}")
    yield of_kinds(OF_HAMLETS, "Wrong of the questions asked:", "{0.wrong} of {0.asked}")
    yield of_kinds(TRAPS, "Wrong of the answers that contradict themselves:", "{0.wrong} of {0.asked}")
    heads = (
        "town",
        "questions",
        "wrong",
        "near_border %",
        "undetermined beside it %",
        "not offered %",
        "reasons, % of all",
    )
    yield f"The mix of ordinary answers:\n\n{markdown(heads, [_mixed(town, mix) for town, (_, mix) in found.items()])}"


def decided(tally: Tally) -> float:
    """How many of a hundred questions beyond the margin were decided."""
    return 100 * tally.decided / max(tally.far, 1)


def _mixed(town: str, mix: Tally) -> list[str]:
    shares = {reason: 100 * count / max(mix.asked, 1) for reason, count in Counter(mix.reasons).most_common()}
    near = shares.pop(Reason.NEAR_BORDER, 0.0)
    reasons = ", ".join(f"{reason} {share:.2f}" for reason, share in shares.items())
    beside = sum(shares.values())
    left = beside - 100 * mix.offered / max(mix.asked, 1)
    return [town, f"{mix.asked:,}", str(mix.wrong), f"{near:.1f}", f"{beside:.2f}", f"{left:.2f}", reasons or "–"]


def _towns(options: argparse.Namespace) -> Iterator[tuple[str, str, list[Row]]]:
    """Name, language and addresses of each town that is asked; why another is not goes to standard error."""
    if PARIS.is_file() and options.only in "Paris":
        yield "Paris", "fr", [row for row in read_base(PARIS) if row.number]
    for name, one in read_sets().items():
        if options.only not in name:
            continue
        if one.last and not options.last:
            reason = "left untouched until --last"
        elif one.language not in get_args(StreetLanguage):
            reason = f"no table for {one.language}"
        elif not one.paths(options.folder):
            reason = f"no {one.repository}/{one.files[0]} in {options.folder}"
        else:
            rows, left_out = one.rows(options.folder)
            print(f"{name}: {left_out:,} rows have no number or position that can be read", file=sys.stderr)
            yield name, one.language, rows
            continue
        print(f"{name}: skipped, {reason}", file=sys.stderr)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.countries", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT.parent / "sets", help="where the lists are (%(default)s)")
    parser.add_argument("--only", default="", help="sets with this in their name")
    parser.add_argument("--each", type=int, default=300, help="queries of each kind for each town (%(default)s)")
    parser.add_argument("--mix", type=int, default=2000, help="queries of the mix for each town (%(default)s)")
    parser.add_argument("--zones", type=int, default=40, help="cells that a town is cut into (%(default)s)")
    parser.add_argument("--lists", action="store_true", help="ask about the lists of the cells' addresses")
    parser.add_argument("--seed", type=int, default=1, help="of zones and queries (%(default)s)")
    parser.add_argument("--last", action="store_true", help="ask the sets that are marked `last` as well")
    parser.add_argument("--show", action="store_true", help="print what is wrong: real addresses, for the screen alone")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
