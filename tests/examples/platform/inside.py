"""The whole application with an engine inside, without a server: what its pages answer to forms."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from config.settings import Settings
from examples.platform import seed, town
from examples.platform.web import store
from examples.platform.web.app import TIMEZONE, create_app
from examples.platform.web.parts import Parts
from jurat import Client, PublicationState
from jurat.database import open_engine
from jurat.seal import generate, key_to_text
from tests.rigs import loggers
from tests.rigs.compiled import with_templates
from worker import health
from worker.embedded import embedded
from worker.service import open_service

PATIENCE = 30.0
SECRET = b"for tests alone, and for nothing else"
NEAR_BORDER = {"number": "21", "street": "boulevard des Remparts", "postcode": "99001", "city": "Valmont"}
AT_HOME = {"number": "6", "street": "Rue des Tanneurs", "postcode": "99001", "city": "Valmont"}
AWAY = {"number": "4", "street": "Rue de la Criée", "postcode": "99002", "city": "Valmont"}


class Town:
    """The platform, and the browsers of those who use it."""

    def __init__(self, app: Any, client: Client, engine: Any, wake: Any) -> None:
        self.app, self.client, self.engine, self.wake = app, client, engine, wake

    def answer(
        self, question: str, answer: dict[str, str], participant: str = "p-1", consultation: str = "budget"
    ) -> UUID:
        with self.engine.begin() as connection:
            check = self.client.submit(
                connection, consultation=consultation, participant=participant, question=question, answer=answer
            )
        self.wake()
        self.client.wait(check.id, PATIENCE)
        return check.id

    def browser(self, name: str) -> Browser:
        """Of someone of the town, signed in."""
        browser = Browser(self, name)
        browser.post("/en/sign-in", {"name": name, "password": town.PASSWORD})
        return browser

    def newcomer(self) -> Browser:
        """Of someone with a new account."""
        browser = Browser(self, f"someone-{uuid4().hex[:8]}")
        browser.post("/en/account/new", {"name": browser.name, "password": town.PASSWORD})
        return browser

    def open(self, name: str, questions: dict[str, Any], **more: Any) -> None:
        """Publish a consultation with these questions, and wait until it is in force."""
        title = {"en": name, "fr": name}
        with self.engine.begin() as connection:
            self.client.publish_consultation(connection, name, {"questions": questions, **more}, by="omar")
            store.keep_consultation(connection, name, title, title, town.CARE)
        self.wake()
        end = time.monotonic() + PATIENCE
        while self.client.publication(name).state is not PublicationState.PUBLISHED:
            assert time.monotonic() < end
            time.sleep(0.05)


class Browser:
    """What someone browses with."""

    def __init__(self, town_: Town, name: str) -> None:
        self.client = town_.app.test_client()
        self.name = name

    def get(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return html.unescape(answer.text)

    def post(self, path: str, form: dict[str, str], status: int = 303, page: str | None = None) -> str:
        """What the answer shows, or where it leads."""
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.client.get(page or "/en/sign-in").text)
        assert token is not None
        answer = self.client.post(path, data={**form, "csrf_token": token[1]})
        assert answer.status_code == status, answer.text
        return str(answer.headers.get("Location")) if status == 303 else html.unescape(answer.text)

    def until(self, path: str, text: str) -> str:
        end = time.monotonic() + PATIENCE
        while text not in (page := self.get(path)):
            assert time.monotonic() < end, page
            time.sleep(0.05)
        return page


@contextmanager
def opened(url: str, folder: Path, platform_url: str | None = None, office_url: str | None = None) -> Iterator[Town]:
    """The seeded platform with an engine inside, on the database of `url`; the other two are those of its users."""
    private, public = generate()
    given: dict[str, Any] = {
        "database_url": url,
        "broker_url": "none",
        "unseal_keys": (key_to_text(private),),
        "seal_key": key_to_text(public),
        "hash_keys": (key_to_text(b"h" * 32),),
    }
    settings = Settings(**given)
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(health, "folder", lambda: folder)
        stack.callback(loggers.forget)
        owner, engine, office = (open_engine(each or url) for each in (None, platform_url, office_url))
        for each in (owner, engine, office):
            stack.callback(each.dispose)
        service = open_service(settings)
        seed.seed(service, "http://127.0.0.1:9", folder)
        town.seed(owner)
        service.close()
        working = stack.enter_context(embedded(settings))
        client = Client(platform_url or url, None, settings.seal_key)
        stack.callback(client.close)
        made = Parts(engine, client, office if office_url else engine, working.wake, legal=town.LEGAL)
        app = with_templates(create_app(made, SECRET, timezone=TIMEZONE))
        yield Town(app, client, owner, working.wake)
