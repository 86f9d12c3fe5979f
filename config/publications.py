"""Reads consultations that a platform published, for the administrators' configuration.

A platform chooses among the criteria and fills what they leave open. Its part of the document passes the same models
and checks as the administrators' files, and it can change nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Final

from pydantic import ValidationError

from config.document import Consultation, Document, Parameter
from config.limits import DEEPEST
from config.problems import Complaint, InvalidConfiguration, Path, Severity
from config.references import KnownNames, check_fit, check_names
from config.suggestions import suggest
from config.validation_messages import complaints_of
from jurat.names import is_storable

_SECTION: Final = "consultations"
_MOST_SAID: Final = 5


def read_consultation(
    document: Document, name: str, text: str, zones: Collection[str] | None, lists: Collection[str] | None
) -> Consultation:
    """The consultation that a platform published as the JSON `text`, if it fits into `document`.

    `zones` and `lists` are the imported ones; None leaves them unchecked. Raises InvalidConfiguration with everything
    that is wrong.
    """
    data = {_SECTION: {name: _read(name, text)}}
    try:
        own = Document.model_validate(data)
    except ValidationError as error:
        raise InvalidConfiguration.of(complaints_of(error, data)) from None
    whole = document.model_copy(update={_SECTION: own.consultations})
    known = replace(KnownNames.of(whole), zones=zones)
    complaints = [*check_names(whole, known), *check_fit(whole), *_check_lists(own, lists)]
    errors = [each for each in complaints if each.path[:1] == (_SECTION,) and each.severity is Severity.ERROR]
    if errors:
        raise InvalidConfiguration.of(errors)
    return own.consultations[name]


def remove_consultations(document: Document, names: Collection[str]) -> Document:
    """The document without these consultations."""
    left = {name: part for name, part in document.consultations.items() if name not in names}
    return document.model_copy(update={_SECTION: left})


def summarize(error: InvalidConfiguration) -> str:
    """The first few problems in one line, each with its place and what to do."""
    said = [
        (f"{problem.path}: " if problem.path else "") + problem.message + (f" — {problem.hint}" if problem.hint else "")
        for problem in error.problems
    ]
    more = [f"and {len(said) - _MOST_SAID} more"] if len(said) > _MOST_SAID else []
    line = "; ".join([*said[:_MOST_SAID], *more])
    return "".join(character if character.isprintable() else "?" for character in line)


def _read(name: str, text: str) -> dict[str, Any]:
    path: Path = (_SECTION, name)
    try:
        data = json.loads(text, object_pairs_hook=partial(_check_unique, path))
        _check_storable(data, path, 0)
    except RecursionError:
        raise _too_deep(path) from None
    except ValueError:
        raise _refusal(path, "this is no JSON", "publish it again") from None
    if not isinstance(data, dict):
        raise _refusal(path, "must be a map (key: value)")
    return data


def _check_unique(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _refusal(path, f"'{key}' appears twice in one map", "keep one")
        found[key] = value
    return found


def _check_storable(value: Any, path: Path, depth: int) -> None:
    if depth > DEEPEST:
        raise _too_deep(path[:2])
    match value:
        case str() if not is_storable(value):
            raise _refusal(path, "this text contains a NUL or half a character", "remove it")
        case float() if value - value != 0:
            raise _refusal(path, "this is no number")
        case dict():
            for key, part in value.items():
                _check_storable(key, path, depth + 1)
                _check_storable(part, (*path, key), depth + 1)
        case list():
            for index, part in enumerate(value):
                _check_storable(part, (*path, index), depth + 1)


def _too_deep(path: Path) -> InvalidConfiguration:
    return _refusal(path, f"maps and lists are nested more than {DEEPEST} deep", "check the brackets")


def _refusal(path: Path, message: str, hint: str = "") -> InvalidConfiguration:
    return InvalidConfiguration.of([Complaint(path, message, hint)])


def _check_lists(document: Document, lists: Collection[str] | None) -> Iterator[Complaint]:
    """A platform may name only a list that has codes: without them, participants could only wait."""
    for name, consultation in document.consultations.items():
        for question_name, question in consultation.questions.items():
            code_list = question.named(Parameter.LIST)
            if code_list is not None and lists is not None and code_list not in lists:
                path = (_SECTION, name, "questions", question_name, "with", "list")
                yield Complaint(path, f"there is no list of codes '{code_list}'", suggest(code_list, lists))
