"""Compares this machine's clock with the database's."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.queries import Queries
from cli.diagnosis.checkup import CheckupStep, StepMark

CLOCKS_APART = 5.0
"""Seconds between this machine's time and the database's that are too much: logs and certificates suffer."""


def clock_step(queries: Queries) -> CheckupStep:
    """Whether this machine's time is the database's."""
    begun = time.monotonic()
    apart = (queries.clock() - datetime.now(UTC)).total_seconds()
    rough = time.monotonic() - begun + 0.002
    if abs(apart) - rough > CLOCKS_APART:
        which = "ahead of" if apart > 0 else "behind"
        advice = "let both machines take their time from the network (NTP)"
        return CheckupStep(
            "clock", StepMark.PROBLEM, f"the database is {abs(apart):.1f} s {which} this machine", advice
        )
    return CheckupStep("clock", StepMark.OK, f"the database's time is this machine's to {max(abs(apart), rough):.2f} s")
