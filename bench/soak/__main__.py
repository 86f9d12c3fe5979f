"""Runs a fleet for long at a steady rate and watches whether anything grows: `make soak`.

    python -m bench.soak                        30 minutes at 50 checks a second
    python -m bench.soak --minutes 5 --rate 20
    python -m bench.soak --watched              under Prometheus and Alertmanager; nobody must be called

PostgreSQL, Valkey, two worker processes and a registry on loopback. Samples go to a file of JSON lines each ten
seconds. Ends with 1 when something grew, when a promise of the checker was broken, or when a page
was sent. Alerts must hold for a tenth of the time that they must hold in production.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from sqlalchemy import text

from bench.faults.checker import violations
from bench.faults.stage import Setting, Stage
from bench.rig import ROOT
from bench.rig.figures import Figure
from bench.rig.report import figure_table
from bench.rig.watch import Watch
from bench.soak.judge import Process, Sample, Vacuum, judge, warm_up
from store.monitoring.alarms import AlarmSeverity
from store.schema.grants import DatabaseRole
from tests.rigs.logins import Logins

SLOTS = 16
EVERY = 10.0
"""Seconds from sample to sample."""

SHORTENED = 10.0
"""By how much alerts must hold for less than in production."""

BURST = 640
BURSTS = 4
BURST_EVERY = 15.0
"""So many submits at once, so often, each so many seconds: for every slot to open the connections that it keeps to each
source. They would else come one by one during half an hour, whenever more lookups than ever before run together.
"""

_SIZES = """
    SELECT s.n_dead_tup, pg_total_relation_size(s.relid) FROM pg_stat_user_tables s WHERE s.relname = 'jurat_checks'"""
_COUNTS = "SELECT count(*), count(*) FILTER (WHERE state <> 'settled') FROM jurat_checks"
_LATENCY = """
    SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM v.decided_at - c.submitted_at))
    FROM jurat_verdicts v JOIN jurat_checks c ON c.id = v.check_id
    WHERE v.decided_at > statement_timestamp() - make_interval(secs => :seconds)"""
_VACUUM = """
    SELECT coalesce((SELECT option_value FROM pg_options_to_table(c.reloptions) WHERE option_name = name),
                    current_setting(name))::float8
    FROM pg_class c, unnest(ARRAY['autovacuum_vacuum_threshold', 'autovacuum_vacuum_scale_factor'])
      WITH ORDINALITY AS o(name, n)
    WHERE c.relname = 'jurat_checks' ORDER BY n"""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench.soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (default 30)")
    parser.add_argument("--rate", type=float, default=50.0, help="submits a second (default 50)")
    parser.add_argument("--seed", type=int, default=1, help="of what is random")
    parser.add_argument("--watched", action="store_true", help="also run what watches a fleet")
    parser.add_argument("--file", type=Path, help="where samples go (default build/soak.jsonl)")
    options = parser.parse_args(arguments)
    file: Path = options.file or ROOT / "build" / "soak.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    seconds = options.minutes * 60
    checks = BURST * BURSTS + int(options.rate * seconds)
    setting = Setting(workers=2, slots=SLOTS, concurrency=64, batch=5, listens=options.watched)
    with Stage(setting, checks, options.seed, short=False) as stage:
        watch = _watch(stage) if options.watched else None
        samples = _soak(stage, seconds, options.rate, file)
        drained = stage.drain(120)
        pages = [one for one in watch.heard.heard if one.fires and one.severity == AlarmSeverity.PAGE] if watch else []
        for unit in stage.units:
            unit.kill()
        found = violations(stage.history(frozenset()))
        with stage.service.database.begin() as connection:
            vacuum = Vacuum(*connection.execute(text(_VACUUM)).scalars())
    try:
        judged = judge(samples, seconds, options.rate, SLOTS, vacuum)
    except ValueError as error:
        print(f"soak: {error}", file=sys.stderr)
        return 2
    print(f"{checks} checks at {options.rate:g}/s in {options.minutes:g} minutes, {warm_up(seconds):.0f} s warm-up\n")
    print(figure_table(figure.as_data() for figure in _figures(samples, judged)))
    for violation in found[:10]:
        print(f"{violation.kind} {violation.subject}: {violation.detail}")
    for page in pages:
        print(f"{page.name} {page.source}: {page.summary}")
    if watch:
        print(f"{len(pages)} pages were sent.")
    if drained is None:
        print("Not everything was settled in time.")
    well = all(figure.kept for figure in judged) and not found and not pages and drained is not None
    return 0 if well else 1


def _watch(stage: Stage) -> Watch:
    """All that watches the fleet, until the stage ends."""
    logins = stage.stack.enter_context(Logins(stage.fleet.database_url))
    return stage.stack.enter_context(Watch(logins.url(DatabaseRole.READER), stage.targets, shortened=SHORTENED))


def _soak(stage: Stage, seconds: float, rate: float, file: Path) -> list[Sample]:
    """Submit at a steady rate and take samples all the while."""
    samples: list[Sample] = []
    begun = time.monotonic()
    with file.open("w", encoding="utf-8") as out:
        while (at := time.monotonic() - begun) < seconds:
            stage.web.allow(BURST * min(BURSTS, 1 + int(at / BURST_EVERY)) + int(rate * at))
            if at >= len(samples) * EVERY:
                samples.append(_sample(stage, at))
                out.write(json.dumps(asdict(samples[-1])) + "\n")
                out.flush()
                if len(samples) % 6 == 1:
                    print(_told(samples[-1]), file=sys.stderr, flush=True)
            time.sleep(0.1)
    return samples


def _sample(stage: Stage, at: float) -> Sample:
    with stage.service.database.begin() as connection:
        dead, size = connection.execute(text(_SIZES)).one()
        checks, waiting = connection.execute(text(_COUNTS)).one()
        p50_s, p99_s = connection.execute(text(_LATENCY), {"seconds": EVERY}).scalar_one() or (None, None)
    processes = {unit.name: _process(unit.pid, stage.source.port) for unit in stage.units}
    workers = {name: process for name, process in processes.items() if process is not None}
    return Sample(round(at, 1), workers, len(stage.web.submits), checks, waiting, dead, size, p50_s, p99_s)


def _process(pid: int | None, source: int) -> Process | None:
    """A process as Linux shows it, None when it is gone; `source` is the port of the registry."""
    if pid is None:
        return None
    place = Path("/proc") / str(pid)
    try:
        status = dict(line.split(":", 1) for line in (place / "status").read_text(encoding="utf-8").splitlines())
        rss_mb = int(status["VmRSS"].split()[0]) / 1024
        open_ones = [str(link.readlink()) for link in (place / "fd").iterdir()]
        to_source = _sockets_to(source, (place / "net" / "tcp").read_text(encoding="ascii"))
    except (OSError, KeyError):
        return None
    kept = sum(one in to_source for one in open_ones)
    return Process(pid, round(rss_mb, 2), len(open_ones) - kept, kept, int(status["Threads"]))


def _sockets_to(port: int, table: str) -> set[str]:
    """The sockets to a port of this machine, as `/proc/net/tcp` lists them and `/proc/*/fd` names them.

    https://docs.kernel.org/networking/proc_net_tcp.html
    """
    rows = [line.split() for line in table.splitlines()[1:]]
    return {f"socket:[{row[9]}]" for row in rows if int(row[2].rpartition(":")[2], 16) == port}


def _told(sample: Sample) -> str:
    workers = ", ".join(
        f"{one.rss_mb:.1f} MB {one.fds} + {one.kept} fds {one.threads} threads" for one in sample.workers.values()
    )  # fmt: skip
    latency = f"p50 {sample.p50_s:.2f} s, p99 {sample.p99_s:.2f} s" if sample.p50_s and sample.p99_s else "no verdicts"
    return (
        f"{sample.at:6.0f} s  {sample.checks} checks, {sample.waiting} waiting, {latency}; {workers}; "
        f"{sample.dead} dead rows, {sample.size / 1e6:.1f} MB"
    )


def _figures(samples: Sequence[Sample], judged: Sequence[Figure]) -> list[Figure]:
    """What was judged, and the latency."""
    third = [sample for sample in samples if sample.p99_s is not None][-max(1, len(samples) // 3) :]
    latency = max((sample.p99_s or 0.0 for sample in third), default=0.0)
    return [*judged, Figure("seconds to a verdict, p99, worst of the last third", latency)]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
