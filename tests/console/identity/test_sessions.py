"""Sessions: in memory alone, with an end, and new when somebody signs in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from console.identity.sessions import CLEARS, IDLE, LASTS, Way
from tests.console.visitor import Site, heading


def test_a_session_ends_after_half_an_hour_without_a_page(site: Site) -> None:
    visitor = site.signed_in()
    site.clock.sleep(IDLE - 1)
    assert heading(visitor.get("/en/")) == "Now"
    site.clock.sleep(IDLE - 1)
    assert heading(visitor.get("/en/")) == "Now"
    site.clock.sleep(IDLE)
    assert visitor.get("/en/").location == "/en/sign-in?next=/en/"


def test_a_session_ends_after_eight_hours_however_busy_it_is(site: Site) -> None:
    visitor = site.signed_in()
    for _ in range(int(LASTS // (IDLE / 2)) - 1):
        site.clock.sleep(IDLE / 2)
        assert visitor.get("/en/").status_code == 200
    site.clock.sleep(IDLE / 2)
    assert visitor.get("/en/").status_code == 302


def test_signing_in_changes_the_id_so_that_one_that_was_planted_is_worth_nothing(site: Site) -> None:
    visitor, path = site.visitor(), site.link("clerk-7", "reviewer")
    visitor.get(path)
    planted = visitor.cookie
    visitor.post(path)
    assert visitor.cookie != planted
    other = site.visitor()
    other.client.set_cookie("jurat", planted)
    assert other.get("/en/").status_code == 302


def test_an_id_that_a_browser_invents_is_not_taken(site: Site) -> None:
    visitor = site.visitor()
    visitor.client.set_cookie("jurat", "mine")
    visitor.get("/en/sign-in/link/nothing")
    visitor.get(site.link("clerk-7"))
    assert visitor.cookie != "mine"


def test_signing_out_forgets_the_session_and_what_it_kept(site: Site) -> None:
    visitor = site.signed_in()
    (session,) = [each for each in site.sessions._known.values() if each.person]
    session.kept_secrets["a key"] = object()
    before = visitor.cookie
    assert visitor.post("/en/sign-out", page="/en/").status_code == 303
    assert session.kept_secrets == {}
    visitor.client.set_cookie("jurat", before)
    assert visitor.get("/en/").status_code == 302


def test_who_only_looks_gets_no_cookie(site: Site) -> None:
    assert "Set-Cookie" not in site.visitor().get("/en/sign-in").headers


@pytest.mark.parametrize(("url", "name"), [("https://console.example", "__Host-jurat"), ("http://localhost", "jurat")])
def test_the_cookie_is_for_this_host_and_no_script(
    opened: Callable[..., Site], sqlite_url: str, url: str, name: str
) -> None:
    site = opened(sqlite_url, url=url)
    answer = site.visitor().get(site.link("clerk-7"), base_url=url)
    (cookie,) = answer.headers.getlist("Set-Cookie")
    parts = {part.strip() for part in cookie.split(";")[1:]}
    assert cookie.startswith(f"{name}=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= parts
    assert ("Secure" in parts) == url.startswith("https")
    assert not any(part.startswith(("Domain", "Max-Age", "Expires")) for part in parts)


def test_strangers_take_no_place_of_those_who_are_signed_in(opened: Callable[..., Site], sqlite_url: str) -> None:
    site = opened(sqlite_url, most=10)
    visitor = site.signed_in()
    for _ in range(50):
        site.visitor().get(site.link("clerk-8"))
    assert len(site.sessions._known) == 10
    assert visitor.get("/en/").status_code == 200


def test_a_session_to_which_nobody_comes_back_is_forgotten_with_what_it_kept(site: Site) -> None:
    site.signed_in()
    (session,) = [each for each in site.sessions._known.values() if each.person]
    site.clock.sleep(IDLE - 1)
    site.visitor().get("/health")
    assert session.id in site.sessions._known
    site.clock.sleep(CLEARS)
    site.visitor().get("/health")
    assert site.sessions._known == {}


def test_a_session_shows_nothing_of_itself(site: Site) -> None:
    site.signed_in("clerk-7")
    (session,) = [each for each in site.sessions._known.values() if each.person]
    session.kept_secrets["key"] = "private"
    session["note"] = "private"
    assert session.way is Way.LINK
    assert "private" not in f"{session!r} {session}"
    assert session.id not in repr(session)
