"""A desk's fleet: workers that report, and what a reader sees of it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from jurat.seal import Unseal, generate
from store.monitoring.fleet import FleetReading, SourceReading
from store.monitoring.fleet_reader import FleetReader
from store.workers import Fleet, Member
from tests.store.desk import PRIVATE_KEY, Desk

(OURS,) = Unseal([PRIVATE_KEY]).key_ids
(THEIRS,) = Unseal([generate()[0]]).key_ids
"""The ids of the key that a desk seals for, and of another one."""


def member(desk: Desk, name: str = "w", **given: Any) -> Member:
    """A worker as it would report: with our key, and with the configuration taken."""
    usual = {"slots": 4, "config_version": desk.queries.config_version(), "unseal_keys": (OURS,), "ready": True}
    return Member(uuid4(), "here", name, "1.0", "r", **{**usual, **given})


def report(desk: Desk, name: str = "w", **given: Any) -> Member:
    """Have a worker report once."""
    made = member(desk, name, **given)
    Fleet(desk.engine).report(made)
    return made


def fleet(desk: Desk) -> FleetReading:
    """What a reader sees now."""
    seen = FleetReader(desk.engine).observe()
    assert seen.fleet is not None
    return seen.fleet


def source(desk: Desk, name: str = "towns") -> SourceReading:
    (found,) = [each for each in fleet(desk).sources if each.name == name]
    return found


def age_figures(desk: Desk, seconds: float, name: str | None = None) -> None:
    """Workers counted what waits so long ago."""
    desk.sql(f"UPDATE jurat_sources SET figures_at = NOW({-seconds})" + (f" WHERE name = '{name}'" if name else ""))
