"""What `hosts` may list, and which requests that lets pass."""

from __future__ import annotations

from typing import Any

import pytest

from config.registry import RegistrySource
from config.registry.model.hosts import is_listed, listing_of
from tests.config.registry.model.test_source import VALID, complaints


def described(url: str, *hosts: str) -> dict[str, Any]:
    return {**VALID, "hosts": list(hosts), "steps": [{"request": {"url": url}}]}


@pytest.mark.parametrize(
    ("listed", "urls"),
    [
        ("registry.example", ["https://registry.example/x", "https://REGISTRY.example:443/", "http://registry.example/"]),
        ("registry.example:8443", ["https://registry.example:8443/x"]),
        ("203.0.113.7:8443", ["https://203.0.113.7:8443/x"]),
        ("[fd00::5]", ["https://[fd00::5]/x", "https://[FD00:0:0:0::5]:443/"]),
        ("[FD00:0::5]:8443", ["https://[fd00::5]:8443/"]),
        ("127.0.0.1", ["http://127.0.0.1/", "http://127.0.0.1:8000/x", "https://127.0.0.1:8443/"]),
        ("[::1]", ["http://[::1]:8000/x", "https://[0:0::1]/"]),
        ("localhost", ["http://localhost:8000/x"]),
        ("127.0.0.1:8099", ["http://127.0.0.1:8099/x", "https://127.0.0.1:8099/"]),
        ("localhost:8099", ["http://localhost:8099/x"]),
        ("[::1]:8099", ["http://[0:0::1]:8099/x"]),
    ],
)  # fmt: skip
def test_a_host_is_listed_with_its_port_and_this_machine_also_for_all(listed: str, urls: list[str]) -> None:
    for url in urls:
        assert complaints(described(url, listed)) == []
        assert is_listed(listing_of(url), RegistrySource.model_validate(described(url, listed)).hosts)


@pytest.mark.parametrize(
    ("url", "listed", "hint"),
    [
        ("https://registry.example:8443/", "registry.example", "add it there"),
        ("https://registry.example/", "registry.example:8443", "add it there"),
        ("https://registry.example:8444/", "registry.example:8443", "add it there"),
        ("https://[fd00::5]:8443/", "[fd00::5]", "add it there"),
        ("https://registri.example:8443/", "registry.example:8443", "did you mean 'registry.example:8443'?"),
        ("https://127.0.0.1:8000/", "[::1]", "add it there"),
        ("https://127.0.0.1:8000/", "127.0.0.1:8099", "add it there"),
        ("https://127.0.0.1/", "127.0.0.1:8099", "add it there"),
    ],
)
def test_another_port_is_another_host(url: str, listed: str, hint: str) -> None:
    said = f"'{listing_of(url)}' is not among hosts — {hint}"
    assert complaints(described(url, listed)) == [("steps.0.request.url", said)]


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ("registry.example:443", "leave the port out"),
        ("127.0.0.1:443", "a host is listed for 443 without its port — leave the port out"),
        ("127.0.0.1:80800", "write the bare name of a host"),
        ("fd00::5", "an IPv6 address is written in brackets — write '[fd00::5]'"),
        ("FD00:0:0::5", "an IPv6 address is written in brackets — write '[fd00::5]'"),
        ("[fe80::5]", "no source is at fe80::5 — write the name of the host"),
        *(
            (listed, "write the bare name of a host, lower-case, like registry.example or registry.example:8443")
            for listed in (
                "registry.example:0",
                "registry.example:65536",
                "registry.example:",
                "registry.example:https",
                "registry.example:８443",
                "a.example:1:2",
                "[10.0.0.1]",
                "[fd00::5",
                "[fd00::5%25eth0]",
                "fd00::5]",
                "[",
                "[]",
                "[registry.example]",
                "Registry.example:8443",
                "régistre.example",
                "",
            )
        ),
    ],
)
def test_what_is_no_host_is_said(listed: str, said: str) -> None:
    (complaint,) = complaints({**VALID, "hosts": ["127.0.0.1", listed]})
    assert complaint[0] == "hosts.1"
    assert said in complaint[1]
