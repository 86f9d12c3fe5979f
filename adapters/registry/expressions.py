"""Compiles JMESPath expressions once, each into nested closures.

jmespath itself walks its tree anew for every document, which was the dearest part of reading an answer. What it gives
is given here too, for each kind of node; the rare kinds are left to it (https://jmespath.org/specification.html).
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
    """A compiled expression. Thread-safe."""

    def __init__(self, text: str | Node) -> None:
        """`text`, or the tree that jmespath makes of one."""
        self._evaluate = _compiled(jmespath.compile(text).parsed if isinstance(text, str) else text)

    def of(self, document: Any) -> Any:
        """What the expression gives.

        Raises:
            Unreadable: it cannot be applied, as when a function meets another type than described.
        """
        try:
            return self._evaluate(document)
        except Exception:  # noqa: BLE001 - jmespath lets bare TypeErrors and RecursionErrors out
            trouble = Unreadable("the answer has another shape than described")
        # Not raised above: there it would carry the other exception along, which may hold the answer.
        raise trouble


def holds(value: Any) -> bool:
    """JMESPath's own truth: false, null and what is empty are false; 0 is true."""
    return value is not None and value is not False and value not in ("", [], {})


def _compiled(node: Node) -> Evaluate:
    compile_node = _COMPILERS.get(node["type"])
    if compile_node is None:
        return lambda value: _INTERPRETER.visit(node, value)
    return compile_node(node, *map(_compiled, node["children"]))


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


def _projection(_: Node, base: Evaluate, each: Evaluate) -> Evaluate:
    def projection(value: Any) -> Any:
        listed = base(value)
        if not isinstance(listed, list):
            return None
        return [found for element in listed if (found := each(element)) is not None]

    return projection


def _filter(_: Node, base: Evaluate, each: Evaluate, condition: Evaluate) -> Evaluate:
    def filtered(value: Any) -> Any:
        listed = base(value)
        if not isinstance(listed, list):
            return None
        return [found for element in listed if holds(condition(element)) and (found := each(element)) is not None]

    return filtered


def _flatten(_: Node, base: Evaluate) -> Evaluate:
    def flatten(value: Any) -> Any:
        listed = base(value)
        if not isinstance(listed, list):
            return None
        merged: list[Any] = []
        for element in listed:
            if isinstance(element, list):
                merged += element
            else:
                merged.append(element)
        return merged

    return flatten


def _pair(_: Node, value: Evaluate) -> Evaluate:
    return value


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
    # jmespath's own, which takes numbers for true and calls nothing but these and what is empty false.
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
    "key_val_pair": _pair,
    "literal": _literal,
    "multi_select_dict": _object,
    "multi_select_list": _array,
    "not_expression": _not,
    "or_expression": _or,
    "pipe": _chain,
    "projection": _projection,
    "subexpression": _chain,
}
"""How each kind of node is compiled, out of its compiled children. What is not here is interpreted."""
