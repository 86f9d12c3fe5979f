"""Finds zones in which nobody could be accepted: no place in them is as far from the border as the margin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from adapters.address.address_lists import is_list
from config.configuration import Configuration, Question
from config.levels import Level
from tasks.rules.margins import margins_of


def narrow_zones(configuration: Configuration, contents: Mapping[str, bytes]) -> Iterator[str]:
    """A sentence for each zone (its stored content by its name) that is too narrow for a question about it alone."""
    from adapters.address.border_distances import room  # noqa: PLC0415 - its libraries are large, and few have zones

    for question in configuration.questions.values():
        content = contents.get(question.zone or "")
        if content is None or is_list(content):
            continue
        margin = _least_margin(configuration, question)
        try:
            widest = room(content, enough=margin)
        except ValueError:  # damaged: who reads it says so
            continue
        if widest < margin:
            yield (
                f"no place in the zone '{question.zone}' is farther than {widest:.1f} m from its border, and "
                f"{question.consultation}/{question.name} has a margin of {margin:g} m: nobody could be accepted. Give "
                f"criterion '{question.criterion}' a smaller one (margin: {{ housenumber: {int(widest / 2)}m }}), or "
                "import the zone as a list of addresses (bin/jurat zones import-addresses)"
            )


def _least_margin(configuration: Configuration, question: Question) -> float:
    """The least distance from the border at which one of its sources decides."""
    override = {Level(level): metres for level, metres in question.margins.items()}
    kinds = [configuration.sources[name].type for name in question.sources]
    return min(metres for kind in kinds for metres in margins_of(kind, override).values())
