"""Times both sides in turn: by the clock, by the work of processes, and by the blocks that PostgreSQL touches."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, make_url

from bench.scale.side import Side


@dataclass(frozen=True, slots=True)
class Kind:
    """One thing that is done in each round, `times` in a row. `judged`: it must not grow with what is there."""

    name: str
    do: Callable[[Side], object]
    times: int = 1
    judged: bool = True
    """Where not, a bound of its own holds it; both figures are shown."""


KINDS: tuple[Kind, ...] = (
    Kind("claim 64", Side.claim),
    Kind("renew 64", Side.renew),
    Kind("settle 64", Side.settle),
    Kind("claim 64", Side.claim),
    Kind("give back 64", Side.give_back),
    Kind("submit", Side.submit),
    Kind("poll: result, pending", Side.result_pending, 5),
    Kind("poll: result, settled", Side.result_settled, 5),
    Kind("poll: SQL", Side.poll, 5),
    Kind("poll: 64 results, pending", Side.results_pending, 2),
    Kind("poll: 64 results, any age", Side.results, 2),
    Kind("poll: access", Side.access, 5),
    Kind("upkeep: turns", Side.turns),
    Kind("upkeep: leases", Side.end_leases),
    Kind("upkeep: overdue", Side.claim_overdue),
    Kind("upkeep: reviews", Side.end_reviews),
    Kind("upkeep: access", Side.add_up_access),
    Kind("upkeep: purge", Side.purge),
    Kind("upkeep: figures", Side.count_waiting, judged=False),
    Kind("upkeep: worker", Side.report, judged=False),
    Kind("exporter: fleet", Side.read_fleet, judged=False),
    Kind("exporter: fleet, no worker", Side.read_fleet_alone, judged=False),
)
"""A round, in its order: what is claimed first is settled, what is claimed then is given back."""

_READS = ("SELECT", "WITH", "UPDATE", "INSERT", "DELETE")


@dataclass(slots=True)
class Times:
    """Milliseconds of every call: by the clock, and of work by this thread and by PostgreSQL's processes together."""

    wall: list[float] = field(default_factory=list)
    work: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Blocks:
    """Blocks of 8 KiB that one call touched: found in PostgreSQL's own memory, or fetched into it."""

    hit: float
    fetched: float


Series = Mapping[str, Sequence[Times]]
"""For each kind what was measured of either side."""


def measure(sides: Sequence[Side], rounds: int, warm_up: int) -> dict[str, list[Times]]:
    """`rounds` rounds of all kinds, the sides in turn with each kind; first some that are not measured."""
    series: dict[str, list[Times]] = {kind.name: [Times() for _ in sides] for kind in KINDS}
    for number in range(-warm_up, rounds):
        backends = [side.backends() for side in sides]
        for kind in KINDS:
            for turn in range(kind.times):
                order = range(len(sides)) if (number + turn) % 2 else reversed(range(len(sides)))
                for place in order:
                    wall, work = _timed(kind.do, sides[place], backends[place])
                    if number >= 0:
                        series[kind.name][place].wall.append(wall)
                        if work is not None:
                            series[kind.name][place].work.append(work)
        for side in sides:
            side.refill()
    return series


def _timed(do: Callable[[Side], object], side: Side, backends: Sequence[int]) -> tuple[float, float | None]:
    """Milliseconds by the clock, and of work; None if this system does not report it."""
    before = work(backends)
    begun = time.perf_counter()
    do(side)
    wall = time.perf_counter() - begun
    after = work(backends)
    return wall * 1000, None if before is None or after is None else (after - before) * 1000


def work(backends: Sequence[int]) -> float | None:
    """Seconds on a processor of this thread and of these processes so far; None if this system does not report it."""
    try:
        # https://docs.kernel.org/scheduler/sched-stats.html: nanoseconds on a processor come first.
        spent = sum(int(Path(f"/proc/{pid}/schedstat").read_bytes().split()[0]) for pid in backends)
    except (OSError, ValueError):
        return None
    return time.thread_time() + spent / 1e9


def blocks(sides: Sequence[Side], rounds: int, plans: Path | None = None) -> dict[str, list[Blocks]]:
    """Which blocks the statements of each kind touch, as EXPLAIN (ANALYZE, BUFFERS) counts them; the mean of `rounds`.

    Each statement runs twice, the first time for its plan alone. `plans` is a file to which those are added.
    """
    counted: dict[str, list[list[Blocks]]] = {kind.name: [[] for _ in sides] for kind in KINDS}
    for number in range(rounds):
        for kind in KINDS:
            for place, side in enumerate(sides):
                with _explained(side.name) as found:
                    kind.do(side)
                tops = [plan["Plan"] for _, plan in found]
                hit, fetched = (sum(top[f"Shared {what} Blocks"] for top in tops) for what in ("Hit", "Read"))
                counted[kind.name][place].append(Blocks(hit, fetched))
                if plans is not None and number == rounds - 1:
                    _keep(plans, kind.name, side.name, found)
        for side in sides:
            side.refill()
    return {name: [_mean(each) for each in both] for name, both in counted.items()}


def _mean(found: Sequence[Blocks]) -> Blocks:
    count = len(found)
    return Blocks(sum(one.hit for one in found) / count, sum(one.fetched for one in found) / count)


def _keep(file: Path, kind: str, side: str, found: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    with file.open("a", encoding="utf-8") as out:
        for statement, plan in found:
            out.write(json.dumps({"kind": kind, "side": side, "statement": statement, **plan}) + "\n")


@contextmanager
def _explained(database: str) -> Iterator[list[tuple[str, Mapping[str, Any]]]]:
    """The plans of what runs on a database meanwhile."""
    found: list[tuple[str, Mapping[str, Any]]] = []

    def look(connection: Any, _: Any, statement: str, parameters: Any, *__: Any) -> None:
        words = statement.split(maxsplit=1)
        if make_url(connection.engine.url).database != database or not words or words[0] not in _READS:
            return
        with connection.connection.cursor() as cursor:
            cursor.execute("SAVEPOINT explained")
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters)
            ((answer,),) = cursor.fetchall()
            cursor.execute("ROLLBACK TO SAVEPOINT explained")
        plan = answer if isinstance(answer, list) else json.loads(answer)
        found.append((statement, plan[0]))

    event.listen(Engine, "before_cursor_execute", look)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", look)


def churn(side: Side, settles: int, most: int = 512) -> None:
    """Claim and settle so many checks, as a fleet does in a busy hour, each replaced by a new one."""
    left = settles
    while left > 0:
        count = min(most, left)
        side.claim(count)
        side.settle()
        side.refill()
        left -= count
