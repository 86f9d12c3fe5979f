"""Registers this worker in the database every ten seconds and with each new plan, and learns which keys it lacks."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import structlog

from store.workers import SEEN_EVERY, Fleet, Member
from tasks.plan import Plan
from worker.engine.in_flight import InFlight
from worker.engine.plans import Plans
from worker.engine.threads import EngineThread

log = structlog.get_logger("jurat.engine")


@dataclass(slots=True)
class MissingKeys:
    """The keys that answers wait for and that this worker does not have. The registrar finds them, others read them."""

    counts: Mapping[str, int] = field(default_factory=dict)
    """How many answers waited for each key at the last look; it counts up to 100 a queue."""


class Registrar(EngineThread):
    """A thread of its own, so that a database that hangs holds up nothing else."""

    def __init__(
        self, fleet: Fleet, member: Member, in_flight: InFlight, plans: Plans, missing_keys: MissingKeys
    ) -> None:
        super().__init__("register")
        self._fleet = fleet
        self._member = member
        self._in_flight = in_flight
        self._plans = plans
        self._next = 0.0
        self._ending = False
        self._logged_keys: Collection[str] = ()
        self._reported_plan: Plan | None = None
        self._missing_keys = missing_keys

    def end(self) -> None:
        """Have it write that this worker claims nothing more. Its row is deleted when this thread stops."""
        self._ending = True
        self._next = 0.0

    def step(self) -> None:
        plan = self._plans.current()
        if time.monotonic() >= self._next or plan is not self._reported_plan:
            self._next, self._reported_plan = time.monotonic() + SEEN_EVERY, plan
            member = replace(
                self._member,
                held=len(self._in_flight),
                sources=_served(self._member.sources, plan),
                config_version=plan.version if plan else None,
                ready=plan is not None and not self._missing_keys.counts and not self._ending,
                stopping=self._ending,
            )
            self._log_missing(self._fleet.report(member))
        if self.stopping.wait(1.0):
            self._fleet.leave(self._member.id)

    def _log_missing(self, strange: Mapping[str, int]) -> None:
        """Log once which keys are missing, and again when others are."""
        if strange and set(strange) - set(self._logged_keys):
            log.error(
                "answers wait that no key of this worker opens",
                keys=sorted(strange),
                ours=list(self._member.unseal_keys),
                advice="bring back the keys with these ids: add them to JURAT_UNSEAL_KEYS here; others are left alone",
            )
        self._missing_keys.counts = strange
        self._logged_keys = set(strange)


def _served(only: tuple[str, ...] | None, plan: Plan | None) -> tuple[str, ...] | None:
    """The sources that this worker serves, None for all: those that it was given and has the keys for."""
    if plan is None or not plan.left_to_others:
        return only
    return tuple(sorted(set(plan.sources if only is None else only) - plan.left_to_others))
