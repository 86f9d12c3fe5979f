"""Checks that the parts of a description fit together, so that it cannot refuse anyone without evidence."""

from __future__ import annotations

from collections.abc import Iterator

from config.problems import Path, printable
from config.registry.lint.answers import absence_problems, answer_problems
from config.registry.lint.batches import batch_problems
from config.registry.lint.requests import input_problems, request_problems
from config.registry.lint.rules import rule_problems
from config.registry.lint.trials import trial_problems
from config.registry.model.expressions import root_keys
from config.registry.model.parts import Fault
from config.registry.model.record import NAMES, NUMBER, STATUS
from config.registry.model.rules import EqualsRule, NameRule
from config.registry.model.source import Kept, RecordSource, RegistryDescription, Step
from config.registry.model.templates import SECRETS, placeholders

_ANSWER = ("status", "headers", "body")


def problems_of(source: RegistryDescription) -> Iterator[Fault]:
    """Everything that does not fit together, with its place below the source."""
    yield from _check_steps(source)
    yield from _unrooted(("record", "from"), source.record.origin)
    yield from absence_problems(source)
    yield from verdict_problems(source)
    yield from _check_given(source)
    yield from batch_problems(source)
    yield from trial_problems(source, [step.name for step in source.steps])


def verdict_problems(source: RecordSource) -> Iterator[Fault]:
    """What does not fit together in what is asked of the participant, and in how a record is read and judged."""
    yield from input_problems(source)
    yield from _check_record(source)
    yield from rule_problems(source)
    yield from _order_problems(source)


def check_order(source: RecordSource) -> list[str]:
    """Why the rules of `source` could refuse somebody for a stranger's record; empty when they cannot.

    A record refuses only after its number, and its name where the record gives one, matched: a mistyped number leads to
    a stranger, whose status is no reason. A source that was validated has no such problem.
    """
    return [said for _, said in _order_problems(source)]


def _order_problems(source: RecordSource) -> Iterator[Fault]:
    number_matched, name_matched = False, NAMES not in source.record.fields
    for index, rule in enumerate(source.rules):
        match rule:
            case EqualsRule(field="number"):
                number_matched = True
                if rule.refuses:
                    said = "a record with another number refuses nobody — write else: undetermined"
                    yield ("rules", index, "else"), said
            case NameRule():
                name_matched = True
            case _ if rule.refuses and not (number_matched and name_matched):
                missing = "its number" if not number_matched else "its name"
                said = f"this rule could refuse for a stranger's record, for {missing} is not compared before it"
                yield ("rules", index), f"{said} — move it behind the rules equals (number) and name"
    if not number_matched:
        yield ("rules",), "no rule compares the number — add { check: equals, field: number, input: … }"
    if not name_matched:
        yield ("rules",), "no rule compares the name that the record gives — add { check: name, family: …, given: … }"


def _check_given(source: RegistryDescription) -> Iterator[Fault]:
    """Where a family name alone is compared, a given name that is asked for would be looked at by nobody."""
    used = {rule.input for rule in source.rules if isinstance(rule, EqualsRule)}
    used |= {rule.family for rule in source.rules if isinstance(rule, NameRule)}
    for step in source.steps:
        used |= {found.name for _, text in step.request.templates() for found in placeholders(text)}
    texts = [name for name, field in source.inputs.items() if field.type == "text" and field.values is None]
    idle = [name for name in texts if name not in used and not source.inputs[name].is_number]
    for index, rule in enumerate(source.rules):
        if isinstance(rule, NameRule) and rule.given is None and idle and rule.family in source.inputs:
            said = f"'{idle[0]}' is asked for, and nothing compares it"
            yield ("rules", index), f"{said} — add given: {idle[0]}, or do not ask for it"


def _check_steps(source: RegistryDescription) -> Iterator[Fault]:
    known = {*source.inputs, *(SECRETS + name for name in source.secrets)}
    always = {name for name, field in source.inputs.items() if field.required}
    names: set[str] = set()
    for index, step in enumerate(source.steps):
        path: Path = ("steps", index)
        if step.name in names:
            yield (*path, "name"), "another step has this name — give it one of its own"
        names.add(step.name)
        yield from request_problems((*path, "request"), step.request, source, known, always)
        yield from answer_problems(path, step)
        yield from _check_roots(path, step)
        for name in step.set:
            if name in known:
                yield (*path, "set", name), "this name is taken — choose another"
        known |= set(step.set)
        always |= set(step.set)


def _check_roots(path: Path, step: Step) -> Iterator[Fault]:
    for index, rule in enumerate(step.outcomes):
        yield from _unrooted((*path, "outcomes", index, "when"), rule.when)
        if rule.retry_after is not None:
            yield from _unrooted((*path, "outcomes", index, "retry_after"), rule.retry_after)
    for name, kept in step.set.items():
        if isinstance(kept, Kept):
            yield from _unrooted((*path, "set", name, "value"), kept.value)
        else:
            yield from _unrooted((*path, "set", name), kept)


def _unrooted(path: Path, expression: str) -> Iterator[Fault]:
    """What is asked of an answer as if its body were the whole would be null for everybody."""
    for key in dict.fromkeys(root_keys(expression)):
        if key not in _ANSWER:
            meant = key.lower() if key.lower() in _ANSWER else f"body.{printable(key)}"
            yield path, f"'{printable(key)}' is none of {', '.join(_ANSWER)} — write {meant}"


def _check_record(source: RecordSource) -> Iterator[Fault]:
    record = source.record
    if NUMBER not in record.fields:
        yield ("record", "fields"), "the number of the record is compared with the one typed — add number: EXPRESSION"
    if record.status and STATUS not in record.fields:
        yield ("record", "status"), "no field has this status — add fields: { status: EXPRESSION }"
    words = [word for listed in record.status.values() for word in listed]
    if len(words) != len(set(words)):
        yield ("record", "status"), "a word of the registry stands twice, and means one thing — keep it in one place"
    for name in (NUMBER, NAMES, STATUS):
        if name in record.dates:
            yield ("record", "fields", name, "date"), f"'{name}' is no date — write {name}: EXPRESSION"
