"""Fills in what a description of a registry or a roster need not say: hosts, the usual inputs, and the first rules.

It works on what was read from a file, so that a stored configuration has all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from jmespath.exceptions import JMESPathError
from pydantic_core import PydanticCustomError

from config.registry.model.expressions import gives_family, gives_given
from config.registry.model.hosts import listing_of
from config.registry.model.record import NAMES, NUMBER
from config.registry.model.templates import pieces, texts_in

USUAL_INPUTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "number": {
        "clean": ["trim", "alnum", "upper"],
        "max_length": 40,
        "title": {"en": "Registration number", "fr": "Numéro d'inscription"},
    },
    "family_name": {"clean": ["trim"], "title": {"en": "Family name", "fr": "Nom de famille"}},
    "given_name": {"clean": ["trim"], "title": {"en": "Given name", "fr": "Prénom"}},
}
"""The inputs that are implied where a request or a rule uses them and none of that name is declared."""

NUMBER_RULE: Final[Mapping[str, str]] = {"check": "equals", "field": NUMBER, "input": "number"}
NAME_RULE: Final[Mapping[str, str]] = {"check": "name", "family": "family_name", "given": "given_name"}
"""The rules that are implied where none compares the number, or the names that the record has."""

_PLACEHOLDER: Final = re.compile(r"\{([a-z][a-z0-9_]*)[|}]")
_UNSAID: Final = ("equals", None)
"""A rule whose field is missing or mistyped: it may be the number's."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_NAMING: Final = ("input", "family", "given", "format_when", "format_after")
"""The options of rules and inputs that name an input."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A whole source, and what of it was implied: hosts, names of inputs, and rules by their index."""

    source: Any
    hosts: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    rules: Mapping[int, str] = field(default_factory=dict)

    @property
    def written_rules(self) -> list[int]:
        """Where each rule that was written is among all."""
        return [index for index in range(len(self.source.get("rules", ()))) if index not in self.rules]

    def as_data(self) -> dict[str, list[Any]]:
        """What was implied, as a configuration has it."""
        found = {"rules": [self.source["rules"][index] for index in self.rules], "hosts": list(self.hosts)}
        return found | {"inputs": list(self.inputs)}

    def __str__(self) -> str:
        said = [f"hosts {', '.join(self.hosts)}"] if self.hosts else []
        said += [f"inputs {', '.join(self.inputs)}"] if self.inputs else []
        said += [f"rules[{index}] {check}" for index, check in self.rules.items()]
        return "; ".join(said)


def fill_in(source: Any, *, with_hosts: bool = True) -> Filled:
    """`source` as it was written, with what it implies.

    With an input that nothing uses, no other input and no rule is implied: that one may be the number or a name under
    another name, or mistyped.
    """
    if not isinstance(source, dict):
        return Filled(source)
    hosts = tuple(dict.fromkeys(_hosts(source))) if with_hosts and "hosts" not in source else ()
    whole = source | ({"hosts": list(hosts)} if hosts else {})
    inputs, rules, record = source.get("inputs", {}), source.get("rules", []), source.get("record")
    fields = record.get("fields") if isinstance(record, dict) else None
    if not (isinstance(inputs, dict) and isinstance(fields, dict) and _are_maps(rules)):
        return Filled(whole, hosts)
    used = _sent(source) | _named(rules) | _named(inputs.values())
    if inputs.keys() - USUAL_INPUTS.keys() - used:
        return Filled(whole, hosts)
    is_roster = source.get("type") == "roster"
    is_asked = "number" in {*inputs, *used} or (is_roster and not inputs)
    has_number = is_asked and (is_roster or NUMBER in fields)
    implied = _implied_rules(rules, number=has_number, names=_give_both(fields.get(NAMES)))
    for index, rule in implied.items():
        rules = [*rules[:index], dict(rule), *rules[index:]]
    missing = [name for name in USUAL_INPUTS if name in (used | _named(rules)) - inputs.keys()]
    if implied:
        whole["rules"] = rules
    if missing:
        usual = [name for name in USUAL_INPUTS if name in {*inputs, *missing}]
        whole["inputs"] = {name: inputs.get(name, deepcopy(USUAL_INPUTS[name])) for name in usual} | inputs
    return Filled(whole, hosts, tuple(missing), {index: rule["check"] for index, rule in implied.items()})


def _hosts(source: Mapping[str, Any]) -> Iterator[str]:
    """The hosts of all requests and token endpoints, without those of malformed addresses."""
    for request in _requests(source):
        auth = request.get("auth")
        for part in (request, auth if isinstance(auth, dict) else {}):
            with suppress(PydanticCustomError, ValueError):
                if listed := listing_of(next(pieces(str(part.get("url"))))[0]):
                    yield listed


def _requests(source: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    steps: Any = source.get("steps")
    for step in steps if _are_maps(steps) else []:
        if isinstance(request := step.get("request"), dict):
            yield request


def _sent(source: Mapping[str, Any]) -> set[str]:
    """The names in the placeholders of all requests."""
    texts = (text for request in _requests(source) for _, text in texts_in(request))
    return {name for text in texts for name in _PLACEHOLDER.findall(text)}


def _named(parts: Iterable[Any]) -> set[str]:
    """The inputs that rules or inputs name."""
    texts = (part.get(option) for part in parts if isinstance(part, dict) for option in _NAMING)
    return {name for text in texts if isinstance(text, str) for name in _NAME.findall(text)}


def _implied_rules(rules: Sequence[Mapping[str, Any]], *, number: bool, names: bool) -> dict[int, Mapping[str, str]]:
    """The rules that are implied, by their index in the whole list: the name is compared right after the number."""
    by_check = ((rule.get("check"), rule.get("field")) for rule in rules)
    numbers = [index for index, (check, name) in enumerate(by_check) if name == NUMBER or (check, name) == _UNSAID]
    implied: dict[int, Mapping[str, str]] = {}
    if number and not numbers:
        implied[0] = NUMBER_RULE
    if names and not any(rule.get("check") == "name" or "family" in rule for rule in rules):
        implied[max(numbers, default=-1) + 1 + len(implied)] = NAME_RULE
    return implied


def _give_both(names: Any) -> bool:
    """Whether a record has names of people: a family name without a given one is a whole name, or an organisation's."""
    try:
        return isinstance(names, str) and (gives_given(names) or not gives_family(names))
    except (JMESPathError, ValueError, RecursionError):
        return False


def _are_maps(parts: Any) -> bool:
    return isinstance(parts, list) and all(isinstance(part, dict) for part in parts)
