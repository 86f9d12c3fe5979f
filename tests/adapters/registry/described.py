"""The description of the invented register, for tests to change and to ask."""

from __future__ import annotations

import copy
import json
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

import examples.sources
from adapters.base import Finding, Query
from adapters.http_client.reply import Reply
from adapters.registry.adapter import RegistryAdapter
from adapters.registry.batches import adapter_class
from adapters.registry.trace import LookupTrace
from config.networks import LOOPBACK
from config.registry import RegistrySource
from config.secrets import SecretReference
from tests.adapters.conftest import Listen, read_request

_FILE = Path(examples.sources.__file__).with_name("registry.yaml")

TESTS = YAML(typ="safe").load(_FILE.read_text(encoding="utf-8"))["tests"]


@cache
def _loaded() -> str:
    described = YAML(typ="safe").load(_FILE.read_text(encoding="utf-8"))
    del described["tests"], described["control"]  # they hold for the whole, of which the tests here change parts
    return json.dumps(described)


def description(**changes: Any) -> dict[str, Any]:
    """The description as plain data; `changes` replace its parts."""
    return {**json.loads(_loaded()), **copy.deepcopy(changes)}


def at(url: str, **changes: Any) -> dict[str, Any]:
    """The description of the register that answers below `url`."""
    described = description(**changes)
    described["steps"][0]["request"]["url"] = f"{url}/professionals"
    return described


def adapter(described: Mapping[str, Any], secrets: Mapping[str, str] | None = None) -> RegistryAdapter:
    def secret(reference: SecretReference) -> str:
        return (secrets or {})[reference.env or ""]

    model = RegistrySource.model_validate(described)
    return adapter_class(model)(model, secret=secret, loopback_http=True, private_networks=LOOPBACK)


def asked(number: str, family: str, given: str, *, timeout: float = 5.0, **requirement: Any) -> Query:
    answer = {"number": number, "family_name": family, "given_name": given}
    return Query(answer, requirement=requirement, timeout=timeout)


IRIS = asked("9000010000", "Valombre", "Iris")


NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)


class Canned:
    """What a registry answers, without a network: each request gets the next of `answers`. Keeps what was sent."""

    def __init__(self, answers: Sequence[Any]) -> None:
        self.answers = list(answers)
        self.sent: list[dict[str, Any]] = []

    def send(self, method: str, url: str, **sent: Any) -> Reply:
        self.sent.append({"method": method, "url": url, **sent})
        return reply(self.answers.pop(0))

    def close(self) -> None:
        pass


def reply(answer: Any, status: int = 200) -> Reply:
    """An answer: a Reply, bytes, or what is written as JSON."""
    if isinstance(answer, Reply):
        return answer
    return Reply(status, {}, answer if isinstance(answer, bytes) else json.dumps(answer).encode())


def judged(
    described: Mapping[str, Any],
    query: Query,
    *answers: Any,
    now: datetime = NOON,
    secrets: Mapping[str, str] | None = None,
    watch: LookupTrace | None = None,
) -> Finding:
    """What the description makes of the answers, at that time."""
    source = RegistryAdapter(
        RegistrySource.model_validate(described),
        secret=lambda reference: (secrets or {})[reference.env or ""],
        transport=Canned(answers),
        clock=lambda: now,
        watch=watch,
    )
    found = source.look_up(query)
    assert isinstance(found, Finding)
    return found


class Registry:
    """A registry of one answer, on a port of its own. Keeps what it was sent."""

    def __init__(self, listen: Listen, body: Any, status: int = 200, headers: str = "") -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n{headers}\r\n"
        self.received: list[bytes] = []
        self._answer = head.encode() + content
        self.url = f"http://127.0.0.1:{listen(self._serve)}"

    def _serve(self, connection: socket.socket) -> None:
        while request := read_request(connection):
            head, _, body = request.partition(b"\r\n\r\n")
            wanted = next((int(line[16:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length: ")), 0)
            while len(body) < wanted:
                body += connection.recv(4096)
            self.received.append(head + b"\r\n\r\n" + body)
            connection.sendall(self._answer)

    def ask(self, query: Query = IRIS, keys: dict[str, str] | None = None, **changes: Any) -> Finding:
        described = at(self.url)
        for key, value in changes.items():
            target = described["steps"][0] if key in {"request", "outcomes"} else described
            target[key] = {**target[key], **value} if key in {"request", "record"} else value
        source = adapter(described, keys)
        try:
            found = source.look_up(query)
        finally:
            source.close()
        assert isinstance(found, Finding)
        return found

    @property
    def lines(self) -> list[str]:
        return self.received[-1].decode("latin-1").partition("\r\n\r\n")[0].split("\r\n")


def records(*people: dict[str, Any]) -> dict[str, Any]:
    return {"count": len(people), "professionals": list(people)}


def person(**changes: Any) -> dict[str, Any]:
    names = [{"family": "Valombre", "given": "Iris"}]
    return {"number": "9000010000", "names": names, "status": "active", "profession": {"code": "10"}, **changes}
