from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.networks import Scope, embedded, misleading, networks_of, scope_of


@pytest.mark.parametrize(
    ("ip", "scope"),
    [
        ("8.8.8.8", Scope.PUBLIC),
        ("172.15.255.255", Scope.PUBLIC),
        ("172.32.0.0", Scope.PUBLIC),
        ("2a00:1450::1", Scope.PUBLIC),
        ("::ffff:8.8.8.8", Scope.PUBLIC),
        ("10.0.0.1", Scope.PRIVATE),
        ("172.31.255.255", Scope.PRIVATE),
        ("192.168.4.7", Scope.PRIVATE),
        ("100.64.0.1", Scope.PRIVATE),
        ("fd12:3456::1", Scope.PRIVATE),
        ("fec0::1", Scope.PRIVATE),
        ("::ffff:10.0.0.1", Scope.PRIVATE),
        ("64:ff9b::808:808", Scope.PRIVATE),
        ("64:ff9b:1::808:808", Scope.PRIVATE),
        ("127.0.0.1", Scope.LOOPBACK),
        ("127.255.255.254", Scope.LOOPBACK),
        ("::1", Scope.LOOPBACK),
        ("::ffff:127.0.0.1", Scope.LOOPBACK),
        ("0.0.0.0", Scope.NOBODY),
        ("0.1.2.3", Scope.NOBODY),
        ("255.255.255.255", Scope.NOBODY),
        ("240.0.0.1", Scope.NOBODY),
        ("224.0.0.1", Scope.NOBODY),
        ("169.254.169.254", Scope.NOBODY),
        ("168.63.129.16", Scope.NOBODY),
        ("100.100.100.200", Scope.NOBODY),
        ("192.0.0.192", Scope.NOBODY),
        ("192.88.99.1", Scope.NOBODY),
        ("fd00:ec2::254", Scope.NOBODY),
        ("::", Scope.NOBODY),
        ("::7f00:1", Scope.NOBODY),
        ("::8.8.8.8", Scope.NOBODY),
        ("fe80::1", Scope.NOBODY),
        ("fe80::1%eth0", Scope.NOBODY),
        ("ff02::1", Scope.NOBODY),
        ("100::1", Scope.NOBODY),
        ("4000::1", Scope.NOBODY),
        ("2002:7f00:1::1", Scope.NOBODY),
        ("2001:0:808:808::1", Scope.NOBODY),
    ],
)
def test_an_address_is_public_private_this_machines_or_nobodys(ip: str, scope: Scope) -> None:
    assert scope_of(ip_address(ip)) is scope


NOT_GLOBAL = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/4", "240.0.0.0/4", "::/128", "::1/128", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23",
    "2001::/32", "2001:2::/48", "2001:10::/28", "2001:20::/28", "2001:db8::/32", "2002::/16", "3fff::/20",
    "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
)  # fmt: skip
"""The entries of IANA's registries of special addresses that cannot be reached globally, and multicast."""


@pytest.mark.parametrize("network", NOT_GLOBAL)
def test_what_cannot_be_reached_globally_is_public_on_no_version_of_python(network: str) -> None:
    first, last = ip_network(network)[0], ip_network(network)[-1]
    assert Scope.PUBLIC not in {scope_of(first), scope_of(last)}


@pytest.mark.parametrize(
    "ip",
    ["1.0.0.0", "9.255.255.255", "191.255.255.255", "192.0.1.0", "192.88.98.255", "192.88.100.0", "223.255.255.255",
     "2000::", "2001:200::", "2003::", "3ffe:ffff::1", "3fff:1000::"],
)  # fmt: skip
def test_their_neighbours_are(ip: str) -> None:
    assert scope_of(ip_address(ip)) is Scope.PUBLIC


@given(st.ip_addresses())
def test_nothing_that_python_calls_special_is_public(ip: IPv4Address | IPv6Address) -> None:
    ip = getattr(ip, "ipv4_mapped", None) or ip
    special = ip.is_private or ip.is_loopback or ip.is_multicast or ip.is_link_local or ip.is_reserved
    assert scope_of(ip) is not Scope.PUBLIC or not (special or ip.is_unspecified)


@given(st.ip_addresses(v=4))
def test_another_spelling_changes_nothing(ip: IPv4Address) -> None:
    assert scope_of(ip_address(f"::ffff:{ip}")) is scope_of(ip)
    assert embedded(ip_address(f"::ffff:{ip}")) == ip
    assert embedded(ip_address(f"64:ff9b::{ip}")) == ip


def test_an_ordinary_address_holds_no_other() -> None:
    assert embedded(ip_address("10.0.0.1")) is None
    assert embedded(ip_address("2a00:1450::1")) is None


@pytest.mark.parametrize(
    "host",
    ["127.1", "2130706433", "0x7f.1", "0X7F000001", "0", "017700000001", "1.2.3", "1.2.3.4.5", "registry.example.0x",
     "127.0.0.1.", "１２７.0.0.1", "127。0。0。1", "[::ffff:127.0.0.1]", "::ffff:a00:1", "169.254.169.254",
     "[fe80::1]", "::7f00:1", "0.0.0.0"],
)  # fmt: skip
def test_a_host_that_hides_an_address_misleads(host: str) -> None:
    said = misleading(host)
    assert said is not None
    assert said.endswith(" — write the name of the host")
    assert said.isprintable()


@pytest.mark.parametrize(
    "host",
    ["registry.example", "localhost", "127.0.0.1", "[::1]", "10.20.0.7", "fd12::7", "8.8.8.8", "a1.0x7g", "x--1",
     "1and1.example", "xn--valmnt-1ya.example", "a" * 70],
)  # fmt: skip
def test_a_name_and_an_address_in_full_do_not(host: str) -> None:
    assert misleading(host) is None


def test_a_list_of_networks_is_read_with_commas_and_spaces() -> None:
    assert [str(each) for each in networks_of(" 10.20.0.0/16,192.168.4.7\n::1 , 64:ff9b::/96, ")] == [
        "10.20.0.0/16",
        "192.168.4.7/32",
        "::1/128",
        "64:ff9b::/96",
    ]
