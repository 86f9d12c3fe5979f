"""Compares the codes that criteria demand with those that a registry is known to have.

A mistyped code in a demand would refuse everyone, and no one would notice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from config.problems import Complaint, Severity, printable
from config.registry.model.rules import OneOfRule
from config.registry.model.source import RecordSource
from config.suggestions import did_you_mean, suggest
from jurat.vocabulary import Outcome

_SHOWN: Final = 3


def code_doubts(source: RecordSource, name: str, codes: Sequence[str]) -> Iterator[Complaint]:
    """What is doubtful about the `codes` that a criterion demands under `name`, by each rule that refuses by them.

    Each has the index of its code as path, and is an error if no other code helps.
    """
    for rule in source.rules:
        if isinstance(rule, OneOfRule) and rule.requirement == name and rule.refuses and rule.refusing is not None:
            yield from _by_rule(rule, codes, _known(source, rule, rule.refusing))


def _by_rule(rule: OneOfRule, codes: Sequence[str], known: tuple[str, ...]) -> Iterator[Complaint]:
    strange = [not _is_known(rule, code, known) for code in codes]
    longer = [[each for each in known if each.startswith(code) and each != code] for code in codes]
    for index, code in enumerate(codes):
        shown = printable(code)
        if strange[index]:
            said = f"'{shown}' is no code that the registry is known to have"
            hint = f"{_near(rule, code, known)} (add a new code to refuses: of its rule)"
            if all(strange):
                yield Complaint((index,), f"{said}, so everyone is refused", hint)
            else:
                yield Complaint((index,), said, hint, Severity.WARNING)
        elif code != code.upper() and all(each == each.upper() for each in known):
            said = f"'{shown}' has small letters, and no known code has any"
            hint = f"write '{printable(code.upper())}'"
            yield Complaint((index,), f"{said}: another spelling is another code", hint, Severity.WARNING)
        elif rule.match == "prefix" and len(meant := longer[index]) > 1:
            listed = ", ".join([*meant[:_SHOWN], *("…" for _ in meant[_SHOWN : _SHOWN + 1])])
            said = f"'{shown}' is the beginning of {len(meant)} known codes ({listed})"
            yield Complaint((index,), f"{said}, and all of them pass", "write each that you mean", Severity.WARNING)


def _known(source: RecordSource, rule: OneOfRule, listed: tuple[str, ...]) -> tuple[str, ...]:
    """What the rule lists, and what a test expects to be accepted: `refuses` may omit what is demanded."""
    shown = (
        code
        for trial in source.tests
        if trial.outcome is Outcome.ACCEPTED
        for code in trial.require.get(rule.requirement or "") or ()
        if isinstance(code, str) and not _is_known(rule, code, listed)
    )
    return (*listed, *dict.fromkeys(shown))


def _is_known(rule: OneOfRule, code: str, known: tuple[str, ...]) -> bool:
    if rule.match == "exact":
        return code in known
    return code.startswith(known) or any(each.startswith(code) for each in known)


def _near(rule: OneOfRule, code: str, known: tuple[str, ...]) -> str:
    """The nearest known code, else all of them. Beginnings are compared with the beginning of `code`."""
    beginning = code[: max(map(len, known))] if rule.match == "prefix" else code
    return did_you_mean(beginning, known) or suggest(code, known)
