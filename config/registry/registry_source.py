"""The source of type `registry`."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from config.registry.lint.description import problems_of
from config.registry.model.parts import misplaced
from config.registry.model.source import RegistryDescription


class RegistrySource(RegistryDescription):
    """A registry that answers JSON, XML or CSV over HTTPS.

    Requests reach no other hosts than `hosts`. `max_bytes` limits the size of an unpacked answer. With `batch`, one
    request asks for many checks.
    """

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        if found := list(problems_of(self)):
            raise misplaced("RegistrySource", found)
        return self
