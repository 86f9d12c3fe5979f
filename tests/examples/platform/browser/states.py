"""Every page in every state that it may have, and the way to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from playwright.sync_api import expect

from examples.platform import town
from jurat import Reason
from jurat.codes import generate
from tests.examples.platform.browser.stage import Ground
from tests.examples.platform.browser.walking import INSIDE, OUTSIDE, TWO_PLACES, UNKNOWN, Walk

ACCESS = "consultations/budget/access"


@dataclass(frozen=True)
class State:
    """One of them. `sent`: it is the answer to a form, which no address has, so that it is reached in each language.
    `separate`: the worker is a process of its own, which `reach` may freeze so that what is asked for waits.
    """

    name: str
    reach: Callable[[Walk, Ground], object]
    sent: bool = False
    separate: bool = False


def _signed_up(path: str) -> Callable[[Walk, Ground], object]:
    def reach(walk: Walk, ground: Ground) -> None:
        walk.sign_up()
        walk.go(path)

    return reach


def _read(path: str) -> Callable[[Walk, Ground], object]:
    return lambda walk, ground: walk.go(path)


def _sent(path: str) -> Callable[[Walk, Ground], object]:
    """A form that is sent as it is, with nothing filled in."""

    def reach(walk: Walk, ground: Ground) -> None:
        walk.sign_up()
        walk.go(path)
        walk.press()
        expect(walk.page.locator(".problems")).to_be_focused()

    return reach


def _answered(
    consultation: str, question: str, answer: Mapping[str, str], word: str, path: str = ""
) -> Callable[[Walk, Ground], object]:
    def reach(walk: Walk, ground: Ground) -> None:
        walk.sign_up()
        walk.answer(consultation, question, answer, word)
        if path:
            walk.go(path)

    return reach


def _wrong_password(walk: Walk, ground: Ground) -> None:
    walk.sign_in("nobody-has-this-name")
    expect(walk.page.locator(".problems")).to_be_focused()


def _no_account(walk: Walk, ground: Ground) -> None:
    walk.go("account/new")
    walk.press()
    expect(walk.page.locator(".problems a")).to_have_count(2)


def _too_long(walk: Walk, ground: Ground) -> None:
    walk.sign_up()
    walk.go(f"{ACCESS}/residence")
    walk.page.evaluate("document.querySelectorAll('input').forEach(each => each.removeAttribute('maxlength'))")
    walk.fill({**INSIDE, "street": "x" * 500})
    walk.press()
    expect(walk.page.locator(".problems a")).to_have_count(1)


def _to_confirm(walk: Walk, ground: Ground) -> None:
    walk.sign_up()
    walk.type_answer("budget", "residence", INSIDE)


def _changed_elsewhere(walk: Walk, ground: Ground) -> None:
    _to_confirm(walk, ground)
    walk.page.locator("main [name=id]").evaluate("each => { each.value = 'another window' }")
    walk.press()
    expect(walk.page.locator(".notice")).to_be_visible()


def _session_lost(walk: Walk, ground: Ground) -> None:
    _to_confirm(walk, ground)
    walk.page.context.clear_cookies()
    walk.press()
    expect(walk.page.locator(".warning")).to_have_count(0)


def _granted(walk: Walk, ground: Ground) -> None:
    walk.sign_up()
    walk.answer("budget", "residence", INSIDE, "accepted")
    walk.answer("budget", "code", {"code": ground.code()}, "accepted")


def _granted_at(path: str) -> Callable[[Walk, Ground], object]:
    def reach(walk: Walk, ground: Ground) -> None:
        _granted(walk, ground)
        walk.go(path)

    return reach


def _nothing_chosen(walk: Walk, ground: Ground) -> None:
    _granted_at("consultations/budget/vote")(walk, ground)
    walk.press()
    expect(walk.page.locator(".problems")).to_be_focused()


def _voted(walk: Walk, ground: Ground) -> None:
    _granted_at("consultations/budget/vote")(walk, ground)
    walk.page.get_by_role("checkbox").first.check()
    walk.press()
    expect(walk.page.locator(".notice")).to_be_visible()


def _nothing_picked(walk: Walk, ground: Ground) -> None:
    _answered("hill", "home", TWO_PLACES, "undetermined")(walk, ground)
    walk.page.locator(".picker .button").click()
    expect(walk.page.locator(".problems")).to_be_focused()


def _mistyped(walk: Walk, ground: Ground) -> None:
    walk.sign_up()
    walk.go(f"{ACCESS}/code")
    walk.fill({"code": "ABCD-EFGH-JKLM"})
    walk.press()
    expect(walk.page.locator(".problems")).to_be_focused()


def _contest(walk: Walk, ground: Ground) -> None:
    walk.sign_up()
    walk.answer("budget", "residence", OUTSIDE, "refused")
    walk.page.locator("#next a[href$='/contest']").click()


def _contest_without_words(walk: Walk, ground: Ground) -> None:
    _contest(walk, ground)
    walk.press()
    expect(walk.page.locator(".problems")).to_be_focused()


def _contested(walk: Walk, ground: Ground) -> None:
    _contest(walk, ground)
    walk.page.fill("#note", "My house stands on the other side.")
    walk.press()
    expect(walk.page).to_have_url(re.compile("/answers/"))


def _decided(walk: Walk, ground: Ground) -> None:
    name = walk.sign_up()
    walk.answer("budget", "residence", UNKNOWN, "review")
    ground.decide(name, Reason.PERSON_REFUSED)
    walk.page.reload()
    walk.hears("refused")


def _reviewer(walk: Walk, ground: Ground) -> None:
    walk.sign_in(town.RHEA.name, town.PASSWORD)
    walk.go()


AWAY = {"answer": "down"}
PHYSICIAN = {"number": "9000011487", "family_name": "Brévan", "given_name": "Solène"}

STATES = [
    State("the first page", _read("")),
    State("the first page of a reviewer", _reviewer),
    State("a consultation", _read("consultations/budget")),
    State("a consultation with access", _granted_at("consultations/budget")),
    State("a consultation after the vote", _voted),
    State("a consultation that is not in force", _signed_up("consultations/soon/access")),
    State("sign in", _read("sign-in")),
    State("sign in, wrong", _wrong_password, sent=True),
    State("a new account", _read("account/new")),
    State("a new account, wrong", _no_account, sent=True),
    State("access, nothing answered", _signed_up(ACCESS)),
    State("a question", _signed_up(f"{ACCESS}/residence")),
    State("a question with rounds", _signed_up(f"{ACCESS}/code")),
    State("a question of a registry", _signed_up("consultations/care/access/profession")),
    State("a question, nothing typed", _sent(f"{ACCESS}/residence"), sent=True),
    State("a question, too long", _too_long, sent=True),
    State("confirm", _to_confirm),
    State("confirm, changed elsewhere", _changed_elsewhere, sent=True),
    State("session lost", _session_lost, sent=True),
    State("pending", _answered("patience", "word", AWAY, "pending")),
    State("accepted", _answered("budget", "residence", INSIDE, "accepted")),
    State("accepted, and access is granted", _granted),
    State("refused", _answered("budget", "residence", OUTSIDE, "refused")),
    State("refused, one more round", _answered("care", "profession", PHYSICIAN, "refused")),
    State("a code that is mistyped", _mistyped),
    State("a code that is unknown", _answered("budget", "code", {"code": generate()}, "refused")),
    State("undetermined, one more round", _answered("hill", "home", {**INSIDE, "number": "-1"}, "undetermined")),
    State("the picker, nothing chosen", _nothing_picked),
    State("undetermined", _answered("trial", "word", {"answer": "undetermined"}, "undetermined")),
    State("with a person", _answered("budget", "residence", UNKNOWN, "review")),
    State("decided by a person", _decided),
    State("the picker", _answered("hill", "home", TWO_PLACES, "undetermined")),
    State("access, pending", _answered("patience", "word", AWAY, "pending", "consultations/patience/access")),
    State("access, with a person", _answered("budget", "residence", UNKNOWN, "review", ACCESS)),
    State("access, blocked", _answered("budget", "residence", OUTSIDE, "refused", ACCESS)),
    State("access, granted", _granted_at(ACCESS)),
    State("contest", _contest),
    State("contest, nothing written", _contest_without_words, sent=True),
    State("contested", _contested),
    State("the vote", _granted_at("consultations/budget/vote")),
    State("the vote, nothing chosen", _nothing_chosen, sent=True),
    State("no such page", _signed_up("consultations/nowhere")),
]
