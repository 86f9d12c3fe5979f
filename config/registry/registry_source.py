"""The source of type `registry`: a description whose parts fit together."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from config.registry.lint.description import problems_of
from config.registry.model.parts import misplaced
from config.registry.model.source import RegistryDescription


class RegistrySource(RegistryDescription):
    """A registry that answers JSON, XML or CSV over HTTPS.

    `hosts` are the only ones that any request may reach. `max_bytes` bounds an unpacked answer. `batch`: many checks
    may be asked for in one request.
    """

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        if found := list(problems_of(self)):
            raise misplaced("RegistrySource", found)
        return self
