"""Finds how an expression builds names, {family, given}, from the expression itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jmespath

_FAMILY = "family"
_GIVEN = "given"


def gives_given(expression: str) -> bool:
    """Whether the names have a given name of their own."""
    return any(key == _GIVEN for key, _ in _entries(expression))


def lists_families(expression: str) -> bool:
    """Whether a family name is put together from several fields, `family: [first_surname, second_surname]`.

    Where it is not, a list of family names is the record's own, and may be of several people.
    """
    return any(key == _FAMILY and value["type"] == "multi_select_list" for key, value in _entries(expression))


def _entries(expression: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The keys of all maps that an expression makes, each with the node that gives its value."""
    waiting: list[Mapping[str, Any]] = [jmespath.compile(expression).parsed]
    while waiting:
        node = waiting.pop()
        children = [child for child in node["children"] if isinstance(child, dict)]
        if node["type"] == "key_val_pair":
            yield node["value"], children[0]
        waiting += children
