"""Says which of the things that administrators import a configuration uses: zones, address bases and rosters."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from config.addresses import AddressFileSource
from config.names import named
from config.registry import RosterSource
from config.sources import SourceModel

if TYPE_CHECKING:
    from config.configuration import Question


def zones_in_use(questions: Iterable[Question], known: Collection[str]) -> set[str]:
    """The names of the zones that questions are about; those that begin with what a question says are among `known`."""
    asked = list(questions)
    several = {each for question in asked for each in question.zones}
    return {question.zone for question in asked if question.zone} | set(named(known, several))


def asking_several(questions: Iterable[Question], zone: str) -> list[tuple[str, str]]:
    """The questions about this zone among others, each with its consultation."""
    return [(each.consultation, each.name) for each in questions if each.zones and each.is_about(zone)]


def sources_by_dataset(sources: Mapping[str, SourceModel]) -> dict[str, list[str]]:
    """The names of the sources that look something up in a dataset, by its name."""
    found: dict[str, list[str]] = {}
    for name, source in sources.items():
        if isinstance(source, AddressFileSource | RosterSource) and source.dataset:
            found.setdefault(source.dataset, []).append(name)
    return found
