"""Believes the name in a header, if a trusted proxy sent it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from flask import Request

from console.identity.roles import Person, person_of


@dataclass(frozen=True, slots=True)
class TrustedProxy:
    """Proxies in these networks sign people in. They must set `name_header` themselves, whatever a browser sends.

    `roles_header` has names of roles with commas between them; without it everyone is a reader.
    """

    networks: Sequence[IPv4Network | IPv6Network]
    name_header: str
    roles_header: str | None = None

    def person(self, request: Request) -> Person | None:
        """Who is signed in at the proxy; None if nobody is, or if somebody else sent the request."""
        name = _text(request.headers.get(self.name_header, ""))
        if not name or not self._trusts(request.remote_addr or ""):
            return None
        roles = _text(request.headers.get(self.roles_header, "")) if self.roles_header else ""
        try:
            return person_of(name, (role.strip().lower() for role in roles.split(",")))
        except ValueError:
            return None

    def _trusts(self, address: str) -> bool:
        try:
            peer = ip_address(address)
        except ValueError:  # a socket of this machine has none
            return False
        peer = getattr(peer, "ipv4_mapped", None) or peer
        return any(peer in network for network in self.networks)


def _text(header: str) -> str:
    """A header as UTF-8, which is what proxies send; WSGI reads it as Latin-1 (PEP 3333)."""
    try:
        return header.encode("latin-1").decode("utf-8").strip()
    except UnicodeError:
        return header.strip()
