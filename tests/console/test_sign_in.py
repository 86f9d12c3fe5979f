"""Signing in by a link: once, within its time, for the roles that it has, and back to where one came from."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from console.identity.links import LASTS
from console.identity.roles import Role, person_of
from tests.console.visitor import Site, heading, main, tree


def test_a_link_signs_in_once(site: Site) -> None:
    path = site.link("clerk-7", "reviewer")
    visitor = site.visitor()
    assert "signs you in as clerk-7" in main(visitor.get(path))
    answer = visitor.post(path)
    assert (answer.status_code, answer.location) == (303, "/en/")
    assert "Signed in as clerk-7" in visitor.get("/en/").text
    other = site.visitor()
    assert other.get(path).status_code == 404
    assert other.post(path, page=site.link("clerk-8")).status_code == 404
    assert other.get("/en/").status_code == 302


def test_looking_at_a_link_does_not_use_it(site: Site) -> None:
    path = site.link("clerk-7")
    for _ in range(3):
        assert site.visitor().get(path).status_code == 200


def test_a_link_is_too_old_after_a_quarter_of_an_hour(site: Site) -> None:
    path, other = site.link("clerk-7"), site.link("clerk-8")
    visitor = site.visitor()
    visitor.get(path)
    site.clock.sleep(LASTS)
    assert "too old" in main(visitor.get(path))
    assert visitor.post(path, page=site.link("clerk-9")).status_code == 404
    assert visitor.get(other).status_code == 404


def test_a_link_needs_the_token_of_its_page(site: Site) -> None:
    path = site.link("clerk-7")
    assert site.visitor().send(path).status_code == 400
    assert site.visitor().get(path).status_code == 200, "nor was it used"


def test_a_link_gives_the_roles_that_it_has_and_no_other(site: Site) -> None:
    reader, reviewer = site.signed_in("clerk-7"), site.signed_in("clerk-8", "reviewer")
    assert reader.get("/en/").status_code == reviewer.get("/en/").status_code == 200
    assert reader.get("/en/reviews/").status_code == 403
    assert reviewer.get("/en/reviews/").status_code == 200
    assert tree(reader.get("/en/")).xpath("//nav//a[contains(@href, 'reviews')]") == []


@pytest.mark.parametrize("name", ["", "a" * 201, "tab\there", "two\nlines", "\u202eabc"])
def test_a_name_that_the_audit_cannot_say_is_none(name: str) -> None:
    with pytest.raises(ValueError, match="printable"):
        person_of(name, ["reader"])


def test_everyone_reads_and_unknown_roles_are_none() -> None:
    assert person_of("clerk", ["root", "Reviewer"]).roles == {Role.READER}


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)", "/a\\b"],
)
def test_after_signing_in_nobody_is_sent_elsewhere(site: Site, elsewhere: str) -> None:
    from console.people import way_back

    with site.app.test_request_context("/en/sign-in", query_string={"next": elsewhere}):
        assert way_back() == "/en/"
    with site.app.test_request_context("/en/sign-in", query_string={"next": "/en/reviews/?overdue=1"}):
        assert way_back() == "/en/reviews/?overdue=1"


def test_the_page_says_how_to_sign_in(site: Site, opened: Callable[..., Site], sqlite_url: str) -> None:
    assert "Open the link that was printed" in main(site.visitor().get("/en/sign-in"))
    assert heading(site.visitor().get("/fr/sign-in")) == "Se connecter"
