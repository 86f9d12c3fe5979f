"""Checks what a request refers to: hosts, inputs, secrets, and values of earlier steps."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from config.networks import literal
from config.problems import Fault, Path, printable
from config.registry.model.auth import SECURITY, OAuth2Auth
from config.registry.model.expressions import walk
from config.registry.model.hosts import host_of, is_listed, listing_of
from config.registry.model.inputs import Input
from config.registry.model.record import NUMBER
from config.registry.model.request import RequestDescription
from config.registry.model.rules import EqualsRule, SentRule
from config.registry.model.source import Kept, RecordSource, RegistryDescription
from config.registry.model.templates import SECRETS, Filter, Placeholder, pieces, placeholders, texts_in
from config.suggestions import did_you_mean, suggest


def request_problems(
    path: Path,
    request: RequestDescription,
    source: RegistryDescription,
    known: Collection[str],
    always: Collection[str],
) -> Iterator[Fault]:
    """What is wrong with a request at `path`. It may refer to `known`; of these, `always` are never missing."""
    yield from _unlisted((*path, "url"), request.url, source)
    if isinstance(request.auth, OAuth2Auth):
        yield from _unlisted((*path, "auth", "url"), request.auth.url, source)
    yield from _taken(path, request, known)
    own = request.auth.names if request.auth else frozenset()
    secret = _secrets_of(source)
    for place, tree in request.templates():
        named = {*known, *own} if place[0] == "auth" else set(known)
        if place[0] in {"xml", "parts"}:
            named |= {*request.parts, *own} - {SECURITY}
        if place[0] == "auth" and not own:
            yield from (((*path, *place), said) for said in _unsafe(placeholders(tree), source, known, secret))
        for placeholder in placeholders(tree):
            if said := _fault_of(placeholder, source, named):
                yield (*path, *place), said
            elif place == ("url",) and placeholder.name in secret:
                hint = "use auth:" if placeholder.name.startswith(SECRETS) else "send it under headers:"
                yield (*path, *place), f"every proxy and log would see a secret in the path — {hint}"
            elif place == ("url",) and placeholder.name not in always:
                said = f"'{placeholder.name}' may be missing, and a path needs it"
                yield (*path, *place), f"{said} — write required: true"
        # In XML, a missing input is left empty. Elsewhere the whole text is left out.
        for _, text in texts_in(tree) if place[0] not in {"url", "xml", "parts"} else ():
            found = {placeholder.name for placeholder in placeholders(text)}
            for name in sorted(found & source.inputs.keys() - always) if found & secret else ():
                said = f"'{name}' may be missing, and then the secret next to it would be left out too"
                yield (*path, *place), f"{said} — write required: true"


def _taken(path: Path, request: RequestDescription, known: Collection[str]) -> Iterator[Fault]:
    """Names of inputs or values that mean something else in this request."""
    for name in request.parts:
        if name in known:
            yield (*path, "parts", name), "this name is taken — choose another"
    for name in sorted(request.auth.names & set(known)) if request.auth else ():
        yield (*path, "auth"), f"'{name}' has another meaning with this auth — rename the input or value"


def _unlisted(path: Path, url: str, source: RegistryDescription) -> Iterator[Fault]:
    """A host that `hosts` does not list."""
    host = listing_of(next(pieces(url))[0])
    if not is_listed(host, source.hosts):
        # A host that is listed with another port is no typing mistake.
        others = [other for other in source.hosts if host_of(other) != host_of(host) and not _is_number(other)]
        hint = "" if _is_number(host) else did_you_mean(host, others)
        hint = hint or "add it there"
        yield path, f"'{printable(host)}' is not among hosts — {hint}"


def sending_problems(source: RegistryDescription) -> Iterator[Fault]:
    """A number that no request sends: the registry would get the same request for everyone."""
    compared = [name for name in source.number_inputs if name in source.inputs]
    sent = set[str]().union(*(step.request.placeholder_names() for step in source.steps))
    if compared and sent.isdisjoint(compared):
        said = f"no request sends the input '{compared[0]}' — write {{{compared[0]}}} where the registry wants it"
        yield ("steps",), f"{said}; doubled braces are literal"


def input_problems(source: RecordSource) -> Iterator[Fault]:
    """What is wrong with the conditions of formats, and with an input that is compared with the number."""
    for index, rule in enumerate(source.rules):
        is_number = isinstance(rule, SentRule) or (isinstance(rule, EqualsRule) and rule.field == NUMBER)
        if not isinstance(rule, EqualsRule | SentRule) or not is_number or rule.input not in source.inputs:
            continue
        compared = source.inputs[rule.input]
        if compared.values is not None or compared.type == "date":
            said = f"'{rule.input}' is {'a choice' if compared.values else 'a date'}, which many people share"
            yield ("rules", index, "input"), f"{said} — compare the number with an input that holds a number"
    for name, field in source.inputs.items():
        before = field.format_after
        if before == name or (before is not None and before not in source.inputs):
            hint = did_you_mean(before, source.inputs.keys() - {name}) or "declare it"
            yield ("inputs", name, "format_after"), f"there is no other input '{before}' — {hint}"
        elif before is not None and not source.inputs[before].required:
            yield ("inputs", name, "format_after"), f"'{before}' may be missing — write required: true"
        for said in _condition_faults(field.format_when, source.inputs) if field.format_when is not None else ():
            yield ("inputs", name, "format_when"), said


def _is_number(listed: str) -> bool:
    """Whether a host is an IP address: a similar one is no typing mistake."""
    return literal(host_of(listed).strip("[]")) is not None


def _secrets_of(source: RegistryDescription) -> set[str]:
    """The names of placeholders that no path may hold."""
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
        return f"'{name}' is no date — write type: date at its input, or remove the filter"
    return ""


def _unsafe(
    found: Iterable[Placeholder], source: RegistryDescription, known: Collection[str], secret: Collection[str]
) -> Iterator[str]:
    """What stands alone in the place of a key and is none: a participant could choose it, or it would be shown."""
    names = dict.fromkeys(placeholder.name for placeholder in found)
    for name in names if names.keys().isdisjoint(secret) else ():
        if name in source.inputs:
            yield f"'{name}' is typed by a participant — write {{secrets.NAME}}, or what an earlier step has set"
        elif name in known:
            yield f"'{name}' would be shown as it is no secret — write set: {{ {name}: {{ value: …, secret: true }} }}"


def _condition_faults(expression: str, inputs: Mapping[str, Input]) -> Iterator[str]:
    """What a condition names that is no input, and what it compares an input with that it never is."""
    for node in walk(expression):
        if node["type"] == "field" and node["value"] not in inputs:
            hint = did_you_mean(node["value"], inputs) or "declare it"
            yield f"there is no input '{printable(node['value'])}' — {hint}"
        compared = {child["type"]: child["value"] for child in node["children"] if "value" in child}
        if len(node["children"]) != 2 or compared.keys() != {"field", "literal"} or compared["field"] not in inputs:
            continue
        name, literal = compared["field"], compared["literal"]
        if node["type"] != "comparator" and not (node["value"] == "contains" and isinstance(literal, list)):
            continue
        choices = inputs[name].values
        for value in literal if isinstance(literal, list) else [literal]:
            if value is not None and not isinstance(value, str):
                yield f"'{name}' is typed as text, and this is no text — write it in quotes, like {name} == '1'"
            elif value is not None and choices is not None and value not in choices:
                meant = [key for key, sent in choices.items() if sent == value]
                hint = f"write '{printable(meant[0])}', which is typed" if meant else suggest(value, choices)
                yield f"'{printable(value)}' is no choice of '{name}' — {hint}"
