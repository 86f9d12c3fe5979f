"""Checks that an answer which says nothing about anyone cannot refuse anyone."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import jmespath

from config.problems import Fault, Path
from config.registry.model.answer_formats import JsonDocument, XmlIn
from config.registry.model.expressions import Node, walk
from config.registry.model.rules import OutcomeRule, Then
from config.registry.model.source import RegistryDescription, Step
from config.registry.model.text_functions import OPTIONS
from jurat.vocabulary import Reason

_BODIES: Mapping[str, tuple[Any, ...]] = {
    "json": (None, {}, [], "", {"error": "x"}, {"apiVersion": "2", "payload": {"items": []}}),
    "xml": (
        None,
        {"error": "x"},
        {"html": {"head": {"title": "x"}, "body": "x"}},
        {"response": {"error": {"code": "1", "message": "x"}}},
        {"Envelope": {"Body": ""}},
        {"Envelope": {"Body": {"Fault": {"faultcode": "Server", "faultstring": "x"}}}},
        {"Envelope": {"Body": {"Fault": {"Code": {"Value": "Receiver"}, "Reason": {"Text": "x"}}}}},
    ),
    "csv": (None, [], [{"error": "1", "message": "x"}]),
}
_STATUSES = (200, 301, 302, 400, 401, 403, 404, 408, 410, 429, 500, 502, 503, 504)
"""A bare 404 is among them: a gateway also says so when the registry has moved."""

_STUMPS: tuple[Any, ...] = ("", None, {}, {"error": "x"})
_EMPTY: tuple[Any, ...] = ("", [], {})
_ELEMENT = "[]"
_PLACE_OF_BODY = "body."

_IN_HEADERS: Final = ("application/json", "text/html; charset=utf-8", "0")
"""Common values of headers; what an expression compares with is tried, too."""
_MOST_HEADERS: Final = 200
"""Combinations of headers that one expression is tried with."""

_KEPT: Final = 1024
"""Expressions whose trials are cached: each is tried with hundreds of answers, and most come again."""

_ASKED_AGAIN: Final[Mapping[Reason, Then]] = {
    Reason.SOURCE_UNAVAILABLE: Then.RETRY,
    Reason.SOURCE_THROTTLED: Then.RETRY,
    Reason.SOURCE_MAINTENANCE: Then.MAINTENANCE,
}
"""Reasons for which a lookup is repeated whatever `then` says, and the `then` that says so."""


def answer_problems(path: Path, step: Step) -> Iterator[Fault]:
    """What is wrong with how a step at `path` reads answers, and with its outcomes."""
    yield from _decoding_problems(path, step)
    for index, outcome in enumerate(step.outcomes):
        if outcome.then is Then.REFUSED and is_hasty(read_as(step), outcome.when):
            said = "this would refuse on an outage, or on an answer that is empty or of another shape"
            hint = "ask for what the registry itself says in the body if it has no record"
            yield (*path, "outcomes", index, "when"), f"{said} — {hint}, not only for a status or a header"
        yield from _reason_problems((*path, "outcomes", index, "reason"), outcome)
        if outcome.retry_after is not None and outcome.then not in {Then.RETRY, Then.MAINTENANCE}:
            yield (*path, "outcomes", index, "retry_after"), "only retry and maintenance wait — remove it"


def absence_problems(source: RegistryDescription) -> Iterator[Fault]:
    """Why an empty list of records would not prove that the registry has no such record."""
    record = source.record
    if record.absent == "refused" and _is_empty_elsewhere(read_as(source.steps[-1]), record.origin):
        said = "this is also an empty list for an answer of another shape, and absent: refused would refuse"
        hint = "let it be null there, without not_null(…) or [?…], and make [?…] an outcome or a rule"
        yield ("record", "from"), f"{said} — {hint}"


@lru_cache(_KEPT)
def _is_empty_elsewhere(read_as: str, origin: str) -> bool:
    """Whether an expression gives an empty list for answers that say nothing or have another shape."""
    whole = ({"status": 200, "headers": {}, "body": body} for body in _stumps(origin, to_the_end=True))
    return any(_found(origin, answer) == [] for answer in (*_foreign(read_as, origin), *whole))


@lru_cache(_KEPT)
def is_hasty(read_as: str, expression: str) -> bool:
    """Whether an expression holds for answers that say nothing about anyone; gateways write status and headers."""
    fields = {node["value"] for node in walk(expression) if node["type"] == "field"}
    found = (_found(expression, answer) for answer in _foreign(read_as, expression))
    return "body" not in fields or any(each is not None and each is not False and each not in _EMPTY for each in found)


def _reason_problems(path: Path, outcome: OutcomeRule) -> Iterator[Fault]:
    """A technical reason says by itself whether the registry is asked again."""
    if outcome.then is Then.RETRY and outcome.reason is Reason.SOURCE_REJECTED_REQUEST:
        said = "a request that the registry rejects is not repeated"
        yield path, f"{said} — write then: undetermined, or another reason"
    elif outcome.then is Then.UNDETERMINED and (then := _ASKED_AGAIN.get(outcome.cause)) is not None:
        yield path, f"for {outcome.cause} the registry is asked again — write then: {then}, or another reason"


def _decoding_problems(path: Path, step: Step) -> Iterator[Fault]:
    first, *inner = step.decoders
    if isinstance(first, XmlIn):
        yield (*path, "decode"), "xml_in reads a part of what was read before it — begin with xml: [xml, { xml_in: … }]"
    elif inner and first != "xml":
        yield (*path, "decode"), "only xml can hold XML in a text — write [xml, { xml_in: … }], or a single way to read"
    elif not all(isinstance(decoder, XmlIn) for decoder in inner):
        yield (*path, "decode"), "an answer is read in one way — after the first, write only { xml_in: … }"
    for index, decoder in enumerate(step.decoders):
        if isinstance(decoder, XmlIn) and decoder.xml_in.startswith(_PLACE_OF_BODY):
            at = (index,) if isinstance(step.decode, tuple) else ()
            yield (*path, "decode", *at, "xml_in"), _from_the_root(decoder.xml_in)
    if step.as_list and first != "xml":
        yield (*path, "as_list"), "a list can look like one value only in XML — remove it"
    for index, element in enumerate(step.as_list):
        if element.startswith(_PLACE_OF_BODY):
            yield (*path, "as_list", index), _from_the_root(element)


def _from_the_root(path: str) -> str:
    return f"this counts from the root of the document — write {path.removeprefix(_PLACE_OF_BODY)}"


def read_as(step: Step) -> str:
    """The format of a step's answer: json, xml or csv."""
    first = step.decoders[0]
    return first if isinstance(first, str) else "json" if isinstance(first, JsonDocument) else "csv"


def _foreign(read_as: str, expression: str) -> Iterator[dict[str, Any]]:
    """Answers that say nothing about anyone: outages, redirects, quotas, empty and foreign documents, and stumps."""
    bodies = (*_BODIES[read_as], *_stumps(expression))
    literals = list(_literals(expression))
    statuses = {*_STATUSES, *(each for each in literals if type(each) is int and 100 <= each < 600)}
    for headers in _headers(expression, literals):
        for status, body in itertools.product(sorted(statuses), bodies):
            yield {"status": status, "headers": headers, "body": body}


def _headers(expression: str, literals: Sequence[Any]) -> Iterator[dict[str, str]]:
    """The headers that an expression names, absent, and with every value that it could look for."""
    named = {names[1] for names in _chains(expression, "headers")}
    texts = [each if isinstance(each, str) else json.dumps(each) for each in literals]
    said = (None, *dict.fromkeys((*texts, *_IN_HEADERS)))
    for values in itertools.islice(itertools.product(said, repeat=len(named)), _MOST_HEADERS):
        yield {name: value for name, value in zip(sorted(named), values, strict=True) if value is not None}


def _stumps(expression: str, *, to_the_end: bool = False) -> Iterator[Any]:
    """Bodies that match the path of `expression` down to some element, and have another shape below it.

    The registry may set the last element on purpose, so that one is left out unless `to_the_end`.
    """
    for chain in _chains(expression):
        names = chain[1:] if to_the_end else chain[1:-1]
        for stump in (*_STUMPS, [{"error": "x"}]) if to_the_end else _STUMPS:
            body: Any = stump
            for name in reversed(names):
                body = [body] if name == _ELEMENT else {name: body}
            yield body


def _chains(expression: str, root: str = "body") -> set[tuple[str, ...]]:
    """The paths into `root` in an expression: in `body.a[0].b`, these are body.a, body.a.[] and body.a.[].b."""
    found: set[tuple[str, ...]] = set()
    for node in walk(expression):
        names = list(_names(node))
        if names[:1] == [root]:
            found |= {tuple(names[:length]) for length in range(2, len(names) + 1)}
    return found


def _names(node: Node) -> Iterator[str]:
    """The names that an expression begins with, and _ELEMENT for each index of a list."""
    match node["type"]:
        case "field":
            yield node["value"]
        case "index_expression":
            yield from _names(node["children"][0])
            yield _ELEMENT
        case "subexpression":
            for child in node["children"]:
                names = list(_names(child))
                yield from names
                if not names:
                    break


def _literals(expression: str) -> Iterator[Any]:
    """The literals of an expression, those in lists one by one."""
    for node in walk(expression):
        if node["type"] == "literal":
            yield from node["value"] if isinstance(node["value"], list) else [node["value"]]


def _found(expression: str, answer: dict[str, Any]) -> Any:
    try:
        return jmespath.search(expression, answer, OPTIONS)
    except Exception:  # noqa: BLE001 - JMESPath raises bare TypeErrors, too; the interpreter takes each for Unreadable
        return None
