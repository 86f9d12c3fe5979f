"""Plain trees, as answers are read: what is at a place, and copies with something else there."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

Keys = tuple[str, ...]
"""The keys from a map down to a value; EACH stands for each entry of a list."""

EACH: Final = "[]"


def value_at(tree: Any, keys: Keys) -> Any:
    """The value at a place; of a list, that of its first entry."""
    for key in keys:
        tree = tree[0] if key == EACH else tree[key]
    return tree


def with_one_record(answer: Any, at: Keys) -> Any:
    """The answer with one record."""
    if not at:
        return answer
    if at[0] == EACH:
        return [with_one_record(answer[0], at[1:])]
    return answer | {at[0]: with_one_record(answer[at[0]], at[1:])}


def lists_in(tree: Any) -> Iterator[Keys]:
    """The keys down to each list; of XML, `as_list` cannot name one with a point."""
    for key, part in tree.items() if isinstance(tree, dict) else ():
        if "." in key:
            continue
        if isinstance(part, list):
            yield (key,)
        for below in part if isinstance(part, list) else [part]:
            yield from ((key, *keys) for keys in lists_in(below))


def with_value(tree: Any, keys: Keys, value: Any) -> Any:
    """A copy of a tree with another value at a place."""
    copy = deepcopy(tree)
    value_at(copy, keys[:-1])[keys[-1]] = value
    return copy
