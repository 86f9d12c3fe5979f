"""The version of a roster that is in force, as a lookup sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Protocol

MOST_ALIKE: Final = 100
"""So many records of one number are judged together; more are ambiguous."""

SEALED: Final = "sealed "
"""What the layout of a version begins with whose rows are sealed. Workers that cannot open these know no such layout,
and leave the version alone.
"""


@dataclass(frozen=True, slots=True)
class RosterVersion:
    """The version of a roster that is in force, and those of its people that were asked for.

    `layout` and `key_id` say how the numbers were cleaned and hashed. `left_out` is how many rows of the file have no
    number and are not in the roster, `count` how many people it has. `people` are their kept columns, or these sealed
    (see `adapters.registry.roster_seal`), by the hash of the number; of those who share one, `MOST_ALIKE` and one more.
    """

    version: int
    layout: str
    key_id: str
    data_date: date
    left_out: int
    count: int
    people: Mapping[bytes, Sequence[Mapping[str, str]]] = field(repr=False)

    @property
    def is_sealed(self) -> bool:
        """Whether the kept columns are sealed; those of versions of earlier releases are in clear."""
        return self.layout.startswith(SEALED)


class RosterStore(Protocol):
    """The rosters in the database."""

    def roster(self, dataset: str, numbers: Sequence[bytes]) -> RosterVersion | None:
        """The version in force with those who have one of `numbers`; None where there is none. Raises Unavailable."""
