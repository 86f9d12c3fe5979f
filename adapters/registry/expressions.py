"""Compiles JMESPath expressions (https://jmespath.org/specification.html), each once, into nested closures.

jmespath itself walks its tree for every answer, which was half the cost of a lookup with long expressions. The results
are the same: functions are jmespath's own, and it walks the kinds of node that are rare.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from typing import Any, Final

import jmespath
from jmespath.functions import REVERSE_TYPES_MAP
from jmespath.visitor import TreeInterpreter

from adapters.base import Unreadable
from config.registry.model.text_functions import OPTIONS, TextFunctions

Node = Mapping[str, Any]
_Evaluate = Callable[[Any], Any]

_INTERPRETER: Final = TreeInterpreter(OPTIONS)
_FUNCTIONS: Final = TextFunctions()


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
    return bool(value) or (isinstance(value, int | float) and value is not False)


def _compile(node: Node) -> _Evaluate:
    compile_node = _COMPILERS.get(node["type"], _interpret)
    return compile_node(node, *(_compile(child) for child in node["children"] if isinstance(child, dict)))


def _interpret(node: Node, *_: _Evaluate) -> _Evaluate:
    return lambda value: _INTERPRETER.visit(node, value)


def _field(node: Node) -> _Evaluate:
    name = node["value"]

    def field(value: Any) -> Any:
        if value is None:  # so often that an exception would cost more
            return None
        try:
            return value.get(name)
        except AttributeError:
            return None

    return field


def _index(node: Node) -> _Evaluate:
    at = node["value"]
    return lambda value: value[at] if isinstance(value, list) and -len(value) <= at < len(value) else None


def _chain(_: Node, *links: _Evaluate) -> _Evaluate:
    return reduce(lambda first, second: lambda value: second(first(value)), links)


def _array(_: Node, *elements: _Evaluate) -> _Evaluate:
    return lambda value: None if value is None else [element(value) for element in elements]


def _object(node: Node, *members: _Evaluate) -> _Evaluate:
    named = [(child["value"], member) for child, member in zip(node["children"], members, strict=True)]
    return lambda value: None if value is None else {name: member(value) for name, member in named}


def _on_list(base: _Evaluate, change: Callable[[list[Any]], list[Any]]) -> _Evaluate:
    return lambda value: change(found) if isinstance(found := base(value), list) else None


def _flatten(_: Node, base: _Evaluate) -> _Evaluate:
    return _on_list(base, lambda found: [one for each in found for one in (each if isinstance(each, list) else [each])])


def _projection(_: Node, base: _Evaluate, of: _Evaluate) -> _Evaluate:
    return _on_list(base, lambda found: [one for each in found if (one := of(each)) is not None])


def _filter(_: Node, base: _Evaluate, of: _Evaluate, test: _Evaluate) -> _Evaluate:
    return _on_list(base, lambda found: [one for each in found if holds(test(each)) and (one := of(each)) is not None])


def _comparison(node: Node, left: _Evaluate, right: _Evaluate) -> _Evaluate:
    if node["value"] not in {"eq", "ne"}:
        return _interpret(node)
    wanted = node["value"] == "eq"
    return lambda value: _equal(left(value), right(value)) is wanted


def _equal(one: Any, other: Any) -> bool:
    """Python takes True for 1; JSON does not."""
    return bool(one == other) and isinstance(one, bool) is isinstance(other, bool)


def _function(node: Node, *arguments: _Evaluate) -> _Evaluate:
    known = TextFunctions.FUNCTION_TABLE.get(node["value"], {"signature": [{"types": ["unknown"]}]})
    taken = [each["types"] for each in known["signature"]]
    if len(arguments) < len(taken) or not REVERSE_TYPES_MAP.keys() >= {kind for kinds in taken for kind in kinds}:
        return _interpret(node)  # which fails, or looks at the types within an array, too
    apply = partial(known["function"], _FUNCTIONS)
    checked = [*map(_checked, arguments, taken), *arguments[len(taken) :]]
    match checked:
        case [one]:
            return lambda value: apply(one(value))
        case [one, two]:
            return lambda value: apply(one(value), two(value))
    return lambda value: apply(*[each(value) for each in checked])


def _checked(argument: _Evaluate, kinds: Sequence[str]) -> _Evaluate:
    types = {name for kind in kinds for name in REVERSE_TYPES_MAP[kind]}

    def checked(value: Any) -> Any:
        if type(found := argument(value)).__name__ not in types:
            raise TypeError
        return found

    return checked if types else argument


_COMPILERS: Final[Mapping[str, Callable[..., _Evaluate]]] = {
    "and_expression": lambda _, left, right: lambda value: right(value) if holds(found := left(value)) else found,
    "or_expression": lambda _, left, right: lambda value: found if holds(found := left(value)) else right(value),
    "not_expression": lambda _, negated: lambda value: not holds(negated(value)),
    "comparator": _comparison,
    "current": lambda _: lambda value: value,
    "field": _field,
    "filter_projection": _filter,
    "flatten": _flatten,
    "function_expression": _function,
    "identity": lambda _: lambda value: value,
    "index": _index,
    "index_expression": _chain,
    "key_val_pair": _chain,
    "literal": lambda node: lambda _: node["value"],
    "multi_select_dict": _object,
    "multi_select_list": _array,
    "pipe": _chain,
    "projection": _projection,
    "subexpression": _chain,
}
"""Compiles a node from its compiled children."""
