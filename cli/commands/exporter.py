"""`exporter`: shows the figures of the whole fleet to Prometheus."""

from __future__ import annotations

import signal
import threading

import click

from cli.command import command
from cli.database import require_file
from cli.output import Exit, Output


@command(
    examples=("jurat exporter", "JURAT_LISTEN=:9465 jurat exporter"),
    environment=("JURAT_DATABASE_URL", "JURAT_LISTEN", "JURAT_LOG"),
    codes={Exit.DONE: "it was stopped", Exit.USAGE: "wrong usage or settings, or the address cannot be used"},
)
def exporter(out: Output) -> None:
    """Show the figures of the whole fleet at /metrics, for Prometheus, until it is stopped.

    They are read from the database when someone asks, at most each 5 s: no keys and no rights but those of jurat_reader
    are needed. It listens on 127.0.0.1:9465, or JURAT_LISTEN. Two of them show the same, so one may fail.

    Health is at /livez, /readyz (the database answers and its schema can be read) and /startupz.
    """
    from config.settings import read_settings
    from jurat.database import open_engine
    from store.schema.release import VERSION
    from worker.installation import installation
    from worker.logs import set_up
    from worker.metrics.endpoints import Endpoints, open_listener
    from worker.metrics.fleet_metrics import FleetCollector, probes
    from worker.metrics.fleet_watch import PATIENCE, FleetWatch

    if out.json:
        raise click.UsageError("--json does not apply: metrics are at /metrics, and logs are JSON with JURAT_LOG=json.")
    settings = read_settings()
    set_up(settings.log)
    require_file(settings)
    listener = open_listener(settings.listen or _ADDRESS)
    engine = open_engine(settings.database_url, pool_size=1, deadline=PATIENCE)
    watch = FleetWatch(engine)
    about = {"version": VERSION, "installation": installation(settings.database_url)}
    endpoints = Endpoints(listener, FleetCollector(watch), probes(watch), **about)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    endpoints.start()
    ended.wait()
    endpoints.close()
    engine.dispose()


_ADDRESS = "127.0.0.1:9465"
