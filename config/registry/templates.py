"""Texts with placeholders, `{name}` and `{secrets.name}`, as requests to registries are written.

There is no expression in them, no format and no filter: what stands between the braces is a name and nothing else. A
brace that is meant as such is written twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

NAME_PATTERN: Final = r"^[a-z][a-z0-9_]{0,62}$"
SECRETS: Final = "secrets."
_TOKEN = re.compile(r"\{\{|\}\}|\{((?:secrets\.)?[a-z][a-z0-9_]{0,62})\}|[{}]")
_DEEPEST_JSON = 16
_LONGEST = 2000


def pieces(text: str) -> Iterator[tuple[str, str | None]]:
    """The literal pieces of a template, each with the name of the placeholder behind it (None at the end).

    Raises:
        PydanticCustomError: a brace stands alone, or what it holds is no name.
    """
    literal, end = "", 0
    for token in _TOKEN.finditer(text):
        literal += text[end : token.start()]
        end = token.end()
        if token[0] in ("{{", "}}"):
            literal += token[0][0]
        elif token[1] is None:
            raise PydanticCustomError(
                "template", "a brace stands for itself where it is written twice — a placeholder is a name in braces"
            )
        else:
            yield literal, token[1]
            literal = ""
    yield literal + text[end:], None


def placeholders(value: Any) -> Iterator[str]:
    """The names of the placeholders in a template, or in every text of a JSON tree."""
    match value:
        case str():
            yield from (name for _, name in pieces(value) if name is not None)
        case dict():
            for child in value.values():
                yield from placeholders(child)
        case list():
            for child in value:
                yield from placeholders(child)


def _check_template(text: str) -> str:
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text):
        raise PydanticCustomError("template", "has a control character — remove it")
    list(pieces(text))
    return text


def _check_tree(tree: Any) -> Any:
    waiting = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > _DEEPEST_JSON:
            raise PydanticCustomError("json_body", f"is nested deeper than {_DEEPEST_JSON} levels")
        match node:
            case str():
                _check_template(node)
            case dict():
                waiting.extend((child, depth + 1) for child in node.values())
            case list():
                waiting.extend((child, depth + 1) for child in node)
    return tree


Template = Annotated[str, Field(max_length=_LONGEST), AfterValidator(_check_template)]
"""One line of text with placeholders."""

JsonTemplate = Annotated[dict[str, Any], AfterValidator(_check_tree)]
"""A JSON object whose texts are templates. A text that is one placeholder and nothing else becomes its value."""
