"""Finds the places of an answer that a description reads, from its expressions alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import jmespath

from config.registry import RegistrySource
from config.registry.model.expressions import Node, children_of
from config.registry.model.source import Kept

EACH: Final = "[]"
"""In a place: all entries of a list; "[0]" is the first one alone."""

Place = tuple[str, ...]
"""Keys from the root on, such as ("people", EACH, "status")."""

ANY: Final = "*"
"""In a place: a key that is data, such as a number that was typed, or any key of an object."""

_BODY: Final = "body"

_Found = Place | Mapping[str, Any]
"""Where a value comes from: a place without EACH, or the values of a map that an expression builds."""


def dotted(place: Place) -> str:
    """A place as people write it: `people[].status`, `people[0].status`."""
    return re.sub(r"\.(\[[0-9]*\])", r"\1", ".".join(place))


def places_read(source: RegistrySource, index: int) -> frozenset[Place]:
    """The places in the body of a step's answer that the description reads, without EACH; with ANY for `keys(…)`,
    `values(…)` and `*`.
    """
    step, reader = source.steps[index], _PlaceReader()
    for rule in step.outcomes:
        reader.read(rule.when)
    for kept in step.set.values():
        reader.read(kept.value if isinstance(kept, Kept) else kept)
    for text in () if step.next is None else filter(None, (step.next.url, step.next.last)):
        reader.read(text)
    if index == len(source.steps) - 1:
        records = reader.read(source.record.origin)
        for text in source.record.expressions.values():
            reader.read(text, records)
    return frozenset(place[1:] for place in reader.places if place[0] == _BODY and len(place) > 1)


class _PlaceReader:
    """Follows expressions from the values that they begin with. Lists are passed through, as projections do."""

    def __init__(self) -> None:
        self.places: set[Place] = set()

    def read(self, text: str, start: Sequence[_Found] = ((),)) -> list[_Found]:
        return self._follow(jmespath.compile(text).parsed, list(start))

    def _follow(self, node: Node, start: list[_Found]) -> list[_Found]:
        children = children_of(node)
        match node["type"]:
            case "field":
                return self._take(node["value"], start)
            case "literal":
                return []
            case "multi_select_dict":
                return [{each["value"]: self._follow(children_of(each)[0], start) for each in children}]
            case "multi_select_list" | "or_expression" | "and_expression":
                return self._follow_all(children, start)
            case "comparator" | "not_expression":
                self._follow_all(children, start)
                return []
            case "value_projection":
                of, taken = children
                return self._follow(taken, self._take(ANY, self._follow(of, start)))
            case "filter_projection":
                of, taken, condition = children
                entries = self._follow(of, start)
                self._follow(condition, entries)
                return self._follow(taken, entries)
            case "function_expression":
                given = self._follow_all([each for each in children if each["type"] != "expref"], start)
                below = self._follow_all([each for each in children if each["type"] == "expref"], given)
                if node["value"] in {"keys", "values"}:
                    return self._take(ANY, given)
                return below if node["value"] == "map" else given
        for child in children:
            start = self._follow(child, start)
        return start

    def _follow_all(self, nodes: Iterable[Node], start: list[_Found]) -> list[_Found]:
        return [each for node in nodes for each in self._follow(node, start)]

    def _take(self, key: str, start: list[_Found]) -> list[_Found]:
        taken: list[_Found] = []
        for each in start:
            if isinstance(each, tuple):
                taken.append((*each, key))
                self.places.add((*each, key))
            elif key == ANY:
                taken += [value for values in each.values() for value in values]
            else:
                taken += each.get(key, ())
        return list(dict.fromkeys(taken)) if all(isinstance(each, tuple) for each in taken) else taken
