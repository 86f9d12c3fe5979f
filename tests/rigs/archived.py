"""A PostgreSQL server that is backed up as in production, and goes back to any moment since its base backup.

with Archived() as server:
    server.back_up()
    server.go_back("2026-11-30 04:00:00+00")
"""

from __future__ import annotations

import shutil
import time

import psycopg
from sqlalchemy import make_url

from tests.rigs.servers import PostgreSQL, ServerFailed


class Archived(PostgreSQL):
    """Keeps its WAL in a folder beside its data."""

    def __init__(self) -> None:
        super().__init__(durable=True)
        self._archive = self.folder / "archive"
        self._base = self.folder / "base"
        self._archive.mkdir()
        if owner := self._credentials():
            shutil.chown(self._archive, owner["user"], owner["group"])
        self._settings |= {"archive_mode": "on", "archive_command": f"cp %p {self._archive}/%f"}

    def back_up(self) -> None:
        """Make the base backup."""
        place = ("--host", "127.0.0.1", "--port", str(self.port), "--username", "postgres")
        self._run("pg_basebackup", *place, "--pgdata", str(self._base), "--checkpoint", "fast", "--wal-method", "none")

    def go_back(self, moment: str) -> None:
        """Kill the server, restore the base backup, and replay the WAL until a moment. It takes writes afterwards."""
        self._archive_all()
        self.kill()
        shutil.rmtree(self._data)
        self._base.rename(self._data)
        (self._data / "recovery.signal").touch()
        target = {"restore_command": f"cp {self._archive}/%f %p", "recovery_target_time": moment}
        self._settings |= {**target, "recovery_target_action": "promote", "archive_mode": "off"}
        self.start()
        while self._scalar("SELECT pg_is_in_recovery()"):
            time.sleep(0.05)
        for setting in (*target, "recovery_target_action"):
            del self._settings[setting]

    def _archive_all(self) -> None:
        """Have all WAL so far archived, and wait until it is."""
        last = self._scalar("SELECT pg_walfile_name(pg_current_wal_lsn())")
        self._scalar("SELECT pg_switch_wal()")
        end = time.monotonic() + 60
        while not (self._archive / str(last)).exists():
            if time.monotonic() > end:
                raise ServerFailed(f"{last} was not archived in a minute")
            time.sleep(0.05)
        time.sleep(0.5)  # until it is whole

    def _scalar(self, query: str) -> object:
        url = make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None
