"""A participant at a browser: pages with forms, links and a time after which they load again."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

PATIENCE = 60.0
"""Seconds for a verdict that a quick machine gives in two."""


@dataclass
class Section:
    """What the overview says about one question."""

    state: str
    words: str = ""
    may_answer: bool = False


@dataclass
class Page:
    """One page as it came."""

    url: str
    status: int
    text: str
    title: str = ""
    language: str = ""
    refresh: int = 0
    access: str = ""
    action: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    needed: set[str] = field(default_factory=set)
    sections: dict[str, Section] = field(default_factory=dict)
    alert: str = ""


class _Reader(HTMLParser):
    def __init__(self, page: Page) -> None:
        super().__init__()
        self.page = page
        self.open: list[str] = []
        self.section: Section | None = None
        self.alert = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.open.append(tag)
        match tag:
            case "html":
                self.page.language = attributes.get("lang", "")
            case "meta" if attributes.get("http-equiv") == "refresh":
                self.page.refresh = int(attributes["content"])
            case "form":
                assert attributes["method"] == "post", "what is typed must not come into an address"
                self.page.action = attributes["action"]
            case "input":
                self.page.fields[attributes["name"]] = attributes.get("value", "")
                if "required" in attributes:
                    self.page.needed.add(attributes["name"])
            case "section":
                self.section = self.page.sections[attributes["id"]] = Section(attributes["data-state"])
            case "a" if self.section and attributes["href"].startswith("/question/"):
                self.section.may_answer = True
            case "p":
                self.page.access = attributes.get("data-access", self.page.access)
                self.alert = attributes.get("role") == "alert"

    def handle_endtag(self, tag: str) -> None:
        if tag == "section":
            self.section = None
        self.alert = self.alert and tag != "p"

    def handle_data(self, data: str) -> None:
        last = self.open[-1] if self.open else ""
        if last == "title":
            self.page.title += data.strip()
        if self.alert:
            self.page.alert += data.strip()
        if self.section and last == "p":
            self.section.words += data.strip()


class Participant:
    """One browser with its cookies. `heard` has the address of every page that it was sent to."""

    def __init__(self, address: str, language: str = "en") -> None:
        self._address = address
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Accept-Language"] = language
        self.heard: list[str] = []

    def get(self, path: str = "/") -> Page:
        return self._page(self._session.get(urljoin(self._address, path), timeout=PATIENCE))

    def send(self, page: Page, **typed: str) -> Page:
        """Send the form of `page` with what was `typed` into its fields, named as the answer's."""
        assert page.action is not None, page.text
        for name in typed:
            assert f"answer-{name}" in page.fields, page.text
        return self.post(page.action, {**page.fields, **{f"answer-{name}": text for name, text in typed.items()}})

    def post(self, path: str, fields: dict[str, Any]) -> Page:
        return self._page(self._session.post(urljoin(self._address, path), data=fields, timeout=PATIENCE))

    def to_confirm(self, question: str, **typed: str) -> Page:
        """The page that asks whether what was `typed` is right."""
        return self.send(self.get(f"/question/{question}"), **typed)

    def confirm(self, question: str, **typed: str) -> Page:
        """Type an answer and confirm it."""
        return self.send(self.to_confirm(question, **typed))

    def settled_section(self, question: str) -> Section:
        """What the overview says in the end; it loads itself again until then."""
        end = time.monotonic() + PATIENCE
        while (page := self.get()).sections[question].state == "pending":
            assert page.refresh, "a page that waits must come again by itself"
            assert time.monotonic() < end, "no verdict came"
            time.sleep(page.refresh)
        return page.sections[question]

    def _page(self, response: requests.Response) -> Page:
        parts = urlsplit(response.url)
        self.heard.append(f"{parts.path}?{parts.query}")
        page = Page(parts.path, response.status_code, response.text)
        if response.headers.get("Content-Type", "").startswith("text/html"):
            assert "utf-8" in response.headers["Content-Type"].lower()
            _Reader(page).feed(response.text)
        if response.status_code in {200, 422, 503}:
            assert response.headers["Cache-Control"] == "no-store"
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        return page
