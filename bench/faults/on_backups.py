"""Puts an older backup back while workers of before still hold checks."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.fingerprints import Fingerprints
from bench.faults.history import Fate
from bench.faults.scenario import Scenario
from bench.faults.stage import Setting, Stage
from bench.rig.unit import until
from jurat.ids import uuid7
from jurat.seal import key_from_text
from store import restored
from store.requests.erasure_journal import ErasureJournal, find_erased, read_journal
from store.requests.request_runner import Request, RequestKind, Requests
from tests.rigs.archived import Archived
from tests.rigs.servers import PostgreSQL

_WHO = "bench"
_ERASED = 5
"""Participants who are erased after the moment to which the database goes back."""


def _server(stack: ExitStack) -> PostgreSQL:
    return stack.enter_context(Archived())


def _restore(stage: Stage) -> float | None:
    """The page "Restore a backup", but for its first step: workers are not stopped, and write when all is done."""
    server, engine = stage.postgresql, stage.service.database
    assert isinstance(server, Archived)
    keys = Fingerprints([key_from_text(stage.fleet.environment["JURAT_HASH_KEYS"], "JURAT_HASH_KEYS")])
    journal = ErasureJournal(stage.folder / "erasures", keys)
    stage.over(3.0, end=0.3)
    server.back_up()
    stage.over(3.0, begin=0.3, end=0.5)
    stage.web.finish(60)
    until(lambda: stage.fleet.unsettled() < stage.checks * 0.2, 60)
    kept = len(stage.web.submits)
    (moment,) = stage.column("SELECT CAST(clock_timestamp() AS text)")
    time.sleep(0.1)
    # Settled by then: an answer that waits when its participant is erased ends undetermined, and rightly.
    settled = f"bool_and(state = 'settled' AND settled_at < '{moment}')"
    participants = f"SELECT participant FROM jurat_checks GROUP BY 1 HAVING {settled} ORDER BY random()"
    erased = stage.column(f"{participants} LIMIT {_ERASED}")
    requests = Requests(engine, journal=journal)
    for participant in erased:
        requests.do(Request(uuid7(), RequestKind.ERASE, _WHO, participant=participant))
    stage.over(8.0 if stage.short else 30.0, begin=0.5, end=0.8)
    freeze(stage)
    server.go_back(moment)
    engine.dispose()
    with engine.begin() as connection:
        restored.secure(connection, datetime.fromisoformat(moment), _WHO)
        again = find_erased(connection, read_journal(journal.path, datetime.fromisoformat(moment)).since, keys)
    for unit in stage.units:
        unit.signal(signal.SIGCONT)
    stage.notes["erased_again"] = len(again)
    time.sleep(5.0)  # in which the workers would claim
    stage.notes["claimed_before"] = stage.leased()
    for participant, consultation in again:
        request = Request(uuid7(), RequestKind.ERASE, _WHO, consultation=consultation, participant=participant)
        requests.do(request)
    with engine.begin() as connection:
        restored.finish(connection, _WHO, len(again))
        restored.confirm(connection, _WHO)
    compare(stage, {submit.check for submit in stage.web.submits[kept:] if submit.fate is Fate.ACKNOWLEDGED})
    recovery = stage.all_settle()
    names = "SELECT count(*) FROM jurat_checks WHERE participant = ANY(:those)"
    stage.notes["erased_back"] = stage.scalar(names, those=erased)
    return recovery


def freeze(stage: Stage) -> None:
    """Stop the workers in their tracks while they hold checks."""
    stage.web.finish(60)
    until(lambda: stage.leased() > 0, 5)
    for unit in stage.units:
        unit.signal(signal.SIGSTOP)
    stage.notes["held_by_stale_workers"] = stage.leased()


def compare(stage: Stage, lost: set[str]) -> None:
    """What the platform is told to be missing must be the checks that are `lost`, and nothing else."""
    submits = stage.web.submits
    known = [(UUID(submit.check), "") for submit in submits if submit.fate is Fate.ACKNOWLEDGED]
    with stage.service.database.begin() as connection:
        listed = {str(each.id) for each in restored.differences(connection, known) if each.here is None}
    stage.notes |= {
        "lost_answers": len(lost),
        "missing_not_listed": len(lost - listed),
        "wrongly_listed": len(listed - lost),
    }
    submits[:] = [replace(submit, fate=Fate.GONE) if submit.check in listed else submit for submit in submits]


SCENARIOS = (
    Scenario(
        "restore",
        "an older backup put back under workers that hold checks",
        _restore,
        setting=Setting(database=_server, latency=0.5),
        limits={"missing_not_listed": 0, "wrongly_listed": 0, "erased_back": 0, "claimed_before": 0, "tracebacks": 0},
        at_least={"lost_answers": 10, "erased_again": _ERASED, "held_by_stale_workers": 1},
        short=False,
    ),
)
