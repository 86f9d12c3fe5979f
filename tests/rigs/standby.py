"""A standby of a PostgreSQL server: it follows it, and takes no writes until it is promoted.

with PostgreSQL() as primary, Standby(primary) as standby:
    primary.kill()
    standby.promote()
"""

from __future__ import annotations

import contextlib

from tests.rigs.servers import PostgreSQL


class Standby(PostgreSQL):
    """Begins as a copy of `primary`, which must run."""

    name = "standby"

    def __init__(self, primary: PostgreSQL) -> None:
        super().__init__()
        self._primary = primary

    def promote(self) -> None:
        """Have it take writes, and wait until it does. Raises ServerFailed."""
        self._run("pg_ctl", "promote", "--wait", "--pgdata", str(self._data))

    def _initialise(self) -> None:
        place = ("--host", "127.0.0.1", "--port", str(self._primary.port), "--username", "postgres")
        self._run("pg_basebackup", *place, "--pgdata", str(self._data), "--write-recovery-conf", "--checkpoint", "fast")

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            lines = self._lock_file()
            return lines[:1] == [str(self.pid)] and lines[7:] != [] and lines[7].strip() in ("standby", "ready")
        return False
