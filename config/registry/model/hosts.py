"""The hosts that a registry's requests may reach."""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import IPv6Address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from config.networks import check_host, literal
from config.problems import value_error

_LISTED = re.compile(r"(\[[^\]]*\]|[^:]*)(?::([1-9][0-9]{0,4}))?")
_HTTPS = 443
_HIGHEST = 65535


def listing_of(url: str) -> str:
    """What `hosts` must list for a request to `url`: its host, with its port unless that is 443; "" without a host."""
    split = urlsplit(url)
    host = split.hostname or ""
    ip = literal(host)
    if isinstance(ip, IPv6Address):
        host = f"[{ip}]"
    return host if split.port in (None, _HTTPS) else f"{host}:{split.port}"


def is_listed(listing: str, hosts: Collection[str]) -> bool:
    """Whether `hosts` lists it. A loopback host may be listed without a port, for all of its ports."""
    host = host_of(listing)
    return listing in hosts or (_is_loopback(host) and host in hosts)


def host_of(listed: str) -> str:
    """The host in an entry of `hosts`, without its port."""
    found = _LISTED.fullmatch(listed)
    return found[1] if found else ""


def _is_loopback(host: str) -> bool:
    ip = literal(host)
    return host == "localhost" if ip is None else ip.is_loopback


def _check_listed(listed: str) -> str:
    if not re.search(r"[\[\]%]", listed) and isinstance(ip := literal(listed), IPv6Address):
        raise value_error(f"an IPv6 address is written in brackets — write '[{ip}]'")
    if "*" in listed:
        raise value_error("a host is listed by its whole name, without * — list each, like registry.example")
    if "://" in listed and (bare := listing_of(listed)):
        raise value_error(f"this is an address — write '{bare}'")
    found = _LISTED.fullmatch(listed)
    host, port = (found[1], int(found[2] or _HTTPS)) if found else (listed, 0)
    ip = literal(host)
    if not 0 < port <= _HIGHEST or not (_is_name(host) if ip is None or ip.version == 4 else "%" not in host):
        raise value_error("write the bare name of a host, lower-case, like registry.example or registry.example:8443")
    if found and found[2] and port == _HTTPS:
        raise value_error("a host is listed for 443 without its port — leave the port out")
    check_host(host)
    return listed.replace(host, f"[{ip}]") if isinstance(ip, IPv6Address) else listed


def _is_name(host: str) -> bool:
    """Whether it is a name or an IPv4 address as a URL has it."""
    try:
        plain = host.encode("idna").decode()
    except UnicodeError:
        return False
    return bool(host) and host == plain.lower() and not re.search(r"[\s/@?#{}%\[\]]", host)


Host = Annotated[str, Field(max_length=260), AfterValidator(_check_listed)]
"""A host, with its port unless that is 443."""
