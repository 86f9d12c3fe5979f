"""One HTTP exchange with a source: bounded in time and size, sent once, never redirected.

Every adapter that uses HTTP sends through a `Transport`. It keeps connections, reads no settings from the environment
(no proxy variables, no `.netrc`), always checks certificates, and raises an error of `adapters.base` where there is no
answer. The adapter interprets the answer.
"""

from __future__ import annotations

import functools
import ipaddress
import logging
import re
import ssl
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Protocol
from urllib.parse import clear_cache, urlencode, urlsplit  # type: ignore[attr-defined] # typeshed lacks the first

import certifi
from requests import PreparedRequest, RequestException
from urllib3.exceptions import HTTPError, NewConnectionError

from adapters.base import Blocked, Refused, RejectedRequest, SourceError, TimedOut, Unavailable
from adapters.http_client.connections import Exchange, NoTunnel, TimedAdapter
from adapters.http_client.destinations import Destinations, HostNotFound, Resolver, system_resolver
from adapters.http_client.last_answer import last_answer
from adapters.http_client.reply import Reply, retry_after
from config.limits import ClientCertificate
from config.networks import IPNetwork
from config.regular_files import NoRegularFile, open_regular

# urllib3 writes whole URLs into its messages, and a URL here may hold a participant's address or number.
logging.getLogger("urllib3").setLevel(logging.CRITICAL + 1)

Params = Mapping[str, str] | Sequence[tuple[str, str]]
Headers = Mapping[str, str]

_ORIGINS = 64
_SETTLED_URL = re.compile(
    r"(https?://[a-z0-9][a-z0-9.-]*(?::[1-9][0-9]{0,4})?)"
    r"(?!\S*/\.)/[A-Za-z0-9._~!$&'()*+,;=:@/-]*(\?[A-Za-z0-9._~!$&'()*+,;=:@/?-]+)?"
)
"""A URL that requests does not change: its origin, and its query."""
_METHODS = frozenset({"GET", "POST"})
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]|^\s|\s$")
_NOT_HTTP = "the URL or a header of the request holds characters that HTTP does not allow"
_UNTRUSTED = {10: "has expired", 9: "is not valid yet", 62: "names another host", 64: "names another host"}
"""OpenSSL's verification codes that an administrator can act on; the others mean an unknown signer."""


class Sender(Protocol):
    """Sends requests to the registry: a `Transport`, or a test in its place."""

    def send(
        self,
        method: str,
        url: str,
        *,
        params: Params,
        headers: Headers,
        body: bytes | None,
        timeout: float,
        fresh: bool,
    ) -> Reply:
        """As `Transport.send`."""

    def close(self) -> None:
        """Release connections."""


class Transport:
    """Sends requests to one source over kept connections. Thread-safe.

    `connections` are kept for each host: at least as many as threads that send at once, since one too many is closed
    after each answer. `max_bytes` bounds the decoded body. `ca_file` has the certificates that may sign the source's
    own, instead of the public ones, `client_certificate` is for a source that asks for ours. `proxy` is an
    `http://host:port`. `private_networks` are the private addresses that may be connected to, including a proxy's and
    this machine's; public ones always may. `loopback_http` allows plain HTTP to this machine if it is among them, for
    demonstrations and tests. `connect_timeout` and `read_timeout` bound single waits, in seconds.

    Raises ValueError where the proxy or a file is not usable; the message says why.
    """

    def __init__(
        self,
        *,
        connections: int = 1024,
        max_bytes: int = 1 << 20,
        proxy: str | None = None,
        ca_file: str | None = None,
        client_certificate: ClientCertificate | None = None,
        loopback_http: bool = False,
        private_networks: Sequence[IPNetwork] = (),
        resolver: Resolver = system_resolver,
        connect_timeout: float = 3.0,
        read_timeout: float = 10.0,
        user_agent: str = "jurat",
    ) -> None:
        if proxy is not None and (urlsplit(proxy).scheme != "http" or not urlsplit(proxy).hostname):
            raise ValueError("a proxy is given as http://host:port")
        self._adapter = TimedAdapter(
            connections=connections, tls=_tls_context(ca_file, client_certificate), proxy=proxy
        )
        self._max_bytes = max_bytes
        self._loopback_http = loopback_http
        self._destinations = Destinations(tuple(private_networks), resolver)
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": "gzip"}
        self._checked_origins: set[str] = set()
        self._closed = False

    def send(
        self,
        method: str,
        url: str,
        *,
        params: Params = (),
        headers: Headers = MappingProxyType({}),
        body: bytes | None = None,
        timeout: float,
        fresh: bool = False,
    ) -> Reply:
        """Send one GET or POST, and read its answer, within `timeout` seconds as a whole; if `fresh`, over a new
        connection.

        `params` become the query, encoded. A redirect is returned, not followed. A kept connection that the source has
        closed is replaced once, if no byte of an answer had come.

        Raises:
            Blocked: the URL is not https, or has a user and password, or its host has no address that is allowed.
            RejectedRequest: the URL or a header cannot be sent as HTTP, or the method is another.
            Unavailable: no connection, no trusted certificate, or no whole answer in time.
            Unreadable: the answer is too large, or not HTTP.
        """
        last_answer.status = None
        if self._closed:
            raise Unavailable("this source was closed; a new configuration has replaced it")
        request = self._prepare(method, url, params, headers, body)
        deadline = time.monotonic() + timeout
        outcome = self._attempt(request, deadline, timeout, fresh_only=fresh)
        if isinstance(outcome, _Stale):
            outcome = self._attempt(request, deadline, timeout, fresh_only=True)
        # Raised outside the `except`, whose exception would be its context and holds the URL.
        if isinstance(outcome, SourceError):
            raise outcome
        last_answer.status = outcome.status
        return outcome

    def close(self) -> None:
        """Close the kept connections. Later calls of `send` raise `Unavailable`."""
        self._closed = True
        self._adapter.close()

    def _prepare(self, method: str, url: str, params: Params, headers: Headers, body: bytes | None) -> PreparedRequest:
        request = PreparedRequest()
        headers = {**self._headers, **headers}
        sendable = method in _METHODS and all(map(_NAME.fullmatch, headers))
        sendable = sendable and not any(map(_UNSENDABLE.search, headers.values()))
        try:
            self._prepare_url(request, url, params)
            request.prepare_method(method)
            request.prepare_headers(headers)
            request.prepare_body(body, None)
        except (RequestException, UnicodeError):
            sendable = False
        if not sendable:
            raise RejectedRequest(_NOT_HTTP)
        return request

    def _prepare_url(self, request: PreparedRequest, url: str, params: Params) -> None:
        """Check the URL and set it in the request, with its query. requests parses and rebuilds URLs, which takes most
        of its time. Here it does so only for the first request to an origin, and for URLs that it may change.
        """
        settled = _SETTLED_URL.fullmatch(url)
        if settled and settled[1] in self._checked_origins:
            query = urlencode(params)
            request.url = f"{url}{'&' if settled[2] else '?'}{query}" if query else url
            return
        try:
            self._check_url(url)
            request.prepare_url(url, params if isinstance(params, Mapping) else list(params))
            # requests may have changed the host, as by replacing digits of other scripts.
            self._check_url(request.url or "")
        finally:
            clear_cache()  # urlsplit keeps the last URLs, and one here may hold a participant's address or number
        if settled and len(self._checked_origins) < _ORIGINS:
            self._checked_origins.add(settled[1])

    def _check_url(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host, user = parts.hostname or "", parts.username
        except ValueError:
            raise RejectedRequest("the URL of the request is malformed") from None
        if not host:
            raise RejectedRequest("the URL of the request names no host")
        if parts.scheme != "https" and not (parts.scheme == "http" and self._loopback_http and _is_loopback(host)):
            raise Blocked("only https is allowed; plain http only to this machine in a demonstration or test")
        if user is not None:
            raise Blocked("a URL with a user or password is not allowed")
        self._destinations.check_host(host)

    def _attempt(
        self, request: PreparedRequest, deadline: float, timeout: float, *, fresh_only: bool = False
    ) -> Reply | SourceError:
        exchange = Exchange(
            self._destinations, deadline, self._connect_timeout, self._read_timeout, self._max_bytes, fresh_only
        )
        try:
            response = self._adapter.send(request, timeout=exchange)
        except SourceError as error:
            return error
        except (RequestException, HTTPError, OSError, UnicodeError) as error:
            return _source_error(error, exchange, timeout)
        headers = dict(response.headers.lower_items())
        return Reply(
            response.status_code, headers, response.content, retry_after(headers.get("retry-after"), time.time())
        )


def target_of(url: str, params: Params) -> str:
    """The path and query of a request, as `Transport.send` encodes them. Raises RejectedRequest as it does."""
    request = PreparedRequest()
    try:
        request.prepare_url(url, params if isinstance(params, Mapping) else list(params))
        target: str = request.path_url
    except (RequestException, UnicodeError):
        pass  # raised below: here its context would be the exception, which holds the URL
    else:
        return target
    finally:
        clear_cache()
    raise RejectedRequest(_NOT_HTTP)


class _Stale(Unavailable):
    """The source had closed a kept connection before it saw the request."""


def _source_error(error: BaseException, exchange: Exchange, timeout: float) -> SourceError:
    """Our error for one of requests, urllib3, http.client, ssl or the system: by its class, never its text."""
    causes = list(_causes(error))

    def found(*classes: type[BaseException]) -> bool:
        return any(isinstance(cause, classes) for cause in causes)

    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Unavailable(f"its certificate {_UNTRUSTED.get(cause.verify_code, 'has an unknown signer')}")
    if found(TimeoutError):
        return _timeout_error(exchange, timeout, connecting=found(NewConnectionError))
    if found(HostNotFound):
        return Unavailable("its host name was not found")
    if found(ConnectionRefusedError):
        return Refused("connection refused")
    if found(NoTunnel):
        return Unavailable("the proxy gave no connection")
    if found(ConnectionError, ssl.SSLError):
        return _closed_error(exchange, in_tls=found(ssl.SSLError))
    return Unavailable("no connection")


def _timeout_error(exchange: Exchange, timeout: float, *, connecting: bool) -> SourceError:
    if timeout <= 0:
        return TimedOut("no time was left to send the request")
    if connecting and exchange.connect_timeout < timeout:
        return TimedOut(f"no connection within {exchange.connect_timeout:g} s")
    waited = timeout if time.monotonic() >= exchange.deadline else min(timeout, exchange.read_timeout)
    return TimedOut(f"no answer within {waited:.3g} s")


def _closed_error(exchange: Exchange, *, in_tls: bool) -> SourceError:
    if exchange.received:
        return Unavailable("the connection was closed before the end of the answer")
    if not exchange.connected:
        return _Stale("a kept connection was closed without an answer")
    return Unavailable(
        "no TLS connection could be agreed on" if in_tls else "the connection was closed without an answer"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and every exception that it wraps, in whatever way."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        wrapped = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
        waiting.extend(other for other in wrapped if isinstance(other, BaseException))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tls_context(ca_file: str | None, client: ClientCertificate | None) -> ssl.SSLContext:
    if client is None:
        return _public_tls_context() if ca_file is None else _tls_context_for(ca_file)
    context = _tls_context_for(ca_file or certifi.where())
    for file in (client.certificate, client.key):
        _require_file("client_certificate", file)
    try:
        if Path(client.key).stat().st_mode & stat.S_IROTH:
            raise ValueError(f"client_certificate: any user can read the key {client.key}; run `chmod o= {client.key}`")
        # Without a password OpenSSL would ask at the terminal for that of an encrypted key.
        context.load_cert_chain(client.certificate, client.key, password="")
    except FileNotFoundError:
        raise ValueError(f"client_certificate: there is no file {client.certificate} or {client.key}") from None
    except OSError:
        files = f"{client.certificate} and {client.key}"
        problem = f"{files} are not a certificate and its unencrypted key as PEM, readable here"
        raise ValueError(f"client_certificate: {problem}") from None
    return context


def _require_file(option: str, path: str) -> None:
    """Refuse a pipe or the like, for which OpenSSL would wait for ever. OpenSSL reports a missing file itself."""
    try:
        open_regular(Path(path)).close()
    except NoRegularFile as error:
        raise ValueError(f"{option}: {path} cannot be read: {error.strerror}") from None
    except OSError:
        return


def _tls_context_for(ca_file: str) -> ssl.SSLContext:
    _require_file("ca_file", ca_file)
    try:
        return _trusting(ca_file)
    except FileNotFoundError:
        raise ValueError(f"ca_file: there is no file {ca_file}") from None
    except OSError:
        raise ValueError(f"ca_file: {ca_file} holds no readable PEM certificate") from None


@functools.cache
def _public_tls_context() -> ssl.SSLContext:
    """The context that all transports share: it takes megabytes and tens of milliseconds to load."""
    return _trusting(certifi.where())


def _trusting(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    # SSLKEYLOGFILE in the environment would have the keys of all sessions written to it.
    context.keylog_filename = None  # type: ignore[assignment] # None switches it off
    return context
