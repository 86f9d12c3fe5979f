"""Explains in a sentence what is wrong with the shared database, when it is away or not what this program needs.
Commands end with that sentence; workers log it and wait.

It also limits how long they wait for PostgreSQL. A server that hangs no longer applies its own limits on statements and
transactions: only the side that waits can give up, see `jurat.silence`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, event, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from config.logger import get_logger
from config.settings import Settings
from jurat.database import NO_FILE, is_unfit, make_no_file, reader, state_of
from jurat.dialects import BY_NAME, dialect_of
from jurat.silence import limit, limit_silence
from store.schema.blockers import old_writers
from store.schema.status import ADVICE, schema_of
from store.sentences import Sentence
from store.sentences import gettext as _

if TYPE_CHECKING:
    from worker.service import Service

log = get_logger("jurat.worker")

PATIENCE = 13.0
"""Seconds to wait for an answer in a bounded transaction: more than the server's own limits, so that only a server that
hangs takes so long. The same holds for the first statements of each connection and transaction."""

LONGER = 30.0
"""Seconds for all other statements of a worker. The watchdog lets a thread of the engine pause for longer."""

LONGEST = 600.0
"""Seconds for a statement of a command, which may import a whole country's addresses."""

LOCK_WAIT = 30.0
"""Seconds that a command waits for a lock of another session: then it ends, and says who holds it."""

_OLDEST = {"postgresql": (16,), "sqlite": (3, 38)}


def missing_file(settings: Settings) -> str | None:
    """That a SQLite file does not exist yet, and what to do: connecting would leave an empty one behind."""
    file = sqlite_file(settings)
    return _no_file(file) if file is not None and not file.exists() else None


def sqlite_file(settings: Settings) -> Path | None:
    """The file of a SQLite database, None for PostgreSQL."""
    url = make_url(settings.database_url)
    return Path(url.database or "") if BY_NAME[url.get_backend_name()].in_a_file else None


def give_up_on(engine: Engine, *, command: bool = False) -> None:
    """Have statements of a worker's engine, or of a `command`, fail when PostgreSQL has stopped answering. A worker
    makes no SQLite file: it waits for one with our tables.
    """
    if not dialect_of(engine).in_a_file:
        give_up(engine, LONGEST if command else LONGER)
        if command:
            event.listen(engine, "begin", _limit_lock_wait)
    elif not command:
        make_no_file(engine, _no_file)


def _limit_lock_wait(connection: Connection) -> None:
    if not {"jurat_bounded", "isolation_level"} & connection.get_execution_options().keys():
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_WAIT}s'")


def give_up(engine: Engine, longest: float, patience: float = PATIENCE) -> None:
    """Have statements on this engine's connections fail, as of a database that is away, when no answer comes within
    `patience` seconds in transactions that are bounded, and within `longest` seconds in others.
    """

    def begin(connection: Connection) -> None:
        limit(connection.connection.dbapi_connection, patience)  # of BEGIN, and of what travels with it

    def begun(connection: Connection) -> None:
        if not connection.get_execution_options().get("jurat_bounded"):
            limit(connection.connection.dbapi_connection, longest)

    limit_silence(engine, patience)
    event.listen(engine, "begin", begin, insert=True)
    event.listen(engine, "begin", begun)


def why_not(engine: Engine, error: Exception) -> Mapping[str, str]:
    """Why a worker cannot use the database, and what to do, for its log: the driver's first line, or what is wrong with
    the schema. Holds no secret. Never raises.
    """
    line = first_line(getattr(error, "orig", None) or error)
    known = line if line.startswith(NO_FILE) else _schema_problem(engine, error)
    why, _, advice = known.partition("; ")
    return {"why": why or line, "advice": advice or advice_on(line), "look": "bin/jurat worker --check"}


def look(service: Service) -> None:
    """Log what a starting worker would not run into by itself: an older schema, a PostgreSQL that is too old, or no
    configuration. Its engine says why the database cannot be used at all.
    """
    problems = []
    try:
        found = schema_of(service.database)
        problems += [] if found.usable else [ADVICE[found]]
        problems += filter(None, [too_old(service.database)])
        if service.queries.config_version() is None:
            problems.append("no configuration was applied; run `bin/jurat config apply PATH`")
    except SQLAlchemyError:
        return
    for problem in problems:
        why, _, advice = problem.partition("; ")
        log.warning("not fully set up", why=why, advice=advice)


def too_old(engine: Engine) -> str | None:
    """That the database's own program is too old for us, and what to do; None where it is not. Connects where needed.

    Raises SQLAlchemy's errors when it is away.
    """
    oldest = _OLDEST[engine.dialect.name]
    if _version_of(engine) >= oldest:
        return None
    return f"{engine_version(engine)} is too old; update it to {'.'.join(map(str, oldest))} or later"


def engine_version(engine: Engine) -> str:
    """The name and version of the database's own program. Connects where needed."""
    return f"{dialect_of(engine).title} {'.'.join(map(str, _version_of(engine)))}"


def _version_of(engine: Engine) -> tuple[int, ...]:
    if not getattr(engine.dialect, "server_version_info", None):
        engine.connect().close()
    return tuple(getattr(engine.dialect, "server_version_info", None) or ())


def oddities(service: Service) -> Iterator[tuple[bool, str, str]]:
    """What makes a database that answers unusable now (True), or once another host is the primary (False), and what to
    do about it. Raises SQLAlchemy's errors when it is away.
    """
    engine = service.database
    if old := too_old(engine):
        problem, _, advice = old.partition("; ")
        yield True, problem, advice
    if dialect_of(engine).in_a_file:
        return
    with reader(engine).begin() as connection:
        read_only = connection.execute(text("SHOW transaction_read_only")).scalar() == "on"
    if read_only:
        yield True, "it takes no writes", advice_on("read-only")
    if len(primaries := _primaries(engine)) > 1:
        problem = f"{' and '.join(primaries)} both take writes: each may have what the other lacks"
        yield True, problem, "cut off the one that was not promoted last, and see that nothing starts it again"
    if holder := old_writers(engine):
        yield False, holder, "others wait for that: end the session (pg_terminate_backend)"
    query = make_url(service.settings.database_url).query
    if len(str(query.get("host", "")).split(",")) > 1 and "target_session_attrs" not in query:
        problem = "the first of several hosts that answers is taken, though it may take no writes"
        yield False, problem, "add ?target_session_attrs=read-write to JURAT_DATABASE_URL"


def _primaries(engine: Engine) -> list[str]:
    """Of several hosts those that take writes, each asked by itself; one of each server, by when that was started."""
    import psycopg

    _, given = engine.dialect.create_connect_args(engine.url)
    hosts, ports = (str(given.get(part, "")).split(",") for part in ("host", "port"))
    if len(hosts) < 2:
        return []
    found: dict[datetime, str] = {}
    for host, port in zip(hosts, ports * (len(hosts) if len(ports) == 1 else 1), strict=False):
        alone = {
            **given,
            "host": host,
            "port": port or None,
            "target_session_attrs": "read-write",
            "connect_timeout": 3,
        }
        with suppress(psycopg.Error), psycopg.connect(**alone) as connection:
            ((started,),) = connection.execute("SELECT pg_postmaster_start_time()")
            found.setdefault(started, f"{host}:{port}" if port else host)
    return list(found.values())


_ADVICE = {
    "read-only": _(
        "let it take writes, or name the primary in JURAT_DATABASE_URL (with several hosts add "
        "?target_session_attrs=read-write)"
    ),
    "password|pg_hba.conf|role .* does not exist": _("correct user and password in JURAT_DATABASE_URL"),
    "connection option": _("correct what follows the ? in JURAT_DATABASE_URL"),
    "(resolve|translate) host": _("correct the host in JURAT_DATABASE_URL"),
    "database .* does not exist": _(
        "make it and run `bin/jurat db upgrade`, or correct its name in JURAT_DATABASE_URL"
    ),
    "permission denied": _("give this user the role that its process needs (docs/operators/separate-roles.md)"),
    "connection timeout|connection timed out": _("look whether it hangs, or correct the host in JURAT_DATABASE_URL"),
    "timeout": _("look in pg_stat_activity who holds a lock, or what takes so long"),
    "not answered": _("look whether it hangs"),
    "connection slots|too many clients": _("let it take more connections (max_connections), or start fewer workers"),
    "has the encoding": _("make one with ENCODING 'UTF8', and copy what is in it"),
}
"""What to do about a database, by what it says."""


def advice_on(message: str) -> Sentence:
    """What to do about a database, by its message."""
    found = (advice for pattern, advice in _ADVICE.items() if re.search(pattern, message, re.IGNORECASE))
    return next(found, _("start it, or correct JURAT_DATABASE_URL"))


def first_line(orig: object) -> str:
    """A database driver's message on one line, without its hints."""
    lines = [line.strip(" -\t") for line in str(orig).splitlines()]
    kept = [
        line for line in lines if line and not line.startswith(("Is the server", "Multiple connection", "(Background"))
    ]
    return kept[0].removeprefix("connection failed: ")[:300] if kept else type(orig).__name__


def _schema_problem(engine: Engine, error: Exception) -> str:
    """What is wrong with the schema, if that may cause the error, and what to do; "" where that is unknown."""
    if state_of(error) == "42501" or not (is_unfit(error) or "no such " in str(getattr(error, "orig", ""))):
        return ""
    try:
        found = schema_of(engine)
    except SQLAlchemyError:
        return ""
    return "" if found.usable else ADVICE[found]


def _no_file(file: Path) -> str:
    given = os.environ.get("JURAT_DATABASE_URL") or os.environ.get("JURAT_DATABASE_URL_FILE")
    unset = "" if given else ", and JURAT_DATABASE_URL is not set"
    return f"{NO_FILE} {file}{unset}; run `bin/jurat db upgrade`, or set JURAT_DATABASE_URL to another one"
