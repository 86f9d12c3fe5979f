"""Finds rules that no test of a description exercises.

A key that stands in no answer of a test can be taken from none. Where a rule passes without it, or the description
fills something in, nobody would see that the registry has given it another name, and what has ended would be accepted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from adapters.registry_tests.dependence import Dependence
from adapters.registry_tests.description_tests import Tried
from adapters.registry_tests.encoder import Levels
from adapters.registry_tests.offline_run import NoAnswer, OfflineRun, Path
from config.registry import RegistrySource
from config.registry.model.answer_formats import Csv
from config.registry.model.rules import EqualsRule, MinAgeRule, OneOfRule, Rule, StatusRule, ValidAtRule
from jurat.vocabulary import Outcome

_STATUS: Final = "status"
_SEEN: Final = "so that it is seen what happens where its key is another"

Unshown = tuple[Path, str, str]
"""A place below the source, what is wrong there, and what to do."""


def unshown(source: RegistrySource, offline_run: OfflineRun, tried: Sequence[Tried]) -> Iterator[Unshown]:
    """What no test shows though somebody is accepted for it. Nothing where no test is accepted, as it should be.

    A table needs none of that: it says which columns it has, and one that is missing is unreadable.
    """
    first = source.steps[-1].decoders[0]
    if first == "csv" or isinstance(first, Csv):
        return
    seen = [_Seen(source, offline_run, test) for test in tried if test.passed and source.steps[-1].name in test.replies]
    if not any(each.accepted for each in seen):
        return
    for index, rule in enumerate(source.rules):
        telling = [each for each in seen if each.accepted or each.decided == ("rules", index)]
        for name in _fields_of(rule):
            if not _may_be_absent(rule):
                if any(each.makes_up(name) for each in telling) and not any(each.rests(name) for each in telling):
                    said = f"no accepted test shows '{name}' as the registry says it, only what is filled in here"
                    yield ("record", "fields", name), said, f"add a test whose answer has it, {_SEEN}"
            elif not any(each.says(name) for each in telling):
                what = "a date in " if isinstance(rule, ValidAtRule) else ""
                said = f"no accepted test shows {what}'{name}', and this passes whatever becomes of it"
                hint = f"add a test whose answer has {what}it, {_SEEN}; or write absent: undetermined"
                yield ("rules", index, "absent"), said, hint


class _Seen:
    """What the answer of one test holds."""

    def __init__(self, source: RegistrySource, offline_run: OfflineRun, test: Tried) -> None:
        last = source.steps[-1]
        self._levels = Levels(last, test.replies[last.name])
        self._resting = Dependence(source, test.replies[last.name])
        self._fields = source.record.fields
        self.accepted = test.trial.outcome is Outcome.ACCEPTED
        self.decided: Path = ()
        if test.trial.outcome is Outcome.REFUSED:
            try:
                self.decided = offline_run.play(test.trial, test.replies).place
            except NoAnswer:
                self.decided = ()

    def says(self, name: str) -> bool:
        """Whether the registry says something there itself."""
        return self._resting.says(name) and self.rests(name)

    def makes_up(self, name: str) -> bool:
        """Whether it has a value that nothing in the answer has to do with."""
        return self._resting.says(name) and not self.rests(name)

    def rests(self, name: str) -> bool:
        """Whether what it has depends on something in the answer."""
        return name in self._fields and self._resting.rests_on_any(name, self._levels)


def _fields_of(rule: Rule) -> list[str]:
    """The fields that a rule looks at, beside the number and the names, of which there is none by default."""
    match rule:
        case StatusRule():
            return [_STATUS]
        case ValidAtRule(fields=fields):
            return list(fields.values())
        case EqualsRule(field=name) | OneOfRule(field=name) | MinAgeRule(field=name):
            return [name]
    return []


def _may_be_absent(rule: Rule) -> bool:
    return isinstance(rule, EqualsRule | ValidAtRule) and rule.absent == "pass"
