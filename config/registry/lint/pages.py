"""Checks whether all pages of an answer are read, so that none is taken for the whole."""

from __future__ import annotations

from collections.abc import Iterator

from config.problems import Fault, Path
from config.registry.lint.answers import is_hasty, read_as
from config.registry.model.source import NextPage, RegistryDescription, Step
from config.registry.model.templates import SECRETS, placeholders


def page_problems(source: RegistryDescription) -> Iterator[Fault]:
    """What does not go with `next`."""
    names = [step.name for step in source.steps]
    for index, step in enumerate(source.steps):
        if step.next is None:
            continue
        path: Path = ("steps", index, "next")
        if index != len(source.steps) - 1:
            yield path, "only the last step has the records — remove it here"
        if source.batch is not None:
            yield path, "an answer about many people has one page here — remove it, or batch:"
        if taken := {*step.pages[1:]} & {*names}:
            yield (*path[:-1], "name"), f"a test would call a page {taken.pop()}, as another step — rename one of them"
        for below, said in _problems(step, step.next):
            yield (*path, below), said


def _problems(step: Step, following: NextPage) -> Iterator[tuple[str, str]]:
    if is_hasty(read_as(step), following.last):
        said = "this also holds for an outage or an answer of another shape, and pages would be missing"
        yield "last", f"{said} — ask for what the registry says of its last page, such as body.page >= body.pages"
    way = "url" if following.url is not None else "parameter"
    if step.request.method != "GET":
        yield way, "a further page is asked for by its address — write method: GET"
    if following.parameter is not None and not step.request.query.get(following.parameter, "").isdecimal():
        said = f"the query has no number '{following.parameter}' for the first page"
        yield way, f'{said} — write query: {{ {following.parameter}: "1" }}, with the number that it begins with'
    if following.url is not None:
        query = {found.name for text in step.request.query.values() for found in placeholders(text)}
        in_auth = step.request.auth is not None and step.request.auth.type == "query"
        if in_auth or any(name.startswith(SECRETS) for name in query):
            yield way, "the address of the next page may lack the secret in the query — send it in a header"
