"""Says what a rule compared in a failed test: the people of tests are invented, so their data may be shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from adapters.registry.dates import DaySpan
from adapters.registry.record import Record
from config.problems import printable
from config.registry.model.record import NAMES
from config.registry.model.rules import (
    EqualsRule,
    MinAgeRule,
    NameRule,
    OneOfRule,
    Rule,
    SentRule,
    StatusRule,
    fields_of,
)
from config.registry.model.source import RecordSource
from config.registry.model.trials import Trial

_MOST: Final = 3
_LONGEST: Final = 60


def comparison_text(rule: Rule, record: Record, source: RecordSource, trial: Trial, band: str) -> str:
    """What was typed or required, and what the record has; of names also their `band`."""
    has = " and ".join(filter(None, (_values(name, record) for name in fields_of(rule)))) or "nothing"
    asked = _asked(rule, source, trial)
    similar = f": {band}" if isinstance(rule, NameRule) and band else ""
    return f"{asked}, and the record has {has}{similar}"


def _asked(rule: Rule, source: RecordSource, trial: Trial) -> str:
    match rule:
        case NameRule():
            typed = (trial.input.get(name, "") for name in (rule.given, rule.family) if name is not None)
            return f"{quoted([' '.join(typed)])} was typed"
        case EqualsRule() | SentRule():
            return f"{quoted([trial.input.get(rule.input, '')])} was typed"
        case StatusRule():
            return f"{quoted(source.record.status.get(rule.meaning, ()))} is required"
    if isinstance(rule, OneOfRule) and rule.values is not None:
        return f"{quoted(rule.values)} is required"
    demanded = trial.require.get(rule.requirement or "", "")
    if isinstance(rule, MinAgeRule):
        return f"an age of {printable(str(rule.years or demanded or '?'))} is required on {trial.today or 'this day'}"
    if isinstance(rule, OneOfRule):
        return f"{quoted(map(str, demanded) if isinstance(demanded, list | tuple) else [str(demanded)])} is required"
    return f"it must be valid on {printable(str(demanded)) or trial.today or 'this day'}"


def _values(name: str, record: Record) -> str:
    if name == NAMES:
        return quoted(" ".join(filter(None, (each.given, each.family, each.suffix))) for each in record.names)
    return quoted([*record.values(name), *map(_days, record.dates(name))])


def _days(span: DaySpan) -> str:
    return str(span.first) if span.first == span.last else f"{span.first} to {span.last}"


def quoted(values: Iterable[str]) -> str:
    """The values as a sentence has them, the first few of many."""
    shown = [f'"{printable(value.replace("—", "-"), _LONGEST)}"' for value in values]
    return " or ".join(shown[:_MOST]) + (" …" if len(shown) > _MOST else "")
