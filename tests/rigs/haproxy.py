"""A real HAProxy before a PostgreSQL server and its standby.

    with HaProxy(primary.port, standby.port) as proxy:
        url = make_url(url).set(port=proxy.port)

It comes from this machine, for no wheel brings it (Debian: `apt-get install haproxy`).
"""

from __future__ import annotations

import os
import shutil
import socket

from tests.rigs.servers import NoServer, Server


class HaProxy(Server):
    """Leads to the server at the first of `ports` that answers. It does not know which of them takes writes."""

    name = "haproxy"

    def __init__(self, *ports: int) -> None:
        self._binary = haproxy_binary()
        super().__init__()
        first, *others = [f"server at{port} 127.0.0.1:{port} check" for port in ports]
        lines = [
            *("global", "maxconn 500"),
            *("defaults", "mode tcp", "retries 1", "timeout connect 2s", "timeout client 1h", "timeout server 1h"),
            *("listen database", f"bind 127.0.0.1:{self.port}", "option pgsql-check user postgres"),
            *("default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions", first),
            *(f"{other} backup" for other in others),
        ]
        (self.folder / "haproxy.cfg").write_text("\n".join(lines) + "\n", encoding="ascii")

    def _command(self) -> list[str]:
        return [self._binary, "-db", "-f", str(self.folder / "haproxy.cfg")]

    def _answers(self) -> bool:
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", self.port)) == 0


def haproxy_binary() -> str:
    """Where it is. Raises NoServer."""
    found = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise NoServer("haproxy is not installed (Debian: apt-get install haproxy)")
    return found
