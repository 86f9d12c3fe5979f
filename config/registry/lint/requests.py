"""Checks what a request refers to: hosts, inputs, secrets, and values of earlier steps."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import jmespath

from config.networks import literal
from config.problems import printable
from config.registry.model.hosts import host_of, is_listed, listing_of
from config.registry.model.inputs import Input
from config.registry.model.request import Place, RequestDescription
from config.registry.model.rules import EqualsRule
from config.registry.model.secrecy import texts_in
from config.registry.model.source import Kept, RecordSource, RegistryDescription
from config.registry.model.templates import SECRETS, Filter, Placeholder, pieces, placeholders
from config.suggestions import did_you_mean, suggest

Problem = tuple[Place, str]


def request_problems(
    path: Place,
    request: RequestDescription,
    source: RegistryDescription,
    known: Collection[str],
    always: Collection[str],
) -> Iterator[Problem]:
    """What is wrong with a request at `path`; `known` may be referred to, and `always` has a value for everybody."""
    host = listing_of(next(pieces(request.url))[0])
    if not is_listed(host, source.hosts):
        # A host that is listed for another port is not meant by mistake.
        others = [other for other in source.hosts if host_of(other) != host_of(host) and not _is_number(other)]
        hint = "" if _is_number(host) else did_you_mean(host, others)
        hint = hint or "add it there"
        yield (*path, "url"), f"'{printable(host)}' is not among hosts — {hint}"
    for name in request.parts:
        if name in known:
            yield (*path, "parts", name), "this name is taken — choose another"
    secret = _secrets_of(source)
    for place, tree in request.templates():
        named = {*known, *request.parts} if place[0] in {"xml", "parts"} else known
        for placeholder in placeholders(tree):
            if said := _fault_of(placeholder, source, named):
                yield (*path, *place), said
            elif place == ("url",) and placeholder.name in secret:
                hint = "use auth:" if placeholder.name.startswith(SECRETS) else "send it under headers:"
                yield (*path, *place), f"a secret in the path would be seen by every proxy and log — {hint}"
            elif place == ("url",) and placeholder.name not in always:
                said = f"'{placeholder.name}' may be missing, and a path needs it"
                yield (*path, *place), f"{said} — write required: true"
        # In XML, what was not given is left empty. Elsewhere the whole text is left out.
        for _, text in texts_in(tree) if place[0] not in {"url", "xml", "parts"} else ():
            found = {placeholder.name for placeholder in placeholders(text)}
            for name in sorted(found & source.inputs.keys() - always) if found & secret else ():
                said = f"'{name}' may be missing, and the secret beside it would be left out too"
                yield (*path, *place), f"{said} — write required: true"


def sending_problems(source: RegistryDescription) -> Iterator[Problem]:
    """A number that no request sends: the registry would be asked for the same for everybody."""
    compared = [rule.input for rule in source.rules if isinstance(rule, EqualsRule) and rule.field == "number"]
    compared = [name for name in compared if name in source.inputs]
    sent = {found.name for step in source.steps for _, text in step.request.templates() for found in placeholders(text)}
    if compared and sent.isdisjoint(compared):
        name = compared[0]
        said = f"no request sends the input '{name}' — write {{{name}}} where the registry wants it"
        yield ("steps",), f"{said}; doubled braces are literal"


def input_problems(source: RecordSource) -> Iterator[Problem]:
    """What is wrong with the conditions of the inputs' formats, and with an input that is taken for a number."""
    for index, rule in enumerate(source.rules):
        if not isinstance(rule, EqualsRule) or rule.field != "number" or rule.input not in source.inputs:
            continue
        compared = source.inputs[rule.input]
        if compared.values is not None or compared.type == "date":
            said = f"'{rule.input}' is {'a choice' if compared.values else 'a date'}, which many people share"
            yield ("rules", index, "input"), f"{said} — compare the number with an input that holds one"
    for name, field in source.inputs.items():
        before = field.format_after
        if before == name or (before is not None and before not in source.inputs):
            hint = did_you_mean(before, source.inputs.keys() - {name}) or "declare it"
            yield ("inputs", name, "format_after"), f"there is no other input '{before}' — {hint}"
        elif before is not None and not source.inputs[before].required:
            yield ("inputs", name, "format_after"), f"'{before}' may be missing — write required: true"
        for other in _fields_of(field.format_when):
            if other not in source.inputs:
                hint = did_you_mean(other, source.inputs) or "declare it"
                yield ("inputs", name, "format_when"), f"there is no input '{printable(other)}' — {hint}"
        for said in _never_typed(field.format_when, source.inputs):
            yield ("inputs", name, "format_when"), said


def _is_number(listed: str) -> bool:
    """Whether a host is an IP address: two that look alike are two."""
    return literal(host_of(listed).strip("[]")) is not None


def _secrets_of(source: RegistryDescription) -> set[str]:
    """What no path may hold, as placeholders have it."""
    kept = ((name, value) for step in source.steps for name, value in step.set.items())
    brought = (name for name, value in kept if isinstance(value, Kept) and value.secret)
    return {*(SECRETS + name for name in source.secrets), *brought}


def _fault_of(placeholder: Placeholder, source: RegistryDescription, known: Collection[str]) -> str:
    name = placeholder.name
    if name not in known:
        if name.startswith(SECRETS):
            own = name.removeprefix(SECRETS)
            return f"there is no secret '{own}' — {did_you_mean(own, source.secrets) or 'declare it under secrets:'}"
        if hint := did_you_mean(name, [each for each in known if not each.startswith(SECRETS)]):
            return f"there is no input '{name}' — {hint}"
        said = f"there is no input '{name}', and no earlier step sets it"
        return f"{said} — declare it under inputs:, or let an earlier step set: {{ {name}: … }}"
    is_date = name in source.inputs and source.inputs[name].type == "date"
    if Filter.DATE in placeholder.filters and not is_date:
        return f"'{name}' is no date — write type: date at its input, or leave the filter out"
    return ""


def _fields_of(expression: str | None) -> Iterator[str]:
    """The names in an expression. Inputs are texts without parts, so that each must be an input."""
    yield from (node["value"] for node in _nodes_of(expression) if node["type"] == "field")


def _never_typed(expression: str | None, inputs: Mapping[str, Input]) -> Iterator[str]:
    """What an expression compares an input with that it never is, so that a format would silently not be asked for."""
    for node in _nodes_of(expression):
        compared = {child["type"]: child["value"] for child in node["children"] if "value" in child}
        if len(node["children"]) != 2 or compared.keys() != {"field", "literal"} or compared["field"] not in inputs:
            continue
        name, literal = compared["field"], compared["literal"]
        if node["type"] != "comparator" and not (node["value"] == "contains" and isinstance(literal, list)):
            continue
        choices = inputs[name].values
        for value in literal if isinstance(literal, list) else [literal]:
            if value is not None and not isinstance(value, str):
                yield f"'{name}' is typed as text, and this is none — write it in quotes, like {name} == '1'"
            elif value is not None and choices is not None and value not in choices:
                meant = [key for key, sent in choices.items() if sent == value]
                hint = f"write '{printable(meant[0])}', which is typed" if meant else suggest(value, choices)
                yield f"'{printable(value)}' is no choice of '{name}' — {hint}"


def _nodes_of(expression: str | None) -> Iterator[dict[str, Any]]:
    waiting = [] if expression is None else [jmespath.compile(expression).parsed]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(child for child in node["children"] if isinstance(child, dict))
