"""A person who walks through the platform: what they click and type, in any language, with and without script."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import expect

PASSWORD = "a long password"
INSIDE: Mapping[str, str] = {"number": "6", "street": "Rue des Tanneurs", "postcode": "99001", "city": "Valmont"}
OUTSIDE: Mapping[str, str] = {"number": "4", "street": "Rue de la Criée", "postcode": "99002", "city": "Valmont"}
BORDER: Mapping[str, str] = {"number": "28", "street": "Rue du Passage", "postcode": "99001", "city": "Valmont"}
UNKNOWN: Mapping[str, str] = {"number": "999", "street": "Rue des Tanneurs", "postcode": "99001", "city": "Valmont"}
TWO_PLACES: Mapping[str, str] = {"number": "4", "street": "rue de l'Église", "postcode": "99002"}

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_numbers = itertools.count(1)


class Walk:
    """One person in one window."""

    def __init__(self, page: Any, base: str, locale: str = "en", *, scripted: bool = True) -> None:
        self.page = page
        self.base = base
        self.locale = locale
        self.scripted = scripted
        self.name = ""

    def url(self, path: str = "") -> str:
        """The address of a page in this person's language."""
        return f"{self.base}/{self.locale}/{path}"

    @property
    def path(self) -> str:
        """Of the page they see, without the language."""
        return str(urlsplit(self.page.url).path).removeprefix(f"/{self.locale}/")

    def go(self, path: str = "") -> Any:
        """Open a page by its address; the response."""
        return self.page.goto(self.url(path))

    def sign_up(self, name: str = "") -> str:
        """A new account, without a look at its pages; its name."""
        self._send("account/new", name or _new_name(), PASSWORD)
        return self.name

    def fill_account(self) -> str:
        """The form of a new account, filled in and sent; its name."""
        self.name = _new_name()
        self.page.fill("#name", self.name)
        self.page.fill("#password", PASSWORD)
        self.press()
        return self.name

    def sign_in(self, name: str, password: str = PASSWORD) -> None:
        """An account that is there."""
        self.name = name
        self.go("sign-in")
        self.page.fill("#name", name)
        self.page.fill("#password", password)
        self.press()

    def enter(self, name: str, password: str) -> None:
        """The same, without a look at its page."""
        self._send("sign-in", name, password)

    def press(self) -> None:
        """The page's own button: the one that goes on."""
        self.page.locator("main .actions .button:not(.second)").first.click()

    def fill(self, answer: Mapping[str, str]) -> None:
        """Type an answer into its fields."""
        for field, value in answer.items():
            self.page.fill(f"[name='answer-{field}']", value)

    def type_answer(self, consultation: str, question: str, answer: Mapping[str, str]) -> None:
        """Open a question and type an answer, up to the page on which it is confirmed."""
        self.go(f"consultations/{consultation}/access/{question}")
        self.fill(answer)
        self.press()
        expect(self.page).to_have_url(re.compile(r"/confirm$"))

    def confirm(self) -> None:
        """Confirm what is shown."""
        self.press()
        expect(self.page).to_have_url(re.compile(r"/answers/[0-9a-f-]{36}(#main)?$"))

    def answer(self, consultation: str, question: str, answer: Mapping[str, str], word: str) -> None:
        """From the question to the result of its answer."""
        self.type_answer(consultation, question, answer)
        self.confirm()
        self.hears(word)

    def hears(self, word: str, seconds: float = 20.0) -> None:
        """The page shows this state of the answer; without a script it is loaded again until it does."""
        end = time.monotonic() + seconds
        while self.shown_state() == "pending" != word and time.monotonic() < end:
            if self.scripted:
                self.page.wait_for_timeout(50)
            else:
                self.press()
        assert self.shown_state() == word, self.page.locator("main").inner_text()

    def _send(self, path: str, name: str, password: str) -> None:
        """Send a form with the cookies of this window, which draws nothing: that takes longer than all else."""
        self.name = name
        request = self.page.context.request
        token = _TOKEN.findall(request.get(self.url(path)).text())[0]
        sent = request.post(self.url(path), form={"name": name, "password": password, "csrf_token": token})
        assert sent.url != self.url(path), sent.text()

    def shown_state(self) -> str:
        """The state that the page shows."""
        classes = str(self.page.locator("#said .word").first.get_attribute("class"))
        return classes.removeprefix("word").strip()


def _new_name() -> str:
    return f"person-{next(_numbers)}-{time.monotonic_ns() % 10**9}"
