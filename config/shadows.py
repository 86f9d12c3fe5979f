"""Checks the shadows of sources: new versions of their descriptions, which decide nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from config.document import Document
from config.problems import Complaint
from config.registry import RegistrySource
from config.suggestions import suggest


def shadows_of(document: Document) -> dict[str, str]:
    """The sources that have a shadow, and its name."""
    sources = document.sources.items()
    return {name: each.shadow.source for name, each in sources if isinstance(each, RegistrySource) and each.shadow}


def check_shadow_names(document: Document, known: Collection[str] | None) -> Iterator[Complaint]:
    """Shadows that do not exist. `known` are the names of all sources, if they can be read."""
    for name, shadow in shadows_of(document).items():
        if known is not None and shadow not in known:
            yield Complaint(_place(name), f"there is no source '{shadow}'", suggest(shadow, known))


def check_shadows(document: Document) -> Iterator[Complaint]:
    """A shadow is another registry, which gets the same answers, and is the shadow of that source alone."""
    shadows = shadows_of(document)
    decide = {name for criterion in document.criteria.values() for name in criterion.source}
    for name, shadow in shadows.items():
        source, other = document.sources[name], document.sources.get(shadow)
        said, hint = "", "give the new version a name of its own"
        if other is None:
            continue
        if not isinstance(other, RegistrySource):
            said = f"'{shadow}' is of type {other.type}, and only a registry can be a shadow"
        elif other.shadow:
            said = f"'{shadow}' has a shadow itself"
        elif shadow in decide:
            said = f"'{shadow}' decides, because a criterion uses it"
        elif list(shadows.values()).count(shadow) > 1:
            said = f"'{shadow}' is the shadow of several sources, whose verdicts would be counted together"
        elif isinstance(source, RegistrySource) and source.inputs.keys() != other.inputs.keys():
            said, hint = f"'{shadow}' asks for other inputs than this source", "give both the same inputs"
        if said:
            yield Complaint(_place(name), said, hint)


def _place(name: str) -> tuple[str, ...]:
    return "sources", name, "shadow", "source"
