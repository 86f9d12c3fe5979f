"""Finds who holds a lock that an upgrade or a command waits for, and says it without personal data."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import Any, Self

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

LOCK = 0x6A75726174
"""The key of the advisory lock that one upgrade at a time holds: "jurat"."""

LOCK_WAIT = 0.8
"""Seconds that a statement waits for a lock. Meanwhile all others who use the table wait behind it: a platform's users
must not notice that.
"""

OLD = 60.0
"""Seconds after which a transaction that holds locks is worth a look."""

_LOOKS_APART = 1.0
"""Seconds between two looks at a transaction. Those of workers are over by then."""

LOOKS_EVERY = 2.0
"""Seconds between two looks at a statement that waits."""

_ABOUT = """a.pid, a.usename, a.application_name, a.state,
           to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"') AS since, a.query"""

_HOLDERS = f"""
    SELECT DISTINCT {_ABOUT}
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.granted AND l.pid <> pg_backend_pid() AND l.pid <> :but
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND coalesce(a.backend_type, 'client backend') = 'client backend'
      AND coalesce(a.xact_start < clock_timestamp() - make_interval(secs => :wait), true)
      AND CASE l.locktype
          WHEN 'relation' THEN l.relation IN (SELECT oid FROM pg_class WHERE relname LIKE 'jurat\\_%')
          WHEN 'advisory' THEN (CAST(l.classid AS bigint) << 32) + CAST(l.objid AS bigint) = :key END
    ORDER BY since"""
"""The sessions that have held a lock of ours for so long that a migration gave up on it. PostgreSQL may hide all about
other users except their names."""

_WRITERS = f"""
    SELECT DISTINCT l.virtualtransaction, {_ABOUT},
           a.xact_start < clock_timestamp() - make_interval(secs => :old) AS old
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.granted AND l.pid <> pg_backend_pid() AND l.mode <> 'AccessShareLock'
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.relation IN (SELECT oid FROM pg_class WHERE relname LIKE 'jurat\\_%')
    ORDER BY since"""
"""The sessions that write our tables, or lock rows of them."""

_HIDDEN = "<insufficient privilege>"
"""What PostgreSQL shows instead of the queries of other users."""

_BLOCKERS = f"""
    SELECT w.pid AS waits, {_ABOUT}
    FROM pg_stat_activity w
    CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS blocking (pid)
    JOIN pg_stat_activity a ON a.pid = blocking.pid
    WHERE w.datname = current_database() AND w.state = 'active' AND w.pid <> pg_backend_pid()
      AND left(w.query, 500) = left(:statement, 500)
    ORDER BY since"""
"""The sessions that a running statement waits for. It is found by its text: a pooler hides its process."""

_LITERALS = re.compile(r"""(?sx) --[^\n]* | \$(\w*)\$.*?(?:\$\1\$|$) | '(?:[^']|'')*(?:'|$) | \b\d[\w.]*""")
"""The comments, texts and numbers in a query, which may be personal data."""

_UNSURE = re.compile(r"\\|/\*")
"""From here on it is unsure where a text or comment ends: a backslash may escape, and comments may be nested."""

_QUERY_SHOWN = 120


def in_the_way(connection: Connection, but: int) -> str:
    """The query and user that hold what a migration needs, in a sentence; without the query's literals. "" where nobody
    does any more. The process `but` is the upgrade's own.
    """
    with connection.begin():
        found = connection.execute(text(_HOLDERS), {"key": LOCK, "but": but, "wait": LOCK_WAIT}).all()
    return _sentence(found) if found else ""


def long_writers(engine: Engine) -> str:
    """Who has written our tables, or locked rows of them, in a transaction that goes on; in a sentence, "" where nobody
    does. It looks twice: PostgreSQL hides from most users since when others' transactions go on.
    """
    seen: list[Sequence[Any]] = []
    for pause in (_LOOKS_APART, 0.0):
        seen.append(_writers(engine))
        time.sleep(pause)
    before = {row.virtualtransaction for row in seen[0]}
    found = [row for row in seen[1] if row.virtualtransaction in before]
    return _sentence(found) if found else ""


def old_writers(engine: Engine) -> str:
    """The same of those since more than `OLD` seconds. It needs the rights of pg_read_all_stats: "" without."""
    found = [row for row in _writers(engine) if row.old]
    return _sentence(found) if found else ""


def _writers(engine: Engine) -> Sequence[Any]:
    with engine.connect() as connection, connection.begin():
        return connection.execute(text(_WRITERS), {"old": OLD}).all()


def _sentence(found: Sequence[Any]) -> str:
    first = found[0]
    about = [f"application {first.application_name}"] * bool(first.application_name)
    about += [f"{first.state or 'in a transaction'} since {first.since}"] * bool(first.since)
    details = f" ({', '.join(about)})" if about else ""
    holder = f"process {first.pid} of the user {first.usename}{details} holds a lock"
    if len(found) > 1:
        holder += f", and {len(found) - 1} more"
    query = " ".join(_LITERALS.sub("?", _UNSURE.split((first.query or "").replace(_HIDDEN, ""), maxsplit=1)[0]).split())
    shown = f"{query[:_QUERY_SHOWN]}{'…' * (len(query) > _QUERY_SHOWN)}"
    return f"{holder}; its last query is `{shown}`" if query else holder


class Watch:
    """Watches a statement that holds up no one and may take hours. It tells `say` once whom the statement waits for,
    and ends the statement once it has waited `patience` seconds for the same process.
    """

    def __init__(self, engine: Engine, statement: str, patience: float, say: Callable[[str], object]) -> None:
        self._engine = engine
        self._statement = statement
        self._looks = patience / LOOKS_EVERY
        self._say = say
        self._over = Event()
        self._thread = Thread(target=self._run, name="jurat-watch", daemon=True)
        self.blocked_by = ""
        """Who was waited for when the statement was ended; "" where it was not."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        blocker, looks = None, 0
        while not self._over.wait(LOOKS_EVERY):
            found = self._look(end=looks >= self._looks and not self.blocked_by)
            if not found or found[0].pid != blocker:
                blocker, looks = (found[0].pid, 0) if found else (None, 0)
                if found:
                    self._say(f"the upgrade waits: {_sentence(found)}")
            else:
                looks += 1

    def _look(self, *, end: bool) -> Sequence[Any]:
        """Whom the statement waits for, no one where that is unknown. With `end` it is ended."""
        try:
            with self._engine.connect() as connection, connection.begin():
                found = connection.execute(text(_BLOCKERS), {"statement": self._statement}).all()
                if found and end:
                    self.blocked_by = _sentence(found)
                    connection.execute(text("SELECT pg_cancel_backend(:pid)"), {"pid": found[0].waits})
                return found
        except SQLAlchemyError:
            return ()  # the statement itself goes on
