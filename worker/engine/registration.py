"""Registers this worker in the database every ten seconds and with each new plan, and learns what it lacks."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from adapters.fingerprints import chains
from config.logger import get_logger
from config.secrets import SecretError
from jurat.errors import ConfigurationError
from store.schema.status import ADVICE
from store.workers import SEEN_EVERY, Fleet, Member
from tasks.plan import Plan
from worker.engine.in_flight import InFlight
from worker.engine.plans import Plans
from worker.engine.threads import EngineThread
from worker.health import Facts
from worker.metrics.names import StatementName
from worker.metrics.tallies import Tallies

log = get_logger("jurat.engine")

HASHES_EVERY = 60.0
"""Seconds between two looks for the keys that codes and numbers were hashed with."""


@dataclass(slots=True)
class Lacks:
    """What this worker lacks to do every check that waits. The registrar finds it, others read it."""

    unseal_keys: Mapping[str, int] = field(default_factory=dict)
    """How many answers waited for each key that it does not have, at the last look. Each queue counts up to 100."""
    hash_keys: Sequence[str] = ()
    """The keys that it does not have and that codes or numbers were hashed with."""
    schema: str = ""
    """Why it cannot use the schema, and what to do."""
    known: bool = True
    """Whether it has looked."""
    schema_known: bool = True
    """Whether it has looked at the schema. It may be unable to do more, and works nevertheless."""


class Registrar(EngineThread):
    """A thread of its own, so that a database that hangs holds up nothing else."""

    def __init__(
        self,
        fleet: Fleet,
        member: Member,
        in_flight: InFlight,
        plans: Plans,
        lacks: Lacks,
        facts: Callable[[], Facts],
        tallies: Tallies,
        read_keys: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        super().__init__("register")
        self._read_keys = read_keys
        self._unread = ""
        """Why the keys could not be read again."""
        self._fleet = fleet
        self._member = member
        self._in_flight = in_flight
        self._plans = plans
        self._lacks = lacks
        self._facts = facts
        self._tallies = tallies
        self._next = 0.0
        self._next_hashes = 0.0
        self._ending = False
        self._logged_keys: Collection[str] = ()
        self._reported_plan: Plan | None = None

    def end(self) -> None:
        """Have it write that this worker claims nothing more. Its row is deleted when this thread stops."""
        self._ending = True
        self._next = 0.0

    def step(self) -> None:
        plan = self._plans.current()
        if time.monotonic() >= self._next or plan is not self._reported_plan:
            self._next, self._reported_plan = time.monotonic() + SEEN_EVERY, plan
            self._look_at_keys()
            self._look()
            ready = self._is_ready()
            member = replace(
                self._member,
                held=len(self._in_flight),
                sources=_served(self._member.sources, plan),
                config_version=plan.version if plan else None,
                ready=ready,
                stopping=self._ending,
            )
            with self._tallies.time(StatementName.REGISTER):
                strange = self._fleet.report(member)
            self._log_missing(strange)
            self._lacks.known = True
            if self._is_ready() is not ready:
                self._next = 0.0
        if self.stopping.wait(1.0):
            self._fleet.leave(self._member.id)

    def _look_at_keys(self) -> None:
        """Take the keys as they are now. While they cannot be read, it goes on with those that it has."""
        if self._read_keys is None:
            return
        mine, before, self._unread = self._member.unseal_keys, self._unread, ""
        try:
            keys = tuple(self._read_keys())
        except (SecretError, ConfigurationError) as error:
            keys, self._unread = mine, str(error)
        if self._unread and self._unread != before:
            log.error("keys unreadable", why=self._unread, ours=list(mine))
        if keys != mine:
            log.info("keys changed", before=list(mine), now=list(keys))
            self._member = replace(self._member, unseal_keys=keys)

    def _look(self) -> None:
        """Look whether the schema can be used, and now and then which keys hashes need."""
        found = self._fleet.schema()
        self._lacks.schema = "" if found.usable else ADVICE[found]
        self._lacks.schema_known = True
        # One that was given only some sources, and no key for hashes, leaves codes and numbers to others.
        leaves_hashes = self._member.sources is not None and not self._member.hash_keys
        if found.usable and not leaves_hashes and time.monotonic() >= self._next_hashes:
            self._lacks.hash_keys = sorted(self._fleet.hash_keys().difference(chains(self._member.hash_keys)))
            self._next_hashes = time.monotonic() + HASHES_EVERY

    def _is_ready(self) -> bool:
        """Whether it is ready, by the rule of the endpoint. The database is there: it is about to be written to."""
        return replace(self._facts(), database=True).ready

    def _log_missing(self, strange: Mapping[str, int]) -> None:
        """Log once which keys are missing, and again when others are."""
        if strange and set(strange) - set(self._logged_keys):
            log.error(
                "answers wait that no key of this worker opens",
                keys=sorted(strange),
                ours=list(self._member.unseal_keys),
                advice="bring back the keys with these ids: add them to JURAT_UNSEAL_KEYS here; others are left alone",
            )
        self._lacks.unseal_keys = strange
        self._logged_keys = set(strange)


def _served(only: tuple[str, ...] | None, plan: Plan | None) -> tuple[str, ...] | None:
    """The sources that this worker serves, None for all: those that it was given and has the keys for."""
    if plan is None or not plan.left_to_others:
        return only
    return tuple(sorted(set(plan.sources if only is None else only) - plan.left_to_others))
