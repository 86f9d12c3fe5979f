"""Lists all scenarios, in the order in which they run."""

from __future__ import annotations

from collections.abc import Mapping

from bench.faults import (
    on_backups,
    on_broker,
    on_database,
    on_keys,
    on_platforms,
    on_regions,
    on_sources,
    on_upgrades,
    on_workers,
)
from bench.faults.scenario import Scenario

ALL: tuple[Scenario, ...] = (
    *on_workers.SCENARIOS,
    *on_broker.SCENARIOS,
    *on_database.SCENARIOS,
    *on_sources.SCENARIOS,
    *on_platforms.SCENARIOS,
    *on_keys.SCENARIOS,
    *on_backups.SCENARIOS,
    *on_upgrades.SCENARIOS,
    *on_regions.SCENARIOS,
)
BY_NAME: Mapping[str, Scenario] = {scenario.name: scenario for scenario in ALL}
