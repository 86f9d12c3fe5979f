"""The whole way, as a participant walks it, in both languages, with and without script, on both ways to run it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from jurat import Reason
from jurat.codes import generate
from tests.examples.platform.browser.stage import Fleet
from tests.examples.platform.browser.walking import INSIDE, OUTSIDE, TWO_PLACES, UNKNOWN, Walk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

CONTACT = {"en": "participation@valmont.example, or come", "fr": "participation@valmont.example, ou venez"}


WAYS = (
    ("embedded", "script", "en"),
    ("separate", "script", "fr"),
    ("embedded", "no script", "fr"),
    ("separate", "no script", "en"),
)
"""Any two of where it runs, whether scripts do and the language come together."""


@pytest.fixture(params=WAYS, ids="-".join)
def way(request: pytest.FixtureRequest) -> tuple[str, str, str]:
    found: tuple[str, str, str] = request.param
    return found


@pytest.fixture
def fleet(request: pytest.FixtureRequest, way: tuple[str, str, str]) -> Fleet:
    found: Fleet = request.getfixturevalue(way[0])
    return found


@pytest.fixture
def language(way: tuple[str, str, str]) -> str:
    return way[2]


@pytest.fixture
def walk(browse: Callable[..., Any], fleet: Fleet, way: tuple[str, str, str]) -> Walk:
    scripted = way[1] == "script"
    return Walk(browse(java_script_enabled=scripted), fleet.web.address, way[2], scripted=scripted)


def test_from_reading_to_the_vote(walk: Walk, fleet: Fleet) -> None:
    page = walk.page
    walk.go()
    page.locator(".card a[href$='/budget']").click()
    expect(page.locator(".cards .card")).to_have_count(4)  # everyone may read
    page.locator(".call .button").click()
    assert walk.path == "sign-in"
    page.locator(".actions a:not(.button)").click()
    name = walk.fill_account()
    assert walk.path == "consultations/budget/access", "who signs up comes back to where they were"
    expect(page.locator(".questions li")).to_have_count(3)
    walk.press()
    assert walk.path == "consultations/budget/access/residence"
    walk.fill(INSIDE)
    walk.press()
    assert walk.path == "consultations/budget/access/residence/confirm"
    expect(page.locator(".answer dd")).to_have_text(list(INSIDE.values()))
    expect(page.locator(".warning")).to_be_visible()
    assert fleet.ground.checks(name) == []
    walk.confirm()
    walk.hears("accepted")
    walk.press()
    assert walk.path == "consultations/budget/access/code"
    page.fill("input[name='answer-code']", fleet.ground.code())
    walk.press()
    walk.confirm()
    walk.hears("accepted")
    walk.press()
    assert walk.path == "consultations/budget/vote"
    page.get_by_role("checkbox").nth(1).check()
    walk.press()
    expect(page.locator(".notice")).to_be_visible()
    assert fleet.ground.checks(name) == [("residence", "settled", "accepted"), ("code", "settled", "accepted")]
    walk.go("consultations/budget/access")
    expect(page.locator(".word.granted")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", walk.locale)


def test_the_blocked_way_says_whom_to_ask_and_a_person_may_look(walk: Walk, fleet: Fleet) -> None:
    page = walk.page
    walk.sign_up()
    walk.answer("budget", "residence", OUTSIDE, "refused")
    expect(page.locator(".help")).to_contain_text(CONTACT[walk.locale])
    walk.go("consultations/budget/access")
    expect(page.locator(".word.blocked")).to_be_visible()
    expect(page.locator(".help")).to_contain_text(CONTACT[walk.locale])
    walk.go("consultations/budget/vote")
    assert walk.path == "consultations/budget/access", "who is blocked does not vote"
    page.locator(".questions a").first.click()
    page.locator("#next .actions a[href$='/contest']").click()
    walk.press()
    expect(page.locator(".problems a")).to_have_count(1)
    page.fill("#note", "My house is at the corner, on the other side.")
    walk.press()
    expect(page.locator("#said")).not_to_be_empty()
    expect(page.locator("#next a[href$='/contest']")).to_have_count(0)


def test_a_person_reviews_and_the_participant_sees_the_decision(walk: Walk, fleet: Fleet) -> None:
    name = walk.sign_up()
    walk.answer("budget", "residence", UNKNOWN, "review")
    expect(walk.page.locator(".help")).to_contain_text(CONTACT[walk.locale])
    word = walk.page.url
    walk.go("consultations/budget/access")
    expect(walk.page.locator(".state.review")).to_have_count(1)
    fleet.ground.decide(name, Reason.PERSON_ACCEPTED)
    walk.page.goto(word)
    assert walk.shown_state() == "accepted"
    expect(walk.page.locator("#next .button")).to_have_attribute("href", re.compile("/access/code$"))
    assert fleet.ground.checks(name) == [("residence", "settled", "accepted")]


def test_one_of_several_addresses_is_chosen_from_a_list(walk: Walk, fleet: Fleet) -> None:
    page = walk.page
    name = walk.sign_up()
    walk.answer("hill", "home", TWO_PLACES, "undetermined")
    *labels, none = page.locator(".picker .choice label").all_inner_texts()
    assert sorted(text.rsplit(" ", 1)[1] for text in labels) == ["Port-Valmont", "Valmont"]
    assert none == page.locator("label[for=candidate-none]").inner_text()
    page.locator(".picker .choice", has_text="99002 Valmont").get_by_role("radio").check()
    page.locator(".picker .button").click()
    assert walk.path == "consultations/hill/access/home/confirm"
    walk.confirm()
    walk.hears("accepted")
    assert [outcome for _, _, outcome in fleet.ground.checks(name)] == ["undetermined", "accepted"]


def test_who_is_at_none_of_the_addresses_types_theirs_again_and_is_offered_no_others(walk: Walk, fleet: Fleet) -> None:
    page = walk.page
    name = walk.sign_up()
    walk.answer("hill", "home", TWO_PLACES, "undetermined")
    page.locator(".picker #candidate-none").check()
    page.locator(".picker .button").click()
    assert walk.path == "consultations/hill/access/home"
    expect(page.locator("[aria-invalid]")).to_have_count(0)
    walk.fill({**TWO_PLACES, "city": "Valmont"})
    walk.press()
    walk.confirm()
    walk.hears("accepted")
    assert [outcome for _, _, outcome in fleet.ground.checks(name)] == ["undetermined", "accepted"]


def test_a_code_is_typed_again_where_the_page_says_that_it_is_unknown(walk: Walk, fleet: Fleet) -> None:
    """No way to a person is offered before that, and nothing else need be pressed."""
    walk.sign_up()
    walk.answer("budget", "code", {"code": generate()}, "refused")
    expect(walk.page.locator("main a[href$='/contest']")).to_have_count(0)
    walk.fill({"code": fleet.ground.code()})
    walk.press()
    assert walk.path == "consultations/budget/access/code/confirm"
    walk.confirm()
    walk.hears("accepted")
