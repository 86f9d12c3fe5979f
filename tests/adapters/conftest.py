"""The outside world of the adapters' tests: the invented sources, and servers that speak whatever a test wants."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from examples.sources import Sources

pytest.register_assert_rewrite("tests.adapters.conformance")


@pytest.fixture(scope="session")
def sources() -> Iterator[Sources]:
    """The invented sources. Take a path of your own (`switch`) where you count or change moods."""
    with Sources(retry_after_s=600) as running:
        yield running
    assert running.failures == []


Script = Callable[[socket.socket], None]
Listen = Callable[[Script], int]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Listen on a free port and play a script with each connection, in a thread of its own; gives the port."""
    stack = contextlib.ExitStack()

    def start(script: Script) -> int:
        server = socket.create_server(("127.0.0.1", 0))
        stack.callback(server.close)
        stack.callback(server.shutdown, socket.SHUT_RDWR)

        def play(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                script(connection)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=play, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        port: int = server.getsockname()[1]
        return port

    with stack:
        yield start


def read_request(connection: socket.socket) -> bytes:
    """One request without a body, as it came; empty when the client has closed the connection."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(4096)
        if not chunk:
            return b""
        received += chunk
    return received
