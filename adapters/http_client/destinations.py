"""Decides where a source's requests may go: resolves a name once, and checks each address before connecting to it.

Connections go only to the checked addresses, so a name that changes its address in between (DNS rebinding) gains
nothing. The ranges are those of `config.networks`.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.base import Blocked
from config.networks import IPAddress, IPNetwork, Scope, embedded, literal, misleading, scope_of

SocketAddress = tuple[int, tuple[Any, ...]]
"""An address family and a socket address of that family."""

Resolver = Callable[[str, int], Sequence[SocketAddress]]
"""The socket addresses of a host and port, best first. Raises OSError or UnicodeError where there are none."""

_SETTING = "JURAT_PRIVATE_NETWORKS"


class HostNotFound(OSError):
    """The name of the host has no address."""


def system_resolver(host: str, port: int) -> Sequence[SocketAddress]:
    """Resolve a name as this machine does, by its hosts file and its DNS."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


@dataclass(frozen=True, slots=True)
class Destinations:
    """Allows public addresses, and those in `private`, which the operator lists. This machine's own are private."""

    private: tuple[IPNetwork, ...] = ()
    resolver: Resolver = system_resolver

    def check_host(self, host: str) -> None:
        """Check a host as it is in a URL, also where a proxy will resolve it. A name passes.

        Raises Blocked where it is, or disguises, an address that is not allowed.
        """
        ip = literal(host)
        if ip is not None:
            self._check(ip, host)
        elif misleading(host) is not None:
            raise Blocked(f"{host} is an address in disguise; write the name of the host, or the address in full")

    def addresses(self, host: str, port: int, *, within: float, role: str = "") -> Sequence[SocketAddress]:
        """The allowed addresses of `host`, best first. The resolver has `within` seconds.

        It has no timeout of its own, so it runs in a thread of its own, which is abandoned when it is late.
        That happens once per connection, not per request. `role` goes before the host in an error ("the proxy ").

        Raises:
            Blocked: none is allowed; the message names only the host and its address, and says what to do.
            HostNotFound: the name has no address.
            TimeoutError: the resolver did not answer in time.
        """
        ip = literal(host)
        if ip is not None:
            self._check(ip, role + host)
            return [(socket.AF_INET if ip.version == 4 else socket.AF_INET6, (str(ip), port))]
        allowed, objection = list[SocketAddress](), None
        for address in self._resolve(host, port, within):
            ip = ipaddress.ip_address(address[1][0])
            if (scope := self._objection(ip)) is None:
                allowed.append(address)
            else:
                objection = objection or _sentence(role + host, ip, scope)
        if allowed:
            return allowed
        if objection is None:
            raise HostNotFound
        raise Blocked(objection)

    def _resolve(self, host: str, port: int, within: float) -> Sequence[SocketAddress]:
        answers: queue.SimpleQueue[Sequence[SocketAddress] | OSError] = queue.SimpleQueue()

        def resolve() -> None:
            try:
                answers.put(self.resolver(host, port))
            except (OSError, UnicodeError):
                answers.put(HostNotFound())

        threading.Thread(target=resolve, name="resolver", daemon=True).start()
        try:
            answer = answers.get(timeout=within)
        except queue.Empty:
            raise TimeoutError from None
        if isinstance(answer, OSError):
            raise answer
        return answer

    def _check(self, ip: IPAddress, host: str) -> None:
        scope = self._objection(ip)
        if scope is not None:
            raise Blocked(_sentence(host, ip, scope))

    def _objection(self, ip: IPAddress) -> Scope | None:
        """Why `ip` is not allowed; an address that it embeds is checked as well."""
        inner = embedded(ip)
        if inner is not None and (objection := self._objection(inner)) is not None:
            return objection
        scope = scope_of(ip)
        if scope is Scope.PUBLIC:
            return None
        if scope is Scope.NOBODY:
            return scope
        return None if self._is_listed(ip) else scope

    def _is_listed(self, ip: IPAddress) -> bool:
        mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
        return any((mapped or ip) in network for network in self.private)


def _sentence(host: str, ip: IPAddress, scope: Scope) -> str:
    place = host if literal(host) == ip else f"{host} has the address {ip}, which"
    match scope:
        case Scope.LOOPBACK:
            return f"{place} is this machine; list it in {_SETTING} if that is meant"
        case Scope.PRIVATE:
            return f"{place} is private; list it or its network in {_SETTING} if that is meant"
    return f"{place} is no address that a source can have"
