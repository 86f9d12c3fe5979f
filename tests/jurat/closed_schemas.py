"""The closed subset of JSON Schema that answers are described in; every schema that a source makes is held to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import fastjsonschema

from jurat.answers import compile_schema

_OBJECT_WORDS = {"type", "properties", "required", "additionalProperties", "titles"}
_FIELD_WORDS = {"type", "enum", "pattern", "minLength", "maxLength", "format", "titles", "form"}


def check_schema(schema: Any) -> None:
    """Check that `schema` is in the closed subset.

    Raises ValueError with a sentence that names the place and what is allowed there.
    """
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        raise ValueError("an answer's schema has `type: object`")
    _only(schema, _OBJECT_WORDS, "the schema")
    fields = schema.get("properties", {})
    if not isinstance(fields, Mapping):
        raise ValueError("`properties` is a map from field to schema")
    for name, field in fields.items():
        _check_field(name, field)
    _check_titles(schema, "the schema")
    required = schema.get("required", [])
    if not _is_list_of_text(required):
        raise ValueError("`required` is a list of fields")
    for name in required:
        if name not in fields:
            raise ValueError(f"`required` names {name!r}, which `properties` does not have")
    extra = schema.get("additionalProperties", False)
    if extra is not False and extra != {"type": "string"}:
        raise ValueError("`additionalProperties` is false or { type: string }")
    try:
        compile_schema(schema)
    except (fastjsonschema.JsonSchemaException, re.error) as error:
        raise ValueError(f"the schema cannot be used: {error}") from None


def _check_field(name: Any, field: Any) -> None:
    if not isinstance(name, str) or not name:
        raise ValueError(f"field {name!r}: the name of a field is text")
    if not isinstance(field, Mapping) or field.get("type") != "string":
        raise ValueError(f"field {name!r} has `type: string`")
    _only(field, _FIELD_WORDS, f"field {name!r}")
    _check_titles(field, f"field {name!r}")
    if field.get("format", "date") != "date":
        raise ValueError(f"field {name!r}: the one `format` is date")
    if not isinstance(field.get("form", ""), str):
        raise ValueError(f"field {name!r}: `form` is a text")
    if "enum" in field and not (field["enum"] and _is_list_of_text(field["enum"])):
        raise ValueError(f"field {name!r}: `enum` is a list of at least one text")
    for word in ("minLength", "maxLength"):
        length = field.get(word, 0)
        if not isinstance(length, int) or isinstance(length, bool) or length < 0:
            raise ValueError(f"field {name!r}: `{word}` is a number of characters, 0 or more")
    if "pattern" in field:
        try:
            re.compile(field["pattern"])
        except (re.error, TypeError) as error:
            raise ValueError(f"field {name!r}: `pattern` is not a regular expression: {error}") from None


def _check_titles(described: Mapping[str, Any], place: str) -> None:
    titles = described.get("titles", {})
    if not isinstance(titles, Mapping) or not _is_list_of_text([*titles, *titles.values()]):
        raise ValueError(f"{place}: `titles` is a map from language to text")


def _is_list_of_text(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _only(found: Mapping[str, Any], allowed: set[str], place: str) -> None:
    for word in found:
        if word not in allowed:
            raise ValueError(f"{place} may not have `{word}`; allowed are {', '.join(sorted(allowed))}")
