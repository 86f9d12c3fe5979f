"""The source of type `registry`."""

from __future__ import annotations

from collections.abc import Iterator

from config.problems import Fault
from config.registry.lint.description import problems_of
from config.registry.model.source import RegistryDescription


class RegistrySource(RegistryDescription):
    """A registry that answers JSON, XML or CSV over HTTPS.

    Requests reach no other hosts than `hosts`. `max_bytes` limits the size of an unpacked answer. With `batch`, one
    request asks for many checks.
    """

    def faults(self) -> Iterator[Fault]:
        return problems_of(self)
