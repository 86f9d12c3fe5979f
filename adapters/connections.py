"""Kept HTTP connections whose every wait ends at the deadline of the look-up that uses them.

A socket's time-out bounds one wait, so a server that sends a byte now and then holds a thread for ever. Here each read
is given what is left of the whole exchange: status line, headers, body, the answer of a proxy. It needs no second
thread: `http.client` reads through one file object, and that file is replaced. Of urllib3 it overrides `_new_conn`, as
urllib3's own SOCKS module does, and `_get_conn`.

The deadline travels in a thread's own variable, because urllib3 picks the connection deep inside its pool.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError
from urllib3.poolmanager import PoolManager

_HOSTS = 8
"""How many hosts one source may keep connections to; most have one."""

Address = tuple[int, tuple[Any, ...]]
"""An address family and a socket address of that family."""


class HostNotFound(OSError):
    """The name of the host has no address."""


class TooMuch(OSError):
    """More came over the wire than the exchange allows."""


@dataclass(slots=True)
class Exchange:
    """One request and its answer: how much time and how many bytes it may take, and what is known of its connection.

    `deadline` is a reading of `time.monotonic`; `connect_timeout` and `read_timeout` bound one wait, in seconds;
    `max_wire_bytes` bounds status line, headers and body as they come, still packed.
    """

    deadline: float
    connect_timeout: float
    read_timeout: float
    max_wire_bytes: int
    fresh_only: bool = False
    connected: bool = False
    received: int = 0

    def left(self, at_most: float) -> float:
        """Seconds that the next wait may take. Raises TimeoutError when the deadline has passed."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(left, at_most)

    def __enter__(self) -> Self:
        _thread.exchange = self
        return self

    def __exit__(self, *_: object) -> None:
        _thread.exchange = None


_thread = threading.local()


def _current() -> Exchange:
    exchange: Exchange = _thread.exchange
    return exchange


class _TimedReader(io.RawIOBase):
    def __init__(self, raw: Any, sock: socket.socket, exchange: Exchange) -> None:
        self._raw, self._sock, self._exchange = raw, sock, exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._exchange.left(self._exchange.read_timeout))
        count: int | None = self._raw.readinto(buffer)
        self._exchange.received += count or 0
        if self._exchange.received > self._exchange.max_wire_bytes:
            raise TooMuch
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock, _current()))


class _TimedConnection(HTTPConnection):
    response_class = _TimedResponse

    def _new_conn(self) -> socket.socket:
        exchange = _current()
        exchange.connected = True
        try:
            return self._connect(exchange)
        except OSError as error:
            raise NewConnectionError(self, "no connection") from error

    def _connect(self, exchange: Exchange) -> socket.socket:
        failure: OSError = HostNotFound()
        for family, address in resolve(self._dns_host.strip("[]"), self.port, exchange):
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.settimeout(exchange.left(exchange.connect_timeout))
                sock.connect(address)
                # What a TLS handshake on top may take: ssl counts it over the handshake as a whole.
                sock.settimeout(exchange.left(exchange.connect_timeout))
                return sock
            except OSError as error:
                sock.close()
                failure = error
        raise failure


class _TimedTLSConnection(_TimedConnection, HTTPSConnection):
    pass


class _FreshWhereAsked:
    """A pool whose kept connection is opened anew when the exchange asks for a fresh one."""

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)  # type: ignore[misc]
        if _current().fresh_only:
            connection.close()
        return connection


class _Pool(_FreshWhereAsked, HTTPConnectionPool):
    ConnectionCls = _TimedConnection


class _TLSPool(_FreshWhereAsked, HTTPSConnectionPool):
    ConnectionCls = _TimedTLSConnection


def resolve(host: str, port: int, exchange: Exchange) -> Sequence[Address]:
    """The addresses of `host`, best first.

    The system's resolver has no time-out of its own, so a name is looked up in a thread of its own, which is left
    behind when it is late. Happens once for each connection, not for each request.

    Raises:
        HostNotFound: the name has no address.
        TimeoutError: the resolver did not answer in time.
    """
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return [(socket.AF_INET if ip.version == 4 else socket.AF_INET6, (host, port))]
    answers: queue.SimpleQueue[Sequence[Address] | OSError] = queue.SimpleQueue()
    threading.Thread(target=_resolve, args=(host, port, answers), name="resolver", daemon=True).start()
    try:
        answer = answers.get(timeout=exchange.left(exchange.connect_timeout))
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def _resolve(host: str, port: int, answers: queue.SimpleQueue[Sequence[Address] | OSError]) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        answers.put([(family, address) for family, _, _, _, address in found])
    except (OSError, UnicodeError):
        answers.put(HostNotFound())


class TimedAdapter(HTTPAdapter):
    """requests' HTTPAdapter over the connections above. Every call of `send` must stand inside an `Exchange`.

    Certificates are checked with `tls` and nothing else: no `verify=False`, no bundle read again for each connection.
    A request is sent once: no retries. `proxy` is the URL that `send` is given as proxy, if any.
    """

    def __init__(self, *, connections: int, tls: ssl.SSLContext, proxy: str | None = None) -> None:
        self._tls = tls
        super().__init__(pool_connections=_HOSTS, pool_maxsize=connections, max_retries=0, pool_block=False)
        if proxy is not None:
            # requests would make it at the first request, where two threads race.
            _use_timed_pools(self.proxy_manager_for(proxy, ssl_context=tls))

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:  # noqa: FBT001, FBT002 - the signature of requests
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._tls, **kwargs)
        _use_timed_pools(self.poolmanager)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        conn.cert_reqs = "CERT_REQUIRED"


def _use_timed_pools(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
