"""Finds which keys of an answer each field of a record depends on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import product
from typing import Any, Final

import jmespath

from adapters.base import Unreadable
from adapters.http_client.reply import Reply
from adapters.registry.decoder import ReplyDecoder
from adapters.registry.expressions import Expression
from adapters.registry.places import Place
from adapters.registry_tests.encoder import Levels, Unwritable
from adapters.registry_tests.mutations import change_at, entries_at, key_places, remove_key, replace_with
from config.registry import RegistrySource
from config.registry.model.answer_formats import XmlIn
from config.registry.model.expressions import Node, walk
from config.registry.model.record import CARRIED
from config.registry.model.source import Kept
from config.registry.model.text_functions import SIGNATURES

_NOTHING: Final[tuple[Any, ...]] = (None, "", [], {})
_INSTEAD: Final[tuple[Any, ...]] = ("~", True, False, 0, 10**9)
"""Values that replace another to see whether anything depends on it, next to those that it is compared with."""


class Dependence:
    """The answer of a source's last step, among the `replies` of a test, and which fields of its record depend on which
    of its keys.
    """

    def __init__(self, source: RegistrySource, replies: Mapping[str, Reply]) -> None:
        self._source = source
        self._decoding = ReplyDecoder(source.steps[-1])
        self._reply = reply = replies[source.steps[-1].name]
        self._levels = Levels(source.steps[-1], reply)
        self._carried = dict(_carried(source, replies))
        self._known: dict[tuple[str, int, Place], bool] = {}

    def depends_on(self, name: str, level: int, place: Place) -> bool:
        """Whether the field `name` depends on what is at `place` in the tree of that level."""
        tree = self._levels.trees[level]
        if all(value in _NOTHING for _, value in entries_at(tree, place)):
            return False
        return self._depends_on(self.expression(name), level, place)

    def has_value(self, name: str) -> bool:
        """Whether the field `name` has a value, wherever that comes from."""
        return name in self._source.record.fields and not _is_nothing(self.value(name))

    def value(self, name: str) -> Any:
        """What the field `name` finds in the record; `Unreadable` where its expression fails."""
        return self._value(self.expression(name), self._reply)

    def gives_more(self, name: str, reply: Reply) -> bool:
        """Whether the field `name` has a text in `reply` that it does not have in the answer."""
        return not _texts(self._value(self.expression(name), reply)) <= _texts(self.value(name))

    def gives_any(self, name: str, reply: Reply) -> bool:
        """Whether the field `name` has a value in `reply`."""
        return not _is_nothing(self._value(self.expression(name), reply))

    def depends_on_any(self, name: str) -> bool:
        """Whether the field `name` depends on anything in the answers, also where that is null."""
        expression = self.expression(name)
        return self._depends_on_carried(expression) or any(
            self._leaves(expression, level, tree) for level, tree in enumerate(self._levels.trees)
        )

    def makes_up(self, name: str, level: int, place: Place, changed: Any, accepts: Callable[[Reply], bool]) -> bool:
        """Whether the field `name` has a value though `changed` no longer has what was at `place`.

        A field may find the same elsewhere. It is made up where a literal of the description has taken its place, or
        where it is still accepted without anything that it depends on.
        """
        expression = self.expression(name)
        come_in = _used_literals(expression, self._record(self._levels.with_tree(level, changed)))
        if come_in - _used_literals(expression, self._record(self._reply)):
            return True
        if not self._depends_on(expression, level, place):
            return False
        bare = changed
        for other in self._leaves(expression, level, changed):
            without = change_at(bare, other, remove_key)
            if self._writes_record(level, without):
                bare = without
        reply = self._levels.with_tree(level, bare)
        return not _is_nothing(self._value(expression, reply)) and accepts(reply)

    @property
    def body(self) -> Any:
        """The answer as it is decoded; None where it cannot be."""
        return self._decoding.read(self._reply).body

    @property
    def record(self) -> Any:
        """The first record of the answer; None where there is none."""
        return self._record(self._reply)

    def expression(self, name: str) -> str:
        return self._source.record.expressions[name]

    def _leaves(self, expression: str, level: int, tree: Any) -> list[Place]:
        """The places that an expression depends on, without those that hold others."""
        read = keys_read(self._source, len(self._source.steps) - 1)
        found = [place for place in key_places(tree, read) if self._depends(expression, level, tree, place)]
        return [place for place in found if not any(other != place and other[: len(place)] == place for other in found)]

    def _depends_on(self, expression: str, level: int, place: Place) -> bool:
        """The same of the answer as it is, found out once: it is asked at each change of that place."""
        key = expression, level, place
        if key not in self._known:
            self._known[key] = self._depends(expression, level, self._levels.trees[level], place)
        return self._known[key]

    def _depends(self, expression: str, level: int, tree: Any, place: Place) -> bool:
        before = self._value(expression, self._levels.with_tree(level, tree))
        literals = (node["value"] for node in walk(expression) if node["type"] == "literal")
        for instead in (*_INSTEAD, *literals):
            changed = change_at(tree, place, replace_with(instead))
            try:
                after = self._value(expression, self._levels.with_tree(level, changed))
            except Unwritable:
                continue
            if after != before:
                return True
        return False

    def _depends_on_carried(self, expression: str) -> bool:
        """Whether an expression depends on a value of an earlier answer."""
        before, carried = self._value(expression, self._reply), self._carried
        literals = (node["value"] for node in walk(expression) if node["type"] == "literal")
        for name, instead in product(carried, (*_INSTEAD, *literals)):
            self._carried = {**carried, name: instead}
            after = self._value(expression, self._reply)
            self._carried = carried
            if after != before:
                return True
        return False

    def _writes_record(self, level: int, tree: Any) -> bool:
        try:
            return isinstance(self._record(self._levels.with_tree(level, tree)), dict)
        except Unwritable:
            return False

    def _value(self, expression: str, reply: Reply) -> Any:
        return _evaluate(expression, self._record(reply))

    def _record(self, reply: Reply) -> Any:
        """The first record of an answer as it is; None where there is none."""
        body = self._decoding.read(reply).body
        answer = {"status": reply.status, "headers": reply.headers, "body": body, CARRIED: self._carried}
        found = _evaluate(self._source.record.origin, answer)
        return None if found is Unreadable else found[0] if isinstance(found, list) and found else found


def _carried(source: RegistrySource, replies: Mapping[str, Reply]) -> Iterator[tuple[str, Any]]:
    """The values of earlier answers that the record takes."""
    for step in source.steps[:-1]:
        for name in source.record.carried & step.set.keys() if step.name in replies else ():
            kept, reply = step.set[name], replies[step.name]
            answer = {"status": reply.status, "headers": reply.headers, "body": ReplyDecoder(step).read(reply).body}
            yield name, _evaluate(kept.value if isinstance(kept, Kept) else kept, answer)


def keys_read(source: RegistrySource, index: int) -> Callable[[str], bool]:
    """Whether a key of the answer of a step is one that its description reads."""
    step = source.steps[index]
    texts = [rule.when for rule in step.outcomes]
    texts += [kept.value if isinstance(kept, Kept) else kept for kept in step.set.values()]
    texts += [decoder.xml_in for decoder in step.decoders if isinstance(decoder, XmlIn)]
    texts += [text for text in (step.next.url, step.next.last) if text] if step.next is not None else []
    if index == len(source.steps) - 1:
        record = source.record
        texts.append(record.origin)
        texts += record.expressions.values()
    names: set[str] = set()
    for text in texts:
        found = _names(text)
        if found is None:
            return lambda _: True
        names |= found
    return names.__contains__


def _names(expression: str) -> set[str] | None:
    """The keys that an expression names; None where it reads keys that it does not name."""
    names: set[str] = set()
    for node in walk(expression):
        if node["type"] == "value_projection" or (
            node["type"] == "function_expression" and node["value"] in {"keys", "values", "merge"}
        ):
            return None
        if node["type"] == "field":
            names.add(node["value"])
    return names


def _used_literals(expression: str, record: Any) -> set[int]:
    """Which literals of an expression its value is made of, by position among those that it may give unchanged."""
    root = jmespath.compile(expression).parsed
    before = _evaluate(root, record)
    used = set()
    for number, path in enumerate(_given_literals(root)):
        if _evaluate(_with_literal(root, path, "~"), record) != before:
            used.add(number)
    return used


_TEST_CHILD: Final = {"filter_projection": 2}
_GIVES_ARGUMENTS: Final = frozenset({"not_null", "to_string", "to_array", "to_number", "merge", *SIGNATURES})


def _given_literals(node: Node, path: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """The paths of literals that may be the value or a part of it; not of those that something is compared with."""
    if node["type"] == "literal" and not _is_nothing(node["value"]):
        yield path
    if node["type"] in {"comparator", "not_expression"}:
        return
    if node["type"] == "function_expression" and node["value"] not in _GIVES_ARGUMENTS:
        return
    for index, child in enumerate(node["children"]):
        if isinstance(child, dict) and index != _TEST_CHILD.get(node["type"]):
            yield from _given_literals(child, (*path, index))


def _with_literal(node: Node, path: tuple[int, ...], value: Any) -> Node:
    if not path:
        return {**node, "value": value}
    children = list(node["children"])
    children[path[0]] = _with_literal(children[path[0]], path[1:], value)
    return {**node, "children": children}


def _evaluate(expression: str | Node, document: Any) -> Any:
    compiled = _compiled(expression) if isinstance(expression, str) else Expression(expression)
    try:
        return compiled.evaluate(document)
    except Unreadable:
        return Unreadable


@lru_cache(maxsize=128)
def _compiled(expression: str) -> Expression:
    """Those of a description are evaluated thousands of times each."""
    return Expression(expression)


def _texts(value: Any) -> set[str]:
    """All texts in a value, with others as JSON has them."""
    match value:
        case dict() | list():
            return {text for each in (value.values() if isinstance(value, dict) else value) for text in _texts(each)}
    return {json.dumps(value)} if isinstance(value, str | int | float) else set()


def _is_nothing(value: Any) -> bool:
    """Whether a value is null, empty, or made of such values alone."""
    match value:
        case dict():
            return all(map(_is_nothing, value.values()))
        case list():
            return all(map(_is_nothing, value))
    return value is Unreadable or value is None or value == ""
