"""A token that an earlier step has set is sent as the key of the next, and never shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from adapters.base import Finding, Unreadable
from adapters.registry.adapter import RegistryAdapter
from adapters.registry.templates import Message
from adapters.registry.trace import LookupTrace
from config.registry import RegistrySource
from jurat.vocabulary import Outcome
from tests.adapters.registry.described import IRIS, NOON, Canned, description, person, records

TOKEN = "t0ken-of-this-lookup"
WAYS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "bearer": ({"type": "bearer", "token": "{token}"}, {"Authorization": f"Bearer {TOKEN}"}),
    "header": ({"type": "header", "name": "X-Token", "value": "Token {token}"}, {"X-Token": f"Token {TOKEN}"}),
}


class Watch(LookupTrace):
    """Keeps what it was shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def on_request(self, step: str, message: Message) -> None:
        self.shown.append(f"{message.url} {dict(message.headers)}")

    def on_values(self, step: str, values: Mapping[str, str]) -> None:
        self.shown.append(str(values))


def described(auth: dict[str, Any]) -> dict[str, Any]:
    (step,) = description()["steps"]
    login = {
        "name": "login",
        "request": {"url": "http://127.0.0.1:8000/login"},
        "set": {"token": {"value": "body.token", "secret": True}},
    }
    return description(steps=[login, step | {"request": step["request"] | {"auth": auth}}])


def looked_up(auth: dict[str, Any], token: Any) -> tuple[Finding, Canned, Watch]:
    registry, watch = Canned([{"token": token}, records(person())]), Watch()
    model = RegistrySource.model_validate(described(auth))
    source = RegistryAdapter(model, secret=lambda _: "", transport=registry, clock=lambda: NOON, watch=watch)
    found = source.look_up(IRIS)
    assert isinstance(found, Finding)
    return found, registry, watch


@pytest.mark.parametrize("way", WAYS)
def test_the_token_is_sent_and_is_shown_nowhere(way: str) -> None:
    auth, headers = WAYS[way]
    found, registry, watch = looked_up(auth, TOKEN)
    assert found.outcome is Outcome.ACCEPTED
    assert headers.items() <= dict(registry.sent[1]["headers"]).items()
    assert "__token__" in "".join(watch.shown)
    assert TOKEN not in "".join(watch.shown)
    assert TOKEN not in repr(found)


def test_a_token_that_no_header_can_carry_proves_nothing() -> None:
    with pytest.raises(Unreadable):
        looked_up(WAYS["bearer"][0], "a\r\nX-Evil: 1")
