"""Compares jurat with other queues on the same job: `make bench`.

    python -m bench.speed                                three rounds of 8 s, the usual arms, every part
    python -m bench.speed --arms all                     the same with every arm
    python -m bench.speed --rounds 1 --seconds 3 --arms jurat-64 celery-threads --parts at-once storm
    python -m bench.speed --parts limits processes       other limits of the source, other numbers of processes
    python -m bench.speed --busy 8 --parts limits        the same while eight loops want the cores
    python -m bench.speed --table                        what came of the last run
    python -m bench.speed --write-docs                   the same, into docs/contributors/performance.md

Rows go to a file of JSON lines. Ends with 1 when an arm did not do every check exactly once.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from redis import Redis

from bench.rig.report import append, latest_run, now, read, stamp
from bench.rig.servers import Rig, connect, version
from bench.speed.figures import is_noisy
from bench.speed.measure import measure
from bench.speed.plan import BY_NAME, EVERY, OF_ITS_OWN, Part, Step, chosen, steps
from bench.speed.report import REPORT, page, place, tables

_LIBRARIES = (
    "celery",
    "dramatiq",
    "taskiq",
    "procrastinate",
    "pgqueuer",
    "gevent",
    "sqlalchemy",
    "psycopg",
    "requests",
)


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    if options.write_docs or options.table:
        rows = latest_run(read(options.file))
        return place(rows).show(options, rows, tables, page)
    parts = [Part(name) for name in options.parts] or [part for part in Part if part not in OF_ITS_OWN]
    planned = steps(options.rounds, chosen(options.arms), parts)
    if not planned:
        return REPORT.fail("none of these arms takes part in any of these parts")
    measured = _run(planned, options)
    print(tables(measured))
    return 0 if all(row["ok"] for row in measured) else 1


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.speed", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="of everything, one after the other (default 3)")
    parser.add_argument("--seconds", type=float, default=8.0, help="of measured work in each (default 8)")
    parser.add_argument(
        "--arms", nargs="+", default=[], metavar="ARM", help=f"{EVERY}, or some of: {', '.join(BY_NAME)}"
    )
    parser.add_argument("--parts", nargs="+", default=[], choices=[part.value for part in Part], help="some of them")
    parser.add_argument("--size", type=float, default=1.0, help="of the storm and of enqueueing (default 1)")
    parser.add_argument("--busy", type=int, default=0, help="loops that keep the cores busy beside it (default 0)")
    REPORT.add_options(parser)
    options = parser.parse_args(arguments)
    for name in options.arms:
        if name not in BY_NAME and name != EVERY:
            parser.error(f"there is no arm {name!r}; there are: {', '.join(BY_NAME)}")
    if options.rounds < 1 or options.seconds <= 0 or options.size <= 0 or options.busy < 0:
        parser.error("rounds, seconds and size are more than nothing, and busy is not less")
    options.command = _command(options)
    return options


def _command(options: argparse.Namespace) -> str:
    """What was typed, as `make` has it."""
    words = ["make bench", f"ROUNDS={options.rounds}", f"SECONDS={options.seconds:g}"]
    if options.arms:
        words.append(f"ARMS={shlex.quote(' '.join(options.arms))}")
    if options.parts:
        words.append(f"PARTS={shlex.quote(' '.join(options.parts))}")
    if options.busy:
        words.append(f"BUSY={options.busy}")
    return " ".join(words)


@contextlib.contextmanager
def _busy(loops: int) -> Iterator[None]:
    """So many processes that want a core each, all the time."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        yield
    finally:
        for loop in running:
            loop.kill()
            loop.wait()


def _run(planned: Sequence[Step], options: argparse.Namespace) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    with Rig() as rig, _busy(options.busy):
        common = {
            "run": now(),
            **stamp(options.command),
            "seconds": options.seconds,
            "busy": options.busy,
            "versions": _versions(rig),
        }
        for number, step in enumerate(planned, 1):
            print(
                f"[{number}/{len(planned)}] round {step.round}, {step.part}, {step.arm.name} …",
                end=" ",
                file=sys.stderr,
            )
            sys.stderr.flush()
            row = {**common, **_measured(step, rig, options)}
            append(options.file, row)
            rows.append(row)
            print(_told(row), file=sys.stderr, flush=True)
    return rows


def _measured(step: Step, rig: Rig, options: argparse.Namespace) -> dict[str, Any]:
    begun = time.monotonic()
    try:
        figures = measure(step.part, step.arm, rig, options.seconds, options.size)
    except ImportError as error:
        figures = {"ok": False, "why": f"{error.name or error} is not installed"}
    except (TimeoutError, RuntimeError) as error:
        figures = {"ok": False, "why": str(error)}
    return {
        "part": step.part.value,
        "arm": step.arm.name,
        "kind": step.arm.kind.value,
        "ideal": step.arm.ideal,
        "round": step.round,
        "spent_s": round(time.monotonic() - begun, 1),
        **{name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()},
    }


def _told(row: dict[str, Any]) -> str:
    if "why" in row:
        return str(row["why"])
    words = {
        "rate": "{:,.0f}/s",
        "p50_ms": "p50 {:.1f} ms",
        "p99_ms": "p99 {:.1f} ms",
        "cpu_workers": "{:.2f} CPU s/1,000",
    }
    said = [form.format(row[name]) for name, form in words.items() if row.get(name) is not None]
    said += ["NOT WHOLE"] * (not row["ok"])
    if is_noisy(row):
        said.append(f"noisy: {row['foreign_share']:.0%} of the CPU is not ours")
    return ", ".join(said)


def _versions(rig: Rig) -> dict[str, str]:
    versions = {"Python": platform.python_version()}
    with connect(rig.postgresql.url) as connection:
        versions["PostgreSQL"] = version(connection)
    with Redis(port=rig.valkey.port) as broker:
        info = broker.info("server")
        versions["Valkey"] = str(info.get("valkey_version", info["redis_version"]))
    for name in _LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
