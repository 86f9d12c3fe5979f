"""Checks where the records are. An expression that picks one of several would hide the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import jmespath

from config.problems import Fault
from config.registry.model.expressions import Node, children_of
from config.registry.model.record import NUMBER
from config.registry.model.rules import fields_of
from config.registry.model.source import RegistryDescription

_FROM: Final = ("record", "from")
_ONE_OF_MANY: Final = frozenset({"max_by", "min_by"})
_FILTER: Final = "filter_projection"


def origin_problems(source: RegistryDescription) -> Iterator[Fault]:
    """What in `from` would choose between records. A person decides which of several is meant (ambiguous_record)."""
    tree = jmespath.compile(source.record.origin).parsed
    nodes = list(_outside_filters(tree))
    picks = (node["type"] == "function_expression" and node["value"] in _ONE_OF_MANY for node in nodes)
    if any(picks) or any(node["type"] in {"index", "slice"} for node in nodes):
        said = "this takes one of several records, and hides that there are others"
        yield _FROM, f"{said} — let it give all of them: body.people or body[].people[] in place of body[0].people[0]"
    above = {node["value"] for node in nodes if node["type"] == "field"}
    looked_at = _looked_at(source)
    for node in nodes:
        if node["type"] == _FILTER:
            for name in sorted(_beginnings(node["children"][2], above) & looked_at.keys()):
                said = f"this filters records by '{name}', which the rule of '{looked_at[name]}' reads"
                hint = "remove [?…], and say which of several count (several:), or filter by another key"
                yield _FROM, f"{said}, so that two could look like one — {hint}"


def _looked_at(source: RegistryDescription) -> dict[str, str]:
    """The keys of a record that rules read, each with its field, without the number: filters may ask for one."""
    names = {name for rule in source.rules for name in fields_of(rule)} - {NUMBER}
    found: dict[str, str] = {}
    for name, text in source.record.expressions.items():
        if name in names:
            found |= dict.fromkeys(_beginnings(jmespath.compile(text).parsed, set()), name)
    return found


def _outside_filters(node: Node) -> Iterator[Node]:
    """All nodes but those of conditions: an index there chooses nothing."""
    yield node
    for child in children_of(node)[:2] if node["type"] == _FILTER else children_of(node):
        yield from _outside_filters(child)


def _beginnings(node: Node, above: set[str]) -> set[str]:
    """The keys that an expression reads from its input, or below those in `above`."""
    children = children_of(node)
    match node["type"]:
        case "field":
            return {node["value"]}
        case "subexpression":
            return next((found for child in children if not (found := _beginnings(child, above)) <= above), set())
        case "pipe" | "index_expression" | "projection" | "value_projection" | "flatten" | "filter_projection":
            return next((found for child in children if (found := _beginnings(child, above))), set())
    return {name for child in children for name in _beginnings(child, above)}
