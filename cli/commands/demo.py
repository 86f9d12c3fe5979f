"""`demo`: the main job from end to end in one process, against invented sources that also fail.

The worker is the real one (Celery with its in-memory transport), the sources are HTTP servers on loopback, and the web
tier is simulated with only the client and a plain connection to SQLite.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from adapters.zone_import.files import read_zone_file
from cli.command import command
from cli.output import Exit, Output
from config.lint import lint
from config.settings import LogFormat, Settings, read_settings
from config.yaml_reader import read
from examples.demo import scenario
from examples.demo.scenario import Line
from examples.sources.server import Sources
from jurat import AlreadyConfirmed, Client, State
from jurat.codes import clean, generate
from jurat.seal import generate as generate_keys
from jurat.seal import key_to_text
from store.configurations.publisher import ConfigPublisher
from store.datasets.zones import NewZone, import_zones
from store.requests.code_lists import add_codes
from store.schema import migrations
from worker.celery_app import make_app
from worker.logs import set_up
from worker.service import Service, open_service

SLOTS = 16
PATIENCE = 60.0
"""Seconds after which the demonstration gives up on unsettled checks."""


@dataclass(slots=True)
class DemoOutcome:
    """The result of one line."""

    line: Line
    check_id: UUID | None = None
    submitted: float = 0.0
    outcome: str | None = None
    reason: str | None = None
    lookups: int = 0
    seconds: float = 0.0

    @property
    def as_expected(self) -> bool:
        return (self.outcome, self.reason) == (self.line.outcome, self.line.reason)


@command(
    examples=("jurat demo", "jurat demo --json", "jurat demo --keep ./demo"),
    environment=(),
    codes={
        Exit.DONE: "every check has its expected verdict, and every participant the expected access",
        Exit.REFUSED: "one of them has another",
    },
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep the database (DIR/jurat.db) and the configuration (DIR/jurat.yaml) for you to inspect.",
)
def demo(out: Output, *, keep: Path | None) -> Exit:
    """Run the main job in one process: nothing to install or start.

    Twenty-nine answers are confirmed, looked up in an invented geocoder and an invented registry (which are down, slow,
    throttling or broken), and settled.
    """
    begun = time.monotonic()
    talk = Console(stderr=True)
    with ExitStack() as stack:
        if keep is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jurat-demo-")))
        else:
            folder = keep
            folder.mkdir(parents=True, exist_ok=True)
            if (folder / "jurat.db").exists():
                raise click.ClickException(f"{folder}/jurat.db exists; choose another folder")
        sources = stack.enter_context(Sources(troubled=2, retry_after_s=1))
        settings = _settings(folder / "jurat.db")
        service = open_service(settings)
        stack.callback(service.close)
        codes = _prepare(service, folder, sources)
        stack.enter_context(_worker(settings))
        client = Client(settings.database_url, "memory://", settings.seal_key)
        stack.callback(client.close)
        shown = _play(client, folder / "jurat.db", scenario.lines(codes), talk)
        _count_lookups(folder / "jurat.db", shown)
        access = {who: client.access(where, who).state for who, (where, _) in scenario.ACCESS.items()}
    as_expected = all(each.as_expected for each in shown) and all(
        access[who] == expected for who, (_, expected) in scenario.ACCESS.items()
    )
    if out.json:
        out.show({"checks": list(map(_as_data, shown)), "access": access}, ())
    else:
        _show(shown, access, time.monotonic() - begun, keep)
    return Exit.DONE if as_expected else Exit.REFUSED


def _settings(database: Path) -> Settings:
    """The demonstration's own settings, whatever the environment of this process."""
    for name in [name for name in os.environ if name.startswith("JURAT_")]:
        del os.environ[name]
    private, public = generate_keys()
    os.environ.update(
        JURAT_DATABASE_URL=f"sqlite:///{database}",
        JURAT_BROKER_URL="memory://",
        JURAT_UNSEAL_KEYS=key_to_text(private),
        JURAT_SEAL_KEY=key_to_text(public),
        JURAT_HASH_KEYS=key_to_text(os.urandom(32)),
        JURAT_PRIVATE_NETWORKS="127.0.0.1",
    )
    set_up(LogFormat.TEXT, logging.CRITICAL)
    return read_settings()


def _prepare(service: Service, folder: Path, sources: Sources) -> list[str]:
    """What an administrator does once: tables, zones, codes, configuration. Three codes, the last not stored."""
    migrations.upgrade(service.database)
    zones = [
        NewZone(zone.id, zone.title, zone.digest, zone.wkb, outline=zone.outline)
        for zone in read_zone_file(scenario.TOWN / "zones.geojson").zones
    ]
    import_zones(service.database, zones, "demo")
    codes = [generate() for _ in range(3)]
    if service.fingerprints is not None:
        stored = [service.fingerprints.newest("spring", str(clean(code))) for code in codes[:2]]
        add_codes(service.database, "spring", stored, "demo")
    base = read([scenario.HERE / "jurat.yaml"])
    document = scenario.configuration(base.data, sources.url().removesuffix("/moods/ok"))
    written = folder / "jurat.yaml"
    written.write_text(json.dumps(document, ensure_ascii=False, indent=2), "utf-8")
    report = lint([written], zones={zone.name for zone in zones}, environ={})
    if report.configuration is None:
        raise click.ClickException("\n".join(map(str, report.problems)))
    ConfigPublisher(service.database).apply(report.configuration, "demo")
    return codes


@contextmanager
def _worker(settings: Settings) -> Iterator[None]:
    """The real worker, in a thread of this process."""
    app = make_app(settings)
    worker = app.WorkController(app=app, pool_cls="threads", concurrency=SLOTS, loglevel=logging.CRITICAL)
    thread = threading.Thread(target=worker.start, name="worker", daemon=True)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join(10)


def _play(client: Client, database: Path, lines: list[Line], talk: Console) -> list[DemoOutcome]:
    """Confirm each answer as a web tier does, then poll until all are settled."""
    shown = [DemoOutcome(line) for line in lines]
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    end = time.monotonic() + PATIENCE
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA busy_timeout = 5000")
    with Progress(*columns, console=talk, transient=True) as progress:
        task = progress.add_task("checking answers", total=len(shown))
        waiting = list(shown)
        while waiting and time.monotonic() < end:
            for each in [each for each in waiting if each.check_id is None and _may_start(each, shown)]:
                _submit(client, connection, each)
            by_id = {each.check_id: each for each in waiting if each.check_id is not None}
            for result in client.results([known for known, each in by_id.items() if each.outcome is None]):
                if result.settled or result.state is State.REVIEW:
                    each = by_id[result.check_id]
                    each.outcome = result.outcome or scenario.REVIEW
                    each.reason = result.reason
                    each.seconds = time.monotonic() - each.submitted
            waiting = [each for each in waiting if each.outcome is None]
            progress.update(task, completed=len(shown) - len(waiting))
            time.sleep(0.02)
    connection.close()
    return shown


def _may_start(each: DemoOutcome, shown: list[DemoOutcome]) -> bool:
    after = each.line.after
    return after is None or all(
        other.outcome is not None for other in shown if other.line.participant == after and other is not each
    )


def _submit(client: Client, connection: sqlite3.Connection, each: DemoOutcome) -> None:
    """All that a web tier does: submit in its own transaction, commit, ring."""
    line = each.line
    try:
        with connection:
            check = client.submit(
                connection,
                consultation=line.consultation,
                participant=line.participant,
                question=line.question,
                answer=line.answer,
            )
    except AlreadyConfirmed as error:
        each.check_id, each.outcome = error.check_id, scenario.CONFIRMED_ALREADY
        return
    client.ring()
    each.check_id, each.submitted = check.id, time.monotonic()


def _count_lookups(database: Path, shown: list[DemoOutcome]) -> None:
    with sqlite3.connect(database) as connection:
        counts = dict(connection.execute("SELECT check_id, count(*) FROM jurat_attempts GROUP BY check_id"))
    connection.close()
    for each in shown:
        each.lookups = 0 if each.outcome == scenario.CONFIRMED_ALREADY else counts.get(str(each.check_id), 0)


def _as_data(each: DemoOutcome) -> dict[str, Any]:
    return {
        "question": each.line.text,
        "expected": "/".join(filter(None, (each.line.outcome, each.line.reason))),
        "outcome": each.outcome,
        "reason": each.reason,
        "lookups": each.lookups,
        "seconds": round(each.seconds, 3),
    }


_COLOURS = {"accepted": "green", "refused": "red", "undetermined": "yellow"}


def _show(shown: list[DemoOutcome], access: dict[str, Any], seconds: float, keep: Path | None) -> None:
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("question", "verdict", "reason"):
        table.add_column(name)
    for name in ("lookups", "time"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in shown:
        colour = _COLOURS.get(str(each.outcome), "cyan")
        outcome, reason = str(each.outcome or "nothing yet"), each.reason or ""
        if each.outcome == scenario.CONFIRMED_ALREADY:
            outcome, reason = "not taken", each.outcome
        if not each.as_expected:
            reason += f" [bold red](expected {each.line.outcome}/{each.line.reason})[/]"
        table.add_row(each.line.text, f"[{colour}]{outcome}[/]", reason, str(each.lookups), f"{each.seconds:.1f} s")
    console.print(table)
    console.print()
    for who, (consultation, expected) in scenario.ACCESS.items():
        wrong = "" if access[who] == expected else f" [bold red](expected {expected})[/]"
        console.print(f"{who}'s access to {consultation}: [bold]{access[who]}[/]{wrong}")
    right = sum(each.as_expected for each in shown)
    console.print(
        f"\n{right} of {len(shown)} as expected, in {seconds:.0f} s. No outage became a yes, a no or an error.\n"
    )
    if keep:
        files = f"The database is {keep}/jurat.db, its configuration {keep}/jurat.yaml. For instance:"
        console.print(files, soft_wrap=True)
        query = "SELECT question, outcome, reason FROM jurat_results"
        console.print(f"  sqlite3 {keep}/jurat.db '{query}'", soft_wrap=True)
    else:
        console.print("Next: `bin/jurat demo --keep DIR` keeps the database for you to inspect;")
    console.print('the README\'s "With your own platform" takes ten lines.', soft_wrap=True)
