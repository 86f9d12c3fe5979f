"""Runs a RabbitMQ server on free loopback ports, where one is installed (Debian: `apt-get install rabbitmq-server`)."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amqp import Connection, Message

from jurat.ring import queue_of
from tests.rigs.servers import Server

BELLS = queue_of("registry")
_BINARY = "/usr/lib/rabbitmq/bin/rabbitmq-server"


def binary() -> str | None:
    """Where the server's own script is, None when it is not installed. Debian's wrapper would change the user."""
    return _BINARY if os.access(_BINARY, os.X_OK) else shutil.which("rabbitmq-server")


class RabbitMQ(Server):
    """One node with a database in its folder. Start takes some ten seconds."""

    name = "rabbitmq"

    @property
    def url(self) -> str:
        """`amqp://` URL of the default virtual host."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def __init__(self) -> None:
        super().__init__()
        self._names: subprocess.Popen[bytes] | None = None

    def send(self, body: bytes, **properties: Any) -> None:
        """Publish a message to the queue of the registry's bells."""
        with self._connection() as connection:
            connection.channel().basic_publish(Message(body, **properties), routing_key=BELLS)

    def waiting(self) -> int:
        """Messages in the queue of the registry's bells that no worker has taken yet."""
        with self._connection() as connection:
            declared = connection.channel().queue_declare(BELLS, passive=True)
        assert declared is not None  # which it is only without waiting for the answer
        return int(declared[1])

    def _connection(self) -> Connection:
        return Connection(f"127.0.0.1:{self.port}", connect_timeout=5.0)

    def start(self) -> None:
        # Else the node would start Erlang's name server in the background, where nothing ends it with the node.
        if self._names is None:
            epmd = next(Path("/usr/lib/erlang").glob("erts-*/bin/epmd"), Path("epmd"))
            self._names = subprocess.Popen([epmd, "-port", str(self.port + 2), "-address", "127.0.0.1"])
        super().start()

    def close(self) -> None:
        self.kill()  # the server's script is the parent, and its end alone would leave the node behind
        if self._names is not None:
            self._names.kill()
            self._names.wait()
        super().close()

    def _command(self) -> list[str]:
        return [binary() or "rabbitmq-server"]

    def _environment(self) -> dict[str, str]:
        return {
            **super()._environment(),
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"faults{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.port + 1),
            "ERL_EPMD_PORT": str(self.port + 2),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_BASE": str(self.folder),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._without_plugins()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1",
        }

    def _without_plugins(self) -> Path:
        file = self.folder / "plugins"
        file.write_text("[].\n", encoding="ascii")
        return file

    def _credentials(self) -> Mapping[str, object]:
        return {}

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return bool(connection.recv(8))
        except OSError:
            return False
