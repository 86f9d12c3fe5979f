"""Reads what a draft is made from: an example answer, or an operation of an OpenAPI document."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from config.regular_files import NoRegularFile, read_regular
from config.starters.draft import ANYWHERE, draft_text
from config.starters.openapi import Operation, operation_at

LARGEST_ANSWER: Final = 64 << 10
LARGEST_OPENAPI: Final = 512 << 10
ONE_RECORD: Final = "keep one record of it"


def draft_from(name: str, place: str, today: date) -> str:
    """A draft of the registry `name` from a file, as for `example_at`."""
    asked = example_at(place)
    return draft_text(name, asked.answer, today, asked.url, asked.query)


def example_at(place: str) -> Operation:
    """What a file tells of a registry: an answer in JSON, or FILE#POINTER, an operation in OpenAPI.

    Raises ValueError with what is wrong, without any of the file's content.
    """
    file, sign, pointer = place.partition("#")
    if not sign:
        return Operation(ANYWHERE, json_in(_content(Path(file), LARGEST_ANSWER, ONE_RECORD)))
    content = _content(Path(file), LARGEST_OPENAPI, "keep the operation and what it refers to")
    document = json_in(content) if content.lstrip()[:1] == "{" else _yaml_in(content)
    try:
        return operation_at(document, pointer)
    except (AttributeError, IndexError, KeyError, TypeError):
        raise ValueError("it is not written as OpenAPI 3 has it") from None


def _content(file: Path, largest: int, hint: str) -> str:
    try:
        content = read_regular(file, largest + 1)
    except (NoRegularFile, OSError) as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from None
    if len(content) > largest:
        raise too_large(largest, hint)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None


def too_large(largest: int, hint: str = ONE_RECORD) -> ValueError:
    """What is raised for more than so many bytes."""
    return ValueError(f"it is larger than {largest >> 10} KiB; {hint}")


def json_in(text: str) -> Any:
    """An answer in JSON. Raises ValueError."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON (line {error.lineno}, column {error.colno})") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _yaml_in(text: str) -> Any:
    """The document as JSON has it: dates are text."""
    yaml = YAML(typ="safe", pure=True)
    yaml.constructor.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: node.value)
    try:
        return yaml.load(text)
    except (YAMLError, ValueError):
        raise ValueError("it is no YAML") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse(word: str) -> Any:
    raise ValueError(f"JSON has no {word}")
