"""What holds for every page: who may ask for it, what a browser may do with it, and what is said when it fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from pages.door import HEADERS
from tests.console.visitor import Site, heading, main

PAGES = [
    "/en/",
    "/fr/",
    "/en/reviews/",
    "/en/participants/",
    "/en/fleet/",
    "/en/audit/",
    "/en/runbooks/JuratBackupOld",
    "/en/sign-in",
    "/en/nothing",
    "/nothing",
]
ADDRESS = "https://console.example"


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_every_header_and_no_script(site: Site, path: str) -> None:
    answer = site.signed_in("clerk-7", "reviewer", "operator").get(path)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in answer.headers
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=", answer.text)
    assert len(answer.data) + len(answer.headers) < 60_000


def test_by_https_a_browser_stays_there(opened: Callable[..., Site], sqlite_url: str) -> None:
    site = opened(sqlite_url, url=ADDRESS)
    assert "Strict-Transport-Security" in site.visitor().get("/en/sign-in", base_url=ADDRESS).headers


@pytest.mark.parametrize(
    "host", ["evil.example", "console.example.evil.example", "127.0.0.1:8098", "console.example:8443"]
)
def test_a_request_for_another_host_is_refused(opened: Callable[..., Site], sqlite_url: str, host: str) -> None:
    site = opened(sqlite_url, url=ADDRESS)
    assert site.visitor().get("/en/sign-in", headers={"Host": host}).status_code == 400
    assert site.visitor().get("/en/sign-in", headers={"Host": "Console.example"}).status_code == 200


@pytest.mark.parametrize(("host", "status"), [("localhost:9", 200), ("127.0.0.1", 200), ("evil.example", 400)])
def test_without_an_address_it_is_for_this_machine(site: Site, host: str, status: int) -> None:
    assert site.visitor().get("/en/sign-in", headers={"Host": host}).status_code == status


@pytest.mark.parametrize("path", ["/en/", "/en/reviews/", f"/en/reviews/{'0' * 8}-0000-7000-8000-000000000000"])
def test_who_is_not_signed_in_does_that_first(site: Site, path: str) -> None:
    answer = site.visitor().get(path)
    assert answer.status_code == 302
    assert answer.location.startswith("/en/sign-in?next=/en/")


FORMS = ["/en/sign-out", "/en/reviews/00000000-0000-7000-8000-000000000000"]
FORMS += [f"{FORMS[1]}/open"]


@pytest.mark.parametrize("path", FORMS)
def test_a_form_of_another_site_does_nothing(site: Site, path: str) -> None:
    visitor = site.signed_in("clerk-7", "reviewer")
    assert visitor.send(path, reason="person_accepted").status_code == 400
    assert visitor.send(path, csrf_token="made-up").status_code == 400
    assert "Signed in as clerk-7" in visitor.get("/en/").text


def test_a_token_of_someone_else_is_none(site: Site) -> None:
    mine, theirs = site.signed_in("clerk-7"), site.signed_in("clerk-8")
    token = re.findall(r'csrf_token" value="([^"]+)', theirs.get("/en/").text)[0]
    assert mine.send("/en/sign-out", csrf_token=token).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "given", "status"),
    [
        ("get", "/en/nothing", {}, 404),
        ("get", "/de/", {}, 404),
        ("get", "/en/reviews/nothing", {}, 404),
        ("get", "/en/runbooks/..%2F..%2FREADME", {}, 404),
        ("get", "/en/runbooks/nothing", {}, 404),
        ("get", "/en/reviews/?due=yesterday&check=1", {}, 400),
        ("get", "/en/sign-out", {}, 405),
        ("delete", "/en/", {}, 405),
        ("post", "/en/sign-out", {"data": {"x": "y" * 70_000}}, 413),
        ("get", "/en/a%00b", {}, 404),
    ],
)
def test_what_cannot_be_done_is_said_in_a_page(
    site: Site, method: str, path: str, given: dict[str, Any], status: int
) -> None:
    visitor = site.signed_in("clerk-7", "reviewer")
    answer = getattr(visitor.client, method)(path, **given)
    assert answer.status_code == status
    assert heading(answer)
    assert "Traceback" not in answer.text


def test_a_fault_is_said_without_what_it_was(site: Site, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    visitor = site.signed_in("clerk-7")
    site.app.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setattr("console.now.parts", lambda: 1 / 0)
    answer = visitor.get("/en/")
    assert (answer.status_code, heading(answer)) == (500, "Something went wrong")
    assert "ZeroDivision" not in answer.text


def test_a_database_that_is_away_is_said(site: Site, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    visitor = site.signed_in("clerk-7", "reviewer")

    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("SELECT 'p-1'", None, Exception("secret"))

    monkeypatch.setattr("console.reviews.ReviewQueue.page", fail)
    answer = visitor.get("/en/reviews/")
    assert answer.status_code == 503
    assert "The database does not answer" in main(answer)
    assert "secret" not in answer.text + caplog.text
    assert "p-1" not in answer.text + caplog.text


def test_health_asks_for_nothing(site: Site) -> None:
    answer = site.visitor().get("/health", headers={"Host": "10.0.0.1"})
    assert (answer.status_code, answer.data) == (204, b"")


def test_the_first_page_is_in_the_language_of_the_browser(site: Site) -> None:
    assert site.visitor().get("/", headers={"Accept-Language": "fr-CH"}).location == "/fr/"
    assert site.visitor().get("/", headers={"Accept-Language": "de"}).location == "/en/"


def test_another_language_keeps_the_page_and_what_is_chosen(site: Site) -> None:
    page = site.signed_in("clerk-7", "reviewer").get("/en/reviews/?overdue=1&reason=near_border")
    assert 'href="/fr/reviews/?overdue=1&amp;reason=near_border"' in page.text
