"""What is applied, and plain queries, as pages read them."""

from __future__ import annotations

from functools import lru_cache

from config.configuration import Configuration
from config.document import Document
from console.parts import parts
from store.queries import Queries


def queries() -> Queries:
    """Plain queries, with the rights of a reader."""
    return Queries(parts().database.reader)


def applied() -> Configuration:
    """The newest configuration, which is read again only when another was applied; an empty one before the first.

    Raises InvalidConfiguration if this release cannot read it.
    """
    version = queries().config_version()
    return _read(None if version is None else queries().config(version))


@lru_cache(maxsize=2)
def _read(document: str | None) -> Configuration:
    return Configuration.of(Document()) if document is None else Configuration.from_json(document)
