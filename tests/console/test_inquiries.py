"""A source is tried once with an invented answer: a worker asks it over real HTTP, and one session reads what comes of
it. On both engines.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest

from config.networks import LOOPBACK
from examples.sources import Sources
from jurat.ids import uuid7
from jurat.openings import LIFETIME
from jurat.seal import Seal, Unseal
from store.datasets.zones import import_zones
from store.queue.sources import Sources as Quotas
from store.requests.inquiries import Inquiries
from tests.acceptance.town import INSIDE, PHYSICIAN, ROOT, SUSPENDED
from tests.adapters.registry import described
from tests.console.test_zones import read
from tests.console.visitor import Site, Visitor, heading, main, tree
from tests.store.desk import ADMIN, DOCUMENT, PRIVATE_KEY, PUBLIC_KEY, Desk
from worker.engine.inquirer import Inquirer
from worker.engine.plans import Plans
from worker.plan_builder import make_plan

FORM = "/en/sources/{}/ask"


@pytest.fixture(scope="module")
def outside() -> Iterator[Sources]:
    """The outside world."""
    with Sources() as made:
        yield made


def document(outside: Sources) -> dict[str, Any]:
    found: dict[str, Any] = deepcopy(dict(DOCUMENT))
    found["sources"] |= {
        "geocoder": {"type": "addok", "url": outside.url("ok", "geocoder")},
        "professionals": described.at(outside.url("ok", "registry")),
        "away": described.at(outside.url("down", "registry")),
    }
    found["criteria"] |= {
        "at-home": {"source": "geocoder", "open": ["zone"]},
        "is-registered": {"source": "professionals"},
    }
    found["consultations"]["homes"] = {
        "questions": {
            "east": {"criterion": "at-home", "with": {"zone": "old-town"}},
            "west": {"criterion": "at-home", "with": {"zone": "harbour"}},
            "job": {"criterion": "is-registered", "title": {"en": "Are you a physician?"}},
        }
    }
    return found


def zones() -> Any:
    return read((ROOT / "examples" / "town" / "zones.geojson").read_text("utf-8"))


@pytest.fixture
def tried(desk: Desk, opened: Callable[..., Site], outside: Sources) -> Site:
    """A console that can seal, at a desk with sources to try."""
    import_zones(desk.engine, zones(), ADMIN)
    desk.apply(document(outside))
    return opened(desk.url, seal=lambda _: Seal(PUBLIC_KEY))


@pytest.fixture
def work(desk: Desk) -> Callable[[], None]:
    """A worker's turn."""
    make = partial(
        make_plan, queries=desk.queries, fingerprints=desk.fingerprints, environ={}, private_networks=LOOPBACK
    )
    plans = Plans(desk.queries, make)
    inquirer = Inquirer(Inquiries(desk.engine, Unseal([PRIVATE_KEY])), plans)

    def turn() -> None:
        plans.refresh()
        inquirer.wake()
        inquirer.step()

    return turn


def ask(visitor: Visitor, source: str, **answer: str) -> Any:
    page = visitor.get(FORM.format(source))
    hidden = {each.get("name"): each.get("value") for each in tree(page).xpath("//main//input[@type='hidden']")}
    return visitor.send(FORM.format(source), **hidden, **{f"answer-{name}": text for name, text in answer.items()})


def operator(site: Site, name: str = "night-watch") -> Visitor:
    return site.signed_in(name, "operator")


def test_an_address_is_read_placed_and_decided(tried: Site, work: Callable[[], None]) -> None:
    visitor = operator(tried)
    page = visitor.get("/en/sources/geocoder")
    assert tree(page).xpath(f"//a[@href='{FORM.format('geocoder')}']")
    sent = ask(visitor, "geocoder", **INSIDE)
    assert sent.status_code == 303
    waiting = visitor.get(sent.location)
    assert "It waits for a worker." in main(waiting)
    assert "No worker that runs now serves it." in main(waiting)
    assert waiting.headers["Refresh"] == "2"
    work()
    page = visitor.get(sent.location)
    assert "Refresh" not in page.headers
    assert page.headers["Cache-Control"] == "no-store"
    words = main(page)
    assert "rue des Tanneurs" in words, "what was asked"
    assert "How it was read" in words
    assert "Rue des Tanneurs, 99001 Valmont" in words, "what was found"
    decided = [" ".join(each.text_content().split()) for each in tree(page).xpath("//p[starts-with(@class, 'word')]")]
    assert decided == [
        "Accepted – the address is in the area.",
        "Refused – the address is outside the area.",
    ]
    assert "The house is more than 20 metres inside Vieille Ville." in words
    assert "This map is 300 metres wide" in words
    assert "It is inside" in words
    assert "It is outside" in words
    assert main(visitor.get(sent.location)) == words, "it can be read again"


def test_what_was_left_out_of_an_address_and_what_contradicts_it_is_said(tried: Site, work: Callable[[], None]) -> None:
    visitor = operator(tried)
    sent = ask(visitor, "geocoder", **INSIDE | {"street": "rue des Tanneurs, appt 3, maintenant 12 rue Neuve"})
    work()
    words = main(visitor.get(sent.location))
    assert "appt 3 – it says where in the house" in words
    assert "maintenant 12 rue neuve – it does not fit the rest" in words
    assert "This field holds a second address, or what nobody understands: street." in words


def test_a_register_says_what_it_would_decide(tried: Site, work: Callable[[], None]) -> None:
    visitor = operator(tried)
    for answer, said in ((PHYSICIAN, "Accepted – the register confirms it."), (SUSPENDED, "Refused –")):
        sent = ask(visitor, "professionals", **answer)
        work()
        assert said in main(visitor.get(sent.location))


def test_a_source_that_is_away_is_said(tried: Site, work: Callable[[], None]) -> None:
    visitor = operator(tried)
    sent = ask(visitor, "away", **PHYSICIAN)
    work()
    assert "Undetermined – the source" in main(visitor.get(sent.location))


def test_nothing_is_stored_of_what_was_typed_and_only_the_name_is_recorded(
    desk: Desk, tried: Site, work: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    visitor = operator(tried)
    sent = ask(visitor, "geocoder", **INSIDE)
    assert "Tanneurs" not in sent.location
    before = desk.sql("SELECT * FROM jurat_inquiries")
    work()
    visitor.get(sent.location)
    tables = ("inquiries", "audit", "checks", "verdicts", "access", "outcomes")
    after = [desk.sql(f"SELECT * FROM jurat_{table}") for table in tables]
    assert "anneurs" not in f"{before}{after}{caplog.text}"
    assert desk.sql("SELECT answer, sealed FROM jurat_inquiries") == [(None, None)]
    assert desk.sql("SELECT actor, subject FROM jurat_audit WHERE action = 'sources try'") == [
        ("night-watch", "geocoder")
    ]
    assert [desk.one(f"SELECT count(*) FROM jurat_{table}") for table in ("checks", "verdicts", "access")] == [0, 0, 0]


def test_another_session_reads_nothing_of_it(tried: Site, work: Callable[[], None]) -> None:
    mine = operator(tried)
    sent = ask(mine, "geocoder", **INSIDE)
    work()
    for other in (operator(tried), operator(tried, "another"), tried.signed_in("boss", "administrator")):
        assert other.get(sent.location).status_code == 404
    assert mine.get(sent.location.replace("/geocoder/", "/away/")).status_code == 404
    assert operator(tried).get(f"/en/sources/geocoder/asked/{uuid7()}").status_code == 404


@pytest.mark.parametrize("roles", [(), ("reviewer",), ("reader",)])
def test_who_does_not_run_sources_asks_none(desk: Desk, tried: Site, roles: tuple[str, ...]) -> None:
    visitor = tried.signed_in("clerk-7", *roles)
    for path in (FORM.format("geocoder"), f"/en/sources/geocoder/asked/{uuid7()}"):
        assert visitor.get(path).status_code == 403
    assert visitor.post(FORM.format("geocoder"), page="/en/").status_code == 403
    assert FORM.format("geocoder") not in visitor.get("/en/zones/").text + visitor.get("/en/sources/geocoder").text
    assert desk.sql("SELECT * FROM jurat_inquiries") == []


def test_zones_lead_to_the_sources_of_addresses(tried: Site) -> None:
    page = operator(tried).get("/en/zones/")
    assert tree(page).xpath("//main//li/a/@href")[-1:] == [FORM.format("geocoder")]


@pytest.mark.parametrize("source", ["spring", "towns", "nothing"])
def test_what_is_no_register_and_no_map_is_not_tried(tried: Site, source: str) -> None:
    assert operator(tried).get(FORM.format(source)).status_code == 404


def test_a_form_says_what_it_lacks_and_keeps_what_was_typed(desk: Desk, tried: Site) -> None:
    visitor = operator(tried)
    page = ask(visitor, "geocoder", street="rue des Tanneurs")
    assert page.status_code == 422
    assert "Enter: Postcode" in main(page)
    assert tree(page).xpath("//input[@name='answer-street']/@value") == ["rue des Tanneurs"]
    assert not tree(page).xpath("//*[@name='answer-choice']"), "no form asks for it"
    page = ask(visitor, "geocoder", **INSIDE, city_code="no code at all")
    assert (page.status_code, "This does not fit" in main(page)) == (422, True)
    assert desk.sql("SELECT * FROM jurat_inquiries") == []


def test_a_form_sent_twice_asks_once(desk: Desk, tried: Site) -> None:
    visitor = operator(tried)
    page = tree(visitor.get(FORM.format("geocoder")))
    fields = {each.get("name"): each.get("value") for each in page.xpath("//main//input[@type='hidden']")}
    fields |= {f"answer-{name}": text for name, text in INSIDE.items()}
    first, second = (visitor.send(FORM.format("geocoder"), **fields) for _ in range(2))
    assert (first.status_code, first.location) == (second.status_code, second.location)
    assert desk.one("SELECT count(*) FROM jurat_inquiries") == 1


def test_a_person_asks_so_often_in_an_hour(desk: Desk, tried: Site) -> None:
    visitor = operator(tried)
    *_, last = [ask(visitor, "geocoder", **INSIDE).location for _ in range(21)]
    assert urlsplit(last).path == FORM.format("geocoder")
    assert "20 times an hour" in main(visitor.get(last))
    assert desk.one("SELECT count(*) FROM jurat_inquiries") == 20


def test_a_source_that_is_paused_is_not_asked(desk: Desk, tried: Site, work: Callable[[], None]) -> None:
    visitor = operator(tried)
    sent = ask(visitor, "geocoder", **INSIDE)
    Quotas(desk.engine).pause("geocoder", 3600, "announced", ADMIN)
    work()
    assert "It was not asked: the source is paused." in main(visitor.get(sent.location))
    page = visitor.get(FORM.format("geocoder"))
    assert "is not asked before" in main(page)
    assert tree(page).xpath("//main//form") == []


def test_it_is_over_after_a_quarter_of_an_hour(
    tried: Site, work: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = operator(tried)
    sent = ask(visitor, "geocoder", **INSIDE)
    work()
    visitor.get(sent.location)
    monkeypatch.setattr("console.inquiries.LIFETIME", -1.0)
    page = visitor.get(sent.location)
    assert "15 minutes have passed" in main(page)
    assert "Tanneurs" not in page.text
    assert LIFETIME == 900.0


def test_a_console_without_the_key_of_platforms_says_so(desk: Desk, opened: Callable[..., Site], tried: Site) -> None:
    visitor = operator(opened(desk.url))
    page = visitor.get(FORM.format("geocoder"))
    assert "JURAT_SEAL_KEY" in main(page)
    assert visitor.post(FORM.format("geocoder"), page="/en/").status_code == 403
    assert heading(page) == "Try it once"
