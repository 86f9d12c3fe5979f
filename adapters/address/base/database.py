"""Looks an address up in a base that is stored in the database, of any size.

Every look-up sees the base as it is at one moment. A new version that is switched to counts from the next look-up on.
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
from adapters.base import Places, Query, Unavailable

STREETS_REMEMBERED = 50_000
"""So many streets of the areas that were searched last stay in memory, half a kilobyte each."""


class OpenBase(AddressBase, Protocol):
    """The version of a base that is in force, as of one moment. `id` is never given to another version."""

    @property
    def id(self) -> int: ...
    @property
    def language(self) -> str:
        """The language that its street names were read in."""
        ...


class AddressStore(Protocol):
    """The address bases that the database has."""

    def open(self, name: str) -> AbstractContextManager[OpenBase | None]:
        """The version of a base that is in force, None where there is none. Its methods work until it is closed again.

        Raises Unavailable, as its methods do, when the database does not answer.
        """
        ...


class AddressDataset:
    """A source of type `address-file` with a `dataset`. `language` is that of the street names."""

    def __init__(self, name: str, datasets: AddressStore, language: str = "fr") -> None:
        self._name = name
        self._datasets = datasets
        self._language = language
        self._remembered = _Remembered()

    def look_up(self, query: Query) -> Places:
        """What `street_search.search` finds.

        Raises:
            Unavailable: the database does not answer, or it has no such base.
        """
        return self.look_up_many([query])[0]

    def look_up_many(self, queries: Sequence[Query]) -> list[Places]:
        """The same for many, with few statements more than for one.

        Raises:
            Unavailable: the database does not answer, or it has no such base.
        """
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
            return search(queries, base, self._language, partial(self._remembered.streets, base))

    def close(self) -> None:
        """Nothing to give back."""


class _Remembered:
    """The streets of the areas that were searched last: nearly all questions of a consultation are about a few."""

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
            while self._size > STREETS_REMEMBERED and len(self._areas) > 1:
                _, oldest = self._areas.popitem(last=False)
                self._size -= _weight(oldest)
        return streets


def _weight(streets: Mapping[str, Sequence[Street]]) -> int:
    """An area without streets is remembered too, and somebody may ask for any number of them."""
    return 1 + sum(map(len, streets.values()))
