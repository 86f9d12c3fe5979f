"""Proves where personal data and secrets are, and that they are nowhere else: `make canaries`.

    python -m bench.canaries

Runs a whole fleet with marked answers, people and secrets, and looks for the marks in all that it leaves behind. Ends
with 1, and names each cell, if that is not what docs/reference/stored-data.md says. Needs root on Linux, to look into
the memory of a worker.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator

from bench.canaries import in_process, sinks
from bench.canaries.finder import found
from bench.canaries.fleet import CanaryFleet
from bench.canaries.life import Life
from bench.canaries.markers import Marked
from bench.canaries.table import counts, wrong

SETTLED_S = 60.0
"""How long a worker has had nothing to do when its memory is read."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench.canaries", description=(__doc__ or "").splitlines()[0])
    parser.parse_args(arguments)
    if sys.platform != "linux" or os.geteuid() != 0:
        print("canaries: this needs root on Linux, to look into the memory of a worker", file=sys.stderr)
        return 2
    marked, sizes, begun = Marked(), Counter[str](), time.monotonic()
    with CanaryFleet(marked) as fleet:
        settled_at = lived(fleet)
        parts = list(in_process.collected(marked, fleet.folder))
        time.sleep(max(0.0, settled_at + SETTLED_S - time.monotonic()))
        was_found = found(_counted([*parts, *sinks.collected(fleet)], sizes), marked.texts())
    print(*counts(was_found, sizes), sep="\n")
    sentences = wrong(was_found, sizes)
    print(f"{len(sizes)} sinks, {len(marked.texts())} markers, {time.monotonic() - begun:.0f} s")
    for sentence in sentences:
        print(f"canaries: {sentence}", file=sys.stderr)
    return 1 if sentences else 0


def lived(fleet: CanaryFleet) -> float:
    """Let everything happen; when the last answer was settled, by the monotonic clock."""
    life = Life(fleet)
    life.administer()
    fleet.start_workers()
    life.submit()
    life.settle()
    life.submit_and_break()
    life.contest_and_review()
    life.erase()
    settled_at = time.monotonic()
    life.look()
    life.look_at_metrics()
    return settled_at


def _counted(parts: list[sinks.Sink], sizes: Counter[str]) -> Iterator[sinks.Sink]:
    for name, data in parts:
        sizes[name] += len(data)
        yield name, data


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
