"""Kept HTTP connections. Every wait ends at the deadline of the lookup that uses them.

A socket's timeout bounds one wait, so a server that sends a byte now and then holds a thread for ever. Here each wait
gets the time left for the whole exchange: TLS, the answer of a proxy, head, body. `TimedAdapter` is a transport adapter
of requests. urllib3 opens, secures, checks and keeps connections; `message` encodes and parses. All else that requests,
urllib3 and http.client do for each request (cookies, redirects, retries, an e-mail parser for the head) would take
several times as long as the exchange.
"""

from __future__ import annotations

import io
import math
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from adapters.base import SourceError
from adapters.http_client.destinations import Destinations
from adapters.http_client.message import Response, encode_request, read_answer, read_status

_HOSTS = 8
"""How many hosts one source may keep connections to; most have one."""

_AT_ONCE = 16 << 10
"""Bytes read from the socket at once: a whole TLS record, so that none is left in OpenSSL."""

_TICKS = 64
"""Waits are rounded up to a 64th of a second, so that the timeout is not set again for each wait."""


class NoTunnel(OSError):
    """The proxy gave no connection to the host."""


@dataclass(slots=True)
class Exchange:
    """One request and its answer: its limits, and the state of its connection.

    `deadline` is a reading of `time.monotonic`; `connect_timeout` and `read_timeout` bound one wait, in seconds;
    `max_bytes` bounds the body, packed and unpacked.
    """

    destinations: Destinations
    deadline: float
    connect_timeout: float
    read_timeout: float
    max_bytes: int
    fresh_only: bool = False
    connected: bool = False
    received: int = 0

    def left(self, at_most: float) -> float:
        """Seconds that the next wait may take. Raises TimeoutError when the deadline has passed."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(left, at_most)


class _TimedConnection(HTTPConnection):
    exchange: Exchange
    """The current one; a connection serves one thread at a time."""

    _tunnel_headers: Mapping[str, str]

    def ask(self, request: bytes) -> Response:
        """Send a request, over a new connection where none is kept, and read its answer."""
        if self.sock is None:
            self.connect()
        self._send(request)
        return read_answer(self._receive, self.exchange.max_bytes)

    def _send(self, request: bytes) -> None:
        self._wait_at_most(self.exchange.left(self.exchange.read_timeout))
        self.sock.sendall(request)

    def _receive(self) -> bytes:
        self._wait_at_most(self.exchange.left(self.exchange.read_timeout))
        chunk: bytes = self.sock.recv(_AT_ONCE)
        self.exchange.received += len(chunk)
        return chunk

    def _wait_at_most(self, seconds: float) -> None:
        seconds = math.ceil(seconds * _TICKS) / _TICKS
        if self.sock.gettimeout() != seconds:
            self.sock.settimeout(seconds)

    def _new_conn(self) -> socket.socket:
        self.exchange.connected = True
        try:
            return self._connect(self.exchange)
        except OSError as error:
            raise NewConnectionError(self, "no connection") from error

    def _connect(self, exchange: Exchange) -> socket.socket:
        failure = OSError()
        role = "" if self.proxy is None else "the proxy "
        within = exchange.left(exchange.connect_timeout)
        for family, address in exchange.destinations.addresses(self._dns_host, self.port, within=within, role=role):
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.settimeout(exchange.left(exchange.connect_timeout))
                sock.connect(address)
                # The timeout of the TLS handshake that may follow: ssl applies it to the handshake as a whole.
                sock.settimeout(exchange.left(exchange.connect_timeout))
                return sock
            except OSError as error:
                sock.close()
                failure = error
        raise failure

    def _tunnel(self) -> None:
        host = f"[{self._tunnel_host}]" if ":" in (self._tunnel_host or "") else self._tunnel_host
        fields = "".join([f"{name}: {value}\r\n" for name, value in self._tunnel_headers.items()])
        self._send(f"CONNECT {host}:{self._tunnel_port} HTTP/1.0\r\n{fields}\r\n".encode("latin-1"))
        try:
            status = read_status(self._receive)
        except (SourceError, ConnectionError):
            raise NoTunnel from None
        if not 200 <= status < 300:
            raise NoTunnel
        self.exchange.received = 0
        self.sock.settimeout(self.exchange.left(self.exchange.connect_timeout))


class _TimedTLSConnection(_TimedConnection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _TimedConnection

    def carry_out(self, exchange: Exchange, request: bytes) -> Response:
        """Send `request` over a kept connection, or a new one where there is none or `fresh_only` is set.

        Raises what the connection raises; it is kept only after a whole answer.
        """
        connection: Any = self._get_conn()
        is_kept = False
        try:
            if exchange.fresh_only:
                connection.close()
            connection.exchange = exchange
            if connection.sock is None and self.proxy is not None:
                self._prepare_proxy(connection)
            answer: Response = connection.ask(request)
            is_kept = answer.reusable
            return answer
        finally:
            if is_kept:
                self._put_conn(connection)
            else:
                connection.close()


class _TLSPool(_Pool, HTTPSConnectionPool):
    ConnectionCls = _TimedTLSConnection


@dataclass(frozen=True, slots=True)
class _Route:
    """How requests reach one origin: `prefix` goes before each path, `fields` are headers of each request."""

    pool: _Pool
    prefix: str
    fields: Mapping[str, str]


class TimedAdapter(HTTPAdapter):
    """A transport adapter of requests over the connections above; its timeout is an `Exchange`.

    Only `tls` checks certificates: there is no `verify=False`, and no bundle is read for each connection. A request is
    sent once, without retries. `connections` are kept for each host. All go through `proxy` where it is given.
    """

    def __init__(self, *, connections: int, tls: ssl.SSLContext, proxy: str | None = None) -> None:
        self._proxies = {} if proxy is None else {"http": proxy, "https": proxy}
        self._routes: dict[str, _Route] = {}
        super().__init__(max_retries=0)
        self.init_poolmanager(_HOSTS, connections, ssl_context=tls)
        managers = [self.poolmanager]
        if proxy is not None:
            # requests would create it at the first request, where two threads may race.
            managers.append(self.proxy_manager_for(proxy, ssl_context=tls))
        for manager in managers:
            manager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 - the signature of requests, as below
        timeout: Any = None,
        verify: bool | str = True,  # noqa: FBT001, FBT002
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send `request` once and read the whole answer, within the `Exchange` that is given as `timeout`.

        The other options of requests are ignored. Raises SourceError as `message` does, and OSError and
        urllib3.exceptions.HTTPError where there was no connection, or it ended.
        """
        url = request.url or ""
        after_origin = url.index("/", len("https://"))
        origin, target = url[:after_origin], url[after_origin:].partition("#")[0]
        route = self._routes.get(origin) or self._find_route(origin)
        fields = CaseInsensitiveDict(route.fields)
        fields.update(request.headers)
        body: Any = request.body
        message = encode_request(request.method or "", route.prefix + target, fields, body)
        answer = route.pool.carry_out(timeout, message)
        response = requests.Response()
        response.status_code = answer.status
        response.headers = CaseInsensitiveDict(answer.headers)
        response.raw = io.BytesIO(answer.body)
        response.url, response.request = url, request
        return response

    def _find_route(self, origin: str) -> _Route:
        request = requests.PreparedRequest()
        request.url = f"{origin}/"  # not the whole URL: requests has it split, and urlsplit keeps what it has split
        pool = self.get_connection_with_tls_context(request, verify=True, proxies=self._proxies)
        if not isinstance(pool, _Pool):
            raise TypeError("a pool of other connections")
        parts = urlsplit(origin)
        default = {"http": 80, "https": 443}[parts.scheme]
        fields = {"Host": parts.netloc.removesuffix(f":{default}")}
        route = _Route(pool, "", fields)
        if pool.proxy is not None and parts.scheme == "http":
            # Without a tunnel, the proxy gets the whole URL.
            route = _Route(pool, origin, {**fields, **pool.proxy_headers})
        if len(self._routes) >= _HOSTS:
            # The pool manager drops one as well.
            self._routes = {}
        self._routes[origin] = route
        return route
