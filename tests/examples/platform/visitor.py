"""Someone at the platform without a browser: pages with one form each, filled and sent."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import lxml.html
import requests

PASSWORD = "valmont-example"
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Page:
    """One page as it came."""

    url: str
    status: int
    headers: Any
    text: str

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def tree(self) -> Any:
        return lxml.html.fromstring(self.text)

    @property
    def main(self) -> str:
        """The words of the page."""
        (main,) = self.tree.xpath("//main")
        return " ".join(str(main.text_content()).split())

    @property
    def heading(self) -> str:
        (heading,) = self.tree.xpath("//h1")
        return str(heading.text_content()).strip()

    @property
    def word(self) -> str:
        """The state of the answer, or of the access, that the page is about."""
        (of,) = self.tree.xpath("//*[@id='said']//*[contains(concat(' ', @class, ' '), ' word ')]/@class")
        return str(of).split()[1]


class Visitor:
    """One browser with its cookies, in one language."""

    def __init__(self, address: str, language: str = "en", **headers: str) -> None:
        self.address = address
        self.language = language
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update(headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def get(self, path: str) -> Page:
        return self._page(self.session.get(self._to(path), timeout=PATIENCE_S))

    def send(self, page: Page, **typed: str | list[str]) -> Page:
        """Send the form of a page with what is typed; fields of answers may be named without their first part."""
        (form, *_others) = page.tree.xpath("//main//form")
        names = {field.get("name") for field in form.xpath(".//*[@name]")}
        fields: dict[str, Any] = {
            field.get("name"): field.get("value") for field in form.xpath(".//input[@type='hidden']")
        }
        for name, value in typed.items():
            called = name if name in names else f"answer-{name}"
            assert called in names, f"no {name} on {page.path}: {names}"
            fields[called] = value
        to = urljoin(page.url, form.get("action") or page.url)
        return self._page(self.session.post(to, data=fields, headers={"Referer": page.url}, timeout=PATIENCE_S))

    def sign_in(self, name: str, password: str = PASSWORD) -> Page:
        return self.send(self.get("sign-in"), name=name, password=password)

    def to_confirm(self, consultation: str, question: str, **answer: str) -> Page:
        """The page that asks whether what was typed is right."""
        return self.send(self.get(f"consultations/{consultation}/access/{question}"), **answer)

    def answer(self, consultation: str, question: str, **answer: str) -> Page:
        """Type an answer, confirm it, and wait for the word on it."""
        page = self.send(self.to_confirm(consultation, question, **answer))
        end = time.monotonic() + PATIENCE_S
        while page.word == "pending":
            assert time.monotonic() < end, page.main
            time.sleep(0.2)
            page = self.get(page.path)
        return page

    def _to(self, path: str) -> str:
        return urljoin(self.address, path if path.startswith("/") else f"/{self.language}/{path}")

    def _page(self, response: requests.Response) -> Page:
        return Page(response.url, response.status_code, response.headers, response.text)
