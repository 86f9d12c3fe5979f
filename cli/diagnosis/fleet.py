"""Looks at the whole fleet once, and at which conditions hold."""

from __future__ import annotations

from cli.database import require_file
from config.settings import read_settings
from jurat.database import open_engine
from store.monitoring.conditions import Finding
from store.monitoring.fleet import FleetReading
from store.monitoring.fleet_reader import FleetReader
from worker.metrics.fleet_watch import PATIENCE, look_at


def look() -> tuple[list[Finding], FleetReading | None]:
    """What was found, the gravest first, and the fleet; None where it cannot be read."""
    settings = read_settings()
    require_file(settings)
    engine = open_engine(settings.database_url, deadline=PATIENCE)
    try:
        seen, found = look_at(FleetReader(engine))
    finally:
        engine.dispose()
    return found, seen.fleet if seen else None
