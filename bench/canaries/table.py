"""The table of what may be where: read from sinks.toml, written to the docs, and compared with what a run found."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.canaries.finder import Found
from bench.canaries.markers import MARKERS

_FILE: Final = Path(__file__).with_name("sinks.toml")


@dataclass(frozen=True, slots=True)
class Sink:
    """A place where bytes go. Markers in neither list must not be there."""

    name: str
    title: str
    holds: Sequence[str] = ()
    """Markers that every run finds there."""
    may_hold: Sequence[str] = ()
    """Markers that a run may find there, as timing has it."""
    may_be_empty: bool = False
    note: str = ""


def sinks() -> list[Sink]:
    """All of them. Raises ValueError if the file names a marker that there is not, or one twice."""
    read: Mapping[str, Mapping[str, Any]] = tomllib.loads(_FILE.read_text("utf-8"))
    made = [Sink(name, **each) for name, each in read.items()]
    for sink in made:
        named = [*sink.holds, *sink.may_hold]
        if wrong := [marker for marker in named if marker not in MARKERS or named.count(marker) > 1]:
            raise ValueError(f"{_FILE.name}, {sink.name}: {', '.join(wrong)} is no marker, or is there twice")
    return made


def lines() -> Iterator[str]:
    """The table as the docs have it: a line for each sink."""
    for sink in sinks():
        parts = [f"{word} {', '.join(map(MARKERS.__getitem__, names))}" for word, names in _lists(sink) if names]
        yield f"- **{sink.title}**: {'; '.join(parts) or 'nothing'}. {sink.note}".strip()


def _lists(sink: Sink) -> Iterator[tuple[str, Sequence[str]]]:
    yield from (("holds", sink.holds), ("may hold", sink.may_hold))


def wrong(found: Found, sizes: Mapping[str, int]) -> list[str]:
    """Each cell in which a run is not what the table says, in a sentence. `sizes` are the bytes of each sink."""
    known = {sink.name: sink for sink in sinks()}
    sentences = [f"{name}: no sink of {_FILE.name}; add it there" for name in sizes if name not in known]
    for name, sink in known.items():
        if name not in sizes or (not sizes[name] and not sink.may_be_empty):
            sentences.append(f"{name}: nothing was collected, so nothing was proved")
            continue
        for marker, meaning in MARKERS.items():
            here = found.get((name, marker))
            if here and marker not in (*sink.holds, *sink.may_hold):
                ways = ", ".join(f"{spelling} {count}×" for spelling, count in here.items())
                sentences.append(f"{name} × {marker}: {meaning} is in: {sink.title} ({ways}); expected nothing")
            if not here and marker in sink.holds:
                sentences.append(f"{name} × {marker}: nothing was found; expected {meaning}")
    return sentences


def counts(found: Found, sizes: Mapping[str, int]) -> Iterator[str]:
    """A run as lines for a terminal: for each sink its size, and how often which marker was found."""
    for name, size in sizes.items():
        here = {marker: sum(ways.values()) for (sink, marker), ways in found.items() if sink == name}
        listed = ", ".join(f"{marker} {here[marker]}" for marker in MARKERS if marker in here)
        yield f"{name:<14} {size / 1e6:>8.2f} MB  {listed or 'nothing'}"
