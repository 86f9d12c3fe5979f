"""What is between the browser and the platform: headers, cookies, tokens, and what may not be in an address."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from playwright.sync_api import expect

from examples.platform import town
from examples.platform.web.app import create_app
from examples.platform.web.parts import Parts
from jurat import Client
from tests.examples.platform.browser.conftest import TYPED
from tests.examples.platform.browser.stage import Fleet
from tests.examples.platform.browser.walking import INSIDE, OUTSIDE, PASSWORD, Walk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PATHS = ["/", "/en/", "/fr/consultations/budget", "/en/sign-in", "/en/nothing", "/nothing", "/shared/style.css"]
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """HTTP without a browser."""
    with requests.Session() as made:
        made.trust_env = False
        yield made


def signed_up(session: requests.Session, web: str) -> str:
    """A session of a new account; its token."""
    token = TOKEN.findall(session.get(f"{web}/en/account/new").text)[0]
    form = {"name": f"by-hand-{secrets.token_hex(4)}", "password": PASSWORD, "csrf_token": token}
    assert session.post(f"{web}/en/account/new", data=form).status_code == 200
    found = TOKEN.findall(session.get(f"{web}/en/consultations/budget/access/residence").text)
    return str(found[-1])


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_has_the_headers_of_a_careful_page(session: requests.Session, embedded: Fleet, path: str) -> None:
    answer = session.get(embedded.web.address + path, allow_redirects=False)
    headers = answer.headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Server" not in headers or "/" not in headers["Server"], "no version"
    if path.startswith("/shared"):
        assert "max-age" in headers["Cache-Control"]
        assert "Set-Cookie" not in headers
    else:
        assert headers["Cache-Control"] == "no-store"


def test_the_cookie_is_for_the_server_alone(browse: Callable[..., Any], embedded: Fleet) -> None:
    walk = Walk(browse(), embedded.web.address)
    walk.sign_up()
    walk.type_answer("budget", "residence", INSIDE)
    (cookie,) = walk.page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"], cookie["expires"]) == (True, "Lax", "/", -1)
    assert walk.page.evaluate("document.cookie") == ""
    assert [word for word in INSIDE.values() if len(word) > 3 and word in cookie["value"]] == []


def test_behind_https_the_cookie_goes_nowhere_else(embedded: Fleet) -> None:
    client = Client(
        embedded.ground.environment["JURAT_DATABASE_URL"], "none", embedded.ground.environment["JURAT_SEAL_KEY"]
    )
    parts = Parts(embedded.ground.engine, client, embedded.ground.engine, lambda: None)
    app = create_app(parts, secrets.token_bytes(32), https=True, host="valmont.example")
    (cookie,) = app.test_client().get("/en/sign-in", base_url="https://valmont.example").headers.getlist("Set-Cookie")
    client.close()
    assert cookie.startswith("__Host-"), "the browser itself refuses it without Secure, and with a Domain"
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie


def test_signing_in_begins_another_session(browse: Callable[..., Any], embedded: Fleet) -> None:
    """What someone slipped into the browser before is worth nothing after."""
    walk = Walk(browse(), embedded.web.address)
    walk.go("account/new")
    walk.fill_account()
    walk.page.locator("header button").click()
    walk.go("sign-in")
    before = walk.page.locator("main [name=csrf_token]").input_value()
    walk.sign_in(walk.name)
    walk.go("consultations/budget/access/residence")
    assert walk.page.locator("main [name=csrf_token]").input_value() != before


@pytest.mark.parametrize("token", [None, "", "wrong", "of another session"])
def test_nothing_is_confirmed_without_the_token_of_this_session(
    session: requests.Session, embedded: Fleet, token: str | None
) -> None:
    web = embedded.web.address
    right = signed_up(session, web)
    base = f"{web}/en/consultations/budget/access/residence"
    answer = {f"answer-{field}": value for field, value in INSIDE.items()}
    page = session.post(base, data={**answer, "csrf_token": right})
    assert page.url == f"{base}/confirm"
    draft = re.findall(r'name="id" value="([^"]+)"', page.text)[0]
    if token == "of another session":
        with requests.Session() as other:
            other.trust_env = False
            token = signed_up(other, web)
    before = embedded.ground.sql("SELECT count(*) FROM jurat_checks")
    form = {"id": draft} if token is None else {"id": draft, "csrf_token": token}
    refused = session.post(f"{base}/confirm", data=form, allow_redirects=False)
    assert refused.status_code == 400
    assert embedded.ground.sql("SELECT count(*) FROM jurat_checks") == before
    for path in ("sign-out", "sign-in", "account/new", "consultations/budget/vote"):
        assert session.post(f"{web}/en/{path}", data={}, allow_redirects=False).status_code == 400
    confirmed = session.post(f"{base}/confirm", data={"id": draft, "csrf_token": right}, allow_redirects=False)
    assert confirmed.status_code == 303


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "///evil.example",
        "/\n/evil.example",
    ],
)
def test_signing_in_leads_to_no_other_place(session: requests.Session, embedded: Fleet, elsewhere: str) -> None:
    address = f"{embedded.web.address}/en/sign-in"
    page = session.get(address, params={"next": elsewhere})
    token = TOKEN.findall(page.text)[0]
    form = {"name": town.ADA.name, "password": town.PASSWORD, "next": elsewhere, "csrf_token": token}
    answer = session.post(address, data=form, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/en/")
    assert "evil" not in page.text
    assert "javascript:" not in page.text


def test_what_somebody_types_is_text_and_nothing_else(browse: Callable[..., Any], embedded: Fleet) -> None:
    walk = Walk(browse(), embedded.web.address)
    walk.sign_up()
    hostile = {**INSIDE, "street": "<img src=x onerror=alert(1)>\"'{{7*7}}", "city": "</dd><script>alert(1)</script>"}
    walk.go("consultations/budget/access/residence")
    walk.fill(hostile)
    walk.press()
    expect(walk.page.locator("main [role='alert']")).to_be_visible()
    for field, value in hostile.items():
        expect(walk.page.locator(f"[name='answer-{field}']")).to_have_value(value)
    assert walk.page.locator("main script, main img").count() == 0
    odd = {**INSIDE, "street": "&lt;img src=x onerror=alert(1)&gt;\"'{{7*7}}"}
    walk.type_answer("budget", "residence", odd)
    expect(walk.page.locator(".answer dd").nth(1)).to_have_text(odd["street"])
    assert walk.page.locator("main script, main img").count() == 0


def test_no_answer_is_in_an_address(browse: Callable[..., Any], embedded: Fleet) -> None:
    """Those that the browser asks for, and those that it tells others it comes from. The fixture looks into the log."""
    walk = Walk(browse(), embedded.web.address)
    asked: list[str] = []
    walk.page.on("request", lambda request: asked.append(unquote(request.url + request.headers.get("referer", ""))))
    walk.go("account/new")
    walk.fill_account()
    walk.answer("budget", "residence", OUTSIDE, "refused")
    walk.page.locator("#next a[href$='/contest']").click()
    walk.page.fill("#note", "Rue de la Criée is mine.")
    walk.press()
    expect(walk.page).to_have_url(re.compile("/answers/"))
    assert len(asked) > 10
    assert [(word, url) for word in (*TYPED, walk.name) for url in asked if word in url] == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_what_is_not_meant_to_be_is_refused_with_a_page(
    session: requests.Session, embedded: Fleet, method: str
) -> None:
    answer = session.request(method, f"{embedded.web.address}/en/consultations/budget")
    assert answer.status_code in {400, 405}
    assert "<h1>" in answer.text


def test_a_form_larger_than_any_is_refused(session: requests.Session, embedded: Fleet) -> None:
    token = signed_up(session, embedded.web.address)
    form = {"csrf_token": token, "answer-street": "x" * 400_000}
    answer = session.post(f"{embedded.web.address}/en/consultations/budget/access/residence", data=form)
    assert answer.status_code == 413
