"""Looks an address up in an address base in the database, of any size.

Every lookup sees one version of the base. A new version applies from the next lookup on.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Protocol

from adapters.address.base.search import search
from adapters.address.base.streets import AddressBase, Area, Street
from adapters.base import Places, Query, SourceOfMany, Unavailable

STREETS_CACHED = 50_000
"""How many streets of the areas that were searched last stay in memory, half a kilobyte each."""


class OpenBase(AddressBase, Protocol):
    """The version of a base that is in force at one moment. No other version ever has its `id`."""

    @property
    def id(self) -> int: ...
    @property
    def language(self) -> str:
        """The language of its street names."""


class AddressStore(Protocol):
    """The address bases in the database."""

    def open(self, name: str) -> AbstractContextManager[OpenBase | None]:
        """The version of a base that is in force, None where there is none. Its methods work until it is closed.

        Raises Unavailable, as its methods do, when the database does not answer.
        """


class AddressDataset(SourceOfMany):
    """A source of type `address-file` with a `dataset`. `language` is that of the street names."""

    def __init__(self, name: str, datasets: AddressStore, language: str = "fr") -> None:
        self._name = name
        self._datasets = datasets
        self._language = language
        self._cache = _StreetCache()

    def look_up(self, query: Query) -> Places:
        return self.look_up_many([query])[0]

    def look_up_many(self, queries: Sequence[Query]) -> list[Places]:
        """As `search`. Raises Unavailable where the database does not answer, or has no such base."""
        with self._datasets.open(self._name) as base:
            if base is None:
                raise Unavailable(
                    f"the dataset {self._name} is not imported; "
                    f"run `bin/jurat datasets import-addresses {self._name} FILE`"
                )
            if base.language != self._language:
                raise Unavailable(
                    f"the dataset {self._name} was imported with --language {base.language}, and its source has "
                    f"`language: {self._language}`; they must be the same"
                )
            return search(queries, base, self._language, partial(self._cache.streets, base))


class _StreetCache:
    """The streets of the areas that were searched last: nearly all queries of a consultation are about a few."""

    def __init__(self) -> None:
        self._areas: OrderedDict[tuple[int, Area], Mapping[str, Sequence[Street]]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def streets(self, base: OpenBase, area: Area) -> Mapping[str, Sequence[Street]]:
        key = (base.id, area)
        with self._lock:
            if key in self._areas:
                self._areas.move_to_end(key)
                return self._areas[key]
        streets = base.streets(area)
        with self._lock:
            if key not in self._areas:
                self._areas[key] = streets
                self._size += _weight(streets)
            while self._size > STREETS_CACHED and len(self._areas) > 1:
                _, oldest = self._areas.popitem(last=False)
                self._size -= _weight(oldest)
        return streets


def _weight(streets: Mapping[str, Sequence[Street]]) -> int:
    """An area without streets counts as well, for there may be any number of queries for such areas."""
    return 1 + sum(map(len, streets.values()))
