"""The text of the configuration in a browser: numbers beside its lines, and its problems as somebody types."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import expect

from adapters.registry_tests import apart
from tests.console.browser import test_configuration
from tests.console.browser.test_configuration import ANSWER, press, signed_in
from tests.console.visitor import Site
from tests.examples.platform.browser.examining import LANGUAGES, examine
from tests.store.desk import Desk

desk = test_configuration.desk  # with a list of codes

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

HOSTILE = "a: </textarea><img src=x onerror=alert(1)>\x00\x07\u202e\n\n"
LINE = """() => {
  const text = document.getElementById('text')
  return text.value.slice(0, text.selectionStart).split('\\n').length
}"""
PASTE = "(text, typed) => { text.value = typed; text.dispatchEvent(new Event('input')) }"
IN_SIGHT = """line => {
  const text = document.getElementById('text'), height = parseFloat(getComputedStyle(text).lineHeight)
  const top = (line - 1) * height - text.scrollTop
  return top >= 0 && top < text.clientHeight - height
}"""


@pytest.fixture
def edit(browse: Callable[..., Any], address: tuple[str, Site]) -> Callable[..., Any]:
    """Opens the text in a browser."""

    def open_page(language: str = "en", **options: Any) -> Any:
        page = signed_in(browse, address, **options)
        page.goto(f"{address[0]}/{language}/configuration/edit")
        return page

    return open_page


def marked(page: Any, kind: str = "error") -> Any:
    """The numbers of the lines with problems."""
    return page.locator(f".numbers [data-kind={kind}]")


def line_of(page: Any, words: str) -> int:
    lines: list[str] = page.input_value("#text").split("\n")
    return next(number for number, line in enumerate(lines, 1) if words in line)


def scroll(page: Any, top: str) -> None:
    page.locator("#text").evaluate(f"text => {{ text.scrollTop = {top} }}")


def typed(page: Any, text: str) -> Any:
    """Type it, and wait for what the check answers by itself."""
    with page.expect_response("**/configuration/problems") as answer:
        page.fill("#text", text)
    return answer.value


def change(page: Any, old: str, new: str) -> None:
    assert typed(page, page.input_value("#text").replace(old, new)).status == 200


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.usefixtures("desk")
def test_a_mistake_is_shown_at_its_line_as_one_types(edit: Callable[..., Any], language: str) -> None:
    page = edit(language)
    expect(page.locator(".numbers span").first).to_have_text("1")
    change(page, "type: codes", "type: codez")
    wrong = line_of(page, "codez")
    scroll(page, "0")
    expect(marked(page)).to_have_text([str(wrong)])
    said = page.locator(".numbered + [role=status]")
    expect(said).to_contain_text(
        {"en": f"One problem. Line {wrong}, ", "fr": f"Un problème. Ligne {wrong}, "}[language]
    )
    expect(said.locator("[lang=en]")).to_contain_text("did you mean 'codes'?")
    expect(page.locator("#text")).to_have_attribute("aria-invalid", "true")
    examine(page)
    change(page, "type: codez", "type: codes")
    expect(said).to_have_text({"en": "No problem was found.", "fr": "Aucun problème n’a été trouvé."}[language])
    expect(marked(page)).to_have_count(0)
    expect(page.locator("#text")).to_have_attribute("aria-invalid", "false")
    assert page.title()[:5] != "Error"


@pytest.mark.usefixtures("desk")
def test_the_problem_of_the_line_that_one_is_in_is_said(edit: Callable[..., Any]) -> None:
    page = edit(viewport={"width": 360, "height": 640})
    typed(page, "sources: {}\nunknown: 1\n" + "# far away\n" * 200 + "other: 2\n")
    said = page.locator(".found")
    expect(said).to_contain_text("2 problems. Line 2, column 1: unknown:")
    said.locator("a").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#text")).to_be_focused()
    assert page.evaluate(LINE) == 2
    page.keyboard.press("Control+End")
    page.keyboard.press("ArrowUp")
    expect(said).to_contain_text("2 problems. Line 203, column 1: other:")
    expect(page.locator(".numbers span", has_text="203")).to_be_visible()
    page.keyboard.press("Tab")
    expect(said.locator("a")).to_be_focused()


@pytest.mark.usefixtures("desk")
def test_the_text_opens_at_what_is_wrong_or_left_to_choose(edit: Callable[..., Any]) -> None:
    page = edit()
    page.fill("#text", "# first\n" * 300 + page.input_value("#text").replace("type: codes", "type: codez"))
    press(page, "check")
    expect(page.locator(".problems")).to_be_focused()
    wrong = line_of(page, "codez")
    assert page.evaluate(LINE) == wrong
    assert page.evaluate(IN_SIGHT, wrong)
    expect(marked(page)).to_have_text([str(wrong)])
    scroll(page, "0")
    page.locator(".problems a").click()
    expect(page.locator("#text")).to_be_focused()
    assert page.evaluate(IN_SIGHT, wrong)
    change(page, "type: codez", "type: codes")
    press(page, "draft")
    page.fill("#name", "board")
    page.fill("#answer", ANSWER)
    page.locator("main form .button").first.click()
    expect(page.locator(".incomplete")).to_be_focused()
    assert page.locator(":is(.notice, .problems)").count() == 0
    left = line_of(page, "https://CHOOSE/")
    assert page.evaluate(LINE) == left
    assert page.evaluate(IN_SIGHT, left)
    expect(marked(page).first).to_have_text(str(left))
    examine(page)


@pytest.mark.usefixtures("desk")
def test_the_text_is_sent_as_it_was_typed(edit: Callable[..., Any]) -> None:
    sent = {}
    for has_script in (True, False):
        page = edit(java_script_enabled=has_script)
        page.fill("#text", "\n\n  a: é😀\t1\n\n# the end \n\n")
        with page.expect_request("**/configuration/edit") as request:
            press(page, "check")
        sent[has_script] = (request.value.post_data_buffer or b"").split(b'name="yaml"')[1].split(b"\r\n------")[0]
        assert page.input_value("#text") == "\n\n  a: é😀\t1\n\n# the end \n\n"
    assert sent[True] == sent[False] == "\r\n\r\n\r\n\r\n  a: é😀\t1\r\n\r\n# the end \r\n\r\n".encode()


@pytest.mark.usefixtures("desk")
def test_without_a_script_there_is_the_button(edit: Callable[..., Any]) -> None:
    page = edit(java_script_enabled=False)
    assert page.locator(":is(.numbers, .numbered, .found)").count() == 0
    page.fill("#text", "unknown: 1")
    press(page, "check")
    page.locator(".problems a").click()
    expect(page.locator("#line-1")).to_be_focused()


@pytest.mark.parametrize(
    "text", [HOSTILE, "a: " + "[" * 100_000, f"{'x' * 50}\n" * 18_000], ids=["markup", "deep", "long"]
)
@pytest.mark.usefixtures("desk")
def test_no_text_breaks_the_page(edit: Callable[..., Any], text: str) -> None:
    page = edit()
    with page.expect_response("**/configuration/problems") as answer:
        page.locator("#text").evaluate(PASTE, text)
    assert answer.value.status == 200
    expect(page.locator(".found")).to_contain_text("Line 1, column")
    assert page.locator("img[src=x]").count() == 0
    scroll(page, "text.scrollHeight")
    expect(page.locator(".numbers span").last).to_have_text(str(len(text.split("\n"))))
    assert page.locator(".numbers span").count() < 60


@pytest.mark.usefixtures("desk")
def test_while_others_are_checked_nothing_new_is_shown(
    edit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "PATIENCE", 0.1)
    page = edit()
    typed(page, "unknown: 1")
    expect(marked(page)).to_have_text(["1"])
    with ExitStack() as turns:
        for _ in range(apart.MOST_AT_ONCE):
            turns.enter_context(apart._turns)
        assert typed(page, "sources: {}").status == 204
        expect(marked(page)).to_have_text(["1"])
    typed(page, "sources: { }")
    expect(marked(page)).to_have_count(0)


@pytest.mark.usefixtures("desk")
def test_one_check_is_asked_for_at_a_time(edit: Callable[..., Any]) -> None:
    page, asked = edit(), list[Any]()
    page.route("**/configuration/problems", lambda route: asked.append(route))  # noqa: PLW0108 - it sets attributes
    for number in range(4):
        page.fill("#text", f"unknown: {number}")
        page.wait_for_timeout(1000)
    (first,) = asked
    first.continue_()
    while len(asked) == 1:
        page.wait_for_timeout(100)
    expect(page.locator(".found")).to_be_empty()  # that answer was about an older text
    asked[1].continue_()
    expect(marked(page)).to_have_text(["1"], timeout=20_000)


def test_who_is_signed_out_meanwhile_keeps_the_text(edit: Callable[..., Any], desk: Desk) -> None:
    page = edit()
    page.route("**/configuration/problems", lambda route: route.fulfill(status=204))
    page.fill("#text", "unknown: 1")
    page.context.clear_cookies()
    press(page, "check")
    expect(page.locator("#text")).to_have_value("unknown: 1")
    assert desk.queries.config_version() == 1
