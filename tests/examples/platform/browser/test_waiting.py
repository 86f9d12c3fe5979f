"""What a participant sees while a verdict takes its time: a slow source, and workers or a database that are down."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.examples.platform.browser.examining import examine
from tests.examples.platform.browser.stage import Fleet
from tests.examples.platform.browser.walking import INSIDE, Walk
from tests.rigs.browsers import PATIENCE_MS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

SLOW = {"answer": "slow:2500ms"}
QUICK = {"answer": "accept"}
SETTLED = [("word", "settled", "accepted")]
PHYSICIANS = [
    {"number": "9000010000", "family_name": "Valombre", "given_name": "Iris"},
    {"number": "9000010372", "family_name": "Kerouen-Sardel", "given_name": "Maëlle"},
]
AWAY = {"": 503, "consultations/budget": 503, "consultations/budget/access": 503, "sign-in": 200, "nowhere": 404}
"""What pages answer while the database is away."""

FOCUSED = "document.activeElement.getAttribute('href')"


@pytest.fixture(params=["script", "no script"])
def walk(request: pytest.FixtureRequest, browse: Callable[..., Any], fleet: Fleet) -> Walk:
    scripted = request.param == "script"
    walk = Walk(browse(java_script_enabled=scripted), fleet.web.address, scripted=scripted)
    walk.sign_up()
    return walk


def stopped(fleet: Fleet) -> Callable[[], None]:
    """Kill the worker without warning. What starts it again."""
    assert fleet.worker is not None
    fleet.worker.kill()
    return fleet.worker.start


def by_itself(page: Any) -> Callable[[], bool]:
    """Whether this page is the one that was loaded, and not loaded again since."""
    page.evaluate("window.loadedOnce = true")
    return lambda: bool(page.evaluate("window.loadedOnce === true"))


def test_a_slow_verdict_is_on_its_way_until_it_is_there(walk: Walk, fleet: Fleet) -> None:
    """With script the page says it by itself; without there is a button."""
    walk.type_answer("trial", "word", SLOW)
    walk.confirm()
    assert walk.shown_state() == "pending"
    expect(walk.page.locator("meta[http-equiv=refresh]")).to_have_count(0)
    expect(walk.page.locator("#next .button")).to_have_attribute("href", re.compile(f"^/en/{walk.path}$"))
    walk.hears("accepted")
    assert fleet.ground.checks(walk.name) == SETTLED


def test_the_live_region_tells_the_word_and_the_focus_stays(browse: Callable[..., Any], embedded: Fleet) -> None:
    walk = Walk(browse(), embedded.web.address)
    page = walk.page
    walk.sign_up()
    walk.type_answer("trial", "word", SLOW)
    walk.confirm()
    assert walk.shown_state() == "pending"
    same = by_itself(page)
    region = page.get_by_role("status")
    expect(region).to_have_attribute("id", "said")
    region.evaluate("region => { window.region = region }")
    page.locator(".brand").focus()
    expect(page.locator(".word.accepted")).to_be_visible(timeout=PATIENCE_MS)
    assert page.evaluate("window.region === document.getElementById('said')"), "a region that is replaced says nothing"
    assert page.evaluate(FOCUSED) == "/en/", "who reads elsewhere is not taken away from there"
    assert same(), "nothing was loaded again"
    assert "accepted" in page.title().lower()


def test_who_is_on_the_button_finds_the_next_one_under_their_finger(
    browse: Callable[..., Any], embedded: Fleet
) -> None:
    walk = Walk(browse(), embedded.web.address)
    walk.sign_up()
    walk.type_answer("trial", "word", SLOW)
    walk.confirm()
    same = by_itself(walk.page)
    walk.page.locator("#next .button").focus()
    expect(walk.page.locator(".word.accepted")).to_be_visible(timeout=PATIENCE_MS)
    assert walk.page.evaluate("document.getElementById('next').contains(document.activeElement)")
    assert walk.page.evaluate(FOCUSED) == "/en/consultations/trial/vote"
    assert same()


def test_a_window_in_the_background_asks_nothing_until_it_is_looked_at(
    browse: Callable[..., Any], embedded: Fleet
) -> None:
    walk = Walk(browse(), embedded.web.address)
    walk.page.add_init_script(
        "Object.defineProperty(Document.prototype, 'hidden', { get: () => window.inBackground ?? true })"
    )
    walk.sign_up()
    walk.type_answer("trial", "word", {"answer": "slow:1s"})
    asked: list[str] = []
    walk.confirm()
    walk.page.on("request", lambda request: asked.append(request.url) if "/shared/" not in request.url else None)
    assert embedded.ground.soon(walk.name, SETTLED)
    walk.page.wait_for_timeout(1500)  # longer than the page's own pause
    assert asked == []
    walk.page.evaluate("() => { window.inBackground = false; document.dispatchEvent(new Event('visibilitychange')) }")
    expect(walk.page.locator(".word.accepted")).to_be_visible(timeout=PATIENCE_MS)


def test_nobody_is_shown_an_error_while_the_workers_are_down(browse: Callable[..., Any], separate: Fleet) -> None:
    """Confirmed while no worker runs: pending meanwhile, and the result when they are back."""
    bare, live = (Walk(browse(java_script_enabled=on), separate.web.address, scripted=on) for on in (False, True))
    for walk in (bare, live):
        walk.sign_up()
        walk.type_answer("trial", "word", QUICK)
    start = stopped(separate)
    try:
        for walk in (bare, live):
            walk.confirm()
            assert walk.shown_state() == "pending"
        same = by_itself(live.page)
        bare.press()
        assert bare.shown_state() == "pending"
        bare.go("consultations/trial/access")
        assert bare.shown_state() == "pending"
    finally:
        start()
    expect(live.page.locator(".word.accepted")).to_be_visible(timeout=PATIENCE_MS)
    assert same()
    bare.page.reload()
    bare.hears("granted")


def test_a_look_up_that_died_with_its_worker_is_done_again(walk_separate: Walk, separate: Fleet) -> None:
    """Killed in the middle of a lookup: the lease runs out, another lookup follows, and the page never fails."""
    walk = walk_separate
    walk.type_answer("trial", "word", {"answer": "slow:1500ms"})
    walk.confirm()
    assert walk.shown_state() == "pending"
    same = by_itself(walk.page)
    stopped(separate)()
    walk.hears("accepted", seconds=100)
    assert separate.ground.checks(walk.name) == SETTLED
    assert same()


@pytest.fixture
def walk_separate(browse: Callable[..., Any], separate: Fleet) -> Walk:
    walk = Walk(browse(), separate.web.address)
    walk.sign_up()
    return walk


def test_the_page_outlives_the_whole_platform(browse: Callable[..., Any], tmp_path: Path) -> None:
    """Engine and web server in one process, killed in the middle of a lookup, and started again as it was."""
    with Fleet.embedded(tmp_path, "--registry", "slow") as fleet:
        live, bare = (Walk(browse(java_script_enabled=on), fleet.web.address, scripted=on) for on in (True, False))
        for walk, physician in ((live, PHYSICIANS[0]), (bare, PHYSICIANS[1])):
            walk.sign_up()
            walk.type_answer("care", "profession", physician)
        for walk in (live, bare):
            walk.confirm()
            assert walk.shown_state() == "pending"
        same = by_itself(live.page)
        fleet.web.kill()
        live.page.wait_for_event("requestfailed")
        fleet.web.start()
        for walk in (live, bare):
            walk.hears("accepted", seconds=100)
        assert same()
        assert [fleet.ground.checks(walk.name) for walk in (live, bare)] == [
            [("profession", "settled", "accepted")]
        ] * 2


@pytest.mark.parametrize("language", ["en", "fr"])
def test_while_the_database_is_away_a_page_says_so_and_nothing_is_lost(
    walk_separate: Walk, separate: Fleet, language: str
) -> None:
    walk, server = walk_separate, separate.database
    assert server is not None
    walk.locale = language
    walk.type_answer("budget", "residence", INSIDE)
    server.kill()
    try:
        with walk.page.expect_response(re.compile("/confirm$")) as response:
            walk.press()
        assert response.value.status == 503
        expect(walk.page.locator("main .button")).to_have_count(1)
        expect(walk.page.locator("html")).to_have_attribute("lang", language)
        examine(walk.page)
        for path, status in AWAY.items():
            assert walk.go(path).status == status, path
            assert walk.page.locator("h1").count() == 1
    finally:
        server.start()
    walk.go("consultations/budget/access/residence/confirm")
    expect(walk.page.locator(".answer dd"), "what was typed is still there").to_have_text(list(INSIDE.values()))
    walk.confirm()
    walk.hears("accepted", seconds=60)
    assert separate.ground.checks(walk.name) == [("residence", "settled", "accepted")]
