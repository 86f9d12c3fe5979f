"""Which addresses a source's requests may go to.

No test connects beyond this machine. So 127.0.0.1 takes the place of a public address: it is listed. Other addresses
are refused as any private one is, and pytest-socket would fail a test that connected there all the same.
"""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from adapters.base import Blocked, Unavailable
from adapters.http_client.destinations import Destinations
from adapters.http_client.transport import Transport
from config.networks import networks_of
from tests.adapters.conftest import Listen, read_request
from tests.adapters.names import Names
from tests.adapters.tls import OK, certificate_for, over_tls, serve

HOST = "registry.valmont.example"
HERE = networks_of("127.0.0.1")
CLOSING = OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
PATIENCE = 60.0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate_for(tmp_path_factory.mktemp("names"), f"DNS:{HOST}", "-days", "2")


def blocked(transport: Transport, url: str) -> str:
    with pytest.raises(Blocked) as caught:
        transport.send("GET", url, params={"number": "9000010000"}, timeout=PATIENCE)
    transport.close()
    assert "9000010000" not in caught.value.detail
    assert caught.value.__context__ is None
    return caught.value.detail


# ------------------------------------------------------------------------------------------------- what is judged, how


PRIVATE = "is private; list it or its network in JURAT_PRIVATE_NETWORKS if that is meant"
MACHINE = "is this machine; list it in JURAT_PRIVATE_NETWORKS if that is meant"
NOBODY = "is no address that a source can have"


@pytest.mark.parametrize(
    ("ip", "said"),
    [
        ("10.1.2.3", PRIVATE),
        ("192.168.4.7", PRIVATE),
        ("100.64.0.1", PRIVATE),
        ("fd12::7", PRIVATE),
        ("fec0::1", PRIVATE),
        ("64:ff9b::808:808", PRIVATE),
        ("64:ff9b::a01:203", PRIVATE),
        ("::ffff:10.1.2.3", PRIVATE),
        ("127.0.0.1", MACHINE),
        ("::1", MACHINE),
        ("::ffff:127.0.0.1", MACHINE),
        ("64:ff9b::7f00:1", MACHINE),
        ("169.254.169.254", NOBODY),
        ("64:ff9b::a9fe:a9fe", NOBODY),
        ("168.63.129.16", NOBODY),
        ("::7f00:1", NOBODY),
        ("0.0.0.0", NOBODY),
        ("224.0.0.1", NOBODY),
        ("fe80::1", NOBODY),
        ("2002:7f00:1::1", NOBODY),
        ("5f00::1", NOBODY),
        ("2001:20::1", NOBODY),
    ],
)  # fmt: skip
def test_a_name_that_leads_to_no_public_address_is_refused_and_says_what_to_do(ip: str, said: str) -> None:
    detail = blocked(Transport(resolver=Names([ip])), f"https://{HOST}/people/9000010000")
    assert detail.startswith(f"{HOST} has the address ")
    assert detail.endswith(f", which {said}")


@pytest.mark.parametrize("ip", ["10.1.2.3", "[fd12::7]", "169.254.169.254", "[::7f00:1]", "[fec0::1]", "0.0.0.0"])
@pytest.mark.parametrize("proxy", [None, "http://127.0.0.1:9"])
def test_an_address_in_a_url_is_judged_also_where_a_proxy_would_connect(ip: str, proxy: str | None) -> None:
    detail = blocked(Transport(proxy=proxy, private_networks=HERE), f"https://{ip}/people/9000010000")
    assert detail.startswith(f"{ip.strip('[]')} ")


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "0", "017700000001", "１２７.0.0.1", "127。0。0。1"])
@pytest.mark.parametrize("proxy", [None, "http://127.0.0.1:9"])
def test_an_address_in_disguise_is_refused_before_anything_is_looked_up(host: str, proxy: str | None) -> None:
    names = Names(["127.0.0.1"])
    transport = Transport(proxy=proxy, private_networks=HERE, resolver=names, loopback_http=True)
    for _ in range(2):
        with pytest.raises(Blocked):
            transport.send("GET", f"https://{host}/", timeout=PATIENCE)
    assert names.asked == []


def test_what_is_listed_and_what_is_public_may_be_connected_to() -> None:
    listed = Destinations(networks_of("10.20.0.0/16, fd12::/64, 64:ff9b::/96"), resolver=Names(
        ["10.20.3.4", "10.21.0.1", "8.8.8.8", "fd12::7", "fd13::7", "::ffff:10.20.0.1", "::ffff:10.21.0.1",
         "64:ff9b::808:808", "64:ff9b::a14:1", "64:ff9b::a15:1", "127.0.0.1", "169.254.169.254"]
    ))  # fmt: skip
    allowed = [address[0] for _, address in listed.addresses(HOST, 443, within=PATIENCE)]
    assert allowed == [
        "10.20.3.4", "8.8.8.8", "fd12::7", "::ffff:10.20.0.1", "64:ff9b::808:808", "64:ff9b::a14:1",
    ]  # fmt: skip


def test_no_list_opens_the_address_at_which_a_cloud_answers_its_machines() -> None:
    listed = Destinations(networks_of("100.64.0.0/10, fd00::/8"), resolver=Names(["100.100.100.200", "fd00:ec2::254"]))
    with pytest.raises(Blocked):
        listed.addresses(HOST, 443, within=PATIENCE)


def test_this_machine_is_reached_where_it_is_listed_alone() -> None:
    names = Names(["127.0.0.1", "127.0.0.2", "::1"])
    listed = Destinations(networks_of("127.0.0.1 ::1"), resolver=names)
    assert [address[0] for _, address in listed.addresses(HOST, 443, within=PATIENCE)] == ["127.0.0.1", "::1"]
    with pytest.raises(Blocked, match="is this machine"):
        Destinations(networks_of("10.0.0.0/8"), resolver=names).addresses(HOST, 443, within=PATIENCE)


# ------------------------------------------------------------------------------------------------------- rebinding


def test_only_what_was_judged_is_connected_to(certificate: Path, listen: Listen) -> None:
    """The name answers once with an allowed address, then with the one behind the firewall."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    port = listen(over_tls(certificate, lambda connection: connection.sendall(read_request(connection) and CLOSING)))
    transport = Transport(ca_file=str(certificate), private_networks=HERE, resolver=names)
    url = f"https://{HOST}:{port}/"
    assert transport.send("GET", url, timeout=PATIENCE).body == b"ok"
    assert names.asked == [HOST], "judged and connected to by one answer"
    assert "127.0.0.2" in blocked(transport, url)


def test_a_kept_connection_stays_where_it_is_and_a_new_one_is_judged_anew(certificate: Path, listen: Listen) -> None:
    names = Names(["127.0.0.1"], ["10.1.2.3"])
    hang_up = False

    def script(connection: socket.socket) -> None:
        while read_request(connection) and not hang_up:
            connection.sendall(OK)

    port = listen(over_tls(certificate, script))
    transport = Transport(ca_file=str(certificate), private_networks=HERE, resolver=names)
    url = f"https://{HOST}:{port}/"
    assert [transport.send("GET", url, timeout=PATIENCE).body for _ in range(3)] == [b"ok"] * 3
    assert names.asked == [HOST]
    hang_up = True
    assert "10.1.2.3" in blocked(transport, url)


def test_of_several_addresses_only_the_allowed_ones_are_tried(certificate: Path, listen: Listen) -> None:
    asked: list[str | None] = []
    port = listen(over_tls(certificate, serve, names=asked))
    names = Names(["10.1.2.3", "169.254.169.254", "127.0.0.2", "127.0.0.1", "fd12::7"])
    transport = Transport(ca_file=str(certificate), private_networks=HERE, resolver=names)
    assert transport.send("GET", f"https://{HOST}:{port}/", timeout=PATIENCE).body == b"ok"
    assert asked == [HOST], "the certificate is asked for, and checked, by the name"
    transport.close()


def test_the_certificate_is_that_of_the_name_and_not_of_the_address(listen: Listen, tmp_path: Path) -> None:
    other = certificate_for(tmp_path, "IP:127.0.0.1,DNS:localhost", "-days", "2")
    port = listen(over_tls(other, serve))
    transport = Transport(ca_file=str(other), private_networks=HERE, resolver=Names(["127.0.0.1"]))
    with pytest.raises(Unavailable, match="names another host"):
        transport.send("GET", f"https://{HOST}:{port}/", timeout=PATIENCE)
    transport.close()


# --------------------------------------------------------------------------------------------------------- proxies


@pytest.fixture
def proxy(listen: Listen) -> int:
    return listen(lambda connection: connection.sendall(read_request(connection) and b"HTTP/1.1 502 No\r\n\r\n"))


def test_a_proxy_in_a_private_network_must_be_listed(proxy: int) -> None:
    names = Names(["10.1.2.3"])
    detail = blocked(Transport(proxy=f"http://proxy.example:{proxy}", resolver=names), f"https://{HOST}/")
    assert detail.startswith("the proxy proxy.example has the address 10.1.2.3, which is private; list it")
    assert names.asked == ["proxy.example"]


def test_behind_a_proxy_the_name_is_the_proxys_to_resolve(proxy: int) -> None:
    names = Names(["127.0.0.1"])
    transport = Transport(proxy=f"http://proxy.example:{proxy}", private_networks=HERE, resolver=names)
    with pytest.raises(Unavailable, match="the proxy gave no connection"):
        transport.send("GET", f"https://{HOST}/", timeout=PATIENCE)
    assert names.asked == ["proxy.example"]
    transport.close()
