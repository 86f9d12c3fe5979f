"""Guesses at passwords and at access codes come to an end, over all accounts of one address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from jurat.codes import generate

if TYPE_CHECKING:
    from tests.examples.platform.inside import Browser, Town

pytestmark = [pytest.mark.stacks, pytest.mark.usefixtures("libraries")]
MOST, WINDOW_S = 3, 60.0


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def status(clock: Clock) -> Any:
    """What an address gets that is wrong again, and what one that only asks."""
    from flask import Flask
    from werkzeug.exceptions import TooManyRequests

    from examples.platform.web.attempts import Attempts

    attempts, app = Attempts(MOST, WINDOW_S, clock), Flask(__name__)

    def asked(address: str, *, wrong: bool = True) -> int:
        with app.test_request_context(environ_base={"REMOTE_ADDR": address}):
            try:
                attempts.count_one()
            except TooManyRequests:
                return 429
            if not wrong:
                attempts.was_right()
            return 200

    return asked


def test_many_at_once_are_no_more_than_one_by_one(clock: Clock) -> None:
    from flask import Flask
    from werkzeug.exceptions import TooManyRequests

    from examples.platform.web.attempts import Attempts

    attempts, app = Attempts(MOST, WINDOW_S, clock), Flask(__name__)
    begun = 0
    with app.test_request_context(environ_base={"REMOTE_ADDR": "192.0.2.1"}):
        for _ in range(MOST):
            attempts.count_one()  # none of them has ended
            begun += 1
        with pytest.raises(TooManyRequests):
            attempts.count_one()
        attempts.was_right()
        attempts.count_one()
    assert begun == MOST


def test_an_address_is_wrong_so_often_in_its_time_and_others_are_not_concerned(status: Any, clock: Clock) -> None:
    assert [status("192.0.2.1") for _ in range(MOST + 2)] == [200] * MOST + [429] * 2
    assert status("192.0.2.2") == 200
    clock.now += WINDOW_S - 1
    assert status("192.0.2.1") == 429
    clock.now += 1
    assert [status("192.0.2.1") for _ in range(MOST + 1)] == [200] * MOST + [429]


def test_an_answer_that_is_right_is_not_counted(status: Any) -> None:
    assert {status("192.0.2.1", wrong=False) for _ in range(MOST + 2)} == {200}


def sign_in(browser: Browser, name: str, password: str, expected: int) -> str:
    return browser.post("/en/sign-in", {"name": name, "password": password}, expected)


def test_passwords_of_many_names_are_guessed_twenty_times(valmont: Town) -> None:
    from examples.platform import town
    from tests.examples.platform.inside import Browser

    thief = Browser(valmont, "thief")
    for number in range(20):
        sign_in(thief, f"name-{number}", "a guess that is wrong", 422)
    page = sign_in(thief, "ada", town.PASSWORD, 429)
    assert "try again in an hour" in page


def test_codes_are_guessed_twenty_times_under_whatever_account(valmont: Town) -> None:
    for _ in range(20):
        send(valmont.newcomer(), generate(), 303)
    assert "That was wrong too often" in send(valmont.newcomer(), generate(), 429)


def send(browser: Browser, code: str, expected: int) -> str:
    """Type a code, and confirm it."""
    place = "/en/consultations/budget/access/code"
    browser.post(place, {"answer-code": code}, page=place)
    draft = re.search(r'name="id" value="([^"]+)"', browser.get(f"{place}/confirm"))
    assert draft is not None
    return browser.post(f"{place}/confirm", {"id": draft[1]}, expected, page=f"{place}/confirm")
