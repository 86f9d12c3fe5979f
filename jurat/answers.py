"""The schemas of answers, and the check of an answer before it is confirmed.

A schema is in a closed subset of JSON Schema (https://json-schema.org), so that any web tier can build a form from it:
an object of strings with `required`, `enum`, `pattern`, `minLength`, `maxLength` and `format: date`. `titles` gives
each field its label in each language, and `form` says how a code looks. fastjsonschema compiles it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

import fastjsonschema

from jurat.errors import InvalidAnswer
from jurat.vocabulary import CHOICE, NONE, OFFERED

MAX_BYTES = 16 * 1024
"""Most bytes of an answer, as canonical JSON in UTF-8."""

_STEP = 128

_CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def encode(answer: Mapping[str, Any]) -> bytes:
    """The canonical JSON of `answer`: sorted keys, no spaces, UTF-8.

    Raises InvalidAnswer for an answer that no database and no source could take: one with NUL characters, lone
    surrogates or values that are not JSON, or of more than 16 KiB.
    """
    if not isinstance(answer, Mapping):
        raise InvalidAnswer("", "is not an object of strings")
    try:
        text = _CANONICAL.encode(answer)
    except (TypeError, ValueError, RecursionError):
        raise InvalidAnswer("", "is not JSON: an object of strings is expected") from None
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidAnswer(
            _field_where(_has_surrogate, answer) or "", "has a broken character (a lone surrogate)"
        ) from None
    if "\\u0000" in text and (field := _field_where(_has_nul, answer)) is not None:  # else it is six characters
        raise InvalidAnswer(field, "has a NUL character; remove it")
    if len(data) > MAX_BYTES:
        raise InvalidAnswer("", f"has {len(data)} bytes; at most {MAX_BYTES} are allowed")
    return data


def canonical(document: Mapping[str, Any]) -> bytes:
    """Canonical JSON of what was JSON before. Raises ValueError for what no UTF-8 has, and for NaN and infinity."""
    return _CANONICAL.encode(document).encode("utf-8")


def pad(text: bytes) -> bytes:
    """The JSON text with spaces behind it, to steps of `_STEP` bytes: sealed, its length tells little about it."""
    return text + b" " * (-len(text) % _STEP)


def _field_where(matches: Callable[[str], bool], answer: Mapping[str, Any]) -> str | None:
    """The first field whose value matches, "" if a field's name does; None if nothing does."""
    for name, value in answer.items():
        if matches(str(name)):
            return ""
        if any(map(matches, _texts(value))):
            return str(name)
    return None


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for part in [*value, *value.values()]:
                yield from _texts(part)
        case list() | tuple():
            for part in value:
                yield from _texts(part)


def _has_nul(text: str) -> bool:
    return "\0" in text


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def validate(answer: Mapping[str, Any], schema: str) -> None:
    """Check that `answer` keeps to `schema` (JSON text, as in `jurat_questions.answer_schema`).

    A `CHOICE` is no field of the form, so no schema has it. Raises InvalidAnswer with the field and the rule that it
    breaks, never its value.
    """
    if not isinstance(answer, Mapping):
        raise InvalidAnswer("", "is not an object of strings")
    try:
        _compiled(schema)(answer)
    except fastjsonschema.JsonSchemaValueException as error:
        if answer.get(CHOICE) in (OFFERED, NONE):
            return validate({name: text for name, text in answer.items() if name != CHOICE}, schema)
        raise _explained(error, answer) from None


@lru_cache(maxsize=256)
def _compiled(schema: str) -> Callable[[Any], Any]:
    return compile_schema(json.loads(schema))


def compile_schema(schema: Any) -> Callable[[Any], Any]:
    """The function that checks an answer against `schema`, with titles left out and no other fields allowed."""
    compiled: Callable[[Any], Any] = fastjsonschema.compile(_without_titles(schema), formats={"date": _is_date})
    return compiled


def _is_date(text: str) -> bool:
    """RFC 3339, `full-date`. fastjsonschema's own check takes 30 February."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _without_titles(schema: Any) -> Any:
    bare = {word: value for word, value in schema.items() if word != "titles"}
    bare.setdefault("additionalProperties", False)
    bare["properties"] = {
        name: {word: value for word, value in field.items() if word != "titles"}
        for name, field in schema.get("properties", {}).items()
    }
    return bare


def _explained(error: fastjsonschema.JsonSchemaValueException, answer: Mapping[str, Any]) -> InvalidAnswer:
    field, limit = (error.name or "").removeprefix("data").removeprefix("."), error.rule_definition
    match error.rule:
        case "required":
            missing = [name for name in limit if name not in answer]
            return InvalidAnswer(missing[0], "is missing", error.rule)
        case "additionalProperties":
            return InvalidAnswer("", "has a field that the question does not ask for")
        case "type":
            return InvalidAnswer(field, f"must be of type {limit}")
        case "enum":
            return InvalidAnswer(field, f"must be one of {', '.join(map(str, limit))}", error.rule)
        case "minLength":
            return InvalidAnswer(field, f"must have at least {limit} character{'s' if limit != 1 else ''}", error.rule)
        case "maxLength":
            return InvalidAnswer(field, f"must have at most {limit} character{'s' if limit != 1 else ''}", error.rule)
        case "pattern":
            return InvalidAnswer(field, f"must match {limit}", error.rule)
        case "format":
            return InvalidAnswer(field, "must be a date such as 1999-12-31", error.rule)
        case _:
            return InvalidAnswer(field, "does not keep to the question's schema")
