"""Changes an answer as registries change theirs without notice: keys removed, renamed, null, or nested differently.

Trees are plain data and never changed in place: what a change does not touch is shared between both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from adapters.registry.places import EACH, Place, dotted

MOST_PLACES: Final = 150
"""How many places of one answer are changed; those near the root come first."""

MOST_ENTRIES: Final = 6
"""How many entries of a list are changed alone at one place; the first ones."""

Change = Callable[[dict[str, Any], str], dict[str, Any]]
"""Changes a key of a map."""

_ENTRY = re.compile(r"\[([0-9]+)\]")
_CAPITAL = re.compile(r"(?<=[a-z0-9])([A-Z])")
_LOWER_AFTER_BAR = re.compile(r"(?<=[A-Za-z0-9])_+([a-z0-9])")


class MutationKind(StrEnum):
    """What happens to a key, or to the whole answer."""

    GONE = "is gone"
    NULL = "is null"
    RENAMED = "has another name"
    NESTED = "is nested one level deeper"
    RETYPED = "is another kind of value"
    WRAPPED = "everything is one level deeper"
    RESTYLED = "all keys are spelled in another style"
    ALL_RENAMED = "all keys at the top have another name"
    ALL_NULL = "all values are null"


TAKEN_AWAY: Final = frozenset({MutationKind.GONE, MutationKind.NULL, MutationKind.RENAMED})
"""Mutations after which the answer does not say any more what was there."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """A changed answer. `place` is the key that was changed; () where it was the whole."""

    kind: MutationKind
    tree: Any = field(repr=False)
    place: Place = ()

    def __str__(self) -> str:
        return f"{dotted(self.place)} {self.kind}" if self.place else str(self.kind)

    @property
    def of_one(self) -> bool:
        """Whether one entry of a list was changed, and the others were not."""
        return any(map(_ENTRY.fullmatch, self.place))


def mutations(tree: Any, is_read: Callable[[str], bool]) -> Iterator[Mutation]:
    """Every mutation of `tree` at keys that the description reads; in lists, of all entries and of one of several."""
    for place in key_places(tree, is_read):
        for here in (place, *entry_places(tree, place)):
            for kind, change in CHANGES.items():
                changed = change_at(tree, here, change)
                if changed != tree:
                    yield Mutation(kind, changed, here)
    yield Mutation(MutationKind.WRAPPED, {"data": tree})
    yield Mutation(MutationKind.ALL_NULL, _leaves(tree, lambda _: None))
    for style in (_camel, _snake, str.upper):
        restyled = _keys(tree, style)
        if restyled != tree:
            yield Mutation(MutationKind.RESTYLED, restyled)
    if isinstance(tree, dict) and tree:
        yield Mutation(MutationKind.ALL_RENAMED, {_other_name(key): value for key, value in tree.items()})


def key_places(tree: Any, is_read: Callable[[str], bool]) -> list[Place]:
    """The places of keys that are read, from the root on, each once for all entries of a list."""
    found: dict[Place, None] = {}
    level: list[tuple[Place, Any]] = [((), tree)]
    while level and len(found) < MOST_PLACES:
        below: list[tuple[Place, Any]] = []
        for place, node in level:
            match node:
                case dict():
                    below += [((*place, key), child) for key, child in node.items()]
                case list():
                    below += [((*place, EACH), child) for child in node]
        found |= {place: None for place, _ in below if place[-1] != EACH and is_read(place[-1])}
        level = below
    return list(found)[:MOST_PLACES]


def entries_at(tree: Any, place: Place) -> list[tuple[Place, Any]]:
    """What is at a place: one value, or one for each entry of the lists on the way; each with its own place."""
    found: list[tuple[Place, Any]] = [((), tree)]
    for key in place:
        below: list[tuple[Place, Any]] = []
        for above, node in found:
            match node:
                case list():
                    entries = [(f"[{index}]", child) for index, child in enumerate(node) if _is_meant(key, index)]
                    below += [((*above, entry), child) for entry, child in entries]
                case dict() if key in node:
                    below.append(((*above, key), node[key]))
        found = below
    return found


def entry_places(tree: Any, place: Place) -> list[Place]:
    """The places of the single entries that `place` means; none where it is one."""
    found = [each for each, _ in entries_at(tree, place)]
    return found[:MOST_ENTRIES] if len(found) > 1 else []


def change_at(tree: Any, place: Place, change: Change) -> Any:
    """`tree` with `change` applied to the map that has the last key of `place`, in the entries of lists on the way."""
    key, *below = place
    match tree:
        case list():
            rest = tuple(below)
            return [change_at(one, rest, change) if _is_meant(key, index) else one for index, one in enumerate(tree)]
        case dict() if key in tree:
            return {**tree, key: change_at(tree[key], tuple(below), change)} if below else change(tree, key)
    return tree


def on_value(change: Callable[[Any], Any]) -> Change:
    """The change of a map that changes the value of a key."""
    return lambda node, key: {**node, key: change(node[key])}


def replace_with(value: Any) -> Change:
    """The change that replaces a value with `value`."""
    return on_value(lambda _: value)


def _is_meant(key: str, position: int) -> bool:
    """Whether a key of a place means the entry at that position of a list."""
    return key in (EACH, f"[{position}]")


def remove_key(node: dict[str, Any], key: str) -> dict[str, Any]:
    """The change that removes a key."""
    return {name: value for name, value in node.items() if name != key}


def rename_key(node: dict[str, Any], key: str) -> dict[str, Any]:
    """The change that gives a key another name."""
    return {_other_name(name) if name == key else name: value for name, value in node.items()}


def _nest(value: Any) -> Any:
    match value:
        case dict():
            return [value]
        case list():
            return {"items": value}
    return {"value": value}


def _retype(value: Any) -> Any:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str() if re.fullmatch("[1-9][0-9]{0,17}", value):
            return int(value)
        case str():
            return [value]
        case [one]:
            return one
    return value


CHANGES: Final[Mapping[MutationKind, Change]] = {
    MutationKind.GONE: remove_key,
    MutationKind.NULL: replace_with(None),
    MutationKind.RENAMED: rename_key,
    MutationKind.NESTED: on_value(_nest),
    MutationKind.RETYPED: on_value(_retype),
}
"""What the mutations of a key do to the map that has it."""


def _other_name(key: str) -> str:
    return f"{key}2"


def _keys(tree: Any, style: Callable[[str], str]) -> Any:
    match tree:
        case dict():
            return {style(key): _keys(value, style) for key, value in tree.items()}
        case list():
            return [_keys(value, style) for value in tree]
    return tree


def _leaves(tree: Any, change: Callable[[Any], Any]) -> Any:
    match tree:
        case {**members} if members:
            return {key: _leaves(value, change) for key, value in members.items()}
        case [*entries] if entries:
            return [_leaves(value, change) for value in entries]
    return change(tree)


def _camel(key: str) -> str:
    return _LOWER_AFTER_BAR.sub(lambda found: found[1].upper(), key)


def _snake(key: str) -> str:
    return _CAPITAL.sub(r"_\1", key).lower()
