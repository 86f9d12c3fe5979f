"""Puts all jobs of upkeep together: workers do them in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import Engine

from store.configurations.consultations import Consultations
from store.queue import backlog
from store.requests.code_lists import CodeImporter
from store.requests.erasure_journal import ErasureJournal
from store.requests.request_runner import Requests
from store.upkeep.expired_candidates import erase_candidates
from store.upkeep.expired_leases import end_leases
from store.upkeep.outdated_access import add_up_access
from store.upkeep.overdue_reviews import end_overdue_reviews
from store.upkeep.purge import Purge
from store.upkeep.turns import Turns
from store.verdicts.access import AccessRows
from tasks.rules.source_limits import Demand


class Upkeep:
    """All jobs on one database, safe to run in every worker at once. Codes are added with a `code_importer` only, and
    erasures remembered with a `journal`.
    """

    def __init__(
        self,
        engine: Engine,
        code_importer: CodeImporter | None = None,
        clock: Callable[[], float] = time.monotonic,
        journal: ErasureJournal | None = None,
    ) -> None:
        self._engine = engine
        self._turns = Turns(engine, clock)
        self._access = AccessRows()
        self._purge = Purge(engine, self._access)
        self._requests = Requests(engine, code_importer, journal)
        self._consultations = Consultations(engine)

    def turns(self, every: Mapping[str, float]) -> set[str]:
        return self._turns.take(every)

    def end_leases(self) -> list[UUID]:
        return end_leases(self._engine)

    def end_reviews(self) -> int:
        return end_overdue_reviews(self._engine, self._access)

    def do_requests(self) -> int:
        """Carry out waiting requests; how many were dealt with."""
        return self._requests.apply_waiting()

    def add_up_access(self) -> int:
        return add_up_access(self._engine, self._access)

    def apply_publications(self) -> int:
        """Put what platforms published into the configuration, or store why not; how many were answered."""
        return self._consultations.apply_waiting()

    def count_waiting(self, demands: Mapping[str, Demand] = MappingProxyType({})) -> None:
        """As `backlog.count_waiting`: `demands` are the limits of the sources that are configured."""
        with self._engine.begin() as connection:
            backlog.count_waiting(connection, demands)

    def erase_candidates(self) -> int:
        return erase_candidates(self._engine)

    def purge_pieces(self) -> Iterator[int]:
        """As `Purge.pieces`: rest between the steps."""
        return self._purge.pieces()

    def purge(self) -> int:
        """The same at once, without a rest."""
        return sum(self.purge_pieces())
