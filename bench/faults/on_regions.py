"""Loses the primary database, and promotes its standby: by a URL with both hosts, through a pooler, and a proxy."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from uuid import UUID

import psycopg
from sqlalchemy import make_url, text

from bench.faults.history import Fate
from bench.faults.on_backups import compare, freeze
from bench.faults.scenario import Scenario
from bench.faults.stage import Setting, Stage
from bench.rig.unit import until, waited
from store import restored
from tests.rigs.haproxy import HaProxy, haproxy_binary
from tests.rigs.pgbouncer import PgBouncer, pgbouncer_binary
from tests.rigs.servers import NoServer, PostgreSQL
from tests.rigs.standby import Standby

_WHO = "bench"
_WRITING = {"target_session_attrs": "read-write"}


class Pair(PostgreSQL):
    """A primary and its standby. `pooler` leads everyone to one of them, where there is one."""

    def __init__(self) -> None:
        super().__init__(durable=True)
        self.standby = Standby(self)
        self.pooler: PgBouncer | None = None

    def promote(self) -> None:
        """Have the standby take writes, and lead the pooler to it."""
        self.standby.promote()
        if self.pooler:
            self.pooler.lead_to(self.standby.port)


def _pair(stack: ExitStack) -> PostgreSQL:
    return stack.enter_context(Pair())


def _pair_of(stage: Stage) -> Pair:
    assert isinstance(stage.postgresql, Pair)
    return stage.postgresql


def _both(stage: Stage, url: str) -> str:
    pair, parts = _pair_of(stage), make_url(url)
    stage.stack.enter_context(pair.standby)
    hosts = f"127.0.0.1:{pair.port},127.0.0.1:{pair.standby.port}"
    return f"postgresql://{parts.username}@{hosts}/{parts.database}?target_session_attrs=read-write"


def _pooled(stage: Stage, url: str) -> str:
    pair = _pair_of(stage)
    stage.stack.enter_context(pair.standby)
    pair.pooler = stage.stack.enter_context(PgBouncer(url, size=60))
    return pair.pooler.through(url)


def _proxied(stage: Stage, url: str) -> str:
    pair = _pair_of(stage)
    stage.stack.enter_context(pair.standby)
    proxy = stage.stack.enter_context(HaProxy(pair.port, pair.standby.port))
    return make_url(url).set(port=proxy.port, query=_WRITING).render_as_string(hide_password=False)


def _promote(stage: Stage) -> float | None:
    """Every commit waits for the standby, so none is lost."""
    pair = _pair_of(stage)
    with stage.service.database.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("ALTER SYSTEM SET synchronous_standby_names = '*'"))
        connection.execute(text("SELECT pg_reload_conf()"))
    follows = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
    waited(lambda: stage.scalar(follows) == 1, 30, "the standby does not follow")
    stage.over(3.0, end=0.4)
    until(lambda: stage.leased() > 0, 5)
    pair.kill()
    stage.gone()
    stage.over(3.0 if stage.short else 20.0, begin=0.4, end=0.7)
    return _first_verdict(stage, pair.promote)


def _fall_behind(stage: Stage) -> float | None:
    """The standby gets no more of the primary's commits, which do not wait for it. Then the page "Switch to another
    region", but for its first step: workers are not stopped, and write when all is done.
    """
    pair = _pair_of(stage)
    stage.over(3.0, end=0.4)
    (sender,) = stage.column("SELECT pid FROM pg_stat_replication")
    os.kill(sender, signal.SIGSTOP)
    stage.over(8.0 if stage.short else 20.0, begin=0.4, end=0.7)
    freeze(stage)
    pair.kill()
    with psycopg.connect(_at(stage, pair.standby.port), autocommit=True) as standby:
        had = {str(row[0]) for row in standby.execute("SELECT id FROM jurat_checks")}
        ((taken_at,),) = standby.execute("SELECT pg_last_xact_replay_timestamp()")
    pair.promote()
    stage.service.database.dispose()
    with stage.service.database.begin() as connection:
        restored.secure(connection, min(taken_at, datetime.now(UTC)), _WHO)
    confirmed = {submit.check for submit in stage.web.submits if submit.fate is Fate.ACKNOWLEDGED}
    compare(stage, {check for check in confirmed if str(UUID(check)) not in had})

    def go_on() -> None:
        for unit in stage.units:
            unit.signal(signal.SIGCONT)
        time.sleep(5.0)  # in which the workers would claim
        stage.notes["claimed_before"] = stage.leased()
        with stage.service.database.begin() as connection:
            restored.finish(connection, _WHO, 0)
            restored.confirm(connection, _WHO)

    return _first_verdict(stage, go_on)


def _at(stage: Stage, port: int) -> str:
    parts = make_url(stage.service.settings.database_url)
    return f"postgresql://{parts.username}@127.0.0.1:{port}/{parts.database}"


def _first_verdict(stage: Stage, mend: Callable[[], None]) -> float:
    before, begun = _settled(stage), time.monotonic()
    mend()
    waited(lambda: _settled(stage) > before, 60, "nothing is settled after the promotion")
    stage.notes["first_verdict_s"] = round(time.monotonic() - begun, 2)
    return stage.all_settle()


def _settled(stage: Stage) -> int:
    return sum(unit.said('"event": "settled"') for unit in stage.units)


def _without(binary: Callable[[], str]) -> str | None:
    try:
        binary()
    except NoServer as reason:
        return str(reason)
    return None


_LIMITS = {"first_verdict_s": 30, "recovery_s": 30, "tracebacks": 0}


def _promotion(
    name: str, where: str, everywhere: Callable[[Stage, str], str], binary: Callable[[], str] | None = None
) -> Scenario:
    """The same promotion, seen through what leads everyone to the database: of Debian's package `binary`."""
    return Scenario(
        name,
        f"the primary is killed, and its standby is promoted{where}",
        _promote,
        setting=Setting(database=_pair, everywhere=everywhere, latency=0.5),
        limits={"stampede": 0} | _LIMITS,
        at_least={"held_at_outages": 1},
        skip=lambda: _without(binary) if binary else None,
        short=False,
    )


SCENARIOS = (
    _promotion("promote", "", _both),
    _promotion("promote-pooled", ", behind PgBouncer", _pooled, pgbouncer_binary),
    _promotion("promote-proxied", ", behind HAProxy", _proxied, haproxy_binary),
    Scenario(
        "promote-behind",
        "the primary is killed, and its standby, promoted, lacks the last commits",
        _fall_behind,
        setting=Setting(database=_pair, everywhere=_both, latency=0.5),
        limits={"missing_not_listed": 0, "wrongly_listed": 0, "claimed_before": 0} | _LIMITS,
        at_least={"lost_answers": 10, "held_by_stale_workers": 1},
        short=False,
    ),
)
