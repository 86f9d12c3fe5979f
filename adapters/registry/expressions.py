"""Compiles JMESPath expressions once, each into nested closures.

jmespath itself walks its tree for every document, which was the slowest part of reading an answer. The results are the
same; rare kinds of node are left to jmespath (https://jmespath.org/specification.html).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import jmespath
from jmespath.visitor import TreeInterpreter

from adapters.base import Unreadable

Evaluate = Callable[[Any], Any]
Node = Mapping[str, Any]

_INTERPRETER = TreeInterpreter()
_ORDER = {"lt": operator.lt, "lte": operator.le, "gt": operator.gt, "gte": operator.ge}


class Expression:
    """A compiled expression, from its text or from jmespath's tree of it. Thread-safe."""

    def __init__(self, text: str | Node) -> None:
        self._evaluate = _compile(jmespath.compile(text).parsed if isinstance(text, str) else text)

    def evaluate(self, document: Any) -> Any:
        """The value of the expression. Raises Unreadable where a function meets another type than described."""
        try:
            return self._evaluate(document)
        except Exception:  # noqa: BLE001 - jmespath lets bare TypeErrors and RecursionErrors out
            trouble = Unreadable("the answer has another shape than described")
        # Raised outside the `except`, whose exception would be its context and may hold the answer.
        raise trouble


def holds(value: Any) -> bool:
    """JMESPath's truth: false, null and empty values are false; 0 is true."""
    return value is not None and value is not False and value not in ("", [], {})


def _compile(node: Node) -> Evaluate:
    compile_node = _COMPILERS.get(node["type"])
    if compile_node is None:
        return lambda value: _INTERPRETER.visit(node, value)
    return compile_node(node, *map(_compile, node["children"]))


def _current(_: Node) -> Evaluate:
    return lambda value: value


def _literal(node: Node) -> Evaluate:
    constant = node["value"]
    return lambda _: constant


def _field(node: Node) -> Evaluate:
    name = node["value"]

    def field(value: Any) -> Any:
        try:
            return value.get(name)
        except AttributeError:
            return None

    return field


def _chain(_: Node, *links: Evaluate) -> Evaluate:
    if len(links) == 1:
        return links[0]
    if len(links) == 2:
        first, second = links
        return lambda value: second(first(value))

    def chain(value: Any) -> Any:
        for link in links:
            value = link(value)
        return value

    return chain


def _index(node: Node) -> Evaluate:
    position = node["value"]

    def index(value: Any) -> Any:
        try:
            return value[position] if isinstance(value, list) else None
        except IndexError:
            return None

    return index


def _on_list(base: Evaluate, change: Callable[[list[Any]], list[Any]]) -> Evaluate:
    def evaluate(value: Any) -> Any:
        listed = base(value)
        return change(listed) if isinstance(listed, list) else None

    return evaluate


def _projection(_: Node, base: Evaluate, each: Evaluate) -> Evaluate:
    return _on_list(base, lambda listed: [found for element in listed if (found := each(element)) is not None])


def _filter(_: Node, base: Evaluate, each: Evaluate, condition: Evaluate) -> Evaluate:
    def filter_elements(listed: list[Any]) -> list[Any]:
        return [found for element in listed if holds(condition(element)) and (found := each(element)) is not None]

    return _on_list(base, filter_elements)


def _flatten(_: Node, base: Evaluate) -> Evaluate:
    def flatten(listed: list[Any]) -> list[Any]:
        return [inner for element in listed for inner in (element if isinstance(element, list) else (element,))]

    return _on_list(base, flatten)


def _object(node: Node, *members: Evaluate) -> Evaluate:
    named = tuple(zip((child["value"] for child in node["children"]), members, strict=True))
    return lambda value: None if value is None else {name: member(value) for name, member in named}


def _array(_: Node, *members: Evaluate) -> Evaluate:
    return lambda value: None if value is None else [member(value) for member in members]


def _and(_: Node, left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda value: right(value) if holds(found := left(value)) else found


def _or(_: Node, left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda value: found if holds(found := left(value)) else right(value)


def _not(_: Node, negated: Evaluate) -> Evaluate:
    # As jmespath does it: numbers are true, though 0 equals False.
    return lambda value: False if (found := negated(value)) == 0 and found is not False else not found


def _comparison(node: Node, left: Evaluate, right: Evaluate) -> Evaluate:
    match node["value"]:
        case "eq":
            return lambda value: _equal(left(value), right(value))
        case "ne":
            return lambda value: not _equal(left(value), right(value))
    before = _ORDER[node["value"]]

    def ordered(value: Any) -> Any:
        one, other = left(value), right(value)
        return before(one, other) if _has_order(one) and _has_order(other) else None

    return ordered


def _equal(one: Any, other: Any) -> bool:
    """Python takes True for 1; JSON does not."""
    return bool(one == other) and isinstance(one, bool) is isinstance(other, bool)


def _has_order(value: Any) -> bool:
    return isinstance(value, int | float | str) and not isinstance(value, bool)


_COMPILERS: Mapping[str, Callable[..., Evaluate]] = {
    "and_expression": _and,
    "comparator": _comparison,
    "current": _current,
    "field": _field,
    "filter_projection": _filter,
    "flatten": _flatten,
    "identity": _current,
    "index": _index,
    "index_expression": _chain,
    "key_val_pair": _chain,
    "literal": _literal,
    "multi_select_dict": _object,
    "multi_select_list": _array,
    "not_expression": _not,
    "or_expression": _or,
    "pipe": _chain,
    "projection": _projection,
    "subexpression": _chain,
}
"""Compiles each kind of node from its compiled children. Other kinds are interpreted."""
