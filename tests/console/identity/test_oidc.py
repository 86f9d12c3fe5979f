"""Signing in by OpenID Connect, against a provider that checks its client, and one that lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from console.identity import oidc
from console.identity.roles import Role
from tests.console.provider import CLIENT, SECRET, Provider
from tests.console.visitor import Site, Visitor, heading, main

BEGIN = "/en/sign-in/openid"
ROLES = {Role.REVIEWER: frozenset({"clerks", "town-clerks"}), Role.OPERATOR: frozenset({"night"})}


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as made:
        yield made


@pytest.fixture
def site(opened: Callable[..., Site], sqlite_url: str, provider: Provider) -> Site:
    return opened(sqlite_url, provider=known(provider))


def known(provider: Provider, roles: Mapping[Role, frozenset[str]] = ROLES, **given: Any) -> oidc.Provider:
    values = {"client": CLIENT, "secret": SECRET, "name_claim": "sub", "roles_claim": "groups", **given}
    return oidc.Provider(issuer=provider.issuer, roles=roles, **values)


def come_back(visitor: Visitor, path: str = "/en/sign-in/openid") -> str:
    """To the provider, and the address with which it sends the browser back."""
    there = visitor.get(path)
    assert there.status_code == 302, main(there)
    back = requests.get(there.location, allow_redirects=False, timeout=10)
    url = urlsplit(back.headers["Location"])
    return f"{url.path}?{url.query}"


def sign_in(visitor: Visitor, path: str = "/en/sign-in/openid") -> Any:
    return visitor.get(come_back(visitor, path))


def test_the_provider_says_who_it_is_and_groups_give_roles(site: Site, provider: Provider) -> None:
    provider.claims |= {"groups": ["others", "clerks"]}
    visitor = site.visitor()
    answer = sign_in(visitor, "/en/sign-in/openid?next=/en/reviews/")
    assert (answer.status_code, answer.location) == (303, "/en/reviews/")
    page = visitor.get("/en/reviews/")
    assert page.status_code == 200
    assert "Signed in as clerk-7" in page.text


def test_who_has_no_group_reads(site: Site) -> None:
    visitor = site.visitor()
    sign_in(visitor)
    assert visitor.get("/en/").status_code == 200
    assert visitor.get("/en/reviews/").status_code == 403


def test_where_groups_read_nobody_else_does(opened: Callable[..., Site], sqlite_url: str, provider: Provider) -> None:
    site = opened(sqlite_url, provider=known(provider, {Role.READER: frozenset({"staff"})}))
    assert sign_in(site.visitor()).status_code == 403
    provider.claims["groups"] = "staff others"
    assert sign_in(site.visitor()).status_code == 303


def test_the_session_is_a_new_one(site: Site) -> None:
    visitor = site.visitor()
    back = come_back(visitor)
    before = visitor.cookie
    visitor.get(back)
    assert visitor.cookie != before


def test_roles_stay_until_the_session_ends(site: Site, provider: Provider) -> None:
    provider.claims["groups"] = ["clerks"]
    visitor = site.visitor()
    sign_in(visitor)
    provider.claims["groups"] = []
    assert visitor.get("/en/reviews/").status_code == 200


LIES = [
    *("state", "nonce", "audience", "iss", "expired", "key", "unsigned", "public key as a secret", "no token"),
    "issuer",
]


@pytest.mark.parametrize("lie", LIES)
def test_a_provider_that_lies_signs_nobody_in(site: Site, provider: Provider, lie: str, caplog: Any) -> None:
    provider.claims["groups"] = ["clerks"]
    provider.wrong.add(lie)
    visitor = site.visitor()
    answer = visitor.get("/en/sign-in/openid") if lie == "issuer" else sign_in(visitor)
    assert (answer.status_code, heading(answer)) == (403, "You are not signed in")
    assert visitor.get("/en/").status_code == 302
    assert "clerk-7" not in caplog.text + answer.text


def test_the_way_back_of_someone_else_is_refused(site: Site) -> None:
    """An attacker who sends their own code to a victim would sign them in as themselves."""
    attacker, victim = site.visitor(), site.visitor()
    back = come_back(attacker)
    assert victim.get(back).status_code == 403
    assert victim.get("/en/").status_code == 302


def test_a_code_is_good_once(site: Site) -> None:
    visitor = site.visitor()
    back = come_back(visitor)
    assert visitor.get(back).status_code == 303
    assert visitor.get(back).status_code == 403


@pytest.mark.parametrize("query", ["", "?error=access_denied&state=x", "?code=x", "?code=x&state=y", "?state="])
def test_what_nobody_asked_for_is_refused(site: Site, query: str) -> None:
    assert site.visitor().get(f"/sign-in/openid/done{query}").status_code == 403


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb", 7, None, ["clerk"]])
def test_a_claim_that_is_no_name_signs_nobody_in(site: Site, provider: Provider, name: Any) -> None:
    provider.claims["sub"] = name
    assert sign_in(site.visitor()).status_code == 403


def test_a_provider_that_is_away_is_said(opened: Callable[..., Site], sqlite_url: str, provider: Provider) -> None:
    site = opened(sqlite_url, provider=known(provider))
    visitor = site.visitor()
    back = come_back(visitor)
    provider.__exit__()
    assert (visitor.get(back).status_code, site.visitor().get("/en/sign-in").status_code) == (503, 200)
    other = opened(sqlite_url, provider=known(provider))
    answer = other.visitor().get("/en/sign-in/openid")
    assert (answer.status_code, "does not answer" in main(answer)) == (503, True)


def test_a_provider_that_is_away_rests(
    opened: Callable[..., Site], sqlite_url: str, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.wrong.add("down")
    monkeypatch.setattr(oidc, "REST_S", 600.0)
    resting = opened(sqlite_url, provider=known(provider))
    assert [resting.visitor().get(BEGIN).status_code for _ in range(3)] == [503] * 3
    assert provider.discovered == 1
    monkeypatch.setattr(oidc, "REST_S", 0.0)
    again = opened(sqlite_url, provider=known(provider))
    assert again.visitor().get(BEGIN).status_code == 503
    provider.wrong.clear()
    assert (again.visitor().get(BEGIN).status_code, resting.visitor().get(BEGIN).status_code) == (302, 503)


def test_nobody_is_sent_elsewhere_afterwards(site: Site) -> None:
    visitor = site.visitor()
    assert sign_in(visitor, "/en/sign-in/openid?next=https://evil.example/").location == "/en/"


def test_a_stranger_who_begins_again_and_again_takes_no_more_room(site: Site) -> None:
    visitor = site.visitor()
    for number in range(3 * oidc.MOST_BEGUN):
        visitor.get(f"/en/sign-in/openid?next=/en/{'x' * 10_000}{number}")
    (session,) = site.sessions._known.values()
    assert len(session) <= oidc.MOST_BEGUN + 1
    assert len(repr(dict(session))) < 10_000
    answer = sign_in(visitor)
    assert (answer.status_code, answer.location) == (303, "/en/")


def test_without_a_provider_there_is_no_such_way(opened: Callable[..., Site], sqlite_url: str) -> None:
    visitor = opened(sqlite_url).visitor()
    assert visitor.get("/en/sign-in/openid").status_code == visitor.get("/sign-in/openid/done").status_code == 404


def test_the_secret_is_not_printed(provider: Provider) -> None:
    assert SECRET not in repr(known(provider))
