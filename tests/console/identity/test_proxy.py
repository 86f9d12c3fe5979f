"""A proxy's header: believed from the addresses that were given, and from nobody else."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest

from console.identity.proxy import TrustedProxy
from tests.console.visitor import Site, Visitor, main

PROXY, STRANGER = "10.0.0.2", "10.0.0.3"


@pytest.fixture
def behind(opened: Callable[..., Site], sqlite_url: str) -> Site:
    networks = [ip_network(f"{PROXY}/32"), ip_network("fd00::/8")]
    return opened(sqlite_url, proxy=TrustedProxy(networks, "X-Remote-User", "X-Remote-Roles"))


def sent(site: Site, name: str, roles: str = "", peer: str = PROXY) -> Visitor:
    return site.visitor(REMOTE_ADDR=peer, HTTP_X_REMOTE_USER=name, HTTP_X_REMOTE_ROLES=roles)


def test_the_proxy_says_who_it_is_and_what_they_may_do(behind: Site) -> None:
    page = sent(behind, "clerk-7", "reviewer, nonsense").get("/en/reviews/")
    assert page.status_code == 200
    assert "Signed in as clerk-7" in page.text


@pytest.mark.parametrize("peer", [STRANGER, "127.0.0.1", "", "::1", "fe80::1"])
def test_nobody_else_is_believed(behind: Site, peer: str) -> None:
    assert sent(behind, "clerk-7", "reviewer", peer).get("/en/").status_code == 302


@pytest.mark.parametrize("peer", ["fd00::7", f"::ffff:{PROXY}"])
def test_a_proxy_may_have_an_address_of_another_kind(behind: Site, peer: str) -> None:
    assert sent(behind, "clerk-7", "", peer).get("/en/").status_code == 200


def test_without_a_trusted_proxy_the_header_is_nothing(site: Site) -> None:
    assert sent(site, "clerk-7", "reviewer").get("/en/").status_code == 302


def test_a_forwarded_address_makes_no_one_the_proxy(behind: Site) -> None:
    visitor = behind.visitor(
        REMOTE_ADDR=STRANGER, HTTP_X_FORWARDED_FOR=PROXY, HTTP_X_REAL_IP=PROXY, HTTP_FORWARDED=f"for={PROXY}",
        HTTP_X_REMOTE_USER="clerk-7",
    )  # fmt: skip
    assert visitor.get("/en/").status_code == 302


def test_roles_hold_for_a_request_and_no_longer(behind: Site) -> None:
    visitor = sent(behind, "clerk-7", "reviewer")
    assert visitor.get("/en/reviews/").status_code == 200
    visitor.environment["HTTP_X_REMOTE_ROLES"] = ""
    assert visitor.get("/en/reviews/").status_code == 403
    assert visitor.get("/en/").status_code == 200


def test_who_signs_out_at_the_proxy_is_signed_out_here(behind: Site) -> None:
    visitor = sent(behind, "clerk-7")
    visitor.get("/en/")
    del visitor.environment["HTTP_X_REMOTE_USER"]
    assert visitor.get("/en/").status_code == 302


def test_another_name_gets_a_session_of_its_own(behind: Site) -> None:
    visitor = sent(behind, "clerk-7")
    visitor.get("/en/")
    before = visitor.cookie
    visitor.environment["HTTP_X_REMOTE_USER"] = "clerk-8"
    assert "Signed in as clerk-8" in visitor.get("/en/").text
    assert visitor.cookie != before


def test_a_session_of_the_proxy_is_nothing_without_it(behind: Site) -> None:
    visitor = sent(behind, "clerk-7", "reviewer")
    visitor.get("/en/")
    stolen = behind.visitor(REMOTE_ADDR=STRANGER)
    stolen.client.set_cookie("jurat", visitor.cookie)
    assert stolen.get("/en/").status_code == 302


@pytest.mark.parametrize(("header", "name"), [("José".encode().decode("latin-1"), "José"), ("a\x01b", None)])
def test_names_are_read_as_proxies_write_them(behind: Site, header: str, name: Any) -> None:
    page = sent(behind, header).get("/en/")
    assert (f"Signed in as {name}." in page.text) if name else page.status_code == 302


def test_the_page_says_that_the_proxy_signs_in(behind: Site) -> None:
    assert "It has not said who you are" in main(behind.visitor(REMOTE_ADDR=STRANGER).get("/en/sign-in"))
