"""Hostile places that a registry's description, its name server or its answer may send a request to.

Rows 1, 2, 3, 4, 9 and 26 of the table in `test_hostile_rows.py`. As in `test_destinations.py`, 127.0.0.1 takes the
place of a public address.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from pydantic import ValidationError

from adapters.base import Blocked, Finding, RejectedRequest, SourceError, Unavailable, Unreadable
from adapters.http_client.transport import Transport
from adapters.registry.adapter import RegistryAdapter
from config.networks import networks_of
from config.registry import RegistrySource
from config.registry.model.hosts import listing_of
from jurat.vocabulary import Outcome, Reason
from tests.adapters.conftest import Listen, Script, read_request
from tests.adapters.names import Names
from tests.adapters.registry.described import IRIS, Registry, adapter, at, description, person, records
from tests.adapters.tls import certificate_for, over_tls

HERE = networks_of("127.0.0.1")
HOST = "registry.valmont.example"
DISGUISED = ["127.1", "2130706433", "0x7f.1", "017700000001", "0", "[::ffff:127.0.0.1]"]
NOBODYS = ["169.254.169.254", "[::7f00:1]", "0.0.0.0", "[fe80::1]", "224.0.0.1"]
PRIVATE = ["10.1.2.3", "192.168.0.1", "[fd12::7]", "[fec0::1]", "[64:ff9b::7f00:1]"]


def unchecked(url: str) -> RegistrySource:
    """A description that lint has not seen."""
    model = RegistrySource.model_validate(description())
    step = model.steps[0]
    request = step.request.model_copy(update={"url": url})
    return model.model_copy(
        update={"hosts": (listing_of(url),), "steps": (step.model_copy(update={"request": request}),)}
    )


def refusal(source: RegistryAdapter) -> SourceError:
    with pytest.raises(SourceError) as caught:
        source.look_up(IRIS)
    source.close()
    shown = repr(caught.value) + caught.value.detail
    assert not [typed for typed in IRIS.answer.values() if typed in shown]
    return caught.value


@pytest.mark.parametrize("host", DISGUISED + NOBODYS)
def test_lint_refuses_what_is_no_address_of_a_registry(host: str) -> None:
    described = at(f"http://{host}", hosts=[host.strip("[]")])
    with pytest.raises(ValidationError) as caught:
        RegistrySource.model_validate(described)
    assert "hosts" in {str(error["loc"][0]) for error in caught.value.errors()}


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", DISGUISED + NOBODYS + PRIVATE)
def test_a_request_to_such_an_address_is_blocked_before_anything_is_sent(host: str, scheme: str) -> None:
    error = refusal(RegistryAdapter(unchecked(f"{scheme}://{host}/people/{{number}}"), secret=str))
    assert isinstance(error, Blocked)
    assert error.reason is Reason.SOURCE_BLOCKED


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://h.example/", "gopher://h.example/", "https://u:pw@h.example/"]
)
def test_only_https_without_credentials_is_a_place_to_ask(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RegistrySource.model_validate(at(url))
    assert "pw" not in str(caught.value)
    error = refusal(RegistryAdapter(unchecked(url), secret=str))
    assert isinstance(error, Blocked | RejectedRequest)


# ------------------------------------------------------------------------------------------------------- rebinding


def answering(*more: str) -> Script:
    """The record of Iris over and over; `more` are header fields."""
    content = json.dumps(records(person())).encode()
    head = "\r\n".join(["HTTP/1.1 200 OK", f"Content-Length: {len(content)}", *more, "", ""])

    def script(connection: socket.socket) -> None:
        while read_request(connection):
            connection.sendall(head.encode() + content)

    return script


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate_for(tmp_path_factory.mktemp("registry"), f"DNS:{HOST}", "-days", "2")


def over(transport: Transport, port: int) -> RegistryAdapter:
    """The registry at its name, asked through `transport`."""
    return RegistryAdapter(unchecked(f"https://{HOST}:{port}/people"), secret=str, transport=transport)


def test_a_name_that_turns_private_is_no_way_in(certificate: Path, listen: Listen) -> None:
    """127.0.0.2 is this machine, too: a connection there would be noticed by the name that it asks for."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    port = listen(over_tls(certificate, answering("Connection: close")))
    source = over(Transport(ca_file=str(certificate), private_networks=HERE, resolver=names), port)
    found = source.look_up(IRIS)
    assert isinstance(found, Finding)
    assert (found.outcome, names.asked) == (Outcome.ACCEPTED, [HOST])
    error = refusal(source)
    assert isinstance(error, Blocked)
    assert error.detail.startswith(f"{HOST} has the address 127.0.0.2, which is this machine; list it")


# --------------------------------------------------------------------------------------------------------- redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_takes_no_key_along(status: int, listen: Listen) -> None:
    other = Registry(listen, records(person()))
    registry = Registry(listen, {}, status, f"Location: {other.url}/professionals\r\n")
    auth = {"type": "header", "name": "X-Api-Key", "value": "{secrets.key}"}
    with pytest.raises(Unreadable, match="redirects are not followed"):
        registry.ask(keys={"KEY": "hidden"}, secrets={"key": {"env": "KEY"}}, request={"auth": auth}, outcomes=[])
    assert "X-Api-Key: hidden" in registry.lines
    assert (len(registry.received), other.received) == (1, [])


# ------------------------------------------------------------------------------------------------------ certificates


EXPIRED = ["-not_before", "20200101000000Z", "-not_after", "20200102000000Z"]


@pytest.mark.parametrize(
    ("names", "options", "trusted", "said"),
    [
        (f"DNS:{HOST}", EXPIRED, True, "its certificate has expired"),
        ("DNS:other.example", ["-days", "2"], True, "its certificate names another host"),
        ("IP:127.0.0.1", ["-days", "2"], True, "its certificate names another host"),
        (f"DNS:{HOST}", ["-days", "2"], False, "its certificate has an unknown signer"),
    ],
    ids=["expired", "wrong host", "address for name", "self-signed"],
)
def test_a_certificate_that_is_not_right_is_an_outage(
    names: str, options: list[str], trusted: bool, said: str, listen: Listen, tmp_path: Path
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command, to make a certificate")
    try:
        wrong = certificate_for(tmp_path, names, *options)
    except subprocess.CalledProcessError:
        pytest.skip("this openssl cannot make a certificate of the past")
    port = listen(over_tls(wrong, answering()))
    ca_file = str(wrong) if trusted else None
    error = refusal(over(Transport(ca_file=ca_file, private_networks=HERE, resolver=Names(["127.0.0.1"])), port))
    assert (type(error), error.detail) == (Unavailable, said)


def test_no_option_makes_it_right() -> None:
    for option in ("verify", "insecure", "check_hostname"):
        with pytest.raises(ValidationError):
            RegistrySource.model_validate(description(**{option: False}))


def test_a_client_key_that_is_missing_is_told_before_anybody_is_asked(tmp_path: Path) -> None:
    files = {"certificate": str(tmp_path / "us.pem"), "key": str(tmp_path / "us.key")}
    with pytest.raises(ValueError, match=r"^client_certificate: there is no file .*us\.key$"):
        adapter(description(client_certificate=files))
