"""Reads zones from a list of addresses: one file, plain or gzip, whose rows say in which zone an address is.

All is parsed as text, by the reader of address bases: no library sees the file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adapters.address.address_lists import ListedAddress, content_of
from adapters.address.base.columns import Layout
from adapters.address.base.rows import AddressRows
from adapters.address.languages import fold
from adapters.address.street_names import accents, canonical
from adapters.address.zones import digest_of
from adapters.file_lines import FileError
from adapters.zone_import.layers import MOST_FEATURES

MOST_ADDRESSES = 100_000
"""Addresses of a zone: a worker keeps them in memory, some 60 MB."""

LISTED = "addresses"
"""What such a zone has in place of a coordinate system."""

MOST_ROWS = 2_000_000

SHOWN = 20
"""Addresses in two zones that are reported one by one."""


@dataclass(frozen=True, slots=True)
class ListedZone:
    """One zone of a file: its name and title, and its `addresses` as they are stored."""

    id: str
    title: str
    content: bytes
    digest: str
    addresses: int


def read_address_lists(
    path: Path, layout: Layout, code: str, *, overlapping: bool = False, most: int = MOST_ROWS
) -> list[ListedZone]:
    """The zones of a file, in its order; `layout` is a `zone_layout`, `code` the language of its names.

    Raises FileError with everything that is wrong with its rows, or for an address in two zones unless they may be
    `overlapping`.
    """
    rows = AddressRows(path, layout, code)
    titles: dict[str, str] = {}
    zones: dict[str, set[ListedAddress]] = defaultdict(set)
    owners: dict[tuple[str, ...], str] = {}
    shared: list[str] = []
    for row in rows:
        if rows.rows > most:
            raise FileError(f"{path.name}: has more than {most:,} rows; split it")
        titles[row.zone] = titles.get(row.zone) or row.title
        if len(titles) > MOST_FEATURES:
            raise FileError(f"{path.name}: has more than {MOST_FEATURES:,} zones; is the column of their names right?")
        address = ListedAddress(row.street, row.written, row.postcode, row.city, row.city_code or "")
        zones[row.zone].add(address)
        if len(zones[row.zone]) > MOST_ADDRESSES:
            raise FileError(f"{path.name}: a zone has more than {MOST_ADDRESSES:,} addresses; draw it as a polygon")
        street = canonical(row.street, code) + accents(row.street)
        house = (street, str(row.number), row.repetition, row.postcode, row.city_code or fold(row.city))
        if row.number is not None and owners.setdefault(house, row.zone) != row.zone:
            shared.append(f"{path.name}:{row.line}: this address is also in the zone {owners[house]}")
    if shared and not overlapping:
        more = [f"{path.name}: and {len(shared) - SHOWN:,} more addresses"] if len(shared) > SHOWN else []
        raise FileError("\n".join([*shared[:SHOWN], *more, "give --overlapping if zones may have the same addresses"]))
    return list(_zones(zones, titles, code))


def _zones(zones: dict[str, set[ListedAddress]], titles: dict[str, str], code: str) -> Iterator[ListedZone]:
    for name, addresses in zones.items():
        content = content_of(addresses, code)
        yield ListedZone(name, titles[name] or name, content, digest_of(content), len(addresses))
