"""What people do to forms: go back, reload, click twice, open a second window, lose their session."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.examples.platform.browser.stage import Fleet
from tests.examples.platform.browser.walking import INSIDE, OUTSIDE, PASSWORD, Walk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

ACCEPTED = [("residence", "settled", "accepted")]
CONFIRM = "consultations/budget/access/residence/confirm"


@pytest.fixture(params=["script", "no script"])
def walk(request: pytest.FixtureRequest, browse: Callable[..., Any], embedded: Fleet) -> Walk:
    scripted = request.param == "script"
    walk = Walk(browse(java_script_enabled=scripted), embedded.web.address, scripted=scripted)
    walk.sign_up()
    return walk


def second(walk: Walk) -> Walk:
    """Another window of the same person in the same browser."""
    return Walk(walk.page.context.new_page(), walk.base, scripted=walk.scripted)


def test_the_back_button_after_confirm_shows_what_stands(walk: Walk, embedded: Fleet) -> None:
    walk.answer("budget", "residence", INSIDE, "accepted")
    word = walk.page.url
    for _ in range(2):  # the page of Confirm, and the question before it
        walk.page.go_back()
        expect(walk.page).to_have_url(word)
        assert walk.shown_state() == "accepted"
    assert embedded.ground.checks(walk.name) == ACCEPTED


def test_reloading_the_page_to_confirm_confirms_nothing(walk: Walk, embedded: Fleet) -> None:
    walk.type_answer("budget", "residence", INSIDE)
    assert walk.page.reload().status == 200
    expect(walk.page.locator(".answer dd")).to_have_text(list(INSIDE.values()))
    assert embedded.ground.checks(walk.name) == []
    walk.confirm()
    walk.hears("accepted")


def test_what_was_typed_can_still_be_changed_before_it_is_confirmed(walk: Walk) -> None:
    walk.type_answer("budget", "residence", OUTSIDE)
    walk.page.locator("main .actions a").click()
    for field, value in OUTSIDE.items():
        expect(walk.page.locator(f"[name='answer-{field}']")).to_have_value(value)
    walk.fill(INSIDE)
    walk.press()
    expect(walk.page).to_have_url(re.compile(r"/confirm$"))
    expect(walk.page.locator(".answer dd")).to_have_text(list(INSIDE.values()))


def test_the_back_button_finds_a_question_again_that_was_sent_wrongly(walk: Walk) -> None:
    """Not the browser's own page about a form that was sent before."""
    walk.go("consultations/budget/access/residence")
    walk.press()
    expect(walk.page.locator(".problems")).to_be_visible()
    assert walk.page.reload().status == 200
    walk.fill(INSIDE)
    walk.press()
    expect(walk.page).to_have_url(re.compile("/confirm$"))
    walk.page.go_back()
    expect(walk.page.locator("[name='answer-street']")).to_have_value(INSIDE["street"])
    assert walk.path == "consultations/budget/access/residence"
    walk.press()
    walk.confirm()
    walk.hears("accepted")


def test_reloading_while_pending_asks_again_and_confirms_nothing(walk: Walk, embedded: Fleet) -> None:
    walk.type_answer("trial", "word", {"answer": "slow:3s"})
    walk.confirm()
    assert walk.shown_state() == "pending"
    assert walk.page.reload().status == 200
    walk.hears("accepted")
    assert walk.page.reload().status == 200
    assert embedded.ground.checks(walk.name) == [("word", "settled", "accepted")]


def test_a_double_click_on_confirm_is_one_check(walk: Walk, embedded: Fleet) -> None:
    walk.type_answer("budget", "residence", INSIDE)
    walk.page.locator("main .button").dblclick()
    expect(walk.page).to_have_url(re.compile("/answers/"))
    walk.hears("accepted")
    assert embedded.ground.checks(walk.name) == ACCEPTED


def test_a_form_that_is_sent_twice_is_one_check_and_gets_its_word_twice(walk: Walk, embedded: Fleet) -> None:
    """As a proxy has it that repeats what it sent, with the cookies of that moment."""
    walk.type_answer("trial", "word", {"answer": "slow:1s"})
    form = {field: walk.page.locator(f"main [name={field}]").input_value() for field in ("csrf_token", "id")}
    cookies = {each["name"]: each["value"] for each in walk.page.context.cookies()}
    walk.confirm()
    again = walk.page.context.request.post(
        walk.url("consultations/trial/access/word/confirm"),
        form=form,
        headers={"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())},
    )
    assert again.status == 200
    assert again.url == walk.page.url
    walk.hears("accepted")
    assert embedded.ground.checks(walk.name) == [("word", "settled", "accepted")]


def test_a_second_window_gets_the_word_of_the_first(walk: Walk, embedded: Fleet) -> None:
    other = second(walk)
    walk.type_answer("budget", "residence", INSIDE)
    other.go(CONFIRM)
    walk.confirm()
    walk.hears("accepted")
    other.confirm()
    assert other.page.url == walk.page.url
    assert other.shown_state() == "accepted"
    assert other.page.locator(".notice").all_inner_texts() == [], "nothing else was typed"
    assert embedded.ground.checks(walk.name) == ACCEPTED


def test_an_answer_that_was_changed_in_another_window_is_shown_before_it_is_confirmed(
    walk: Walk, embedded: Fleet
) -> None:
    other = second(walk)
    walk.type_answer("budget", "residence", OUTSIDE)
    other.type_answer("budget", "residence", INSIDE)
    walk.press()
    expect(walk.page.locator(".notice")).to_be_visible()
    assert walk.path == CONFIRM
    expect(walk.page.locator(".answer dd")).to_have_text(list(INSIDE.values()))
    assert embedded.ground.checks(walk.name) == []
    walk.confirm()
    walk.hears("accepted")


def test_a_question_left_open_in_another_window_goes_to_the_word(walk: Walk, embedded: Fleet) -> None:
    other = second(walk)
    other.go("consultations/budget/access/residence")
    walk.answer("budget", "residence", INSIDE, "accepted")
    other.fill(OUTSIDE)
    other.press()
    expect(other.page).to_have_url(walk.page.url)
    assert embedded.ground.checks(walk.name) == ACCEPTED


def test_a_lost_session_confirms_nothing_and_leads_back(walk: Walk, embedded: Fleet) -> None:
    walk.type_answer("budget", "residence", INSIDE)
    walk.page.context.clear_cookies()
    walk.press()
    expect(walk.page.locator("main .button")).to_have_count(1)
    assert walk.path == CONFIRM, "the page that says so has the same address"
    assert embedded.ground.checks(walk.name) == []
    walk.press()
    assert walk.path == "sign-in"
    walk.page.fill("#name", walk.name)
    walk.page.fill("#password", PASSWORD)
    walk.press()
    assert walk.path == "consultations/budget/access/residence", "and to where they were: what was typed is gone"
    walk.fill(INSIDE)
    walk.press()
    walk.confirm()
    walk.hears("accepted")


def test_who_is_not_signed_in_comes_back_to_the_page_they_asked_for(
    browse: Callable[..., Any], embedded: Fleet
) -> None:
    walk = Walk(browse(), embedded.web.address)
    name = walk.sign_up()
    walk.answer("budget", "residence", INSIDE, "accepted")
    word = walk.page.url
    other = Walk(browse(), embedded.web.address)
    other.page.goto(word)
    assert other.path == "sign-in"
    other.page.fill("#name", name)
    other.page.fill("#password", PASSWORD)
    other.press()
    expect(other.page).to_have_url(word)
    assert other.shown_state() == "accepted"


def test_the_answer_of_somebody_else_is_not_there(walk: Walk, browse: Callable[..., Any], embedded: Fleet) -> None:
    walk.answer("budget", "residence", OUTSIDE, "refused")
    other = Walk(browse(), embedded.web.address)
    other.sign_up()
    for path in (walk.path, f"{walk.path}/contest"):
        assert other.go(path).status == 404
    assert "Criée" not in other.page.content()
    assert other.go(walk.path.replace("/budget/", "/trial/")).status == 404
    assert walk.go(walk.path.replace("/budget/", "/trial/")).status == 404, "nor under another consultation"
