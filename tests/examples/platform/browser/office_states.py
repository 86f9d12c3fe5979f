"""The pages of administrators in every state, and the way to each."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Mapping

from playwright.sync_api import expect

from examples.platform import town
from tests.examples.platform.browser.stage import TAKEN, Ground
from tests.examples.platform.browser.states import State
from tests.examples.platform.browser.walking import OUTSIDE, UNKNOWN, Walk

QUESTION = {"en": "Where do you live?", "fr": "Où habitez-vous ?"}
_names = itertools.count(1)


def as_administrator(walk: Walk, path: str = "office/") -> None:
    """Signed in as Omar, on one of his pages."""
    walk.page.context.clear_cookies()
    walk.enter(town.OMAR.name, town.PASSWORD)
    walk.go(path)


def begin(walk: Walk) -> None:
    """Signed in as Omar, at the first step of a new consultation."""
    as_administrator(walk)
    walk.press()
    expect(walk.page.locator("#name")).to_be_visible()


def describe(walk: Walk, name: str = "") -> str:
    """The first step of a new consultation, filled in and sent; its short name."""
    name = name or f"lamps-{walk.locale}-{next(_names)}"
    walk.page.fill("#name", name)
    for part in ("title", "summary", "contact", "proposals"):
        for language in ("en", "fr"):
            walk.page.fill(f"#{part}-{language}", f"{part.capitalize()} of {name}, {language}")
    walk.press()
    expect(walk.page.locator("#criteria")).to_be_visible()
    return name


def choose(walk: Walk, counts: Mapping[str, str]) -> None:
    """The second step: how many questions of each kind."""
    for criterion, count in counts.items():
        walk.page.locator(f"select[name='count.{criterion}']").select_option(count)
    walk.press()
    expect(walk.page.locator("fieldset.part").first).to_be_visible()


def ask(walk: Walk, criterion: str, **fields: str) -> None:
    """The third step, for one question: its texts, and what the criterion leaves open."""
    for language, title in QUESTION.items():
        walk.page.fill(f"[name='{criterion}.1.title-{language}']", title)
    for field, value in fields.items():
        place = walk.page.locator(f"[name='{criterion}.1.{field}']")
        if field == "zone":
            walk.page.locator(f"[name='{criterion}.1.zone'][value='{value}']").check(force=True)
        elif field == "list":
            place.select_option(value)
        else:
            place.fill(value)


def write(walk: Walk, name: str = "") -> str:
    """A consultation for the harbour, up to the page on which it is looked at; its short name."""
    begin(walk)
    name = describe(walk, name)
    choose(walk, {"lives-in": "1"})
    ask(walk, "lives-in", zone="harbour")
    walk.press()
    expect(walk.page).to_have_url(re.compile("/check$"))
    return name


def send_in(walk: Walk, name: str = "") -> str:
    """The same, published; its short name."""
    name = write(walk, name)
    walk.press()
    expect(walk.page).to_have_url(re.compile(f"/office/consultations/{name}$"))
    return name


def publish(walk: Walk) -> str:
    """One that is published and in force; its short name."""
    name = send_in(walk)
    walk.hears("accepted")
    return name


def waiting(walk: Walk, *, contested: bool = False) -> str:
    """Someone whose answer waits for a reviewer; their name."""
    walk.page.context.clear_cookies()
    name = walk.sign_up()
    if contested:
        walk.answer("budget", "residence", OUTSIDE, "refused")
        walk.page.locator("#next a[href$='/contest']").click()
        walk.page.fill("#note", "It is the other Rue de la Criée.")
        walk.press()
        expect(walk.page).to_have_url(re.compile("/answers/"))
        end = time.monotonic() + 20  # a worker opens it again
        while walk.shown_state() != "review" and time.monotonic() < end:
            walk.page.reload()
    else:
        walk.answer("budget", "residence", UNKNOWN, "review")
    return name


def withdraw(walk: Walk) -> str:
    """One that was in force and is withdrawn; its short name."""
    name = publish(walk)
    walk.go(f"office/consultations/{name}/withdraw")
    walk.press()
    walk.hears("undetermined")
    return name


def _new(walk: Walk, ground: Ground) -> None:
    begin(walk)


def _new_wrong(walk: Walk, ground: Ground) -> None:
    begin(walk)
    walk.press()
    expect(walk.page.locator(".problems")).to_be_focused()


def _criteria(walk: Walk, ground: Ground) -> None:
    begin(walk)
    describe(walk)


def _criteria_wrong(walk: Walk, ground: Ground) -> None:
    _criteria(walk, ground)
    walk.press()
    expect(walk.page.locator(".problems")).to_be_focused()


def _questions(walk: Walk, ground: Ground) -> None:
    _criteria(walk, ground)
    choose(walk, {"lives-in": "1", "has-code": "1"})


def _questions_wrong(walk: Walk, ground: Ground) -> None:
    _questions(walk, ground)
    walk.press()
    expect(walk.page.locator(".problems")).to_be_focused()


def _published(walk: Walk, ground: Ground) -> None:
    publish(walk)


def _withdraw(walk: Walk, ground: Ground) -> None:
    walk.go(f"office/consultations/{publish(walk)}/withdraw")


def _being_withdrawn(walk: Walk, ground: Ground) -> None:
    _withdraw(walk, ground)
    ground.freeze()
    walk.press()
    assert walk.shown_state() == "pending"


def _withdrawn(walk: Walk, ground: Ground) -> None:
    withdraw(walk)


def _remove(walk: Walk, ground: Ground) -> None:
    walk.go(f"office/consultations/{withdraw(walk)}/remove")


def _remove_with_votes(walk: Walk, ground: Ground) -> None:
    name = withdraw(walk)
    ground.vote(name, "p1")
    walk.go(f"office/consultations/{name}/remove")


def _closed(walk: Walk, ground: Ground) -> None:
    walk.go(f"consultations/{withdraw(walk)}")


def _closed_access(walk: Walk, ground: Ground) -> None:
    walk.go(f"consultations/{withdraw(walk)}/access")


def _first_page(walk: Walk, ground: Ground) -> None:
    withdraw(walk)
    walk.page.context.clear_cookies()
    walk.go()


def _not_open_yet(walk: Walk, ground: Ground) -> None:
    """Published, and no worker has put it into force."""
    ground.freeze()
    walk.go(f"consultations/{send_in(walk)}/access")


def _many_questions(walk: Walk, ground: Ground) -> None:
    begin(walk)
    describe(walk)
    choose(walk, {"lives-in": "1", "has-code": "1"})
    ask(walk, "lives-in", zone="harbour")
    ask(walk, "has-code", list="letters")
    walk.page.locator("#rule-at_least").check()
    walk.page.locator("#four-eyes").check()
    walk.press()
    expect(walk.page).to_have_url(re.compile("/check$"))


def _changed_elsewhere(walk: Walk, ground: Ground) -> None:
    write(walk)
    walk.page.locator("main [name=seen]").evaluate("each => { each.value = 'another window' }")
    walk.press()
    expect(walk.page.locator(".notice")).to_be_visible()


def _counted(walk: Walk, ground: Ground) -> None:
    waiting(walk)
    as_administrator(walk, "office/consultations/budget")


def _codes_wrong(walk: Walk, ground: Ground) -> None:
    as_administrator(walk, "office/codes/")
    walk.press()
    expect(walk.page.locator(".problems")).to_be_focused()


def make_codes(walk: Walk, count: str = "3") -> list[str]:
    """New codes of the list of letters, as they come on paper."""
    as_administrator(walk, "office/codes/")
    walk.page.select_option("#list", "letters")
    walk.page.fill("#count", count)
    walk.press()
    expect(walk.page.locator(".tickets li")).to_have_count(int(count))
    return [str(text).strip() for text in walk.page.locator(".tickets .code").all_inner_texts()]


def _forbidden(walk: Walk, ground: Ground) -> None:
    walk.sign_up()
    walk.go("office/")


def _name_taken(walk: Walk, ground: Ground) -> None:
    begin(walk)
    walk.page.fill("#name", TAKEN)
    walk.press()
    expect(walk.page.locator(".problems")).to_be_focused()


def _not_published(walk: Walk, ground: Ground) -> None:
    """Meanwhile those who run jurat have a consultation of the same name."""
    ground.freeze()
    ground.take(send_in(walk))
    ground.thaw()
    walk.hears("refused")


def _sources(walk: Walk, ground: Ground) -> None:
    """One that a person has paused, one that has asked for it, and one that fails."""
    ground.pause("shut", "The registry moves house until Monday.", town.OMAR.name)
    ground.pause("busy", "source_throttled")
    as_administrator(walk)


def _being_published(walk: Walk, ground: Ground) -> None:
    ground.freeze()
    send_in(walk)
    assert walk.shown_state() == "pending"


def _being_added(walk: Walk, ground: Ground) -> None:
    ground.freeze()
    make_codes(walk)
    expect(walk.page.locator(".on-screen a[href*='/requests/']")).to_be_visible()


def _not_valid_yet(walk: Walk, ground: Ground) -> None:
    _being_added(walk, ground)
    walk.page.goto(walk.base + str(walk.page.locator(".on-screen a[href*='/requests/']").get_attribute("href")))
    assert walk.shown_state() == "pending"


OFFICE_STATES = [
    State("the office", lambda walk, ground: as_administrator(walk)),
    State("the office, not for participants", _forbidden),
    State("the office, with sources that rest", _sources),
    State("a consultation in figures", _counted),
    State("codes", lambda walk, ground: as_administrator(walk, "office/codes/")),
    State("codes, wrong", _codes_wrong, sent=True),
    State("codes, made", lambda walk, ground: make_codes(walk), sent=True),
    State("codes, being added", _being_added, sent=True, separate=True),
    State("codes, not valid yet", _not_valid_yet, separate=True),
    State("a new consultation", _new),
    State("a new consultation, wrong", _new_wrong),
    State("a new consultation, of a name that is taken", _name_taken),
    State("its criteria", _criteria),
    State("its criteria, none", _criteria_wrong),
    State("its questions", _questions),
    State("its questions, wrong", _questions_wrong),
    State("to publish", lambda walk, ground: write(walk)),
    State("to publish, many questions", _many_questions),
    State("to publish, changed elsewhere", _changed_elsewhere, sent=True),
    State("being published", _being_published, separate=True),
    State("published", _published),
    State("not published", _not_published, separate=True),
    State("withdraw", _withdraw),
    State("being withdrawn", _being_withdrawn, separate=True),
    State("withdrawn", _withdrawn),
    State("remove", _remove),
    State("remove, with votes", _remove_with_votes),
    State("the first page, with one that is closed", _first_page),
    State("a closed consultation", _closed),
    State("access to a closed consultation", _closed_access),
    State("access to a consultation that is not open yet", _not_open_yet, separate=True),
]
