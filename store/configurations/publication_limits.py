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
    """A platform's last publication or withdrawal of one consultation, not answered yet."""

    name: str
    document: str | None
    revision: int
    by: str
    applied: bool
    """Whether an earlier revision is in the configuration."""

    @property
    def size(self) -> int:
        return len((self.document or "").encode())


class PublicationRefused(Exception):
    """A publication cannot be put into the configuration; says why."""


class PublicationRoom:
    """The sizes in bytes of the published consultations by name, and whether one more may be published.

    The client checks this as well. But two platforms may publish at the same moment, and SQLite takes any INSERT.
    """

    def __init__(self, sizes: dict[str, int]) -> None:
        self._sizes = sizes
        self._all = sum(sizes.values())

    @classmethod
    def of(cls, connection: Connection) -> Self:
        length = dialect_of(connection).octets("applied_document")
        sql = f"SELECT name, {length} FROM jurat_consultations WHERE applied_document IS NOT NULL"
        return cls({row[0]: row[1] for row in connection.execute(text(sql))})

    def check(self, publication: WaitingPublication) -> None:
        """Raises PublicationRefused, but never for a consultation that does not grow."""
        before = self._sizes.get(publication.name)
        if publication.document is None or (before is not None and publication.size <= before):
            return
        if before is None and len(self._sizes) >= MOST_PUBLISHED:
            raise PublicationRefused(f"{TOO_MANY}; {WITHDRAW_ONE}")
        if self._all - (before or 0) + publication.size > LARGEST_TOGETHER:
            raise PublicationRefused(f"{TOO_LARGE_TOGETHER}; {SHORTEN_OR_WITHDRAW}")

    def take(self, publication: WaitingPublication) -> None:
        self._all -= self._sizes.pop(publication.name, 0)
        if publication.document is not None:
            self._sizes[publication.name] = publication.size
            self._all += publication.size
