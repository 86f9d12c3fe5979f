"""Reports database users who reached_limits their hourly limit of transfers and erasures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cli.diagnosis.checkup import CheckupStep, StepMark
from cli.output import time_text
from store.requests.allowances import reached_limits

if TYPE_CHECKING:
    from worker.bootstrap import Service


def allowance_steps(service: Service) -> Iterator[CheckupStep]:
    """A problem for each of the last day: a platform that erases so many is busy, or in somebody else's hands."""
    for each in reached_limits(service.database):
        said = (
            f"{each.login} asked for {each.per_hour} transfers and erasures within an hour, as many as it may, the "
            f"last at {time_text(each.at)}"
        )
        advice = (
            "look whether the platform meant them (jurat_requests); if not, lock that user out. If it needs more, "
            "raise its per_hour in jurat_allowances"
        )
        yield CheckupStep("requests", StepMark.PROBLEM, said, advice)
