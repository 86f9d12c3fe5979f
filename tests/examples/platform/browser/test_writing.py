"""A consultation while it is written: go back, reload, change the language, open a second window, press twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from examples.platform import town
from tests.examples.platform.browser.office_states import (
    QUESTION,
    ask,
    begin,
    choose,
    describe,
    publish,
    withdraw,
    write,
)
from tests.examples.platform.browser.stage import Fleet
from tests.examples.platform.browser.walking import INSIDE, OUTSIDE, Walk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture(params=["script", "no script"])
def walk(request: pytest.FixtureRequest, browse: Callable[..., Any], embedded: Fleet) -> Walk:
    scripted = request.param == "script"
    return Walk(browse(java_script_enabled=scripted), embedded.web.address, scripted=scripted)


def second(walk: Walk) -> Walk:
    """Another window of the same person in the same browser, at the same page."""
    other = Walk(walk.page.context.new_page(), walk.base, scripted=walk.scripted)
    other.page.goto(walk.page.url)
    return other


def revisions(fleet: Fleet, name: str) -> list[tuple[Any, ...]]:
    return fleet.ground.sql("SELECT revision FROM jurat_consultations WHERE name = :name", name=name)


def test_the_back_button_finds_what_was_typed_in_every_step(walk: Walk) -> None:
    name, page = write(walk), walk.page
    page.go_back()
    expect(page.locator("[name='lives-in.1.title-en']")).to_have_value(QUESTION["en"])
    expect(page.locator("[name='lives-in.1.zone'][value='harbour']")).to_be_checked()
    page.go_back()
    expect(page.locator("[name='count.lives-in']")).to_have_value("1")
    page.go_back()
    expect(page.locator("#name")).to_have_value(name)
    expect(page.locator("#summary-fr")).to_have_value(f"Summary of {name}, fr")
    for _ in range(3):
        page.go_forward()
    expect(page).to_have_url(re.compile("/check$"))
    walk.press()
    expect(page).to_have_url(re.compile(f"/office/consultations/{name}$"))


def test_the_back_button_after_publishing_shows_what_became_of_it(walk: Walk, embedded: Fleet) -> None:
    name = publish(walk)
    for _ in range(3):
        walk.page.go_back()
        expect(walk.page).to_have_url(re.compile(f"/office/consultations/{name}$"))
    assert revisions(embedded, name) == [(1,)]


def test_reloading_sends_nothing_again(walk: Walk) -> None:
    page = walk.page
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    name = write(walk)
    for step, field, value in (
        ("about", "#title-en", f"Title of {name}, en"),
        ("criteria", "[name='count.lives-in']", "1"),
        ("questions", "[name='lives-in.1.title-fr']", QUESTION["fr"]),
    ):
        page.goto(page.url.replace("/check", f"/{step}"))
        sent.clear()
        assert page.reload().status == 200
        expect(page.locator(field)).to_have_value(value)
        assert set(sent) == {"GET"}
        page.goto(page.url.replace(f"/{step}", "/check"))


def test_another_language_shows_what_was_typed_and_what_is_wrong(walk: Walk) -> None:
    page = walk.page
    begin(walk)
    walk.page.fill("#name", "Not a name")
    walk.page.fill("#title-en", "The quay at night")
    walk.press()
    expect(page.locator(".problems")).to_be_focused()
    page.locator("nav a[hreflang=fr]").click()
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    expect(page.locator("#title-en")).to_have_value("The quay at night")
    expect(page.locator(".problems")).to_be_focused()
    assert page.title().startswith("Erreur")
    assert page.locator(".problems a").count() >= 4
    assert page.reload().status == 200
    expect(page.locator("#name")).to_have_value("Not a name")
    expect(page.locator(".problems")).to_be_focused()


def test_two_windows_keep_what_each_has_sent(walk: Walk, embedded: Fleet) -> None:
    begin(walk)
    name = describe(walk)
    choose(walk, {"lives-in": "1"})
    other = second(walk)
    other.page.goto(walk.page.url.replace("/questions", "/about"))
    expect(other.page.locator("#name")).to_have_value(name)
    other.page.fill("#title-en", "The title of the second window")
    other.press()
    ask(walk, "lives-in", zone="harbour")
    walk.press()
    expect(walk.page.locator(".answer").first).to_contain_text("The title of the second window")
    other.page.goto(walk.page.url.replace("/check", "/about"))
    other.page.fill("#title-en", "A title that the first has not seen")
    other.press()
    expect(other.page).to_have_url(re.compile("/criteria$"))
    walk.press()
    expect(walk.page.locator(".notice")).to_be_visible()
    expect(walk.page.locator(".answer").first).to_contain_text("A title that the first has not seen")
    assert revisions(embedded, name) == []
    walk.press()
    walk.hears("accepted")
    other.press()
    expect(other.page).to_have_url(walk.page.url)
    assert revisions(embedded, name) == [(1,)]


def test_a_double_click_on_publish_is_one_publication(walk: Walk, embedded: Fleet) -> None:
    name = write(walk)
    walk.page.locator("main .actions .button").dblclick()
    expect(walk.page).to_have_url(re.compile(f"/office/consultations/{name}$"))
    walk.hears("accepted")
    assert revisions(embedded, name) == [(1,)]


def test_a_draft_is_found_again_and_is_its_owners_alone(
    walk: Walk, browse: Callable[..., Any], embedded: Fleet
) -> None:
    name = write(walk)
    steps = walk.path.removesuffix("check")
    walk.go("office/")
    walk.page.locator(".drafts a", has_text=f"Title of {name}, en").click()
    expect(walk.page.locator("#name")).to_have_value(name)
    other = Walk(browse(), embedded.web.address)
    other.sign_up()
    embedded.ground.sql(
        "INSERT INTO platform_office (name, password, role, participant) "
        "SELECT name, password, 'administrator', participant FROM platform_accounts WHERE name = :name",
        name=other.name,
    )
    other.sign_in(other.name)
    assert other.go("office/").status == 200
    for step in ("about", "criteria", "questions", "check"):
        assert other.go(steps + step).status == 404
    assert name not in other.page.content()


def test_a_withdrawn_consultation_is_mended_with_all_of_its_questions(walk: Walk) -> None:
    name = withdraw(walk)
    walk.press()
    expect(walk.page.locator("#name")).to_have_value(name)
    walk.press()
    expect(walk.page.locator("[name='count.lives-in']")).to_have_value("1")
    walk.press()
    expect(walk.page.locator("[name='lives-in.1.zone'][value='harbour']")).to_be_checked()
    walk.press()
    expect(walk.page).to_have_url(re.compile("/check$"))
    walk.press()
    walk.hears("accepted")


def test_what_is_taken_off_the_platform_is_shown_before_it_is_gone(walk: Walk, embedded: Fleet) -> None:
    name = withdraw(walk)
    embedded.ground.vote(name, "p1")
    walk.page.locator("#next a[href$='/remove']").click()
    expect(walk.page.locator(".warning")).to_contain_text("1 vote")
    assert embedded.ground.sql("SELECT count(*) FROM platform_votes WHERE consultation = :name", name=name) == [(1,)]
    walk.press()
    expect(walk.page.locator(".notice")).to_be_visible()
    assert walk.go(f"consultations/{name}").status == 404


def test_a_withdrawn_consultation_invites_nobody(walk: Walk, browse: Callable[..., Any], embedded: Fleet) -> None:
    name = publish(walk)
    guest = Walk(browse(java_script_enabled=walk.scripted), walk.base, scripted=walk.scripted)
    guest.sign_up()
    guest.answer(name, "lives-in", OUTSIDE, "accepted")  # in the harbour
    walk.go(f"office/consultations/{name}/withdraw")
    walk.press()
    walk.hears("undetermined")
    guest.go(f"consultations/{name}")
    expect(guest.page.locator(".call")).to_contain_text("This consultation is closed. You can still read it.")
    assert guest.page.locator("main a").count() == 0
    guest.go()
    cards = guest.page.locator(".card")
    expect(cards.filter(has_text=f"Title of {name}, en")).to_contain_text("closed")
    open_ones = [not cards.nth(n).locator(".closed").count() for n in range(cards.count())]
    assert open_ones == sorted(open_ones, reverse=True), "those that are closed come last"
    for path in ("access", "vote"):
        guest.go(f"consultations/{name}/{path}")
        assert guest.path == f"consultations/{name}/access"
        expect(guest.page.locator("main")).to_contain_text("This consultation is closed.")
        assert "within a minute" not in guest.page.content()
    guest.page.locator(".where a").click()
    assert guest.path == f"consultations/{name}"


def test_what_leaves_the_configuration_is_closed_as_well(browse: Callable[..., Any], embedded: Fleet) -> None:
    walk, ground = Walk(browse(), embedded.web.address), embedded.ground
    name = f"pier-{walk.page.evaluate('Date.now()')}"
    ground.take(name)
    with ground.engine.begin() as connection:
        from examples.platform.web import store

        title = {"en": "The pier", "fr": "La jetée"}
        store.keep_consultation(connection, name, title, title, town.CARE)
    walk.go(f"consultations/{name}")
    expect(walk.page.locator(".call .button")).to_be_visible()
    ground.drop(name)
    walk.go(f"consultations/{name}")
    expect(walk.page.locator(".call")).to_contain_text("closed")
    assert walk.page.locator(".call .button").count() == 0
    ground.sql("DELETE FROM platform_consultations WHERE name = :name", name=name)


def test_a_question_without_a_title_is_called_by_its_name(browse: Callable[..., Any], embedded: Fleet) -> None:
    walk, ground = Walk(browse(), embedded.web.address), embedded.ground
    ground.take("bare")
    with ground.engine.begin() as connection:
        from examples.platform.web import store

        store.keep_consultation(connection, "bare", {"en": "Bare"}, {"en": "Bare"}, town.CARE)
    walk.sign_up()
    for path in ("access", "access/word"):
        walk.go(f"consultations/bare/{path}")
        expect(walk.page.locator("main :is(h1, h2)", has_text="word")).to_have_count(1)
    walk.page.context.clear_cookies()
    walk.sign_in(town.OMAR.name, town.PASSWORD)
    walk.go("office/consultations/bare")
    expect(walk.page.locator("h2", has_text="word")).to_have_count(1)
    ground.drop("bare")
    ground.sql("DELETE FROM platform_consultations WHERE name = 'bare'")


@pytest.mark.parametrize("width", [360, 1280])
def test_links_that_stand_alone_are_high_enough_for_a_finger(
    browse: Callable[..., Any], embedded: Fleet, width: int
) -> None:
    walk = Walk(browse(viewport={"width": width, "height": 800}), embedded.web.address)
    write(walk)
    heights: dict[str, float] = {}
    for path in (walk.path, "office/", "", "consultations/budget", "consultations/budget/access"):
        walk.go(path)
        heights |= _lower(walk)
    walk.sign_up()
    walk.answer("budget", "residence", INSIDE, "accepted")
    walk.go("consultations/budget/access")
    heights |= _lower(walk)
    assert heights == {}


def _lower(walk: Walk) -> dict[str, float]:
    """Links and buttons that are lower than 44 pixels, and are in no sentence."""
    return dict(
        walk.page.eval_on_selector_all(
            "a:not(.skip), button",
            """all => all.map(each => [each.outerHTML.slice(0, 90), each.getBoundingClientRect().height])
              .filter(([, height]) => height < 43.9)""",
        )
    )
