"""Defines a scenario: one fault, what it must not exceed, and what shows that it bites."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bench.faults.stage import Setting, Stage


@dataclass(frozen=True, slots=True)
class Scenario:
    """One fault.

    `run(stage)` breaks things and gives the seconds until the fleet worked again, None where that has no meaning; it
    raises TimeoutError when the fleet does not. `limits` are figures of the row that must not be exceeded, `at_least`
    those that show that the fault bites. `undetermined` are the technical reasons that it excuses.
    """

    name: str
    title: str
    run: Callable[[Stage], float | None]
    setting: Setting = field(default_factory=Setting)
    limits: Mapping[str, float] = field(default_factory=dict)
    at_least: Mapping[str, float] = field(default_factory=dict)
    undetermined: frozenset[str] = frozenset()
    skip: Callable[[], str | None] = lambda: None
    """Why it cannot run on this machine, None when it can."""
    short: bool = True
    """Whether it is short enough for `make faults-short`."""
    checks: int = 2000
    """How many it takes by default, unless it has to be short."""
