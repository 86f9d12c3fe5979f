"""Measures what participants who poll cost the database while workers are busy: `make bench-polling`.

    python -m bench.polls                                1,000 participants for a minute
    python -m bench.polls --participants 200 --seconds 10
    python -m bench.polls --table                        what came of the last run
    python -m bench.polls --write-docs                   the same, into docs/contributors/performance.md

Rows go to a file of JSON lines. Ends with 1 when a figure is missed.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql
from sqlalchemy import make_url

from bench.flow.limited_fleet import CONSULTATIONS, LimitedFleet, running
from bench.polls.durations import PREFIX, sampling, statements
from bench.polls.participants import POLL, Polled, Task, together
from bench.rig.crowd import Crowd
from bench.rig.figures import Figure, percentile
from bench.rig.machine import Usage
from bench.rig.report import Report, append, now, stamp
from bench.rig.servers import Rig, connect, plain
from jurat import Priority

REPORT = Report("bench-polling", "contributors/performance.md", "polling", "bench-polling.jsonl")

MOST_MS = 5.0
"""What a poll may take in the database, of 99 in 100."""

WATCHED, BUSY_WITH = "towns", "rpps"
RATES = {WATCHED: 100, BUSY_WITH: 500}
"""Lookups a second that each source allows: for the participants who poll, and for the workers' other work."""

BUSY = 300
"""Verdicts a second from which on a worker counts as busy."""

PROCESSES = 2
_FIRST = 10_000_000
"""The number of the first answer of the crowd, beyond all others."""
_SAMPLED = 0.2
_POLLER = "jurat_bench_poller"


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    if not options.table and not options.write_docs:
        append(options.file, _measured(options))
    return REPORT.show_figures(options)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.polls", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--participants", type=int, default=1000, help="who poll at once (default %(default)d)")
    parser.add_argument("--seconds", type=float, default=60.0, help="(default %(default)g)")
    parser.add_argument(
        "--connections", type=int, default=8, help=f"of each of {PROCESSES} web processes (default %(default)d)"
    )
    REPORT.add_options(parser)
    options = parser.parse_args(arguments)
    if options.seconds <= 0 or options.connections < 1 or options.participants < PROCESSES * options.connections:
        parser.error("seconds are more than nothing, participants at least as many as there are connections")
    changed = [
        f"{name.upper()}={getattr(options, name):g}"
        for name in ("participants", "seconds")
        if getattr(options, name) != parser.get_default(name)
    ]
    options.command = " ".join(["make bench-polling", *changed])
    return options


def _measured(options: argparse.Namespace) -> dict[str, Any]:
    before = Usage.now({})
    limits = {name: {"rate": f"{rate}/s"} for name, rate in RATES.items()}
    with Rig({"log_line_prefix": PREFIX}) as rig, running(rig, limits, workers=1, slots=128) as fleet:
        figures = _figures(rig, fleet, options)
        log = rig.postgresql.folder / "server.log"
        with log.open(encoding="utf-8", errors="replace") as lines:
            figures[:0] = _in_the_database(list(statements(lines, _POLLER)))
    foreign = (Usage.now({}) - before).foreign_share
    figures.append(Figure("CPU of the machine that went to processes of others", foreign * 100, unit="%"))
    return {
        "scenario": "polling",
        "at": now(),
        **stamp(options.command),
        "figures": [figure.as_data() for figure in figures],
    }


def _figures(rig: Rig, fleet: LimitedFleet, options: argparse.Namespace) -> list[Figure]:
    _make_poller(fleet.database_url)
    try:
        fleet.ask(BUSY_WITH, math.ceil(RATES[BUSY_WITH] * (options.seconds + 30)), priority=Priority.BULK)
        rig.settle_down(fleet.database_url)
        with Crowd("bench.polls.participants", _tasks(fleet, options)) as crowd:
            crowd.gather()
            time.sleep(3)  # the workers have counted what waits, and `next_poll_ms` follows
            settled, workers = _settled(fleet), Usage.now({"workers": [unit.pid for unit in fleet.units if unit.pid]})
            polled = together(Polled(**each) for each in crowd.go())
            used = Usage.now({"workers": [unit.pid for unit in fleet.units if unit.pid]}) - workers
            settled = _settled(fleet) - settled
        return [
            *_in_the_web_tier(polled, options),
            *_of_the_plan(fleet.database_url),
            Figure("verdicts a second meanwhile", settled / options.seconds, least=BUSY),
            Figure("CPU of the worker meanwhile", used.parts["workers"] / options.seconds * 100, unit="% of a core"),
        ]
    finally:
        _drop_poller(fleet.database_url)


def _in_the_database(took: Sequence[float]) -> list[Figure]:
    return [
        Figure("a poll in the database, p50", percentile(took, 0.5), unit="ms"),
        Figure("a poll in the database, p99", percentile(took, 0.99), most=MOST_MS, unit="ms"),
        Figure("the longest of them", max(took, default=math.nan), unit="ms"),
        Figure("polls whose time PostgreSQL logged", len(took), least=100),
    ]


def _in_the_web_tier(polled: Polled, options: argparse.Namespace) -> list[Figure]:
    return [
        Figure("a poll as the web tier sees it, p50", percentile(polled.took_ms, 0.5), unit="ms"),
        Figure("a poll as the web tier sees it, p99", percentile(polled.took_ms, 0.99), unit="ms"),
        Figure("participants who poll at any moment", options.participants),
        Figure("participants who polled", polled.asked, least=options.participants),
        Figure("verdicts that they got", polled.settled, least=1),
        Figure("polls a second", len(polled.took_ms) / options.seconds),
        Figure("begun later than they were due by, p99", percentile(polled.late_ms, 0.99), unit="ms"),
    ]


def _of_the_plan(url: str) -> list[Figure]:
    """Whether a poll goes by keys alone, and how many pages of the database it touches."""
    with connect(url) as connection:
        row = connection.execute("SELECT id FROM jurat_checks ORDER BY random() LIMIT 1").fetchone()
        assert row is not None
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {POLL}"
        connection.execute(explain, row)  # the first one on a connection reads the catalogue as well
        explained = connection.execute(explain, row).fetchone()
    assert explained is not None
    plan = explained[0][0]["Plan"]
    whole = _read_whole(plan) - {"jurat_sources"}  # has a row for each source
    return [
        Figure("pages that a poll touches", plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]),
        Figure("tables that a poll reads from end to end", len(whole), most=0),
    ]


def _read_whole(plan: Mapping[str, Any]) -> set[str]:
    here = {plan["Relation Name"]} if plan["Node Type"] == "Seq Scan" else set()
    return here.union(*map(_read_whole, plan.get("Plans", ())))


def _tasks(fleet: LimitedFleet, options: argparse.Namespace) -> list[Task]:
    submit = plain(fleet.database_url)
    poll = make_url(submit).set(username=_POLLER).render_as_string(hide_password=False)
    share = options.participants // PROCESSES
    sizes = [options.participants - share * (PROCESSES - 1), *[share] * (PROCESSES - 1)]
    return [
        Task(
            poll,
            submit,
            fleet.seal_key,
            CONSULTATIONS[0],
            WATCHED,
            _FIRST * (number + 1),
            size,
            options.connections,
            options.seconds,
        )
        for number, size in enumerate(sizes)
    ]


def _settled(fleet: LimitedFleet) -> int:
    return fleet.scalar("SELECT count(*) FROM jurat_verdicts")


def _make_poller(url: str) -> None:
    """The user who polls, with the rights of a platform; PostgreSQL writes down how long some of its polls took."""
    name = sql.Identifier(_POLLER)
    with connect(url) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN IN ROLE jurat_platform").format(name))
        for setting, value in sampling(_SAMPLED).items():
            connection.execute(
                sql.SQL("ALTER ROLE {} SET {} = {}").format(name, sql.Identifier(setting), sql.Literal(value))
            )


def _drop_poller(url: str) -> None:
    with connect(url) as connection:
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(_POLLER)))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
