"""Someone at the console without a browser: pages with forms, filled in and sent, and a clock that can be moved."""

from __future__ import annotations

from typing import Any

import lxml.html
from flask import Flask

from adapters.fingerprints import Fingerprints
from console.app import create_app
from console.identity.links import Links
from console.identity.roles import person_of
from console.identity.sessions import MemorySessions
from console.parts import Ways
from jurat.database import open_engine
from jurat.seal_keys import SealOf
from tests.rigs.compiled import with_templates


class Clock:
    """Seconds that go by when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Site:
    """A console on a database."""

    def __init__(
        self,
        database: str,
        *,
        clock: Clock | None = None,
        most: int = 100,
        fingerprints: Fingerprints | None = None,
        timezone: str | None = None,
        seal: SealOf | None = None,
        **ways: Any,
    ) -> None:
        self.clock = clock or Clock()
        self.engine = open_engine(database, deadline=5.0)
        self.links = Links(self.clock)
        self.sessions = MemorySessions(self.clock, most)
        self.app: Flask = with_templates(
            create_app(self.engine, Ways(self.links, **ways), self.sessions, fingerprints, timezone, seal)
        )

    def link(self, name: str, *roles: str) -> str:
        """The path of a new link."""
        return f"/en/sign-in/link/{self.links.make(person_of(name, roles))}"

    def visitor(self, **environment: str) -> Visitor:
        return Visitor(self, environment)

    def signed_in(self, name: str = "clerk-7", *roles: str) -> Visitor:
        visitor = self.visitor()
        visitor.post(self.link(name, *roles))
        return visitor

    def close(self) -> None:
        self.engine.dispose()


class Visitor:
    """One browser with its cookies. `environment` goes with each of its requests, as WSGI has it."""

    def __init__(self, site: Site, environment: dict[str, str]) -> None:
        self.site = site
        self.environment = environment
        self.client: Any = site.app.test_client()

    def get(self, path: str, **given: Any) -> Any:
        return self.client.get(path, environ_overrides=self.environment, **given)

    def send(self, path: str, **fields: Any) -> Any:
        """A form as it is, without the token of any page."""
        return self.client.post(path, data=fields, environ_overrides=self.environment)

    def post(self, path: str, page: str | None = None, **fields: Any) -> Any:
        """A form of a page, with its token; of the page with the form's own path if none is named."""
        token = tree(self.get(page or path)).xpath("//input[@name='csrf_token']/@value")[0]
        return self.send(path, csrf_token=token, **fields)

    @property
    def cookie(self) -> str:
        return str(self.client.get_cookie("jurat").value)


def tree(response: Any) -> Any:
    return lxml.html.fromstring(response.text)


def main(response: Any) -> str:
    """The words of a page."""
    (found,) = tree(response).xpath("//main")
    return " ".join(str(found.text_content()).split())


def heading(response: Any) -> str:
    (found,) = tree(response).xpath("//h1")
    return str(found.text_content()).strip()
