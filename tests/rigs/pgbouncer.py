"""A real PgBouncer in transaction mode before a PostgreSQL server of ours.

    with PgBouncer(url, size=1) as pooler:
        pooled_url = pooler.through(url)

It comes from this machine, for no wheel brings it (Debian: `apt-get install pgbouncer`).
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import make_url

from tests.rigs.servers import NoServer, Server


class PgBouncer(Server):
    """Lends each transaction one of `size` connections a user and database has, and keeps nothing prepared.

    `users` are those, beside the one of `url`, who may come through it; like the server behind it, it trusts them.
    """

    name = "pgbouncer"
    stop_signal = signal.SIGINT
    last_signal = signal.SIGTERM

    def __init__(self, url: str, *, users: Sequence[str] = (), size: int = 1) -> None:
        self._binary = pgbouncer_binary()
        self._place = make_url(url)
        super().__init__()
        names = [self._place.username or "postgres", *users]
        (self.folder / "users").write_text("".join(f'"{name}" ""\n' for name in names), encoding="ascii")
        self._size = size
        self._lead_to(self._place.port or 5432)
        if os.geteuid() == 0:  # it refuses to run as root
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, self._credentials()["user"], self._credentials()["group"])

    def lead_to(self, port: int) -> None:
        """Lead to the server at another port from now on, as after a change of its file."""
        self._lead_to(port)
        os.kill(self.pid, signal.SIGHUP)

    def _lead_to(self, port: int) -> None:
        (self.folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={port}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {self.folder}/users\n"
            f"pool_mode = transaction\ndefault_pool_size = {self._size}\nmax_client_conn = 200\n"
            "max_prepared_statements = 0\n",
            encoding="utf-8",
        )

    def through(self, url: str) -> str:
        """The same database and user through this pooler."""
        return make_url(url).set(port=self.port).render_as_string(hide_password=False)

    def _command(self) -> list[str]:
        return [self._binary, str(self.folder / "pgbouncer.ini")]

    def _answers(self) -> bool:
        return "process up" in self._log.read_text("utf-8", errors="replace")

    def _credentials(self) -> Mapping[str, Any]:
        if os.geteuid() != 0:
            return {}
        nobody = pwd.getpwnam("nobody")
        return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def pgbouncer_binary() -> str:
    """Where it is. Raises NoServer."""
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise NoServer("pgbouncer is not installed (Debian: apt-get install pgbouncer)")
    return found
