"""What the rules of a registry demand that a criterion gives under `require`, and in which form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from config.registry.model.rules import MAX_AGE, Demanded, MinAgeRule, OneOfRule, ValidAtRule
from config.registry.model.source import RecordSource

_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WRITTEN: Final = {
    Demanded.CODES: ("must be a list of texts", '["…"]'),
    Demanded.DAY: ("must be a day", "2026-12-31"),
    Demanded.YEARS: (f"must be a whole number of years, from 1 to {MAX_AGE}", "18"),
}


def requirements_of(source: RecordSource) -> tuple[set[str], set[str]]:
    """The names that a criterion must give under `require`, and all those that it may give."""
    rules = list(demanding(source))
    return {name for _, name, rule in rules if not rule.optional}, {name for _, name, _ in rules}


def demands_of(source: RecordSource) -> dict[str, Demanded]:
    """The form in which each of those names must be given; if rules disagree, that of the first."""
    kinds: dict[str, Demanded] = {}
    for _, name, rule in demanding(source):
        kinds.setdefault(name, rule.demanded)
    return kinds


def misfit(demanded: Demanded, name: str, value: Any) -> tuple[str, str] | None:
    """What is wrong with `value` for the requirement `name`, and what to write; None if nothing is."""
    if demanded is Demanded.CODES:
        fits = isinstance(value, list | tuple) and bool(value) and all(isinstance(part, str) for part in value)
        if fits and not all(code and code == code.strip() for code in value):  # any value begins with an empty one
            said = "a code is empty or has spaces around it, and no record has such a code"
            return said, "correct it, or remove it"
    elif demanded is Demanded.YEARS:
        fits = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_AGE
    else:
        fits = isinstance(value, str) and _is_day(value)
    said, example = _WRITTEN[demanded]
    return None if fits else (said, f"write {name}: {example}")


def _is_day(text: str) -> bool:
    try:
        return _DAY.fullmatch(text) is not None and bool(date.fromisoformat(text))
    except ValueError:
        return False


def demanding(source: RecordSource) -> Iterator[tuple[int, str, OneOfRule | ValidAtRule | MinAgeRule]]:
    """The rules that a criterion tells something, each with its index and the name of its requirement."""
    for index, rule in enumerate(source.rules):
        if isinstance(rule, OneOfRule | ValidAtRule | MinAgeRule) and rule.requirement is not None:
            yield index, rule.requirement, rule
