"""What the rules of a registry demand that a criterion gives under `require`, and in which form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from config.registry.model.rules import MAX_AGE, Demanded, MinAgeRule, OneOfRule, ValidAtRule

if TYPE_CHECKING:
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
    said, example = _WRITTEN[demanded]
    if demanded is Demanded.CODES and _is_list_of_texts(value) and not all(map(_is_code, value)):
        return "a code is empty or has spaces around it, and no record has such a code", "correct it, or remove it"
    return None if _fits(demanded, value) else (said, f"write {name}: {example}")


def _fits(demanded: Demanded, value: Any) -> bool:
    match demanded:
        case Demanded.CODES:
            return _is_list_of_texts(value) and all(map(_is_code, value))
        case Demanded.YEARS:
            return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_AGE
        case Demanded.DAY:
            return isinstance(value, str) and _is_day(value)


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(part, str) for part in value)


def _is_code(text: str) -> bool:
    """Whether a record's value could be this code. Any value begins with an empty one."""
    return bool(text) and text == text.strip()


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
