"""Finds the columns that a description needs. A table without them is another table, or a sentence with a comma."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import jmespath

from config.registry.model.expressions import Node, children_of
from config.registry.model.record import RecordDescription

Columns = tuple[frozenset[str], ...]
"""Groups of names: a table has at least one of each group."""

_ALTERNATIVES: Final = "not_null"


def columns_of(record: RecordDescription) -> Columns:
    """The columns that a table must have so that the fields of `record` can be read in it.

    `a || b` and `not_null(a, b)` need one of the two, and none where one of them is a literal.
    """
    texts = record.expressions.values()
    return tuple(dict.fromkeys(group for text in texts for group in _groups(jmespath.compile(text).parsed)))


def _groups(node: Node) -> Columns:
    children = children_of(node)
    match node["type"]:
        case "field":
            return (frozenset({node["value"]}),)
        case "or_expression":
            return _one_of(children)
        case "function_expression" if node["value"] == _ALTERNATIVES:
            return _one_of(children)
        case "subexpression" | "pipe" | "index_expression" | "projection" | "filter_projection" | "flatten":
            return _groups(children[0])
        case "value_projection" | "expref":
            return ()
    return tuple(group for child in children for group in _groups(child))


def _one_of(children: Sequence[Node]) -> Columns:
    alternatives = [_groups(child) for child in children]
    return (frozenset().union(*(name for each in alternatives for name in each)),) if all(alternatives) else ()
