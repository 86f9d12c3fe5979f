"""Finds rules that no test of a description exercises.

A key that is in no test's answer cannot be removed from one. Where a rule passes without it, or the description fills
in a default, no test would show that the registry has renamed it, and what has ended would be accepted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from adapters.registry_tests.dependence import Dependence
from adapters.registry_tests.description_tests import TrialResult
from adapters.registry_tests.offline_run import Fault, NoAnswer, OfflineRun, Path
from config.registry.lint.answers import read_as
from config.registry.model.rules import EqualsRule, NameRule, ValidAtRule, fields_of
from jurat.vocabulary import Outcome

_SEEN = "to show what happens where its key has another name"


def find_untested(offline_run: OfflineRun, results: Sequence[TrialResult]) -> Iterator[Fault]:
    """Fields that accept though no test shows them. Yields nothing where no test is accepted.

    A table needs no such test: it names its columns, and one without a needed column is unreadable.
    """
    source = offline_run.source
    if read_as(source.steps[-1]) == "csv":
        return
    last = source.steps[-1].name
    seen = [_TestAnswer(offline_run, test) for test in results if test.passed and last in test.replies]
    if not any(each.accepted for each in seen):
        return
    for index, rule in enumerate(source.rules):
        telling = [each for each in seen if each.accepted or each.decided == ("rules", index)]
        may_be_absent = isinstance(rule, EqualsRule | ValidAtRule) and rule.absent == "pass"
        for name in fields_of(rule) if not isinstance(rule, NameRule) else ():
            if not may_be_absent:
                if any(each.makes_up(name) for each in telling) and not any(each.depends_on(name) for each in telling):
                    problem = f"no accepted test shows '{name}' as the registry says it, only what is filled in here"
                    yield Fault(("record", "fields", name), problem, f"add a test whose answer has it, {_SEEN}")
            elif not any(each.has_value(name) for each in telling):
                what = "a date in " if isinstance(rule, ValidAtRule) else ""
                problem = f"no accepted test shows {what}'{name}', and this passes whatever becomes of it"
                hint = f"add a test whose answer has {what}it, {_SEEN}; or write absent: undetermined"
                yield Fault(("rules", index, "absent"), problem, hint)


class _TestAnswer:
    """The answer of one test, and the fields that the registry gives in it."""

    def __init__(self, offline_run: OfflineRun, test: TrialResult) -> None:
        source = offline_run.source
        self._dependence = Dependence(source, test.replies[source.steps[-1].name])
        self._fields = source.record.fields
        self.accepted = test.trial.outcome is Outcome.ACCEPTED
        self.decided: Path = ()
        if test.trial.outcome is Outcome.REFUSED:
            with suppress(NoAnswer):
                self.decided = offline_run.play(test.trial, test.replies).place

    def has_value(self, name: str) -> bool:
        """Whether the field has a value of the registry's own."""
        return self._dependence.has_value(name) and self.depends_on(name)

    def makes_up(self, name: str) -> bool:
        """Whether the field has a value that depends on nothing in the answer."""
        return self._dependence.has_value(name) and not self.depends_on(name)

    def depends_on(self, name: str) -> bool:
        """Whether the field depends on anything in the answer."""
        return name in self._fields and self._dependence.depends_on_any(name)
