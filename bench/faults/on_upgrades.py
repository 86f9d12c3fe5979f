"""Upgrades the schema of the last release under load, with platforms and workers of both, beside an open reader."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text

from bench.faults.scenario import Scenario
from bench.faults.stage import Setting, Stage
from bench.rig import ROOT
from bench.rig.figures import percentile
from bench.rig.unit import OURS, Program, until, waited
from store.schema.release import VERSION
from store.schema.status import SchemaStatus, known_revisions, schema_of
from tests.migrations.releases import NoRelease, last_release, program_of

_RATE = 25.0
"""Submits a second of each of the two platforms."""

_SETTLED = 1_000_000
"""Settled checks that are there before; when it has to be short, the hundredth part."""

_VERSIONS = ("of-before", "of-now")
_MORE = {
    "consultations": {
        name: {"questions": {"profession": {"criterion": "is-physician", "deadline": "1d"}}} for name in _VERSIONS
    }
}
"""A consultation for the platform of each release."""

_PAST = """
    SET LOCAL session_replication_role = replica;
    INSERT INTO jurat_checks (id, consultation, participant, question, source, state, due_at, submitted_at, deadline_at,
                              settled_at)
    SELECT gen_random_uuid(), 'past', 'x-' || n, 'profession', 'registry', 'settled', now(), now(), now(), now()
    FROM generate_series(1, {count}) n;
    INSERT INTO jurat_verdicts (check_id, revision, outcome, reason, evidence, decided_by, config_version, source,
                                fence, decided_at)
    SELECT id, 1, 'accepted', 'record_matches', '{{}}', 'worker', 1, 'registry', 1, now()
    FROM jurat_checks WHERE consultation = 'past'"""


def released(folder: Path) -> Program:
    """The last release whose schema is older than ours, with what its own lock names, which is kept for the next run.

    Raises NoRelease.
    """
    listed = (ROOT / "releases.toml").read_text("utf-8")
    commit = last_release(listed)
    program = program_of(commit, folder / commit[:12])
    if (program / "migrations" / "versions" / f"{known_revisions()[-1]}.py").exists():
        commit = last_release(listed, before=VERSION)
        program = program_of(commit, folder / commit[:12])
    kept = ROOT / "build" / f"released-{commit[:12]}"
    if not (kept / "done").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", kept], check=True)
        lock = program / "requirements" / "service.txt"
        pip = (f"{kept}/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        subprocess.run([*pip, "--require-hashes", "-r", str(lock)], check=True)
        (kept / "done").touch()
    return Program(program, f"{kept}/bin/python")


def no_release() -> str | None:
    """Why there is none on this machine; None where there is."""
    try:
        last_release((ROOT / "releases.toml").read_text("utf-8"))
    except NoRelease as reason:
        return str(reason)
    return None


@contextmanager
def _platform(stage: Stage, name: str, first: int, program: Program) -> Iterator[list[str]]:
    """A platform of a release that submits and polls. Its output is there at the end."""
    fleet = stage.fleet
    lines: list[str] = []
    script = ROOT / "bench" / "faults" / "submitter.py"
    broker = fleet.environment["JURAT_BROKER_URL"]
    words = (fleet.database_url, broker, fleet.seal_key, name, str(first), str(_RATE))
    process = subprocess.Popen(
        [program.python, "-P", script, *words],
        env={**os.environ, "PYTHONPATH": str(program.folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield lines
    finally:
        said, _ = process.communicate("", timeout=60)
        lines += said.splitlines()


@contextmanager
def _reader(stage: Stage) -> Iterator[None]:
    """Somebody whose transaction has read all tables and stays open, as that of pg_dump."""
    engine = stage.service.database.execution_options(jurat_bounded=False, isolation_level="REPEATABLE READ")
    with engine.connect() as connection, connection.begin():
        tables = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'v') AND relname LIKE 'jurat%'"
        for (name,) in connection.execute(text(tables)).all():
            connection.execute(text(f"SELECT 1 FROM {name} LIMIT 1"))
        yield


def _upgrade(stage: Stage) -> float | None:
    """The command is killed again and again while it waits for the reader, and runs to its end when that is gone."""
    *old, new = stage.units
    count = _SETTLED // 100 if stage.short else _SETTLED
    with stage.service.database.execution_options(jurat_bounded=False).begin() as connection:
        connection.exec_driver_sql(_PAST.format(count=count))
        connection.exec_driver_sql("ANALYZE jurat_checks; ANALYZE jurat_verdicts")
    stage.apply(_MORE)
    for unit in (*old, new):
        unit.start()
    for unit in old:
        waited(lambda unit=unit: unit.ready, 60, f"{unit.name} does not start")  # type: ignore[misc]
    assert schema_of(stage.service.database) is SchemaStatus.BEHIND
    with (
        _platform(stage, _VERSIONS[0], 8_000_000_000, stage.released) as before,
        _platform(stage, _VERSIONS[1], 8_500_000_000, OURS) as now,
    ):
        time.sleep(2.0)
        with _reader(stage):
            end = time.monotonic() + (10.0 if stage.short else 45.0)
            while time.monotonic() < end:
                run_upgrade(stage, stage.random.uniform(1.0, 12.0))
        for _ in range(5):
            run_upgrade(stage, stage.random.uniform(0.3, 1.5))
        code = run_upgrade(stage, 300.0)
        waited(lambda: new.ready, 60, "the new worker does not begin")
        stage.over(4.0, end=0.6)
        recovery = stage.all_settle()
    stage.notes["upgrade_exit"] = -1 if code is None else code
    stage.notes["not_current"] = schema_of(stage.service.database) is not SchemaStatus.CURRENT
    for name, lines in zip(_VERSIONS, (before, now), strict=True):
        told = [line.split() for line in lines]
        key = name.replace("-", "_")
        stage.notes[f"operations_{key}"] = len(told)
        stage.notes[f"failed_{key}"] = sum(len(words) > 2 for words in told)
        stage.notes[f"p99_{key}_s"] = round(percentile(sorted(float(words[1]) for words in told), 0.99), 3)
        stage.notes[f"max_{key}_s"] = max((float(words[1]) for words in told), default=0.0)
    sql = "SELECT count(*) FROM jurat_checks WHERE consultation = ANY(:names) AND state <> 'settled'"
    until(lambda: stage.scalar(sql, names=list(_VERSIONS)) == 0, 60)
    stage.notes["unsettled_versions"] = stage.scalar(sql, names=list(_VERSIONS))
    return recovery


def run_upgrade(stage: Stage, seconds: float) -> int | None:
    """Run `db upgrade`; after some seconds it is killed by SIGKILL. Its exit code, None if it was killed."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "cli", "db", "upgrade"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "JURAT_DATABASE_URL": stage.fleet.database_url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        stage.add("upgrades_killed")
        return None


_EXACT = dict.fromkeys((f"failed_{name.replace('-', '_')}" for name in _VERSIONS), 0)
_TIMES = dict.fromkeys((f"p99_{name.replace('-', '_')}_s" for name in _VERSIONS), 1.0)

SCENARIOS = (
    Scenario(
        "upgrade",
        "the last release upgraded under load, with platforms and workers of both",
        _upgrade,
        setting=Setting(workers=3, started=False, released=released),
        limits={**_EXACT, **_TIMES, "upgrade_exit": 0, "not_current": 0, "unsettled_versions": 0, "tracebacks": 0},
        at_least={"upgrades_killed": 1, "operations_of_before": 50, "operations_of_now": 50},
        skip=no_release,
        short=False,
    ),
)
