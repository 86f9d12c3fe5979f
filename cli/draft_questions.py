"""Asks at the terminal what a registry is like, for a draft: `sources new` without --from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import click

from config.starters import FORMS, starter_text
from config.starters.draft import ANYWHERE, FoundRecord, draft_text, records_in
from config.starters.examples import example_at
from config.starters.openapi import INVENTED, Operation
from config.starters.trees import Keys

_NONE: Final = "-"
_UNASKED: Final = frozenset({"professions", "until"})
_FIELD: Final = re.compile(r"[\w-]+(\.[\w-]+)*")
_URL: Final = re.compile(r"https?://[^\s/?]+/\S*\{number\}\S*")

T = TypeVar("T")


def ask_draft(name: str, today: date) -> str:
    """A configuration of the registry `name`: of answers in JSON a draft from what is asked, else one with comments."""
    form = click.prompt("What it answers, or a roster in a file", type=click.Choice(FORMS), default="json", err=True)
    if form != "json":
        return starter_text(form, name)
    asked, records = _ask(f"File with an answer about someone it accepts ({_NONE} for none)", _example, _NONE)
    if asked.url == ANYWHERE:
        url, query = _ask("URL of a lookup, with {number} for the number", _address, ANYWHERE)
        asked = replace(asked, url=url, query=query)
    origin = next(iter(records))
    if len(records) > 1:
        origin = click.prompt("Where the record is", type=click.Choice([*records]), default=origin, err=True)
    found = _ask_fields(records[origin])
    return draft_text(name, asked.answer or found.record, today, asked.url, asked.query, found)


def _ask_fields(found: FoundRecord) -> FoundRecord:
    """Where the fields of the record are, likely as `found`. An empty record gets them, with invented values."""
    chosen: dict[str, tuple[Keys, ...]] = {}

    def ask(name: str, question: str, beside: Keys = (), *, needed: bool = True) -> Keys:
        places = found.places(name)

        def read(text: str) -> Keys:
            if text == _NONE and not needed:
                return ()
            keys = places.get(text) if found.record else tuple(text.split(".")) if _FIELD.fullmatch(text) else None
            if keys is None:
                hint = f"there are {', '.join(places)}" if found.record else "write it as number or person.number"
                raise click.UsageError(f"no field — {hint}")
            if any(keys[: len(other)] == other[: len(keys)] for (other, *_) in chosen.values()):
                raise click.UsageError("this is another field already")
            if beside and keys[:-1] != beside[:-1]:
                raise click.UsageError("it must be next to the family name")
            return keys

        none = "" if needed else f" ({_NONE} for none)"
        if keys := _ask(f"Field of the {question}{none}", read, found.path(name) or (None if needed else _NONE)):
            chosen[name] = (keys,)
        return keys

    ask("number", "number")
    if family := ask("family", "family name", needed=False):
        ask("given", "given name", family)
    else:
        ask("whole", "whole name", needed=False)
    is_told = ask("status", "status", needed=False)
    found = replace(found, fields={name: found.fields[name] for name in _UNASKED & found.fields.keys()} | chosen)
    example = found.active_word if is_told and found.record else ""

    def words(text: str) -> tuple[str, ...]:
        active = tuple(word for each in text.split(",") if (word := each.strip()))
        if not active or (example and example not in active):
            raise click.UsageError(f"the answer has '{example}'" if example else "name one")
        return active

    active = _ask("Its values that mean active, with commas", words, example or None) if is_told else ()
    return replace(found, active=active, record=found.record or _invented(chosen, active))


def _ask(question: str, read: Callable[[str], T], likely: str | None) -> T:
    """What `read` makes of an answer, asked again while it raises UsageError. Questions go to standard error."""
    answer: T = click.prompt(question, default=likely, value_proc=read, err=True)
    return answer


def _example(place: str) -> tuple[Operation, Mapping[str, FoundRecord]]:
    if place == _NONE:
        return Operation(ANYWHERE, None), {"body": FoundRecord((), {}, {})}
    try:
        asked = example_at(place)
        records = {each.origin: each for each in records_in(asked.answer) if each.places("number")}
    except ValueError as error:
        raise click.UsageError(f"{place} is no example answer: {error}") from None
    if not records:
        raise click.UsageError(f"{place} is no example answer: it has no field with a value")
    return asked, records


def _address(text: str) -> tuple[str, Mapping[str, str]]:
    if text != ANYWHERE and not _URL.fullmatch(text):
        raise click.UsageError("write it as https://registry.example/people/{number} or …/people?id={number}")
    url, _, query = text.partition("?")
    return url, dict(parse_qsl(query, keep_blank_values=True))


def _invented(fields: Mapping[str, Sequence[Keys]], active: Sequence[str]) -> dict[str, Any]:
    """The record of someone invented, with these fields."""
    record: dict[str, Any] = {}
    for name, ((*above, last), *_) in fields.items():
        part = record
        for key in above:
            part = part.setdefault(key, {})
        part[last] = active[0] if name == "status" else INVENTED[name]
    return record
