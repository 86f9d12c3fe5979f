"""Checks that the parts of a description fit together, so that it cannot refuse anyone without evidence."""

from __future__ import annotations

from collections.abc import Iterator

from config.problems import Fault, Path, printable
from config.registry.lint.answers import absence_problems, answer_problems
from config.registry.lint.batches import batch_problems
from config.registry.lint.pages import page_problems
from config.registry.lint.requests import input_problems, request_problems
from config.registry.lint.rules import rule_problems
from config.registry.lint.sealed_answers import sealing_problems
from config.registry.lint.trials import lookup_problems, trial_problems
from config.registry.model.expressions import root_keys
from config.registry.model.record import CARRIED, NAMES, NUMBER, STATUS, Newest
from config.registry.model.rules import EqualsRule, NameRule, SentRule
from config.registry.model.source import Kept, RecordSource, RegistryDescription, Step
from config.registry.model.templates import SECRETS
from config.suggestions import did_you_mean

_ANSWER = ("status", "headers", "body")


def problems_of(source: RegistryDescription) -> Iterator[Fault]:
    """Everything that does not fit together, with its path below the source."""
    yield from _check_steps(source)
    yield from _unrooted(("record", "from"), source.record.origin, CARRIED)
    yield from absence_problems(source)
    yield from verdict_problems(source)
    yield from _check_given(source)
    yield from sealing_problems(source)
    yield from batch_problems(source)
    yield from page_problems(source)
    yield from trial_problems(source, [page for step in source.steps for page in step.pages])
    if source.control is not None:
        yield from lookup_problems(("control",), source.control, source)


def verdict_problems(source: RecordSource) -> Iterator[Fault]:
    """What does not fit together in the participant's inputs, the record and the rules."""
    yield from input_problems(source)
    yield from _check_record(source)
    yield from rule_problems(source)
    yield from order_problems(source)


def order_problems(source: RecordSource) -> Iterator[Fault]:
    """Why the rules could refuse someone for a stranger's record.

    A record refuses only after its number matched, and its name if it has one: a mistyped number leads to a stranger,
    whose status is no reason.
    """
    fields = source.record.fields
    number_matched, name_matched = False, NAMES not in fields
    for index, rule in enumerate(source.rules):
        match rule:
            case EqualsRule(field="number"):
                number_matched = True
                if rule.refuses:
                    yield ("rules", index, "else"), "another number cannot refuse — write else: undetermined"
            case SentRule():
                number_matched = number_matched or NUMBER not in fields
            case NameRule():
                name_matched = True
            case _ if rule.refuses and source.sent and NAMES not in fields:
                said = "this could refuse for an answer that shows neither a number nor a name"
                hint = "write else: undetermined; if the registry says that it has no such record, make it an outcome"
                yield ("rules", index, "else"), f"{said} — {hint}"
            case _ if rule.refuses and not (number_matched and name_matched):
                missing = "its number" if not number_matched else "its name"
                said = f"this rule could refuse for a stranger's record, as {missing} is not compared before it"
                yield ("rules", index), f"{said} — move it after the rules equals (number) and name"
    if not number_matched:
        yield ("rules",), "no rule compares the number — add { check: equals, field: number, input: … }"
    if not name_matched:
        yield ("rules",), "no rule compares the name that the record gives — add { check: name, family: …, given: … }"


def _check_given(source: RegistryDescription) -> Iterator[Fault]:
    """Finds a given name that participants are asked for, and that no rule compares."""
    used = {rule.input for rule in source.rules if isinstance(rule, EqualsRule)}
    used |= {rule.family for rule in source.rules if isinstance(rule, NameRule)}
    for step in source.steps:
        used |= step.request.placeholder_names()
    texts = [name for name, field in source.inputs.items() if field.type == "text" and field.values is None]
    idle = [name for name in texts if name not in used and not source.inputs[name].is_number]
    for index, rule in enumerate(source.rules):
        if isinstance(rule, NameRule) and rule.given is None and idle and rule.family in source.inputs:
            said = f"participants are asked for '{idle[0]}', and nothing compares it"
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
    for option in ("url", "last") if step.next is not None else ():
        if (text := getattr(step.next, option)) is not None:
            yield from _unrooted((*path, "next", option), text)
    for name, kept in step.set.items():
        if isinstance(kept, Kept):
            yield from _unrooted((*path, "set", name, "value"), kept.value)
        else:
            yield from _unrooted((*path, "set", name), kept)


def _unrooted(path: Path, expression: str, *more: str) -> Iterator[Fault]:
    """Finds expressions that read a part of the body without `body.`: they are always null."""
    for key in dict.fromkeys(root_keys(expression)):
        if key not in (*_ANSWER, *more):
            meant = key.lower() if key.lower() in _ANSWER else f"body.{printable(key)}"
            yield path, f"'{printable(key)}' is none of {', '.join(_ANSWER)} — write {meant}"


def _check_record(source: RecordSource) -> Iterator[Fault]:
    record = source.record
    if NUMBER not in record.fields and not source.sent:
        said = "the record's number is needed, to be compared — add number: EXPRESSION"
        yield ("record", "fields"), f"{said}, or the rule check: sent where no answer repeats it"
    if record.status and STATUS not in record.fields:
        yield ("record", "status"), "no field holds the status — add fields: { status: EXPRESSION }"
    words = [word for listed in record.status.values() for word in listed]
    if len(words) != len(set(words)):
        yield ("record", "status"), "a word of the registry is listed twice — keep it where it belongs"
    if isinstance(record.several, Newest) and (field := record.several.newest) not in record.dates:
        said = "is no date, and" if field in record.fields else "is no field of the record, and"
        hint = did_you_mean(field, record.dates) or f"write {field}: {{ value: EXPRESSION, date: FORMAT }}"
        yield ("record", "several", "newest"), f"'{field}' {said} the newest is told by a date — {hint}"
    for name in (NUMBER, NAMES, STATUS):
        if name in record.dates:
            yield ("record", "fields", name, "date"), f"'{name}' is no date — write {name}: EXPRESSION"
