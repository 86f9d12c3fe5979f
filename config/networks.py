"""Classifies IP addresses as public, private or unassigned, to decide where a source may be.

Private addresses are refused unless the operator lists them (`JURAT_PRIVATE_NETWORKS`), so that no description of a
source reaches what is behind the firewall. IANA's registries say what each range is for:
https://www.iana.org/assignments/iana-ipv4-special-registry and https://www.iana.org/assignments/iana-ipv6-special-registry
"""

from __future__ import annotations

import re
from contextlib import suppress
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from config.problems import printable, value_error

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network


class Scope(StrEnum):
    """Who may use an address. `nobody` is for those that no source has: link-local, multicast, reserved, metadata."""

    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"
    NOBODY = "nobody"


def _networks(*texts: str) -> tuple[IPNetwork, ...]:
    return tuple(ip_network(text) for text in texts)


_NAT64 = _networks("64:ff9b::/96", "64:ff9b:1::/48")
"""IPv6 addresses that lead to the IPv4 address in their last 32 bits (RFC 6052, RFC 8215)."""

LOOPBACK = _networks("127.0.0.0/8", "::1/128")
"""This machine."""
_PRIVATE = (
    *_networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
    *_networks("100.64.0.0/10"),  # shared with the provider (RFC 6598); clusters use it inside
    *_networks("198.18.0.0/15", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"),  # laboratories
    *_networks("fec0::/10"),  # site-local, the forerunner of fc00::/7 (RFC 3879)
    *_NAT64,
)
_METADATA = _networks(
    "168.63.129.16",  # Azure; public by the registry, answered by the host
    "100.100.100.200",  # Alibaba Cloud
    "192.0.0.192",  # Oracle Cloud
    "fd00:ec2::254",  # AWS
    "fd20:ce::254",  # Google Cloud
)
"""Where clouds give their machines metadata and keys; most use 169.254.169.254, which is link-local."""

_NO_HOSTS = _networks(
    *("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4"),  # this network, link-local, multicast, reserved
    *("192.0.0.0/24", "2001::/23"),  # for protocols, such as Teredo and ORCHIDv2 (RFC 6890)
    *("192.88.99.0/24", "2002::/16"),  # 6to4, which ends at the IPv4 address inside; obsolete (RFC 7526)
    "3fff::/20",  # for documents (RFC 9637)
)
"""No source is there. `ipaddress` holds some for public in one version of Python and not in the next."""

_GLOBAL_UNICAST = IPv6Network("2000::/3")

_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?")
"""A host that resolvers read as an IPv4 address (https://url.spec.whatwg.org/#ends-in-a-number-checker)."""


def scope_of(ip: IPAddress) -> Scope:
    """Who may use `ip`. An IPv4-mapped IPv6 address counts as the IPv4 address."""
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        return scope_of(ip.ipv4_mapped)
    if _within(ip, LOOPBACK):
        return Scope.LOOPBACK
    if _within(ip, _METADATA):
        return Scope.NOBODY
    if _within(ip, _PRIVATE):
        return Scope.PRIVATE
    is_assigned = ip.version == 4 or ip in _GLOBAL_UNICAST
    return Scope.PUBLIC if is_assigned and not _within(ip, _NO_HOSTS) else Scope.NOBODY


def embedded(ip: IPAddress) -> IPv4Address | None:
    """The IPv4 address that a connection to `ip` ends at, if it is another."""
    if isinstance(ip, IPv4Address):
        return None
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    return IPv4Address(int(ip) & 0xFFFFFFFF) if _within(ip, _NAT64) else None


def literal(host: str) -> IPAddress | None:
    """The IP address in `host`, with or without brackets; None for a name."""
    with suppress(ValueError):
        return ip_address(host.removeprefix("[").removesuffix("]"))
    return None


def misleading(host: str) -> str | None:
    """What is wrong with a host that hides an address, or that no source has; None if nothing is."""
    plain = host
    with suppress(UnicodeError):
        plain = host.encode("idna").decode()  # full-width digits become digits
    ip = literal(host)
    if ip is None:
        hidden = _NUMERIC.fullmatch(plain)
        return f"'{printable(host)}' is an address in disguise — write the name of the host" if hidden else None
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        return f"'{printable(host)}' is an IPv4 address in disguise — write the name of the host"
    return f"no source is at {ip} — write the name of the host" if scope_of(ip) is Scope.NOBODY else None


def check_host(host: str) -> str:
    """`host` unchanged. Raises PydanticCustomError if it is `misleading`."""
    if wrong := misleading(host):
        raise value_error(wrong)
    return host


def networks_of(text: str) -> tuple[IPNetwork, ...]:
    """The private networks in a list separated by commas or spaces; an address is a network of one.

    Raises ValueError with the number of a wrong entry, and what is wrong.
    """
    entries = filter(None, re.split(r"[\s,]+", text))
    return tuple(_network(entry, index) for index, entry in enumerate(entries, 1))


def _network(entry: str, index: int) -> IPNetwork:
    try:
        network = ip_network(entry)
    except ValueError:
        said = f"has no network in entry {index}; write each by its first address, like 10.20.0.0/16, 192.168.4.7"
        raise ValueError(said) from None
    inside = any(_within(network[0], (known,)) and _within(network[-1], (known,)) for known in _PRIVATE + LOOPBACK)
    if not inside or (network.num_addresses == 1 and scope_of(network[0]) is Scope.NOBODY):
        raise ValueError(f"has no private network in entry {index}; public ones need no entry, others are not allowed")
    return network


def _within(ip: IPAddress, networks: tuple[IPNetwork, ...]) -> bool:
    return any(ip in network for network in networks)
