"""Finds the line of a description that a failed test is about. An expression that yields nothing is reported once,
there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from adapters.registry_tests.dependence import Dependence
from adapters.registry_tests.description_tests import Tried
from adapters.registry_tests.offline_run import Path
from config.problems import printable
from config.registry import RegistrySource
from config.registry.model.rules import EqualsRule, MinAgeRule, NameRule, OneOfRule, Rule, StatusRule, ValidAtRule
from config.suggestions import did_you_mean, suggest
from jurat.vocabulary import Outcome, Reason

_DEEPEST: Final = 3
_MOST: Final = 60
_NAME: Final = ("family", "given")

Pointed = tuple[Path, str, str]
"""A place below the source, what is wrong there, and what to do."""


def pointed(source: RegistrySource, test: Tried) -> Pointed | None:
    """The line that gives nothing for the answer of a test that failed and expects a record; None where it is another.

    What the first record is made of is looked at, and not what the rules make of it.
    """
    last = source.steps[-1].name
    expects_record = test.trial.outcome is Outcome.ACCEPTED or (
        test.trial.outcome is Outcome.REFUSED and test.trial.reason is not Reason.RECORD_NOT_FOUND
    )
    if test.passed or not test.found or not expects_record or last not in test.replies:
        return None
    seen = Dependence(source, test.replies[last])
    of_test = f"the answer of the test '{printable(test.trial.name)}'"
    match test.decided:
        case ("steps", index) | ("steps", index, *_) if index != len(source.steps) - 1:
            return None
        case ("steps", _) | ("record", "absent" | "from") if not seen.record:
            choices = [".".join(("body", *keys)) for keys in _holders(seen.body)] if seen.body is not None else []
            hint = suggest(source.record.origin, choices) if choices else ""
            return (("record", "from"), f"no record stands here in {of_test}", hint) if choices else None
        case ("record", "fields"):
            return _field(source, seen, ["number"], of_test) or _no_names(seen, of_test)
        case ("rules", int() as index):
            rule = source.rules[index]
            if isinstance(rule, StatusRule) and seen.says("status"):
                unknown = test.found == f"{Outcome.UNDETERMINED}/{Reason.STATUS_UNKNOWN}"
                said = f"the status in {of_test} is none of these words"
                return (("record", "status"), said, "add it to one of the meanings") if unknown else None
            if isinstance(rule, NameRule) and seen.says("names") and test.found.endswith(Reason.RECORD_NOT_PUBLIC):
                keys = suggest("family", sorted(_keys(seen.record)))
                return ("record", "fields", "names"), f"no family name stands here in {of_test}", keys
            return _field(source, seen, _fields_of(rule), of_test)
    return None


def _field(source: RegistrySource, seen: Dependence, names: list[str], of_test: str) -> Pointed | None:
    silent = next((name for name in names if name in source.record.fields and not seen.says(name)), None)
    if silent is None or not isinstance(seen.record, dict):
        return None
    keys = sorted(_keys(seen.record))
    if not any(map(seen.says, source.record.fields)):
        said = f"what stands here in {of_test} is no record, for no field finds anything in it"
        choices = [".".join(("body", *found)) for found in _holders(seen.body)]
        return ("record", "from"), said, suggest(source.record.origin, set(choices) - {source.record.origin})
    written = re.findall(r"[A-Za-z_]\w*", seen.expression(silent))
    word = next((each for each in written if each not in keys), silent)
    return ("record", "fields", silent), f"nothing stands here in {of_test}", suggest(word, keys)


def _no_names(seen: Dependence, of_test: str) -> Pointed | None:
    if not seen.says("names"):
        return None
    found = seen.value("names")
    listed = found if isinstance(found, list) else [found]
    odd = next((part for part in listed if not isinstance(part, dict) or "family" not in part), None)
    if odd is None:
        return None
    near = filter(None, (did_you_mean(key, _NAME) for key in odd if key not in _NAME) if isinstance(odd, dict) else ())
    hint = next(near, 'write it like "[{family: KEY, given: KEY}]"')
    return ("record", "fields", "names"), f"what stands here in {of_test} is no list of {{family, given}}", hint


def _fields_of(rule: Rule) -> list[str]:
    match rule:
        case NameRule():
            return ["names"]
        case StatusRule():
            return ["status"]
        case ValidAtRule(fields=fields):
            return list(fields.values())
        case EqualsRule(field=name) | OneOfRule(field=name) | MinAgeRule(field=name):
            return [name]


def _keys(tree: Any, depth: int = _DEEPEST) -> set[str]:
    """The keys in a record, of its parts too."""
    match tree:
        case dict() if depth:
            parts = list(tree.items())[:_MOST]
            return {str(key) for key, _ in parts}.union(*(_keys(part, depth - 1) for _, part in parts))
        case list():
            return set[str]().union(*(_keys(part, depth) for part in tree[:3]))
    return set()


def _holders(tree: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where maps, or lists of maps, stand that a record may be: the plain keys on the way, from the root on."""
    if not isinstance(tree, dict) or len(above) >= _DEEPEST:
        return
    for key, value in list(tree.items())[:_MOST]:
        inner = value[0] if isinstance(value, list) and value else value
        if isinstance(inner, dict) and re.fullmatch(r"[A-Za-z_]\w*", str(key)):
            yield (*above, str(key))
            yield from _holders(value, (*above, str(key)))
