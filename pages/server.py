"""Serves an application with threads until it is stopped, and then finishes the pages that are being made."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from waitress import wasyncore
from waitress.server import create_server

THREADS = 16
"""Pages at once. Most wait for the database, and a few for a verdict; more threads would only wait for each other."""

CONNECTIONS = 800
"""Browsers at once. Each keeps one open between two pages and takes no thread for it, so that there may be many more
than threads: with waitress' own limit of 100, as many idle ones block everyone. Fewer than the 1024 files that a
process may open by default."""

IDLE_S, LOOK_S = 30, 5
"""Seconds until an idle connection is closed, and between two searches for idle ones."""

LONGEST_HEAD = 32 << 10
"""Bytes of a request's address and headers. A browser sends a tenth; a header with more languages or cookies takes long
to read, no matter who sends it."""

LONGEST_BODY = 1 << 20
"""Bytes of a request that are read at all; the pages themselves refuse more than a quarter of it, with a page. Without
it waitress takes a whole gigabyte before any page sees it."""

GRACE_S = 10.0
"""Seconds that the end waits for pages that are being made."""


class CannotListen(Exception):
    """The address cannot be listened on. `str` says why."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises CannotListen if the port is taken.
    """
    try:
        return socket.create_server((host, port), backlog=1024)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else "the address cannot be used"
        raise CannotListen(f"port {port} of {host} cannot be used: {why}") from None


def run(
    app: Any,
    listening: socket.socket,
    began: Callable[[], None],
    grace: float = GRACE_S,
    longest_body: int = LONGEST_BODY,
) -> None:
    """Serve until SIGTERM or Ctrl-C. Then no one new is let in, and pages that are being made are finished."""
    with _stop_event() as (stop, wakes):
        _serve(app, listening, stop, wakes, began, grace, longest_body)


@contextmanager
def beside(app: Any, listening: socket.socket, longest_body: int = LONGEST_BODY) -> Iterator[None]:
    """Serve in a thread of this process meanwhile."""
    stop, wakes = threading.Event(), list[Callable[[], None]]()
    given = (app, listening, stop, wakes, lambda: None, 0.0, longest_body)
    thread = threading.Thread(target=_serve, args=given, name="beside", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        for wake in wakes:
            wake()
        thread.join(GRACE_S)


def _serve(
    app: Any,
    listening: socket.socket,
    stop: threading.Event,
    wakes: list[Callable[[], None]],
    began: Callable[[], None],
    grace: float,
    longest_body: int,
) -> None:
    channels: dict[int, Any] = {}
    server: Any = create_server(
        app,
        map=channels,
        sockets=[listening],
        threads=THREADS,
        connection_limit=CONNECTIONS,
        channel_timeout=IDLE_S,
        cleanup_interval=LOOK_S,
        max_request_header_size=LONGEST_HEAD,
        max_request_body_size=longest_body,
        ident=None,
        clear_untrusted_proxy_headers=False,  # who believes a header says itself from whom
    )
    wakes.append(server.pull_trigger)
    try:
        began()
        while not stop.is_set():
            wasyncore.loop(1.0, use_poll=True, map=channels, count=1)
        server.del_channel()
        listening.close()
        end = time.monotonic() + grace
        wasyncore.loop(0.05, use_poll=True, map=channels, count=1)  # what has come in by now
        while _busy(server) and time.monotonic() < end:
            wasyncore.loop(0.05, use_poll=True, map=channels, count=1)
    finally:
        server.task_dispatcher.shutdown(timeout=1)
        wasyncore.close_all(channels)


def _busy(server: Any) -> bool:
    return any(channel.requests or channel.total_outbufs_len for channel in server.active_channels.values())


@contextmanager
def _stop_event() -> Iterator[tuple[threading.Event, list[Callable[[], None]]]]:
    """An event that SIGTERM and Ctrl-C set, and what they call then; a second one changes nothing."""
    stop, wakes = threading.Event(), list[Callable[[], None]]()

    def set_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()
        for wake in wakes:
            wake()

    before = {each: signal.signal(each, set_stop) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop, wakes
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
