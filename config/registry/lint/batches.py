"""Checks whether a registry may be asked about many people in one request without harm to any of them."""

from __future__ import annotations

from collections.abc import Iterator

from config.problems import Fault, Path
from config.registry.model.inputs import CleaningStep
from config.registry.model.rules import Then
from config.registry.model.source import RegistryDescription, Step
from config.registry.model.templates import Filter, placeholders
from jurat.vocabulary import Reason


def batch_problems(source: RegistryDescription) -> Iterator[Fault]:
    """What does not go with `batch`."""
    if source.batch is None:
        return
    if source.concurrency is not None:
        said = "the requests under way cannot be counted where each asks for many checks"
        yield ("concurrency",), f"{said} — limit by rate: and burst:, or remove batch:"
    if source.record.absent == "refused":
        said = "an answer about many people does not prove that one of them is absent: it may be only the first page"
        yield ("record", "absent"), f"{said} — write absent: undetermined, or remove batch:"
    if source.record.several is not None:
        said = "an answer about many people may lack some of the records of one"
        yield ("record", "several"), f"{said} — remove it, or batch:"
    if len(source.steps) > 1:
        yield ("steps",), "a batch is a single request — keep one step, or remove batch:"
        return
    yield from _outcome_problems(source.steps[0])
    numbers = set(source.number_inputs)
    if len(numbers) > 1:
        said = f"the number is compared with {' and '.join(sorted(numbers))}, and a batch is asked for by one input"
        yield ("batch",), f"{said} — compare it with one of them, or remove batch:"
    elif numbers <= source.inputs.keys():
        yield from (problem for number in numbers for problem in _number_problems(source, number))


def _outcome_problems(step: Step) -> Iterator[Fault]:
    for index, outcome in enumerate(step.outcomes):
        path: Path = ("steps", 0, "outcomes", index)
        if outcome.then is Then.REFUSED:
            said = "this would refuse everyone in a batch at once"
            yield (*path, "then"), f"{said} — write undetermined, or remove batch:"
        elif outcome.reason is Reason.AMBIGUOUS_RECORD:
            said = "a batch asks for several records, and two with one number are ambiguous without this outcome"
            yield (*path, "reason"), f"{said} — remove this outcome, or batch:"


def _number_problems(source: RegistryDescription, number: str) -> Iterator[Fault]:
    """Whether the request holds `number`, and nothing else of a participant."""
    field = source.inputs[number]
    is_bare = bool({CleaningStep.DIGITS, CleaningStep.ALNUM} & set(field.clean))
    if not is_bare and (field.format is None or field.format_when is not None):
        said = "a participant could type what joins the numbers, and so ask for several"
        yield ("inputs", number), f"{said} — write clean: [digits] or [alnum], or remove batch:"
    used = False
    for place, text in source.steps[0].request.templates():
        path: Path = ("steps", 0, "request", *place)
        for found in placeholders(text):
            if found.name == number:
                used = True
                if set(found.filters) - {Filter.XML}:
                    said = "a filter is applied to the joined numbers of a batch, and would change what joins them"
                    yield path, f"{said} — remove it, and write clean: at the input"
            elif found.name in source.inputs:
                said = f"a request about many people cannot hold the '{found.name}' of one"
                yield path, f"{said} — remove it, or remove batch:"
    if not used:
        said = f"the request does not hold '{number}', so it asks for none of the numbers"
        yield ("steps", 0, "request"), f"{said} — write {{{number}}} where the registry takes it, or remove batch:"
