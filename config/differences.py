"""Compares two configurations option by option, with presets filled in. Both hold only references to secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any, Final

from config.document import Document
from config.problems import Path, dotted

_IN_ORDER: Final = frozenset({"questions", "inputs", "values"})
"""Maps whose order counts: it is that of the form."""


class Change(StrEnum):
    """What happened to an option."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    REORDERED = "reordered"


@dataclass(frozen=True, slots=True)
class Difference:
    """One option that differs. `old` and `new` are as they are written, without defaults."""

    path: Path
    change: Change
    old: Any = None
    new: Any = None

    def __str__(self) -> str:
        where = dotted(self.path)
        match self.change:
            case Change.ADDED:
                return f"+ {where}: {_short(self.new)}"
            case Change.REMOVED:
                return f"- {where}: {_short(self.old)}"
        return f"~ {where}: {_short(self.old)} → {_short(self.new)}"


def differences(old: Document, new: Document) -> list[Difference]:
    """What `new` changes in `old`, in the order of `new`."""
    before, after = (each.model_dump(mode="json", by_alias=True, exclude_defaults=True) for each in (old, new))
    return list(_differences((), before, after))


def _differences(path: Path, old: Any, new: Any) -> Iterator[Difference]:
    match old, new:
        case dict(), dict():
            for key in [*new, *(key for key in old if key not in new)]:
                yield from _in_map((*path, key), key, old, new)
            before, after = [key for key in old if key in new], [key for key in new if key in old]
            if path and path[-1] in _IN_ORDER and before != after:
                yield Difference(path, Change.REORDERED, before, after)
        case list(), list():
            yield from _in_list(path, old, new)
        case _ if old != new:
            yield Difference(path, Change.CHANGED, old, new)


def _in_map(path: Path, key: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Difference]:
    if len(path) == 1 and isinstance(old.get(key, {}), dict) and isinstance(new.get(key, {}), dict):
        # A section is no option: its entries are reported one by one.
        yield from _differences(path, old.get(key, {}), new.get(key, {}))
    elif key not in old:
        yield Difference(path, Change.ADDED, new=new[key])
    elif key not in new:
        yield Difference(path, Change.REMOVED, old=old[key])
    else:
        yield from _differences(path, old[key], new[key])


def _in_list(path: Path, old: Sequence[Any], new: Sequence[Any]) -> Iterator[Difference]:
    """Entries in both are the same, wherever they are; others are compared in pairs where some replace others."""
    before, after = ([json.dumps(entry, sort_keys=True) for entry in entries] for entries in (old, new))
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        pairs = min(i2 - i1, j2 - j1)
        for offset in range(pairs):
            yield from _differences((*path, j1 + offset), old[i1 + offset], new[j1 + offset])
        yield from (Difference((*path, index), Change.REMOVED, old=old[index]) for index in range(i1 + pairs, i2))
        yield from (Difference((*path, index), Change.ADDED, new=new[index]) for index in range(j1 + pairs, j2))


def _short(value: Any, limit: int = 160) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
