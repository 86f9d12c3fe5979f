"""Puts all jobs of upkeep together: workers do them in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from sqlalchemy import Engine

from jurat.seal import Unseal
from store.configurations.consultations import Consultations
from store.queue import backlog, outcomes
from store.requests.code_lists import CodeImporter
from store.requests.erasure_journal import ErasureJournal
from store.requests.inquiries import Inquiries
from store.requests.openings import Openings
from store.requests.request_runner import Requests
from store.upkeep.expired_candidates import erase_candidates
from store.upkeep.expired_leases import end_leases
from store.upkeep.outdated_access import add_up_access
from store.upkeep.overdue_reviews import end_overdue_reviews
from store.upkeep.purge import Purge
from store.upkeep.retention import Retention
from store.upkeep.turns import Turns
from store.verdicts.access import AccessRows
from tasks.rules.source_limits import Demand


class Upkeep:
    """All jobs on one database, safe to run in every worker at once. Codes are added with a `code_importer` only,
    erasures remembered with a `journal`, and answers and inquiries opened with the keys of `unseal`.

    Each job is what its own module says, on this database.
    """

    def __init__(
        self,
        engine: Engine,
        code_importer: CodeImporter | None = None,
        clock: Callable[[], float] = time.monotonic,
        journal: ErasureJournal | None = None,
        unseal: Unseal | None = None,
    ) -> None:
        self._engine = engine
        access = AccessRows()
        self.turns = Turns(engine, clock).take
        self.end_leases = partial(end_leases, engine)
        self.end_reviews = partial(end_overdue_reviews, engine, access)
        self.do_requests = Requests(engine, code_importer, journal).apply_waiting
        self.open_answers = Openings(engine, unseal or Unseal([])).turn
        self.inquiries = Inquiries(engine, unseal or Unseal([]))
        self.add_up_access = partial(add_up_access, engine, access)
        self.apply_publications = Consultations(engine).apply_waiting
        self.erase_candidates = partial(erase_candidates, engine)
        self.limit_retention = Retention(engine, access, clock).limit
        self.judge_outcomes = partial(outcomes.judge, engine)
        self.purge_pieces = Purge(engine, access).pieces

    def count_waiting(self, demands: Mapping[str, Demand] = MappingProxyType({})) -> None:
        """As `backlog.count_waiting`: `demands` are the limits of the sources that are configured."""
        with self._engine.begin() as connection:
            backlog.count_waiting(connection, demands)

    def purge(self) -> int:
        """All pieces of a purge at once, without a rest between them."""
        return sum(self.purge_pieces())
