"""What must fit together in a registry's description, so that it can not refuse anybody without evidence."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import urlsplit

import jmespath

from config.problems import printable
from config.registry.request import Request
from config.registry.rules import EqualsRule, NameRule, OneOfRule, Rule, StatusRule, Then
from config.registry.source import RegistrySource, Step
from config.registry.templates import SECRETS, pieces, placeholders
from config.suggestions import did_you_mean

Path = tuple[str | int, ...]
Problem = tuple[Path, str]

NUMBER = "number"
NAMES = "names"
STATUS = "status"

_FOREIGN_BODIES: tuple[Any, ...] = (None, {}, [], "", {"error": "x"}, {"apiVersion": "2", "payload": {"items": []}})
_FOREIGN: tuple[dict[str, Any], ...] = tuple(
    {"status": status, "headers": {}, "body": body}
    for status in (200, 301, 302, 400, 401, 403, 404, 408, 410, 429, 500, 502, 503, 504)
    for body in _FOREIGN_BODIES
)
"""Answers that say nothing about anybody: outages, redirects, quotas, empty and foreign documents.

A bare 404 is among them: it is also what a gateway says when the registry has moved.
"""


def problems_of(source: RegistrySource) -> Iterator[Problem]:
    """Everything that does not fit together, with its place below the source."""
    yield from _check_steps(source)
    yield from _check_record(source)
    yield from _check_rules(source)
    yield from _order_problems(source)


def check_order(source: RegistrySource) -> list[str]:
    """Why the rules of `source` could refuse somebody for a stranger's record; empty when they can not.

    A record refuses only after its number, and its name where the record gives one, matched: a mistyped number leads to
    a stranger, whose status is no reason. A source that was validated has no such problem.
    """
    return [said for _, said in _order_problems(source)]


def _order_problems(source: RegistrySource) -> Iterator[Problem]:
    number_matched, name_matched = False, NAMES not in source.record.fields
    for index, rule in enumerate(source.rules):
        match rule:
            case EqualsRule(field="number"):
                number_matched = True
                if rule.refuses:
                    said = "a record with another number refuses nobody — write else: undetermined"
                    yield ("rules", index, "else"), said
            case NameRule():
                name_matched = True
            case _ if rule.refuses and not (number_matched and name_matched):
                missing = "its number" if not number_matched else "its name"
                said = f"this rule could refuse for a stranger's record, for {missing} is not compared before it"
                yield ("rules", index), f"{said} — move it behind the rules equals (number) and name"
    if not number_matched:
        yield ("rules",), "no rule compares the number — add { check: equals, field: number, input: … }"
    if not name_matched:
        yield ("rules",), "no rule compares the name that the record gives — add { check: name, family: …, given: … }"


def _check_steps(source: RegistrySource) -> Iterator[Problem]:
    known = {*source.inputs, *(SECRETS + name for name in source.secrets)}
    always = {name for name, field in source.inputs.items() if field.required}
    names: set[str] = set()
    for index, step in enumerate(source.steps):
        path: Path = ("steps", index)
        if step.name in names:
            yield (*path, "name"), "another step has this name — give it one of its own"
        names.add(step.name)
        yield from _check_request((*path, "request"), step.request, source, known, always)
        yield from _check_outcomes(path, step)
        for name in step.set:
            if name in known:
                yield (*path, "set", name), "this name is taken — choose another"
        known |= set(step.set)
        always |= set(step.set)


def _check_request(
    path: Path, request: Request, source: RegistrySource, known: Collection[str], always: Collection[str]
) -> Iterator[Problem]:
    host = urlsplit(next(pieces(request.url))[0]).hostname or ""
    if host not in source.hosts:
        hint = did_you_mean(host, source.hosts) or "add it there"
        yield (*path, "url"), f"'{printable(host)}' is not among hosts — {hint}"
    for below, text in _texts(request):
        for name in placeholders(text):
            if name not in known:
                kind = "secret" if name.startswith(SECRETS) else "input"
                yield (*path, *below), f"there is no {kind} '{name}' — {did_you_mean(name, known) or 'declare it'}"
            elif name.startswith(SECRETS) and below == ("url",):
                yield (*path, *below), "a secret in the path would be seen by every proxy and log — use auth:"
            elif below == ("url",) and name not in always:
                yield (*path, *below), f"'{name}' may be missing, and a path needs it — write required: true"


def _texts(request: Request) -> Iterator[tuple[Path, Any]]:
    yield ("url",), request.url
    yield from ((("query", name), text) for name, text in request.query.items())
    yield from ((("headers", name), text) for name, text in request.headers.items())
    if request.body is not None:
        yield ("json",), request.body
    if request.auth is not None:
        yield from ((("auth", name), text) for name, text in request.auth if name not in {"type", "name"})


def _check_outcomes(path: Path, step: Step) -> Iterator[Problem]:
    for index, outcome in enumerate(step.outcomes):
        if outcome.then is Then.REFUSED and any(_gives(outcome.when, answer) for answer in _FOREIGN):
            said = "this would refuse on an outage, or on an answer that is empty or of another shape"
            hint = "ask for what the registry itself says in the body when nobody is there, not for a status alone"
            yield (*path, "outcomes", index, "when"), f"{said} — {hint}"
        if outcome.retry_after is not None and outcome.then not in {Then.RETRY, Then.MAINTENANCE}:
            yield (*path, "outcomes", index, "retry_after"), "only retry and maintenance wait — remove it"


def _gives(expression: str, answer: dict[str, Any]) -> bool:
    try:
        found = jmespath.search(expression, answer)
    except Exception:  # noqa: BLE001 - JMESPath raises bare TypeErrors, too; the interpreter takes each for Unreadable
        return False
    return found is not None and found is not False and found not in ("", [], {})


def _check_record(source: RegistrySource) -> Iterator[Problem]:
    record = source.record
    if NUMBER not in record.fields:
        yield ("record", "fields"), "the number of the record is compared with the one typed — add number: EXPRESSION"
    if record.status and STATUS not in record.fields:
        yield ("record", "status"), "no field has this status — add fields: { status: EXPRESSION }"
    words = [word for listed in record.status.values() for word in listed]
    if len(words) != len(set(words)):
        yield ("record", "status"), "a word of the registry stands twice — it means one thing"
    if record.absent == "refused":
        for answer in _FOREIGN:
            try:
                found = jmespath.search(record.origin, answer)
            except Exception:  # noqa: BLE001, S112 - as above
                continue
            if found == []:
                said = "this is an empty list also for an answer of another shape, and absent: refused would refuse"
                yield ("record", "from"), f"{said} — let it be null there, without not_null(…)"
                break


def _check_rules(source: RegistrySource) -> Iterator[Problem]:
    for index, rule in enumerate(source.rules):
        for below, said in _check_rule(rule, source):
            yield ("rules", index, *below), said


def _check_rule(rule: Rule, source: RegistrySource) -> Iterator[Problem]:
    fields, meanings = source.record.fields, source.record.status
    match rule:
        case EqualsRule() | OneOfRule() if rule.field == NAMES:
            yield ("field",), "names are compared by a rule of their own — write check: name"
        case EqualsRule() | OneOfRule() if rule.field not in fields:
            yield ("field",), _unknown("field of the record", rule.field, fields)
        case StatusRule() if rule.meaning not in meanings:
            yield ("is",), _unknown("meaning in the status map of the record", rule.meaning, meanings)
        case NameRule() if NAMES not in fields:
            yield (), "the record gives no names to compare — add fields: { names: EXPRESSION }"
    match rule:
        case EqualsRule():
            yield from _check_input("input", rule.input, source)
        case NameRule():
            yield from _check_input("family", rule.family, source)
            if rule.given is not None:
                yield from _check_input("given", rule.given, source)


def _check_input(key: str, name: str, source: RegistrySource) -> Iterator[Problem]:
    if name not in source.inputs:
        yield (key,), _unknown("input", name, source.inputs)
    elif not source.inputs[name].required:
        yield (key,), f"'{name}' may be missing — write required: true"


def _unknown(what: str, name: str, known: Collection[str]) -> str:
    return f"there is no {what} '{name}' — {did_you_mean(name, known) or 'declare it'}"
