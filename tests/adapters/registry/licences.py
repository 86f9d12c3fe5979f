"""An invented register of licences: several of one holder, those of others among them, on several pages in Latin-1."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from adapters.base import Query
from tests.adapters.conftest import Listen, read_request

ANSWER = {"number": "90 000 102", "family_name": "Sardel", "given_name": "Maëlle"}
MAELLE = Query(ANSWER, requirement={}, timeout=5.0)
NOBODY = Query({**ANSWER, "number": "90000199"}, requirement={}, timeout=5.0)

URL = "http://127.0.0.1/licences"


def licence(holder: str = "90000102", **changes: Any) -> dict[str, Any]:
    """One licence of Maëlle Sardel, or of another holder."""
    names = (
        {"family": "Sardel", "given": "Maëlle"} if holder == "90000102" else {"family": "Corvec", "given": "Tugdual"}
    )
    return {"licence": "L-1", "holder": holder, **names, "status": "valid", "issued": "2020-01-05", **changes}


OTHERS = licence("90000745", licence="L-7", status="withdrawn")
OLD = licence(licence="L-2", status="withdrawn", issued="2011-03-01")


def pages_of(*lists: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The pages of an answer with these licences."""
    return [{"page": number, "pages": len(lists), "licences": [*each]} for number, each in enumerate(lists, 1)]


def description(**changes: Any) -> dict[str, Any]:
    """The description; `changes` replace options of `record`, of the step (`next`, `decode`, …), or of the source."""
    record: dict[str, Any] = {
        "from": "body.licences",
        "several": "any",
        "absent": "refused",
        "fields": {
            "number": "holder",
            "names": "{family: family, given: given}",
            "status": "status",
            "issued": {"value": "issued", "date": "iso"},
        },
        "status": {"active": ["valid"], "inactive": ["withdrawn"]},
    }
    step: dict[str, Any] = {
        "request": {"url": URL, "query": {"holder": "{number}", "page": "1"}},
        "decode": {"json": {"encoding": "iso-8859-1"}},
        "outcomes": [{"when": "status >= `500`", "then": "retry"}],
        "next": {"parameter": "page", "last": "body.page >= body.pages", "most": 3},
    }
    described: dict[str, Any] = {
        "type": "registry",
        "hosts": ["127.0.0.1"],
        "inputs": {
            "number": {"clean": ["digits"], "max_length": 20},
            "family_name": {"clean": ["trim"]},
            "given_name": {"clean": ["trim"]},
        },
        "steps": [step],
        "record": record,
        "rules": [
            {"check": "equals", "field": "number", "input": "number"},
            {"check": "name", "family": "family_name", "given": "given_name"},
            {"check": "status", "is": "active"},
        ],
    }
    for name, value in changes.items():
        target = record if name in {"several", "absent", "fields", "from"} else described
        target = step if name in {"request", "decode", "outcomes", "next"} else target
        if value is None:
            del target[name]
        else:
            target[name] = value
    return described


def trial(name: str, expect: str, *pages: Mapping[str, Any], number: str = "90000102") -> dict[str, Any]:
    """A test of the description, with these pages."""
    responses = {f"lookup_{number}" if number > 1 else "lookup": {"json": page} for number, page in enumerate(pages, 1)}
    return {"name": name, "input": {**ANSWER, "number": number}, "responses": responses, "expect": expect}


TRIALS = [
    trial("a valid one on page 2", "accepted", *pages_of([OTHERS, OLD], [licence()])),
    trial("none is valid", "refused/status_inactive", *pages_of([OLD], [licence(status="withdrawn")])),
    trial("nobody", "refused/record_not_found", *pages_of([]), number="90000199"),
    trial("the register is down", "undetermined/source_unavailable") | {"responses": {"lookup": {"status": 503}}},
]

Answers = Callable[[Mapping[str, str]], Any]
"""What the register answers to a query: a page, or a status."""


class Register:
    """The register, on a port of its own. Pages are as `answers` gives them for the query. Keeps what it was asked."""

    def __init__(self, listen: Listen, answers: Answers) -> None:
        self.asked: list[dict[str, str]] = []
        self.connections = 0
        self._answers = answers
        self.url = f"http://127.0.0.1:{listen(self._serve)}/licences"

    def _serve(self, connection: socket.socket) -> None:
        self.connections += 1
        while request := read_request(connection):
            target = request.split(b" ")[1].decode()
            query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
            self.asked.append(query)
            answer = self._answers(query)
            if answer is None:
                return  # without an answer
            status = answer if isinstance(answer, int) else 200
            body = b"" if isinstance(answer, int) else json.dumps(answer, ensure_ascii=False).encode("iso-8859-1")
            head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nContent-Type: application/json\r\n\r\n"
            connection.sendall(head.encode() + body)

    def describe(self, **changes: Any) -> dict[str, Any]:
        """The description of this register."""
        described = description(**changes)
        described["steps"][0]["request"]["url"] = self.url
        return described


def numbered(pages: Sequence[Any]) -> Answers:
    """Answers each page by its number."""
    return lambda query: dict(enumerate(pages, 1)).get(int(query["page"]), 404)
