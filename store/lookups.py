"""Reads lists of codes, address bases and rosters for lookups. A database that is away is an outage of the source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from adapters.base import Unavailable
from adapters.codes import StoredCode
from adapters.rosters import RosterVersion
from jurat.database import is_away
from store.datasets.address_bases import OpenDataset
from store.queries import Queries


@dataclass(frozen=True, slots=True)
class StoredCodes:
    """The lists of codes in the database."""

    queries: Queries

    def find(self, code_list: str, fingerprints: Sequence[str]) -> Mapping[str, StoredCode]:
        with outage():
            return self.queries.codes(code_list, fingerprints)

    def key_ids(self, code_list: str) -> set[str]:
        with outage():
            return self.queries.code_keys(code_list)


@dataclass(frozen=True, slots=True)
class StoredDatasets:
    """The address bases in the database, which may become unavailable in the midst of a search."""

    queries: Queries

    @contextmanager
    def open(self, name: str) -> Iterator[OpenDataset | None]:
        with outage(), self.queries.address_base(name) as base:
            yield base


@dataclass(frozen=True, slots=True)
class StoredRosters:
    """The rosters in the database."""

    queries: Queries

    def roster(self, dataset: str, numbers: Sequence[bytes]) -> RosterVersion | None:
        with outage():
            return self.queries.roster(dataset, numbers)


@contextmanager
def outage() -> Iterator[None]:
    """Raises Unavailable when the database is away within the block."""
    try:
        yield
    except SQLAlchemyError as error:
        if not is_away(error):
            raise
        raise Unavailable("the database did not answer") from None
