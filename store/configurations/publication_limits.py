"""Limits how many consultations a platform publishes, and how large they are together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from sqlalchemy import Connection, text

from jurat.publications import (
    LARGEST_TOGETHER,
    MOST_PUBLISHED,
    SHORTEN_OR_WITHDRAW,
    TOO_LARGE_TOGETHER,
    TOO_MANY,
    WITHDRAW_ONE,
)
from store.dialects import dialect_of


@dataclass(frozen=True, slots=True)
class WaitingPublication:
    """What a platform asked for last about one consultation, and nobody has answered."""

    name: str
    document: str | None
    revision: int
    by: str
    applied: bool
    """Whether an earlier revision is in the configuration."""

    @property
    def size(self) -> int:
        """Bytes of its document."""
        return len((self.document or "").encode())


class PublicationRefused(Exception):
    """What was published cannot be put into the configuration; says why."""


class PublicationRoom:
    """The bytes of each consultation that is published, by its name, and whether one more may be.

    Who publishes is told so at once. But two may at the same moment, and SQLite takes any INSERT.
    """

    def __init__(self, sizes: dict[str, int]) -> None:
        self._sizes = sizes
        self._all = sum(sizes.values())

    @classmethod
    def of(cls, connection: Connection) -> Self:
        length = dialect_of(connection).octets("applied_document")
        sql = f"SELECT name, {length} FROM jurat_consultations WHERE applied_document IS NOT NULL"
        return cls({row[0]: row[1] for row in connection.execute(text(sql))})

    def check(self, asked: WaitingPublication) -> None:
        """Raises PublicationRefused. What gets no larger than it was goes in."""
        before = self._sizes.get(asked.name)
        if asked.document is None or (before is not None and asked.size <= before):
            return
        if before is None and len(self._sizes) >= MOST_PUBLISHED:
            raise PublicationRefused(f"{TOO_MANY}; {WITHDRAW_ONE}")
        if self._all - (before or 0) + asked.size > LARGEST_TOGETHER:
            raise PublicationRefused(f"{TOO_LARGE_TOGETHER}; {SHORTEN_OR_WITHDRAW}")

    def take(self, asked: WaitingPublication) -> None:
        self._all -= self._sizes.pop(asked.name, 0)
        if asked.document is not None:
            self._sizes[asked.name] = asked.size
            self._all += asked.size
