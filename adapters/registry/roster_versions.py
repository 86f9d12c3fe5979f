"""The version of a roster that is in force, as a lookup sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol


class RosterVersion(Protocol):
    """The version of a roster that is in force, and those of its people that were asked for.

    `layout` and `key_id` say how the numbers were cleaned and hashed, `count` how many people there are, `left_out` how
    many rows of the file have no number and are not there.
    """

    @property
    def version(self) -> int: ...
    @property
    def layout(self) -> str: ...
    @property
    def key_id(self) -> str: ...
    @property
    def data_date(self) -> date: ...
    @property
    def count(self) -> int: ...
    @property
    def left_out(self) -> int: ...
    @property
    def people(self) -> Mapping[bytes, Sequence[Mapping[str, str]]]:
        """Their kept columns, by the hash of the number; two of several that share one."""
        ...


class RosterStore(Protocol):
    """The rosters that the database has."""

    def roster(self, dataset: str, numbers: Sequence[bytes]) -> RosterVersion | None:
        """The version of a list that is in force, with those who have one of `numbers`; None where there is none.

        Raises Unavailable when the database does not answer.
        """
        ...
