"""Loses the primary database, and promotes its standby: the workers of both regions name both hosts."""

from __future__ import annotations

import time
from contextlib import ExitStack

from sqlalchemy import make_url, text

from bench.faults.scenario import Scenario
from bench.faults.stage import Setting, Stage
from bench.rig.unit import until, waited
from tests.rigs.servers import PostgreSQL
from tests.rigs.standby import Standby


class Pair(PostgreSQL):
    """A primary whose commits wait for its standby, so that none is lost with it."""

    def __init__(self) -> None:
        super().__init__(durable=True)
        self.standby = Standby(self)

    def both(self, url: str) -> str:
        """The URL of a database on whichever of the two takes writes."""
        parts = make_url(url)
        hosts = f"127.0.0.1:{self.port},127.0.0.1:{self.standby.port}"
        return f"postgresql://{parts.username}@{hosts}/{parts.database}?target_session_attrs=read-write"


def _pair(stack: ExitStack) -> PostgreSQL:
    return stack.enter_context(Pair())


def _both(stage: Stage, url: str) -> str:
    assert isinstance(stage.postgresql, Pair)
    stage.stack.enter_context(stage.postgresql.standby)
    return stage.postgresql.both(url)


def _promote(stage: Stage) -> float | None:
    pair = stage.postgresql
    assert isinstance(pair, Pair)
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
    before, begun = _settled(stage), time.monotonic()
    pair.standby.promote()
    waited(lambda: _settled(stage) > before, 60, "nothing is settled after the promotion")
    stage.notes["first_verdict_s"] = round(time.monotonic() - begun, 2)
    return stage.all_settle()


def _settled(stage: Stage) -> int:
    return sum(unit.said('"event": "settled"') for unit in stage.units)


SCENARIOS = (
    Scenario(
        "promote",
        "the primary is killed, and its standby is promoted",
        _promote,
        setting=Setting(database=_pair, everywhere=_both, latency=0.5),
        limits={"first_verdict_s": 30, "recovery_s": 30, "tracebacks": 0, "stampede": 0},
        at_least={"held_at_outages": 1},
        short=False,
    ),
)
