"""Checks whether a registry may be asked about many at once, without harm to any of them."""

from __future__ import annotations

from collections.abc import Iterator

from config.problems import Path
from config.registry.model.inputs import CleaningStep
from config.registry.model.parts import Fault
from config.registry.model.rules import EqualsRule, Then
from config.registry.model.source import RegistryDescription, Step
from config.registry.model.templates import Filter, placeholders
from jurat.vocabulary import Reason


def batch_problems(source: RegistryDescription) -> Iterator[Fault]:
    """What does not go together with `batch`."""
    if source.batch is None:
        return
    if source.concurrency is not None:
        said = "how many requests are under way is not known where each asks for many"
        yield ("concurrency",), f"{said} — limit by rate: and burst:, or remove batch:"
    if source.record.absent == "refused":
        said = "an answer about many says nothing about one who is missing: a page may have ended before"
        yield ("record", "absent"), f"{said} — write absent: undetermined, or remove batch:"
    if len(source.steps) > 1:
        yield ("steps",), "a batch is asked for in one request — leave one step, or remove batch:"
        return
    yield from _outcome_problems(source.steps[0])
    numbers = {rule.input for rule in source.rules if isinstance(rule, EqualsRule) and rule.field == "number"}
    if len(numbers) > 1:
        said = f"the number is compared with {' and '.join(sorted(numbers))}, and a batch is asked for by one"
        yield ("batch",), f"{said} — compare it with one input, or remove batch:"
    elif numbers <= source.inputs.keys():
        yield from (problem for number in numbers for problem in _number_problems(source, number))


def _outcome_problems(step: Step) -> Iterator[Fault]:
    for index, outcome in enumerate(step.outcomes):
        path: Path = ("steps", 0, "outcomes", index)
        if outcome.then is Then.REFUSED:
            said = "this would refuse everybody of a batch at once"
            yield (*path, "then"), f"{said} — write undetermined, or remove batch:"
        elif outcome.reason is Reason.AMBIGUOUS_RECORD:
            said = "several records are what a batch asks for, and two of one number are ambiguous without being told"
            yield (*path, "reason"), f"{said} — remove this outcome, or batch:"


def _number_problems(source: RegistryDescription, number: str) -> Iterator[Fault]:
    """Whether `number`, and nothing else of a participant, stands in the request."""
    field = source.inputs[number]
    is_bare = bool({CleaningStep.DIGITS, CleaningStep.ALNUM} & set(field.clean))
    if not is_bare and (field.format is None or field.format_when is not None):
        said = "it could hold what joins the numbers, and whoever types that would ask for several"
        yield ("inputs", number), f"{said} — write clean: [digits] or [alnum], or remove batch:"
    used = False
    for place, text in source.steps[0].request.templates():
        path: Path = ("steps", 0, "request", *place)
        for found in placeholders(text):
            if found.name == number:
                used = True
                if set(found.filters) - {Filter.XML}:
                    said = "a filter sees the numbers of a batch joined, and would change what joins them"
                    yield path, f"{said} — leave it out, and write clean: at the input"
            elif found.name in source.inputs:
                said = f"a request about many cannot hold one's '{found.name}'"
                yield path, f"{said} — leave it out, or remove batch:"
    if not used:
        said = f"the request does not hold '{number}', so it asks for nobody of a batch"
        yield ("steps", 0, "request"), f"{said} — write {{{number}}} where the registry takes it, or remove batch:"
