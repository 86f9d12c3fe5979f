"""Keeps the plan in force in this process: the newest applied configuration with the newest zones."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from config.configuration import Configuration
from config.hours import Hours
from config.logger import get_logger
from config.problems import InvalidConfiguration
from store.queries import Queries
from tasks.plan import Plan
from tasks.rules.source_limits import Breaker, Demand

log = get_logger("jurat.engine")

LONGEST_LOOK_UP = 60.0
"""Seconds: no configuration may allow a lookup more."""

MakePlan = Callable[[int, Configuration], Plan]


class Plans:
    """Takes a new configuration when there is one. A plan is closed once there is the next plan but one. A lookup that
    still runs by then gets no answer, and is repeated under the new plan.
    """

    def __init__(self, queries: Queries, make: MakePlan) -> None:
        self._queries = queries
        self._make = make
        self._current: Plan | None = None
        self._before: Plan | None = None
        self._seen: tuple[int | None, int, int, str | None, frozenset[str]] | None = None
        self.behind = False
        """Whether another version of jurat applied a newer configuration, which cannot be read here."""
        self._lock = threading.Lock()
        self.listeners: list[Callable[[Plan], None]] = []
        self.taken = threading.Event()
        """Set once the first plan is in force and the listeners know it."""

    def current(self) -> Plan | None:
        """The plan in force, None before the first configuration was taken."""
        return self._current

    def longest(self, source: str) -> float:
        """How many seconds one lookup of a source may take."""
        model = self._current.configuration.sources.get(source) if self._current else None
        return model.timeout if model else LONGEST_LOOK_UP

    def breaker(self, source: str) -> Breaker:
        plan = self._current
        return plan.demand(source, 0).breaker if plan and source in plan.sources else Breaker()

    def hours(self) -> dict[str, Hours]:
        return {demand.source: demand.hours for demand in self.demands().values() if demand.hours is not None}

    def demands(self) -> dict[str, Demand]:
        """The limits of the sources, as the demand of a worker without a free slot."""
        plan = self._current
        return {source: plan.demand(source, 0) for source in plan.sources} if plan else {}

    def refresh(self) -> bool:
        """Look for a newer configuration or zone, and other suspect sources; whether a new plan is in force.

        Raises what the database raises.
        """
        with self._lock:
            seen = self._queries.newest()
            version = seen[0]
            if version is None or seen == self._seen:
                return False
            try:
                configuration = Configuration.from_json(self._queries.config(version))
            except InvalidConfiguration as error:
                self._seen, self.behind = seen, True
                log.error(  # noqa: TRY400 - its sentences say it all
                    "configuration not taken: another version of jurat applied it; the one before stays in force",
                    config_version=version,
                    problems=[str(problem) for problem in error.problems[:5]],
                )
                return False
            plan = replace(self._make(version, configuration), suspects=seen[-1])
            for problem in plan.problems:
                log.warning("configuration problem", problem=problem, config_version=version)
            if self._before is not None:
                self._before.close()
            self._before, self._current, self._seen = self._current, plan, seen
            self.behind = False
        log.info("configuration taken", config_version=version, sources=len(plan.sources))
        for listener in self.listeners:
            listener(plan)
        self.taken.set()
        return True

    def close(self) -> None:
        with self._lock:
            for plan in (self._before, self._current):
                if plan is not None:
                    plan.close()
