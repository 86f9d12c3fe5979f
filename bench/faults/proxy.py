"""A TCP proxy that breaks connections as networks break them, and is switched while it runs.

Its mode holds for the connections of now and for new ones.

    with Proxy(port) as proxy:
        proxy.mode = Mode.HANG      # bytes wait in the proxy until the mode is PASS again
        proxy.cut()                 # the connections of now are gone, and neither side notices
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
import sys
import threading
from enum import StrEnum
from typing import Self

_SO_ATTACH_FILTER = 26  # Linux, not in the socket module


class Mode(StrEnum):
    """What the proxy does with bytes, on old connections and on new ones."""

    PASS = "pass"
    HANG = "hang"
    """Takes connections and forwards nothing for now: what was sent arrives when the mode is PASS again."""
    BLACK_HOLE = "black hole"
    """Takes connections and swallows what is sent. A connection that lost bytes stays dead."""
    RESET = "reset"
    """Resets every connection, also new ones."""


class _Pair:
    """One connection of a client and its other half to the server."""

    def __init__(self, client: socket.socket, server: socket.socket | None) -> None:
        self.client = client
        self.server = server
        self.dead = False
        """Cut, swallowed or reset: its sockets stay as they are until the proxy closes."""

    def close(self) -> None:
        for half in self._halves():
            with contextlib.suppress(OSError):
                half.shutdown(socket.SHUT_RDWR)
            half.close()

    def reset(self) -> None:
        self.dead = True
        for half in self._halves():
            with contextlib.suppress(OSError):
                half.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for half in self._halves():
            with contextlib.suppress(OSError):
                half.shutdown(socket.SHUT_RD)  # wakes the thread that reads, which holds the socket open
            half.close()

    def deafen(self) -> None:
        self.dead = True
        for half in self._halves():
            _deafen(half)

    def _halves(self) -> list[socket.socket]:
        return [half for half in (self.client, self.server) if half is not None]


class Proxy:
    """Listens on a loopback port of its own and forwards to `port` there. Thread-safe."""

    def __init__(self, port: int, mode: Mode = Mode.PASS) -> None:
        self._target = ("127.0.0.1", port)
        self._mode = mode
        self._changed = threading.Condition()
        self._pairs: list[_Pair] = []
        self._closed = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        """Where clients connect."""

    @property
    def mode(self) -> Mode:
        """What is done with bytes now; may be set at any time."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        with self._changed:
            self._mode = mode
            pairs = list(self._pairs)
            self._changed.notify_all()
        if mode is Mode.RESET:
            for pair in pairs:
                pair.reset()

    @property
    def connections(self) -> int:
        """How many connections pass; those that were cut do not count."""
        with self._changed:
            return sum(not pair.dead for pair in self._pairs)

    def cut(self) -> int:
        """Cut all present connections without notice to either side. Returns how many. New ones pass.

        On Linux nothing that a side still sends is even acknowledged, as when a router forgets a connection: keepalives
        and `tcp_user_timeout` find out, and a read without a time-out never does. Elsewhere bytes are swallowed.
        """
        with self._changed:
            pairs = [pair for pair in self._pairs if not pair.dead]
            for pair in pairs:
                pair.deafen()
            self._changed.notify_all()
        return len(pairs)

    def start(self) -> Self:
        """Take connections."""
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()
        return self

    def close(self) -> None:
        """End all connections and listen no more."""
        with self._changed:
            self._closed = True
            pairs, self._pairs = self._pairs, []
            self._changed.notify_all()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pair in pairs:
            pair.reset()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), name="proxy-connection", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        pair = _Pair(client, None)
        with self._changed:
            self._pairs.append(pair)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self._wait(pair) is Mode.PASS:
                server = socket.create_connection(self._target, timeout=5)
                server.settimeout(None)
                server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                pair.server = server
                threading.Thread(target=self._pump, args=(pair, server, client), daemon=True).start()
                self._pump(pair, client, server)
            elif self._mode is Mode.RESET:
                pair.reset()
        except OSError:
            self._drop(pair)

    def _pump(self, pair: _Pair, source: socket.socket, sink: socket.socket) -> None:
        """Forward until one side ends. A pair that was cut keeps its sockets, so that neither side notices."""
        while True:
            try:
                data = source.recv(65536)
                mode = self._wait(pair)
                if pair.dead:
                    break
                if data and mode is Mode.PASS:
                    sink.sendall(data)
                    continue
            except OSError:
                data = b""
            if not data:
                break
        if not pair.dead:
            self._drop(pair)

    def _wait(self, pair: _Pair) -> Mode:
        """The mode, once it is not HANG. A connection of the black hole is dead from then on."""
        with self._changed:
            while self._mode is Mode.HANG and not pair.dead and not self._closed:
                self._changed.wait()
            if self._mode is Mode.BLACK_HOLE:
                pair.dead = True
            return self._mode

    def _drop(self, pair: _Pair) -> None:
        with self._changed:
            if pair in self._pairs:
                self._pairs.remove(pair)
        pair.close()


def _deafen(half: socket.socket) -> None:
    """Have the kernel drop every segment that comes in: a classic BPF program of one instruction, `return 0`."""
    if not sys.platform.startswith("linux"):
        return
    instruction = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    program = struct.pack("HP", 1, ctypes.addressof(instruction))
    with contextlib.suppress(OSError):
        half.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
