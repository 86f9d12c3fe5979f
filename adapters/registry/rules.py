"""What a record says about the participant: the rules of a description, in order.

A refusal waits until the number, and the name where the record gives one, have matched. The description is checked for
that order, and this holds it once more: here it can not be got wrong by a document from elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.base import Finding, Unreadable
from adapters.registry.names import Band, Name, compare
from adapters.registry.numbers import clean_text
from adapters.registry.record import Record, text_of
from config.registry.checks import NAMES, NUMBER, STATUS
from config.registry.rules import EqualsRule, NameRule, OneOfRule, StatusRule
from config.registry.source import RegistrySource
from jurat.words import Outcome, Reason


@dataclass(frozen=True, slots=True)
class _Failure:
    """What a rule that did not hold makes of the record."""

    outcome: Outcome
    reason: Reason


@dataclass(slots=True)
class Judgement:
    """One record under the rules of one source. `inputs` are the cleaned answer."""

    source: RegistrySource
    record: Record
    inputs: Mapping[str, str]
    requirement: Mapping[str, Any]
    evidence: dict[str, Any] = field(default_factory=dict)
    number_matched: bool = False
    name_matched: bool = False
    unnamed: bool = False

    def finding(self) -> Finding:
        """The finding of the first rule that does not hold, or that the record matches.

        Raises:
            Unreadable: the record has no number to compare.
        """
        refusal: tuple[int, _Failure] | None = None
        for index, rule in enumerate(self.source.rules):
            failure = self._apply(rule)
            if failure is None:
                continue
            if failure.outcome is not Outcome.REFUSED or self._is_theirs():
                return self._finding(index, failure)
            refusal = refusal or (index, failure)
        if not self._is_theirs():
            return self._finding(None, _Failure(Outcome.UNDETERMINED, Reason.RECORD_DIFFERS))
        if refusal is not None:
            return self._finding(*refusal)
        if self.unnamed:
            return self._finding(None, _Failure(Outcome.UNDETERMINED, Reason.RECORD_NOT_PUBLIC))
        return self._finding(None, _Failure(Outcome.ACCEPTED, Reason.RECORD_MATCHES))

    def _is_theirs(self) -> bool:
        """Whether the record is known to be the participant's own: by number, and by name where it gives one."""
        nameless = self.unnamed or NAMES not in self.source.record.fields
        return self.number_matched and (self.name_matched or nameless)

    def _finding(self, index: int | None, failure: _Failure) -> Finding:
        if index is not None:
            self.evidence["rule"] = self.source.rules[index].check
        return Finding(failure.outcome, failure.reason, self.evidence)

    def _apply(self, rule: EqualsRule | OneOfRule | StatusRule | NameRule) -> _Failure | None:
        match rule:
            case EqualsRule():
                return self._equals(rule)
            case OneOfRule():
                return self._one_of(rule)
            case StatusRule():
                return self._status(rule)
            case NameRule():
                return self._name(rule)

    def _equals(self, rule: EqualsRule) -> _Failure | None:
        values = self.record.values(rule.field)
        if not values and rule.field == NUMBER:
            raise Unreadable("the record has no number")
        if not values:
            return _Failure(Outcome.UNDETERMINED, Reason.RECORD_NOT_PUBLIC)
        if len(values) > 1 and rule.field == NUMBER:
            return _Failure(Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD)
        cleaned = {clean_text(value, self.source.inputs[rule.input]) for value in values}
        typed = self.inputs.get(rule.input)
        if typed is None or typed not in cleaned:
            return _Failure(rule.outcome, rule.reason)
        self.number_matched = self.number_matched or rule.field == NUMBER
        return None

    def _one_of(self, rule: OneOfRule) -> _Failure | None:
        wanted: Sequence[str] = rule.values or ()
        if rule.requirement is not None:
            demanded = self.requirement.get(rule.requirement)
            if demanded is None:
                missing = _Failure(Outcome.UNDETERMINED, Reason.REQUIREMENT_MISSING)
                return None if rule.optional else missing
            wanted = [text_of(value) for value in (demanded if isinstance(demanded, list | tuple) else [demanded])]
        values = self.record.values(rule.field)
        if not values:
            # Nothing said is no evidence: the registry may withhold it, or have moved it.
            return _Failure(Outcome.UNDETERMINED, Reason.RECORD_NOT_PUBLIC)
        if rule.match == "prefix":
            held = any(value.startswith(tuple(wanted)) for value in values)
        else:
            held = any(value in wanted for value in values)
        return None if held else _Failure(rule.outcome, rule.reason)

    def _status(self, rule: StatusRule) -> _Failure | None:
        values = self.record.values(STATUS)
        listed = self.source.record.status.items()
        meanings = {next((meaning for meaning, words in listed if value in words), None) for value in values}
        if len(meanings) != 1 or None in meanings:
            return _Failure(Outcome.UNDETERMINED, Reason.STATUS_UNKNOWN)
        meaning = meanings.pop()
        self.evidence["status"] = meaning
        return None if meaning == rule.meaning else _Failure(rule.outcome, rule.reason)

    def _name(self, rule: NameRule) -> _Failure | None:
        if not self.record.names and rule.absent == "pass":
            self.unnamed = True
            return None
        typed = Name(self.inputs[rule.family], self.inputs[rule.given] if rule.given is not None else "")
        band = compare(typed, self.record.names)
        if band is None:
            return _Failure(Outcome.UNDETERMINED, Reason.RECORD_NOT_PUBLIC)
        self.evidence["name"] = band.name.lower()
        if band is Band.EXACT or (band is Band.COMPATIBLE and rule.compatible == "pass"):
            self.name_matched = True
            return None
        return _Failure(Outcome.UNDETERMINED, rule.reason)
