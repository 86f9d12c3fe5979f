"""Finds rules that no test of a description exercises.

A key that is in no test's answer cannot be removed from one. Where a rule passes without it, or the description fills
in a default, no test would show that the registry has renamed it, and what has ended would be accepted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial

import jmespath

from adapters.http_client.reply import Reply
from adapters.registry_tests.dependence import Dependence
from adapters.registry_tests.description_tests import TrialResult
from adapters.registry_tests.encoder import Levels, Unwritable
from adapters.registry_tests.mutations import change_at, entry_places, key_places, remove_key
from adapters.registry_tests.offline_run import Fault, NoAnswer, OfflineRun, Path
from config.problems import printable
from config.registry import RegistrySource
from config.registry.lint.answers import read_as
from config.registry.model.expressions import Node, children_of, walk
from config.registry.model.rules import EqualsRule, NameRule, ValidAtRule, fields_of
from jurat.vocabulary import Outcome

_NULL = "null"
"""Without backticks it is a key, which no record has."""

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
    yield from _find_absences(source, [each for each in seen if not each.accepted])
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


def _find_absences(source: RegistrySource, others: Sequence[_TestAnswer]) -> Iterator[Fault]:
    """Keys that exclude what has them, where no test shows it. Words may exclude records, whose numbers must match."""
    read = {name for rule in source.rules for name in fields_of(rule)}
    texts: dict[Path, str] = {("record", "from"): source.record.origin}
    texts |= {("record", "fields", name): text for name, text in source.record.expressions.items() if name in read}
    for place, text in texts.items():
        built = {node["value"] for node in walk(text) if node["type"] == "key_val_pair"}
        words = place[-1] != "from"
        for key in sorted({*_keys_that_exclude(jmespath.compile(text).parsed, words=words)} - built):
            if not any(each.would_accept_without(key) or each.is_null_without(key, place[-1]) for each in others):
                problem = f"what lacks '{printable(key)}' counts here, and no test shows that what has it does not"
                hint = f"add a test of someone who is not accepted for it alone, {_SEEN}"
                yield Fault(place, problem, hint)


def _keys_that_exclude(node: Node, *, words: bool, negated: bool = False) -> Iterator[str]:
    """The keys whose absence lets something in: `ended` in `[?!(ended)]` and in `[?ended == null]`, `bans` in
    ``length(not_null(bans, `[]`)) == `0` ``, and with `words` `kind` in `[?kind != 'x']`.
    """
    children = children_of(node)
    match node["type"]:
        case "field" if negated and node["value"] != _NULL:
            yield node["value"]
        case "subexpression" if children[-1]["type"] == "field":
            children = children[-1:]
        case "filter_projection" | "projection" | "pipe" | "flatten" if negated:
            children = children[1:]  # of a list, only what is asked of its entries
        case "not_expression":
            negated = not negated
        case "comparator":
            negated ^= (
                node["value"] == "eq" if any(map(_stands_for_absence, children)) else words and node["value"] == "ne"
            )
    for child in children:
        yield from _keys_that_exclude(child, words=words, negated=negated)


def _stands_for_absence(node: Node) -> bool:
    """Whether a side of a comparison is null, or has a default for what is absent."""
    if node["type"] in {"literal", "field"}:
        return node["value"] in (None, _NULL)
    defaults = (each for each in walk(node) if each["type"] == "function_expression" and each["value"] == "not_null")
    return any(child["type"] == "literal" for each in defaults for child in children_of(each))


class _TestAnswer:
    """The answer of one test, and the fields that the registry gives in it."""

    def __init__(self, offline_run: OfflineRun, test: TrialResult) -> None:
        source = offline_run.source
        self._test, self._last = test, source.steps[-1].name
        self._play = partial(offline_run.play, test.trial)
        self._levels = Levels(source.steps[-1], test.replies[self._last])
        self._dependence = Dependence(source, test.replies)
        self._fields = source.record.fields
        self.accepted = test.trial.outcome is Outcome.ACCEPTED
        self.decided: Path = ()
        if test.trial.outcome is Outcome.REFUSED:
            with suppress(NoAnswer):
                self.decided = self._play(test.replies).place

    def would_accept_without(self, key: str) -> bool:
        """Whether this is not accepted for a key alone: it would be if all entries of the answer lost it, or one."""
        for reply in self._replies_without(key):
            with suppress(NoAnswer):
                if self._play({**self._test.replies, self._last: reply}).outcome is Outcome.ACCEPTED:
                    return True
        return False

    def is_null_without(self, key: str, name: str | int) -> bool:
        """Whether the field `name` has a value, and would have none if all entries lost a key, nor if one did."""
        if name not in self._fields or not self._dependence.has_value(name):
            return False
        without = [self._dependence.gives_any(name, reply) for reply in self._replies_without(key)]
        return bool(without) and not any(without)

    def _replies_without(self, key: str) -> Iterator[Reply]:
        """The answer where all entries have lost a key, and where one has."""
        for level, tree in enumerate(self._levels.trees):
            for place in key_places(tree, key.__eq__):
                for here in (place, *entry_places(tree, place)):
                    with suppress(Unwritable):
                        yield self._levels.with_tree(level, change_at(tree, here, remove_key))

    def has_value(self, name: str) -> bool:
        """Whether the field has a value of the registry's own."""
        return self._dependence.has_value(name) and self.depends_on(name)

    def makes_up(self, name: str) -> bool:
        """Whether the field has a value that depends on nothing in the answer."""
        return self._dependence.has_value(name) and not self.depends_on(name)

    def depends_on(self, name: str) -> bool:
        """Whether the field depends on anything in the answer."""
        return name in self._fields and self._dependence.depends_on_any(name)
