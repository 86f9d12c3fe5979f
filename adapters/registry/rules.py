"""What a record says about the participant: the rules of a description, in order.

A refusal waits until the number, and the name where the record gives one, have matched. The description is checked for
that order, and this holds it once more: here it can not be got wrong by a document from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.base import Finding, Unreadable
from adapters.registry.names import Band, Name, compare
from adapters.registry.numbers import Cleaner
from adapters.registry.record import Record, text_of
from config.registry.checks import NAMES, NUMBER, STATUS
from config.registry.rules import EqualsRule, NameRule, OneOfRule, Rule, StatusRule
from config.registry.source import RegistrySource
from jurat.words import Outcome, Reason

Failure = tuple[Outcome, Reason]
"""What a rule that does not hold makes of the record."""

_DIFFERS: Failure = (Outcome.UNDETERMINED, Reason.RECORD_DIFFERS)
_AMBIGUOUS: Failure = (Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD)
_NOT_PUBLIC: Failure = (Outcome.UNDETERMINED, Reason.RECORD_NOT_PUBLIC)
_UNKNOWN: Failure = (Outcome.UNDETERMINED, Reason.STATUS_UNKNOWN)
_MISSING: Failure = (Outcome.UNDETERMINED, Reason.REQUIREMENT_MISSING)

_BANDS = tuple(band.name.lower() for band in Band)
"""The words of the bands, as evidence has them."""


@dataclass(slots=True)
class Case:
    """One record, and what it is held against. `inputs` are the cleaned answer."""

    record: Record
    inputs: Mapping[str, str]
    requirement: Mapping[str, Any]
    evidence: dict[str, Any]
    number_matched: bool = False
    name_matched: bool = False
    unnamed: bool = False


_Check = Callable[[Case], Failure | None]


class Rules:
    """The rules of one source, compiled. Thread-safe."""

    def __init__(self, source: RegistrySource) -> None:
        self._checks = tuple((rule.check, _compiled(rule, source)) for rule in source.rules)
        self._has_names = NAMES in source.record.fields

    def judge(self, case: Case) -> Finding:
        """The finding of the first rule that does not hold, or that the record matches.

        Raises:
            Unreadable: the record has no number to compare.
        """
        refusal: tuple[Failure, str] | None = None
        for name, check in self._checks:
            failure = check(case)
            if failure is None:
                continue
            if failure[0] is not Outcome.REFUSED or self._is_theirs(case):
                return _finding(case, failure, name)
            refusal = refusal or (failure, name)
        if not self._is_theirs(case):
            return _finding(case, _DIFFERS)
        if refusal is not None:
            return _finding(case, *refusal)
        if case.unnamed:
            return _finding(case, _NOT_PUBLIC)
        return Finding(Outcome.ACCEPTED, Reason.RECORD_MATCHES, case.evidence)

    def _is_theirs(self, case: Case) -> bool:
        """Whether the record is known to be the participant's own: by number, and by name where it gives one."""
        return case.number_matched and (case.name_matched or case.unnamed or not self._has_names)


def _finding(case: Case, failure: Failure, rule: str | None = None) -> Finding:
    if rule is not None:
        case.evidence["rule"] = rule
    return Finding(*failure, case.evidence)


def _compiled(rule: Rule, source: RegistrySource) -> _Check:
    match rule:
        case EqualsRule():
            return _equals(rule, Cleaner(source.inputs[rule.input]))
        case OneOfRule():
            return _one_of(rule)
        case StatusRule():
            return _status(rule, source.record.status)
        case NameRule():
            return _name(rule)


def _equals(rule: EqualsRule, cleaner: Cleaner) -> _Check:
    field, name, failure = rule.field, rule.input, (rule.outcome, rule.reason)
    is_number = field == NUMBER

    def check(case: Case) -> Failure | None:
        values = case.record.values(field)
        if not values and is_number:
            raise Unreadable("the record has no number")
        if not values:
            return _NOT_PUBLIC
        if len(values) > 1 and is_number:
            return _AMBIGUOUS
        typed = case.inputs.get(name)
        if typed is None or typed not in map(cleaner.text, values):
            return failure
        case.number_matched = case.number_matched or is_number
        return None

    return check


def _one_of(rule: OneOfRule) -> _Check:
    field, requirement, failure = rule.field, rule.requirement, (rule.outcome, rule.reason)
    listed, by_prefix, missing = tuple(rule.values or ()), rule.match == "prefix", None if rule.optional else _MISSING

    def check(case: Case) -> Failure | None:
        wanted = listed
        if requirement is not None:
            demanded = case.requirement.get(requirement)
            if demanded is None:
                return missing
            wanted = tuple(map(text_of, demanded if isinstance(demanded, list | tuple) else [demanded]))
        values = case.record.values(field)
        if not values:
            # Nothing said is no evidence: the registry may withhold it, or have moved it.
            return _NOT_PUBLIC
        held = any(value.startswith(wanted) if by_prefix else value in wanted for value in values)
        return None if held else failure

    return check


def _status(rule: StatusRule, words: Mapping[str, tuple[str, ...]]) -> _Check:
    wanted, failure = rule.meaning, (rule.outcome, rule.reason)
    meanings: dict[str, str] = {}
    for meaning, listed in words.items():
        for word in listed:
            meanings.setdefault(word, meaning)

    def check(case: Case) -> Failure | None:
        found = {meanings.get(value) for value in case.record.values(STATUS)}
        meaning = found.pop() if len(found) == 1 else None
        if meaning is None:
            return _UNKNOWN
        case.evidence["status"] = meaning
        return None if meaning == wanted else failure

    return check


def _name(rule: NameRule) -> _Check:
    family, given, failure = rule.family, rule.given, (Outcome.UNDETERMINED, rule.reason)
    may_be_absent = rule.absent == "pass"
    least = Band.COMPATIBLE if rule.compatible == "pass" else Band.EXACT

    def check(case: Case) -> Failure | None:
        if may_be_absent and not case.record.names:
            case.unnamed = True
            return None
        typed = Name(case.inputs[family], case.inputs[given] if given is not None else "")
        band = compare(typed, case.record.names)
        if band is None:
            return _NOT_PUBLIC
        case.evidence["name"] = _BANDS[band]
        if band < least:
            return failure
        case.name_matched = True
        return None

    return check
