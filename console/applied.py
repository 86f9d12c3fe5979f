"""The applied configuration, which is read anew only when another was applied."""

from __future__ import annotations

from functools import lru_cache

from config.configuration import Configuration
from console.parts import parts
from store.queries import Queries


def applied() -> Configuration | None:
    """The newest configuration; None before the first. Raises InvalidConfiguration if this release cannot read it."""
    queries = Queries(parts().database.reader)
    version = queries.config_version()
    return None if version is None else _read(queries.config(version))


@lru_cache(maxsize=2)
def _read(document: str) -> Configuration:
    return Configuration.from_json(document)
