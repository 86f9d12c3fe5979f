"""Times the way from Confirm to the outcome on the page, in Chromium: `make bench-browser`.

    python -m bench.browser                        100 people, on both ways to run the platform
    python -m bench.browser --confirmations 30
    python -m bench.browser --write-docs           put the last run into docs/contributors/performance.md

One person after the other, because it is their time that counts. The source answers at once. Prints a table, and ends
with 1 when a figure is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from bench.rig.figures import Figure, percentile
from bench.rig.machine import Usage
from bench.rig.report import Report, append, now, stamp
from examples.sources.server import Sources
from tests.examples.platform.browser.chromium import ARGUMENTS, binary, lacking
from tests.examples.platform.browser.stage import Fleet
from tests.examples.platform.browser.timing import confirmations
from tests.rigs.servers import Valkey

REPORT = Report("bench-browser", "contributors/performance.md", "browser", "bench-browser.jsonl")

MOST_S = 1.0
"""From Confirm to the verdict on the page, of 95 in 100."""

FEWEST = 30


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench.browser", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--confirmations", type=int, default=100, help=f"on each, {FEWEST} or more (default %(default)d)"
    )
    REPORT.add_options(parser)
    options = parser.parse_args(arguments)
    if options.confirmations < FEWEST:
        parser.error(f"{FEWEST} or more are needed for a share of 95 in 100")
    if not options.table and not options.write_docs:
        if reason := lacking():
            return REPORT.fail(reason)
        append(options.file, _measure(options.confirmations))
    return REPORT.show_figures(options)


def _measure(count: int) -> dict[str, Any]:
    before = Usage.now({})
    figures: list[Figure] = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=binary(), headless=True, args=list(ARGUMENTS))
        for name, running in WAYS.items():
            with running() as fleet:
                figures += _timed(name, chromium, fleet, count)
        chromium.close()
    foreign = (Usage.now({}) - before).foreign_share
    figures.append(Figure("CPU of the machine that went to processes of others", foreign * 100, unit="%"))
    return {
        "scenario": "browser",
        "at": now(),
        **stamp(f"make bench-browser CONFIRMATIONS={count}"),
        "figures": [figure.as_data() for figure in figures],
    }


def _timed(name: str, chromium: Any, fleet: Fleet, count: int) -> list[Figure]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    list(confirmations(page, fleet.web.address, 3))  # connections are open, and pages are compiled
    took = sorted(confirmations(page, fleet.web.address, count))
    context.close()
    return [
        Figure(f"{name}: from Confirm to the verdict, p50", percentile(took, 0.5), unit="s"),
        Figure(f"{name}: from Confirm to the verdict, p95", percentile(took, 0.95), most=MOST_S, unit="s"),
        Figure(f"{name}: the longest", took[-1], unit="s"),
    ]


@contextmanager
def _embedded() -> Iterator[Fleet]:
    with tempfile.TemporaryDirectory() as folder, Fleet.embedded(Path(folder)) as fleet:
        yield fleet


@contextmanager
def _separate() -> Iterator[Fleet]:
    with (
        tempfile.TemporaryDirectory() as folder,
        Valkey() as broker,
        Sources() as sources,
        Fleet.separate(Path(folder), broker.url, sources) as fleet,
    ):
        yield fleet


WAYS: Mapping[str, Callable[[], Any]] = {"embedded, SQLite": _embedded, "processes, PostgreSQL and Valkey": _separate}

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
