"""Every page and form that there is, whatever is added: who may send it, and what hostile texts do in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from jurat.seal import Unseal
from jurat.vocabulary import Reason
from store.datasets.zones import import_zones
from store.queue.sources import Sources
from store.upkeep.upkeep import Upkeep
from store.verdicts.records import add_audit_row
from tasks.checks import Review
from tests.cli.commands.test_zones import SQUARE, collection
from tests.console.conftest import DOCUMENT
from tests.console.test_zones import read
from tests.console.visitor import Site, main, tree
from tests.store.desk import PRIVATE_KEY, Desk

ALL = ("reviewer", "administrator", "operator")
PEOPLE, RUN, LEAD = frozenset({"reviewer", "administrator"}), frozenset({"operator", "administrator"}), "administrator"
MAY_SEND = {
    "sign_in.use_link": None,
    "sign_in.sign_out": None,
    "zones.locate": frozenset({"reader"}),
    "participants": PEOPLE,
    "sources": RUN,
    "audit": RUN,
    "reviews": frozenset({"reviewer"}),
    **dict.fromkeys(("configuration", "zones", "codes", "datasets"), frozenset({LEAD})),
}
"""Who may send forms: by endpoint, else by its module; None is anyone. A new module has to be added here."""

OPEN = {"health", "start", "sign_in.ways", "sign_in.link", "sign_in.openid", "sign_in.openid_done"}
"""Pages for people who are not signed in."""

IDS = {"UUIDConverter": "00000000-0000-7000-8000-000000000000", "IntegerConverter": 1}


def addresses(site: Site, method: str) -> Iterator[tuple[str, str]]:
    """The endpoint and an address of each page or form."""
    adapter = site.app.url_map.bind("localhost")
    for rule in site.app.url_map.iter_rules():
        if method not in (rule.methods or ()) or rule.endpoint.endswith("static"):
            continue
        values: dict[str, Any] = {"locale": "en"}
        for name in rule.arguments - {"locale"}:
            converter: Any = rule._converters[name]
            first = min(converter.items) if hasattr(converter, "items") else "x"
            values[name] = IDS.get(type(converter).__name__, first)
        yield rule.endpoint, adapter.build(rule.endpoint, values)


def may_send(endpoint: str) -> Any:
    return MAY_SEND[endpoint] if endpoint in MAY_SEND else MAY_SEND[endpoint.partition(".")[0]]


def test_no_form_is_taken_without_its_token(site: Site) -> None:
    visitor = site.signed_in("clerk-7", *ALL)
    found = list(addresses(site, "POST"))
    assert len(found) > 20
    for endpoint, path in found:
        assert (endpoint, visitor.send(path).status_code) == (endpoint, 400)


@pytest.mark.parametrize("role", [None, "reader", *ALL])
def test_a_form_is_taken_from_those_who_may_send_it_alone(site: Site, role: str | None) -> None:
    visitor = site.visitor() if role is None else site.signed_in("clerk-7", role)
    page = "/en/" if role else site.link("clerk-7")
    for endpoint, path in addresses(site, "POST"):
        allowed = may_send(endpoint)
        if allowed is None:
            continue
        answer = visitor.post(path, page=page)
        if role is None:
            assert (endpoint, answer.status_code, answer.location[:11]) == (endpoint, 302, "/en/sign-in")
        elif role not in allowed and "reader" not in allowed:
            assert (endpoint, answer.status_code) == (endpoint, 403)


def test_who_is_not_signed_in_sees_no_page(site: Site) -> None:
    for endpoint, path in addresses(site, "GET"):
        if endpoint not in OPEN:
            answer = site.visitor().get(path)
            assert (endpoint, answer.status_code, answer.location[:11]) == (endpoint, 302, "/en/sign-in")


QUERIES = ["endpoint=x", "_method=POST", "_external=1&_scheme=javascript&x=%0aalert(1)", "_anchor=x", "locale=fr&a=b"]


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("path", ["/en/", "/en/sign-in", "/en/nothing", "/en/reviews/", "/sign-in/openid/done"])
def test_what_an_address_asks_for_leads_to_no_other_place(site: Site, path: str, query: str) -> None:
    page = site.signed_in("clerk-7", *ALL).get(f"{path}?{query}")
    assert page.status_code in (200, 404)
    (link,) = tree(page).xpath("//a[@hreflang='fr']/@href")
    there = urlsplit(link)
    known = page.status_code == 200
    assert (there.scheme, there.netloc, there.path) == ("", "", path.replace("/en/", "/fr/") if known else "/fr/")
    assert there.fragment == ""
    assert site.visitor().get("/fr/sign-in" + "?" + there.query).status_code == 200


@pytest.mark.parametrize("given", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31"])
def test_the_first_and_the_last_day_are_no_fault(reviewed: Site, given: str) -> None:
    visitor, some = reviewed.signed_in("clerk-7", *ALL), IDS["UUIDConverter"]
    for path in (f"/en/reviews/?check={some}&due=", f"/en/audit/?id={some}&at="):
        assert visitor.get(path + given.replace("+", "%2B")).status_code == 400


@pytest.mark.parametrize("name", ["consultation", "reason"])
def test_a_filter_that_no_database_takes_is_a_wrong_address(reviewed: Site, name: str) -> None:
    assert reviewed.signed_in("clerk-7", "reviewer").get(f"/en/reviews/?{name}=a%00b").status_code == 400


HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}{% x %}"


def hostile_document() -> dict[str, Any]:
    """A configuration whose texts for people are hostile."""
    budget = DOCUMENT["consultations"]["budget"]
    asked = {name: {**each, "title": {"en": HOSTILE}} for name, each in budget["questions"].items()}
    titled = {**budget, "title": {"en": HOSTILE}, "questions": asked}
    return {**DOCUMENT, "consultations": {**DOCUMENT["consultations"], "budget": titled}}


@pytest.fixture
def attacked(desk: Desk, opened: Callable[..., Site], monkeypatch: pytest.MonkeyPatch) -> Site:
    """A console on a database where each text that others choose is hostile."""
    monkeypatch.setattr("console.answers.WAIT_S", 0.0)
    desk.apply(hostile_document())
    zones = [replace(each, title=HOSTILE) for each in read(json.dumps(collection(("old-town", SQUARE))))]
    import_zones(desk.engine, zones, HOSTILE)
    evidence = {"zone": "old-town", "rules": {HOSTILE: False, "found": True}, "list": HOSTILE, "data_date": HOSTILE}
    held = desk.held(HOSTILE, answer={"word": HOSTILE})
    desk.look_up(held, Review(Reason.NEAR_BORDER, 9000.0, evidence))
    Sources(desk.engine).pause("towns", 3600.0, HOSTILE, HOSTILE)
    with desk.engine.begin() as connection:
        add_audit_row(connection, HOSTILE, HOSTILE, HOSTILE, {HOSTILE: HOSTILE})
    return opened(desk.url)


def test_no_text_of_others_is_anything_but_text(desk: Desk, attacked: Site) -> None:
    visitor = attacked.signed_in('<b title="x">clerk</b>', *ALL)
    found = visitor.post("/en/participants/", participant=HOSTILE, consultation="budget")
    (check,) = tree(visitor.get("/en/reviews/")).xpath("//main//h2/a/@href")
    visitor.post(f"{check}/answer", page=check)
    assert Upkeep(desk.engine, unseal=Unseal([PRIVATE_KEY])).open_answers() == 1
    ahead, seen, shows = ["/en/", found.location], set[str](), set[str]()
    while ahead:
        path = ahead.pop()
        if path in seen:
            continue
        seen.add(path)
        page = visitor.get(path)
        if page.mimetype != "text/html" or page.status_code != 200:
            continue
        shown = tree(page)
        assert not shown.xpath("//*[@onerror or @style] | //script[not(@src)] | //img[@src='x'] | //b[@title]"), path
        shows |= {path.split("/")[2] for word in shown.xpath("//main//text()") if HOSTILE in word}
        ahead += [str(link) for link in shown.xpath("//a/@href") if str(link).startswith("/en/")]
    assert HOSTILE in main(visitor.get(check)), "the answer"
    assert shows >= {"reviews", "participants", "sources", "zones", "consultations", "audit", "configuration"}
