"""Times and weighs each page of the console on 1 M waiting and 10 M settled checks: `make bench-console`.

    python -m bench.console_pages                                          10 minutes to fill, 15 GB of disk
    python -m bench.console_pages --pending 20000 --settled 200000         a first look
    python -m bench.console_pages --keep build/scale                       the server of `bench.scale --keep`
    python -m bench.console_pages --write-docs                             and puts the table into the docs

Pages are found as people find them: by the links of others, from the first on, as somebody with all roles. Of pages
that differ by an id alone, one is asked for. Ends with 1 where a page takes over 100 ms, or weighs over 60 kB.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.rig.report import MISSED, Report, markdown
from bench.scale.server import open_server
from bench.scale.shape import Size
from bench.scale.side import Side
from console.identity.roles import Role
from tests.console.visitor import Site, Visitor, tree
from tests.rigs.servers import NoServer, ServerFailed

REPORT = Report("bench-console", "contributors/performance.md", "console-pages")

REVIEWS = 10_000
"""So many of the waiting checks wait for a person."""

MOST_MS, MOST_KB = 100.0, 60.0
ROUNDS, WARM_UP = 15, 3
MOST_STEPS = 400
"""Pages that are looked at for links."""

_REVIEWS = f"""
    WITH chosen AS (
      SELECT id FROM jurat_checks WHERE state = 'pending' AND source = 'towns'
      LIMIT greatest(0, {REVIEWS} - (SELECT count(*) FROM jurat_reviews WHERE decided_at IS NULL))),
    shown AS (
      INSERT INTO jurat_reviews (check_id, reason, evidence, config_version, opened_at, due_at)
      SELECT id, 'address_ambiguous', '{{}}', 1, now(), now() + interval '7 days' FROM chosen RETURNING check_id)
    UPDATE jurat_checks SET state = 'review'
    WHERE id IN (SELECT check_id FROM shown)"""


@dataclass(frozen=True, slots=True)
class Page:
    """What one page takes: milliseconds (median and slowest), and kilobytes without the style that all share."""

    name: str
    p50: float
    slowest: float
    kilobytes: float

    @property
    def kept(self) -> bool:
        return self.p50 <= MOST_MS and self.kilobytes <= MOST_KB


def measure(site: Site) -> list[Page]:
    """Each page that somebody with all roles finds."""
    visitor = site.signed_in("bench", *Role)
    return sorted((_timed(visitor, name, path) for name, path in _found(site, visitor)), key=lambda page: -page.p50)


def table(pages: Sequence[Page]) -> str:
    """The pages as Markdown, the slowest first."""
    heads = ("page", "ms", "slowest", "kB", "")
    rows = (
        (each.name, f"{each.p50:.0f}", f"{each.slowest:.0f}", f"{each.kilobytes:.1f}", "" if each.kept else MISSED)
        for each in pages
    )
    return markdown(heads, list(rows))


def _found(site: Site, visitor: Visitor) -> Iterator[tuple[str, str]]:
    """Names and addresses of the pages, each once."""
    routes = site.app.url_map.bind("localhost")
    waiting, seen, known = deque(["/en/"]), {"/en/"}, set[str]()
    for _ in range(MOST_STEPS):
        if not waiting:
            return
        path = waiting.popleft()
        answer = visitor.get(path)
        if answer.status_code != 200 or answer.mimetype != "text/html":
            continue
        name, _ = routes.match(urlsplit(path).path)
        if name not in known:
            known.add(name)
            yield name, path
        for link in tree(answer).xpath("//a/@href"):
            if link.startswith("/en/") and (there := link.partition("#")[0]) not in seen:
                seen.add(there)
                waiting.append(there)


def _timed(visitor: Visitor, name: str, path: str) -> Page:
    times, weight = [], 0
    for _ in range(WARM_UP + ROUNDS):
        begun = time.perf_counter()
        weight = len(visitor.get(path).data)
        times.append((time.perf_counter() - begun) * 1000)
    return Page(name, statistics.median(times[WARM_UP:]), max(times[WARM_UP:]), weight / 1000)


def main(arguments: list[str]) -> int:
    options = argparse.ArgumentParser(prog="bench.console_pages", description=(__doc__ or "").splitlines()[0])
    options.add_argument("--pending", type=int, default=1_000_000, help="checks that wait (default 1,000,000)")
    options.add_argument("--settled", type=int, default=10_000_000, help="checks that are settled (default 10,000,000)")
    options.add_argument("--keep", type=Path, metavar="FOLDER", help="where the filled server is kept and looked for")
    options.add_argument("--write-docs", action="store_true", help=f"fill in docs/{REPORT.page}")
    given = options.parse_args(arguments)
    try:
        pages = _run(Size(given.pending, given.settled), given.keep)
    except (NoServer, ServerFailed, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(table(pages))
    if given.write_docs:
        REPORT.write(table(pages))
    return 0 if all(page.kept for page in pages) else 1


def _run(size: Size, kept: Path | None) -> list[Page]:
    with open_server(kept) as server:
        side = Side(server, "jurat_large", size, _saying(), kept=kept is not None)
        side.connection.execute(_REVIEWS)
        side.filler.settle_down()
        site = Site(side.url)
        try:
            return measure(site)
        finally:
            site.close()
            side.close()


def _saying() -> Callable[[str], Any]:
    begun = time.monotonic()
    return lambda words: print(f"{time.monotonic() - begun:6.0f} s  {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
