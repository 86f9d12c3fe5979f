"""How long two tasks take, estimated by the Keystroke-Level Model; by keyboard alone, without a script."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import expect

from jurat.vocabulary import Outcome, Reason
from store.requests.code_lists import add_codes
from tasks.checks import Settle
from tests.console.browser.clerk import Clerk
from tests.console.browser.test_configuration import signed_in as administrator
from tests.console.browser.test_pages import signed_in
from tests.console.browser.test_tasks import ANSWER, Record
from tests.console.test_places import INSIDE, OUTSIDE, found, old_town
from tests.console.visitor import Site
from tests.rigs.keyboard import Fingers, options
from tests.store.desk import ADMIN, Desk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

NOTE = "We moved to 8 Rue du Moulin in May. The house is new, and the register does not know it yet."
ANSWERED = {"number": "8", "street": "Rue du Moulin", "postcode": "99002", "city": "Valmont"}
FACTS = {
    "zone": "old-town", "level": "housenumber", "margin_m": 25, "distance_m": -40, "score": 0.95,
    "rules": {"found": True, "margin": True}, "data_date": "2026-07-01",
}  # fmt: skip

TURN = 0.4
"""Seconds until a worker, which looks each second, opens an answer: so much more than the one of these tests needs."""

DIFFERS = ("h1", ".sides .word", ".sides h2 + ul li", ".sides .answer dd")
"""What a reviewer reads: what differs from review to review. Headings, labels and what can be chosen do not."""


def mapped(desk: Desk) -> UUID:
    """A review with an address, what a source found for it, and a map."""
    return found(desk, INSIDE, OUTSIDE, answer=ANSWERED)


def noted(desk: Desk) -> UUID:
    """A review with a map and a note."""
    held = desk.held("p-2")
    desk.look_up(held, Settle(Outcome.REFUSED, Reason.OUTSIDE_ZONE, FACTS))
    with desk.engine.begin() as connection:
        desk.client.contest(connection, held.id, note=NOTE)
    desk.upkeep.do_requests()
    return held.id


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("made", "said", "more"), [(mapped, "Rue du Moulin", [".sides ol li"]), (noted, NOTE, [])], ids=["mapped", "noted"]
)
def test_a_review_is_decided_in_three_actions_and_twenty_seconds(
    browse: Callable[..., Any],
    desk: Desk,
    address: tuple[str, Site],
    record_property: Record,
    made: Callable[[Desk], UUID],
    said: str,
    more: list[str],
) -> None:
    base, _ = address
    old_town(desk)
    check = made(desk)
    page = signed_in(browse, address, **options(360))
    page.goto(f"{base}/en/reviews/")
    fingers = Fingers(page)
    fingers.press(f".queue button[formaction*='/{check}/']")
    fingers.effort.waited += TURN
    expect(page.locator(".answer dd", has_text=said)).to_be_visible()
    expect(page.locator("svg.map").first).to_be_visible()
    fingers.read(*DIFFERS, *more)
    fingers.effort.thoughts += page.locator("svg.map .number").count() > 0  # a look at where it lies
    fingers.choose("#reason")
    fingers.press(".decision .button")
    expect(page.locator("#decision [role=status]")).to_be_visible()
    record_property("effort", f"a review that is {made.__name__}: {fingers.effort}")
    assert fingers.actions == 3
    assert fingers.effort.seconds <= 20, fingers.effort


QUESTION = "      membership:\n        criterion: in-board\n        on_undetermined: review\n"


def replace(clerk: Clerk, place: str, word: str, other: str) -> None:
    """Go to a word of the text by the arrow keys, and write another in its place."""
    before, _, line = clerk.page.input_value("#text").partition(place)[0].rpartition("\n")
    clerk.effort.thoughts += 1
    clerk.key("Control+Home")
    for _ in range(before.count("\n") + 1):
        clerk.key("ArrowDown")
    for _ in range(len(line) + place.index(word)):
        clerk.key("ArrowRight")
    for _ in word:
        clerk.key("Delete")
    clerk.write(other)


def test_a_registry_is_added_from_an_example_answer_in_twenty_minutes(
    browse: Callable[..., Any], desk: Desk, address: tuple[str, Site], tmp_path: Path, record_property: Record
) -> None:
    """All that the pages say is read, and the whole text once. The register's documentation is not counted."""
    add_codes(desk.engine, "spring", ["ab" * 32], ADMIN)
    clerk = Clerk(administrator(browse, address, **options(360)), desk, tmp_path)
    clerk.open("configuration")
    clerk.read("main")
    clerk.press("main a[href$='/edit']")
    clerk.press("button[value=draft]")
    clerk.read("main")
    clerk.type({"#name": "board", "#answer": ANSWER})
    clerk.press("main form .button")
    clerk.read("main")
    clerk.effort.read(clerk.page.input_value("#text"))
    clerk.to("#text")
    replace(clerk, "https://CHOOSE/", "CHOOSE", "register.example")
    replace(clerk, 'inactive: ["CHOOSE"]', "CHOOSE", "struck_off")
    replace(clerk, '"status": "CHOOSE"', "CHOOSE", "struck_off")
    clerk.effort.thoughts += 1
    clerk.key("Control+End")
    clerk.write(QUESTION)
    clerk.press("button[value=check]")
    clerk.read("main")
    clerk.press("button[value=apply]")
    clerk.read("main")
    clerk.press("main form .button")
    clerk.says("Version 2 is applied.")
    assert '"membership"' in desk.queries.config(2)
    record_property("effort", f"a registry that is added from an example answer: {clerk.effort}")
    assert clerk.effort.seconds <= 20 * 60, clerk.effort
