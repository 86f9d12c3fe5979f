"""Finds the line of a description that made a test fail, so that an expression that finds nothing is reported once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from adapters.registry.record import text_of
from adapters.registry_tests.comparisons import quoted
from adapters.registry_tests.dependence import Dependence
from adapters.registry_tests.description_tests import TrialResult
from adapters.registry_tests.offline_run import Fault
from config.problems import printable
from config.registry import RegistrySource
from config.registry.model.rules import NameRule, StatusRule, fields_of
from config.suggestions import did_you_mean, suggest
from jurat.vocabulary import Outcome, Reason

_DEEPEST: Final = 3
_MOST: Final = 60
_NAME: Final = ("family", "given")


def find_line(source: RegistrySource, test: TrialResult) -> Fault | None:
    """The line that finds nothing in the answer of a failed test that expects a record; None for other failures.

    Judges what the first record is made of, not what the rules make of it.
    """
    last = source.steps[-1].name
    expects_record = test.trial.outcome is Outcome.ACCEPTED or (
        test.trial.outcome is Outcome.REFUSED and test.trial.reason is not Reason.RECORD_NOT_FOUND
    )
    if test.passed or not test.found or not expects_record or last not in test.replies:
        return None
    seen = Dependence(source, test.replies)
    of_test = f"the answer of the test '{printable(test.trial.name)}'"
    match test.decided:
        case ("steps", index) | ("steps", index, *_) if index != len(source.steps) - 1:
            return None
        case ("steps", _) | ("record", "absent" | "from") if not seen.record:
            if not (choices := list(_holders(seen.body))):
                return None
            hint = suggest(source.record.origin, choices)
            return Fault(("record", "from"), f"there is no record here in {of_test}", hint)
        case ("record", "fields"):
            return _field(source, seen, ["number"], of_test) or _no_names(seen, of_test)
        case ("rules", int() as index):
            rule = source.rules[index]
            if isinstance(rule, StatusRule) and seen.has_value("status"):
                unknown = test.found == f"{Outcome.UNDETERMINED}/{Reason.STATUS_UNKNOWN}"
                found = seen.value("status")
                words = quoted(
                    text_of(word) for word in (found if isinstance(found, list) else [found]) if word is not None
                )
                problem = f"the status {words} in {of_test} is none of these words"
                return Fault(("record", "status"), problem, "add it to one of the meanings") if unknown else None
            if isinstance(rule, NameRule) and seen.has_value("names") and test.found.endswith(Reason.RECORD_NOT_PUBLIC):
                keys = suggest("family", sorted(_keys(seen.record)))
                return Fault(("record", "fields", "names"), f"there is no family name here in {of_test}", keys)
            return _field(source, seen, fields_of(rule), of_test)
    return None


def _field(source: RegistrySource, seen: Dependence, names: list[str], of_test: str) -> Fault | None:
    silent = next((name for name in names if name in source.record.fields and not seen.has_value(name)), None)
    if silent is None or not isinstance(seen.record, dict):
        return None
    keys = sorted(_keys(seen.record))
    if not any(map(seen.has_value, source.record.fields)):
        problem = f"what is here in {of_test} is no record, for no field finds anything in it"
        origin = source.record.origin
        return Fault(("record", "from"), problem, suggest(origin, set(_holders(seen.body)) - {origin}))
    words = re.findall(r"[A-Za-z_]\w*", seen.expression(silent))
    word = next((each for each in words if each not in keys), silent)
    return Fault(("record", "fields", silent), f"there is nothing here in {of_test}", suggest(word, keys))


def _no_names(seen: Dependence, of_test: str) -> Fault | None:
    if not seen.has_value("names"):
        return None
    found = seen.value("names")
    listed = found if isinstance(found, list) else [found]
    odd = next((part for part in listed if not isinstance(part, dict) or "family" not in part), None)
    if odd is None:
        return None
    near = filter(None, (did_you_mean(key, _NAME) for key in odd if key not in _NAME) if isinstance(odd, dict) else ())
    hint = next(near, 'write it like "[{family: KEY, given: KEY}]"')
    return Fault(("record", "fields", "names"), f"what is here in {of_test} is no list of {{family, given}}", hint)


def _keys(tree: Any, depth: int = _DEEPEST) -> set[str]:
    """The keys of a record and of its parts."""
    match tree:
        case dict() if depth:
            parts = list(tree.items())[:_MOST]
            return {str(key) for key, _ in parts}.union(*(_keys(part, depth - 1) for _, part in parts))
        case list():
            return set[str]().union(*(_keys(part, depth) for part in tree[:3]))
    return set()


def _holders(tree: Any, above: str = "body") -> Iterator[str]:
    """The paths to maps, or lists of maps, that may be the record: `body.people`."""
    if not isinstance(tree, dict) or above.count(".") >= _DEEPEST:
        return
    for key, value in list(tree.items())[:_MOST]:
        inner = value[0] if isinstance(value, list) and value else value
        if isinstance(inner, dict) and re.fullmatch(r"[A-Za-z_]\w*", str(key)):
            yield f"{above}.{key}"
            yield from _holders(value, f"{above}.{key}")
