"""The door of the web tier as Compose has it: what hangs, what is too much, and what it refuses."""

from __future__ import annotations

import contextlib
import re
import secrets
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import requests

from tests.examples.platform.fleet import Fleet
from tests.examples.platform.processes import Alone
from tests.examples.platform.test_serve import eventually
from tests.examples.platform.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.stacks
ADDRESS = "https://valmont.example"
TOO_LONG_S = 15.0
"""A page apologises after 9 s; the machine may be busy."""


@pytest.fixture(scope="module")
def web(fleet: Fleet, wheel_alone: Path) -> Iterator[Alone]:
    with contextlib.closing(Alone(wheel_alone, fleet.web)) as started:
        started.start()
        yield started
        assert "Traceback" not in started.log


@pytest.fixture(scope="module")
def behind_proxy(fleet: Fleet, wheel_alone: Path) -> Iterator[Alone]:
    settings = {"ADDRESS": ADDRESS, "HTTPS": "true", "PROXIES": "1"}
    with contextlib.closing(Alone(wheel_alone, {**fleet.web, **settings})) as started:
        started.start()
        yield started


def ask(web: Alone, path: str, **headers: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(f"{web.address}{path}", headers=headers, allow_redirects=False, timeout=60)


# --------------------------------------------------------------------------------------------------------- what hangs


@pytest.mark.slow
def test_a_database_that_hangs_holds_no_page_for_long(fleet: Fleet, web: Alone) -> None:
    """It takes connections and bytes and answers nothing, as its kernel does for it."""
    with Visitor(web.address) as visitor, Visitor(web.address) as nobody, ThreadPoolExecutor(24) as threads:
        visitor.sign_in("ada")
        assert visitor.get("consultations/budget/access").status == 200
        fleet.server.pause()
        try:

            def timed(path: str) -> tuple[float, int]:
                began = time.monotonic()
                answer = visitor.session.get(f"{web.address}{path}", timeout=60)
                return time.monotonic() - began, answer.status_code

            assert ask(web, "/health").status_code == 204
            assert nobody.get("sign-in").status == 200
            paths = ["/en/consultations/budget/access", "/en/", "/en/consultations/care"] * 8
            for took, status in threads.map(timed, paths):  # more than there are threads and connections
                assert status == 503
                assert took < TOO_LONG_S
            began = time.monotonic()
            page = visitor.get("consultations/budget/access")
            assert page.heading == "This is not possible at the moment"
            assert ask(web, "/health").status_code == 204
            assert nobody.get("sign-in").status == 200
            assert time.monotonic() - began < 4  # nobody asks again what did not answer a moment ago
        finally:
            fleet.server.resume()
        eventually(lambda: visitor.get("consultations/budget/access").status == 200)


def test_postgresql_ends_what_takes_too_long(fleet: Fleet) -> None:
    for user in ("web", "office"):
        assert fleet.sql(user, "SHOW statement_timeout") == [("8s",)]
        assert fleet.sql(user, "SHOW idle_in_transaction_session_timeout") == [("10s",)]


# ------------------------------------------------------------------------------------------------ sent at the same time


@pytest.mark.parametrize(("other", "expected"), [(PASSWORD, [303, 303]), ("another password", [303, 422])])
def test_an_account_that_is_made_twice_at_once_is_one(
    fleet: Fleet, web: Alone, other: str, expected: list[int]
) -> None:
    name = secrets.token_hex(6)

    def make(password: str) -> int:
        with Visitor(web.address) as visitor:
            page = visitor.get("account/new")
            token = page.tree.xpath("//input[@name='csrf_token']/@value")[0]
            fields = {"csrf_token": token, "name": name, "password": password}
            return visitor.session.post(page.url, data=fields, allow_redirects=False, timeout=60).status_code

    with (
        ThreadPoolExecutor(2) as threads,
        psycopg.connect(fleet.url.set(drivername="postgresql").render_as_string()) as holding,
    ):
        holding.execute("LOCK TABLE platform_accounts IN SHARE MODE")  # both look, and neither writes
        sent = [threads.submit(make, password) for password in (PASSWORD, other)]
        eventually(lambda: fleet.sql("postgres", "SELECT count(*) FROM pg_locks WHERE NOT granted") == [(2,)])
        holding.rollback()
        assert sorted(each.result() for each in sent) == expected
    assert fleet.sql("postgres", f"SELECT count(*) FROM platform_accounts WHERE name = '{name}'") == [(1,)]


# ------------------------------------------------------------------------------------------------------ what is no name


@pytest.mark.parametrize(
    "path",
    [
        "/en/consultations/a%00b",
        "/en/consultations/a%00b/access",
        "/en/consultations/budget/access/a%00",
        "/en/consultations/a%1b",
        "/shared/a%00.css",
        "/%00/",
    ],
)
def test_an_address_that_nothing_can_have_is_not_found(web: Alone, path: str) -> None:
    with Visitor(web.address) as visitor:
        visitor.sign_in("ada")
        before = web.log
        assert visitor.get(path).status == 404
        assert web.log == before


def test_a_name_that_nobody_can_have_is_nobodys(web: Alone) -> None:
    before = web.log
    with Visitor(web.address) as visitor:
        page = visitor.send(visitor.get("sign-in"), name="ada\0x", password=PASSWORD)
        assert page.status == 422
        assert "The name or the password is not correct" in page.main
    assert web.log == before


# -------------------------------------------------------------------------------------------------- what is too much


def test_connections_that_ask_nothing_block_nobody(web: Alone) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(socket.create_connection(("127.0.0.1", web.port)))
        began = time.monotonic()
        assert ask(web, "/en/").status_code == 200
        assert time.monotonic() - began < 10


@pytest.mark.slow
def test_connections_that_ask_nothing_are_closed(web: Alone) -> None:
    with socket.create_connection(("127.0.0.1", web.port)) as idle:
        idle.settimeout(60)
        assert idle.recv(1) == b""


def test_a_huge_form_is_refused_before_it_is_sent(web: Alone) -> None:
    with socket.create_connection(("127.0.0.1", web.port)) as sending:
        sending.settimeout(30)
        head = "POST /en/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        sending.sendall(f"{head}Content-Length: {300 << 20}\r\n\r\n".encode())
        assert sending.recv(64).startswith(b"HTTP/1.1 413 ")


def test_a_large_form_is_refused_with_a_page(web: Alone) -> None:
    with Visitor(web.address) as visitor:
        answer = visitor.session.post(f"{web.address}/en/sign-in", data={"name": "x" * (300 << 10)}, timeout=60)
    assert answer.status_code == 413
    assert "You sent too much at once" in answer.text


# --------------------------------------------------------------------------------------------------- by which name


@pytest.mark.parametrize("host", ["elsewhere.example", "127.0.0.1.elsewhere.example", "a b", "192.0.2.1:8080"])
def test_another_host_is_refused(web: Alone, host: str) -> None:
    for path in ("/", "/en/", "/en", "/shared/style.css"):
        answer = ask(web, path, Host=host)
        assert answer.status_code == 400
        assert "elsewhere" not in answer.text + answer.headers.get("Location", "")
    assert "elsewhere" not in web.log


@pytest.mark.parametrize("host", ["127.0.0.1:9", "LOCALHOST", "[::1]:8080"])
def test_this_machine_is_let_in_without_an_address(web: Alone, host: str) -> None:
    answer = ask(web, "/en/sign-in", Host=host)
    assert answer.status_code == 200
    assert "Strict-Transport-Security" not in answer.headers


def test_only_the_address_is_let_in_where_one_is_set(behind_proxy: Alone) -> None:
    def asked(path: str = "/en", **headers: str) -> requests.Response:
        return ask(behind_proxy, path, **{"X-Forwarded-Proto": "https", **headers})

    for host in ("valmont.example", "valmont.example:443", "Valmont.Example"):
        assert asked(**{"X-Forwarded-Host": host}).status_code == 308
    for host in ("elsewhere.example", "valmont.example:8443", "localhost", "x.valmont.example"):
        assert asked(**{"X-Forwarded-Host": host}).status_code == 400
    # What a browser says itself comes before what the proxy adds.
    headers = {"X-Forwarded-Host": "elsewhere.example, valmont.example", "X-Forwarded-Proto": "http, https"}
    spoofed = asked(**headers)
    assert spoofed.headers["Location"] == f"{ADDRESS}/en/"
    assert asked(**{"X-Forwarded-Host": "valmont.example, elsewhere.example"}).status_code == 400
    for ignored in ({"X-Forwarded-Prefix": "/elsewhere"}, {"X-Forwarded-Port": "81"}, {"Forwarded": "host=elsewhere"}):
        assert asked(**{"X-Forwarded-Host": "valmont.example"}, **ignored).headers["Location"] == f"{ADDRESS}/en/"
    assert asked("/health", Host="192.0.2.1").status_code == 204
    assert asked(**{"X-Forwarded-Host": "valmont.example"}).headers["Strict-Transport-Security"].startswith("max-age=")


# ------------------------------------------------------------------------------------------ people that everyone knows


@pytest.mark.slow
def test_the_people_of_the_town_get_passwords_that_nobody_knows(fleet: Fleet, web: Alone, wheel_alone: Path) -> None:
    """An older release gave them one that is printed in this repository, as this fleet has it."""

    def may(name: str, password: str) -> bool:
        with Visitor(web.address) as visitor:
            sent = visitor.send(visitor.get("sign-in"), name=name, password=password)
            return sent.path == "/en/"

    try:
        output = fleet.prepare(wheel_alone).stdout
        passwords = dict(re.findall(r"^  (\w+)  (\S{16,})$", output, re.MULTILINE))
        assert set(passwords) == {"ada", "ben", "cleo", "rhea", "omar"}
        assert len(set(passwords.values())) == len(passwords)
        assert may("omar", passwords["omar"])
        assert not may("omar", PASSWORD)
        again = fleet.prepare(wheel_alone).stdout
        assert "keep the passwords that they have" in again
        assert may("omar", passwords["omar"])
        short = fleet.prepare(wheel_alone, PEOPLE_PASSWORD="1234567")
        assert (short.returncode, short.stdout) == (2, "")
        assert "PEOPLE_PASSWORD is too short: use 8 characters or more" in short.stderr
        assert "1234567" not in short.stderr
        assert may("omar", passwords["omar"])
        chosen = fleet.prepare(wheel_alone, PEOPLE_PASSWORD="chosen by someone")
        assert "chosen" not in chosen.stdout
        assert may("omar", "chosen by someone")
        assert not may("omar", passwords["omar"])
    finally:
        fleet.prepare(wheel_alone, PEOPLE_PASSWORD=PASSWORD)
