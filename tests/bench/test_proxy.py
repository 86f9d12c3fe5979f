"""The proxy breaks connections as networks do. Each end here is a real socket."""

from __future__ import annotations

import socket
import socketserver
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from bench.faults.proxy import Mode, Proxy

SILENCE = 0.3


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        request: socket.socket = self.request
        while data := request.recv(65536):
            request.sendall(data)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that the proxy has reset is no mistake."""


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with _Server(("127.0.0.1", 0), _Echo) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        with Proxy(server.server_address[1]) as proxy:
            yield proxy
        server.shutdown()


def connect(proxy: Proxy) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", proxy.port), timeout=2)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def echoed(client: socket.socket, words: bytes = b"hello") -> bytes:
    client.sendall(words)
    return client.recv(65536)


def connect_and_echo(proxy: Proxy) -> bytes:
    with connect(proxy) as client:
        return echoed(client)


def silent(client: socket.socket) -> bool:
    """Whether nothing comes: neither a byte nor an end."""
    client.settimeout(SILENCE)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    return False


def test_bytes_pass_both_ways(proxy: Proxy) -> None:
    with connect(proxy) as client:
        assert echoed(client) == b"hello"
        assert proxy.connections == 1
        big = bytes(range(256)) * 4096
        threading.Thread(target=client.sendall, args=(big,), daemon=True).start()
        got = b""
        while len(got) < len(big):
            got += client.recv(65536)
        assert got == big


def test_the_end_of_a_connection_passes(proxy: Proxy) -> None:
    with connect(proxy) as client:
        assert echoed(client) == b"hello"
    end = time.monotonic() + 2
    while proxy.connections and time.monotonic() < end:
        time.sleep(0.01)
    assert proxy.connections == 0


def test_what_hangs_arrives_later(proxy: Proxy) -> None:
    with connect(proxy) as client:
        assert echoed(client) == b"hello"
        proxy.mode = Mode.HANG
        client.sendall(b"waiting")
        assert silent(client)
        with connect(proxy) as late:
            late.sendall(b"late")
            assert silent(late)
            proxy.mode = Mode.PASS
            client.settimeout(2)
            late.settimeout(2)
            assert client.recv(65536) == b"waiting"
            assert late.recv(65536) == b"late"


@pytest.mark.slow
def test_a_black_hole_swallows_and_the_connection_stays_dead(proxy: Proxy) -> None:
    with connect(proxy) as client, connect(proxy) as quiet:
        assert echoed(client) == echoed(quiet) == b"hello"
        proxy.mode = Mode.BLACK_HOLE
        client.sendall(b"gone")
        with connect(proxy) as late:
            late.sendall(b"gone too")
            assert silent(client)
            assert silent(late)
            proxy.mode = Mode.PASS
            assert silent(client)
            assert silent(late)
        quiet.settimeout(2)
        assert echoed(quiet) == b"hello"


def test_a_reset_is_seen_at_once_by_old_connections_and_new_ones(proxy: Proxy) -> None:
    with connect(proxy) as client:
        assert echoed(client) == b"hello"
        proxy.mode = Mode.RESET
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        with pytest.raises(ConnectionError):
            connect_and_echo(proxy)
        proxy.mode = Mode.PASS
        with connect(proxy) as again:
            assert echoed(again) == b"hello"


def test_a_cut_tells_nobody_and_new_connections_pass(proxy: Proxy) -> None:
    with connect(proxy) as client:
        assert echoed(client) == b"hello"
        assert proxy.cut() == 1
        assert proxy.connections == 0
        client.sendall(b"gone")
        assert silent(client)
        with connect(proxy) as late:
            assert echoed(late) == b"hello"
        assert proxy.cut() <= 1
        assert silent(client)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can drop segments without a word")
def test_what_is_sent_into_a_cut_connection_is_never_acknowledged(proxy: Proxy) -> None:
    """So the time-out of the client's own kernel bites, as behind a router that has forgotten the connection."""
    with connect(proxy) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 300)
        assert echoed(client) == b"hello"
        proxy.cut()
        client.sendall(b"gone")
        client.settimeout(5)
        with pytest.raises(OSError, match="timed out") as caught:
            client.recv(1)
        assert caught.value.errno is not None, "the kernel's time-out, not that of the socket module"


def test_a_server_that_is_away_ends_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with Proxy(port) as proxy, connect(proxy) as client:
        assert client.recv(1) == b""
